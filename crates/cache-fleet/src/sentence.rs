//! Messages and notes of the fleet as sentences, for diagrams.

use std::fmt::{self, Debug, Formatter};

use crate::message::{CallOutcome, Message, Note, Order};

/// A request's number at its front.
fn short(token: &u64) -> u64 {
    token & 0xFFFF_FFFF
}

impl Debug for Message {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Message::Order(Order::Browse(crowd)) => {
                let (requests, first) = (crowd.requests, crowd.first);
                let last = first.saturating_add(crowd.keys.saturating_sub(1));
                write!(f, "{requests} requests for keys {first} to {last}")
            }
            Message::Order(Order::Join(cache)) => write!(f, "{cache:?} joins"),
            Message::Order(Order::Leave(cache)) => write!(f, "{cache:?} leaves"),
            Message::Order(Order::Expire(key)) => write!(f, "key {key} expires"),
            Message::Get { token, key } => write!(f, "get key {key} for {}", short(token)),
            Message::Found { token } => write!(f, "hit for {}", short(token)),
            Message::Missing { token } => write!(f, "miss for {}", short(token)),
            Message::Put { key } => write!(f, "put key {key}"),
            Message::Read { attempt, key, .. } => match attempt.retry {
                0 => write!(f, "read {}: key {key}", attempt.read),
                retry => write!(f, "read {}: key {key}, retry {retry}", attempt.read),
            },
            Message::Row { attempt } => write!(f, "row of read {}", attempt.read),
            Message::TurnedAway { attempt } => write!(f, "read {} turned away", attempt.read),
        }
    }
}

impl Debug for Note {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Note::Asked { token, key, copies } => {
                write!(f, "request {} for key {key}, kept on {copies:?}", short(token))
            }
            Note::Answered { token } => write!(f, "request {} is answered", short(token)),
            Note::Failed { token } => write!(f, "request {} has failed", short(token)),
            Note::Called { token, cache } => write!(f, "asks {cache:?} for {}", short(token)),
            Note::Returned { token, cache, outcome } => {
                let outcome = match outcome {
                    CallOutcome::Hit => "has it",
                    CallOutcome::Miss => "does not have it",
                    CallOutcome::TimedOut => "is silent",
                    CallOutcome::Reset => "is gone",
                };
                write!(f, "{cache:?} {outcome}, for {}", short(token))
            }
            Note::SentOn => write!(f, "the home of the key is at its bound"),
            Note::FailedFast { cache } => write!(f, "does not call {cache:?}"),
            Note::Opened { cache } => write!(f, "opens the breaker of {cache:?}"),
            Note::Coalesced => write!(f, "waits for a read that is under way"),
            Note::Retried => write!(f, "tries a read again"),
            Note::BudgetSpent => write!(f, "the budget for retries is spent"),
            Note::Read { attempt } => write!(f, "makes read {}", attempt.read),
            Note::Serves { front, attempt } => {
                write!(f, "serves read {} of {front:?}", attempt.read)
            }
            Note::GivenUp => write!(f, "drops a read that nobody waits for"),
            Note::TurnedAway => write!(f, "is full and turns a read away"),
            Note::Joined { cache } => write!(f, "{cache:?} is in the fleet"),
            Note::Left { cache } => write!(f, "{cache:?} is out of the fleet"),
        }
    }
}
