//! A broker from its boot to its end: it reads its disk, registers, tells that it is alive, and leaves in good order.
//!
//! 1. The bound and what the broker remembers of itself are read; then each log is.
//! 2. When all logs are ready, or are known to be damaged, the broker registers.
//! 3. Told to stop, it has its leaders moved first, then makes durable what is written, and says that it was clean.

use std::time::Duration;

use machine::{CheckpointError, CheckpointOp, DiskError, DiskId, DiskResult, NodeId, Now, Outputs};
use rand::RngExt;

use super::memory::Memory;
use super::{Broker, Deadline};
use crate::mechanism::Mechanism;
use crate::message::{Beat, Heartbeat, Message, Registration, ReplicatedLog, Timer};
use crate::note::Note;
use crate::replica::Replica;
use crate::tuning::Flush;
use crate::words::{BrokerEpoch, OFFSETS_TOPIC, TopicPartition};

/// Leaders that are not moved so long after a broker wanted to stop are left behind.
const PATIENCE: Duration = Duration::from_secs(3);
/// Lag is looked at so often within its limit.
const LOOKS: u32 = 8;

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// What it remembers is being read.
    Reading,
    /// Its logs are.
    Recovering { clean: bool },
    /// It registers, or is registered.
    Up,
    /// What is written is being made durable.
    Closing,
    /// That is to be remembered.
    Closed,
}

impl Broker {
    pub(super) fn start(
        &mut self,
        disk: DiskId,
        now: &mut Now<'_>,
        out: &mut Outputs<ReplicatedLog>,
    ) {
        self.disk = disk;
        self.session.boot = now.random.random_range(1..=u64::MAX);
        self.bound.start(disk, out);
        self.remembering.checkpoint().load(out);
    }

    /// What it remembers was read or written.
    pub(super) fn remembered(
        &mut self,
        op: CheckpointOp,
        result: DiskResult,
        now: &mut Now<'_>,
        out: &mut Outputs<ReplicatedLog>,
    ) {
        match op {
            CheckpointOp::Loaded => {
                let loaded = self.remembering.checkpoint().loaded(result);
                let memory = loaded.map_err(|error| error.to_string()).and_then(|bytes| {
                    Memory::decode(bytes).map_err(|error| format!("what it remembers: {error}"))
                });
                match memory {
                    Err(why) => out.halt(why),
                    Ok(memory) => self.recover(memory, now, out),
                }
            }
            CheckpointOp::Saved => match self.remembering.checkpoint().saved(result, out) {
                Ok(()) => {
                    let named = self.remembering.saved();
                    self.begin(named, now, out);
                }
                Err(CheckpointError::Disk(DiskError::Full)) => {
                    self.unnamed.extend(self.remembering.dropped());
                    out.note(Note::Sometimes("disk-full"));
                }
                Err(error) => out.halt(error.to_string()),
            },
        }
    }

    fn recover(&mut self, memory: Memory, now: &mut Now<'_>, out: &mut Outputs<ReplicatedLog>) {
        self.memory = memory;
        self.phase = Phase::Recovering { clean: self.memory.clean };
        let known = self.memory.logs.keys().copied().collect();
        self.begin(known, now, out);
        if std::mem::take(&mut self.memory.clean) {
            self.remember([], out);
        }
    }

    /// Writes down what it remembers, with logs that are new in it.
    pub(super) fn remember(
        &mut self,
        new: impl IntoIterator<Item = TopicPartition>,
        out: &mut Outputs<ReplicatedLog>,
    ) {
        self.remembering.save(&self.memory, new, out);
    }

    /// What can go on at the end of an input.
    pub(super) fn go_on(&mut self, now: &mut Now<'_>, out: &mut Outputs<ReplicatedLog>) {
        match self.phase {
            Phase::Reading | Phase::Up | Phase::Closed => {}
            Phase::Recovering { clean } => {
                let are_read = self.replicas.values().all(Replica::is_read);
                if !are_read || !self.bound.is_known() || !self.remembering.is_idle() {
                    return;
                }
                self.phase = Phase::Up;
                if let Err(why) = self.bound.booted(out) {
                    return out.halt(why);
                }
                self.was_clean = clean || self.config.tuning.flush == Flush::Always;
                out.note(Note::Boots { disk: self.disk, clean: self.was_clean });
                self.heartbeat(now, out);
                let tuning = &self.config.tuning;
                out.set_timer(Timer::Lag, tuning.lag / LOOKS);
                out.set_timer(Timer::Upkeep, tuning.upkeep);
            }
            Phase::Closing => self.close_on(out),
        }
        if self.phase == Phase::Closed && self.remembering.is_idle() && self.bound.is_settled() {
            out.stopped();
        }
    }

    /// It tells the controllers that it is there.
    pub(super) fn heartbeat(&mut self, now: &mut Now<'_>, out: &mut Outputs<ReplicatedLog>) {
        if self.phase != Phase::Up {
            return;
        }
        out.set_timer(Timer::Heartbeat, self.config.tuning.heartbeat);
        let message = match self.session.epoch {
            None => Message::Register(Registration {
                boot: self.session.boot,
                disk: self.disk,
                clean: self.was_clean,
                damaged: self.damaged(),
                cut: self.cut(),
                rack: self.config.rack.clone(),
                addresses: self.config.addresses,
            }),
            Some(epoch) => Message::Heartbeat(Heartbeat {
                epoch,
                number: self.session.beats(now.time),
                applied: self.view.applied,
                stopping: self.session.stopping,
                damaged: self.damaged(),
            }),
        };
        for controller in &self.config.controllers {
            out.send(*controller, message.clone());
        }
        self.with_leading(now, out, |replica, turn| replica.ask_again(turn));
    }

    pub(super) fn registered(
        &mut self,
        controller: NodeId,
        (boot, epoch): (u64, BrokerEpoch),
        now: &mut Now<'_>,
        out: &mut Outputs<ReplicatedLog>,
    ) {
        if boot == self.session.boot && self.session.epoch.is_none_or(|known| known < epoch) {
            self.session.registered(controller, epoch);
            self.heartbeat(now, out);
        }
    }

    pub(super) fn beat(
        &mut self,
        controller: NodeId,
        beat: Beat,
        now: &mut Now<'_>,
        out: &mut Outputs<ReplicatedLog>,
    ) {
        let lasted = self.session.lasts(now.time);
        self.session.beat(controller, beat);
        if self.session.epoch.is_none() {
            return self.heartbeat(now, out);
        }
        if !lasted && self.session.lasts(now.time) {
            self.with_leading(now, out, |replica, turn| replica.acknowledge_what_is_kept(turn));
        }
        if self.session.may_stop {
            self.close(out);
        }
    }

    /// Do followers keep up?
    pub(super) fn lag(&mut self, now: &mut Now<'_>, out: &mut Outputs<ReplicatedLog>) {
        out.set_timer(Timer::Lag, self.config.tuning.lag / LOOKS);
        self.with_leading(now, out, |replica, turn| replica.look_for_lag(turn));
    }

    /// What is done from time to time: retention, and how far each log can be read is remembered.
    pub(super) fn upkeep(&mut self, now: &mut Now<'_>, out: &mut Outputs<ReplicatedLog>) {
        let tuning = self.config.tuning;
        out.set_timer(Timer::Upkeep, tuning.upkeep);
        self.with_leading(now, out, |replica, _| replica.retain());
        let unnamed = std::mem::take(&mut self.unnamed);
        let is_due = now.time >= self.remembered_at + tuning.checkpoint;
        if is_due || !unnamed.is_empty() {
            self.remembered_at = now.time;
            if self.take_watermarks() || !unnamed.is_empty() {
                self.remember(unnamed, out);
            }
        }
    }

    /// Of the batches in memory those go that are too many: of this replica first, which has some more now.
    pub(super) fn let_go(&mut self, grown: TopicPartition) {
        self.count_cache(grown);
        self.evict_from(grown);
        if self.excess() > 0 {
            for other in self.replicas.keys().copied().collect::<Vec<_>>() {
                self.evict_from(other);
            }
        }
    }

    fn evict_from(&mut self, partition: TopicPartition) {
        let excess = self.excess();
        if excess > 0
            && let Some(replica) = self.replicas.get_mut(&partition)
        {
            replica.log.evict(excess);
            self.count_cache(partition);
        }
    }

    /// Bytes of batches in memory that are too many.
    fn excess(&self) -> usize {
        self.cached.saturating_sub(self.config.tuning.tail_cache_bytes)
    }

    fn count_cache(&mut self, of: TopicPartition) {
        let Some(replica) = self.replicas.get_mut(&of) else { return };
        let is = replica.log.cache_bytes();
        self.cached = self.cached + is - std::mem::replace(&mut replica.cached, is);
    }

    /// How far each log can be read now; did any change?
    fn take_watermarks(&mut self) -> bool {
        let mut changed = false;
        for (partition, replica) in &self.replicas {
            let Some((_, watermark)) = self.memory.logs.get_mut(partition) else { continue };
            // What is not synced may not be there after a crash.
            let is = replica.high_watermark().min(replica.log.synced_end());
            changed |= std::mem::replace(watermark, is) != is;
        }
        changed
    }

    /// It is to stop.
    pub(super) fn stop(&mut self, now: &mut Now<'_>, out: &mut Outputs<ReplicatedLog>) {
        self.session.stopping = true;
        let hands_over = Mechanism::ControlledShutdown.on(self.switches) && self.is_registered();
        if self.phase == Phase::Up && hands_over {
            self.deadlines.insert((now.time + PATIENCE, Deadline::Shutdown));
            self.heartbeat(now, out);
        } else {
            self.close(out);
        }
    }

    /// Nobody waits for it any longer: what is written is made durable.
    pub(super) fn close(&mut self, out: &mut Outputs<ReplicatedLog>) {
        match self.phase {
            Phase::Up => {
                self.phase = Phase::Closing;
                for (partition, replica) in &mut self.replicas {
                    // What came after that would not be flushed, and the next boot believe that it was.
                    replica.rest();
                    replica.log.flush();
                    self.touched.insert(*partition);
                }
            }
            // It has changed nothing.
            Phase::Reading | Phase::Recovering { .. } => out.stopped(),
            Phase::Closing | Phase::Closed => {}
        }
    }

    fn close_on(&mut self, out: &mut Outputs<ReplicatedLog>) {
        if !self.replicas.values().all(|replica| replica.log.is_idle()) {
            return;
        }
        self.phase = Phase::Closed;
        self.take_watermarks();
        self.memory.clean = true;
        self.remember([], out);
        self.bound.settle(out);
    }

    /// Its role, as people and faults know it.
    pub(super) fn role(&self) -> &'static str {
        match self.phase {
            Phase::Reading | Phase::Recovering { .. } => "booting",
            Phase::Closing | Phase::Closed => "stopping",
            Phase::Up if !self.lives() => "waiting",
            Phase::Up => "broker",
        }
    }

    /// Its replicas, by numbers that faults can aim at: partitions of the first topic have their own.
    pub(super) fn roles_by_partition(&self) -> impl Iterator<Item = (u32, &Replica)> {
        let topics = self.view.topics.iter().filter(|(_, topic)| &*topic.name != OFFSETS_TOPIC);
        let places = topics.enumerate().map(|(place, (id, _))| (*id, place as u32));
        let places: std::collections::BTreeMap<_, _> = places.collect();
        self.replicas.iter().filter_map(move |(partition, replica)| {
            Some((places.get(&partition.topic)? * 1_000 + partition.partition, replica))
        })
    }
}
