//! What consumers read: how far they may, from whom, and from memory or the disk.

use machine::NodeId;

use super::{Replica, ReplicaEvent, Role, Turn};
use crate::ask::{EpochAsk, FetchPart, OffsetAsk, OffsetFound, When};
use crate::batch::Batch;
use crate::error::ErrorCode;
use crate::mechanism::Mechanism;
use crate::words::{LeaderEpoch, Name, Offset};
use partition_log::{Damaged, Read};

/// A read of the disk that is under way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reading {
    pub(super) purpose: Purpose,
}

/// What it is for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Purpose {
    Follower(NodeId),
    /// The coordinator, with this ticket.
    Load(u64),
    /// A part of a request of a client.
    Client {
        request: u64,
        part: u32,
    },
}

/// What there is for a consumer.
#[derive(Clone, Debug)]
pub(crate) enum Look {
    /// These.
    Batches(Vec<Batch>),
    /// [`ReplicaEvent::Read`] tells.
    Later,
    /// Nothing yet.
    Nothing,
    /// Nothing here: there is a replica that is nearer.
    Elsewhere(NodeId),
    /// An error.
    Refused(ErrorCode),
}

/// What there is for the coordinator.
#[derive(Clone, Debug)]
pub(crate) enum Loading {
    /// These; none at the end.
    Batches(Vec<Batch>),
    /// [`ReplicaEvent::Loaded`] tells.
    Later,
    /// Not everybody in sync has all of it, as far as is known: [`ReplicaEvent::Moved`] tells.
    Waits,
}

/// Read for the coordinator at a time.
const LOAD_BYTES: u32 = 1 << 20;

impl Replica {
    /// What a consumer may have from an offset on, of at most so many bytes.
    pub(crate) fn consume(
        &mut self,
        (request, part): (u64, u32),
        fetch: &FetchPart,
        rack: Option<&Name>,
        most: u32,
        turn: &mut Turn<'_, '_>,
    ) -> Look {
        if let Err(error) = self.knows_epoch(fetch.leader_epoch) {
            return Look::Refused(error);
        }
        let limit = match &self.role {
            Role::Damaged => return Look::Refused(ErrorCode::KafkaStorageError),
            Role::Following(_) if rack.is_some() => self.readable_here(turn),
            Role::Leading(_) => {
                if let Some(nearer) = rack.and_then(|rack| self.nearer(rack, fetch.offset, turn)) {
                    return Look::Elsewhere(nearer);
                }
                self.readable_here(turn)
            }
            _ => return Look::Refused(ErrorCode::NotLeaderOrFollower),
        };
        let end = self.log.end_offset();
        if fetch.offset < self.log.start_offset() || (self.leads() && fetch.offset > end) {
            return Look::Refused(ErrorCode::OffsetOutOfRange);
        }
        if fetch.offset >= limit {
            return Look::Nothing;
        }
        let token = self.next_read;
        match self.log.read(fetch.offset, limit, most, token, turn.out) {
            Read::Batches(batches) if batches.is_empty() => Look::Nothing,
            Read::Batches(batches) => Look::Batches(batches),
            Read::OutOfRange => Look::Refused(ErrorCode::OffsetOutOfRange),
            Read::Later => {
                self.next_read += 1;
                let purpose = Purpose::Client { request, part };
                self.reads.insert(token, Reading { purpose });
                Look::Later
            }
        }
    }

    /// How far consumers may read here.
    fn readable_here(&self, turn: &Turn<'_, '_>) -> Offset {
        let keeps = match self.leads() {
            true => Mechanism::HighWatermark,
            false => Mechanism::ReplicaWatermark,
        };
        if keeps.on(turn.switches) { self.high_watermark } else { self.log.end_offset() }
    }

    /// An in-sync follower in this rack, where this broker is not in it (KIP-392).
    fn nearer(&self, rack: &Name, offset: Offset, turn: &Turn<'_, '_>) -> Option<NodeId> {
        let is_there = |node: NodeId| {
            let broker = turn.view.brokers.get(&node);
            broker.is_some_and(|broker| broker.rack.as_ref() == Some(rack))
        };
        if is_there(turn.me) {
            return None;
        }
        let decided = turn.view.partition(self.partition)?;
        let mut nearer = decided.replicas.iter().copied().filter(|node| is_there(*node));
        nearer.find(|node| turn.view.is_alive(*node) && self.in_sync_has(*node, offset))
    }

    /// # Errors
    /// If the client knows another epoch.
    pub(crate) fn knows_epoch(&self, known: Option<LeaderEpoch>) -> Result<(), ErrorCode> {
        match known {
            Some(known) if known < self.leader_epoch => Err(ErrorCode::FencedLeaderEpoch),
            Some(known) if known > self.leader_epoch => Err(ErrorCode::UnknownLeaderEpoch),
            _ => Ok(()),
        }
    }

    /// An offset by time; where it is to be looked up on the disk, [`ReplicaEvent::Found`] tells.
    pub(crate) fn offset_of(
        &mut self,
        (request, part): (u64, u32),
        ask: &OffsetAsk,
        turn: &mut Turn<'_, '_>,
    ) -> Option<Result<OffsetFound, ErrorCode>> {
        if let Err(error) = self.knows_epoch(ask.leader_epoch) {
            return Some(Err(error));
        }
        if !self.leads() {
            return Some(Err(ErrorCode::NotLeaderOrFollower));
        }
        let leader_epoch = Some(self.leader_epoch);
        let at = |offset| OffsetFound { offset: Some(offset), timestamp: None, leader_epoch };
        match ask.when {
            When::Earliest => Some(Ok(at(self.log.start_offset()))),
            When::Latest if !self.is_watermark_known() => Some(Err(ErrorCode::OffsetNotAvailable)),
            When::Latest => Some(Ok(at(self.high_watermark))),
            when @ (When::At(_) | When::MaxTimestamp) => {
                let token = self.next_read;
                let found = self.log.find(when, self.high_watermark, token, turn.out);
                if found.is_none() {
                    self.next_read += 1;
                    let purpose = Purpose::Client { request, part };
                    self.reads.insert(token, Reading { purpose });
                }
                found.map(Ok)
            }
        }
    }

    /// Where a leader epoch ends.
    ///
    /// # Errors
    /// If it is not led here, or the client knows another epoch.
    pub(crate) fn epoch_end(
        &self,
        ask: &EpochAsk,
    ) -> Result<Option<(LeaderEpoch, Offset)>, ErrorCode> {
        self.knows_epoch(ask.current)?;
        if !self.leads() {
            return Err(ErrorCode::NotLeaderOrFollower);
        }
        Ok(self.log.epoch_end(ask.epoch))
    }

    /// Batches for the coordinator: from there on, up to where the log ended when it began to be led here.
    pub(crate) fn load(&mut self, ticket: u64, from: Offset, turn: &mut Turn<'_, '_>) -> Loading {
        let Some(until) = self.epoch_start() else { return Loading::Waits };
        if self.high_watermark < until {
            return Loading::Waits;
        }
        let from = from.max(self.log.start_offset());
        if from >= until {
            return Loading::Batches(Vec::new());
        }
        let token = self.next_read;
        match self.log.read(from, until, LOAD_BYTES, token, turn.out) {
            Read::Batches(batches) => Loading::Batches(batches),
            Read::OutOfRange => Loading::Batches(Vec::new()),
            Read::Later => {
                self.next_read += 1;
                self.reads.insert(token, Reading { purpose: Purpose::Load(ticket) });
                Loading::Later
            }
        }
    }

    pub(super) fn was_read(
        &mut self,
        token: u64,
        batches: Result<Vec<Batch>, Damaged>,
        turn: &mut Turn<'_, '_>,
    ) {
        let Some(Reading { purpose, .. }) = self.reads.remove(&token) else { return };
        let batches = batches.map_err(|Damaged| ErrorCode::KafkaStorageError);
        match (purpose, batches) {
            (Purpose::Follower(follower), Ok(batches)) => {
                self.send_batches(follower, batches, turn)
            }
            (Purpose::Follower(follower), Err(_)) => self.read_for_follower_failed(follower),
            (Purpose::Load(ticket), batches) => {
                let batches = batches.unwrap_or_default();
                self.events.push_back(ReplicaEvent::Loaded { ticket, batches });
            }
            (Purpose::Client { request, part }, batches) => {
                self.events.push_back(ReplicaEvent::Read { request, part, batches });
            }
        }
    }

    pub(super) fn was_found(&mut self, token: u64, found: OffsetFound) {
        if let Some(Reading { purpose: Purpose::Client { request, part }, .. }) =
            self.reads.remove(&token)
        {
            self.events.push_back(ReplicaEvent::Found { request, part, found: Ok(found) });
        }
    }

    /// What was to be read is not: its disk is damaged.
    pub(super) fn fail_reads(&mut self) {
        for (_, reading) in std::mem::take(&mut self.reads) {
            if let Purpose::Client { request, part } = reading.purpose {
                let batches = Err(ErrorCode::KafkaStorageError);
                self.events.push_back(ReplicaEvent::Read { request, part, batches });
            }
        }
    }
}
