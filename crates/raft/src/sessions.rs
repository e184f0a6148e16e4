//! What is remembered of sessions: of each the newest command, and what came of it.
//!
//! The law: replicas that applied the same commands remember the same, so what is forgotten is
//! decided by the log and by nothing else. A client sends its commands one at a time; of those that
//! it sends again only the newest can still be waited for. A session that has one command and no other
//! (an `Idempotency-Key`) takes no other.

use std::collections::{BTreeMap, VecDeque};

use bytes::{BufMut, BytesMut};
use machine::codec::{Malformed, Reader};

use crate::command::Session;
use crate::store::Outcome;

/// More are not remembered. One that is forgotten can have a command applied twice, so a client has
/// as long to send one again as others need to begin so many sessions.
pub const MOST_SESSIONS: usize = 1 << 16;
/// Of one session in a snapshot, in bytes.
pub(crate) const BYTES: usize = 16 + 8 + 8 + 1;

/// The table.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sessions {
    newest: BTreeMap<u128, Newest>,
    /// Each session once, and the number that it was at when it was put here. Whoever comes to the
    /// front and has gone on since goes to the back; else it is forgotten (the clock algorithm).
    order: VecDeque<(u128, u64)>,
    /// Commands that came again. It is not part of the state.
    repeats: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Newest {
    number: u64,
    outcome: Outcome,
}

impl Sessions {
    /// Does a command, unless it was done: then what came of it.
    #[inline]
    pub(crate) fn once(&mut self, session: Session, work: impl FnOnce() -> Outcome) -> Outcome {
        let Session { client, number, only } = session;
        match self.newest.get_mut(&client) {
            Some(newest) if only && number != newest.number => Outcome::Reused,
            Some(newest) if number <= newest.number => {
                self.repeats += 1;
                if number == newest.number { newest.outcome } else { Outcome::Stale }
            }
            Some(newest) => {
                *newest = Newest { number, outcome: work() };
                newest.outcome
            }
            None => {
                let outcome = work();
                self.begin(session, outcome);
                outcome
            }
        }
    }

    pub(crate) fn repeats(&self) -> u64 {
        self.repeats
    }

    fn begin(&mut self, session: Session, outcome: Outcome) {
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

    pub(crate) fn len(&self) -> usize {
        self.order.len()
    }

    pub(crate) fn encode(&self, out: &mut BytesMut) {
        out.put_u32_le(self.order.len() as u32);
        for (client, number) in &self.order {
            let newest = self.newest[client];
            out.put_u128_le(*client);
            out.put_u64_le(*number);
            out.put_u64_le(newest.number);
            out.put_u8(newest.outcome as u8);
        }
    }

    /// A table that these bytes begin with, if they do.
    pub(crate) fn decode(from: &mut Reader<&[u8]>) -> Result<Sessions, Malformed> {
        let count = from.take_u32()? as usize;
        if count > MOST_SESSIONS {
            return Err(Malformed("it has more sessions than are remembered"));
        }
        let mut sessions = Sessions::default();
        for _ in 0..count {
            let (client, [queued, number]) = (from.take_u128()?, from.take_u64s()?);
            let outcome =
                Outcome::of(from.take_u8()?).ok_or(Malformed("there is no such outcome"))?;
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

    fn done(sessions: &mut Sessions, client: u128, number: u64) -> bool {
        let mut done = false;
        sessions.once(Session { client, number, only: false }, || {
            done = true;
            Outcome::Done
        });
        done
    }

    #[test]
    fn the_newest_is_remembered_and_older_ones_are_not_done_again() {
        let mut sessions = Sessions::default();
        let session = Session { client: 7, number: 2, only: false };
        assert_eq!(sessions.once(session, || Outcome::Unmatched), Outcome::Unmatched);
        assert_eq!(sessions.once(session, || panic!("it was done")), Outcome::Unmatched);
        let before = Session { number: 1, ..session };
        assert_eq!(sessions.once(before, || panic!("it is too late")), Outcome::Stale);
        assert!(done(&mut sessions, 7, 3) && done(&mut sessions, 8, 1));
    }

    #[test]
    fn a_session_of_one_command_takes_no_other() {
        let mut sessions = Sessions::default();
        let first = Session { client: 7, number: 50, only: true };
        assert_eq!(sessions.once(first, || Outcome::Unmatched), Outcome::Unmatched);
        for number in [49, 51] {
            let other = Session { number, ..first };
            assert_eq!(sessions.once(other, || panic!("it was done")), Outcome::Reused);
        }
        assert_eq!(sessions.once(first, || panic!("it was done")), Outcome::Unmatched);
        let mut bytes = BytesMut::new();
        sessions.encode(&mut bytes);
        let mut copy = Sessions::decode(&mut Reader::new(&bytes[..])).unwrap();
        let other = Session { number: 51, ..first };
        assert_eq!(copy.once(other, || panic!("it was done")), Outcome::Reused);
    }

    #[test]
    fn those_who_went_on_are_remembered_longer() {
        let mut sessions = Sessions::default();
        for client in 0..MOST_SESSIONS as u128 {
            assert!(done(&mut sessions, client, 1));
        }
        assert!(done(&mut sessions, 0, 2));
        let mut copy = sessions.clone();
        for sessions in [&mut sessions, &mut copy] {
            assert!(done(sessions, u128::MAX, 1));
            assert_eq!(sessions.len(), MOST_SESSIONS);
            assert!(!done(sessions, 0, 2), "it was used since it came");
            assert!(!done(sessions, 2, 1), "nobody else had to go");
        }
        let bytes = |sessions: &Sessions| {
            let mut bytes = BytesMut::new();
            sessions.encode(&mut bytes);
            bytes.freeze()
        };
        assert_eq!(bytes(&sessions), bytes(&copy));
        assert!(done(&mut sessions, 1, 1), "it was the oldest");
        let written = bytes(&sessions);
        let read = Reader::whole(&written[..], Sessions::decode).unwrap();
        assert_eq!(bytes(&read), written);
    }
}
