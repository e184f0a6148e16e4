//! The promise `linearizable`: what clients did with a key and were told has an order that explains every answer.
//!
//! To the model a key is a register, and bytes are the number of the operation that put them. A conditional put is a
//! compare-and-swap: it says which bytes it is to replace. An upload is one put, however often its Complete is asked.

use std::collections::BTreeMap;

use check::{Budget, Kv, KvInput, KvOutput, Operation, Verdict as Found, linearizable};
use machine::Machine;
use object_store::message::ObjectStore;
use object_store::note::{Note, Told, What};
use sim::{Breach, History, Promise, Verdict, World};

type Event = Operation<KvInput, KvOutput>;

/// Slices of the search, of up to 100,000 steps each: some seconds.
const SLICES: u32 = 300;
/// Configurations that the search remembers: some hundred megabytes.
const REMEMBERED: usize = 2_000_000;
/// So many operations before the one that fits in nowhere are named beside it.
const NAMED: usize = 2;

pub(super) struct Linearizable;

impl<M: Machine<Protocol = ObjectStore>> Promise<M> for Linearizable {
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
            let why = format!(
                "{stuck}, asked by n{} at {:?}, fits in nowhere after the {} operations on that key that can be put in \
                 order",
                stuck.process,
                history[stuck.invoked as usize].at,
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
    let mut open = BTreeMap::new();
    let mut events = Vec::new();
    for (place, entry) in (0..).zip(history.iter()) {
        match &entry.note {
            Note::Invoked { operation, key, what, seen, .. } => {
                let Some(input) = input(*operation, *key, *what, *seen) else { continue };
                let process = u64::from(entry.node.0);
                open.insert(*operation, Event { process, input, invoked: place, returned: None });
            }
            Note::Answered { operation, told } => {
                let Some(event) = open.remove(operation) else { continue };
                let output = output(&event.input, *told);
                events.push(Event { returned: Some((place, output)), ..event });
            }
            // Nothing was done.
            Note::Failed { operation } | Note::Declined { operation } => {
                open.remove(operation);
            }
            Note::Puts { .. }
            | Note::Reads { .. }
            | Note::Page { .. }
            | Note::GivenUp { .. }
            | Note::Sometimes(_) => {}
        }
    }
    // What has no answer may have been done; a read without one says nothing.
    events.extend(open.into_values().filter(|event| !matches!(event.input, KvInput::Get { .. })));
    events
}

fn input(operation: u64, key: u8, what: What, seen: Option<u64>) -> Option<KvInput> {
    let (key, value) = (format!("{key}"), written(operation));
    Some(match what {
        What::Make | What::Abort(_) | What::Abandon(_) | What::List(_) => return None,
        What::Put(_) | What::Upload(_) => KvInput::Put { key, value },
        What::PutNew(_) => KvInput::Cas { key, from: String::new(), to: value },
        What::Swap(_) => {
            KvInput::Cas { key, from: seen.map(written).unwrap_or_default(), to: value }
        }
        What::Delete => KvInput::Delete { key },
        What::Get | What::GetSlowly => KvInput::Get { key },
    })
}

fn output(input: &KvInput, told: Told) -> KvOutput {
    match (input, told) {
        (KvInput::Cas { .. }, told) => KvOutput::Swapped(told == Told::Done),
        (_, Told::Bytes(operation)) => KvOutput::Value(written(operation)),
        (_, Told::Nothing) => KvOutput::Value(String::new()),
        (_, Told::False) => KvOutput::Value("what nobody put".into()),
        (_, Told::Done | Told::Unmet) => KvOutput::Done,
    }
}

/// The bytes of an operation, as people tell them from others.
fn written(operation: u64) -> String {
    format!("{}.{}", operation >> 32, operation as u32)
}

#[cfg(test)]
mod tests {
    use machine::{NodeId, Time};
    use sim::Entry;

    use super::*;

    /// One after the other, each with what it was told, or nothing.
    fn judged(operations: &[(What, Option<u64>, Option<Told>)]) -> Verdict {
        let mut notes = Vec::new();
        for (operation, (what, seen, told)) in (0..).zip(operations) {
            notes.push(Note::Invoked {
                operation,
                gateway: NodeId(0),
                key: 1,
                what: *what,
                seen: *seen,
            });
            notes.extend(told.map(|told| Note::Answered { operation, told }));
        }
        let entry = |(at, note)| Entry { at: Time(at), node: NodeId(1), note };
        judge(&(0..).zip(notes).map(entry).collect())
    }

    const DONE: Option<Told> = Some(Told::Done);
    const UNMET: Option<Told> = Some(Told::Unmet);
    const fn get(told: Told) -> (What, Option<u64>, Option<Told>) {
        (What::Get, None, Some(told))
    }

    #[test]
    fn answers_that_have_an_order_are_linearizable() {
        let history = [
            (What::PutNew(9), None, DONE),
            (What::PutNew(9), None, UNMET),
            (What::Swap(9), Some(0), DONE),
            get(Told::Bytes(2)),
            (What::Put(9), None, None),
            get(Told::Bytes(4)),
            (What::Delete, None, DONE),
            get(Told::Nothing),
            (What::Swap(9), Some(4), UNMET),
        ];
        assert_eq!(judged(&history), Verdict::Held);
    }

    #[test]
    fn answers_that_have_none_are_not() {
        for history in [
            &[(What::PutNew(9), None, DONE), (What::PutNew(9), None, DONE)][..],
            &[(What::Put(9), None, DONE), (What::Put(9), None, DONE), get(Told::Bytes(0))],
            &[(What::Put(9), None, DONE), get(Told::Nothing)],
            &[(What::Put(9), None, DONE), get(Told::False)],
            &[(What::Put(9), None, DONE), (What::Swap(9), Some(7), DONE)],
            &[(What::Put(9), None, DONE), (What::Swap(9), Some(0), UNMET)],
        ] {
            assert!(matches!(judged(history), Verdict::Broken(_)), "{history:?}");
        }
    }
}
