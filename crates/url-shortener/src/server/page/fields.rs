//! The fields of a link's forms: how they look, what they mean, and what is wrong with one.

use maud::{Markup, html};

use super::Form;
use crate::wire::{When, Wrong};

/// The fields of a form, as they were filled in. They have the names of the programming interface.
pub(super) struct Fields<'a> {
    pub(super) form: &'a Form,
    pub(super) wrong: Option<&'a Wrong>,
    /// Where a person begins, if nothing is wrong.
    pub(super) first: Option<&'static str>,
}

impl Fields<'_> {
    /// What is wrong, on top of the form: it leads to its field.
    pub(super) fn alert(&self, not_done: &str) -> Markup {
        html! {
            @if let Some(Wrong { field, why }) = self.wrong {
                div.notice.bad role="alert" { p { (not_done) " " a href={ "#" (field) } { (why) } } }
            }
        }
    }

    /// Where it leads.
    pub(super) fn url(&self) -> Markup {
        html! {
            label for="url" { "Long address" }
            (self.input("url", "url", Some("https://example.org/a/very/long/address")))
        }
    }

    /// What both a new link and one that is there can be given.
    pub(super) fn choices(&self) -> Markup {
        let kinds = [
            ("302", "302: for now, so that each click is counted"),
            ("301", "301: for good; browsers keep it and come back less often"),
            ("307", "307: as 302, and forms stay forms"),
            ("308", "308: as 301, and forms stay forms"),
        ];
        html! {
            (self.text("title", "Title", "For you, in the list of links."))
            (self.text("tags", "Tags", "With commas between them."))
            (self.with_hint("expires_at", "datetime-local", "Ends (UTC)", "From then on it leads nowhere."))
            (self.select("status", "Kind of redirect", &kinds))
        }
    }

    /// A line of text.
    pub(super) fn text(&self, name: &str, label: &str, hint: &str) -> Markup {
        self.with_hint(name, "text", label, hint)
    }

    /// One of these values.
    pub(super) fn select(&self, name: &str, label: &str, options: &[(&str, &str)]) -> Markup {
        let chosen = self.form.field(name).unwrap_or_default();
        html! {
            div {
                label for=(name) { (label) }
                select id=(name) name=(name) {
                    @for (value, about) in options {
                        option value=(value) selected[chosen == *value] { (about) }
                    }
                }
            }
        }
    }

    fn with_hint(&self, name: &str, kind: &str, label: &str, hint: &str) -> Markup {
        html! {
            div {
                label for=(name) { (label) }
                (self.input(name, kind, None))
                p.hint id={ (name) "-hint" } { (hint) }
            }
        }
    }

    fn input(&self, name: &str, kind: &str, example: Option<&str>) -> Markup {
        let value = self.form.field(name).unwrap_or_default();
        let wrong = self.wrong.filter(|wrong| wrong.field == name);
        let begins = if self.wrong.is_some() { wrong.is_some() } else { self.first == Some(name) };
        let said = wrong.map(|_| format!("{name}-wrong"));
        let hint = example.is_none().then(|| format!("{name}-hint"));
        let about: Vec<String> = said.into_iter().chain(hint).collect();
        // Browsers send no form with a moment that is no whole minute, unless they are told that it may be.
        let step = (kind == "datetime-local" && value.len() > TO_THE_MINUTE.len()).then_some("any");
        html! {
            input id=(name) name=(name) type=(kind) value=(value) placeholder=[example] step=[step]
                required[name == "url"] autofocus[begins]
                autocomplete="off" autocapitalize="none" spellcheck="false"
                aria-invalid=[wrong.map(|_| "true")]
                aria-describedby=[(!about.is_empty()).then(|| about.join(" "))];
            @if let Some(Wrong { why, .. }) = wrong { p.wrong id={ (name) "-wrong" } { (why) } }
        }
    }
}

/// When the link ends. The browser's field has no offset, and often no seconds; its label says UTC.
pub(super) fn expires_at(form: &Form) -> Result<Option<When>, Wrong> {
    let moment = |at: &str| {
        let seconds = if at.len() == TO_THE_MINUTE.len() { ":00Z" } else { "Z" };
        let parsed = format!("{at}{seconds}").parse();
        parsed.map_err(|why| Wrong { field: "expires_at", why })
    };
    form.field("expires_at").map(moment).transpose()
}

/// A moment as the browser's field has it.
pub(super) fn local(at: When) -> String {
    let text = at.to_string();
    text.strip_suffix(":00Z").or(text.strip_suffix('Z')).unwrap_or(&text).to_owned()
}

const TO_THE_MINUTE: &str = "2030-01-01T00:00";

/// The kind of redirect. What is no number is none that there is.
pub(super) fn status(form: &Form) -> Option<u16> {
    form.field("status").map(|status| status.parse().unwrap_or_default())
}

pub(super) fn tags(form: &Form) -> Vec<String> {
    let tags = form.field("tags").unwrap_or_default().split(',').map(str::trim);
    tags.filter(|tag| !tag.is_empty()).map(str::to_owned).collect()
}
