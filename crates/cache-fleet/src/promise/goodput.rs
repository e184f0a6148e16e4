//! What users get, and what the database has to bear: no overload, recovery, no thundering herd.

use std::collections::BTreeMap;
use std::time::Duration;

use machine::{Machine, NodeId, Time};
use sim::{Entry, Promise, Verdict, World};

use crate::message::{Attempt, Fleet, Note};
use crate::reads;

pub(super) struct DatabaseProtected;

impl<M: Machine<Protocol = Fleet>> Promise<M> for DatabaseProtected {
    fn note(&mut self, _: &World<M>, entry: &Entry<Note>) -> Result<(), String> {
        match entry.note {
            Note::TurnedAway => Err("the database had to turn a read away".into()),
            _ => Ok(()),
        }
    }
}

/// A read takes so long to reach the database, at most, and no clock is faster than another.
const MAX_NETWORK_DELAY: Duration = Duration::from_millis(5);

/// When the reads were made that the database has not begun, or never will.
#[derive(Default)]
pub(super) struct NoWorkInVain(BTreeMap<(NodeId, u64, u32), Time>);

impl<M: Machine<Protocol = Fleet>> Promise<M> for NoWorkInVain {
    fn note(&mut self, _: &World<M>, entry: &Entry<Note>) -> Result<(), String> {
        match entry.note {
            Note::Read { attempt: Attempt { read, retry } } => {
                self.0.insert((entry.node, read, retry), entry.at);
            }
            Note::Serves { front, attempt: Attempt { read, retry } } => {
                let Some(made) = self.0.remove(&(front, read, retry)) else { return Ok(()) };
                if entry.at > made + reads::PATIENCE + MAX_NETWORK_DELAY {
                    let waited = entry.at.since(made);
                    return Err(format!(
                        "the database begins read {read} of {front:?} after {waited:?}, and it was \
                         given up after {:?}",
                        reads::PATIENCE
                    ));
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

impl<M: Machine<Protocol = Fleet>> Promise<M> for Recovers {
    fn end(&mut self, world: &World<M>) -> Verdict {
        let Some(healed) = world.healed_at() else { return Verdict::Held };
        let (from, until) = (healed + RECOVERY, world.now() - PATIENCE);
        // By window: how many came, and how many were answered in time.
        let mut windows: BTreeMap<u128, (u64, u64)> = BTreeMap::new();
        let mut came = BTreeMap::new();
        for entry in world.history().iter().filter(|entry| entry.at >= from) {
            match entry.note {
                Note::Asked { token, .. } if entry.at < until => {
                    let window = entry.at.since(from).as_nanos() / WINDOW.as_nanos();
                    windows.entry(window).or_default().0 += 1;
                    came.insert(token, (entry.at, window));
                }
                Note::Answered { token } => {
                    if let Some((at, window)) = came.remove(&token)
                        && entry.at <= at + PATIENCE
                    {
                        windows.entry(window).or_default().1 += 1;
                    }
                }
                _ => {}
            }
        }
        let bad = |(_, (came, served)): &(u128, (u64, u64))| {
            *came >= MIN_REQUESTS && served * 10 < came * 9
        };
        match windows.into_iter().find(bad) {
            Some((window, (came, served))) => {
                let at = from + WINDOW * window as u32;
                Verdict::Broken(format!(
                    "from {at:?} on, {served} of {came} requests were answered in time, although \
                     the cause was gone at {healed:?}"
                ))
            }
            None => Verdict::Held,
        }
    }
}

/// Retries that come within so long come together.
const HERD_WINDOW: Duration = Duration::from_millis(100);

pub(super) struct NoHerd;

impl<M: Machine<Protocol = Fleet>> Promise<M> for NoHerd {
    fn end(&mut self, world: &World<M>) -> Verdict {
        let Some(healed) = world.healed_at() else { return Verdict::Held };
        let (mut open, mut retries) = (0, Vec::new());
        for entry in world.history().iter() {
            match entry.note {
                Note::Asked { .. } if entry.at <= healed => open += 1,
                Note::Answered { .. } | Note::Failed { .. } if entry.at <= healed => open -= 1,
                Note::Retried if entry.at > healed => retries.push(entry.at),
                _ => {}
            }
        }
        let (bound, peak) = (10 + open / 2, peak(&retries));
        match peak {
            Some((peak, at)) if peak > bound => Verdict::Broken(format!(
                "{peak} retries came within 100 ms from {at:?} on; {open} requests were open at \
                 the heal, so {bound} may"
            )),
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
