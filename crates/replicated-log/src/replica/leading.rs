//! A replica that leads: it appends, counts what its followers have, and acknowledges.
//!
//! The law: only fetches of its own epoch count. What it has acknowledged everybody who counts has.

use machine::{Link, NodeId, Time};
use std::collections::BTreeMap;

use super::isr::Isr;
use super::reads::{Purpose, Reading};
use super::watermark::watermark;
use super::{Replica, ReplicaEvent, Role, Turn};
use crate::ask::Acks;
use crate::batch::Batch;
use crate::cluster::Partition;
use crate::error::ErrorCode;
use crate::mechanism::Mechanism;
use crate::message::{Alter, Message, ReplicaFetch, ReplicaFetched};
use crate::note::Note;
use crate::words::{BrokerEpoch, LeaderEpoch, Offset};
use partition_log::{Read, Sequence};

/// The partition is led here.
#[derive(Clone)]
pub(super) struct Leading {
    pub(super) isr: Isr,
    /// The log ended there when the epoch began, and this was then.
    epoch_start: Offset,
    since: Time,
    followers: BTreeMap<NodeId, Progress>,
    /// Parts of requests that wait for the watermark: where their batches end, and where they begin.
    pub(super) awaits_all: BTreeMap<(Offset, u64, u32), Offset>,
    /// And those that wait for this broker's own disk only.
    pub(super) awaits_own: BTreeMap<(Offset, u64, u32), Offset>,
}

/// What a leader knows of a follower in its epoch.
#[derive(Clone, Debug)]
struct Progress {
    /// It has all before.
    end: Offset,
    broker_epoch: BrokerEpoch,
    /// When it had all that there was.
    caught_up: Time,
    /// When it asked last, and where the log ended then.
    asked: (Time, Offset),
    /// A fetch that is not answered.
    parked: Option<ReplicaFetch>,
    /// The watermark that it was told.
    told: Offset,
    /// What it asked for is being read from the disk.
    reading: bool,
}

impl Leading {
    /// This broker's own disk has all before this: what waited for no more is done.
    pub(super) fn own_end_is(&mut self, end: Offset) -> Vec<ReplicaEvent> {
        let later = self.awaits_own.split_off(&(end + 1, 0, 0));
        let done = std::mem::replace(&mut self.awaits_own, later);
        let done = done.into_iter().map(|((_, request, part), base)| ReplicaEvent::Produced {
            request,
            part,
            outcome: Ok(base),
        });
        done.collect()
    }
}

impl Replica {
    /// This broker leads from now on.
    pub(super) fn lead(&mut self, decided: &Partition, turn: &mut Turn<'_, '_>) {
        let end = self.log.end_offset();
        let leading = Leading {
            isr: Isr::new(decided, turn.switches),
            epoch_start: end,
            since: turn.now.time,
            followers: BTreeMap::new(),
            awaits_all: BTreeMap::new(),
            awaits_own: BTreeMap::new(),
        };
        self.role = Role::Leading(Box::new(leading));
        let (partition, leader_epoch) = (self.partition, self.leader_epoch);
        turn.out.note(Note::Leads { partition, leader_epoch, end });
        self.events.push_back(ReplicaEvent::Leads(true));
        for (follower, fetch) in std::mem::take(&mut self.early) {
            self.fetched_by(follower, fetch, turn);
        }
    }

    /// Takes a batch into the log. What becomes of it [`ReplicaEvent::Produced`] tells, unless it is answered here.
    ///
    /// # Errors
    /// Why not: nothing was appended.
    pub(crate) fn produce(
        &mut self,
        (request, part): (u64, u32),
        batch: &Batch,
        acks: Acks,
        turn: &mut Turn<'_, '_>,
    ) -> Result<(), ErrorCode> {
        if batch.length() > self.settings.max_message_bytes {
            return Err(ErrorCode::MessageTooLarge);
        }
        let least = self.least(turn);
        let Role::Leading(leading) = &mut self.role else { return Err(self.not_here()) };
        if !turn.is_alive {
            return Err(ErrorCode::NotLeaderOrFollower);
        }
        if acks == Acks::All && leading.isr.committed().len() < least {
            return Err(ErrorCode::NotEnoughReplicas);
        }
        if self.log.is_full() {
            return Err(ErrorCode::KafkaStorageError);
        }
        let sequence = match Mechanism::Idempotence.on(turn.switches) {
            true => self.log.sequence(batch),
            false => Sequence::New,
        };
        let (base, end) = match sequence {
            Sequence::New => {
                let offsets = self.log.lead(batch, self.leader_epoch);
                (offsets.start, offsets.end)
            }
            Sequence::Duplicate(base) => {
                turn.out.note(Note::Sometimes("duplicate-answered"));
                (base, base + Offset::from(batch.records()))
            }
            Sequence::OutOfOrder => return Err(ErrorCode::OutOfOrderSequenceNumber),
            Sequence::Fenced => return Err(ErrorCode::InvalidProducerEpoch),
        };
        match acks {
            Acks::All if end > self.high_watermark => {
                leading.awaits_all.insert((end, request, part), base);
            }
            Acks::Leader if end > self.log.counted_end() => {
                leading.awaits_own.insert((end, request, part), base);
            }
            Acks::All | Acks::Leader | Acks::None => {
                self.events.push_back(ReplicaEvent::Produced { request, part, outcome: Ok(base) });
            }
        }
        self.feed(turn);
        self.raise_watermark(turn);
        Ok(())
    }

    /// Nobody waits for these any more.
    pub(crate) fn forget(&mut self, request: u64) {
        if let Role::Leading(leading) = &mut self.role {
            leading.awaits_all.retain(|(_, other, _), _| *other != request);
            leading.awaits_own.retain(|(_, other, _), _| *other != request);
        }
    }

    /// How many must be in sync for a record to be acknowledged.
    pub(crate) fn least(&self, turn: &Turn<'_, '_>) -> usize {
        match Mechanism::MinInsync.on(turn.switches) {
            true => self.settings.min_insync_replicas as usize,
            false => 0,
        }
    }

    /// Too few are in sync at the moment.
    pub(crate) fn has_too_few(&self, turn: &Turn<'_, '_>) -> bool {
        let Role::Leading(leading) = &self.role else { return false };
        leading.isr.committed().len() < self.least(turn)
    }

    fn not_here(&self) -> ErrorCode {
        match self.role {
            Role::Damaged => ErrorCode::KafkaStorageError,
            _ => ErrorCode::NotLeaderOrFollower,
        }
    }

    /// A follower asks. All before `from` is on its disk.
    pub(crate) fn fetched_by(
        &mut self,
        follower: NodeId,
        fetch: ReplicaFetch,
        turn: &mut Turn<'_, '_>,
    ) {
        if fetch.leader_epoch > self.leader_epoch {
            self.early.insert(follower, fetch);
            return;
        }
        let Role::Leading(leading) = &mut self.role else { return };
        if fetch.leader_epoch < self.leader_epoch {
            return;
        }
        let (log, now) = (&self.log, turn.now.time);
        let parts = fetch.last_epoch.map(|last| (last, log.epoch_end(last)));
        let diverging = match parts {
            Some((last, Some((epoch, end)))) if epoch != last || end < fetch.from => {
                Some((epoch, end))
            }
            Some((_, None)) if fetch.from > log.start_offset() => Some((0, log.start_offset())),
            _ => None,
        };
        if let Some((epoch, end)) = diverging {
            turn.out.note(Note::Sometimes("logs-part"));
            if let Some(progress) = leading.followers.get_mut(&follower) {
                progress.parked = None;
            }
            return self.answer(follower, &fetch, Some((epoch, end)), Vec::new(), turn);
        }
        if fetch.from < log.start_offset() {
            return self.answer(follower, &fetch, None, Vec::new(), turn);
        }
        let end = log.end_offset();
        let progress = leading.followers.entry(follower).or_insert_with(|| Progress {
            end: 0,
            broker_epoch: fetch.broker_epoch,
            caught_up: now,
            asked: (now, end),
            parked: None,
            told: 0,
            reading: false,
        });
        if fetch.from >= end {
            progress.caught_up = now;
        } else if fetch.from >= progress.asked.1 {
            progress.caught_up = progress.caught_up.max(progress.asked.0);
        }
        progress.asked = (now, end);
        progress.end = fetch.from;
        progress.broker_epoch = fetch.broker_epoch;
        progress.reading = false;
        progress.parked = Some(fetch);
        self.raise_watermark(turn);
        self.let_in(turn);
        self.feed_one(follower, turn);
    }

    /// Followers get what they have asked for.
    pub(crate) fn feed(&mut self, turn: &mut Turn<'_, '_>) {
        let Role::Leading(leading) = &self.role else { return };
        let waiting = leading.followers.iter().filter(|(_, progress)| progress.parked.is_some());
        for follower in waiting.map(|(follower, _)| *follower).collect::<Vec<_>>() {
            self.feed_one(follower, turn);
        }
    }

    fn feed_one(&mut self, follower: NodeId, turn: &mut Turn<'_, '_>) {
        let Role::Leading(leading) = &mut self.role else { return };
        let Some(progress) = leading.followers.get_mut(&follower) else { return };
        let Some(fetch) = progress.parked.clone() else { return };
        if progress.reading || !turn.window.has_room(follower, Link::Bulk) {
            return;
        }
        if fetch.from >= self.log.end_offset() {
            if progress.told < self.high_watermark {
                progress.told = self.high_watermark;
                self.tell(follower, &fetch, turn);
            }
            return;
        }
        let mut most = turn.tuning.replica_fetch_bytes;
        if is_throttled(self.partition, follower, turn) {
            match turn.throttle.lends(turn.now.time) {
                Some(bytes) => most = most.min(bytes),
                None => return,
            }
        }
        let (token, end) = (self.next_read, self.log.end_offset());
        match self.log.read(fetch.from, end, most, token, turn.out) {
            Read::Batches(batches) => self.send_batches(follower, batches, turn),
            Read::Later => {
                self.next_read += 1;
                progress.reading = true;
                let purpose = Purpose::Follower(follower);
                self.reads.insert(token, Reading { purpose });
            }
            Read::OutOfRange => {}
        }
    }

    /// What a follower asked for is in memory.
    pub(super) fn send_batches(
        &mut self,
        follower: NodeId,
        batches: Vec<Batch>,
        turn: &mut Turn<'_, '_>,
    ) {
        let Role::Leading(leading) = &mut self.role else { return };
        let Some(progress) = leading.followers.get_mut(&follower) else { return };
        progress.reading = false;
        let Some(fetch) = progress.parked.take_if(|_| !batches.is_empty()) else { return };
        progress.told = self.high_watermark;
        if is_throttled(self.partition, follower, turn) {
            turn.throttle.sent(batches.iter().map(|batch| u64::from(batch.length())).sum());
        }
        self.answer(follower, &fetch, None, batches, turn);
    }

    /// Reading for a follower failed, or is of no use: it is tried again when it asks.
    pub(super) fn read_for_follower_failed(&mut self, follower: NodeId) {
        if let Role::Leading(leading) = &mut self.role
            && let Some(progress) = leading.followers.get_mut(&follower)
        {
            progress.reading = false;
        }
    }

    /// Only the watermark.
    fn tell(&mut self, follower: NodeId, fetch: &ReplicaFetch, turn: &mut Turn<'_, '_>) {
        self.answer(follower, fetch, None, Vec::new(), turn);
    }

    fn answer(
        &self,
        follower: NodeId,
        fetch: &ReplicaFetch,
        diverging: Option<(LeaderEpoch, Offset)>,
        batches: Vec<Batch>,
        turn: &mut Turn<'_, '_>,
    ) {
        let fetched = Message::Fetched(ReplicaFetched {
            partition: self.partition,
            leader_epoch: self.leader_epoch,
            from: fetch.from,
            log_start: self.log.start_offset(),
            high_watermark: self.high_watermark,
            diverging,
            batches,
        });
        turn.window.sent(follower, Link::Bulk, fetched.weight());
        turn.out.bulk(follower, fetched);
    }

    /// What can be acknowledged is: this broker's disk has more, or its session lasts again.
    pub(crate) fn acknowledge_what_is_kept(&mut self, turn: &mut Turn<'_, '_>) {
        if let Role::Leading(leading) = &mut self.role
            && turn.is_alive
        {
            self.events.extend(leading.own_end_is(self.log.counted_end()));
        }
        self.raise_watermark(turn);
    }

    /// As far as the rule lets it.
    pub(super) fn raise_watermark(&mut self, turn: &mut Turn<'_, '_>) {
        let least = self.least(turn);
        let Role::Leading(leading) = &mut self.role else { return };
        if !turn.is_alive {
            return;
        }
        let own = self.log.counted_end();
        let end = |node: NodeId| match node == turn.me {
            true => Some(own),
            false => leading.followers.get(&node).map(|progress| progress.end),
        };
        let committed = leading.isr.committed().len();
        let Some(to) = watermark(leading.isr.counted(), end, committed, least.max(1)) else {
            return;
        };
        if self.watermark_is(to, turn) {
            self.acknowledge();
            self.feed(turn);
        }
    }

    /// What is below the watermark is acknowledged.
    fn acknowledge(&mut self) {
        let Role::Leading(leading) = &mut self.role else { return };
        let later = leading.awaits_all.split_off(&(self.high_watermark + 1, 0, 0));
        for ((_, request, part), base) in std::mem::replace(&mut leading.awaits_all, later) {
            self.events.push_back(ReplicaEvent::Produced { request, part, outcome: Ok(base) });
        }
    }

    /// Followers that have caught up are proposed for the ISR.
    fn let_in(&mut self, turn: &mut Turn<'_, '_>) {
        let Role::Leading(leading) = &self.role else { return };
        let Some(decided) = turn.view.partition(self.partition) else { return };
        let least = self.high_watermark.max(leading.epoch_start);
        let may = |node: NodeId| {
            decided.replicas.contains(&node) && turn.view.may_lead(node) && {
                let progress = leading.followers.get(&node);
                progress.is_some_and(|progress| progress.end >= least)
            }
        };
        let joins = decided.replicas.iter().copied().filter(|node| may(*node));
        let mut wanted = leading.isr.committed().clone();
        let before = wanted.len();
        wanted.extend(joins);
        if wanted.len() > before {
            self.propose(wanted.into_iter().collect(), turn);
        }
    }

    /// Followers that do not keep up are proposed to leave the ISR.
    pub(crate) fn look_for_lag(&mut self, turn: &mut Turn<'_, '_>) {
        let Role::Leading(leading) = &mut self.role else { return };
        let (now, end) = (turn.now.time, self.log.end_offset());
        for progress in leading.followers.values_mut() {
            // It waits for what does not exist.
            if progress.parked.as_ref().is_some_and(|fetch| fetch.from >= end) {
                progress.caught_up = now;
            }
        }
        if !Mechanism::IsrShrink.on(turn.switches) {
            return self.let_in(turn);
        }
        let leads_since = leading.since;
        let keeps_up = |node: &NodeId| {
            let caught_up = leading.followers.get(node).map_or(leads_since, |one| one.caught_up);
            *node == turn.me || now < caught_up + turn.tuning.lag
        };
        let isr = leading.isr.committed();
        let stays: Vec<NodeId> = isr.iter().copied().filter(keeps_up).collect();
        if stays.len() < isr.len() {
            self.propose(stays, turn);
        } else {
            self.let_in(turn);
        }
    }

    fn propose(&mut self, isr: Vec<NodeId>, turn: &mut Turn<'_, '_>) {
        let Role::Leading(leading) = &mut self.role else { return };
        let epoch = |node: NodeId| match leading.followers.get(&node) {
            Some(progress) => progress.broker_epoch,
            None if node == turn.me => turn.broker_epoch,
            // In the ISR since an earlier epoch: as it is registered.
            None => turn.view.brokers.get(&node).map_or(0, |broker| broker.epoch),
        };
        let isr: Vec<_> = isr.into_iter().map(|node| (node, epoch(node))).collect();
        let (partition, leader_epoch) = (self.partition, self.leader_epoch);
        let ask = |version| Alter { partition, leader_epoch, version, isr: isr.clone() };
        if leading.isr.propose(&isr, ask) {
            turn.out.note(Note::Sometimes("isr-proposed"));
            self.ask_again(turn);
        }
    }

    /// A proposal that was not answered is sent (again).
    pub(crate) fn ask_again(&self, turn: &mut Turn<'_, '_>) {
        let Role::Leading(leading) = &self.role else { return };
        let Some(asked) = leading.isr.asked() else { return };
        for controller in turn.controllers.iter() {
            turn.out.send(*controller, Message::Alter(asked.clone()));
        }
    }

    /// The follower's link broke: what it asked for is forgotten. It asks again.
    pub(crate) fn link_reset(&mut self, peer: NodeId) {
        self.early.remove(&peer);
        if let Role::Leading(leading) = &mut self.role
            && let Some(progress) = leading.followers.get_mut(&peer)
        {
            progress.parked = None;
            progress.reading = false;
        }
    }

    /// Where the log ended when the epoch began; nothing where it is not led here.
    pub(super) fn epoch_start(&self) -> Option<Offset> {
        match &self.role {
            Role::Leading(leading) => Some(leading.epoch_start),
            _ => None,
        }
    }

    /// How far consumers may read is not known before followers have asked in this epoch.
    pub(super) fn is_watermark_known(&self) -> bool {
        match &self.role {
            Role::Leading(leading) => self.high_watermark >= leading.epoch_start,
            _ => true,
        }
    }

    /// Is this follower in sync, and does it have all before this offset?
    pub(crate) fn in_sync_has(&self, follower: NodeId, offset: Offset) -> bool {
        let Role::Leading(leading) = &self.role else { return false };
        leading.isr.committed().contains(&follower)
            && leading.followers.get(&follower).is_some_and(|progress| progress.end >= offset)
    }
}

/// Does the throttle hold for this follower: is it added, and not in sync yet? It may hear of that before its leader does.
fn is_throttled(
    partition: crate::words::TopicPartition,
    follower: NodeId,
    turn: &Turn<'_, '_>,
) -> bool {
    Mechanism::ReassignmentThrottle.on(turn.switches)
        && turn.view.partition(partition).is_some_and(|decided| {
            let is_new = |node| decided.adding.contains(node) || !decided.replicas.contains(node);
            is_new(&follower) && !decided.isr.contains(&follower)
        })
}
