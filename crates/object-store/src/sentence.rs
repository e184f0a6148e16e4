//! What clients do and are told, as the sentences that diagrams show.

use std::fmt::{self, Debug, Display, Formatter};

use crate::note::{Note, Operation, Told, What};

impl Display for Operation {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Operation { key, what, .. } = self;
        match what {
            What::Make => write!(f, "make the bucket of key-{key}"),
            What::Put(size) => write!(f, "put {size} bytes under key-{key}"),
            What::PutNew(size) => {
                write!(f, "put {size} bytes under key-{key} if nothing is there")
            }
            What::Swap(size) => {
                write!(f, "put {size} bytes under key-{key} in the place of what was seen")
            }
            What::Upload(size) => write!(f, "put {size} bytes in parts under key-{key}"),
            What::Abort(size) => {
                write!(f, "begin to put {size} bytes under key-{key}, and abort it")
            }
            What::Abandon(size) => write!(f, "begin to put {size} bytes under key-{key}, and go"),
            What::GetSlowly => write!(f, "get key-{key} slowly"),
            What::List(most) => write!(f, "list the bucket of key-{key}, {most} a page"),
            What::Delete => write!(f, "delete key-{key}"),
            What::Get => write!(f, "get key-{key}"),
        }
    }
}

/// An operation by its client and its number there.
struct Numbered(u64);

impl Display for Numbered {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0 >> 32, self.0 & 0xFFFF_FFFF)
    }
}

impl Debug for Note {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Note::Invoked { operation, gateway, key, what, .. } => {
                let asked = Operation { gateway: *gateway, key: *key, what: *what };
                write!(f, "{}: {asked}", Numbered(*operation))
            }
            Note::Puts { operation, put, from, size } => {
                write!(f, "{}: {size} bytes from {from} on are {put:?}", Numbered(*operation))
            }
            Note::Reads { operation, put } => write!(f, "{} reads {put:?}", Numbered(*operation)),
            Note::Page { operation, keys } => {
                write!(f, "{} is shown keys {keys:?}", Numbered(*operation))
            }
            Note::Answered { operation, told } => {
                write!(f, "{} is answered: {told}", Numbered(*operation))
            }
            Note::Failed { operation } => {
                write!(f, "{} failed: nothing was done", Numbered(*operation))
            }
            Note::Declined { operation } => write!(f, "{} is declined", Numbered(*operation)),
            Note::GivenUp { operation } => {
                write!(f, "{} is given up: it may have happened", Numbered(*operation))
            }
            Note::Sometimes(what) => f.write_str(what),
        }
    }
}

impl Display for Told {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Told::Done => f.write_str("done"),
            Told::Unmet => f.write_str("the condition did not hold"),
            Told::Bytes(operation) => write!(f, "the bytes of {}", Numbered(*operation)),
            Told::Nothing => f.write_str("nothing is there"),
            Told::False => f.write_str("bytes that nobody put"),
        }
    }
}
