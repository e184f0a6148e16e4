//! What clients read, from the request to its answer.
//!
//! 1. Each part is looked up at its replica (`replica/reads.rs`): in memory, or on the disk, which is waited for.
//! 2. If there is enough, or anything that a client must know at once, that is the answer.
//! 3. Else it waits: for a watermark to rise, or a leader to change, or until its time is up.

use std::collections::{BTreeMap, BTreeSet};

use machine::{NodeId, Now, Outputs, Time};

use super::{Broker, Deadline, answer};
use crate::ask::{Answer, Fetch, Fetched, Records};
use crate::batch::Batch;
use crate::error::ErrorCode;
use crate::mechanism::Mechanism;
use crate::message::ReplicatedLog;
use crate::note::Note;
use crate::replica::Look;
use crate::words::TopicPartition;

/// An answer has about so many bytes at most.
const MOST_BYTES: u32 = 2 << 20;

/// Requests that wait for something to read.
#[derive(Clone, Debug, Default)]
pub(super) struct Fetches {
    pending: BTreeMap<u64, PendingFetch>,
    /// Who waits for what.
    waiting: BTreeMap<TopicPartition, BTreeSet<u64>>,
}

#[derive(Clone, Debug)]
struct PendingFetch {
    client: NodeId,
    token: u64,
    ask: Fetch,
    deadline: Time,
    found: Vec<Look>,
    /// Parts that are being read from the disk.
    reading: BTreeSet<u32>,
    /// Where it waits for something to happen; nowhere before it was told that it waits.
    waits: Vec<TopicPartition>,
}

impl Fetches {
    pub(super) fn len(&self) -> usize {
        self.pending.len()
    }

    /// Those that wait for something to happen to this partition.
    fn of(&self, partition: TopicPartition) -> Vec<u64> {
        self.waiting.get(&partition).into_iter().flatten().copied().collect()
    }
}

impl Broker {
    pub(super) fn fetch(
        &mut self,
        (client, token): (NodeId, u64),
        ask: Fetch,
        now: &mut Now<'_>,
        out: &mut Outputs<ReplicatedLog>,
    ) {
        let request = self.next_request();
        let deadline = now.time + ask.max_wait;
        let is_last = ask.max_wait.is_zero() || self.is_overloaded();
        let (found, reading, waits) = (Vec::new(), BTreeSet::new(), Vec::new());
        let pending = PendingFetch { client, token, ask, deadline, found, reading, waits };
        self.fetches.pending.insert(request, pending);
        self.deadlines.insert((deadline, Deadline::Fetch(request)));
        self.look(request, is_last, now, out);
    }

    /// Looks what there is now, and answers if it is enough, or the last time that is looked.
    fn look(
        &mut self,
        request: u64,
        is_last: bool,
        now: &mut Now<'_>,
        out: &mut Outputs<ReplicatedLog>,
    ) {
        let Some(mut pending) = self.fetches.pending.remove(&request) else { return };
        if pending.reading.is_empty() {
            pending.found.clear();
            let most = pending.ask.max_bytes.min(MOST_BYTES);
            let mut bytes = 0;
            for (part, one) in pending.ask.parts.iter().enumerate() {
                let part = part as u32;
                let room = most.saturating_sub(bytes).min(one.max_bytes);
                let look = match self.find(&one.topic, one.partition) {
                    Err(error) => Look::Refused(error),
                    Ok(_) if bytes >= most => Look::Nothing,
                    Ok(partition) => {
                        let rack = pending.ask.rack.as_ref();
                        let look = self.with(partition, now, out, |replica, turn| {
                            replica.consume((request, part), one, rack, room, turn)
                        });
                        look.unwrap_or(Look::Nothing)
                    }
                };
                match &look {
                    Look::Batches(batches) => bytes = bytes.saturating_add(length(batches)),
                    Look::Later => {
                        pending.reading.insert(part);
                        bytes = bytes.saturating_add(room);
                    }
                    _ => {}
                }
                pending.found.push(look);
            }
        }
        if !pending.reading.is_empty() {
            self.fetches.pending.insert(request, pending);
        } else if is_last || is_enough(&pending) {
            self.answer_fetch(request, pending, out);
        } else {
            self.wait(request, pending, out);
        }
    }

    /// It waits for something to happen.
    fn wait(&mut self, request: u64, mut pending: PendingFetch, out: &mut Outputs<ReplicatedLog>) {
        let parts = pending.ask.parts.iter();
        let at: Vec<_> = parts
            .filter_map(|one| Some((self.find(&one.topic, one.partition).ok()?, one.offset)))
            .collect();
        for (partition, _) in &at {
            self.fetches.waiting.entry(*partition).or_default().insert(request);
        }
        let waits = at.iter().map(|(partition, _)| *partition).collect();
        if std::mem::replace(&mut pending.waits, waits).is_empty() {
            let (client, token) = (pending.client, pending.token);
            out.note(Note::FetchWaits { client, token, at });
        }
        self.fetches.pending.insert(request, pending);
    }

    /// Something happened to a partition: there may be more to read.
    pub(super) fn wake(
        &mut self,
        partition: TopicPartition,
        now: &mut Now<'_>,
        out: &mut Outputs<ReplicatedLog>,
    ) {
        if !Mechanism::FetchWakeup.on(self.switches) {
            return;
        }
        for request in self.fetches.of(partition) {
            self.look(request, false, now, out);
        }
    }

    /// A part was read from the disk.
    pub(super) fn was_read(
        &mut self,
        (request, part): (u64, u32),
        batches: Result<Vec<Batch>, ErrorCode>,
        out: &mut Outputs<ReplicatedLog>,
    ) {
        let Some(pending) = self.fetches.pending.get_mut(&request) else { return };
        pending.reading.remove(&part);
        if let Some(found) = pending.found.get_mut(part as usize) {
            *found = batches.map_or_else(Look::Refused, Look::Batches);
        }
        if pending.reading.is_empty()
            && let Some(pending) = self.fetches.pending.remove(&request)
        {
            // What was asked of the disk is answered, however little it is.
            self.answer_fetch(request, pending, out);
        }
    }

    /// Its time is up: it gets what there is.
    pub(super) fn fetch_is_late(
        &mut self,
        request: u64,
        now: &mut Now<'_>,
        out: &mut Outputs<ReplicatedLog>,
    ) {
        self.look(request, true, now, out);
    }

    fn answer_fetch(
        &mut self,
        request: u64,
        pending: PendingFetch,
        out: &mut Outputs<ReplicatedLog>,
    ) {
        self.unlist(request, &pending);
        let PendingFetch { client, token, ask, found, waits, .. } = pending;
        let fetched = ask.parts.into_iter().zip(found).map(|(one, look)| {
            let outcome = self.records(self.find(&one.topic, one.partition), look);
            Fetched { topic: one.topic, partition: one.partition, outcome }
        });
        let fetched = fetched.collect();
        if !waits.is_empty() {
            out.note(Note::FetchAnswered { client, token });
        }
        answer(client, token, Answer::Fetched(fetched), out);
    }

    fn records(
        &self,
        partition: Result<TopicPartition, ErrorCode>,
        look: Look,
    ) -> Result<Records, ErrorCode> {
        let (preferred_replica, batches) = match look {
            Look::Refused(error) => return Err(error),
            Look::Elsewhere(replica) => (Some(replica), Vec::new()),
            Look::Batches(batches) => (None, batches),
            Look::Nothing | Look::Later => (None, Vec::new()),
        };
        let replica = self.replicas.get(&partition?).ok_or(ErrorCode::NotLeaderOrFollower)?;
        let (high_watermark, log_start) = (replica.high_watermark(), replica.log.start_offset());
        Ok(Records { high_watermark, log_start, preferred_replica, batches })
    }

    fn unlist(&mut self, request: u64, pending: &PendingFetch) {
        self.deadlines.remove(&(pending.deadline, Deadline::Fetch(request)));
        for partition in &pending.waits {
            if let Some(requests) = self.fetches.waiting.get_mut(partition) {
                requests.remove(&request);
                if requests.is_empty() {
                    self.fetches.waiting.remove(partition);
                }
            }
        }
    }

    /// Nobody waits for the answers to this client.
    pub(super) fn forget_fetches(&mut self, gone: NodeId, out: &mut Outputs<ReplicatedLog>) {
        let theirs = self.fetches.pending.iter().filter(|(_, pending)| pending.client == gone);
        for request in theirs.map(|(request, _)| *request).collect::<Vec<_>>() {
            let Some(pending) = self.fetches.pending.remove(&request) else { continue };
            self.unlist(request, &pending);
            if !pending.waits.is_empty() {
                out.note(Note::FetchAnswered { client: gone, token: pending.token });
            }
        }
    }
}

/// Is there as much as was asked for, or something that a client must know at once?
fn is_enough(pending: &PendingFetch) -> bool {
    let mut bytes = 0_u32;
    for look in &pending.found {
        match look {
            Look::Refused(_) | Look::Elsewhere(_) => return true,
            Look::Batches(batches) => bytes = bytes.saturating_add(length(batches)),
            Look::Nothing | Look::Later => {}
        }
    }
    bytes >= pending.ask.min_bytes.max(1) || pending.ask.min_bytes == 0
}

fn length(batches: &[Batch]) -> u32 {
    batches.iter().fold(0, |bytes, batch| bytes.saturating_add(batch.length()))
}
