//! The promises about records: `acked-kept`, `one-order`, `no-phantom` and `no-duplicate`.
//!
//! Most breaks show as soon as a broker begins to lead without what it must have. What is left shows in the audit at
//! the end, when the operator reads each replica from its start.

use std::collections::BTreeMap;
use std::time::Duration;

use machine::{Machine, NodeId, Time};
use sim::{Breach, Entry, Evidence, Measure, Promise, Shape as _, Verdict, World};

use super::ledger::{Ledger, Of, Seen};
use crate::shape::Shape;
use replicated_log::message::ReplicatedLog;
use replicated_log::note::Note;
use replicated_log::words::{Offset, TopicPartition};

/// The operator has read everything in so long.
const AUDIT: Duration = Duration::from_secs(1);

/// What was read of a log without records.
static EMPTY: BTreeMap<Offset, u64> = BTreeMap::new();

/// What the operator read at each replica.
#[derive(Debug)]
pub(super) struct Audit {
    operator: Option<NodeId>,
    begins: Time,
    reads: BTreeMap<(TopicPartition, NodeId), BTreeMap<Offset, u64>>,
    /// From where and up to where all was read, and whether the replica leads.
    over: BTreeMap<(TopicPartition, NodeId), (Offset, Offset, bool)>,
}

impl Audit {
    pub(super) fn of(shape: Shape) -> Audit {
        let begins = Time(0) + Duration::from_millis(shape.audit);
        let operator = shape.ids("operator").first().copied();
        Audit { operator, begins, reads: BTreeMap::new(), over: BTreeMap::new() }
    }

    /// Did the run last so long that everything should be read? One that was cut short shows nothing in the end.
    fn should_be_over(&self, now: Time) -> bool {
        now >= self.begins + AUDIT
    }

    pub(super) fn note(&mut self, entry: &Entry<Note>) {
        match &entry.note {
            Note::Saw { partition, at, offset, ids } if Some(entry.node) == self.operator => {
                let read = self.reads.entry((*partition, *at)).or_default();
                read.extend((*offset..).zip(ids.iter().copied()));
            }
            Note::Audited { partition, at, leads, start, end } => {
                self.over.insert((*partition, *at), (*start, *end, *leads));
            }
            _ => {}
        }
    }

    /// Where the log of a partition starts at its leader, and the record at each offset; nothing where none was read to
    /// the end.
    pub(super) fn led(
        &self,
        partition: TopicPartition,
    ) -> Option<(Offset, &BTreeMap<Offset, u64>)> {
        let mut all = self.over.range((partition, NodeId(0))..=(partition, NodeId(u32::MAX)));
        let (key, &(start, ..)) = all.find(|(_, (.., leads))| *leads)?;
        Some((start, self.reads.get(key).unwrap_or(&EMPTY)))
    }

    /// Is this record there, at this offset, wherever it should be?
    fn has(&self, partition: TopicPartition, offset: Offset, id: u64) -> Found {
        let (mut led, mut deleted) = (false, false);
        for (&(of, at), &(start, end, leads)) in
            self.over.range((partition, NodeId(0))..=(partition, NodeId(u32::MAX)))
        {
            debug_assert_eq!(of, partition);
            led |= leads;
            deleted |= leads && offset < start;
            if offset < start || offset >= end && !leads {
                continue;
            }
            let found =
                self.reads.get(&(partition, at)).and_then(|read| read.get(&offset).copied());
            if found != Some(id) {
                return Found::Missing { at, instead: found };
            }
        }
        match (led, deleted) {
            (false, _) => Found::NobodyLeads,
            (true, true) => Found::Deleted,
            (true, false) => Found::There,
        }
    }
}

/// What the audit says of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    There,
    /// Retention took it.
    Deleted,
    /// No leader of the partition was read.
    NobodyLeads,
    /// Not at this replica, or not there.
    Missing {
        at: NodeId,
        instead: Option<u64>,
    },
}

impl Found {
    /// Nothing where it is as it should be.
    fn verdict(self, what: String, partition: TopicPartition) -> Option<Result<Breach, String>> {
        match self {
            Found::There | Found::Deleted => None,
            Found::NobodyLeads => {
                Some(Err(format!("in the end no leader of {partition:?} could be read")))
            }
            Found::Missing { at, instead } => {
                let instead =
                    instead.map_or("nothing".into(), |id| format!("record {}", short(id)));
                let why = format!("{what}, and in the end {at:?} has {instead} there");
                Some(Ok(Breach::from(why).on(Evidence::Value(format!("{at:?}")))))
            }
        }
    }
}

/// A record as people name it: the number that its producer gave it.
fn short(id: u64) -> String {
    match id {
        u64::MAX => "that nobody sent".into(),
        id => format!("{} of n{}", id & 0xFFFF_FFFF, id >> 32),
    }
}

pub(super) struct AckedKept {
    ledger: Ledger,
    audit: Audit,
}

impl AckedKept {
    pub(super) fn of(shape: Shape) -> AckedKept {
        AckedKept { ledger: Ledger::new(shape.min_insync), audit: Audit::of(shape) }
    }

    fn look(&mut self, entry: &Entry<Note>) -> Result<(), Breach> {
        self.audit.note(entry);
        let verdict = self.at_once(entry);
        self.ledger.note(entry);
        verdict
    }

    fn at_once(&self, entry: &Entry<Note>) -> Result<(), Breach> {
        let Note::Leads { partition, leader_epoch, end } = entry.note else { return Ok(()) };
        let Some(of) = self.ledger.partitions.get(&partition) else { return Ok(()) };
        let Some((operation, acked_end)) = of.last_acked else { return Ok(()) };
        if end >= acked_end || !of.is_new(leader_epoch) {
            return Ok(());
        }
        let why = format!(
            "{:?} leads {partition:?} in epoch {leader_epoch} and has nothing from offset {end} on, and a batch was \
             acknowledged that ends at {acked_end}",
            entry.node
        );
        Err(Breach::from(why)
            .on_operation(operation)
            .on(Evidence::Value(format!("{:?}", entry.node))))
    }

    fn judge(&self) -> Verdict {
        for (&partition, of) in &self.ledger.partitions {
            for &(operation, offset, at) in
                of.acked.iter().filter(|(.., at)| *at < self.audit.begins)
            {
                let sent = self.ledger.sent[&operation];
                for (offset, id) in (offset..).zip(sent.first..).take(sent.records as usize) {
                    let found = self.audit.has(partition, offset, id);
                    let what = format!(
                        "record {} was acknowledged at offset {offset} at {at:?}",
                        short(id)
                    );
                    match found.verdict(what, partition) {
                        None => {}
                        Some(Ok(breach)) => return Verdict::Broken(breach.on_operation(operation)),
                        Some(Err(why)) => return Verdict::Unknown(why),
                    }
                }
            }
        }
        Verdict::Held
    }
}

impl<M: Machine<Protocol = ReplicatedLog>> Promise<M> for AckedKept {
    fn note(&mut self, _: &World<M>, entry: &Entry<Note>) -> Result<(), Breach> {
        self.look(entry)
    }

    fn end(&mut self, world: &World<M>) -> Verdict {
        if self.audit.should_be_over(world.now()) { self.judge() } else { Verdict::Held }
    }

    fn measures(&self, world: &World<M>) -> Vec<Measure> {
        let acked = self.ledger.partitions.values().map(|of| of.acked.len() as u64).sum();
        vec![Measure {
            label: "batches acknowledged with acks=all".into(),
            value: acked,
            course: Vec::new(),
            until: world.now(),
        }]
    }
}

pub(super) struct NoPhantom {
    ledger: Ledger,
    audit: Audit,
}

impl NoPhantom {
    pub(super) fn of(shape: Shape) -> NoPhantom {
        NoPhantom { ledger: Ledger::new(shape.min_insync), audit: Audit::of(shape) }
    }

    fn look(&mut self, entry: &Entry<Note>) -> Result<(), Breach> {
        self.audit.note(entry);
        let verdict = self.at_once(entry);
        self.ledger.note(entry);
        if let Note::Saw { partition, offset, ids, .. } = &entry.note {
            let of = self.ledger.partitions.entry(*partition).or_default();
            for (offset, &id) in (*offset..).zip(ids) {
                of.saw(offset, Seen { id, by: entry.node, at: entry.at });
            }
        }
        verdict
    }

    fn at_once(&self, entry: &Entry<Note>) -> Result<(), Breach> {
        match &entry.note {
            Note::Saw { partition, at, offset, ids } => {
                let unknown =
                    (*offset..).zip(ids).find(|(_, id)| self.ledger.sender(**id).is_none());
                let Some((offset, &id)) = unknown else { return Ok(()) };
                let record = short(id);
                Err(format!(
                    "{:?} read record {record} at offset {offset} of {partition:?} at {at:?}",
                    entry.node
                )
                .into())
            }
            Note::Leads { partition, leader_epoch, end } => {
                let Some(of) = self.ledger.partitions.get(partition) else { return Ok(()) };
                let Some((&offset, seen)) = of.seen.last_key_value() else { return Ok(()) };
                if *end > offset || !of.is_new(*leader_epoch) {
                    return Ok(());
                }
                let why = format!(
                    "{:?} leads {partition:?} in epoch {leader_epoch} and has nothing from offset {end} on, and {:?} read \
                     record {} at offset {offset}",
                    entry.node,
                    seen.by,
                    short(seen.id)
                );
                Err(Breach::from(why)
                    .on_moment(seen.at, seen.by)
                    .on(Evidence::Value(format!("{:?}", entry.node))))
            }
            _ => Ok(()),
        }
    }

    fn judge(&self) -> Verdict {
        for (&partition, of) in &self.ledger.partitions {
            for (&offset, seen) in of.seen.iter().filter(|(_, seen)| seen.at < self.audit.begins) {
                let what = format!(
                    "{:?} read record {} at offset {offset} at {:?}",
                    seen.by,
                    short(seen.id),
                    seen.at
                );
                match self.audit.has(partition, offset, seen.id).verdict(what, partition) {
                    None => {}
                    Some(Ok(breach)) => return Verdict::Broken(breach.on_moment(seen.at, seen.by)),
                    Some(Err(why)) => return Verdict::Unknown(why),
                }
            }
        }
        Verdict::Held
    }
}

impl<M: Machine<Protocol = ReplicatedLog>> Promise<M> for NoPhantom {
    fn note(&mut self, _: &World<M>, entry: &Entry<Note>) -> Result<(), Breach> {
        self.look(entry)
    }

    fn end(&mut self, world: &World<M>) -> Verdict {
        if self.audit.should_be_over(world.now()) { self.judge() } else { Verdict::Held }
    }
}

pub(super) struct OneOrder(Ledger);

impl OneOrder {
    pub(super) fn of(shape: Shape) -> OneOrder {
        OneOrder(Ledger::new(shape.min_insync))
    }

    fn look(&mut self, entry: &Entry<Note>) -> Result<(), Breach> {
        self.0.note(entry);
        let Note::Saw { partition, at, offset, ids } = &entry.note else { return Ok(()) };
        let of = self.0.partitions.entry(*partition).or_default();
        for (offset, &id) in (*offset..).zip(ids) {
            if let Some(before) = of.saw(offset, Seen { id, by: entry.node, at: entry.at }) {
                let why = format!(
                    "{:?} read record {} at offset {offset} of {partition:?} at {at:?}, and {:?} read record {} there",
                    entry.node,
                    short(id),
                    before.by,
                    short(before.id)
                );
                return Err(Breach::from(why).on_moment(before.at, before.by));
            }
        }
        Ok(())
    }
}

impl<M: Machine<Protocol = ReplicatedLog>> Promise<M> for OneOrder {
    fn note(&mut self, _: &World<M>, entry: &Entry<Note>) -> Result<(), Breach> {
        self.look(entry)
    }
}

pub(super) struct NoDuplicate {
    ledger: Ledger,
    producers: Vec<NodeId>,
    /// Where each record was seen first, by partition and id.
    places: BTreeMap<(TopicPartition, u64), (Offset, Time, NodeId)>,
}

impl NoDuplicate {
    pub(super) fn of(shape: Shape) -> NoDuplicate {
        let producers =
            shape.ids("producer").into_iter().filter(|&node| shape.is_idempotent(node)).collect();
        NoDuplicate { ledger: Ledger::new(shape.min_insync), producers, places: BTreeMap::new() }
    }

    fn look(&mut self, entry: &Entry<Note>) -> Result<(), Breach> {
        self.ledger.note(entry);
        if let Note::Boots { .. } | Note::Partition { .. } = entry.note {
            let excused = |partition: &TopicPartition| {
                self.ledger.partitions.get(partition).is_some_and(Of::is_excused)
            };
            self.places.retain(|(partition, _), _| !excused(partition));
        }
        let Note::Saw { partition, at, offset, ids } = &entry.note else { return Ok(()) };
        if self.ledger.partitions.get(partition).is_some_and(Of::is_excused) {
            return Ok(());
        }
        for (offset, &id) in (*offset..).zip(ids) {
            if !self.producers.contains(&NodeId((id >> 32) as u32)) {
                continue;
            }
            let seen = (offset, entry.at, entry.node);
            let (before, then, by) = *self.places.entry((*partition, id)).or_insert(seen);
            if before != offset {
                let why = format!(
                    "{:?} read record {} at offset {offset} of {partition:?} at {at:?}, and it was read at offset {before}",
                    entry.node,
                    short(id)
                );
                let sent = self.ledger.sender(id);
                return Err(sent
                    .into_iter()
                    .fold(Breach::from(why), Breach::on_operation)
                    .on_moment(then, by));
            }
        }
        Ok(())
    }
}

impl<M: Machine<Protocol = ReplicatedLog>> Promise<M> for NoDuplicate {
    fn note(&mut self, _: &World<M>, entry: &Entry<Note>) -> Result<(), Breach> {
        self.look(entry)
    }
}

#[cfg(test)]
mod tests;
