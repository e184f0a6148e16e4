//! What a front does to its caches: bounded loads, and no waiting for caches that are down.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use machine::{Machine, NodeId, Time};
use sim::{Breach, Entry, Promise, World};

use crate::message::{CallOutcome, Fleet, Note};
use crate::shape::Shape;

/// The requests for which a front is calling each cache. It is checked where no cache comes or goes.
pub(super) struct BoundedLoad {
    shape: Shape,
    weights: u64,
    calls: BTreeMap<NodeId, BTreeMap<NodeId, BTreeSet<u64>>>,
}

/// So many of the requests that a cache has are named, the last ones.
const NAMED: usize = 4;

impl BoundedLoad {
    pub(super) fn new(shape: Shape) -> Self {
        let caches = shape.cache_ids().into_iter().take(shape.caches as usize);
        let weights = caches.map(|cache| u64::from(shape.weight(cache))).sum();
        BoundedLoad { shape, weights, calls: BTreeMap::new() }
    }
}

impl<M: Machine<Protocol = Fleet>> Promise<M> for BoundedLoad {
    fn note(&mut self, _: &World<M>, entry: &Entry<Note>) -> Result<(), Breach> {
        let calls = self.calls.entry(entry.node).or_default();
        match &entry.note {
            Note::Returned { token, cache, .. } => {
                calls.entry(*cache).or_default().remove(token);
            }
            Note::Called { token, cache } => {
                calls.entry(*cache).or_default().insert(*token);
                let (here, total) =
                    (&calls[cache], calls.values().map(BTreeSet::len).sum::<usize>());
                // 1.25 is 5/4.
                let weight = u64::from(self.shape.weight(*cache));
                let bound = (5 * total as u64 * weight).div_ceil(4 * self.weights);
                if here.len() as u64 > bound {
                    let why = format!(
                        "{cache:?} has {} of {total} calls under way, and its bound is {bound}",
                        here.len()
                    );
                    let last = here.iter().rev().take(NAMED).copied();
                    return Err(last.fold(Breach::from(why), Breach::on_operation));
                }
            }
            _ => {}
        }
        Ok(())
    }
}

/// A front's experience with a cache.
#[derive(Default)]
struct Silence {
    time_outs: u32,
    /// When the third in a row ended: from then on the front knows.
    known: Option<Time>,
    /// When the last call began that waited all the same.
    probed: Option<Time>,
}

/// One call in so long may find out whether a cache is back.
const PROBE_INTERVAL: Duration = Duration::from_millis(200);

#[derive(Default)]
pub(super) struct FailsFast {
    begun: BTreeMap<u64, Time>,
    silences: BTreeMap<(NodeId, NodeId), Silence>,
}

impl<M: Machine<Protocol = Fleet>> Promise<M> for FailsFast {
    fn note(&mut self, _: &World<M>, entry: &Entry<Note>) -> Result<(), Breach> {
        match &entry.note {
            Note::Called { token, .. } => drop(self.begun.insert(*token, entry.at)),
            Note::Returned { token, cache, outcome } => {
                let Some(begun) = self.begun.remove(token) else { return Ok(()) };
                let silence = self.silences.entry((entry.node, *cache)).or_default();
                if *outcome == CallOutcome::TimedOut {
                    let front = entry.node;
                    let timed_out = silence.timed_out(*cache, begun, entry.at);
                    return timed_out.map_err(|breach| breach.on_moment(begun, front));
                }
                *silence = Silence::default();
            }
            _ => {}
        }
        Ok(())
    }
}

impl Silence {
    fn timed_out(&mut self, cache: NodeId, begun: Time, ended: Time) -> Result<(), Breach> {
        if self.known.is_some_and(|known| begun > known) {
            let probed = self.probed.replace(begun);
            if probed.is_some_and(|probed| begun < probed + PROBE_INTERVAL) {
                let waited = ended.since(begun);
                return Err(Breach::from(format!(
                    "one more call waited {waited:?} for {cache:?}, which is silent"
                )));
            }
        }
        self.time_outs += 1;
        if self.time_outs == 3 {
            self.known = Some(ended);
        }
        Ok(())
    }
}
