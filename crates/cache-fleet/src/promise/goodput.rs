//! What users get, and what the database has to bear: no overload, recovery, no thundering herd.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use machine::{Machine, NodeId, Time};
use sim::{Breach, Entry, History, Measure, Promise, Verdict, World};

use crate::message::{Attempt, Fleet, Note};
use crate::reads;

/// When the reads were made that the database has not begun, or never will.
type Unbegun = BTreeMap<(NodeId, u64, u32), Time>;

#[derive(Default)]
pub(super) struct DatabaseProtected(Unbegun);

/// So many of the reads that wait are named, the last ones.
const NAMED: usize = 3;

impl<M: Machine<Protocol = Fleet>> Promise<M> for DatabaseProtected {
    fn note(&mut self, _: &World<M>, entry: &Entry<Note>) -> Result<(), Breach> {
        match entry.note {
            Note::Read { attempt: Attempt { read, retry } } => {
                self.0.insert((entry.node, read, retry), entry.at);
            }
            Note::Serves { front, attempt: Attempt { read, retry } } => {
                self.0.remove(&(front, read, retry));
            }
            Note::TurnedAway => {
                self.0.retain(|_, made| entry.at <= *made + reads::PATIENCE);
                let mut waiting: Vec<_> =
                    self.0.iter().map(|((front, ..), made)| (*made, *front)).collect();
                waiting.sort_unstable();
                let all = waiting.len();
                let why =
                    format!("the database had to turn a read away, of {all} that waited for it");
                let last = waiting.into_iter().rev().take(NAMED);
                return Err(last.fold(Breach::from(why), |breach, (made, front)| {
                    breach.on_moment(made, front)
                }));
            }
            _ => {}
        }
        Ok(())
    }
}

/// A read takes so long to reach the database, at most, and no clock is faster than another.
const MAX_NETWORK_DELAY: Duration = Duration::from_millis(5);

#[derive(Default)]
pub(super) struct NoWorkInVain(Unbegun);

impl<M: Machine<Protocol = Fleet>> Promise<M> for NoWorkInVain {
    fn note(&mut self, _: &World<M>, entry: &Entry<Note>) -> Result<(), Breach> {
        match entry.note {
            Note::Read { attempt: Attempt { read, retry } } => {
                self.0.insert((entry.node, read, retry), entry.at);
            }
            Note::Serves { front, attempt: Attempt { read, retry } } => {
                let Some(made) = self.0.remove(&(front, read, retry)) else { return Ok(()) };
                if entry.at > made + reads::PATIENCE + MAX_NETWORK_DELAY {
                    let waited = entry.at.since(made);
                    let why = format!(
                        "the database begins read {read} of {front:?} after {waited:?}, and it was \
                         given up after {:?}",
                        reads::PATIENCE
                    );
                    return Err(Breach::from(why).on_moment(made, front));
                }
            }
            _ => {}
        }
        Ok(())
    }
}

/// How long a fleet may take to recover, and how long a user waits for an answer that is of use.
pub(crate) const RECOVERY: Duration = Duration::from_secs(2);
const PATIENCE: Duration = Duration::from_millis(500);
/// Goodput is judged over so long at a time, where at least so many came.
const WINDOW: Duration = Duration::from_millis(500);
const MIN_REQUESTS: u64 = 20;

pub(super) struct Recovers;

/// The requests of a part of a run: how many came, how many were answered in time, and the first that was not.
#[derive(Default)]
struct Served {
    came: u64,
    served: u64,
    waiting: BTreeSet<u64>,
}

impl Served {
    fn is_bad(&self) -> bool {
        self.came >= MIN_REQUESTS && self.served * 10 < self.came * 9
    }

    fn percent(&self) -> u64 {
        self.served * 100 / self.came.max(1)
    }
}

/// By window from this moment on, up to this one.
fn windows(history: &History<Note>, from: Time, until: Time) -> BTreeMap<u128, Served> {
    let mut windows: BTreeMap<u128, Served> = BTreeMap::new();
    let mut came = BTreeMap::new();
    for entry in history.iter().filter(|entry| entry.at >= from) {
        match entry.note {
            Note::Asked { token, .. } if entry.at < until => {
                let window = entry.at.since(from).as_nanos() / WINDOW.as_nanos();
                let served = windows.entry(window).or_default();
                served.came += 1;
                served.waiting.insert(token);
                came.insert(token, (entry.at, window));
            }
            Note::Answered { token } => {
                if let Some((at, window)) = came.remove(&token)
                    && entry.at <= at + PATIENCE
                {
                    let served = windows.entry(window).or_default();
                    served.served += 1;
                    served.waiting.remove(&token);
                }
            }
            _ => {}
        }
    }
    windows
}

impl<M: Machine<Protocol = Fleet>> Promise<M> for Recovers {
    fn end(&mut self, world: &World<M>) -> Verdict {
        let Some(healed) = world.healed_at() else { return Verdict::Held };
        let (from, until) = (healed + RECOVERY, world.now() - PATIENCE);
        let windows = windows(world.history(), from, until);
        let Some((window, bad)) = windows.into_iter().find(|(_, served)| served.is_bad()) else {
            return Verdict::Held;
        };
        let at = from + WINDOW * window as u32;
        let why = format!(
            "from {at:?} on, {} of {} requests were answered in time, although the cause was gone \
             at {healed:?}",
            bad.served, bad.came
        );
        let first = bad.waiting.first().copied();
        Verdict::Broken(first.into_iter().fold(Breach::from(why), Breach::on_operation))
    }

    fn measures(&self, world: &World<M>) -> Vec<Measure> {
        let Some(healed) = world.healed_at() else { return Vec::new() };
        let until = world.now() - PATIENCE;
        let worst = windows(world.history(), healed + RECOVERY, until).into_values();
        let worst = worst.filter(|served| served.came >= MIN_REQUESTS);
        let all = windows(world.history(), Time(0), until);
        vec![Measure {
            label: "of 100 requests answered in time, in the worst half second (90 or more)".into(),
            value: worst.map(|served| served.percent()).min().unwrap_or(100),
            course: all.into_values().map(|served| served.percent()).collect(),
            until,
        }]
    }
}

/// Retries that come within so long come together.
const HERD_WINDOW: Duration = Duration::from_millis(100);

pub(super) struct NoHerd;

impl<M: Machine<Protocol = Fleet>> Promise<M> for NoHerd {
    fn end(&mut self, world: &World<M>) -> Verdict {
        let Some(healed) = world.healed_at() else { return Verdict::Held };
        let (mut open, mut retries, mut nodes) = (0, Vec::new(), Vec::new());
        for entry in world.history().iter() {
            match entry.note {
                Note::Asked { .. } if entry.at <= healed => open += 1,
                Note::Answered { .. } | Note::Failed { .. } if entry.at <= healed => open -= 1,
                Note::Retried if entry.at > healed => {
                    retries.push(entry.at);
                    nodes.push(entry.node);
                }
                _ => {}
            }
        }
        let (bound, peak) = (10 + open / 2, peak(&retries));
        match peak {
            Some((peak, at)) if peak > bound => {
                let why = format!(
                    "{peak} retries came within 100 ms from {at:?} on; {open} requests were open at \
                 the heal, so {bound} may"
                );
                let first = retries.iter().zip(nodes).find(|(time, _)| **time == at);
                let first = first.into_iter().map(|(time, node)| (*time, node));
                Verdict::Broken(
                    first.fold(Breach::from(why), |breach, (at, node)| breach.on_moment(at, node)),
                )
            }
            _ => Verdict::Held,
        }
    }
}

/// The most that came together, and when they did.
fn peak(times: &[Time]) -> Option<(usize, Time)> {
    let together = |(index, at): (usize, &Time)| {
        let end = times.partition_point(|time| *time < *at + HERD_WINDOW);
        (end - index, *at)
    };
    times.iter().enumerate().map(together).max_by_key(|(count, _)| *count)
}
