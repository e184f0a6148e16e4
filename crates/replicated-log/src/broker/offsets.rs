//! Offsets by time, and where leader epochs end.

use std::collections::BTreeMap;

use machine::{NodeId, Now, Outputs};

use super::{Broker, answer};
use crate::ask::{Answer, EpochAsk, EpochEnd, OffsetAnswer, OffsetAsk, OffsetFound};
use crate::error::ErrorCode;
use crate::message::ReplicatedLog;

/// Requests of which some parts are looked up on the disk.
#[derive(Clone, Debug, Default)]
pub(super) struct Lookups(BTreeMap<u64, PendingLookup>);

#[derive(Clone, Debug)]
struct PendingLookup {
    client: NodeId,
    token: u64,
    answers: Vec<OffsetAnswer>,
    open: usize,
}

impl Lookups {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

impl Broker {
    pub(super) fn list_offsets(
        &mut self,
        (client, token): (NodeId, u64),
        asks: Vec<OffsetAsk>,
        now: &mut Now<'_>,
        out: &mut Outputs<ReplicatedLog>,
    ) {
        let request = self.next_request();
        let (mut answers, mut open) = (Vec::with_capacity(asks.len()), 0);
        for (part, ask) in asks.into_iter().enumerate() {
            let outcome = match self.find(&ask.topic, ask.partition) {
                Err(error) => Some(Err(error)),
                Ok(partition) => self
                    .with(partition, now, out, |replica, turn| {
                        replica.offset_of((request, part as u32), &ask, turn)
                    })
                    .unwrap_or(Some(Err(ErrorCode::NotLeaderOrFollower))),
            };
            open += usize::from(outcome.is_none());
            let outcome = outcome.unwrap_or(Err(ErrorCode::NotLeaderOrFollower));
            answers.push(OffsetAnswer { topic: ask.topic, partition: ask.partition, outcome });
        }
        self.lookups.0.insert(request, PendingLookup { client, token, answers, open });
        self.finish_lookup(request, out);
    }

    /// A part was looked up, or cannot be.
    pub(super) fn was_found(
        &mut self,
        (request, part): (u64, u32),
        found: Result<OffsetFound, ErrorCode>,
        out: &mut Outputs<ReplicatedLog>,
    ) {
        let Some(pending) = self.lookups.0.get_mut(&request) else { return };
        if let Some(answer) = pending.answers.get_mut(part as usize) {
            answer.outcome = found;
            pending.open -= 1;
        }
        self.finish_lookup(request, out);
    }

    fn finish_lookup(&mut self, request: u64, out: &mut Outputs<ReplicatedLog>) {
        let is_done = self.lookups.0.get(&request).is_some_and(|pending| pending.open == 0);
        if is_done && let Some(done) = self.lookups.0.remove(&request) {
            answer(done.client, done.token, Answer::Offsets(done.answers), out);
        }
    }

    pub(super) fn forget_lookups(&mut self, client: NodeId) {
        self.lookups.0.retain(|_, pending| pending.client != client);
    }

    pub(super) fn epoch_ends(
        &self,
        (client, token): (NodeId, u64),
        asks: Vec<EpochAsk>,
        out: &mut Outputs<ReplicatedLog>,
    ) {
        let ends = asks.into_iter().map(|ask| {
            let replica = self.find(&ask.topic, ask.partition).and_then(|partition| {
                self.replicas.get(&partition).ok_or(ErrorCode::NotLeaderOrFollower)
            });
            let outcome = replica.and_then(|replica| replica.epoch_end(&ask));
            EpochEnd { topic: ask.topic, partition: ask.partition, outcome }
        });
        answer(client, token, Answer::EpochEnds(ends.collect()), out);
    }
}
