//! A store as bytes, in pieces: a format byte, the table of sessions, and each pair in order of key (the length
//! of the key, two bytes, the key, the length of the value, four bytes, the value; numbers little-endian).

use std::ops::Bound;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use machine::codec::Reader;
use raft::Sessions;

use super::chunks::{Chunks, OrderedKey, ordered};
use super::{Effect, Rotten, Store};
use crate::command::{LONGEST_VALUE, is_key};

const FORMAT: u8 = 2;
/// So long is a piece, and no longer than a pair more.
const PIECE: usize = 256 << 10;

/// A store as it was at one moment, and how much of it was given.
#[derive(Clone, Debug)]
pub struct Frozen {
    /// What comes before the pairs, as long as it was not given.
    head: Bytes,
    pairs: Chunks,
    given: Option<OrderedKey>,
    length: u64,
    /// The last piece was given.
    ended: bool,
}

impl Frozen {
    pub(super) fn of(store: &Store) -> Frozen {
        let mut head = BytesMut::with_capacity(1 + store.sessions.encoded_length());
        head.put_u8(FORMAT);
        store.sessions.encode(&mut head);
        Frozen {
            head: head.freeze(),
            pairs: store.pairs.clone(),
            given: None,
            length: 0,
            ended: false,
        }
    }

    /// The next piece, and whether it is the last.
    pub fn piece(&mut self) -> (Bytes, bool) {
        let (piece, last) = match self.head.len() {
            0 => self.pairs_piece(),
            // The table of sessions is long, where there are many.
            length => (self.head.split_to(PIECE.min(length)), false),
        };
        self.length += piece.len() as u64;
        self.ended = last;
        (piece, last)
    }

    /// Was all of it given?
    pub fn is_given(&self) -> bool {
        self.ended
    }

    fn pairs_piece(&mut self) -> (Bytes, bool) {
        let mut bytes = BytesMut::new();
        let before = self.given.take();
        let start = before.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
        let mut given: Option<&OrderedKey> = None;
        for (key, value) in self.pairs.from(start) {
            if bytes.len() >= PIECE {
                self.given = given.cloned();
                return (bytes.freeze(), false);
            }
            let name = &key.1;
            bytes.reserve(6 + name.len() + value.len());
            bytes.put_u16_le(name.len() as u16);
            bytes.put_slice(name);
            bytes.put_u32_le(value.len() as u32);
            bytes.put_slice(value);
            given = Some(key);
        }
        (bytes.freeze(), true)
    }

    /// What was given so far, in bytes.
    pub fn length(&self) -> u64 {
        self.length
    }
}

/// A store that is being read, from pieces of any length.
#[derive(Clone, Debug)]
pub struct Thawing {
    /// Of the store that it is to become; nothing before they were read.
    sessions: Option<Sessions<Effect>>,
    empty: Sessions<Effect>,
    pairs: Chunks,
    last: Option<OrderedKey>,
    /// Bytes that are no whole pair yet.
    rest: BytesMut,
    length: u64,
}

impl Thawing {
    pub(super) fn new(empty: Sessions<Effect>) -> Thawing {
        let (pairs, rest) = (Chunks::default(), BytesMut::new());
        Thawing { sessions: None, empty, pairs, last: None, rest, length: 0 }
    }

    /// The next piece.
    ///
    /// # Errors
    /// If the pieces so far are no beginning of what [`Frozen::piece`] gave.
    pub fn add(&mut self, piece: &[u8]) -> Result<(), Rotten> {
        self.length += piece.len() as u64;
        self.rest.extend_from_slice(piece);
        if self.sessions.is_none() && !self.take_sessions()? {
            return Ok(());
        }
        while self.take_pair()? {}
        Ok(())
    }

    /// How long all pieces were, in bytes.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// All pieces were given.
    ///
    /// # Errors
    /// If they end in the middle.
    pub(super) fn end(self) -> Result<(Chunks, Sessions<Effect>), Rotten> {
        let sessions = self.sessions.filter(|_| self.rest.is_empty()).ok_or(Rotten)?;
        Ok((self.pairs, sessions))
    }

    fn take_sessions(&mut self) -> Result<bool, Rotten> {
        let Some((format, table)) = self.rest.split_first() else { return Ok(false) };
        if *format != FORMAT {
            return Err(Rotten);
        }
        let Some(length) = Sessions::<Effect>::length_of(table).map_err(|_| Rotten)? else {
            return Ok(false);
        };
        if table.len() < length {
            return Ok(false);
        }
        let read = |from: &mut Reader<&[u8]>| self.empty.decode(from);
        self.sessions = Some(Reader::whole(&table[..length], read).map_err(|_| Rotten)?);
        self.rest.advance(1 + length);
        Ok(true)
    }

    fn take_pair(&mut self) -> Result<bool, Rotten> {
        let Some((key_length, rest)) = self.rest.split_first_chunk() else { return Ok(false) };
        let key_length = usize::from(u16::from_le_bytes(*key_length));
        let Some((key, rest)) = rest.split_at_checked(key_length) else { return Ok(false) };
        let Some((length, rest)) = rest.split_first_chunk() else { return Ok(false) };
        let length = u32::from_le_bytes(*length) as usize;
        if !is_key(key) || length > LONGEST_VALUE {
            return Err(Rotten);
        }
        let Some(value) = rest.get(..length) else { return Ok(false) };
        let value = Bytes::copy_from_slice(value);
        let key = ordered(Bytes::copy_from_slice(key));
        if self.last.as_ref().is_some_and(|last| *last >= key) {
            return Err(Rotten);
        }
        self.rest.advance(2 + key_length + 4 + length);
        self.last = Some(key.clone());
        self.pairs.insert(key, value);
        Ok(true)
    }
}
