//! What is on its way to the tally, and what waits behind it in memory.
//!
//! The law: batches leave in order, a bounded number of them at a time, and again until the tally has
//! counted them. What is sent again waits longer each time, so that a tally that comes back is not met by
//! all instances at once.

use std::collections::VecDeque;

use machine::{NodeId, Now, Outputs, Time};

use super::ClickTuning;
use super::record::Batch;
use crate::message::{Message, Shortener};

/// A batch, as it is sent.
#[derive(Clone, Debug)]
struct Parcel {
    batch: Batch,
    /// Its log has nothing below this number any more.
    kept: u64,
    /// The file that it is in.
    file: u64,
}

#[derive(Clone, Debug)]
pub(super) struct Outbox {
    tally: NodeId,
    tuning: ClickTuning,
    parcels: VecDeque<Parcel>,
    /// So many of the first are on their way.
    sent: usize,
    /// What was put in last: its log, its `kept` and where it ended.
    last: Option<(u64, u64, u64)>,
    /// Since the tally counted anything.
    retries: u32,
    due: Option<Time>,
}

impl Outbox {
    pub(super) fn new(tally: NodeId, tuning: ClickTuning) -> Outbox {
        let parcels = VecDeque::new();
        Outbox { tally, tuning, parcels, sent: 0, last: None, retries: 0, due: None }
    }

    /// Puts in what follows what was put in last. Where something is missing in between, it was
    /// counted and deleted before the last boot, or the disk lost it.
    pub(super) fn push(&mut self, batch: Batch, file: u64) {
        let kept = match self.last {
            Some((log, kept, end)) if (log, end) == (batch.log, batch.first) => kept,
            _ => batch.first,
        };
        self.last = Some((batch.log, kept, batch.end()));
        self.parcels.push_back(Parcel { batch, kept, file });
    }

    /// Sends what may be on its way.
    pub(super) fn send(&mut self, now: &mut Now<'_>, out: &mut Outputs<Shortener>) {
        while self.sent < self.parcels.len().min(self.tuning.in_flight) {
            self.send_one(self.sent, out);
            self.sent += 1;
            self.due.get_or_insert(now.time + self.tuning.patience);
        }
    }

    /// All clicks of this log below this number are counted.
    pub(super) fn counted(&mut self, log: u64, below: u64, now: &mut Now<'_>) {
        let before = self.parcels.len();
        while let Some(Parcel { batch, .. }) = self.parcels.front()
            && self.sent > 0
            && batch.log == log
            && batch.end() <= below
        {
            self.parcels.pop_front();
            self.sent -= 1;
        }
        if self.parcels.len() < before {
            self.retries = 0;
            self.due = (self.sent > 0).then(|| now.time + self.tuning.patience);
        }
    }

    /// The tally has not answered in time: everything that is on its way leaves again.
    pub(super) fn tick(&mut self, now: &mut Now<'_>, out: &mut Outputs<Shortener>) {
        if self.due.is_some_and(|due| due <= now.time) {
            (0..self.sent).for_each(|place| self.send_one(place, out));
            self.due = (self.sent > 0).then(|| now.time + self.tuning.patience + self.wait(now));
        }
    }

    /// What was on its way may be lost, so that nobody needs to wait for the answer.
    pub(super) fn reset(&mut self, peer: NodeId, now: &mut Now<'_>) {
        if peer == self.tally && self.sent > 0 {
            self.due = Some(now.time + self.wait(now));
        }
    }

    pub(super) fn due(&self) -> Option<Time> {
        self.due
    }

    pub(super) fn has_room(&self) -> bool {
        self.parcels.len() < self.tuning.in_memory
    }

    /// Nothing waits in memory to be sent.
    pub(super) fn is_hungry(&self) -> bool {
        self.parcels.len() < self.tuning.in_flight
    }

    pub(super) fn is_empty(&self) -> bool {
        self.parcels.is_empty()
    }

    /// The oldest file of which something is not counted, as far as it is in memory.
    pub(super) fn oldest_file(&self) -> Option<u64> {
        self.parcels.front().map(|parcel| parcel.file)
    }

    fn wait(&mut self, now: &mut Now<'_>) -> std::time::Duration {
        let wait = self.tuning.backoff.wait(self.retries, now.random);
        self.retries += 1;
        wait
    }

    fn send_one(&self, place: usize, out: &mut Outputs<Shortener>) {
        let Parcel { batch, kept, .. } = &self.parcels[place];
        let Batch { log, first, clicks } = batch.clone();
        out.send(self.tally, Message::Clicks { log, kept: *kept, first, clicks });
    }
}
