//! What a replica answered, as HTTP says it.

use std::fmt::Display;

use bytes::Bytes;
use host::http::{self, HttpReply};
use serde::Serialize;

use super::text::Text;
use crate::message::{Answer, Refusal};
use crate::store::Pairs;

/// The reply to this answer of a replica. A write was done; a change of members or of the leader was begun.
pub(crate) fn reply_of(answer: Answer, is_write: bool) -> HttpReply {
    match answer {
        Answer::Value(Some(value)) => HttpReply::new(200, http::BYTES, value),
        Answer::Value(None) => HttpReply::error(404, "there is no such key"),
        Answer::Pairs(found) => pairs(&found),
        Answer::Done if is_write => fixed(200, r#"{"done":true}"#),
        Answer::Done => fixed(202, r#"{"begun":true}"#),
        Answer::Nothing => fixed(200, r#"{"begun":false}"#),
        Answer::Swapped(true) => fixed(200, r#"{"swapped":true}"#),
        Answer::Swapped(false) => {
            HttpReply::error(409, "the value is not what `from` says; nothing was done")
        }
        Answer::NotLeader { .. } => unavailable("nobody leads at the moment"),
        Answer::NotMember { removed, .. } => unavailable(why_not_member(removed)),
        Answer::Lost => unknown("this node stopped leading before it was done"),
        Answer::Refused(why) => match why {
            Refusal::TooLarge => HttpReply::error(413, why),
            Refusal::Nobody => HttpReply::error(400, why),
            Refusal::Unknown | Refusal::NoVote => HttpReply::error(409, why),
            Refusal::Reused => HttpReply::error(422, why),
            Refusal::Overloaded => unavailable(why),
        },
    }
}

/// It was not done now; perhaps later.
pub(crate) fn unavailable(why: impl Display) -> HttpReply {
    let why = format_args!("{why}; nothing was done; ask again in a moment");
    HttpReply::error(503, why).retry_after(1)
}

/// It may have been done.
pub(crate) fn unknown(why: impl Display) -> HttpReply {
    let then =
        "it may have been done, or be done yet; an Idempotency-Key makes it safe to ask again";
    HttpReply::error(504, format_args!("{why}; {then}"))
}

/// Another node does it, because of this.
pub(crate) fn elsewhere(why: &str, location: String) -> HttpReply {
    let why = format_args!("{why}; ask as Location says");
    HttpReply::error(307, why).with("location", location)
}

/// Why a node answers nothing itself.
pub(crate) fn why_not_member(removed: bool) -> &'static str {
    match removed {
        true => "this node was removed from the group",
        false => "this node is no member of the group",
    }
}

fn fixed(status: u16, body: &'static str) -> HttpReply {
    HttpReply::new(status, http::JSON, body)
}

fn pairs(found: &Pairs) -> HttpReply {
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
    HttpReply::json(200, &Found { pairs, more: found.more })
}
