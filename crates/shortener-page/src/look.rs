//! How a key is addressed in the page, what a request for a page or a form says, and how an answer that is a
//! refusal looks.

use std::borrow::Cow;
use std::sync::Arc;

use axum::extract::Request;
use axum::http::header::RETRY_AFTER;
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, Uri};
use axum::response::Response;

use crate::{Form, Pages, Visitor};
use url_shortener::{Answer, Ask, Key, Link};

/// A form from a person who is logged in.
pub(crate) struct SentForm<K = ()> {
    pub(crate) parts: Parts,
    pub(crate) visitor: Visitor,
    pub(crate) form: Form,
    /// The link that it is about, if it is about one.
    pub(crate) about: K,
}

impl Pages {
    /// A form, if it is one of ours.
    pub(crate) async fn sent(&self, request: Request) -> Result<SentForm, Box<Response>> {
        let (parts, body) = request.into_parts();
        let visitor = self.admit(&parts.headers)?;
        let form = self.form(&visitor, &parts, body).await?;
        Ok(SentForm { parts, visitor, form, about: () })
    }

    /// One that is about a link.
    pub(crate) async fn sent_about(
        &self,
        code: &str,
        request: Request,
    ) -> Result<SentForm<Key>, Box<Response>> {
        let SentForm { parts, visitor, form, about: () } = self.sent(request).await?;
        match self.key(code, form.field("domain").unwrap_or_default()) {
            Some(about) => Ok(SentForm { parts, visitor, form, about }),
            None => Err(Box::new(refused(&visitor, Answer::Missing))),
        }
    }

    /// The link of this code, in the domain that the address of the page names.
    pub(crate) async fn look(
        &self,
        code: &str,
        parts: &Parts,
    ) -> Result<(Visitor, Key, Arc<Link>), Box<Response>> {
        let visitor = self.admit(&parts.headers)?;
        let domain = parameter(&parts.uri, "domain").unwrap_or_default();
        let answer = match self.key(code, &domain) {
            Some(key) => self.ask(parts, Ask::Look(key)).await,
            None => Answer::Missing,
        };
        match answer {
            Answer::Link(key, link) => Ok((visitor, key, link)),
            answer => Err(Box::new(refused(&visitor, answer))),
        }
    }
}

/// The page of a link: a path with a query that can be added to.
pub(crate) fn address(key: &Key) -> String {
    format!("/links/{}?domain={}", key.code, escape(&key.domain))
}

/// The page that changes a link.
pub(crate) fn edit_address(key: &Key) -> String {
    format!("/links/{}/edit?domain={}", key.code, escape(&key.domain))
}

/// For a query.
pub(crate) fn escape(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// A parameter of the query, if it is there.
pub(crate) fn parameter<'a>(uri: &'a Uri, name: &str) -> Option<Cow<'a, str>> {
    let mut query = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    query.find(|(other, _)| other == name).map(|(_, value)| value)
}

/// Why a link leads nowhere.
pub(crate) fn why_nowhere(status: StatusCode) -> &'static str {
    match status {
        StatusCode::NOT_FOUND => NO_SUCH_LINK,
        StatusCode::GONE => ENDED,
        StatusCode::TOO_MANY_REQUESTS => "You ask more than your share. Please try again soon.",
        _ => "The service cannot say where this link leads. Please try again in a moment.",
    }
}

const NO_SUCH_LINK: &str = "It was never made, or it was taken away. Nothing leads there.";
const ENDED: &str = "There was such a link. It has ended.";

/// The page where the instance did not do what was asked.
pub(crate) fn refused(visitor: &Visitor, answer: Answer) -> Response {
    let mut retry_after = None;
    let (status, why) = match answer {
        Answer::Missing => (StatusCode::NOT_FOUND, NO_SUCH_LINK.to_owned()),
        Answer::Expired => (StatusCode::GONE, ENDED.to_owned()),
        Answer::TooMany { retry_after_ms } => {
            let seconds = retry_after_ms.div_ceil(1000).max(1);
            retry_after = Some(seconds);
            let why = format!("You ask more than your share. Please try again in {seconds} s.");
            (StatusCode::TOO_MANY_REQUESTS, why)
        }
        Answer::Unavailable(why) => (
            StatusCode::SERVICE_UNAVAILABLE,
            format!("The service says: {why}. A change may have been made or not; please look."),
        ),
        Answer::Refused(why) => {
            (StatusCode::BAD_REQUEST, format!("The service says: {why}. Nothing was done."))
        }
        _ => {
            let why = "The service answered another question. This is a mistake in it.".to_owned();
            (StatusCode::INTERNAL_SERVER_ERROR, why)
        }
    };
    let mut response = *visitor.refuse(status, &why);
    if let Some(seconds) = retry_after {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}
