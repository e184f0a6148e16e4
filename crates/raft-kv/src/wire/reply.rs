//! What goes back.

use std::fmt::Display;

use bytes::Bytes;
use host::http;
use serde::Serialize;

use super::Text;
use crate::message::{Answer, Refusal};
use crate::store::Pairs;

/// An answer of HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) form: Form,
    pub(crate) body: Bytes,
    /// One more header.
    pub(crate) header: Option<(&'static str, String)>,
}

/// What the body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Json,
    Bytes,
}

impl Reply {
    /// What a replica answered, to a write or a read, or to a request to change who is who.
    pub(crate) fn of(answer: Answer, at_once: bool) -> Reply {
        match answer {
            Answer::Value(Some(value)) => {
                Reply { status: 200, form: Form::Bytes, body: value, header: None }
            }
            Answer::Value(None) => Reply::error(404, "there is no such key"),
            Answer::Pairs(found) => pairs(&found),
            Answer::Done if at_once => Reply::fixed(200, r#"{"done":true}"#),
            Answer::Done => Reply::fixed(202, r#"{"begun":true}"#),
            Answer::Nothing => Reply::fixed(200, r#"{"begun":false}"#),
            Answer::Swapped(true) => Reply::fixed(200, r#"{"swapped":true}"#),
            Answer::Swapped(false) => {
                Reply::error(409, "the value is not what `from` says; nothing was done")
            }
            Answer::NotLeader { .. } => Reply::unavailable("nobody leads at the moment"),
            Answer::Outside { removed, .. } => Reply::unavailable(outside(removed)),
            Answer::Lost => Reply::unknown("this node stopped leading before it was done"),
            Answer::Refused(why) => match why {
                Refusal::TooLarge => Reply::error(413, why),
                Refusal::Nobody => Reply::error(400, why),
                Refusal::Unknown | Refusal::NoVote => Reply::error(409, why),
                Refusal::Reused => Reply::error(422, why),
                Refusal::Overloaded => Reply::unavailable(why),
            },
        }
    }

    /// It was not done: this is why.
    pub(crate) fn error(status: u16, why: impl Display) -> Reply {
        Reply::new(status, http::error_body(why))
    }

    /// It was not done now; perhaps later.
    pub(crate) fn unavailable(why: impl Display) -> Reply {
        let why = format_args!("{why}; nothing was done; ask again in a moment");
        Reply::error(503, why).with("retry-after", "1")
    }

    /// It may have been done.
    pub(crate) fn unknown(why: impl Display) -> Reply {
        let then = "it may have been done, or be done yet; an Idempotency-Key makes it safe to ask \
                    again";
        Reply::error(504, format_args!("{why}; {then}"))
    }

    /// Somebody else does it, because of this.
    pub(crate) fn elsewhere(why: &str, location: String) -> Reply {
        Reply::error(307, format_args!("{why}; ask as Location says")).with("location", location)
    }

    pub(crate) fn json(status: u16, value: &impl Serialize) -> Reply {
        Reply::new(status, http::json_body(value))
    }

    pub(crate) fn with(self, name: &'static str, value: impl Into<String>) -> Reply {
        Reply { header: Some((name, value.into())), ..self }
    }

    fn fixed(status: u16, body: &'static str) -> Reply {
        Reply::new(status, body)
    }

    fn new(status: u16, body: impl Into<Bytes>) -> Reply {
        Reply { status, form: Form::Json, body: body.into(), header: None }
    }
}

/// Why a node answers nothing itself.
pub(crate) fn outside(removed: bool) -> &'static str {
    match removed {
        true => "this node was removed from the group",
        false => "this node is no member of the group",
    }
}

fn pairs(found: &Pairs) -> Reply {
    #[derive(Serialize)]
    struct Pair {
        key: Text,
        value: Text,
    }
    #[derive(Serialize)]
    struct Found {
        pairs: Vec<Pair>,
        more: bool,
    }
    let pair = |(key, value): &(Bytes, Bytes)| Pair { key: key.into(), value: value.into() };
    let pairs = found.pairs.iter().map(pair).collect();
    Reply::json(200, &Found { pairs, more: found.more })
}
