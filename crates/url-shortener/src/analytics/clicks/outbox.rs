//! The batches that were sent to the tally, and those that wait in memory to be sent.
//!
//! The law: batches are sent in order, a bounded number at a time, and again until the tally has counted
//! them. The wait before sending again grows, so that a tally that comes back is not flooded by all
//! instances at once.

use std::collections::VecDeque;

use machine::{NodeId, Now, Outputs, Time};

use super::ClickTuning;
use super::record::Batch;
use crate::message::{Message, Shortener};

/// A batch, and its file.
#[derive(Clone, Debug)]
struct QueuedBatch {
    batch: Batch,
    file: u64,
}

#[derive(Clone, Debug)]
pub(super) struct Outbox {
    tally: NodeId,
    tuning: ClickTuning,
    queue: VecDeque<QueuedBatch>,
    /// How many, from the first, were sent.
    sent: usize,
    /// Timeouts since the tally last counted something.
    retries: u32,
    due: Option<Time>,
}

impl Outbox {
    pub(super) fn new(tally: NodeId, tuning: ClickTuning) -> Outbox {
        let queue = VecDeque::new();
        Outbox { tally, tuning, queue, sent: 0, retries: 0, due: None }
    }

    /// Appends the next batch.
    pub(super) fn push(&mut self, batch: Batch, file: u64) {
        self.queue.push_back(QueuedBatch { batch, file });
    }

    /// Sends batches, up to the limit.
    pub(super) fn send(&mut self, now: &mut Now<'_>, out: &mut Outputs<Shortener>) {
        while self.sent < self.queue.len().min(self.tuning.in_flight) && self.can_send_next() {
            self.send_one(self.sent, out);
            self.sent += 1;
            self.due.get_or_insert(now.time + self.tuning.patience);
        }
    }

    /// After a gap, where the disk lost a part of a log, a batch waits until all before it are counted.
    /// It tells the tally not to wait for the gap, and the tally must not skip batches that are still on
    /// their way.
    fn can_send_next(&self) -> bool {
        let before = self.sent.checked_sub(1).and_then(|before| self.queue.get(before));
        match (before, self.queue.get(self.sent)) {
            (Some(QueuedBatch { batch: before, .. }), Some(QueuedBatch { batch: next, .. })) => {
                before.log != next.log || before.end() == next.first
            }
            _ => true,
        }
    }

    /// All clicks of this log below this number are counted.
    pub(super) fn counted(&mut self, log: u64, below: u64, now: &mut Now<'_>) {
        let before = self.queue.len();
        while let Some(QueuedBatch { batch, .. }) = self.queue.front()
            && self.sent > 0
            && batch.log == log
            && batch.end() <= below
        {
            self.queue.pop_front();
            self.sent -= 1;
        }
        if self.queue.len() < before {
            self.retries = 0;
            self.due = (self.sent > 0).then(|| now.time + self.tuning.patience);
        }
    }

    /// After a timeout, sends all uncounted batches again.
    pub(super) fn tick(&mut self, now: &mut Now<'_>, out: &mut Outputs<Shortener>) {
        if self.due.is_some_and(|due| due <= now.time) {
            (0..self.sent).for_each(|place| self.send_one(place, out));
            self.due = (self.sent > 0).then(|| now.time + self.tuning.patience + self.wait(now));
        }
    }

    /// The connection was reset, so batches may be lost: sends again soon, without waiting for the
    /// timeout.
    pub(super) fn reset(&mut self, peer: NodeId, now: &mut Now<'_>) {
        if peer == self.tally && self.sent > 0 {
            self.due = Some(now.time + self.wait(now));
        }
    }

    pub(super) fn due(&self) -> Option<Time> {
        self.due
    }

    pub(super) fn has_room(&self) -> bool {
        self.queue.len() < self.tuning.in_memory
    }

    /// Could more batches be sent than are in memory?
    pub(super) fn needs_more(&self) -> bool {
        self.queue.len() < self.tuning.in_flight
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// The file of the oldest batch in memory.
    pub(super) fn oldest_file(&self) -> Option<u64> {
        self.queue.front().map(|queued| queued.file)
    }

    fn wait(&mut self, now: &mut Now<'_>) -> std::time::Duration {
        let wait = self.tuning.backoff.wait(self.retries, now.random);
        self.retries += 1;
        wait
    }

    fn send_one(&self, place: usize, out: &mut Outputs<Shortener>) {
        let batch = self.queue[place].batch.clone();
        let of_the_log = self.queue.iter().find(|queued| queued.batch.log == batch.log);
        let kept = of_the_log.map_or(batch.first, |queued| queued.batch.first);
        out.send(self.tally, Message::Clicks { kept, batch });
    }
}
