//! The promise `linearizable`: reads and writes of clients, key by key, have an order that explains
//! every answer. Reads that may be stale are not among them.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use check::{Budget, Kv, KvInput, KvOutput, Operation, Verdict as Found, linearizable};
use machine::Machine;
use sim::{Breach, History, Promise, Verdict, World};

use crate::message::{Answer, Ask, KeyValue, Note, ReadMode};
use crate::store::Pairs;

type Event = Operation<KvInput, KvOutput>;

/// Slices of the search, of up to 100,000 steps each: some seconds.
const SLICES: u32 = 300;
/// Configurations that the search remembers: some hundred megabytes.
const REMEMBERED: usize = 2_000_000;
/// So many operations before the one that fits in nowhere are named beside it.
const NAMED: usize = 2;

pub(super) struct Linearizable;

impl<M: Machine<Protocol = KeyValue>> Promise<M> for Linearizable {
    fn end(&mut self, world: &World<M>) -> Verdict {
        judge(world.history())
    }
}

fn judge(history: &History<Note>) -> Verdict {
    let events = events(history);
    let mut slices = 0;
    let mut go_on = || {
        slices += 1;
        slices <= SLICES
    };
    match linearizable::<Kv>(&events, Budget { remembered: REMEMBERED, go_on: &mut go_on }) {
        Found::Linearizable => Verdict::Held,
        Found::Unknown(why) => Verdict::Unknown(why.into()),
        Found::NotLinearizable(failure) => {
            let stuck = &events[failure.stuck];
            let at = |place: u64| history[place as usize].at;
            let until = stuck
                .returned
                .as_ref()
                .map_or_else(String::new, |(returned, _)| format!(" to {:?}", at(*returned)));
            let why = format!(
                "{stuck}, asked by n{} from {:?}{until}, fits in nowhere after the {} operations on \
                 that key that can be put in order",
                stuck.process,
                at(stuck.invoked),
                failure.prefix.len()
            );
            // What came last before it is what it contradicts.
            let before = failure.prefix.iter().rev().take(NAMED);
            let named = [&failure.stuck].into_iter().chain(before);
            let operations =
                named.filter_map(|&event| match &history[events[event].invoked as usize].note {
                    Note::Invoked { operation, .. } => Some(*operation),
                    _ => None,
                });
            Verdict::Broken(operations.fold(Breach::from(why), Breach::on_operation))
        }
    }
}

/// What clients asked and were told, as the model knows it. Its moments are places in the history.
fn events(history: &History<Note>) -> Vec<Event> {
    let keys = keys(history);
    let mut open = BTreeMap::new();
    let mut events = Vec::new();
    for (place, entry) in (0..).zip(history.iter()) {
        match &entry.note {
            Note::Invoked { operation, ask } => drop(open.insert(*operation, (entry, place, ask))),
            Note::Answered { operation, answer } => {
                let Some((asked, invoked, ask)) = open.remove(operation) else { continue };
                let returned = |output| Some((place, output));
                let process = u64::from(asked.node.0);
                let event =
                    |(input, output)| Event { process, input, invoked, returned: returned(output) };
                events.extend(told(ask, answer, &keys).into_iter().map(event));
            }
            // Nothing was done.
            Note::Failed { operation } => drop(open.remove(operation)),
            _ => {}
        }
    }
    // A write without an answer may have been done; a read without one says nothing.
    let maybe = open.into_values().filter_map(|(asked, invoked, ask)| {
        let process = u64::from(asked.node.0);
        Some(Event { process, input: write(ask)?, invoked, returned: None })
    });
    events.extend(maybe);
    events
}

/// All keys that any write names.
fn keys(history: &History<Note>) -> BTreeSet<Bytes> {
    let asks = history.iter().filter_map(|entry| match &entry.note {
        Note::Invoked { ask, .. } => ask.change().map(|(key, _)| Bytes::copy_from_slice(key)),
        _ => None,
    });
    asks.collect()
}

/// What an answer says. A range is so many reads, those of keys that are not there among them.
pub(crate) fn told(ask: &Ask, answer: &Answer, keys: &BTreeSet<Bytes>) -> Vec<(KvInput, KvOutput)> {
    let read = |key: &Bytes, value: Option<&Bytes>| {
        let value = value.map_or_else(String::new, text);
        (KvInput::Get { key: text(key) }, KvOutput::Value(value))
    };
    match (ask, answer) {
        (Ask::Get { read: ReadMode::Stale, .. } | Ask::Range { read: ReadMode::Stale, .. }, _) => {
            Vec::new()
        }
        (Ask::Get { key, .. }, Answer::Value(value)) => vec![read(key, value.as_ref())],
        (Ask::Range { start, end, .. }, Answer::Pairs(Pairs { pairs, more })) => {
            let found: BTreeMap<_, _> = pairs.iter().map(|(key, value)| (key, value)).collect();
            let last = found.last_key_value().filter(|_| *more).map(|(last, _)| *last);
            let within = |key: &&Bytes| {
                let before_end = end.as_ref().is_none_or(|end| *key < end);
                *key >= start && before_end && (!more || last.is_some_and(|last| *key <= last))
            };
            let absent = keys.iter().filter(within).filter(|key| !found.contains_key(key));
            let absent = absent.map(|key| read(key, None));
            pairs.iter().map(|(key, value)| read(key, Some(value))).chain(absent).collect()
        }
        (Ask::Cas { .. }, Answer::Swapped(swapped)) => {
            write(ask).map(|write| (write, KvOutput::Swapped(*swapped))).into_iter().collect()
        }
        (_, Answer::Done) => write(ask).map(|write| (write, KvOutput::Done)).into_iter().collect(),
        _ => Vec::new(),
    }
}

/// A write, as the model knows it, in which no value is as good as an empty one.
pub(crate) fn write(ask: &Ask) -> Option<KvInput> {
    let or_empty = |value: &Option<Bytes>| value.as_ref().map_or_else(String::new, text);
    Some(match ask {
        Ask::Put { key, value } => KvInput::Put { key: text(key), value: text(value) },
        Ask::Append { key, value } => KvInput::Append { key: text(key), value: text(value) },
        Ask::Delete { key } => KvInput::Delete { key: text(key) },
        Ask::Cas { key, from, to } => {
            KvInput::Cas { key: text(key), from: or_empty(from), to: or_empty(to) }
        }
        _ => return None,
    })
}

pub(crate) fn text(bytes: &Bytes) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use machine::{NodeId, Time};
    use sim::Entry;

    use super::*;

    const fn bytes(text: &'static str) -> Bytes {
        Bytes::from_static(text.as_bytes())
    }

    fn put(key: &'static str, value: &'static str) -> Ask {
        Ask::Put { key: bytes(key), value: bytes(value) }
    }

    fn get(key: &'static str, read: ReadMode) -> Ask {
        Ask::Get { key: bytes(key), read }
    }

    fn range(start: &'static str, limit: u32) -> Ask {
        Ask::Range { start: bytes(start), end: Some(bytes("z")), limit, read: ReadMode::Index }
    }

    fn value(value: &'static str) -> Answer {
        Answer::Value(Some(bytes(value)))
    }

    fn pairs(pairs: &[(&'static str, &'static str)], more: bool) -> Answer {
        let pairs = pairs.iter().map(|&(key, value)| (bytes(key), bytes(value))).collect();
        Answer::Pairs(Pairs { pairs, more })
    }

    /// One after the other, each with its answer, or without.
    fn judged(operations: &[(Ask, Option<Answer>)]) -> Verdict {
        let mut notes = Vec::new();
        for (operation, (ask, answer)) in (0..).zip(operations) {
            notes.push(Note::Invoked { operation, ask: ask.clone() });
            let answer = answer.clone();
            notes.extend(answer.map(|answer| Note::Answered { operation, answer }));
        }
        let entry = |(at, note)| Entry { at: Time(at), node: NodeId(at as u32 % 3), note };
        judge(&(0..).zip(notes).map(entry).collect())
    }

    #[track_caller]
    fn breaks(operations: &[(Ask, Option<Answer>)]) -> String {
        match judged(operations) {
            Verdict::Broken(breach) => breach.why,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn answers_that_have_an_order_are_linearizable() {
        let cas = Ask::Cas { key: bytes("a"), from: Some(bytes("1")), to: None };
        let append = Ask::Append { key: bytes("a"), value: bytes("3") };
        let done = Some(Answer::Done);
        let history = [
            (put("a", "1"), done.clone()),
            (cas, Some(Answer::Swapped(true))),
            (get("a", ReadMode::Index), Some(Answer::Value(None))),
            (append, done.clone()),
            (get("a", ReadMode::Lease), Some(value("3"))),
            (put("b", "9"), None),
            (range("a", 9), Some(pairs(&[("a", "3")], false))),
            (range("a", 9), Some(pairs(&[("a", "3"), ("b", "9")], false))),
            (Ask::Delete { key: bytes("b") }, done),
            (range("b", 9), Some(pairs(&[], false))),
        ];
        assert_eq!(judged(&history), Verdict::Held);
    }

    #[test]
    fn a_stale_read_is_found_unless_it_may_be_stale() {
        let history = |read| {
            let done = Some(Answer::Done);
            [
                (put("a", "1"), done.clone()),
                (put("a", "2"), done),
                (get("a", read), Some(value("1"))),
            ]
        };
        let why = breaks(&history(ReadMode::Lease));
        assert!(why.starts_with("get \"a\" -> \"1\", asked by n1 from 0.000004 ms"), "{why}");
        assert_eq!(judged(&history(ReadMode::Stale)), Verdict::Held);
    }

    #[test]
    fn a_write_that_is_done_twice_or_not_at_all_is_found() {
        let append = || (Ask::Append { key: bytes("a"), value: bytes("x") }, Some(Answer::Done));
        breaks(&[append(), (get("a", ReadMode::Index), Some(value("xx")))]);
        breaks(&[append(), (get("a", ReadMode::Index), Some(Answer::Value(None)))]);
        let cas = Ask::Cas { key: bytes("a"), from: None, to: Some(bytes("y")) };
        breaks(&[append(), (cas, Some(Answer::Swapped(true)))]);
    }

    #[test]
    fn a_range_must_not_miss_a_key_nor_show_one_that_is_gone() {
        let done = Some(Answer::Done);
        let both = [(put("a", "1"), done.clone()), (put("b", "2"), done.clone())];
        let with = |answer| {
            [both.clone(), [(range("a", 1), Some(answer)), (put("c", "1"), None)]].concat()
        };
        assert_eq!(judged(&with(pairs(&[("a", "1")], true))), Verdict::Held, "b comes after it");
        breaks(&with(pairs(&[("a", "1")], false)));
        breaks(&with(pairs(&[("b", "2")], true)));
        let gone = [both[0].clone(), (Ask::Delete { key: bytes("a") }, done)];
        breaks(&[&gone[..], &[(range("a", 9), Some(pairs(&[("a", "1")], false)))]].concat());
    }
}
