//! One partition on one broker: its log, and what this broker is to it.
//!
//! The law: the leader epoch never falls, and in one epoch a replica is what the controllers made it: it leads, or
//! it follows. What it tells consumers it may read never falls either.

mod following;
mod isr;
mod leading;
mod reads;
mod watermark;

use std::collections::{BTreeMap, VecDeque};

use machine::{NodeId, Now, Outputs, Switches, Window};
use partition_log::{Log, LogEvent, LogLimits, Protections};

use crate::ask::{OffsetFound, Settings};
use crate::batch::Batch;
use crate::cluster::{Cluster, Partition};
use crate::error::ErrorCode;
use crate::mechanism::Mechanism;
use crate::message::{ReplicaFetch, ReplicatedLog};
use crate::note::Note;
use crate::throttle::Throttle;
use crate::tuning::Tuning;
use crate::words::{BrokerEpoch, LeaderEpoch, Offset, TopicPartition};
use following::Following;
use leading::Leading;
use reads::Reading;

pub(crate) use reads::{Loading, Look};

/// What one input is handled with, by all replicas of a broker.
pub(crate) struct Turn<'a, 'n> {
    pub(crate) now: &'a mut Now<'n>,
    pub(crate) out: &'a mut Outputs<ReplicatedLog>,
    pub(crate) bound: &'a mut journal::Bound,
    /// What followers have not taken yet.
    pub(crate) window: &'a mut Window,
    pub(crate) throttle: &'a mut Throttle,
    pub(crate) view: &'a Cluster,
    pub(crate) me: NodeId,
    pub(crate) controllers: &'a [NodeId],
    /// Of this broker's registration.
    pub(crate) broker_epoch: BrokerEpoch,
    /// Its session lasts: it may acknowledge.
    pub(crate) is_alive: bool,
    pub(crate) tuning: &'a Tuning,
    pub(crate) switches: Switches,
}

/// A partition here.
#[derive(Clone)]
pub(crate) struct Replica {
    pub(crate) partition: TopicPartition,
    pub(crate) log: Log,
    role: Role,
    leader_epoch: LeaderEpoch,
    /// How far consumers may read.
    high_watermark: Offset,
    settings: Settings,
    /// From followers that know of an epoch before this broker does.
    early: BTreeMap<NodeId, ReplicaFetch>,
    reads: BTreeMap<u64, Reading>,
    next_read: u64,
    events: VecDeque<ReplicaEvent>,
    is_read: bool,
    /// At boot something was cut off its end.
    was_cut: bool,
    /// Bytes of batches in memory, when that was looked at last.
    pub(crate) cached: usize,
}

/// What this broker is to a partition.
#[derive(Clone)]
enum Role {
    /// Its disk is being read, or no registration of this boot is applied.
    Offline,
    /// Its disk does not have what it had.
    Damaged,
    Leading(Box<Leading>),
    Following(Following),
}

/// What a replica tells its broker.
#[derive(Clone, Debug)]
pub(crate) enum ReplicaEvent {
    /// Its disk was read, or is damaged, or was emptied.
    Ready,
    /// What is produced can be acknowledged, or not any more: the part of a request.
    Produced { request: u64, part: u32, outcome: Result<Offset, ErrorCode> },
    /// There may be more to read, or another to ask.
    Moved,
    /// What a fetch read from the disk.
    Read { request: u64, part: u32, batches: Result<Vec<Batch>, ErrorCode> },
    /// What was found by time.
    Found { request: u64, part: u32, found: Result<OffsetFound, ErrorCode> },
    /// What the coordinator asked for.
    Loaded { ticket: u64, batches: Vec<Batch> },
    /// It is led here from now on, in this epoch; or not any more.
    Leads(bool),
    /// All of it is gone.
    Deleted,
}

impl Replica {
    /// One of which the disk is yet to be read, with what consumers could read before.
    pub(crate) fn new(
        partition: TopicPartition,
        number: u32,
        high_watermark: Offset,
        settings: Settings,
        (tuning, switches): (&Tuning, Switches),
    ) -> Replica {
        let limits = LogLimits {
            segment_bytes: settings.segment_bytes,
            index_bytes: tuning.index_bytes,
            retention_bytes: settings.retention_bytes,
            flush: tuning.flush,
        };
        let protections = Protections {
            syncs: Mechanism::FlushBeforeAck.on(switches),
            heeds_rot: Mechanism::RotIsNotTail.on(switches),
        };
        Replica {
            partition,
            log: Log::new(number, limits, protections),
            role: Role::Offline,
            leader_epoch: 0,
            high_watermark,
            settings,
            early: BTreeMap::new(),
            reads: BTreeMap::new(),
            next_read: 0,
            events: VecDeque::new(),
            is_read: false,
            was_cut: false,
            cached: 0,
        }
    }

    pub(crate) fn next_event(&mut self) -> Option<ReplicaEvent> {
        self.events.pop_front()
    }

    pub(crate) fn high_watermark(&self) -> Offset {
        self.high_watermark
    }

    pub(crate) fn leads(&self) -> bool {
        matches!(self.role, Role::Leading(_))
    }

    pub(crate) fn leader_epoch(&self) -> LeaderEpoch {
        self.leader_epoch
    }

    /// Is its disk read, or known to be damaged?
    pub(crate) fn is_read(&self) -> bool {
        self.is_read || self.is_damaged()
    }

    /// Was something cut off its end when this broker booted?
    pub(crate) fn was_cut(&self) -> bool {
        self.was_cut
    }

    /// What is too much goes.
    pub(crate) fn retain(&mut self) {
        self.log.retain(self.high_watermark);
    }

    pub(crate) fn is_damaged(&self) -> bool {
        matches!(self.role, Role::Damaged)
    }

    /// The role, as faults aim at it.
    pub(crate) fn role_name(&self) -> &'static str {
        match self.role {
            Role::Offline => "offline",
            Role::Damaged => "damaged",
            Role::Leading(_) => "leader",
            Role::Following(_) => "follower",
        }
    }

    /// What the controllers decided about the partition, which this broker has a replica of.
    pub(crate) fn decide(&mut self, decided: &Partition, turn: &mut Turn<'_, '_>) {
        if matches!(self.role, Role::Damaged) {
            // Only once others have all that counts is what is here of no use to anybody.
            let replaced = decided.leader.is_some_and(|leader| leader != turn.me)
                && !decided.isr.contains(&turn.me);
            if !replaced {
                return;
            }
            self.role = Role::Offline;
            self.high_watermark = 0;
            self.log.restart_at(0);
            self.is_read = true;
            turn.out.note(Note::Sometimes("fetched-anew"));
        }
        if !self.is_read {
            return;
        }
        let is_new = decided.leader_epoch > self.leader_epoch || matches!(self.role, Role::Offline);
        match (&mut self.role, is_new) {
            (Role::Leading(leading), false) => leading.isr.commit(decided),
            (Role::Following(_), false) => {}
            _ => {
                self.step_down(ErrorCode::NotLeaderOrFollower);
                self.leader_epoch = decided.leader_epoch;
                if decided.leader == Some(turn.me) {
                    self.lead(decided, turn);
                } else {
                    self.follow(decided, turn);
                }
                self.events.push_back(ReplicaEvent::Moved);
            }
        }
        self.raise_watermark(turn);
    }

    /// The partition is this broker's no longer.
    pub(crate) fn leave(&mut self) {
        self.step_down(ErrorCode::UnknownTopicOrPartition);
        self.role = Role::Offline;
        self.events.push_back(ReplicaEvent::Moved);
        self.log.delete();
    }

    /// This broker takes nothing more.
    pub(crate) fn rest(&mut self) {
        self.step_down(ErrorCode::NotLeaderOrFollower);
        if !self.is_damaged() {
            self.role = Role::Offline;
        }
        self.events.push_back(ReplicaEvent::Moved);
    }

    /// What waits for acknowledgement may have happened.
    fn step_down(&mut self, why: ErrorCode) {
        if let Role::Leading(leading) = &mut self.role {
            let awaited = std::mem::take(&mut leading.awaits_all).into_keys();
            let awaited = awaited.chain(std::mem::take(&mut leading.awaits_own).into_keys());
            for (_, request, part) in awaited {
                self.events.push_back(ReplicaEvent::Produced { request, part, outcome: Err(why) });
            }
            self.events.push_back(ReplicaEvent::Leads(false));
        }
    }

    /// Ends an input: what the log tells is taken, what it has to do is given to the disk.
    pub(crate) fn settle(&mut self, turn: &mut Turn<'_, '_>) {
        loop {
            self.log.go_on(turn.bound, turn.out);
            let Some(event) = self.log.next_event() else { break };
            match event {
                LogEvent::Ready => {
                    self.is_read = true;
                    self.high_watermark = self.high_watermark.min(self.log.end_offset());
                    self.events.push_back(ReplicaEvent::Ready);
                }
                LogEvent::Cut { .. } => {
                    self.was_cut = true;
                    turn.out.note(Note::Sometimes("torn-tail"));
                }
                LogEvent::Ends => self.ends_moved(turn),
                LogEvent::Truncated => self.truncated(turn),
                LogEvent::Read { token, batches } => self.was_read(token, batches, turn),
                LogEvent::Found { token, found } => self.was_found(token, found),
                LogEvent::Full => turn.out.note(Note::Sometimes("disk-full")),
                LogEvent::Damaged(why) => self.damaged(why, turn),
                LogEvent::Broken(why) => turn.out.halt(why),
                LogEvent::Deleted => self.events.push_back(ReplicaEvent::Deleted),
            }
        }
    }

    fn damaged(&mut self, why: String, turn: &mut Turn<'_, '_>) {
        turn.out.note(Note::Damaged { partition: self.partition, why: why.into() });
        self.step_down(ErrorCode::KafkaStorageError);
        self.role = Role::Damaged;
        self.fail_reads();
        self.events.extend([ReplicaEvent::Ready, ReplicaEvent::Moved]);
    }

    fn ends_moved(&mut self, turn: &mut Turn<'_, '_>) {
        match &mut self.role {
            Role::Leading(_) => self.acknowledge_what_is_kept(turn),
            Role::Following(_) => self.fetch(turn),
            Role::Offline | Role::Damaged => {}
        }
    }

    /// The watermark is told to be there, or further.
    fn watermark_is(&mut self, to: Offset, turn: &mut Turn<'_, '_>) -> bool {
        if to <= self.high_watermark {
            return false;
        }
        self.high_watermark = to;
        if self.leads() {
            turn.out.note(Note::Watermark { partition: self.partition, to });
        }
        self.events.push_back(ReplicaEvent::Moved);
        true
    }
}

#[cfg(test)]
mod tests;
