//! Messages and notes as sentences, for diagrams.

use std::fmt::{self, Debug, Formatter};

use crate::message::{Message, Note, Order};
use crate::promise::short;

fn order(order: &Order, f: &mut Formatter<'_>) -> fmt::Result {
    match order {
        Order::Append(length) => write!(f, "append {length} bytes"),
        Order::Read => f.write_str("read"),
    }
}

/// The numbers of some entries.
fn numbers(entries: &[u64]) -> String {
    let all: Vec<String> = entries.iter().map(|token| short(*token).to_string()).collect();
    if all.is_empty() { "nothing".to_owned() } else { all.join(" ") }
}

impl Debug for Message {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Message::Do(told) => order(told, f),
            Message::Append { token, .. } => write!(f, "append entry {}", short(*token)),
            Message::Read { token } => write!(f, "read, for {}", short(*token)),
            Message::Durable { token } => write!(f, "entry {} is durable", short(*token)),
            Message::Entries { token, entries } => {
                write!(f, "{} entries for {}", entries.len(), short(*token))
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
            Note::Read { token, entries } => {
                write!(f, "{} reads {}", short(*token), numbers(entries))
            }
            Note::GivenUp { token } => write!(f, "gives {} up", short(*token)),
            Note::Ready { entries } => write!(f, "has read its disk: {entries} entries"),
            Note::Cut => f.write_str("cuts off a torn end"),
            Note::LossTold => f.write_str("finds less than there was, and stops"),
            Note::Full => f.write_str("has no space left, and waits"),
        }
    }
}
