//! Batches that clients send, from the request to its answer.
//!
//! 1. Each batch was checked when it was read (`batch.rs`); here its partition is looked for.
//! 2. The replica takes it into its log, or says why not (`replica/leading.rs`).
//! 3. What it says when the watermark has passed (acks=all), or its own disk has it (acks=1), is the answer.
//!    With acks=0 it is answered at once: the door keeps that to itself, and so owes its client nothing.
//! 4. Where that does not come in time, the answer is that it may have happened.

use std::collections::BTreeMap;

use machine::{NodeId, Now, Outputs, Time};

use super::{Broker, Deadline, answer};
use crate::ask::{Answer, Produce, Produced};
use crate::error::ErrorCode;
use crate::message::ReplicatedLog;
use crate::words::{Offset, TopicPartition, TopicRef};

/// Requests that wait for acknowledgements.
#[derive(Clone, Debug, Default)]
pub(super) struct Produces(BTreeMap<u64, PendingProduce>);

#[derive(Clone, Debug)]
struct PendingProduce {
    client: NodeId,
    token: u64,
    answers: Vec<Produced>,
    /// Parts that are not decided, and where they are.
    open: BTreeMap<u32, TopicPartition>,
    deadline: Time,
}

impl Produces {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

impl Broker {
    pub(super) fn produce(
        &mut self,
        (client, token): (NodeId, u64),
        ask: Produce,
        now: &mut Now<'_>,
        out: &mut Outputs<ReplicatedLog>,
    ) {
        let request = self.next_request();
        let deadline = now.time + ask.timeout;
        let (answers, open) = (Vec::with_capacity(ask.batches.len()), BTreeMap::new());
        let mut pending = PendingProduce { client, token, answers, open, deadline };
        let is_full = self.is_overloaded();
        let mut asked = Vec::new();
        for (part, one) in ask.batches.into_iter().enumerate() {
            let part = part as u32;
            let outcome = match (self.find(&one.topic, one.partition), one.batch) {
                (Err(error), _) | (_, Err(error)) => Err(error),
                // It is not tried, and nobody knows better than that it may not have happened.
                _ if is_full => Err(ErrorCode::RequestTimedOut),
                (Ok(partition), Ok(_)) if self.is_own_topic(partition) => {
                    Err(ErrorCode::InvalidTopic)
                }
                (Ok(partition), Ok(batch)) => {
                    pending.open.insert(part, partition);
                    asked.push((part, partition, batch));
                    Err(ErrorCode::RequestTimedOut)
                }
            };
            pending.answers.push(Produced { topic: one.topic, partition: one.partition, outcome });
        }
        self.produces.0.insert(request, pending);
        for (part, partition, batch) in asked {
            let taken = self.with(partition, now, out, |replica, turn| {
                replica.produce((request, part), &batch, ask.acks, turn)
            });
            if let Err(error) = taken.unwrap_or(Err(ErrorCode::NotLeaderOrFollower)) {
                self.decided((request, part), Err(error));
            }
        }
        self.deadlines.insert((deadline, Deadline::Produce(request)));
        self.finish(request, out);
    }

    /// What became of a part of a request.
    pub(super) fn produced(
        &mut self,
        (request, part): (u64, u32),
        outcome: Result<Offset, ErrorCode>,
        out: &mut Outputs<ReplicatedLog>,
    ) {
        let Some(partition) = self.produces.0.get(&request).and_then(|one| one.open.get(&part))
        else {
            return;
        };
        let start = self.replicas.get(partition).map_or(0, |replica| replica.log.start_offset());
        self.decided((request, part), outcome.map(|base| (base, start)));
        self.finish(request, out);
    }

    fn decided(
        &mut self,
        (request, part): (u64, u32),
        outcome: Result<(Offset, Offset), ErrorCode>,
    ) {
        let Some(pending) = self.produces.0.get_mut(&request) else { return };
        if pending.open.remove(&part).is_some()
            && let Some(answer) = pending.answers.get_mut(part as usize)
        {
            answer.outcome = outcome;
        }
    }

    /// Answers, if nothing is open.
    fn finish(&mut self, request: u64, out: &mut Outputs<ReplicatedLog>) {
        if self.produces.0.get(&request).is_none_or(|pending| !pending.open.is_empty()) {
            return;
        }
        let Some(done) = self.produces.0.remove(&request) else { return };
        self.deadlines.remove(&(done.deadline, Deadline::Produce(request)));
        answer(done.client, done.token, Answer::Produced(done.answers), out);
    }

    /// It has waited long enough: what is open may have happened.
    pub(super) fn produce_is_late(
        &mut self,
        request: u64,
        now: &mut Now<'_>,
        out: &mut Outputs<ReplicatedLog>,
    ) {
        let Some(pending) = self.produces.0.get(&request) else { return };
        for (part, partition) in pending.open.clone() {
            let too_few = self.with(partition, now, out, |replica, turn| {
                replica.forget(request);
                replica.has_too_few(turn)
            });
            let error = match too_few {
                Some(true) => ErrorCode::NotEnoughReplicasAfterAppend,
                _ => ErrorCode::RequestTimedOut,
            };
            self.decided((request, part), Err(error));
        }
        self.finish(request, out);
    }

    /// Nobody waits for the answers to this client.
    pub(super) fn forget_produces(&mut self, client: NodeId) {
        let gone = self.produces.0.iter().filter(|(_, pending)| pending.client == client);
        for request in gone.map(|(request, _)| *request).collect::<Vec<_>>() {
            let Some(pending) = self.produces.0.remove(&request) else { continue };
            self.deadlines.remove(&(pending.deadline, Deadline::Produce(request)));
            for partition in pending.open.values() {
                if let Some(replica) = self.replicas.get_mut(partition) {
                    replica.forget(request);
                }
            }
        }
    }

    /// The partition that a client means.
    ///
    /// # Errors
    /// If there is none, or it is not here.
    pub(super) fn find(
        &self,
        topic: &TopicRef,
        partition: u32,
    ) -> Result<TopicPartition, ErrorCode> {
        let unknown = ErrorCode::UnknownTopicOrPartition;
        let topic = match topic {
            TopicRef::Name(name) => *self.view.names.get(name).ok_or(unknown)?,
            TopicRef::Id(id) => *id,
        };
        let known = self.view.topics.get(&topic).ok_or(ErrorCode::UnknownTopicId)?;
        if partition as usize >= known.partitions.len() {
            return Err(unknown);
        }
        let partition = TopicPartition { topic, partition };
        match self.replicas.contains_key(&partition) {
            true => Ok(partition),
            false => Err(ErrorCode::NotLeaderOrFollower),
        }
    }
}
