//! HTTP replies.

use std::borrow::Cow;
use std::fmt::Display;
use std::time::Duration;

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use bytes::Bytes;
use host::http;
use serde::Serialize;
use url::Url;

use crate::{Answer, RedirectStatus};

/// How long browsers and proxies may cache a permanent redirect, if the link does not expire earlier. It
/// is bounded so that edits are seen some day.
const KEPT_FOR: Duration = Duration::from_hours(24);

/// An answer of HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpReply {
    /// Its status.
    pub status: u16,
    /// What the body is.
    pub form: BodyKind,
    /// All of it.
    pub body: Bytes,
    /// How long others may keep it.
    pub cache_control: Cow<'static, str>,
    /// One more header.
    pub header: Option<(&'static str, Cow<'static, str>)>,
}

/// What the body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyKind {
    /// JSON.
    Json,
    /// There is none.
    Nothing,
}

impl HttpReply {
    /// The reply to a visit with this query. `forwards` says whether the query is appended, if the link
    /// does not say.
    pub fn visit(answer: Answer, query: Option<&str>, forwards: bool) -> HttpReply {
        match answer {
            Answer::Redirect { url, status, expires_in, forward_query, .. } => {
                match query.filter(|_| forward_query.unwrap_or(forwards)) {
                    None => HttpReply::redirect(&url, status, expires_in),
                    Some(query) => {
                        HttpReply::redirect(&with_query(&url, query), status, expires_in)
                    }
                }
            }
            answer => HttpReply::refused(answer),
        }
    }

    fn redirect(url: &str, status: RedirectStatus, expires_in: Option<Duration>) -> HttpReply {
        let kept = || {
            let kept_for = expires_in.map_or(KEPT_FOR, |expires_in| expires_in.min(KEPT_FOR));
            Cow::Owned(format!("public, max-age={}", kept_for.as_secs()))
        };
        let (status, cache_control) = match status {
            RedirectStatus::MovedPermanently => (301, kept()),
            RedirectStatus::Found => (302, NO_STORE),
            RedirectStatus::TemporaryRedirect => (307, NO_STORE),
            RedirectStatus::PermanentRedirect => (308, kept()),
        };
        let header = Some(("location", Cow::Owned(url.to_owned())));
        HttpReply { status, form: BodyKind::Nothing, body: Bytes::new(), cache_control, header }
    }

    /// The reply when the instance did not do what was asked.
    pub fn refused(answer: Answer) -> HttpReply {
        match answer {
            Answer::Missing => HttpReply::error(404, "there is no such link"),
            Answer::Expired => HttpReply::error(410, "there was such a link; its time is over"),
            Answer::Taken => HttpReply::error(409, "this alias is taken; nothing was changed"),
            Answer::Refused(why) => HttpReply::error(400, why),
            Answer::TooMany { retry_after_ms } => {
                let seconds = retry_after_ms.div_ceil(1000).max(1);
                let why = format_args!("too many requests; ask again in {seconds} s");
                HttpReply::error(429, why).with("retry-after", seconds.to_string())
            }
            Answer::Unavailable(why) => HttpReply::unavailable(why),
            _ => HttpReply::error(500, "the instance gave an answer to another question"),
        }
    }

    /// The sentence of an error.
    pub fn sentence(&self) -> Option<String> {
        serde_json::from_slice::<Error>(&self.body).map(|body| body.error).ok()
    }

    /// An error with this reason. Nothing was done.
    pub fn error(status: u16, why: impl Display) -> HttpReply {
        HttpReply::new(status, http::error_body(why))
    }

    /// An error when nobody knows whether it was done.
    pub fn unavailable(why: impl Display) -> HttpReply {
        let why = format_args!("{why}; a change may have been made or not; ask again in a moment");
        HttpReply::error(503, why).with("retry-after", "1")
    }

    /// This value, as JSON.
    pub fn json(status: u16, value: &impl Serialize) -> HttpReply {
        HttpReply::new(status, http::json_body(value))
    }

    /// With one more header.
    pub fn with(self, name: &'static str, value: impl Into<Cow<'static, str>>) -> HttpReply {
        HttpReply { header: Some((name, value.into())), ..self }
    }

    /// Success without a body.
    pub fn nothing(status: u16) -> HttpReply {
        HttpReply { form: BodyKind::Nothing, ..HttpReply::new(status, "") }
    }

    fn new(status: u16, body: impl Into<Bytes>) -> HttpReply {
        let body = body.into();
        HttpReply { status, form: BodyKind::Json, body, cache_control: NO_STORE, header: None }
    }
}

/// A target with the visitor's query appended to its own.
fn with_query(target: &str, query: &str) -> String {
    let Ok(mut url) = Url::parse(target) else { return target.to_owned() };
    let query = match url.query().filter(|own| !own.is_empty()) {
        None => query.to_owned(),
        Some(own) => format!("{own}&{query}"),
    };
    url.set_query(Some(&query));
    url.into()
}

const NO_STORE: Cow<'static, str> = Cow::Borrowed("no-store");

#[derive(serde::Deserialize)]
struct Error {
    error: String,
}

/// The response that this reply is.
pub fn respond(reply: HttpReply) -> Response {
    let HttpReply { status, form, body, cache_control, header } = reply;
    let mut response = Response::new(Body::from(body));
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    // Everything in our headers was checked when it was read.
    let value = |text| match text {
        Cow::Borrowed(fixed) => Some(HeaderValue::from_static(fixed)),
        Cow::Owned(made) => HeaderValue::try_from(made).ok(),
    };
    if let Some(cache_control) = value(cache_control) {
        headers.insert(CACHE_CONTROL, cache_control);
    }
    if form == BodyKind::Json {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    if let Some((name, text)) = header
        && let Some(value) = value(text)
    {
        headers.insert(HeaderName::from_static(name), value);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_goes_on_where_the_link_or_else_the_service_says_so() {
        let leads_to = |forward_query, forwards, query| {
            let (url, status) = ("https://a.example/?a=1".into(), RedirectStatus::Found);
            let answer =
                Answer::Redirect { url, status, expires_in: None, forward_query, from_cache: true };
            HttpReply::visit(answer, query, forwards).header.unwrap().1.into_owned()
        };
        for (forward_query, forwards, goes) in [
            (None, false, false),
            (None, true, true),
            (Some(true), false, true),
            (Some(false), true, false),
        ] {
            let expected =
                if goes { "https://a.example/?a=1&b=2" } else { "https://a.example/?a=1" };
            assert_eq!(leads_to(forward_query, forwards, Some("b=2")), expected);
            assert_eq!(leads_to(forward_query, forwards, None), "https://a.example/?a=1");
        }
    }

    #[test]
    fn no_redirect_is_kept_for_longer_than_its_link_is_there() {
        let kept = |status, expires_in| {
            let url = "https://a.example/".into();
            let forward_query = None;
            let answer =
                Answer::Redirect { url, status, expires_in, forward_query, from_cache: true };
            HttpReply::visit(answer, None, false).cache_control.into_owned()
        };
        let hours = |hours| Some(Duration::from_hours(hours));
        for status in [RedirectStatus::MovedPermanently, RedirectStatus::PermanentRedirect] {
            assert_eq!(kept(status, None), "public, max-age=86400");
            assert_eq!(kept(status, hours(25)), "public, max-age=86400");
            assert_eq!(kept(status, hours(23)), "public, max-age=82800");
            assert_eq!(kept(status, Some(Duration::from_millis(1999))), "public, max-age=1");
            assert_eq!(kept(status, Some(Duration::from_millis(999))), "public, max-age=0");
        }
        for status in [RedirectStatus::Found, RedirectStatus::TemporaryRedirect] {
            assert_eq!(kept(status, None), "no-store");
            assert_eq!(kept(status, hours(1)), "no-store");
        }
    }

    #[test]
    fn a_query_goes_behind_the_targets_own() {
        for (target, expected) in [
            ("https://a.example/", "https://a.example/?x=%C3%BC&y"),
            ("https://a.example/p?a=1", "https://a.example/p?a=1&x=%C3%BC&y"),
            ("https://a.example/p?#top", "https://a.example/p?x=%C3%BC&y#top"),
            ("https://a.example/p?a=1#top?b", "https://a.example/p?a=1&x=%C3%BC&y#top?b"),
        ] {
            assert_eq!(with_query(target, "x=\u{fc}&y"), expected);
        }
        let hostile = with_query("https://a.example/", "x#@evil.example/\r\nset-cookie:%0d");
        assert!(hostile.starts_with("https://a.example/?x%23@evil.example/"), "{hostile}");
        assert!(hostile.bytes().all(|byte| byte.is_ascii_graphic()), "{hostile}");
    }
}
