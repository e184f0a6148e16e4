//! The words of the system as sentences: for diagrams, and for clients that were refused.

use std::fmt::{self, Debug, Display, Formatter};

use bytes::Bytes;

use crate::message::{Answer, Ask, Message, Note, ReadMode, Refusal, Request, Response};

impl Debug for Message {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Message::Do(operation) => write!(f, "{:?}, at {:?}", operation.ask, operation.replica),
            Message::Request(request) => request.fmt(f),
            Message::Response(response) => response.fmt(f),
            Message::Raft(envelope) => Display::fmt(envelope, f),
        }
    }
}

impl Debug for Request {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.session {
            None => self.ask.fmt(f),
            Some(session) => write!(f, "{:?} (command {})", self.ask, session.number),
        }
    }
}

impl Debug for Response {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.answer.fmt(f)
    }
}

impl Debug for Ask {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Ask::Get { key, read } => write!(f, "get {}{}", Text(key), How(*read)),
            Ask::Range { start, end, limit, read } => {
                let (start, how) = (Text(start), How(*read));
                match end {
                    None => write!(f, "range of {limit} from {start}{how}"),
                    Some(end) => write!(f, "range of {limit} from {start} to {}{how}", Text(end)),
                }
            }
            Ask::Put { key, value } => write!(f, "put {} = {}", Text(key), Text(value)),
            Ask::Delete { key } => write!(f, "delete {}", Text(key)),
            Ask::Append { key, value } => write!(f, "append {} += {}", Text(key), Text(value)),
            Ask::Cas { key, from, to } => {
                write!(f, "cas {} from {} to {}", Text(key), Maybe(from), Maybe(to))
            }
            Ask::Change { voters, .. } => write!(f, "change the voters to {voters:?}"),
            Ask::Transfer { to: Some(to) } => write!(f, "transfer leadership to {to:?}"),
            Ask::Transfer { to: None } => write!(f, "transfer leadership"),
        }
    }
}

impl Debug for Answer {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Answer::Value(value) => write!(f, "value {}", Maybe(value)),
            Answer::Pairs(found) => {
                let more = if found.more { ", and more" } else { "" };
                match &found.pairs[..] {
                    [(key, value)] => write!(f, "{} = {}{more}", Text(key), Text(value)),
                    pairs => write!(f, "{} pairs{more}", pairs.len()),
                }
            }
            Answer::Done => write!(f, "done"),
            Answer::Swapped(true) => write!(f, "swapped"),
            Answer::Swapped(false) => write!(f, "did not match"),
            Answer::NotLeader { leader: None } => write!(f, "not the leader"),
            Answer::NotLeader { leader: Some(leader) } => write!(f, "the leader is {leader:?}"),
            Answer::Nothing => write!(f, "nothing to be done"),
            Answer::NotMember { .. } => write!(f, "no member"),
            Answer::Lost => write!(f, "lost: it may have been done"),
            Answer::Refused(why) => write!(f, "refused: {why:?}"),
        }
    }
}

impl Debug for Note {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Note::Invoked { operation, ask } => {
                write!(f, "operation {} begins: {ask:?}", operation & 0xFFFF_FFFF)
            }
            Note::Answered { operation, answer } => {
                write!(f, "operation {} ends: {answer:?}", operation & 0xFFFF_FFFF)
            }
            Note::Failed { operation } => write!(f, "operation {} failed", operation & 0xFFFF_FFFF),
            Note::GivenUp { operation } => {
                write!(f, "operation {} is given up", operation & 0xFFFF_FFFF)
            }
            Note::Sometimes(what) => f.write_str(what),
        }
    }
}

impl Display for Refusal {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Refusal::Overloaded => "too many requests wait",
            Refusal::TooLarge => {
                "the key or the value is too long, or would become so; nothing was done; keys have \
                 1 to 1024 bytes and values at most 131072"
            }
            Refusal::Unknown => {
                "a new member has not been heard of yet; nothing was begun; start it, and ask again, or \
                 say where it is"
            }
            Refusal::NoVote => "a node without a vote cannot lead; nothing was begun",
            Refusal::Reused => {
                "this Idempotency-Key came with another request before; nothing was done; a request \
                 that is another one needs a key of its own"
            }
            Refusal::Nobody => "somebody must vote; nothing was done",
        })
    }
}

/// How it is read, where that is not the usual way.
struct How(ReadMode);

impl Display for How {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            ReadMode::Index => "",
            ReadMode::Lease => " by lease",
            ReadMode::Stale => ", stale",
        })
    }
}

/// A key or a value, shortened from its middle: what was appended last is at the end.
struct Text<'a>(&'a Bytes);

impl Display for Text<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        const LONGEST: usize = 24;
        if self.0.len() <= LONGEST {
            return write!(f, "{:?}", String::from_utf8_lossy(self.0));
        }
        let begin = String::from_utf8_lossy(&self.0[..LONGEST / 2]);
        let end = String::from_utf8_lossy(&self.0[self.0.len() - LONGEST / 2..]);
        write!(f, "{begin:?}…{end:?}")
    }
}

/// A value, where there is one.
struct Maybe<'a>(&'a Option<Bytes>);

impl Display for Maybe<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(value) => Text(value).fmt(f),
            None => f.write_str("nothing"),
        }
    }
}
