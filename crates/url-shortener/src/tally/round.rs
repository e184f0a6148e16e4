//! One round: what came, what was known, and what is known then.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use machine::NodeId;

use super::stats_key;
use crate::message::Click;
use crate::{Key, LinkStats};

/// Clicks that came.
#[derive(Clone, Debug)]
pub(super) struct Arrival {
    pub(super) from: NodeId,
    pub(super) log: u64,
    /// The log has nothing below this number any more.
    pub(super) kept: u64,
    /// The number of the first click.
    pub(super) first: u64,
    pub(super) clicks: Arc<[Click]>,
}

/// Something that the store knows.
#[derive(Clone, Debug)]
pub(super) enum Wanted {
    /// All clicks of this log below which number are counted?
    Position(u64),
    /// What is known of this link?
    Stats(Key),
}

impl Wanted {
    /// What the store calls it.
    pub(super) fn bytes(&self) -> Vec<u8> {
        match self {
            Wanted::Position(log) => [b"p", &log.to_le_bytes()[..]].concat(),
            Wanted::Stats(key) => stats_key(key),
        }
    }
}

/// What the store has is not what was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unreadable;

#[derive(Clone, Debug)]
pub(super) struct Round {
    arrivals: Vec<Arrival>,
    /// Reads whose answers are not there yet.
    reading: BTreeMap<u64, Wanted>,
    positions: BTreeMap<u64, u64>,
    stats: BTreeMap<Key, LinkStats>,
    /// Links that somebody clicked who was not counted before.
    changed: Vec<Key>,
    counted: u64,
    ticket: Option<u64>,
}

impl Round {
    pub(super) fn new(arrivals: Vec<Arrival>) -> Round {
        let positions = arrivals.iter().map(|arrival| (arrival.log, 0)).collect();
        let clicks = arrivals.iter().flat_map(|arrival| arrival.clicks.iter());
        let stats = clicks.map(|click| (click.key.clone(), LinkStats::default())).collect();
        let (reading, changed) = (BTreeMap::new(), Vec::new());
        Round { arrivals, reading, positions, stats, changed, counted: 0, ticket: None }
    }

    /// What has to be read before anything can be counted.
    pub(super) fn wants(&self) -> Vec<Wanted> {
        let positions = self.positions.keys().copied().map(Wanted::Position);
        positions.chain(self.stats.keys().cloned().map(Wanted::Stats)).collect()
    }

    pub(super) fn reads(&mut self, ticket: u64, wanted: Wanted) {
        self.reading.insert(ticket, wanted);
    }

    /// What the read of this ticket found.
    pub(super) fn found(&mut self, ticket: u64, bytes: Option<Bytes>) -> Result<(), Unreadable> {
        let (Some(wanted), Some(bytes)) = (self.reading.remove(&ticket), bytes) else {
            return Ok(());
        };
        match wanted {
            Wanted::Position(log) => {
                let bytes = bytes[..].try_into().map_err(|_| Unreadable)?;
                self.positions.insert(log, u64::from_le_bytes(bytes));
            }
            Wanted::Stats(key) => {
                self.stats.insert(key, LinkStats::from_bytes(&bytes).ok_or(Unreadable)?);
            }
        }
        Ok(())
    }

    pub(super) fn has_read_all(&self) -> bool {
        self.reading.is_empty() && self.ticket.is_none()
    }

    /// Counts what is new, all of which is one batch of the store. `dedup` is the mechanism `click-dedup`.
    pub(super) fn count(&mut self, dedup: bool) -> Vec<(Bytes, Option<Bytes>)> {
        let before = self.positions.clone();
        for arrival in &self.arrivals {
            let Arrival { log, kept, first, clicks, .. } = arrival;
            let position = self.positions.entry(*log).or_default();
            let new = if dedup { new_clicks(position, *kept, *first, clicks) } else { &clicks[..] };
            for click in new {
                self.stats.entry(click.key.clone()).or_default().count(click);
                self.changed.push(click.key.clone());
            }
            self.counted += new.len() as u64;
            if !new.is_empty() {
                *position = (*position).max(first + clicks.len() as u64);
            }
        }
        self.changed.sort_unstable();
        self.changed.dedup();
        let moved = self.positions.iter().filter(|(log, at)| before.get(log) != Some(at));
        let positions = moved.map(|(log, at)| {
            (Wanted::Position(*log).bytes().into(), Some(Bytes::copy_from_slice(&at.to_le_bytes())))
        });
        let changed = self.changed.iter().filter_map(|key| Some((key, self.stats.get(key)?)));
        let stats = changed.map(|(key, stats)| (stats_key(key).into(), Some(stats.to_bytes())));
        positions.chain(stats).collect()
    }

    pub(super) fn commits(&mut self, ticket: u64) {
        self.ticket = Some(ticket);
    }

    pub(super) fn waits_for(&self, ticket: u64) -> bool {
        self.ticket == Some(ticket)
    }

    /// How far each log is counted.
    pub(super) fn positions(&self) -> impl Iterator<Item = (u64, u64)> {
        self.positions.iter().map(|(log, below)| (*log, *below)).filter(|(_, below)| *below > 0)
    }

    /// What is known now of every link in the round, whether its clicks were new or not.
    pub(super) fn known(&self) -> impl Iterator<Item = (&Key, &LinkStats)> {
        self.stats.iter().filter(|(_, stats)| stats.clicks > 0)
    }

    pub(super) fn counted(&self) -> u64 {
        self.counted
    }

    /// Who is told what: once each, however many batches they sent.
    pub(super) fn answers(&self) -> Vec<(NodeId, u64, u64)> {
        let answer = |arrival: &Arrival| {
            Some((arrival.from, arrival.log, *self.positions.get(&arrival.log)?))
        };
        let mut answers: Vec<_> = self.arrivals.iter().filter_map(answer).collect();
        answers.sort_unstable();
        answers.dedup();
        answers
    }
}

/// Those of the clicks that were not counted yet. None, where some are missing before them: they are on
/// their way once more, and these will come behind them.
fn new_clicks<'a>(position: &mut u64, kept: u64, first: u64, clicks: &'a [Click]) -> &'a [Click] {
    // The log has lost what this tally never saw, or this tally what it had counted.
    *position = (*position).max(kept);
    match position.checked_sub(first) {
        Some(known) => clicks.get(known as usize..).unwrap_or_default(),
        None => &[],
    }
}
