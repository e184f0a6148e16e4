//! A link as one thread would see it: there or not, and leading somewhere.

use std::fmt;

use check::Model;

use crate::Key;

/// The model.
#[derive(Clone, Copy, Debug)]
pub(super) struct Register;

/// What is asked about a link.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Asked {
    pub(super) key: Key,
    pub(super) what: What,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum What {
    /// To be made, leading there, where there is none.
    Create(String),
    /// To lead there, where there is one.
    Edit(String),
    Delete,
    Read,
}

/// What was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// It was done.
    Done,
    /// There is one already.
    Taken,
    /// There is none.
    Missing,
    /// It leads there.
    Leads(String),
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = &self.key;
        match &self.what {
            What::Create(url) => write!(f, "make {key:?} to {url}"),
            What::Edit(url) => write!(f, "let {key:?} lead to {url}"),
            What::Delete => write!(f, "delete {key:?}"),
            What::Read => write!(f, "read {key:?}"),
        }
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Told::Done => f.write_str("done"),
            Told::Taken => f.write_str("taken"),
            Told::Missing => f.write_str("no link"),
            Told::Leads(url) => f.write_str(url),
        }
    }
}

/// Where it leads, if it is there.
type State = Option<String>;

impl Model for Register {
    type State = State;
    type Input = Asked;
    type Output = Told;
    type Key = Key;

    fn initial() -> State {
        None
    }

    fn key(input: &Asked) -> Key {
        input.key.clone()
    }

    fn step(state: &State, input: &Asked, output: Option<&Told>) -> Option<State> {
        let there = state.is_some();
        let after = match &input.what {
            What::Create(url) if !there => Some(url.clone()),
            What::Edit(url) if there => Some(url.clone()),
            What::Delete => None,
            _ => state.clone(),
        };
        let said = match (&input.what, output) {
            (_, None) => true,
            (What::Create(_), Some(told)) => *told == if there { Told::Taken } else { Told::Done },
            (What::Edit(_) | What::Delete, Some(told)) => {
                *told == if there { Told::Done } else { Told::Missing }
            }
            (What::Read, Some(told)) => match state {
                Some(url) => *told == Told::Leads(url.clone()),
                None => *told == Told::Missing,
            },
        };
        said.then_some(after)
    }

    fn finds(input: &Asked, output: Option<&Told>) -> Option<State> {
        match (&input.what, output) {
            (What::Create(_), Some(Told::Done)) | (_, Some(Told::Missing)) => Some(None),
            (What::Read, Some(Told::Leads(url))) => Some(Some(url.clone())),
            _ => None,
        }
    }

    fn leaves(input: &Asked) -> Option<State> {
        match input.what {
            What::Delete => Some(None),
            _ => None,
        }
    }
}
