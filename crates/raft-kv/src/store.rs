//! The state machine: what the committed commands of a log add up to.
//!
//! The law: the same commands in the same order give the same state, to the last byte of a snapshot.
//! Nothing else goes in: no clock, no node, no term.

mod chunks;
mod snapshot;

use std::fmt;
use std::ops::Bound;

use bytes::Bytes;
use machine::Switches;
use raft::{CommandOutcome, NotApplied, Sessions};

use crate::command::{Change, Command, LONGEST_VALUE};
use chunks::{Chunks, ordered};

pub use snapshot::{Frozen, Thawing};

/// A range has no more pairs.
pub const MOST_PAIRS: usize = 1000;
/// And, but for its last pair, no more bytes.
pub const MOST_BYTES: usize = 512 << 10;

/// Keys, their values, and what is remembered of sessions.
#[derive(Clone, Debug)]
pub struct Store {
    pairs: Chunks,
    sessions: Sessions<Effect>,
}

/// What came of a command. Its number is its byte in snapshots, where it is remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Effect {
    /// It was done.
    Done = 0,
    /// The value did not match, so it stayed.
    Unmatched = 1,
    /// The value would have become too long, so it stayed; or there is no such command.
    Refused = 2,
}

impl CommandOutcome for Effect {
    fn to_byte(self) -> u8 {
        self as u8
    }

    fn from_byte(byte: u8) -> Option<Effect> {
        [Effect::Done, Effect::Unmatched, Effect::Refused].get(usize::from(byte)).copied()
    }
}

/// Some pairs, in order of key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Pairs {
    /// The pairs.
    pub pairs: Vec<(Bytes, Bytes)>,
    /// Are there others in the range, after these?
    pub more: bool,
}

impl Store {
    /// An empty one.
    pub fn new(switches: Switches) -> Store {
        Store { pairs: Chunks::default(), sessions: Sessions::new(switches) }
    }

    /// The value of a key.
    #[inline]
    pub fn get(&self, key: &Bytes) -> Option<&Bytes> {
        self.pairs.get(&ordered(key.clone()))
    }

    /// How many keys have a value.
    pub fn len(&self) -> usize {
        self.pairs.len()
    }

    /// Has none?
    pub fn is_empty(&self) -> bool {
        self.pairs.len() == 0
    }

    /// How many commands came again, since this replica booted, and were not done.
    pub fn repeats(&self) -> u64 {
        self.sessions.repeats()
    }

    /// The pairs from a key on, up to and without another, so many at most.
    pub fn range(&self, start: &Bytes, end: Option<&Bytes>, limit: usize) -> Pairs {
        if end.is_some_and(|end| end <= start) {
            return Pairs::default();
        }
        let start = ordered(start.clone());
        let within = |key: &&Bytes| end.is_none_or(|end| *key < end);
        let (mut pairs, mut bytes) = (Vec::new(), 0);
        let from = self.pairs.from(Bound::Included(&start)).map(|((_, key), value)| (key, value));
        for (key, value) in from.take_while(|(key, _)| within(key)) {
            if pairs.len() >= limit.min(MOST_PAIRS) || bytes >= MOST_BYTES {
                return Pairs { pairs, more: true };
            }
            bytes += key.len() + value.len();
            pairs.push((key.clone(), value.clone()));
        }
        Pairs { pairs, more: false }
    }

    /// Does the next command of the log. What it stores is a part of `bytes`, not a copy.
    ///
    /// # Errors
    /// If its session does not let it be done. The store stays as it is.
    #[inline]
    pub fn apply(&mut self, bytes: &Bytes) -> Result<Effect, NotApplied> {
        let Some(command) = Command::decode(bytes) else { return Ok(Effect::Refused) };
        let Store { pairs, sessions } = self;
        sessions.once(command.session, || change(pairs, bytes, &command))
    }

    /// As it is now, to be written piece by piece while it changes.
    pub fn freeze(&self) -> Frozen {
        Frozen::of(self)
    }

    /// Takes the pieces of a frozen store, beside this one.
    pub fn thaw(&self) -> Thawing {
        Thawing::new(self.sessions.emptied())
    }

    /// Becomes what the pieces say.
    ///
    /// # Errors
    /// If they are not all of what a frozen store gave. This one stays as it is.
    pub fn restore(&mut self, thawed: Thawing) -> Result<(), Rotten> {
        (self.pairs, self.sessions) = thawed.end()?;
        Ok(())
    }
}

/// A snapshot is not what was written. The state is as it was before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rotten;

impl fmt::Display for Rotten {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a snapshot is not what was written, and was not used")
    }
}

impl std::error::Error for Rotten {}

#[inline]
fn change(pairs: &mut Chunks, bytes: &Bytes, command: &Command<'_>) -> Effect {
    let key = ordered(bytes.slice_ref(command.key));
    match command.change {
        Change::Put(value) => pairs.insert(key, bytes.slice_ref(value)),
        Change::Delete => pairs.remove(&key),
        Change::Append(more) => match pairs.get(&key) {
            None => pairs.insert(key, bytes.slice_ref(more)),
            Some(value) if value.len() + more.len() > LONGEST_VALUE => return Effect::Refused,
            Some(value) => {
                let longer = [&value[..], more].concat();
                pairs.insert(key, longer.into());
            }
        },
        Change::Cas { from, to } => {
            if pairs.get(&key).map(|value| &value[..]) != from {
                return Effect::Unmatched;
            }
            match to {
                Some(to) => pairs.insert(key, bytes.slice_ref(to)),
                None => pairs.remove(&key),
            }
        }
    }
    Effect::Done
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use raft::{Mechanism, Session};

    fn store() -> Store {
        Store::new(Switches::ALL_ON)
    }

    fn bytes(session: Option<(u128, u64)>, key: &str, change: Change<'_>) -> Bytes {
        let session = session.map(|(client, number)| Session { client, number, only: false });
        Command { session, key: key.as_bytes(), change }.encode().unwrap()
    }

    fn apply(store: &mut Store, key: &str, change: Change<'_>) -> Effect {
        store.apply(&bytes(None, key, change)).unwrap()
    }

    /// All pieces of a store.
    fn snapshot(store: &Store) -> Bytes {
        let (mut frozen, mut all) = (store.freeze(), Vec::new());
        while !frozen.is_given() {
            all.push(frozen.piece().0);
        }
        all.concat().into()
    }

    /// From pieces of such a length.
    fn restore(store: &mut Store, snapshot: &[u8], length: usize) -> Result<(), Rotten> {
        let mut thawing = store.thaw();
        snapshot.chunks(length).try_for_each(|piece| thawing.add(piece))?;
        store.restore(thawing)
    }

    fn value<'a>(store: &'a Store, key: &str) -> Option<&'a [u8]> {
        store.get(&Bytes::copy_from_slice(key.as_bytes())).map(|value| &value[..])
    }

    #[test]
    fn each_command_does_what_it_says() {
        let mut store = store();
        assert_eq!(apply(&mut store, "a", Change::Append(b"1")), Effect::Done);
        assert_eq!(apply(&mut store, "a", Change::Append(b"2")), Effect::Done);
        assert_eq!(value(&store, "a"), Some(&b"12"[..]));
        let cas = |from, to| Change::Cas { from, to };
        assert_eq!(apply(&mut store, "a", cas(None, Some(b"x"))), Effect::Unmatched);
        assert_eq!(apply(&mut store, "a", cas(Some(b"12"), Some(b"x"))), Effect::Done);
        assert_eq!(apply(&mut store, "b", cas(None, Some(b"y"))), Effect::Done);
        assert_eq!(apply(&mut store, "b", cas(Some(b"y"), None)), Effect::Done);
        assert_eq!((value(&store, "a"), value(&store, "b")), (Some(&b"x"[..]), None));
        assert_eq!(apply(&mut store, "a", Change::Put(b"")), Effect::Done);
        assert_eq!(value(&store, "a"), Some(&b""[..]), "an empty value is one");
        assert_eq!(apply(&mut store, "a", Change::Delete), Effect::Done);
        assert_eq!(apply(&mut store, "a", Change::Delete), Effect::Done);
        assert!(store.is_empty());
        assert_eq!(store.apply(&Bytes::from_static(b"\xff")), Ok(Effect::Refused));
    }

    #[test]
    fn no_value_grows_beyond_its_bound() {
        let mut store = store();
        let half = vec![7; LONGEST_VALUE / 2];
        let append = |store: &mut Store| apply(store, "a", Change::Append(&half));
        assert_eq!((append(&mut store), append(&mut store)), (Effect::Done, Effect::Done));
        assert_eq!(append(&mut store), Effect::Refused);
        assert_eq!(value(&store, "a").unwrap().len(), LONGEST_VALUE);
    }

    #[test]
    fn a_command_that_is_sent_again_is_done_once_where_sessions_are_remembered() {
        let append = bytes(Some((1, 1)), "a", Change::Append(b"x"));
        let twice = |switches| {
            let mut store = Store::new(switches);
            assert_eq!(
                (store.apply(&append), store.apply(&append)),
                (Ok(Effect::Done), Ok(Effect::Done))
            );
            store.get(&Bytes::from_static(b"a")).unwrap().clone()
        };
        assert_eq!(twice(Switches::ALL_ON), "x");
        let dedup = Mechanism::SessionDedup as usize;
        assert_eq!(twice(Switches::ALL_ON.without(dedup)), "xx");
    }

    #[test]
    fn a_range_is_bounded_and_says_so() {
        let mut store = store();
        for key in ["a", "b", "c", "d"] {
            apply(&mut store, key, Change::Put(b"v"));
        }
        let text = |text: &str| Bytes::copy_from_slice(text.as_bytes());
        let keys = |start: &str, end: Option<&str>, limit| {
            let range = store.range(&text(start), end.map(text).as_ref(), limit);
            let keys = range.pairs.iter().map(|(key, _)| key[0] as char).collect::<String>();
            (keys, range.more)
        };
        assert_eq!(keys("", None, 9), ("abcd".to_owned(), false));
        assert_eq!(keys("b", Some("d"), 9), ("bc".to_owned(), false));
        assert_eq!(keys("b", None, 2), ("bc".to_owned(), true));
        assert_eq!(keys("b", Some("d"), 2), ("bc".to_owned(), false));
        assert_eq!(keys("c", Some("b"), 9), (String::new(), false));
        assert_eq!(keys("c", Some("c"), 9), (String::new(), false));
        let value = vec![7; LONGEST_VALUE];
        for key in 0..10 {
            apply(&mut store, &format!("z{key}"), Change::Put(&value));
        }
        let large = store.range(&Bytes::from_static(b"z"), None, 10);
        assert_eq!((large.pairs.len(), large.more), (MOST_BYTES / LONGEST_VALUE, true));
    }

    prop_compose! {
        fn filled()(
            commands in prop::collection::vec(
                (prop::option::of((0..5_u128, 0..9_u64)), "[a-d]{1,2}", 0..4_u8, "[x-z]{0,4}"),
                0..60,
            )
        ) -> Store {
            let mut store = store();
            for (session, key, kind, text) in commands {
                let change = match kind {
                    0 => Change::Put(text.as_bytes()),
                    1 => Change::Delete,
                    2 => Change::Append(text.as_bytes()),
                    _ => Change::Cas { from: None, to: Some(text.as_bytes()) },
                };
                let _ = store.apply(&bytes(session, &key, change));
            }
            store
        }
    }

    proptest! {
        #[test]
        fn places_are_in_the_order_of_their_keys(
            one in prop::collection::vec(0..3_u8, 0..12),
            other in prop::collection::vec(0..3_u8, 0..12),
        ) {
            let order = one.cmp(&other);
            prop_assert_eq!(ordered(one.into()).cmp(&ordered(other.into())), order);
        }

        #[test]
        fn a_snapshot_is_the_whole_state(store in filled(), next in "[x-z]{1,4}", length in 1..99_usize) {
            let whole = snapshot(&store);
            let (mut before, mut restored) = (store, self::store());
            restore(&mut restored, &whole, length).unwrap();
            prop_assert_eq!(&snapshot(&restored), &whole);
            for session in [None, Some((3, 4)), Some((3, 9)), Some((7, 1))] {
                let append = bytes(session, "a", Change::Append(next.as_bytes()));
                prop_assert_eq!(before.apply(&append), restored.apply(&append));
            }
            prop_assert_eq!(snapshot(&before), snapshot(&restored));
        }

        /// That a bit rotted, its checksum says. What is written otherwise is refused, or is another state.
        #[test]
        fn what_was_changed_is_refused_or_another_state(
            store in filled(), at in any::<prop::sample::Index>(), to: u8, cut in any::<bool>()
        ) {
            let mut changed = snapshot(&store).to_vec();
            let at = at.index(changed.len());
            changed[at] = to;
            if cut {
                changed.truncate(at);
            }
            let mut restored = self::store();
            match restore(&mut restored, &changed, 7) {
                Ok(()) => prop_assert_eq!(&snapshot(&restored)[..], &changed[..]),
                Err(Rotten) => prop_assert!(restored.is_empty()),
            }
        }

        #[test]
        fn noise_is_no_snapshot(noise in prop::collection::vec(any::<u8>(), 0..100)) {
            prop_assume!(noise.first() != Some(&2));
            prop_assert_eq!(restore(&mut store(), &noise, 9), Err(Rotten));
        }
    }

    #[test]
    fn a_frozen_store_stays_as_it_was_however_long() {
        let mut store = store();
        let long = vec![7; LONGEST_VALUE];
        for key in 0..20 {
            apply(&mut store, &format!("k{key}"), Change::Put(&long));
        }
        let (mut frozen, before) = (store.freeze(), snapshot(&store));
        let mut thawing = store.thaw();
        while !frozen.is_given() {
            let (piece, _) = frozen.piece();
            assert!(piece.len() < (256 << 10) + LONGEST_VALUE + 1_100);
            thawing.add(&piece).unwrap();
            apply(&mut store, "k5", Change::Put(b"later"));
        }
        assert_eq!(frozen.length(), before.len() as u64);
        store.restore(thawing).unwrap();
        assert_eq!(snapshot(&store), before);
    }
}
