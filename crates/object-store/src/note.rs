//! What goes into the history, and what a plan has clients do. `sentence.rs` has how diagrams
//! show it.

use machine::NodeId;
use serde::{Deserialize, Serialize};

use crate::words::PutId;

/// What a client is told to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Operation {
    /// Whom it asks.
    pub gateway: NodeId,
    /// The number of a key.
    pub key: u8,
    /// What for.
    pub what: What,
}

/// What is done with a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum What {
    /// The bucket of all keys is made.
    Make,
    /// Bytes are put: so many.
    Put(u32),
    /// Bytes are put if nothing is there (`If-None-Match: *`): so many.
    PutNew(u32),
    /// Bytes are put in the place of those that the client has seen last (`If-Match`), or if it has seen none, and
    /// nothing is there: so many.
    Swap(u32),
    /// The key is deleted.
    Delete,
    /// What is there is read.
    Get,
    /// The same, with a pause before each stripe.
    GetSlowly,
    /// Bytes are put in parts: so many. A Complete that has no answer is asked again.
    Upload(u32),
    /// Bytes come in parts, and the upload is aborted: so many.
    Abort(u32),
    /// Bytes come in parts, and nobody says what is to become of them: so many.
    Abandon(u32),
    /// The bucket of the key is listed, so many keys a page.
    List(u16),
}

impl What {
    /// So many bytes are sent.
    pub fn sends(self) -> Option<u32> {
        match self {
            What::Put(size)
            | What::PutNew(size)
            | What::Swap(size)
            | What::Upload(size)
            | What::Abort(size)
            | What::Abandon(size) => Some(size),
            What::Make | What::Delete | What::Get | What::GetSlowly | What::List(_) => None,
        }
    }

    /// Something else may be under the key afterwards.
    pub fn changes(self) -> bool {
        let leaves = matches!(self, What::Abort(_) | What::Abandon(_));
        self == What::Delete || self.sends().is_some() && !leaves
    }
}

/// What goes into the history.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Note {
    /// A client begins. Of a swap: which operation's bytes it has seen.
    Invoked {
        /// Its number.
        operation: u64,
        /// Whom it asks.
        gateway: NodeId,
        /// Of the key.
        key: u8,
        /// What it is.
        what: What,
        /// The operation whose bytes are to be replaced.
        seen: Option<u64>,
    },
    /// A client may send bytes of its operation, under this name: all, or those of a part.
    Puts {
        /// Its number.
        operation: u64,
        /// Its bytes'.
        put: PutId,
        /// The first of them, counted from the first of the operation.
        from: u32,
        /// How many.
        size: u32,
    },
    /// A client found bytes of this name to be its object's, and begins to read them.
    Reads {
        /// The operation.
        operation: u64,
        /// The bytes.
        put: PutId,
    },
    /// A client was shown a page of a listing.
    Page {
        /// Of the operation.
        operation: u64,
        /// Keys, in the order in which they came.
        keys: Vec<u8>,
    },
    /// A client was answered.
    Answered {
        /// Of the operation.
        operation: u64,
        /// What.
        told: Told,
    },
    /// A client knows that nothing was done.
    Failed {
        /// Of the operation.
        operation: u64,
    },
    /// A client was told that there is no such bucket, or that it is there already: nothing was done.
    Declined {
        /// Of the operation.
        operation: u64,
    },
    /// A client does not know.
    GivenUp {
        /// Of the operation.
        operation: u64,
    },
    /// Something that does not happen all the time.
    Sometimes(&'static str),
}

/// What a client is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Told {
    /// It was done.
    Done,
    /// The condition did not hold.
    Unmet,
    /// The bytes of this operation are there.
    Bytes(u64),
    /// Nothing is there.
    Nothing,
    /// Bytes are there that nobody put.
    False,
}
