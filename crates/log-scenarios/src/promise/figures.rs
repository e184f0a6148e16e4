//! What a run came to in numbers, for whoever asks how good the service was: from the ledger and the waits that promises
//! are judged by, and without what these excuse.
//!
//! A partition is down as `bounded-downtime` says, and its downtime by a fault is the longest such time that overlaps the
//! fault. Of availability, what is shorter than clients wait for an answer takes nothing: no client notices it. An error
//! is a batch or a fetch that was refused, or not answered in time.

use std::collections::{BTreeMap, BTreeSet};

use machine::{NodeId, Time, nanos};
use sim::{Cluster, Durations, Entry, Figures, Share, World};

use super::downtime::{Down, Waits};
use super::kept::Audit;
use super::ledger::Ledger;
use crate::client::PATIENCE;
use crate::shape::{Node, Shape};
use replicated_log::note::Note;

/// All of them, of a run that is over.
pub(crate) fn figures(cluster: &Cluster<Shape>, world: &World<Node>) -> Figures {
    let mut account = Account::of(cluster.shape);
    world.history().iter().for_each(|entry| account.note(entry));
    let faults: Vec<(Time, Time)> = world.faults_counted().collect();
    let mut figures = account.close(&faults, world.now());
    let clients = (0..world.len() as u32).filter_map(|node| match world.machine(NodeId(node))? {
        Node::Client(client) => Some(client.errors()),
        Node::Broker(_) | Node::Controller(_) => None,
    });
    let sum =
        |sum: Share, one: Share| Share { part: sum.part + one.part, whole: sum.whole + one.whole };
    figures.shares.insert("error_rate".into(), clients.fold(Share::default(), sum));
    figures
}

/// What the notes of a run say.
struct Account {
    shape: Shape,
    ledger: Ledger,
    audit: Audit,
    waits: Waits,
    down: Vec<Down>,
    /// Records that were acknowledged, by whoever was to have them.
    acknowledged: u64,
    /// When something was acknowledged last, by partition.
    last: BTreeMap<u32, Time>,
}

impl Account {
    fn of(shape: Shape) -> Account {
        Account {
            shape,
            ledger: Ledger::that_excuses_nothing(),
            audit: Audit::of(shape),
            waits: Waits::default(),
            down: Vec::new(),
            acknowledged: 0,
            last: BTreeMap::new(),
        }
    }

    fn note(&mut self, entry: &Entry<Note>) {
        self.ledger.note(entry);
        self.audit.note(entry);
        self.down.extend(self.waits.note(entry));
        if let Note::Acked { operation, partition, .. } = entry.note {
            let sent = self.ledger.sent.get(&operation);
            self.acknowledged += sent.map_or(0, |sent| u64::from(sent.records));
            self.last.insert(partition.partition, entry.at);
        }
    }

    fn close(mut self, faults: &[(Time, Time)], ended: Time) -> Figures {
        for down in self.waits.at_the_end(ended) {
            self.last.insert(down.partition, ended);
            self.down.push(down);
        }
        let mut figures = Figures::default();
        let mut count = |name: &'static str, value| figures.counts.insert(name.into(), value);
        let sent = self.ledger.sent.values().map(|sent| u64::from(sent.records)).sum();
        count("records_sent", sent);
        count("records_acknowledged", self.acknowledged);
        count("records_lost", self.lost());
        let [idempotent, others] = self.duplicated();
        count("records_duplicated", idempotent + others);
        count("records_duplicated_idempotent", idempotent);
        figures.shares.insert("availability".into(), self.availability());
        let mut all = Durations::default();
        for (partition, _) in self.waits.begun() {
            let times = self.downtimes(partition, faults);
            all.add(&times);
            figures.times.insert(format!("downtime_of_partition_{partition}").into(), times);
        }
        figures.times.insert("downtime".into(), all);
        figures
    }

    /// For each fault the longest time for which this partition was down that overlaps it.
    fn downtimes(&self, partition: u32, faults: &[(Time, Time)]) -> Durations {
        let mut times = Durations::default();
        for &(from, until) in faults {
            let during = self.down.iter().filter(|down| {
                down.partition == partition && down.since <= until && from < down.until
            });
            times.push(during.map(Down::lasted).max().unwrap_or_default());
        }
        times
    }

    /// Of the time of all partitions, from their first acknowledgement to their last one, that in which none was down
    /// for longer than clients wait.
    fn availability(&self) -> Share {
        let begun: BTreeMap<u32, Time> = self.waits.begun().collect();
        let mut share = Share::default();
        for (partition, &begun) in &begun {
            let whole = self.last.get(partition).map_or(0, |last| nanos(last.since(begun)));
            let (mut lost, mut until) = (0, begun);
            let of = self.down.iter().filter(|down| down.partition == *partition);
            // In the order of their ends; two may overlap.
            for down in of.filter(|down| down.lasted() > PATIENCE) {
                lost += nanos(down.until.since(down.since.max(until)));
                until = until.max(down.until);
            }
            share.whole += whole;
            share.part += whole.saturating_sub(lost);
        }
        share
    }

    /// Records that were acknowledged with acks=all, and that the leader does not have in the end where they should be.
    /// What retention took is not lost, and where no leader was read nothing is known.
    fn lost(&self) -> u64 {
        let mut lost = 0;
        for (&partition, of) in &self.ledger.partitions {
            let Some((start, read)) = self.audit.led(partition) else { continue };
            for &(operation, offset, _) in &of.acked {
                let sent = self.ledger.sent[&operation];
                let records = (offset..).zip(sent.first..).take(sent.records as usize);
                let is_lost =
                    |(offset, id): &(u64, u64)| *offset >= start && read.get(offset) != Some(id);
                lost += records.filter(is_lost).count() as u64;
            }
        }
        lost
    }

    /// How often a record is there once more, in the logs of leaders in the end: those of idempotent producers, and of
    /// others, who repeat what was not answered.
    fn duplicated(&self) -> [u64; 2] {
        let mut duplicated = [0, 0];
        for &partition in self.ledger.partitions.keys() {
            let mut seen = BTreeSet::new();
            for &id in self.audit.led(partition).into_iter().flat_map(|(_, read)| read.values()) {
                if self.ledger.sender(id).is_some() && !seen.insert(id) {
                    let is_idempotent = self.shape.is_idempotent(NodeId((id >> 32) as u32));
                    duplicated[usize::from(!is_idempotent)] += 1;
                }
            }
        }
        duplicated
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::ledger::tests::{T0, acked, at, entry, id, saw, sends};
    use super::*;
    use sim::Shape as _;

    fn closed(notes: &[(u64, u32, Note)], faults: &[(u64, u64)], ended: u64) -> Figures {
        let mut account = Account::of(Shape::default());
        notes.iter().for_each(|(ms, node, note)| account.note(&entry(*ms, *node, note.clone())));
        let faults: Vec<_> = faults.iter().map(|(from, until)| (at(*from), at(*until))).collect();
        account.close(&faults, at(ended))
    }

    fn served(from: u64, until: u64) -> Vec<(u64, u32, Note)> {
        let each = |number: u64| {
            let begins = number * 100;
            [(begins, 9, sends(number, number, 1)), (begins + 10, 9, acked(number, number))]
        };
        (from / 100..until / 100).flat_map(each).collect()
    }

    #[test]
    fn downtime_is_the_longest_that_overlaps_a_fault_and_what_nobody_notices_is_available() {
        let gap = [(1_050, 9, sends(50, 50, 1)), (1_350, 9, acked(50, 50))];
        let notes = [served(0, 1_000), gap.to_vec(), served(1_400, 2_000)].concat();
        let figures = closed(&notes, &[(1_100, 1_200), (1_400, 1_500), (1_025, 1_030)], 2_500);
        let downtime = &figures.times["downtime"];
        assert_eq!(downtime, &figures.times["downtime_of_partition_0"]);
        let mut each = Durations::default();
        [300, 10, 0].into_iter().for_each(|ms| each.push(Duration::from_millis(ms)));
        assert_eq!(downtime, &each);
        // From 10 to 1,910 ms, of which 300 are lost.
        let Share { part, whole } = figures.shares["availability"];
        assert_eq!((part, whole), (1_600_000_000, 1_900_000_000));
    }

    #[test]
    fn who_waits_in_the_end_was_not_served() {
        let notes = [served(0, 1_000), vec![(1_000, 9, sends(50, 50, 1))]].concat();
        let figures = closed(&notes, &[(900, 1_100)], 2_010);
        assert_eq!(figures.times["downtime"].max(), Some(Duration::from_millis(1_010)));
        assert_eq!(figures.shares["availability"].ratio(), Some(990.0 / 2_000.0));
    }

    #[test]
    fn records_are_counted_as_the_audit_finds_them() {
        let operator = Shape::default().ids("operator")[0].0;
        let audited =
            |start| Note::Audited { partition: T0, at: NodeId(1), leads: true, start, end: 9 };
        let reads = |start, numbers: &[u64]| {
            let acked = [(1, 6, sends(1, 0, 3)), (2, 6, acked(1, 0)), (3, 6, sends(2, 3, 2))];
            let read =
                [(9_600, operator, saw(1, start, numbers)), (9_601, operator, audited(start))];
            let figures = closed(&[&acked[..], &read].concat(), &[], 11_000);
            let names = ["sent", "acknowledged", "lost", "duplicated", "duplicated_idempotent"];
            names.map(|name| figures.counts[format!("records_{name}").as_str()])
        };
        assert_eq!(reads(0, &[0, 1, 2, 3, 4]), [5, 3, 0, 0, 0]);
        assert_eq!(
            reads(0, &[0, 1, 3, 4]),
            [5, 3, 1, 0, 0],
            "one is gone, and nobody was told of the others"
        );
        assert_eq!(reads(1, &[1, 2, 3]), [5, 3, 0, 0, 0], "retention took the first");
        assert_eq!(reads(0, &[0, 1, 2, 3, 4, 3, 4]), [5, 3, 0, 2, 2]);
        assert!(Shape::default().is_idempotent(NodeId((id(0) >> 32) as u32)), "they send it");
        let unread = closed(&[(1, 6, sends(1, 0, 3)), (2, 6, acked(1, 0))], &[], 3);
        assert_eq!(unread.counts["records_lost"], 0, "nothing was read");
    }
}
