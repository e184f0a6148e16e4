//! When a partition was down, and the promise `bounded-downtime`.
//!
//! A partition is down from when a batch is sent to it until a batch is acknowledged that was sent then or later: that an
//! older one is acknowledged shows nothing. Only batches with acks=all are looked at. Before it has acknowledged anything
//! a partition has [`START`] to come into being. The scenarios that promise a bound break one thing at a time, so that a
//! majority of controllers and enough replicas are well; nothing else is excused.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use machine::{Machine, Time};
use sim::{Breach, Entry, Measure, Promise, Verdict, World};

use replicated_log::ask::Acks;
use replicated_log::message::ReplicatedLog;
use replicated_log::note::Note;

/// By then controllers, brokers and the topic are there.
const START: Duration = Duration::from_secs(3);
/// Of a run.
const PARTS: usize = 40;

/// Of every partition, what waits for its acknowledgement.
#[derive(Default)]
pub(super) struct Waits {
    partitions: BTreeMap<u32, Waiting>,
    /// Of each operation, its partition and when it was sent.
    sent: BTreeMap<u64, (u32, Time)>,
}

/// A time in which a partition was down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Down {
    pub(super) partition: u32,
    pub(super) since: Time,
    pub(super) until: Time,
    /// The oldest that waited.
    operation: u64,
}

#[derive(Default)]
struct Waiting {
    /// The batches that were sent since the newest one that is acknowledged, in order.
    batches: VecDeque<(Time, u64)>,
    /// When it acknowledged something first.
    begun: Option<Time>,
}

impl Waiting {
    /// Since when the oldest batch waits for a partition that is there, and its operation.
    fn since(&self) -> Option<(Time, u64)> {
        let start = Time(0) + START;
        let begun = self.begun.map_or(start, |begun| begun.min(start));
        self.batches.front().map(|&(at, operation)| (at.max(begun), operation))
    }

    /// Down until then, if it is down.
    fn down(&self, partition: u32, until: Time) -> Option<Down> {
        let (since, operation) = self.since().filter(|(since, _)| *since <= until)?;
        Some(Down { partition, since, until, operation })
    }
}

impl Down {
    pub(super) fn lasted(&self) -> Duration {
        self.until.since(self.since)
    }
}

impl Waits {
    /// Takes in a note. A partition may have been down up to it.
    pub(super) fn note(&mut self, entry: &Entry<Note>) -> Option<Down> {
        match entry.note {
            Note::Sends { operation, partition, acks: Acks::All, .. } => {
                self.sent.insert(operation, (partition, entry.at));
                let waiting = self.partitions.entry(partition).or_default();
                waiting.batches.push_back((entry.at, operation));
                None
            }
            Note::Acked { operation, .. } => {
                let (partition, sent) = self.sent.remove(&operation)?;
                let waiting = self.partitions.entry(partition).or_default();
                waiting.begun.get_or_insert(entry.at);
                if waiting.batches.front().is_none_or(|(at, _)| *at > sent) {
                    return None;
                }
                let down = waiting.down(partition, entry.at);
                while waiting.batches.pop_front_if(|(at, _)| *at <= sent).is_some() {}
                down
            }
            _ => None,
        }
    }

    /// Those that are down in the end, in a run that ended then.
    pub(super) fn at_the_end(&self, ended: Time) -> impl Iterator<Item = Down> {
        let down = move |(&partition, waiting): (&u32, &Waiting)| waiting.down(partition, ended);
        self.partitions.iter().filter_map(down)
    }

    /// When each partition acknowledged something first.
    pub(super) fn begun(&self) -> impl Iterator<Item = (u32, Time)> {
        self.partitions.iter().filter_map(|(partition, waiting)| Some((*partition, waiting.begun?)))
    }
}

pub(super) struct BoundedDowntime {
    bound: Duration,
    waits: Waits,
    down: Vec<Down>,
}

impl BoundedDowntime {
    pub(super) fn new(bound: Duration) -> BoundedDowntime {
        BoundedDowntime { bound, waits: Waits::default(), down: Vec::new() }
    }

    fn look(&mut self, entry: &Entry<Note>) -> Result<(), Breach> {
        let Some(down) = self.waits.note(entry) else { return Ok(()) };
        self.down.push(down);
        self.judge(down)
    }

    fn judge(&self, down: Down) -> Result<(), Breach> {
        let Down { partition, since, operation, .. } = down;
        if down.lasted() <= self.bound {
            return Ok(());
        }
        let why = format!(
            "what was sent to partition {partition} from {since:?} on waited {:?} for an acknowledgement, and {:?} is the bound",
            down.lasted(),
            self.bound
        );
        Err(Breach::from(why).on_operation(operation))
    }

    fn at_the_end(&self, now: Time) -> Verdict {
        let late = self.waits.at_the_end(now).find_map(|down| self.judge(down).err());
        late.map_or(Verdict::Held, Verdict::Broken)
    }

    /// The longest in milliseconds, as a whole and by part of a run that lasted so long.
    fn measure(&self, lasted: Duration) -> Measure {
        let ms = |down: Duration| down.as_millis() as u64;
        let mut course = vec![0; PARTS];
        for down in &self.down {
            let since = down.since.since(Time(0)).as_nanos();
            let part = since * PARTS as u128 / lasted.as_nanos().max(1);
            let part = &mut course[(part as usize).min(PARTS - 1)];
            *part = ms(down.lasted()).max(*part);
        }
        Measure {
            label: format!(
                "longest time without an acknowledgement, in ms ({} or less)",
                ms(self.bound)
            ),
            value: course.iter().copied().max().unwrap_or(0),
            course,
            until: Time(0) + lasted,
        }
    }
}

impl<M: Machine<Protocol = ReplicatedLog>> Promise<M> for BoundedDowntime {
    fn note(&mut self, _: &World<M>, entry: &Entry<Note>) -> Result<(), Breach> {
        self.look(entry)
    }

    fn end(&mut self, world: &World<M>) -> Verdict {
        self.at_the_end(world.now())
    }

    fn measures(&self, world: &World<M>) -> Vec<Measure> {
        vec![self.measure(world.now().since(Time(0)))]
    }
}

#[cfg(test)]
mod tests {
    use super::super::ledger::tests::{acked, at, entry, sends, sends_with};
    use super::*;

    const BOUND: Duration = Duration::from_millis(100);

    /// After a batch that was acknowledged at 0, up to 1 s.
    fn judged(notes: &[(u64, Note)]) -> Result<(), Breach> {
        let mut promise = BoundedDowntime::new(BOUND);
        let first = [(0, sends(99, 99, 1)), (0, acked(99, 99))];
        let mut all = first.iter().chain(notes);
        all.try_for_each(|(ms, note)| promise.look(&entry(*ms, 9, note.clone())))?;
        match promise.at_the_end(at(1_000)) {
            Verdict::Broken(breach) => Err(breach),
            _ => Ok(()),
        }
    }

    #[test]
    fn what_is_acknowledged_in_time_or_after_something_newer_is_no_downtime() {
        assert_eq!(judged(&[(1, sends(1, 0, 1)), (90, acked(1, 0))]), Ok(()));
        let newer = [(1, sends(1, 0, 1)), (50, sends(2, 1, 1)), (80, acked(2, 0))];
        let overtaken = [&newer[..], &[(400, acked(1, 1))]].concat();
        assert_eq!(judged(&overtaken), Ok(()), "the partition served what came later");
        let without = [(1, sends_with(1, 0, 1, Acks::Leader)), (950, sends(2, 1, 1))];
        assert_eq!(judged(&without), Ok(()), "nobody waits for all, and there is time left");
    }

    #[test]
    fn a_partition_that_acknowledges_nothing_new_is_down() {
        assert!(judged(&[(1, sends(1, 0, 1)), (110, acked(1, 0))]).is_err());
        assert!(judged(&[(1, sends(1, 0, 1))]).is_err(), "until the end");
        let both = [(1, sends(1, 0, 1)), (10, sends(2, 1, 1)), (90, acked(1, 0))];
        let older = [&both[..], &[(120, acked(2, 1))]].concat();
        let breach = judged(&older).unwrap_err();
        assert_eq!(breach.evidence, [sim::Evidence::Operation(2)], "an older one shows nothing");
    }

    #[test]
    fn a_partition_is_not_waited_for_before_it_is_there_and_then_it_is() {
        let judged = |notes: &[(u64, Note)], end| {
            let mut promise = BoundedDowntime::new(BOUND);
            let mut notes = notes.iter();
            notes.try_for_each(|(ms, note)| promise.look(&entry(*ms, 9, note.clone()))).is_ok()
                && promise.at_the_end(at(end)) == Verdict::Held
        };
        assert!(judged(&[(1, sends(1, 0, 1)), (900, acked(1, 0))], 1_000), "it begins");
        assert!(judged(&[(1, sends(1, 0, 1))], 3_100));
        assert!(!judged(&[(1, sends(1, 0, 1))], 3_101), "it never does");
        assert!(!judged(&[(1, sends(1, 0, 1)), (3_101, acked(1, 0))], 3_102), "too late");
    }

    #[test]
    fn the_longest_is_told_by_when_it_began() {
        let mut promise = BoundedDowntime::new(BOUND);
        let first = [(100, sends(1, 0, 1)), (130, acked(1, 0)), (200, sends(2, 1, 1))];
        let then = [(230, acked(2, 1)), (500, sends(3, 2, 1)), (590, acked(3, 2))];
        for (ms, note) in first.into_iter().chain(then) {
            promise.look(&entry(ms, 9, note)).unwrap();
        }
        let measure = promise.measure(Duration::from_millis(1_000));
        assert_eq!((measure.value, measure.course[8], measure.course[20]), (90, 30, 90));
    }
}
