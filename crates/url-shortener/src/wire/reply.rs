//! What goes back.

use std::borrow::Cow;
use std::fmt::Display;
use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;

use super::{Outcome, Page, Shown};
use crate::site::Site;
use crate::{Answer, RedirectStatus};

/// For so many seconds a browser or a proxy may keep a redirect that is for good. It is bounded all
/// the same: whoever edits the link wants to see it some day.
const KEPT_FOR: &str = "public, max-age=86400";

/// An answer of HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) form: Form,
    pub(crate) body: Bytes,
    pub(crate) cache_control: &'static str,
    /// One more header.
    pub(crate) header: Option<(&'static str, Cow<'static, str>)>,
}

/// What the body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Json,
    /// There is none.
    Nothing,
}

impl Reply {
    /// What an instance answered to a request of the programming interface.
    pub(crate) fn of(answer: Answer, created: bool, site: &Site) -> Reply {
        match answer {
            Answer::Link(key, link) => {
                let status = if created { 201 } else { 200 };
                Reply::json(status, &Shown::of(&key, &link, site))
            }
            Answer::Deleted => Reply { form: Form::Nothing, ..Reply::new(204, Bytes::new()) },
            Answer::Page { links, next } => {
                let shown = links.iter().map(|(key, link)| Shown::of(key, link, site));
                Reply::json(200, &Page::of(shown.collect(), next.as_ref()))
            }
            answer => Reply::refused(answer),
        }
    }

    /// What an instance answered to a visit.
    pub(crate) fn visit(answer: Answer) -> Reply {
        match answer {
            Answer::Redirect { url, status } => Reply::redirect(&url, status),
            answer => Reply::refused(answer),
        }
    }

    fn redirect(url: &Arc<str>, status: RedirectStatus) -> Reply {
        let (status, cache_control) = match status {
            RedirectStatus::MovedPermanently => (301, KEPT_FOR),
            RedirectStatus::Found => (302, NO_STORE),
            RedirectStatus::TemporaryRedirect => (307, NO_STORE),
            RedirectStatus::PermanentRedirect => (308, KEPT_FOR),
        };
        let header = Some(("location", Cow::Owned(String::from(&**url))));
        Reply { status, form: Form::Nothing, body: Bytes::new(), cache_control, header }
    }

    /// What an instance answered where it did not do what was asked.
    fn refused(answer: Answer) -> Reply {
        match answer {
            Answer::Missing => Reply::error(404, "there is no such link"),
            Answer::Expired => Reply::error(410, "there was such a link; its time is over"),
            Answer::Taken => Reply::error(409, "this alias is taken; nothing was changed"),
            Answer::Refused(why) => Reply::error(400, why),
            Answer::TooMany { retry_after_ms } => {
                let seconds = retry_after_ms.div_ceil(1000).max(1);
                let why = format_args!("too many requests; ask again in {seconds} s");
                Reply::error(429, why).with("retry-after", seconds.to_string())
            }
            Answer::Unavailable(why) => Reply::unavailable(why),
            _ => Reply::error(500, "the instance gave an answer to another question"),
        }
    }

    /// Of many, what came of one.
    pub(crate) fn outcome(answer: Answer, site: &Site) -> Outcome {
        match answer {
            Answer::Link(key, link) => {
                Outcome { status: 201, link: Some(Shown::of(&key, &link, site)), error: None }
            }
            answer => {
                let Reply { status, body, .. } = Reply::refused(answer);
                let error = serde_json::from_slice::<Error>(&body).map(|body| body.error).ok();
                Outcome { status, link: None, error }
            }
        }
    }

    /// It was not done: this is why.
    pub(crate) fn error(status: u16, why: impl Display) -> Reply {
        Reply::json(status, &Error { error: why.to_string() })
    }

    /// Nobody knows whether it was done.
    pub(crate) fn unavailable(why: impl Display) -> Reply {
        let why = format_args!("{why}; a change may have been made or not; ask again in a moment");
        Reply::error(503, why).with("retry-after", "1")
    }

    pub(crate) fn json(status: u16, value: &impl Serialize) -> Reply {
        // Structs of strings and numbers always have a JSON form.
        Reply::new(status, serde_json::to_vec(value).unwrap_or_default().into())
    }

    pub(crate) fn with(self, name: &'static str, value: impl Into<Cow<'static, str>>) -> Reply {
        Reply { header: Some((name, value.into())), ..self }
    }

    fn new(status: u16, body: Bytes) -> Reply {
        Reply { status, form: Form::Json, body, cache_control: NO_STORE, header: None }
    }
}

const NO_STORE: &str = "no-store";

#[derive(Serialize, serde::Deserialize)]
struct Error {
    error: String,
}
