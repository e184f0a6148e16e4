//! Changing a link. Only fields that the person edited are sent, so changes by others meanwhile stay.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use maud::html;

use crate::fields::{self, Fields};
use crate::frame::{self, Here};
use crate::look::{self, SentForm};
use crate::{Form, Pages, Visitor, list, see_other};
use shortener_api::{EditRequest, InvalidRequest, Timestamp};
use url_shortener::{Answer, Ask, Key, Link};

/// The fields of the form.
const FIELDS: [&str; 6] = ["url", "title", "tags", "expires_at", "status", "forward_query"];

pub(crate) async fn show(
    page: State<Arc<Pages>>,
    Path(code): Path<String>,
    request: Request,
) -> Response {
    let (parts, _) = request.into_parts();
    match page.look(&code, &parts).await {
        Ok((visitor, key, link)) => {
            page.change(&visitor, StatusCode::OK, &key, &filled_in(&link), None)
        }
        Err(refused) => *refused,
    }
}

pub(crate) async fn change(
    page: State<Arc<Pages>>,
    Path(code): Path<String>,
    request: Request,
) -> Response {
    let SentForm { parts, visitor, form, about } = match page.sent_about(&code, request).await {
        Ok(sent) => sent,
        Err(refused) => return *refused,
    };
    let checked = |changes| page.api.check_changes(changes).map_err(fields::in_words);
    let edit = match changes(&form).and_then(checked) {
        Ok(edit) => edit,
        Err(wrong) => {
            return page.change(&visitor, StatusCode::BAD_REQUEST, &about, &form, Some(&wrong));
        }
    };
    match page.ask(&parts, Ask::Edit(about, edit)).await {
        Answer::Link(key, _) => {
            let added = touched(&form, "url") && fields::url(&form).1;
            see_other(&(look::address(&key) + "&changed" + if added { "&https" } else { "" }))
        }
        answer => look::refused(&visitor, answer),
    }
}

/// The form for this link, before anything is edited.
fn filled_in(link: &Link) -> Form {
    let status: &str = link.status.into();
    let values = [
        link.url.to_string(),
        link.title.as_deref().unwrap_or_default().to_owned(),
        link.tags.join(", "),
        link.expires_at.map(|at| fields::local(Timestamp::from(at))).unwrap_or_default(),
        status.to_owned(),
        link.forward_query.map(|forwards| forwards.to_string()).unwrap_or_default(),
    ];
    let both =
        |(name, value): (&str, String)| [(was(name), value.clone()), (name.to_owned(), value)];
    Form(FIELDS.into_iter().zip(values).flat_map(both).collect())
}

/// The name of the hidden field with the original value of this field.
fn was(name: &str) -> String {
    format!("was-{name}")
}

fn touched(form: &Form, name: &str) -> bool {
    form.field(name) != form.field(&was(name))
}

/// What a person changed, as a request of the programming interface.
fn changes(form: &Form) -> Result<EditRequest, InvalidRequest> {
    let touched = |name: &str| touched(form, name);
    let text = |name| touched(name).then(|| form.field(name).map(str::to_owned));
    Ok(EditRequest {
        url: touched("url").then(|| Some(fields::url(form).0.unwrap_or_default())),
        status: touched("status").then(|| fields::status(form)),
        expires_at: touched("expires_at").then(|| fields::expires_at(form)).transpose()?,
        title: text("title"),
        tags: touched("tags").then(|| Some(fields::tags(form))),
        forward_query: touched("forward_query").then(|| fields::forward_query(form)),
    })
}

impl Pages {
    fn change(
        &self,
        visitor: &Visitor,
        status: StatusCode,
        key: &Key,
        form: &Form,
        wrong: Option<&InvalidRequest>,
    ) -> Response {
        let short_url = self.api.front().site().short_url(key);
        let name = list::short(&short_url);
        let is_kept = matches!(form.field("was-status"), Some("301" | "308"));
        let fields = Fields { form, wrong, first: None };
        let content = html! {
            h1 { "Change " (name) }
            (fields.alert("Nothing was changed."))
            form.card method="post" action={ "/links/" (key.code) "/edit" } {
                (visitor.token.field())
                input type="hidden" name="domain" value=(key.domain);
                @for name in FIELDS {
                    input type="hidden" name=(was(name)) value=(form.field(&was(name)).unwrap_or_default());
                }
                (fields.url())
                @if is_kept {
                    p.hint { "Browsers that followed it lately go on to where it led, for up to a day." }
                }
                div.fields { (fields.choices()) }
                div.actions {
                    button type="submit" { "Keep the changes" }
                    a.button.quiet href=(look::address(key)) { "Leave it as it is" }
                }
            }
        };
        visitor.page(status, frame::page(visitor, &format!("Change {name}"), Here::Links, content))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use machine::Wall;

    fn link() -> Link {
        Link {
            expires_at: Some(Wall::from_millis(1_893_456_000_250)),
            title: Some("T".into()),
            tags: vec!["a, b".into()],
            ..Link::new("https://example.org/", Wall(0))
        }
    }

    fn set(form: &mut Form, name: &str, value: &str) {
        let field = form.0.iter_mut().find(|(field, _)| field == name).unwrap();
        field.1 = value.to_owned();
    }

    #[test]
    fn what_nobody_touched_is_not_changed() {
        assert_eq!(changes(&filled_in(&link())), Ok(EditRequest::default()));
    }

    #[test]
    fn what_somebody_touched_is_and_an_empty_field_takes_away() {
        let mut form = filled_in(&link());
        for (name, value) in [("url", "https://b.example"), ("title", " "), ("tags", "c,")] {
            set(&mut form, name, value);
        }
        set(&mut form, "expires_at", "");
        set(&mut form, "status", "308");
        set(&mut form, "forward_query", "false");
        let wanted = EditRequest {
            url: Some(Some("https://b.example".into())),
            status: Some(Some(308)),
            expires_at: Some(None),
            title: Some(None),
            tags: Some(Some(vec!["c".into()])),
            forward_query: Some(Some(false)),
        };
        assert_eq!(changes(&form), Ok(wanted));
        set(&mut form, "url", "");
        assert_eq!(changes(&form).unwrap().url, Some(Some(String::new())), "and is refused");
        set(&mut form, "expires_at", "soon");
        assert_eq!(changes(&form).unwrap_err().field, "expires_at");
    }

    #[test]
    fn moments_are_in_the_form_as_browsers_have_them() {
        for (moment, local) in [
            ("2030-01-01T00:00:00Z", "2030-01-01T00:00"),
            ("2030-01-01T00:00:07Z", "2030-01-01T00:00:07"),
            ("2030-01-01T00:00:00.25Z", "2030-01-01T00:00:00.25"),
        ] {
            let moment: Timestamp = moment.parse().unwrap();
            assert_eq!(fields::local(moment), local);
            let form = Form(vec![("expires_at".into(), local.into())]);
            assert_eq!(fields::expires_at(&form), Ok(Some(moment)));
        }
    }
}
