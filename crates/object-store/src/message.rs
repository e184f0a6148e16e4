//! What travels between sessions and nodes.

use machine::Protocol;

use crate::answer::Answer;
use crate::ask::Ask;
use crate::words::Name;

/// The protocol that nodes and sessions share.
#[derive(Clone, Debug)]
pub struct ObjectStore;

impl Protocol for ObjectStore {
    type Message = Message;
    type Timer = Timer;
    type Op = Op;
    type Note = Note;

    fn answers(message: &Message) -> Option<(u64, bool)> {
        match message {
            Message::Answer { token, .. } => Some((*token, true)),
            Message::Ask { .. } => None,
        }
    }
}

/// What is sent.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Message {
    /// From a session to its gateway. The session picks the token, and knows the answer by it.
    Ask {
        /// Of the question.
        token: u64,
        /// Who asks: the door knows the user by the signature.
        user: Name,
        /// The question.
        ask: Box<Ask>,
    },
    /// To a session.
    Answer {
        /// Of the question.
        token: u64,
        /// The answer.
        answer: Box<Answer>,
    },
}

/// The names of timers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Timer {}

/// What to do when a disk operation ends.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Op {}

/// What goes into the history.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Note {}
