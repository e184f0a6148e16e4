//! What stands in a group's log: the changes of its catalog, as they were asked for.
//!
//! The law: what an entry does follows from it, its place in the log, and the catalog. Moments and identities that it
//! needs are in it: they were drawn by the gateway.

use bytes::{Bytes, BytesMut};
use machine::codec::{Coded, Malformed, Reader};
use machine::coded;

use crate::ask::Ask;
use crate::row::Kept;
use crate::words::{Millis, Name, PutId};

/// A change of the catalog.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Entry {
    /// Who asks.
    pub user: Name,
    /// When, by the clock of the gateway.
    pub at: Millis,
    /// The bytes that it names, where it names some.
    pub put: Option<(PutId, Kept)>,
    /// What is to change.
    pub ask: Ask,
}

coded!(Entry: user, at, put, ask);

impl Entry {
    /// As the log has it.
    pub fn bytes(&self) -> Bytes {
        let mut bytes = BytesMut::new();
        self.put(&mut bytes);
        bytes.freeze()
    }

    /// What the log has.
    ///
    /// # Errors
    /// If that is no entry.
    pub fn parse(bytes: Bytes) -> Result<Entry, Malformed> {
        Reader::whole(bytes, Entry::get)
    }
}
