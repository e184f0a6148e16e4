//! A new link: a form, and what becomes of it.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use maud::{Markup, html};

use super::frame::{self, Here};
use super::{Clerk, Form, Page, Visitor, look, see_other};
use crate::wire::{Wanted, When};
use crate::{Answer, Ask};

/// What is wrong with which field.
struct Wrong {
    field: &'static str,
    why: String,
}

pub(super) async fn show<C: Clerk>(page: State<Arc<Page<C>>>, headers: HeaderMap) -> Response {
    match page.admit(&headers) {
        Ok(visitor) => page.new_link(&visitor, StatusCode::OK, &Form(Vec::new()), None),
        Err(door) => *door,
    }
}

pub(super) async fn make<C: Clerk>(page: State<Arc<Page<C>>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let visitor = match page.admit(&parts.headers) {
        Ok(visitor) => visitor,
        Err(door) => return *door,
    };
    let form = match page.form(&visitor, body).await {
        Ok(form) => form,
        Err(refused) => return *refused,
    };
    let again = |status, wrong| page.new_link(&visitor, status, &form, Some(wrong));
    let new = wanted(&form).and_then(|wanted| {
        page.clerk.check(wanted).map_err(|why| Wrong { field: named_in(&why), why })
    });
    let new = match new {
        Ok(new) => new,
        Err(wrong) => return again(StatusCode::BAD_REQUEST, wrong),
    };
    match page.clerk.ask(&parts, Ask::Create(new)).await {
        Answer::Link(key, _) => see_other(&(look::address(&key) + "&made")),
        Answer::Taken => {
            let why = "Somebody has this alias already. Please choose another.".to_owned();
            again(StatusCode::CONFLICT, Wrong { field: "alias", why })
        }
        answer => look::refused(&visitor, answer),
    }
}

/// What a person wants, in the words of the programming interface.
fn wanted(form: &Form) -> Result<Wanted, Wrong> {
    let text = |name| form.field(name).map(str::to_owned);
    // The browser's field has neither seconds nor an offset; its label says UTC.
    let expires_at = form.field("expires").map(|at| {
        let seconds = if at.len() == "2030-01-01T00:00".len() { ":00Z" } else { "Z" };
        format!("{at}{seconds}").parse::<When>()
    });
    let expires_at =
        expires_at.transpose().map_err(|why| Wrong { field: "expires", why: why.to_string() })?;
    let tags = form.field("tags").unwrap_or_default().split(',').map(str::trim);
    Ok(Wanted {
        url: text("url").unwrap_or_default(),
        alias: text("alias"),
        domain: text("domain"),
        expires_at,
        title: text("title"),
        tags: tags.filter(|tag| !tag.is_empty()).map(str::to_owned).collect(),
        status: form.field("status").and_then(|status| status.parse().ok()),
        ..Wanted::default()
    })
}

/// Which field a reason is about.
fn named_in(why: &str) -> &'static str {
    let fields = ["alias", "title", "tag", "domain"];
    let field = fields.into_iter().find(|field| why.contains(field)).unwrap_or("url");
    if field == "tag" { "tags" } else { field }
}

impl<C: Clerk> Page<C> {
    fn new_link(
        &self,
        visitor: &Visitor,
        status: StatusCode,
        form: &Form,
        wrong: Option<Wrong>,
    ) -> Response {
        let domains: Vec<&str> = self.clerk.site().domains().collect();
        let fields = Fields { form, wrong: wrong.as_ref() };
        let content = html! {
            h1 { "Shorten a link" }
            p.lead { "Paste a long address. Pass on a short one, and see how often it is followed." }
            @if let Some(Wrong { why, field }) = &wrong {
                div.notice.bad role="alert" {
                    p { "No link was made. " a href={ "#" (field) } id="wrong" { (why) } }
                }
            }
            form.card method="post" action="/" {
                (visitor.token.field())
                div.together {
                    div.grow {
                        label for="url" { "Long address" }
                        (fields.input("url", "url", html! {
                            "https://example.org/a/very/long/address"
                        }))
                    }
                    button type="submit" { "Shorten" }
                }
                details open[wrong.as_ref().is_some_and(|wrong| wrong.field != "url")] {
                    summary { "More choices" }
                    (fields.choices(&domains))
                }
            }
            (steps())
        };
        visitor.page(status, frame::page(visitor, "Shorten a link", Here::Create, content))
    }
}

/// The fields of the form, as they were filled in.
struct Fields<'a> {
    form: &'a Form,
    wrong: Option<&'a Wrong>,
}

impl Fields<'_> {
    fn input(&self, name: &str, kind: &str, example: Markup) -> Markup {
        let is_wrong = self.wrong.is_some_and(|wrong| wrong.field == name);
        let first = if self.wrong.is_some() { is_wrong } else { name == "url" };
        html! {
            input id=(name) name=(name) type=(kind) value=(self.form.field(name).unwrap_or_default())
                placeholder=(example.into_string()) required[name == "url"] autofocus[first]
                autocomplete="off" autocapitalize="none" spellcheck="false"
                aria-invalid=[is_wrong.then_some("true")]
                aria-describedby=[if is_wrong { Some("wrong".to_owned()) } else {
                    (name != "url").then(|| format!("{name}-hint"))
                }];
        }
    }

    fn with_hint(&self, name: &str, kind: &str, label: &str, hint: &str) -> Markup {
        html! {
            div {
                label for=(name) { (label) }
                (self.input(name, kind, html! {}))
                p.hint id={ (name) "-hint" } { (hint) }
            }
        }
    }

    fn choices(&self, domains: &[&str]) -> Markup {
        let chosen = |field, value: &str| self.form.field(field).unwrap_or_default() == value;
        let kinds = [
            ("302", "302: for now, so that each click is counted"),
            ("301", "301: for good; browsers keep it and come back less often"),
            ("307", "307: as 302, and forms stay forms"),
            ("308", "308: as 301, and forms stay forms"),
        ];
        html! {
            div.fields {
                (self.with_hint("alias", "text", "Alias", "Letters, digits, - and _. Without one the service picks."))
                (self.with_hint("title", "text", "Title", "For you, in the list of links."))
                (self.with_hint("tags", "text", "Tags", "With commas between them."))
                (self.with_hint("expires", "datetime-local", "Ends (UTC)", "From then on it leads nowhere."))
                div {
                    label for="status" { "Kind of redirect" }
                    select id="status" name="status" {
                        @for (value, about) in kinds {
                            option value=(value) selected[chosen("status", value)] { (about) }
                        }
                    }
                }
                @if !domains.is_empty() {
                    div {
                        label for="domain" { "Domain" }
                        select id="domain" name="domain" {
                            option value="" { "The service's own" }
                            @for domain in domains {
                                option value=(domain) selected[chosen("domain", domain)] { (domain) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn steps() -> Markup {
    html! {
        ol.steps {
            li { h2 { "Shorten" } p { "The link is on disk before you see it: acknowledged means kept." } }
            li { h2 { "Follow" } p { "Whoever follows it is led on at once. Nothing waits for the counting." } }
            li { h2 { "Count" } p { "Each click is counted once, and no visitor's address is kept." } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(fields: &[(&str, &str)]) -> Form {
        Form(fields.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect())
    }

    #[test]
    fn a_form_means_what_the_programming_interface_means() {
        let form = form(&[
            ("url", " https://example.org "),
            ("alias", ""),
            ("title", "T"),
            ("tags", "a, b c,,"),
            ("expires", "2030-01-01T00:00"),
            ("status", "307"),
        ]);
        let wanted = wanted(&form).unwrap_or_else(|wrong| panic!("{}", wrong.why));
        assert_eq!(
            wanted,
            Wanted {
                url: "https://example.org".into(),
                title: Some("T".into()),
                tags: vec!["a".into(), "b c".into()],
                expires_at: Some("2030-01-01T00:00:00Z".parse().unwrap()),
                status: Some(307),
                ..Wanted::default()
            }
        );
    }

    #[test]
    fn a_moment_that_is_none_is_about_its_field() {
        let wrong =
            wanted(&form(&[("url", "https://x.example"), ("expires", "soon")])).unwrap_err();
        assert_eq!(wrong.field, "expires");
    }
}
