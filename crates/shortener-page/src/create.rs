//! A new link: a form, and what becomes of it.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use maud::{Markup, html};

use crate::fields::{self, Fields};
use crate::frame::{self, Here};
use crate::look::{self, SentForm};
use crate::{Form, Pages, Visitor, see_other};
use shortener_api::{CreateRequest, InvalidRequest};
use url_shortener::{Answer, Ask};

pub(crate) async fn show(page: State<Arc<Pages>>, headers: HeaderMap) -> Response {
    match page.admit(&headers) {
        Ok(visitor) => page.new_link(&visitor, StatusCode::OK, &Form(Vec::new()), None),
        Err(login) => *login,
    }
}

pub(crate) async fn make(page: State<Arc<Pages>>, request: Request) -> Response {
    let SentForm { parts, visitor, form, about: () } = match page.sent(request).await {
        Ok(sent) => sent,
        Err(refused) => return *refused,
    };
    let again = |status, wrong| page.new_link(&visitor, status, &form, Some(wrong));
    let checked = |wanted| page.api.check(wanted).map_err(fields::in_words);
    let new = match wanted(&form).and_then(checked) {
        Ok(new) => new,
        Err(wrong) => return again(StatusCode::BAD_REQUEST, wrong),
    };
    match page.ask(&parts, Ask::Create(new)).await {
        Answer::Link(key, _) => {
            let (_, added) = fields::url(&form);
            see_other(&(look::address(&key) + "&made" + if added { "&https" } else { "" }))
        }
        Answer::Taken => {
            let why = "Somebody has this alias already. Please choose another.".to_owned();
            again(StatusCode::CONFLICT, InvalidRequest { field: "alias", why, target: None })
        }
        answer => look::refused(&visitor, answer),
    }
}

/// What a person filled in, as a request of the programming interface.
fn wanted(form: &Form) -> Result<CreateRequest, InvalidRequest> {
    let text = |name| form.field(name).map(str::to_owned);
    Ok(CreateRequest {
        url: fields::url(form).0.unwrap_or_default(),
        alias: text("alias"),
        domain: text("domain"),
        expires_at: fields::expires_at(form)?,
        title: text("title"),
        tags: fields::tags(form),
        status: fields::status(form),
        forward_query: fields::forward_query(form),
        ..CreateRequest::default()
    })
}

impl Pages {
    fn new_link(
        &self,
        visitor: &Visitor,
        status: StatusCode,
        form: &Form,
        wrong: Option<InvalidRequest>,
    ) -> Response {
        let own = ("", "The service's own");
        let domains = self.api.front().site().domains().map(|domain| (domain, domain));
        let domains: Vec<_> = [own].into_iter().chain(domains).collect();
        let fields = Fields { form, wrong: wrong.as_ref(), first: Some("url") };
        let content = html! {
            h1 { "Shorten a link" }
            p.lead { "Paste a long address. Pass on a short one, and see how often it is followed." }
            (fields.alert("No link was made."))
            form.card method="post" action="/" {
                (visitor.token.field())
                div.together {
                    div.grow { (fields.url()) }
                    button type="submit" { "Shorten" }
                }
                details open[wrong.as_ref().is_some_and(|wrong| wrong.field != "url")] {
                    summary { "More choices" }
                    div.fields {
                        (fields.text("alias", "Letters, digits, - and _. Without one the service picks."))
                        (fields.choices())
                        @if domains.len() > 1 { (fields.select("domain", &domains)) }
                    }
                }
            }
            (steps())
        };
        visitor.page(status, frame::page(visitor, "Shorten a link", Here::Create, content))
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
            ("expires_at", "2030-01-01T00:00"),
            ("status", "307"),
        ]);
        let wanted = wanted(&form).unwrap_or_else(|wrong| panic!("{}", wrong.why));
        assert_eq!(
            wanted,
            CreateRequest {
                url: "https://example.org".into(),
                title: Some("T".into()),
                tags: vec!["a".into(), "b c".into()],
                expires_at: Some("2030-01-01T00:00:00Z".parse().unwrap()),
                status: Some(307),
                ..CreateRequest::default()
            }
        );
    }

    #[test]
    fn a_moment_that_is_none_is_about_its_field() {
        let wrong =
            wanted(&form(&[("url", "https://x.example"), ("expires_at", "soon")])).unwrap_err();
        assert_eq!(wrong.field, "expires_at");
    }
}
