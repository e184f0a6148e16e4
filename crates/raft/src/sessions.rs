//! Client sessions: a command that is sent again is applied once.
//!
//! A client that got no answer sends its command again, and the log then holds it twice. A state machine
//! that applies its commands through [`Sessions::once`], and keeps the table in its snapshots, applies each
//! of them once, and answers a repetition with what came of the first.
//!
//! The law: replicas that applied the same commands remember the same, so what is forgotten is
//! decided by the log and by nothing else. A client sends its commands one at a time; of those that
//! it sends again only the newest can still be waited for. A session that has one command and no other
//! (an `Idempotency-Key`) takes no other.
//!
//! ```
//! use machine::Switches;
//! use raft::{NotApplied, CommandOutcome, Session, Sessions};
//!
//! /// What came of an addition: the sum, as long as it is small.
//! #[derive(Clone, Copy, Debug, PartialEq)]
//! struct Sum(u8);
//!
//! impl CommandOutcome for Sum {
//!     fn to_byte(self) -> u8 {
//!         self.0
//!     }
//!     fn from_byte(byte: u8) -> Option<Sum> {
//!         Some(Sum(byte))
//!     }
//! }
//!
//! let (mut sum, mut sessions) = (0, Sessions::new(Switches::ALL_ON));
//! let mut add = |number, more| {
//!     let session = Session { client: 7, number, only: false };
//!     sessions.once(Some(session), || {
//!         sum += more;
//!         Sum(sum)
//!     })
//! };
//! assert_eq!(add(1, 2), Ok(Sum(2)));
//! assert_eq!(add(2, 3), Ok(Sum(5)));
//! assert_eq!(add(2, 3), Ok(Sum(5)), "it came again");
//! assert_eq!(add(1, 2), Err(NotApplied::Stale), "nobody waits for this one any more");
//! ```

use std::collections::{BTreeMap, VecDeque};

use bytes::{BufMut, BytesMut};
use machine::Switches;
use machine::codec::{Malformed, Reader};

use crate::mechanism::Mechanism;

/// More are not remembered. One that is forgotten can have a command applied twice, so a client has
/// as long to send one again as others need to begin so many sessions.
pub const MOST_SESSIONS: usize = 1 << 16;
/// Of one session in a snapshot, in bytes.
const BYTES: usize = 16 + 8 + 8 + 1;

/// A client, and the number of a command of theirs: one that is sent again has the same number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Session {
    /// Who: drawn by the client, so that no two are the same.
    pub client: u128,
    /// Of the command; grows by each.
    pub number: u64,
    /// Is there one command, and no other? Its number then stands for what it says, and a command of
    /// another number is refused.
    pub only: bool,
}

/// What came of a command, as it is remembered: a byte in snapshots.
pub trait CommandOutcome: Copy {
    /// The byte.
    fn to_byte(self) -> u8;

    /// The outcome of this byte; `None` where there is no such outcome.
    fn from_byte(byte: u8) -> Option<Self>;
}

/// Why a command was not applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotApplied {
    /// A later command of the session was applied before. Whether this one ever was is forgotten.
    Stale,
    /// The session's only command was another one. This one is not remembered.
    Reused,
}

/// The table: of each session the newest command, and what came of it.
#[derive(Clone, Debug)]
pub struct Sessions<O> {
    /// Is a command of a session done at most once?
    dedup: bool,
    newest: BTreeMap<u128, Newest<O>>,
    /// Each session once, and the number that it was at when it was put here. Whoever comes to the
    /// front and has gone on since goes to the back; else it is forgotten (the clock algorithm).
    order: VecDeque<(u128, u64)>,
    /// Commands that came again. It is not part of the state.
    repeats: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Newest<O> {
    number: u64,
    outcome: O,
}

impl<O: CommandOutcome> Sessions<O> {
    /// An empty one.
    pub fn new(switches: Switches) -> Self {
        let dedup = Mechanism::SessionDedup.on(switches);
        Sessions { dedup, newest: BTreeMap::new(), order: VecDeque::new(), repeats: 0 }
    }

    /// Applies a command, unless it was applied: then what came of it. One without a session is applied
    /// however often it comes.
    ///
    /// # Errors
    /// If it was not applied, and what came of it is not known.
    #[inline]
    pub fn once(
        &mut self,
        session: Option<Session>,
        apply: impl FnOnce() -> O,
    ) -> Result<O, NotApplied> {
        let Some(session) = session.filter(|_| self.dedup) else { return Ok(apply()) };
        let Session { client, number, only } = session;
        match self.newest.get_mut(&client) {
            Some(newest) if only && number != newest.number => Err(NotApplied::Reused),
            Some(newest) if number <= newest.number => {
                self.repeats += 1;
                if number == newest.number { Ok(newest.outcome) } else { Err(NotApplied::Stale) }
            }
            Some(newest) => {
                *newest = Newest { number, outcome: apply() };
                Ok(newest.outcome)
            }
            None => {
                let outcome = apply();
                self.begin(session, outcome);
                Ok(outcome)
            }
        }
    }

    /// How many commands came again, since this replica booted or was restored, and were not applied.
    pub fn repeats(&self) -> u64 {
        self.repeats
    }

    fn begin(&mut self, session: Session, outcome: O) {
        while self.order.len() >= MOST_SESSIONS {
            self.forget_one();
        }
        self.newest.insert(session.client, Newest { number: session.number, outcome });
        self.order.push_back((session.client, session.number));
    }

    fn forget_one(&mut self) {
        let Some((client, number)) = self.order.pop_front() else { return };
        match self.newest.get(&client) {
            Some(newest) if newest.number != number => {
                self.order.push_back((client, newest.number));
            }
            _ => drop(self.newest.remove(&client)),
        }
    }

    /// An empty one with the same switches.
    #[must_use]
    pub fn emptied(&self) -> Self {
        let (newest, order) = (BTreeMap::new(), VecDeque::new());
        Sessions { dedup: self.dedup, newest, order, repeats: 0 }
    }

    /// How long the table is that these bytes begin with; `None` where they are too few to tell.
    ///
    /// # Errors
    /// If they begin with none.
    pub fn length_of(bytes: &[u8]) -> Result<Option<usize>, Malformed> {
        let Some((count, _)) = bytes.split_first_chunk() else { return Ok(None) };
        match u32::from_le_bytes(*count) as usize {
            count if count <= MOST_SESSIONS => Ok(Some(4 + count * BYTES)),
            _ => Err(Malformed("it has more sessions than are remembered")),
        }
    }

    /// How many bytes [`Sessions::encode`] appends.
    pub fn encoded_length(&self) -> usize {
        4 + self.order.len() * BYTES
    }

    /// Appends the table to a snapshot.
    pub fn encode(&self, out: &mut BytesMut) {
        out.put_u32_le(self.order.len() as u32);
        for (client, number) in &self.order {
            let newest = self.newest[client];
            out.put_u128_le(*client);
            out.put_u64_le(*number);
            out.put_u64_le(newest.number);
            out.put_u8(newest.outcome.to_byte());
        }
    }

    /// A table that these bytes begin with, if they do, in the place of this one.
    ///
    /// # Errors
    /// If they begin with none. This one stays as it is.
    pub fn decode(&self, from: &mut Reader<&[u8]>) -> Result<Self, Malformed> {
        let count = from.take_u32()? as usize;
        if count > MOST_SESSIONS {
            return Err(Malformed("it has more sessions than are remembered"));
        }
        let mut sessions = self.emptied();
        for _ in 0..count {
            let (client, [queued, number]) = (from.take_u128()?, from.take_u64s()?);
            let outcome =
                O::from_byte(from.take_u8()?).ok_or(Malformed("there is no such outcome"))?;
            let known = sessions.newest.insert(client, Newest { number, outcome });
            if known.is_some() || queued > number {
                return Err(Malformed("it has a session twice, or one that went back"));
            }
            sessions.order.push_back((client, queued));
        }
        Ok(sessions)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Did the value match?
    #[derive(Clone, Copy, Debug, PartialEq)]
    struct Matched(bool);

    impl CommandOutcome for Matched {
        fn to_byte(self) -> u8 {
            self.0.into()
        }
        fn from_byte(byte: u8) -> Option<Matched> {
            (byte <= 1).then_some(Matched(byte == 1))
        }
    }

    const NOT: Result<Matched, NotApplied> = Ok(Matched(false));

    fn sessions() -> Sessions<Matched> {
        Sessions::new(Switches::ALL_ON)
    }

    fn done(sessions: &mut Sessions<Matched>, client: u128, number: u64) -> bool {
        let mut done = false;
        let session = Session { client, number, only: false };
        let _ = sessions.once(Some(session), || {
            done = true;
            Matched(true)
        });
        done
    }

    #[test]
    fn the_newest_is_remembered_and_older_ones_are_not_done_again() {
        let mut sessions = sessions();
        let session = Session { client: 7, number: 2, only: false };
        assert_eq!(sessions.once(Some(session), || Matched(false)), NOT);
        assert_eq!(sessions.once(Some(session), || panic!("it was done")), NOT);
        let before = Session { number: 1, ..session };
        assert_eq!(
            sessions.once(Some(before), || panic!("it is too late")),
            Err(NotApplied::Stale)
        );
        assert!(done(&mut sessions, 7, 3) && done(&mut sessions, 8, 1));
    }

    #[test]
    fn a_session_of_one_command_takes_no_other() {
        let mut sessions = sessions();
        let first = Session { client: 7, number: 50, only: true };
        assert_eq!(sessions.once(Some(first), || Matched(false)), NOT);
        for number in [49, 51] {
            let other = Session { number, ..first };
            assert_eq!(
                sessions.once(Some(other), || panic!("it was done")),
                Err(NotApplied::Reused)
            );
        }
        assert_eq!(sessions.once(Some(first), || panic!("it was done")), NOT);
        let mut bytes = BytesMut::new();
        sessions.encode(&mut bytes);
        let mut copy = sessions.decode(&mut Reader::new(&bytes[..])).unwrap();
        let other = Session { number: 51, ..first };
        assert_eq!(copy.once(Some(other), || panic!("it was done")), Err(NotApplied::Reused));
    }

    #[test]
    fn those_who_went_on_are_remembered_longer() {
        let mut sessions = sessions();
        for client in 0..MOST_SESSIONS as u128 {
            assert!(done(&mut sessions, client, 1));
        }
        assert!(done(&mut sessions, 0, 2));
        let mut copy = sessions.clone();
        for sessions in [&mut sessions, &mut copy] {
            assert!(done(sessions, u128::MAX, 1));
            assert_eq!(sessions.order.len(), MOST_SESSIONS);
            assert!(!done(sessions, 0, 2), "it was used since it came");
            assert!(!done(sessions, 2, 1), "nobody else had to go");
        }
        let bytes = |sessions: &Sessions<Matched>| {
            let mut bytes = BytesMut::new();
            sessions.encode(&mut bytes);
            bytes.freeze()
        };
        assert_eq!(bytes(&sessions), bytes(&copy));
        assert!(done(&mut sessions, 1, 1), "it was the oldest");
        let written = bytes(&sessions);
        let read = Reader::whole(&written[..], |from| sessions.decode(from)).unwrap();
        assert_eq!(bytes(&read), written);
    }
}
