//! Messages and notes as sentences, for diagrams.

use std::fmt::{self, Debug, Formatter};

use journal::short;

use crate::message::{Keys, Message, Note, Order, ReadValue};

/// As sentences name them.
struct Named(Keys);

impl Debug for Named {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Named(Keys { first, count }) = *self;
        match count {
            1 => write!(f, "key {first}"),
            _ => write!(f, "keys {first} to {}", first.saturating_add(count.saturating_sub(1))),
        }
    }
}

fn order(order: &Order, f: &mut Formatter<'_>) -> fmt::Result {
    match order {
        Order::Put(keys, _) => write!(f, "put {:?}", Named(*keys)),
        Order::Remove(keys) => write!(f, "remove {:?}", Named(*keys)),
        Order::Read(keys) => write!(f, "read {:?}", Named(*keys)),
    }
}

impl Debug for Message {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Message::Do(told) => order(told, f),
            Message::Commit { token, batch } => {
                write!(f, "commit batch {}, {} keys", short(*token), batch.len())
            }
            Message::Get { token, keys } => {
                write!(f, "get {} keys for {}", keys.len(), short(*token))
            }
            Message::Durable { token } => write!(f, "batch {} is durable", short(*token)),
            Message::Full { token } => write!(f, "no space for batch {}", short(*token)),
            Message::Values { token, values } => {
                write!(f, "{} values for {}", values.len(), short(*token))
            }
        }
    }
}

impl Debug for Note {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Note::Asked { token, order: asked } => {
                write!(f, "{}: ", short(*token))?;
                order(asked, f)
            }
            Note::Written { token } => write!(f, "{} is durable", short(*token)),
            Note::Refused { token } => write!(f, "{} is refused", short(*token)),
            Note::Read { token, seen } => {
                write!(f, "{} read", short(*token))?;
                for (key, seen) in seen {
                    match seen {
                        ReadValue::Nothing => write!(f, " {key}: -")?,
                        ReadValue::Of(token) => write!(f, " {key}: {}", short(*token))?,
                        ReadValue::False => write!(f, " {key}: false")?,
                        ReadValue::Rotten => write!(f, " {key}: rotten")?,
                    }
                }
                Ok(())
            }
            Note::GivenUp { token } => write!(f, "gives {} up", short(*token)),
            Note::Ready { keys } => write!(f, "has read its disk: {keys} keys"),
            Note::Kept { token } => write!(f, "keeps batch {}", short(*token)),
            Note::Looked { token } => write!(f, "looks for the keys of {}", short(*token)),
            Note::LossTold => write!(f, "finds less than there was, and stops"),
            Note::Cut => write!(f, "cuts off a torn end"),
            Note::Hinted => write!(f, "a hint is put in place"),
            Note::Compacted => write!(f, "a segment is compacted"),
            Note::Rotted => write!(f, "finds a value rotten"),
        }
    }
}
