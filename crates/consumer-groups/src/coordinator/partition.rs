//! What is kept of groups: the partitions of `__consumer_offsets` that this broker leads.
//!
//! The law: the state in memory is what the log says up to the last entry that is known to be kept. A snapshot is
//! taken while nothing is under way, so that it is exactly the state at its place in the log; then what lies before
//! it can go.

use std::collections::{BTreeMap, VecDeque};

use machine::Time;

use super::{GroupEvent, partition_of};
use crate::group::{Generation, Group, GroupRecord, Offsets, Waiter};
use log_protocol::ask::Answer;
use log_protocol::batch::{Batch, Record};
use log_protocol::error::ErrorCode;
use log_protocol::words::{LeaderEpoch, Name, Offset, TopicRef};

/// Bytes of records in a batch of a snapshot, about.
const PART: usize = 64 << 10;
/// Letters of what a client calls itself, in an id.
const LETTERS: usize = 100;

/// What became of each partition of a commit.
type Outcomes = Vec<(TopicRef, Vec<(u32, Result<(), ErrorCode>)>)>;

/// What is kept, and what follows from it.
#[derive(Clone, Debug)]
pub(super) enum Entry {
    Generation(Generation),
    /// For this client, if for any, who is to be told this.
    Offsets(Offsets, Option<Waiter>, Outcomes),
}

#[derive(Clone, Debug)]
pub(super) struct Partitions {
    /// Of the topic.
    count: u32,
    snapshot_bytes: u64,
    led: BTreeMap<u32, Led>,
    tickets: u64,
    under_way: BTreeMap<u64, (u32, UnderWay)>,
}

#[derive(Clone, Debug)]
enum UnderWay {
    Entry(Entry),
    /// A part of a snapshot.
    Part {
        is_first: bool,
        is_last: bool,
    },
}

#[derive(Clone, Debug)]
struct Led {
    epoch: LeaderEpoch,
    /// Not all is known yet: this read is under way, from there on.
    loads: Option<(u64, Offset)>,
    groups: BTreeMap<Name, Group>,
    /// Ids that were given to members.
    ids: u64,
    /// Entries under way.
    under_way: usize,
    /// Bytes of entries since the last snapshot, and of that.
    since: u64,
    last_snapshot: u64,
    /// Entries that wait for a snapshot.
    waiting: Option<VecDeque<Entry>>,
    /// Where the snapshot begins that is under way; none where a part of it was not kept.
    snapshot: Option<Offset>,
}

impl Partitions {
    pub(super) fn new(count: u32, snapshot_bytes: u64) -> Partitions {
        Partitions {
            count,
            snapshot_bytes,
            led: BTreeMap::new(),
            tickets: 0,
            under_way: BTreeMap::new(),
        }
    }

    pub(super) fn leads(&self, partition: u32, epoch: LeaderEpoch) -> bool {
        self.led.get(&partition).is_some_and(|led| led.epoch == epoch)
    }

    pub(super) fn lead(
        &mut self,
        partition: u32,
        epoch: LeaderEpoch,
        events: &mut VecDeque<GroupEvent>,
    ) {
        let (from, ticket) = (0, self.ticket());
        let led = Led {
            epoch,
            loads: Some((ticket, from)),
            groups: BTreeMap::new(),
            ids: 0,
            under_way: 0,
            since: 0,
            last_snapshot: 0,
            waiting: None,
            snapshot: None,
        };
        self.led.insert(partition, led);
        events.push_back(GroupEvent::Read { partition, ticket, from });
    }

    /// Gives its groups, whose members wait in vain. What is under way may be kept all the same.
    pub(super) fn resign(
        &mut self,
        partition: u32,
        events: &mut VecDeque<GroupEvent>,
    ) -> impl Iterator<Item = Group> + use<> {
        let led = self.led.remove(&partition);
        let (waiting, groups) = led.map(|led| (led.waiting, led.groups)).unzip();
        let under_way = self.under_way.extract_if(.., |_, (of, _)| *of == partition);
        let entries = under_way.filter_map(|(_, (_, it))| match it {
            UnderWay::Entry(entry) => Some(entry),
            UnderWay::Part { .. } => None,
        });
        for entry in entries.chain(waiting.flatten().into_iter().flatten()) {
            let Entry::Offsets(_, Some(waiter), mut parts) = entry else { continue };
            let Waiter { client, token } = waiter;
            let all = parts.iter_mut().flat_map(|(_, parts)| parts);
            all.for_each(|(_, part)| *part = part.and(Err(ErrorCode::NotCoordinator)));
            let answer = Answer::Committed(parts);
            events.push_back(GroupEvent::Answer { client, token, answer });
        }
        groups.unwrap_or_default().into_values()
    }

    /// Takes what was read. At the end of it, gives the groups that are there.
    pub(super) fn loaded(
        &mut self,
        now: Time,
        ticket: u64,
        batches: &[Batch],
        events: &mut VecDeque<GroupEvent>,
    ) -> Vec<Name> {
        let next = self.ticket();
        let is_it = |led: &Led| led.loads.is_some_and(|(it, _)| it == ticket);
        let Some((partition, led)) = self.led.iter_mut().find(|(_, led)| is_it(led)) else {
            return Vec::new();
        };
        let from = led.loads.take().map_or(0, |(_, from)| from);
        if let Some(last) = batches.last() {
            batches
                .iter()
                .filter(|batch| batch.base_offset() >= from)
                .for_each(|it| led.replay(it));
            let from = from.max(last.next_offset());
            led.loads = Some((next, from));
            events.push_back(GroupEvent::Read { partition: *partition, ticket: next, from });
            return Vec::new();
        }
        led.groups.values_mut().for_each(|group| group.wake(now));
        led.groups.keys().cloned().collect()
    }

    /// Takes an entry, to be kept.
    pub(super) fn append(&mut self, entry: Entry, events: &mut VecDeque<GroupEvent>) {
        let partition = partition_of(entry.group(), self.count);
        let ticket = self.ticket();
        let Some(led) = self.led.get_mut(&partition) else { return };
        if let Some(waiting) = &mut led.waiting {
            return waiting.push_back(entry);
        }
        let batch = batch(&[entry.record().encode()]);
        led.since += u64::from(batch.length());
        led.under_way += 1;
        if led.since >= self.snapshot_bytes.max(led.last_snapshot) {
            led.waiting = Some(VecDeque::new());
        }
        self.under_way.insert(ticket, (partition, UnderWay::Entry(entry)));
        events.push_back(GroupEvent::Append { partition, ticket, batch });
    }

    /// Gives the entry that was appended with this ticket, unless it was a part of a snapshot.
    pub(super) fn appended(
        &mut self,
        ticket: u64,
        outcome: Result<Offset, ErrorCode>,
        events: &mut VecDeque<GroupEvent>,
    ) -> Option<Entry> {
        let (partition, it) = self.under_way.remove(&ticket)?;
        let led = self.led.get_mut(&partition)?;
        led.under_way -= 1;
        match it {
            UnderWay::Entry(entry) => Some(entry),
            UnderWay::Part { is_first, is_last } => {
                let begins = if is_first { outcome.ok() } else { led.snapshot };
                led.snapshot = begins.filter(|_| outcome.is_ok());
                if let Some(to) = led.snapshot.take_if(|_| is_last) {
                    events.push_back(GroupEvent::RaiseStart { partition, to });
                }
                None
            }
        }
    }

    /// Takes snapshots where one is due and nothing is under way any more.
    pub(super) fn settle(&mut self, events: &mut VecDeque<GroupEvent>) {
        let is_due = |led: &Led| led.under_way == 0 && led.waiting.is_some();
        let due = self.led.iter().filter(|(_, led)| is_due(led)).map(|(partition, _)| *partition);
        for partition in due.collect::<Vec<_>>() {
            self.snapshot(partition, events);
        }
    }

    fn snapshot(&mut self, partition: u32, events: &mut VecDeque<GroupEvent>) {
        let Some(led) = self.led.get_mut(&partition) else { return };
        let waiting = led.waiting.take().unwrap_or_default();
        let parts = led.state();
        led.since = 0;
        led.last_snapshot = parts.iter().map(|part| u64::from(part.length())).sum();
        led.under_way += parts.len();
        let last = parts.len().saturating_sub(1);
        for (index, batch) in parts.into_iter().enumerate() {
            let ticket = self.ticket();
            let part = UnderWay::Part { is_first: index == 0, is_last: index == last };
            self.under_way.insert(ticket, (partition, part));
            events.push_back(GroupEvent::Append { partition, ticket, batch });
        }
        waiting.into_iter().for_each(|entry| self.append(entry, events));
    }

    /// # Errors
    /// If it is not here, or not all of it is known yet.
    pub(super) fn groups(&mut self, name: &Name) -> Result<&mut BTreeMap<Name, Group>, ErrorCode> {
        self.ready(name)?;
        let led = self.led.get_mut(&partition_of(name, self.count));
        led.map(|led| &mut led.groups).ok_or(ErrorCode::NotCoordinator)
    }

    /// # Errors
    /// As [`Self::groups`].
    pub(super) fn group(&self, name: &Name) -> Result<Option<&Group>, ErrorCode> {
        self.ready(name).map(|led| led.groups.get(name))
    }

    fn ready(&self, name: &Name) -> Result<&Led, ErrorCode> {
        if name.is_empty() {
            return Err(ErrorCode::InvalidGroupId);
        }
        let led = self.led.get(&partition_of(name, self.count)).ok_or(ErrorCode::NotCoordinator)?;
        if led.loads.is_some() { Err(ErrorCode::CoordinatorLoadInProgress) } else { Ok(led) }
    }

    /// All groups that are known here.
    pub(super) fn all(&self) -> impl Iterator<Item = &Group> {
        self.led.values().filter(|led| led.loads.is_none()).flat_map(|led| led.groups.values())
    }

    /// # Errors
    /// If not all is known yet.
    pub(super) fn list(&self) -> Result<Vec<(Name, Name, &'static str)>, ErrorCode> {
        if self.led.values().any(|led| led.loads.is_some()) {
            return Err(ErrorCode::CoordinatorLoadInProgress);
        }
        let groups = self.led.values().flat_map(|led| &led.groups);
        let told = |(name, group): (&Name, &Group)| {
            (name.clone(), group.protocol_type().clone(), group.state())
        };
        Ok(groups.map(told).collect())
    }

    /// An id that no member of this group ever had: each leader of its partition has an epoch of its own.
    ///
    /// # Errors
    /// As [`Self::groups`].
    pub(super) fn member_id(&mut self, group: &Name, client: &Name) -> Result<Name, ErrorCode> {
        self.ready(group)?;
        let led = self.led.get_mut(&partition_of(group, self.count));
        let led = led.ok_or(ErrorCode::NotCoordinator)?;
        led.ids += 1;
        let client: String = client.chars().take(LETTERS).collect();
        Ok(format!("{client}-{}-{}", led.epoch, led.ids).into())
    }

    /// As if there were many bytes since the last one.
    #[cfg(test)]
    pub(super) fn snapshot_soon(&mut self, partition: u32) {
        self.led.entry(partition).and_modify(|led| led.since = u64::MAX / 2);
    }

    fn ticket(&mut self) -> u64 {
        self.tickets += 1;
        self.tickets
    }
}

impl Entry {
    fn group(&self) -> &Name {
        match self {
            Entry::Generation(it) => &it.group,
            Entry::Offsets(it, ..) => &it.group,
        }
    }

    fn record(&self) -> GroupRecord {
        match self {
            Entry::Generation(it) => GroupRecord::Generation(it.clone()),
            Entry::Offsets(it, ..) => GroupRecord::Offsets(it.clone()),
        }
    }
}

impl Led {
    /// Takes what a batch says. What is no record of ours says nothing.
    fn replay(&mut self, batch: &Batch) {
        self.since += u64::from(batch.length());
        let values = batch.decode().into_iter().flatten().filter_map(|record| record.value);
        for record in values.filter_map(|value| GroupRecord::decode(value).ok()) {
            let name = record.group().clone();
            self.groups.entry(name.clone()).or_insert_with(|| Group::new(name)).replay(record);
        }
    }

    /// All that is kept, once more.
    fn state(&self) -> Vec<Batch> {
        let (mut parts, mut part, mut bytes) = (Vec::new(), Vec::new(), 0);
        for record in self.groups.values().flat_map(Group::records) {
            let record = record.encode();
            bytes += record.len();
            part.push(record);
            if bytes >= PART {
                parts.push(batch(&std::mem::take(&mut part)));
                bytes = 0;
            }
        }
        parts.extend((!part.is_empty()).then(|| batch(&part)));
        parts
    }
}

fn batch(records: &[bytes::Bytes]) -> Batch {
    const NO_TIME: i64 = -1;
    let records = records.iter().map(|it| Record { key: None, value: Some(it.clone()) });
    Batch::of(&records.collect::<Vec<_>>(), NO_TIME, None)
}
