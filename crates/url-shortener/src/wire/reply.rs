//! What goes back.

use std::borrow::Cow;
use std::fmt::Display;
use std::time::Duration;

use bytes::Bytes;
use host::http;
use serde::Serialize;

use super::{Outcome, Page, Shown};
use crate::site::Site;
use crate::{Answer, RedirectStatus, target};

/// So long a browser or a proxy may keep a redirect that is for good, where its link does not expire
/// before. It is bounded all the same: whoever edits the link wants to see it some day.
const KEPT_FOR: Duration = Duration::from_hours(24);

/// An answer of HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) form: Form,
    pub(crate) body: Bytes,
    pub(crate) cache_control: Cow<'static, str>,
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
            Answer::Deleted => Reply { form: Form::Nothing, ..Reply::new(204, "") },
            Answer::Page { links, next } => {
                let shown = links.iter().map(|(key, link)| Shown::of(key, link, site));
                Reply::json(200, &Page::of(shown.collect(), next.as_ref()))
            }
            answer => Reply::refused(answer),
        }
    }

    /// What an instance answered to a visit with this query, which the service appends or not where the
    /// link does not say.
    pub(crate) fn visit(answer: Answer, query: Option<&str>, forwards: bool) -> Reply {
        match answer {
            Answer::Redirect { url, status, expires_in, forward_query, .. } => {
                match query.filter(|_| forward_query.unwrap_or(forwards)) {
                    None => Reply::redirect(&url, status, expires_in),
                    Some(query) => {
                        Reply::redirect(&target::with_query(&url, query), status, expires_in)
                    }
                }
            }
            answer => Reply::refused(answer),
        }
    }

    fn redirect(url: &str, status: RedirectStatus, expires_in: Option<Duration>) -> Reply {
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
        Reply::new(status, http::error_body(why))
    }

    /// Nobody knows whether it was done.
    pub(crate) fn unavailable(why: impl Display) -> Reply {
        let why = format_args!("{why}; a change may have been made or not; ask again in a moment");
        Reply::error(503, why).with("retry-after", "1")
    }

    pub(crate) fn json(status: u16, value: &impl Serialize) -> Reply {
        Reply::new(status, http::json_body(value))
    }

    pub(crate) fn with(self, name: &'static str, value: impl Into<Cow<'static, str>>) -> Reply {
        Reply { header: Some((name, value.into())), ..self }
    }

    fn new(status: u16, body: impl Into<Bytes>) -> Reply {
        let body = body.into();
        Reply { status, form: Form::Json, body, cache_control: NO_STORE, header: None }
    }
}

const NO_STORE: Cow<'static, str> = Cow::Borrowed("no-store");

#[derive(serde::Deserialize)]
struct Error {
    error: String,
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
            Reply::visit(answer, query, forwards).header.unwrap().1.into_owned()
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
            Reply::visit(answer, None, false).cache_control.into_owned()
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
}
