//! What snowflake promises, as code that watches clients. It looks at nothing but what clients
//! asked, what they got and when, in the true time of the world.

mod availability;

use std::collections::BTreeMap;

use machine::{Machine, Time};
use sim::{Breach, Entry, Evidence, History, Promise, PromiseSpec, Verdict, World};

use crate::message::{Note, Snowflake};
use crate::shape::{Node, Shape};
use crate::{Id, Layout};

/// All of them.
pub(crate) const PROMISES: &[PromiseSpec<Node, Shape>] = &[
    PromiseSpec {
        name: "unique",
        about: "no id is ever given twice",
        checker: |_| Box::new(Unique::default()),
    },
    PromiseSpec {
        name: "increasing-per-worker",
        about: "an id is larger than every id of the same worker number that was received before \
                it was asked for",
        checker: |cluster| Box::new(Order { layout: Some(cluster.shape.layout()), margin: 0 }),
    },
    PromiseSpec {
        name: "order-within-skew",
        about: "an id is larger than every id that was received more than twice the skew bound \
                and a tick before it was asked for, from any worker",
        checker: |cluster| {
            Box::new(Order { layout: None, margin: 2 * cluster.shape.skew_ms * 1_000_000 + TICK })
        },
    },
    PromiseSpec {
        name: "available-after-heal",
        about: "from a lease (or, without an authority, a high-water mark) and the wall-clock bound \
                after a heal on, every request gets ids within a second, every worker with a \
                number of its own mints, and no leased number lies idle",
        checker: |cluster| Box::new(availability::Available::of(cluster.shape)),
    },
];

/// One tick of the layouts that the scenarios use, in nanoseconds.
const TICK: u64 = 1_000_000;

#[derive(Default)]
struct Unique {
    /// Of each run of ids without a gap, as most answers are, the first and the last.
    seen: BTreeMap<Id, Id>,
}

impl<M: Machine<Protocol = Snowflake>> Promise<M> for Unique {
    fn note(&mut self, world: &World<M>, entry: &Entry<Note>) -> Result<(), Breach> {
        let Note::Received { token, ids } = &entry.note else { return Ok(()) };
        for run in ids.chunk_by(|one, next| one.0.checked_add(1) == Some(next.0)) {
            let (first, last) = (run[0], run[run.len() - 1]);
            let known = self.seen.range(..=last).rev();
            if let Some((known, _)) = known.take_while(|(_, end)| **end >= first).last() {
                return Err(given_twice(world, *token, first.max(*known)));
            }
            self.seen.insert(first, last);
        }
        Ok(())
    }
}

/// By the answer to this request, and by an earlier one.
fn given_twice<M: Machine<Protocol = Snowflake>>(
    world: &World<M>,
    token: u64,
    twice: Id,
) -> Breach {
    let first = world.history().iter().find_map(|earlier| match &earlier.note {
        Note::Received { token, ids } if ids.contains(&twice) => Some(*token),
        _ => None,
    });
    let breach = Breach::from(format!("id {twice} was given twice")).on_operation(token);
    let breach = first.into_iter().fold(breach, Breach::on_operation);
    breach.on(Evidence::Value(format!("id {twice}")))
}

/// A client's request that was answered.
struct Answered {
    token: u64,
    invoked: Time,
    received: Time,
    least: Id,
    most: Id,
    worker: u64,
}

/// The requests that were answered, in order of asking.
fn answered(history: &History<Note>, layout: Option<&Layout>) -> Vec<Answered> {
    let mut invoked = BTreeMap::new();
    let mut answered = Vec::new();
    for entry in history.iter() {
        match &entry.note {
            Note::Invoked { token, .. } => drop(invoked.insert(*token, entry.at)),
            Note::Received { token, ids } => {
                let range = ids.iter().min().zip(ids.iter().max());
                if let (Some(invoked), Some((&least, &most))) = (invoked.remove(token), range) {
                    let worker = layout.map_or(0, |layout| layout.worker(least));
                    let (token, received) = (*token, entry.at);
                    answered.push(Answered { token, invoked, received, least, most, worker });
                }
            }
            _ => {}
        }
    }
    answered.sort_by_key(|answer| answer.invoked);
    answered
}

/// Ids asked for later are larger, across all workers or, given a layout, within each worker id.
struct Order {
    layout: Option<Layout>,
    margin: u64,
}

impl<M: Machine<Protocol = Snowflake>> Promise<M> for Order {
    fn end(&mut self, world: &World<M>) -> Verdict {
        let asked = answered(world.history(), self.layout.as_ref());
        let mut received: Vec<&Answered> = asked.iter().collect();
        received.sort_by_key(|answer| answer.received);
        let mut received = received.into_iter().peekable();
        // Of each worker number, the largest id received so far.
        let mut largest: BTreeMap<u64, Id> = BTreeMap::new();
        for later in &asked {
            let before = later.invoked.0.saturating_sub(self.margin);
            while let Some(earlier) = received.next_if(|answer| answer.received.0 < before) {
                let largest = largest.entry(earlier.worker).or_insert(earlier.most);
                *largest = earlier.most.max(*largest);
            }
            if let Some(&earlier) = largest.get(&later.worker)
                && later.least <= earlier
            {
                let (least, at) = (later.least, later.invoked);
                let why = format!(
                    "id {least}, asked for at {at:?}, is not above {earlier}, received before"
                );
                let value = Evidence::Value(format!("id {least}"));
                let breach = Breach::from(why).on_operation(later.token).on(value);
                let first = asked.iter().find(|answer| answer.most == earlier);
                let first = first.map(|answer| answer.token);
                return Verdict::Broken(first.into_iter().fold(breach, Breach::on_operation));
            }
        }
        Verdict::Held
    }
}
