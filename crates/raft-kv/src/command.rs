//! What clients ask of the state machine, and the bytes in which the log keeps it.
//!
//! ```text
//! kind and flags   1 byte    bits 0-1: put, delete, append, cas; 2: a session; 3: cas has a `from`;
//!                            4: cas has a `to`; 5: the session has no other command
//! session         24 bytes   if there is one: who, and the number of the command, little-endian
//! key              2 + n     its length, and its bytes
//! from             4 + n     if there is one, the same
//! value or `to`    the rest  of a put, an append, or a cas with a `to`
//! ```
//!
//! The law: bytes have one meaning and a meaning has one form, so that two replicas that hold the
//! same bytes do the same; what is read is a view of the bytes, which are never copied.

use bytes::{BufMut, Bytes, BytesMut};
use machine::codec::{Malformed, Reader};
use raft::{LONGEST_COMMAND, Session};

/// No key is longer, in bytes, and none is empty.
pub const LONGEST_KEY: usize = 1024;
/// No value is longer, in bytes.
pub const LONGEST_VALUE: usize = 128 << 10;

/// A compare-and-swap with two values is the longest, and a log takes it.
const _: () = assert!(1 + 24 + 2 + LONGEST_KEY + 4 + 2 * LONGEST_VALUE <= LONGEST_COMMAND);

/// A command of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Command<'a> {
    /// Whose, where it is to be done at most once.
    pub session: Option<Session>,
    /// What is to be changed.
    pub key: &'a [u8],
    /// And how.
    pub change: Change<'a>,
}

/// What is done to the value of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change<'a> {
    /// It becomes this.
    Put(&'a [u8]),
    /// It is no more.
    Delete,
    /// This is added at its end; where there is none it begins with it.
    Append(&'a [u8]),
    /// It becomes `to`, if it is `from`; `None` stands for no value.
    Cas {
        /// What it must be.
        from: Option<&'a [u8]>,
        /// What it becomes.
        to: Option<&'a [u8]>,
    },
}

/// Why a command is refused. Nothing was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TooLarge;

const KIND: u8 = 0b11;
const SESSION: u8 = 1 << 2;
const FROM: u8 = 1 << 3;
const TO: u8 = 1 << 4;
const ONLY: u8 = 1 << 5;

impl<'a> Command<'a> {
    /// The bytes of it.
    ///
    /// # Errors
    /// If the key is empty or too long, or a value is too long.
    pub fn encode(&self) -> Result<Bytes, TooLarge> {
        let (kind, from, rest) = match self.change {
            Change::Put(value) => (0, None, value),
            Change::Delete => (1, None, &[][..]),
            Change::Append(value) => (2, None, value),
            Change::Cas { from, to } => {
                let flags =
                    if from.is_some() { FROM } else { 0 } | if to.is_some() { TO } else { 0 };
                (3 | flags, from, to.unwrap_or_default())
            }
        };
        let longest = rest.len().max(from.map_or(0, <[u8]>::len));
        if !is_key(self.key) || longest > LONGEST_VALUE {
            return Err(TooLarge);
        }
        let around = 31 + from.map_or(0, <[u8]>::len);
        let mut bytes = BytesMut::with_capacity(around + self.key.len() + rest.len());
        // Put together first: each piece that is appended looks for room.
        let mut head = [0; 27];
        let length = (self.key.len() as u16).to_le_bytes();
        match self.session {
            None => {
                head[0] = kind;
                head[1..3].copy_from_slice(&length);
                bytes.put_slice(&head[..3]);
            }
            Some(Session { client, number, only }) => {
                head[0] = kind | SESSION | if only { ONLY } else { 0 };
                head[1..17].copy_from_slice(&client.to_le_bytes());
                head[17..25].copy_from_slice(&number.to_le_bytes());
                head[25..].copy_from_slice(&length);
                bytes.put_slice(&head);
            }
        }
        bytes.put_slice(self.key);
        if let Some(from) = from {
            bytes.put_u32_le(from.len() as u32);
            bytes.put_slice(from);
        }
        bytes.put_slice(rest);
        Ok(bytes.freeze())
    }

    /// The command that these bytes are, if they are one.
    #[inline]
    pub fn decode(bytes: &'a [u8]) -> Option<Command<'a>> {
        Reader::whole(bytes, Command::take).ok()
    }

    #[inline]
    fn take(from: &mut Reader<&'a [u8]>) -> Result<Command<'a>, Malformed> {
        let head = from.take_u8()?;
        let session = match head & SESSION {
            0 => None,
            _ => Some(Session {
                client: from.take_u128()?,
                number: from.take_u64()?,
                only: head & ONLY != 0,
            }),
        };
        let length = from.take_u16()?;
        let key = from.take_bytes(length.into())?;
        let before = match head & FROM {
            0 => None,
            _ => {
                let length = from.take_u32()?;
                Some(from.take_bytes(length as usize)?)
            }
        };
        let rest = from.rest();
        let longest = rest.len().max(before.map_or(0, <[u8]>::len));
        if !is_key(key) || longest > LONGEST_VALUE {
            return Err(Malformed("a key or a value of it is too long"));
        }
        let has_to = head & TO != 0;
        let of_session = if session.is_some() { SESSION | ONLY } else { 0 };
        let change = match (head & KIND, head & !(KIND | of_session)) {
            (0, 0) => Change::Put(rest),
            (1, 0) if rest.is_empty() => Change::Delete,
            (2, 0) => Change::Append(rest),
            (3, flags) if flags & !(FROM | TO) == 0 && (has_to || rest.is_empty()) => {
                Change::Cas { from: before, to: has_to.then_some(rest) }
            }
            _ => return Err(Malformed("there is no such command")),
        };
        Ok(Command { session, key, change })
    }
}

/// May a key be this?
pub(crate) fn is_key(bytes: &[u8]) -> bool {
    (1..=LONGEST_KEY).contains(&bytes.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use machine::codec::{assert_canonical, assert_codec};
    use proptest::prelude::*;

    /// A command that owns what it is made of.
    type Owned = (Option<(u128, u64, bool)>, Vec<u8>, u8, Option<Vec<u8>>, Option<Vec<u8>>);

    fn view((session, key, kind, from, to): &Owned) -> Command<'_> {
        let value = to.as_deref().unwrap_or_default();
        let change = match kind {
            0 => Change::Put(value),
            1 => Change::Delete,
            2 => Change::Append(value),
            _ => Change::Cas { from: from.as_deref(), to: to.as_deref() },
        };
        let session = session.map(|(client, number, only)| Session { client, number, only });
        Command { session, key, change }
    }

    fn encode(command: &Owned) -> Bytes {
        view(command).encode().unwrap()
    }

    fn decode(bytes: Bytes) -> Result<Owned, Malformed> {
        let Command { session, key, change } = Command::decode(&bytes).ok_or(Malformed("none"))?;
        let session = session.map(|Session { client, number, only }| (client, number, only));
        let owned = |bytes: &[u8]| bytes.to_vec();
        let (kind, from, to) = match change {
            Change::Put(value) => (0, None, Some(owned(value))),
            Change::Delete => (1, None, None),
            Change::Append(value) => (2, None, Some(owned(value))),
            Change::Cas { from, to } => (3, from.map(owned), to.map(owned)),
        };
        Ok((session, owned(key), kind, from, to))
    }

    fn owned() -> impl Strategy<Value = Owned> {
        let bytes = |most| prop::collection::vec(any::<u8>(), 0..most);
        let key = prop::collection::vec(any::<u8>(), 1..20);
        let values = (prop::option::of(bytes(20)), prop::option::of(bytes(40)));
        (any::<Option<(u128, u64, bool)>>(), key, 0..4_u8, values).prop_map(
            |(session, key, kind, (from, to))| match kind {
                1 => (session, key, kind, None, None),
                0 | 2 => (session, key, kind, None, to.or(Some(Vec::new()))),
                _ => (session, key, kind, from, to),
            },
        )
    }

    /// These bytes are in logs and snapshots.
    #[test]
    fn commands_are_these_bytes() {
        let put = Command { session: None, key: b"k", change: Change::Put(b"v") };
        assert_eq!(put.encode().unwrap(), &b"\x00\x01\0kv"[..]);
        let session = Some(Session { client: 2, number: 3, only: false });
        let cas = Change::Cas { from: Some(b"a"), to: None };
        let cas = Command { session, key: b"k", change: cas };
        let bytes = b"\x0f\x02\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x03\0\0\0\0\0\0\0\x01\0k\x01\0\0\0a";
        assert_eq!(cas.encode().unwrap(), &bytes[..]);
        let only = cas.session.map(|session| Session { only: true, ..session });
        assert_eq!(Command { session: only, ..cas }.encode().unwrap()[0], 0x2f);
    }

    #[test]
    fn what_is_too_large_has_no_bytes_and_what_is_not_has_few_enough() {
        let (key, value) = (vec![7; LONGEST_KEY + 1], vec![7; LONGEST_VALUE + 1]);
        let put = |key, value| Command { session: None, key, change: Change::Put(value) }.encode();
        assert!(put(&key[1..], &value[1..]).is_ok());
        assert_eq!(put(&key, b""), Err(TooLarge));
        assert_eq!(put(b"", b""), Err(TooLarge));
        assert_eq!(put(b"k", &value), Err(TooLarge));
        let cas = |from, to| Command {
            session: Some(Session { client: 1, number: 1, only: false }),
            key: &key[1..],
            change: Change::Cas { from: Some(from), to: Some(to) },
        };
        let largest = cas(&value[1..], &value[1..]).encode().unwrap();
        assert_eq!(largest.len(), LONGEST_COMMAND);
        assert!(Command::decode(&largest).is_some());
        assert_eq!(cas(&value, b"").encode(), Err(TooLarge));
        assert_eq!(cas(b"", &value).encode(), Err(TooLarge));
        assert_eq!(Command::decode(&[&largest[..], b"!"].concat()), None);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_and_nothing_else(command in owned()) {
            assert_codec(&command, encode, decode);
        }

        #[test]
        fn noise_is_read_or_refused(noise in prop::collection::vec(any::<u8>(), 0..100)) {
            assert_canonical(noise.into(), encode, decode);
        }
    }
}
