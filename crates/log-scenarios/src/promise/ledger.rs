//! What was sent, acknowledged and seen, partition by partition: what the promises about records are judged by.
//!
//! What may be excused: of a partition whose replicas have lost `min.insync.replicas` disks or more at a time, all
//! that was sent before is forgotten, as those disks may have been the only ones that had it. A disk counts as lost from
//! the boot on that finds another one, or one that lost what had counted (`--flush os` without a clean stop), until its
//! broker is in the committed ISR again. Nothing else is excused: no crash, no cut, no single disk.

use std::collections::{BTreeMap, BTreeSet};

use machine::{DiskId, NodeId, Time};
use sim::Entry;

use replicated_log::ask::Acks;
use replicated_log::cluster::Partition;
use replicated_log::note::Note;
use replicated_log::words::{LeaderEpoch, Offset, TopicPartition};

/// It is filled note by note.
#[derive(Debug)]
pub(super) struct Ledger {
    min_insync: usize,
    disks: BTreeMap<NodeId, DiskId>,
    newest: Newest,
    /// By operation.
    pub(super) sent: BTreeMap<u64, Sent>,
    /// By id of the first record: of which operation.
    first_ids: BTreeMap<u64, u64>,
    pub(super) partitions: BTreeMap<TopicPartition, Of>,
}

/// What is the newest that controllers have said of each partition. One that slept, and leads no longer, carries out what
/// it had when it wakes: what it says then has been overtaken.
#[derive(Debug, Default)]
pub(super) struct Newest(BTreeMap<TopicPartition, u32>);

impl Newest {
    /// Is this how the partition is, as far as anybody has said?
    pub(super) fn is_it(&mut self, partition: TopicPartition, is: &Partition) -> bool {
        let known = self.0.entry(partition).or_default();
        *known = is.version.max(*known);
        is.version == *known
    }
}

/// A batch that was sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sent {
    pub(super) first: u64,
    pub(super) records: u32,
    pub(super) acks: Acks,
    at: Time,
}

/// What is known of a partition, since nothing of it is excused.
#[derive(Debug, Default)]
pub(super) struct Of {
    replicas: Vec<NodeId>,
    isr: Vec<NodeId>,
    /// Brokers that have lost their disks, and whether they have left the ISR since.
    lost: BTreeMap<NodeId, bool>,
    /// So many were lost that what was sent before then is excused.
    excused_until: Option<Time>,
    is_excused: bool,
    /// The highest that a broker has led in.
    pub(super) epoch: Option<LeaderEpoch>,
    /// Batches with acks=all: operation, offset and when its producer was told.
    pub(super) acked: Vec<(u64, Offset, Time)>,
    /// That of them which ends last, and where.
    pub(super) last_acked: Option<(u64, Offset)>,
    /// By offset, what was seen there first, and by whom and where.
    pub(super) seen: BTreeMap<Offset, Seen>,
}

/// What was seen at an offset.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    pub(super) id: u64,
    pub(super) by: NodeId,
    pub(super) at: Time,
}

impl Ledger {
    pub(super) fn new(min_insync: u64) -> Ledger {
        Ledger {
            min_insync: min_insync as usize,
            disks: BTreeMap::new(),
            newest: Newest::default(),
            sent: BTreeMap::new(),
            first_ids: BTreeMap::new(),
            partitions: BTreeMap::new(),
        }
    }

    /// One that counts as lost whatever is lost: no cluster has so many disks.
    pub(super) fn that_excuses_nothing() -> Ledger {
        Ledger::new(u64::from(u32::MAX))
    }

    /// Takes in a note. What was seen is for the caller to add, where it looks at that.
    pub(super) fn note(&mut self, entry: &Entry<Note>) {
        match &entry.note {
            Note::Boots { disk, clean } => self.boots(entry, *disk, *clean),
            Note::Partition { partition, is } if self.newest.is_it(*partition, is) => {
                self.of(*partition).is_so(is);
            }
            Note::Leads { partition, leader_epoch, .. } => {
                let of = self.of(*partition);
                of.epoch = of.epoch.max(Some(*leader_epoch));
            }
            Note::Sends { operation, first, records, acks, .. } => {
                let sent = Sent { first: *first, records: *records, acks: *acks, at: entry.at };
                self.sent.insert(*operation, sent);
                self.first_ids.insert(*first, *operation);
            }
            Note::Acked { operation, partition, offset } => {
                let Some(sent) =
                    self.sent.get(operation).copied().filter(|sent| sent.acks == Acks::All)
                else {
                    return;
                };
                let of = self.of(*partition);
                if !of.is_excused && of.excused_until.is_none_or(|until| sent.at > until) {
                    of.acked.push((*operation, *offset, entry.at));
                    let end = offset + u64::from(sent.records);
                    if of.last_acked.is_none_or(|(_, last)| last < end) {
                        of.last_acked = Some((*operation, end));
                    }
                }
            }
            _ => {}
        }
        self.excuse(entry);
    }

    /// Only that changes how many disks are lost.
    fn excuse(&mut self, entry: &Entry<Note>) {
        if matches!(entry.note, Note::Boots { .. } | Note::Partition { .. }) {
            let min = self.min_insync;
            self.partitions.values_mut().for_each(|of| of.excuse(entry.at, min));
        }
    }

    fn of(&mut self, partition: TopicPartition) -> &mut Of {
        self.partitions.entry(partition).or_default()
    }

    fn boots(&mut self, entry: &Entry<Note>, disk: DiskId, clean: bool) {
        let known = self.disks.insert(entry.node, disk);
        if known.is_some_and(|known| known != disk || !clean) {
            for of in self.partitions.values_mut() {
                of.lost.insert(entry.node, !of.isr.contains(&entry.node));
            }
        }
    }

    /// The operation that sent the record of this id, if one did.
    pub(super) fn sender(&self, id: u64) -> Option<u64> {
        let (first, operation) = self.first_ids.range(..=id).next_back()?;
        (id - first < u64::from(self.sent[operation].records)).then_some(*operation)
    }
}

impl Of {
    fn is_so(&mut self, is: &Partition) {
        self.replicas.clone_from(&is.replicas);
        self.isr.clone_from(&is.isr);
        self.lost.retain(|node, left| {
            let in_sync = is.isr.contains(node);
            *left |= !in_sync;
            !(in_sync && *left)
        });
    }

    fn excuse(&mut self, now: Time, min_insync: usize) {
        let lost: BTreeSet<&NodeId> =
            self.lost.keys().filter(|node| self.replicas.contains(node)).collect();
        let is_excused = lost.len() >= min_insync.max(1);
        if is_excused || self.is_excused {
            self.excused_until = Some(now);
            (self.acked, self.last_acked) = (Vec::new(), None);
            self.seen.clear();
        }
        self.is_excused = is_excused;
    }

    /// Are so many disks lost at the moment that nothing can be asked of it?
    pub(super) fn is_excused(&self) -> bool {
        self.is_excused
    }

    /// What a consumer saw; nothing where so much is lost that it may not be there any more. What was seen at that
    /// offset before, if it was something else.
    pub(super) fn saw(&mut self, offset: Offset, seen: Seen) -> Option<Seen> {
        if self.is_excused {
            return None;
        }
        let before = *self.seen.entry(offset).or_insert(seen);
        (before.id != seen.id).then_some(before)
    }

    /// Is this epoch later than all that a broker has led in? A broker may hear late that it led once, and need not have
    /// what came after that.
    pub(super) fn is_new(&self, epoch: LeaderEpoch) -> bool {
        self.epoch.is_none_or(|known| epoch > known)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use replicated_log::words::TopicId;

    /// The partition that all histories here are about.
    pub(in super::super) const T0: TopicPartition =
        TopicPartition { topic: TopicId(1), partition: 0 };
    /// Whose batches they are.
    pub(in super::super) const PRODUCER: u64 = 6;

    pub(in super::super) fn at(ms: u64) -> Time {
        Time(ms * 1_000_000)
    }

    pub(in super::super) fn entry(ms: u64, node: u32, note: Note) -> Entry<Note> {
        Entry { at: at(ms), node: NodeId(node), note }
    }

    /// So many records, whose ids count from this one on.
    pub(in super::super) fn sends(operation: u64, first: u64, records: u32) -> Note {
        sends_with(operation, first, records, Acks::All)
    }

    pub(in super::super) fn sends_with(
        operation: u64,
        first: u64,
        records: u32,
        acks: Acks,
    ) -> Note {
        Note::Sends { operation, partition: 0, first: id(first), records, acks }
    }

    pub(in super::super) fn id(number: u64) -> u64 {
        PRODUCER << 32 | number
    }

    pub(in super::super) fn acked(operation: u64, offset: Offset) -> Note {
        Note::Acked { operation, partition: T0, offset }
    }

    pub(in super::super) fn saw(replica: u32, offset: Offset, numbers: &[u64]) -> Note {
        let ids = numbers.iter().map(|number| id(*number)).collect();
        Note::Saw { partition: T0, at: NodeId(replica), offset, ids }
    }

    pub(in super::super) fn leads(leader_epoch: LeaderEpoch, end: Offset) -> Note {
        Note::Leads { partition: T0, leader_epoch, end }
    }

    pub(in super::super) fn boots(disk: u64) -> Note {
        Note::Boots { disk: DiskId(disk), clean: true }
    }

    pub(in super::super) fn is_so(is: Partition) -> Note {
        Note::Partition { partition: T0, is: Box::new(is) }
    }

    /// Kept by the brokers 0, 1 and 2, of which these are in sync.
    pub(in super::super) fn in_sync(isr: &[u32]) -> Note {
        let nodes = |numbers: &[u32]| numbers.iter().copied().map(NodeId).collect();
        is_so(Partition { replicas: nodes(&[0, 1, 2]), isr: nodes(isr), ..Partition::default() })
    }

    /// All of these in turn, of which two must have a record.
    fn filled(notes: &[(u32, Note)]) -> Ledger {
        let mut ledger = Ledger::new(2);
        (0..)
            .zip(notes)
            .for_each(|(ms, (node, note))| ledger.note(&entry(ms, *node, note.clone())));
        ledger
    }

    fn acknowledged(notes: &[(u32, Note)]) -> usize {
        filled(notes).partitions[&T0].acked.len()
    }

    /// A batch is acknowledged by three, whose disks are known.
    fn before() -> Vec<(u32, Note)> {
        let boots = [(0, boots(1)), (1, boots(2)), (2, boots(3))];
        let acked = [(6, sends(1, 0, 1)), (6, acked(1, 0))];
        [&boots[..], &[(3, in_sync(&[0, 1, 2]))], &acked].concat()
    }

    fn after(notes: &[(u32, Note)]) -> Vec<(u32, Note)> {
        [before(), notes.to_vec()].concat()
    }

    #[test]
    fn one_lost_disk_at_a_time_excuses_nothing() {
        let one_after_the_other = [
            (0, boots(7)),
            (3, in_sync(&[1, 2])),
            (3, in_sync(&[0, 1, 2])),
            (1, boots(8)),
            (3, in_sync(&[0, 2])),
        ];
        assert_eq!(acknowledged(&after(&one_after_the_other)), 1);
        let same_disks = [(0, boots(1)), (1, boots(2)), (2, boots(3))];
        assert_eq!(acknowledged(&after(&same_disks)), 1, "a crash of all loses nothing");
        assert_eq!(
            acknowledged(&after(&[(0, boots(7)), (9, boots(8))])),
            1,
            "the other keeps no replica"
        );
    }

    #[test]
    fn as_many_as_must_have_a_record_excuse_what_was_sent_until_they_are_back() {
        assert_eq!(acknowledged(&after(&[(0, boots(7)), (1, boots(8))])), 0);
        let unclean = Note::Boots { disk: DiskId(2), clean: false };
        assert_eq!(acknowledged(&after(&[(0, boots(7)), (1, unclean)])), 0);
        let in_the_isr_all_the_time = [(0, boots(7)), (3, in_sync(&[0, 1, 2])), (1, boots(8))];
        assert_eq!(acknowledged(&after(&in_the_isr_all_the_time)), 0, "it was not out of it yet");
        let sent_meanwhile = [
            (0, boots(7)),
            (1, boots(8)),
            (6, sends(2, 1, 1)),
            (3, in_sync(&[2])),
            (3, in_sync(&[0, 1, 2])),
            (6, acked(2, 0)),
            (6, sends(3, 2, 1)),
            (6, acked(3, 0)),
        ];
        assert_eq!(acknowledged(&after(&sent_meanwhile)), 1, "what was sent since counts");
    }

    #[test]
    fn what_a_controller_says_that_has_slept_brings_no_disk_back() {
        let version = |version, isr: &[u32]| match in_sync(isr) {
            Note::Partition { partition, is } => {
                Note::Partition { partition, is: Box::new(Partition { version, ..*is }) }
            }
            _ => unreachable!("it is about a partition"),
        };
        let lost = [(3, version(5, &[0, 1, 2])), (0, boots(7)), (3, version(6, &[1, 2]))];
        let then = |says| [&lost[..], &[(4, says), (1, boots(8))]].concat();
        assert_eq!(acknowledged(&after(&then(version(7, &[0, 1, 2])))), 1, "it was back");
        assert_eq!(
            acknowledged(&after(&then(version(5, &[0, 1, 2])))),
            0,
            "two are lost at a time"
        );
    }

    #[test]
    fn a_record_is_known_by_its_id_and_others_are_nobodys() {
        let ledger = filled(&[(6, sends(1, 0, 2)), (6, sends(2, 5, 1))]);
        let senders = [0, 1, 2, 5, 6].map(|number| ledger.sender(id(number)));
        assert_eq!(senders, [Some(1), Some(1), None, Some(2), None]);
        assert_eq!(ledger.sender(0), None);
    }
}
