//! What a server replies to a request, as plain data that a test can compare.

use std::borrow::Cow;
use std::fmt::Display;

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::query::shortened;

/// The content type of JSON.
pub const JSON: &str = "application/json";
/// The content type of text for people and scripts.
pub const TEXT: &str = "text/plain; charset=utf-8";
/// The content type of bytes that are a client's own.
pub const BYTES: &str = "application/octet-stream";

/// A reply of HTTP. Unless a system says otherwise, nobody may cache it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpReply {
    /// Its status.
    pub status: u16,
    /// The content type of the body; `None` where there is no body.
    pub content_type: Option<&'static str>,
    /// All of the body.
    pub body: Bytes,
    /// Who may cache it, and for how long.
    pub cache_control: Cow<'static, str>,
    /// One more header.
    pub header: Option<(&'static str, Cow<'static, str>)>,
}

impl HttpReply {
    /// A reply with a body.
    pub fn new(status: u16, content_type: &'static str, body: impl Into<Bytes>) -> HttpReply {
        HttpReply {
            content_type: Some(content_type),
            body: body.into(),
            ..HttpReply::empty(status)
        }
    }

    /// A reply without a body.
    pub fn empty(status: u16) -> HttpReply {
        let (body, cache_control) = (Bytes::new(), Cow::Borrowed("no-store"));
        HttpReply { status, content_type: None, body, cache_control, header: None }
    }

    /// This value as JSON.
    pub fn json(status: u16, value: &impl Serialize) -> HttpReply {
        HttpReply::new(status, JSON, json_body(value))
    }

    /// An error, as every path of every server says it: `{"error":"a sentence"}`.
    pub fn error(status: u16, why: impl Display) -> HttpReply {
        HttpReply::json(status, &ErrorBody { error: why.to_string() })
    }

    /// The reply where there is no such path; `there` says which there are.
    pub fn no_such_path(path: &str, there: &str) -> HttpReply {
        let path = shortened(path);
        HttpReply::error(404, format_args!("there is no {path:?} here; {there}"))
    }

    /// The reply where a path takes other methods, which are these.
    pub fn only(methods: &'static str) -> HttpReply {
        let why = format_args!("only {methods} is understood here");
        HttpReply::error(405, why).with("allow", methods)
    }

    /// The same reply with one more header.
    pub fn with(self, name: &'static str, value: impl Into<Cow<'static, str>>) -> HttpReply {
        HttpReply { header: Some((name, value.into())), ..self }
    }

    /// The same reply to a client that may ask again after so many seconds.
    pub fn retry_after(self, seconds: u64) -> HttpReply {
        self.with("retry-after", seconds.to_string())
    }

    /// The sentence of an error.
    pub fn sentence(&self) -> Option<String> {
        serde_json::from_slice(&self.body).map(|ErrorBody { error }| error).ok()
    }
}

/// A value as the body of a reply.
pub fn json_body(value: &impl Serialize) -> String {
    // Structs of strings and numbers always have a JSON form.
    serde_json::to_string(value).unwrap_or_default()
}

#[derive(Serialize, Deserialize)]
struct ErrorBody {
    error: String,
}

impl IntoResponse for HttpReply {
    fn into_response(self) -> Response {
        let HttpReply { status, content_type, body, cache_control, header } = self;
        let mut response = Response::new(Body::from(body));
        *response.status_mut() =
            StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        if let Some(content_type) = content_type {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        }
        let cache_control = (CACHE_CONTROL, cache_control);
        let header = header.map(|(name, text)| (HeaderName::from_static(name), text));
        for (name, text) in std::iter::once(cache_control).chain(header) {
            // Text that came in a request may have bytes that no header can carry: then it has none.
            let value = match text {
                Cow::Borrowed(fixed) => Ok(HeaderValue::from_static(fixed)),
                Cow::Owned(made) => HeaderValue::try_from(made),
            };
            if let Ok(value) = value {
                headers.insert(name, value);
            }
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The status, and the headers in their order.
    fn sent(reply: HttpReply) -> (u16, Vec<(String, String)>) {
        let response = reply.into_response();
        let text = |value: &HeaderValue| value.to_str().unwrap().to_owned();
        let headers = response.headers().iter();
        let headers = headers.map(|(name, value)| (name.to_string(), text(value))).collect();
        (response.status().as_u16(), headers)
    }

    fn headers<const N: usize>(of: [(&str, &str); N]) -> Vec<(String, String)> {
        of.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
    }

    #[test]
    fn a_reply_says_what_its_body_is_and_that_nobody_may_cache_it() {
        let json = headers([("content-type", JSON), ("cache-control", "no-store")]);
        assert_eq!(sent(HttpReply::json(201, &[1, 2])), (201, json));
        assert_eq!(&HttpReply::json(201, &[1, 2]).body[..], b"[1,2]");
        let error = HttpReply::error(503, "it is \"full\"").retry_after(7);
        assert_eq!(&error.body[..], br#"{"error":"it is \"full\""}"#);
        assert_eq!(error.sentence().as_deref(), Some("it is \"full\""));
        let later = [("content-type", JSON), ("cache-control", "no-store"), ("retry-after", "7")];
        assert_eq!(sent(error), (503, headers(later)));
        let redirect = HttpReply {
            cache_control: "public, max-age=9".to_owned().into(),
            ..HttpReply::empty(301).with("location", "https://a.example/")
        };
        let moved = [("cache-control", "public, max-age=9"), ("location", "https://a.example/")];
        assert_eq!(sent(redirect), (301, headers(moved)));
    }

    #[test]
    fn a_header_that_cannot_be_sent_is_left_out() {
        let split = HttpReply::empty(307).with("location", "/\r\nset-cookie: a".to_owned());
        assert_eq!(sent(split), (307, headers([("cache-control", "no-store")])));
    }
}
