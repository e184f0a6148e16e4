//! The fields of a link's forms: how they look, what they mean, and what is wrong with one.

use maud::{Markup, html};

use super::Form;
use shortener_api::{InvalidRequest, Timestamp};
use shortener_api::{RefusedTarget, with_scheme};
use url_shortener::MAX_URL_BYTES;

/// The fields of a form, as they were filled in. They have the names of the programming interface.
pub(crate) struct Fields<'a> {
    pub(crate) form: &'a Form,
    pub(crate) wrong: Option<&'a InvalidRequest>,
    /// Where a person begins, if nothing is wrong.
    pub(crate) first: Option<&'static str>,
}

impl Fields<'_> {
    /// That something is wrong, on top of the form. What it is is said beside its field, to which this
    /// leads.
    pub(crate) fn alert(&self, not_done: &str) -> Markup {
        html! {
            @if let Some(InvalidRequest { field, .. }) = self.wrong {
                div.notice.bad role="alert" {
                    p { (not_done) " Please look at " a href={ "#" (field) } { (label(field)) } "." }
                }
            }
        }
    }

    /// Where it leads.
    pub(crate) fn url(&self) -> Markup {
        html! {
            label for="url" { (label("url")) }
            (self.input("url", "text", Some("https://example.org/a/very/long/address")))
        }
    }

    /// What both a new link and one that is there can be given.
    pub(crate) fn choices(&self) -> Markup {
        let kinds = [
            ("302", "302: for now, so that each click is counted"),
            ("301", "301: for good; browsers keep it and come back less often"),
            ("307", "307: as 302, and forms stay forms"),
            ("308", "308: as 301, and forms stay forms"),
        ];
        html! {
            (self.text("title", "For you, in the list of links."))
            (self.text("tags", "With commas between them."))
            (self.with_hint("expires_at", "datetime-local", "From then on it leads nowhere."))
            (self.select("status", &kinds))
            (self.select("forward_query", &FORWARDS))
        }
    }

    /// A line of text.
    pub(crate) fn text(&self, name: &str, hint: &str) -> Markup {
        self.with_hint(name, "text", hint)
    }

    /// One of these values.
    pub(crate) fn select(&self, name: &str, options: &[(&str, &str)]) -> Markup {
        let chosen = self.form.field(name).unwrap_or_default();
        let wrong = self.wrong.filter(|wrong| wrong.field == name);
        html! {
            div {
                label for=(name) { (label(name)) }
                select id=(name) name=(name) aria-invalid=[wrong.map(|_| "true")]
                    aria-describedby=[wrong.map(|_| format!("{name}-wrong"))] {
                    @for (value, about) in options {
                        option value=(value) selected[chosen == *value] { (about) }
                    }
                }
                @if let Some(InvalidRequest { why, .. }) = wrong { p.wrong id={ (name) "-wrong" } { (why) } }
            }
        }
    }

    fn with_hint(&self, name: &str, kind: &str, hint: &str) -> Markup {
        html! {
            div {
                label for=(name) { (label(name)) }
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
        // A browser's own field for addresses would not let one go without `https://`.
        let mode = (name == "url").then_some("url");
        // Browsers send no form with a moment that is no whole minute, unless they are told that it may be.
        let step = (kind == "datetime-local" && value.len() > TO_THE_MINUTE.len()).then_some("any");
        html! {
            input id=(name) name=(name) type=(kind) value=(value) placeholder=[example] step=[step]
                required[name == "url"] autofocus[begins] inputmode=[mode]
                autocomplete="off" autocapitalize="none" spellcheck="false"
                aria-invalid=[wrong.map(|_| "true")]
                aria-describedby=[(!about.is_empty()).then(|| about.join(" "))];
            @if let Some(InvalidRequest { why, .. }) = wrong { p.wrong id={ (name) "-wrong" } { (why) } }
        }
    }
}

/// What people call a field.
fn label(name: &str) -> &'static str {
    match name {
        "url" => "Long address",
        "alias" => "Alias",
        "domain" => "Domain",
        "title" => "Title",
        "tags" => "Tags",
        "expires_at" => "Ends (UTC)",
        "status" => "Kind of redirect",
        "forward_query" => "What stands behind a ? in the short link",
        _ => "the form",
    }
}

const FORWARDS: [(&str, &str); 3] = [
    ("", "As the service does it"),
    ("true", "Goes on to the long address"),
    ("false", "Stays here"),
];

/// What is wrong, as the page says it: the programming interface speaks to people who write programs.
pub(crate) fn in_words(wrong: InvalidRequest) -> InvalidRequest {
    let why = match (wrong.field, &wrong.target) {
        ("url", Some(RefusedTarget::TooLong(_))) => {
            format!("This address is too long. The longest has {MAX_URL_BYTES} letters.")
        }
        ("url", Some(RefusedTarget::NotUrl(_))) => {
            "This is no address of a page. One is such as https://example.org/page.".to_owned()
        }
        ("url", Some(RefusedTarget::Scheme(scheme))) => format!(
            "A long address begins with http:// or https://, and this one with {scheme:.40}:."
        ),
        ("url", Some(RefusedTarget::Credentials)) => {
            "This address has a user name or a password in it. Everybody who follows the link would see \
             that, so please take it out."
                .to_owned()
        }
        ("url", Some(RefusedTarget::Loop)) => "This address leads back to this service.".to_owned(),
        ("url", Some(RefusedTarget::Blocked(host))) => {
            format!("This service makes no links to {host:.253}.")
        }
        ("url", None) => "Please say where the link leads.".to_owned(),
        ("alias", _) => "An alias is 1 to 64 letters, digits, - and _, and no word that the service \
                         needs for itself, such as links."
            .to_owned(),
        ("domain", _) => "The service has no such domain. Please choose one of the list.".to_owned(),
        ("title", _) => "A title has at most 1000 letters, and nothing that cannot be shown.".to_owned(),
        ("tags", _) => "A link has at most 32 tags, each of at most 64 letters.".to_owned(),
        ("expires_at", _) => "This moment is over already. Please choose a later one.".to_owned(),
        ("status", _) => "Please choose one of the kinds.".to_owned(),
        _ => wrong.why,
    };
    InvalidRequest { field: wrong.field, why, target: wrong.target }
}

/// Where the link leads, and whether `https://` was put before what somebody wrote.
pub(crate) fn url(form: &Form) -> (Option<String>, bool) {
    let written = form.field("url");
    match written.and_then(with_scheme) {
        Some(url) => (Some(url), true),
        None => (written.map(str::to_owned), false),
    }
}

/// Does the visitor's query go on? None where the service decides. What is neither yes nor no is no.
pub(crate) fn forward_query(form: &Form) -> Option<bool> {
    form.field("forward_query").map(|said| said == "true")
}

/// When the link ends. The browser's field has no offset, and often no seconds; its label says UTC.
pub(crate) fn expires_at(form: &Form) -> Result<Option<Timestamp>, InvalidRequest> {
    let moment = |at: &str| {
        let seconds = if at.len() == TO_THE_MINUTE.len() { ":00Z" } else { "Z" };
        let parsed = format!("{at}{seconds}").parse();
        parsed.map_err(|_: String| {
            let why =
                "This is no moment that can be kept. One is such as 2030-01-01 00:00, and the \
                       last is in 2554."
                    .to_owned();
            InvalidRequest { field: "expires_at", why, target: None }
        })
    };
    form.field("expires_at").map(moment).transpose()
}

/// A moment as the browser's field has it.
pub(crate) fn local(at: Timestamp) -> String {
    let text = at.to_string();
    text.strip_suffix(":00Z").or(text.strip_suffix('Z')).unwrap_or(&text).to_owned()
}

const TO_THE_MINUTE: &str = "2030-01-01T00:00";

/// The kind of redirect. What is no number is none that there is.
pub(crate) fn status(form: &Form) -> Option<u16> {
    form.field("status").map(|status| status.parse().unwrap_or_default())
}

pub(crate) fn tags(form: &Form) -> Vec<String> {
    let tags = form.field("tags").unwrap_or_default().split(',').map(str::trim);
    tags.filter(|tag| !tag.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use machine::Wall;
    use shortener_api::CreateRequest;
    use shortener_api::{BlockList, Targets};
    use url_shortener::server::Site;

    /// What is wrong with this link, as the page says it.
    fn told(wanted: CreateRequest) -> (&'static str, String) {
        let site = Arc::new(Site::new(([127, 0, 0, 1], 7441).into(), None, &[]).unwrap());
        let targets = Targets::new(site.clone(), BlockList::parse("evil.example").unwrap());
        let wrong =
            wanted.check(&site, &targets, Wall::from_millis(1_798_675_200_000)).unwrap_err();
        let InvalidRequest { field, why, .. } = in_words(wrong);
        (field, why)
    }

    #[test]
    fn errors_are_sentences_in_the_words_of_the_page() {
        let to = |url: &str| CreateRequest { url: url.to_owned(), ..CreateRequest::default() };
        let long = format!("https://a.example/{}", "x".repeat(2048));
        let good = to("https://a.example");
        let title = Some("x".repeat(1001));
        let past = Some("2020-01-01T00:00:00Z".parse().unwrap());
        for (wanted, field) in [
            (to(""), "url"),
            (to("nothing"), "url"),
            (to("mailto:x@a.example"), "url"),
            (to("https://a:b@a.example"), "url"),
            (to("http://127.0.0.1:7441/x"), "url"),
            (to("https://evil.example"), "url"),
            (to(&long), "url"),
            (CreateRequest { alias: Some("a b".into()), ..good.clone() }, "alias"),
            (CreateRequest { alias: Some("links".into()), ..good.clone() }, "alias"),
            (CreateRequest { domain: Some("b.example".into()), ..good.clone() }, "domain"),
            (CreateRequest { title, ..good.clone() }, "title"),
            (CreateRequest { tags: vec!["t".into(); 33], ..good.clone() }, "tags"),
            (CreateRequest { expires_at: past, ..good.clone() }, "expires_at"),
            (CreateRequest { status: Some(0), ..good.clone() }, "status"),
        ] {
            let (about, why) = told(wanted);
            assert_eq!(about, field, "{why}");
            assert!(why.starts_with(char::is_uppercase) && why.ends_with('.'), "{why}");
            for word in ["--", "JSON", "null", "a target", "block list", "byte"] {
                assert!(!why.contains(word), "{why} has {word}");
            }
        }
    }
}
