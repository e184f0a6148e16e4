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

/// A batch, and the file that it is in.
#[derive(Clone, Debug)]
struct Parcel {
    batch: Batch,
    file: u64,
}

#[derive(Clone, Debug)]
pub(super) struct Outbox {
    tally: NodeId,
    tuning: ClickTuning,
    parcels: VecDeque<Parcel>,
    /// So many of the first are on their way.
    sent: usize,
    /// Since the tally counted anything.
    retries: u32,
    due: Option<Time>,
}

impl Outbox {
    pub(super) fn new(tally: NodeId, tuning: ClickTuning) -> Outbox {
        let parcels = VecDeque::new();
        Outbox { tally, tuning, parcels, sent: 0, retries: 0, due: None }
    }

    /// Puts in what follows what was put in last.
    pub(super) fn push(&mut self, batch: Batch, file: u64) {
        self.parcels.push_back(Parcel { batch, file });
    }

    /// Sends what may be on its way.
    pub(super) fn send(&mut self, now: &mut Now<'_>, out: &mut Outputs<Shortener>) {
        while self.sent < self.parcels.len().min(self.tuning.in_flight) && self.may_follow() {
            self.send_one(self.sent, out);
            self.sent += 1;
            self.due.get_or_insert(now.time + self.tuning.patience);
        }
    }

    /// Where the disk has lost a part of a log, what comes behind it waits until all before it is counted:
    /// the tally is told not to wait for what is missing, and must not take that for what is on its way.
    fn may_follow(&self) -> bool {
        let before = self.sent.checked_sub(1).and_then(|before| self.parcels.get(before));
        match (before, self.parcels.get(self.sent)) {
            (Some(Parcel { batch: before, .. }), Some(Parcel { batch: next, .. })) => {
                before.log != next.log || before.end() == next.first
            }
            _ => true,
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
        let batch = self.parcels[place].batch.clone();
        let of_the_log = self.parcels.iter().find(|parcel| parcel.batch.log == batch.log);
        let kept = of_the_log.map_or(batch.first, |parcel| parcel.batch.first);
        out.send(self.tally, Message::Clicks { kept, batch });
    }
}
