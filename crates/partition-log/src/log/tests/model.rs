//! Random operations with crashes between any two operations of the disk, against a list.

use proptest::prelude::*;

use super::rig::{LIMITS, Rig, timed};
use crate::{Flush, LogEvent, LogLimits, Read, Sequence};
use log_protocol::ask::When;
use log_protocol::batch::{Batch, Producer};
use log_protocol::words::{LeaderEpoch, Offset, Timestamp};

#[derive(Clone, Debug)]
enum Move {
    Lead {
        records: usize,
        length: usize,
        producer: Option<u64>,
        next_epoch: bool,
        time: i64,
    },
    /// The last so many batches go.
    Truncate(usize),
    RestartAt(u64),
    RaiseStart(usize),
    Retain(u64),
    Evict(usize),
    Read {
        back: usize,
        most: u32,
    },
    Find {
        time: Option<Timestamp>,
        hides: usize,
    },
    Flush,
    Full(bool),
    Steps(usize),
    Fire,
    /// The process died, or the power went; and again, after so many steps of each boot.
    Crash(Vec<(bool, usize)>),
}

fn moves() -> impl Strategy<Value = Move> {
    let lead = (
        1..4_usize,
        0..120_usize,
        prop::option::of(0..3_u64),
        prop::bool::weighted(0.1),
        0..50_i64,
    );
    prop_oneof![
        12 => lead.prop_map(|(records, length, producer, next_epoch, time)| {
            Move::Lead { records, length, producer, next_epoch, time }
        }),
        3 => (0..7_usize).prop_map(Move::Truncate),
        1 => (0..2_u64).prop_map(Move::RestartAt),
        1 => (0..9_usize).prop_map(Move::RaiseStart),
        1 => (0..2_000_u64).prop_map(Move::Retain),
        3 => (0..900_usize).prop_map(Move::Evict),
        4 => (0..12_usize, 0..400_u32).prop_map(|(back, most)| Move::Read { back, most }),
        2 => (prop::option::of(0..50_i64), 0..4_usize).prop_map(|(time, hides)| Move::Find { time, hides }),
        1 => Just(Move::Flush),
        1 => any::<bool>().prop_map(Move::Full),
        12 => (1..12_usize).prop_map(Move::Steps),
        2 => Just(Move::Fire),
        3 => prop::collection::vec((any::<bool>(), 0..14_usize), 1..4).prop_map(Move::Crash),
    ]
}

/// What must be there, may be there and must not be.
#[derive(Debug)]
struct Model {
    /// What the log may be after a crash: as it is, and as it was before each cut that is not durable yet. The last one
    /// is as it is. What went at the front is still in them.
    lists: Vec<Vec<Batch>>,
    start: Offset,
    /// Up to there all survives a crash of the process, and of the system.
    written: Offset,
    synced: Offset,
    epoch: LeaderEpoch,
    sent: u64,
    /// What was next of each producer, before what the list has of it.
    expired: [u32; 3],
    /// How often something went.
    changes: u64,
    /// Something was cut, ever.
    cut: bool,
    /// Reads and searches that are not answered: what they asked for.
    reads: Vec<Option<Asked>>,
}

#[derive(Clone, Debug)]
struct Asked {
    from: Offset,
    below: Offset,
    most: u32,
    /// Of a search.
    when: Option<When>,
    changes: u64,
}

impl Model {
    fn new() -> Model {
        Model {
            lists: vec![Vec::new()],
            start: 0,
            written: 0,
            synced: 0,
            epoch: 1,
            sent: 0,
            expired: [0; 3],
            changes: 0,
            cut: false,
            reads: Vec::new(),
        }
    }

    fn list(&self) -> &[Batch] {
        let list = &self.lists[self.lists.len() - 1];
        &list[list.partition_point(|batch| batch.base_offset() < self.start)..]
    }

    fn end(&self) -> Offset {
        self.list().last().map_or(self.start, Batch::next_offset)
    }

    fn ended_at(&mut self, to: Offset) {
        (self.written, self.synced) = (self.written.min(to), self.synced.min(to));
        self.changes += 1;
        self.cut = true;
    }

    /// The next batch of this producer, as it should be numbered.
    fn next_of(&self, id: u64) -> Producer {
        let next = next_in(id, &self.lists[self.lists.len() - 1]);
        let first_sequence = next.unwrap_or(self.expired[id as usize]);
        Producer { id, epoch: 0, first_sequence }
    }

    /// Does the log say so of what the list has?
    fn compare(&self, rig: &Rig) {
        let log = &rig.log;
        assert_eq!((log.start_offset(), log.end_offset()), (self.start, self.end()));
        assert!(log.synced_end() <= log.written_end() && log.written_end() <= log.end_offset());
        assert!(log.start_offset() <= log.synced_end() || self.list().is_empty());
        assert_eq!(log.last_epoch(), self.list().last().map(Batch::leader_epoch));
        for epoch in 0..=self.epoch {
            let after = self.list().partition_point(|batch| batch.leader_epoch() <= epoch);
            let end = self.list().get(after).map_or(self.end(), Batch::base_offset);
            let last = after.checked_sub(1).map(|last| (self.list()[last].leader_epoch(), end));
            assert_eq!(log.epoch_end(epoch), last, "epoch {epoch}");
        }
        for id in 0..3 {
            if let Some(first_sequence) = next_in(id, &self.lists[self.lists.len() - 1]) {
                let producer = Producer { id, epoch: 0, first_sequence };
                let next = timed(0, 1, 0, 0, Some(producer));
                let told = log.sequence(&next);
                // More of it may have been cut than is known.
                let excused = self.cut && told == Sequence::OutOfOrder;
                assert!(told == Sequence::New || excused, "{producer:?}: {told:?}");
            }
            let of_it = |batch: &&Batch| batch.producer().is_some_and(|producer| producer.id == id);
            for batch in self.list().iter().rev().filter(of_it).take(5) {
                let told = log.sequence(batch);
                let right = told == Sequence::Duplicate(batch.base_offset());
                assert!(right || (self.cut && told == Sequence::OutOfOrder), "{told:?}");
            }
        }
    }

    /// Is this what a read may give?
    fn check_read(&self, asked: &Asked, batches: &[Batch]) {
        let Asked { from, below, most, .. } = *asked;
        // What went at the front since it was asked for may be given.
        let list = &self.lists[self.lists.len() - 1];
        let expected = &list[list.partition_point(|batch| batch.next_offset() <= from)..];
        let upto = expected.partition_point(|batch| batch.next_offset() <= below);
        assert!(expected[..upto].starts_with(batches), "{batches:?} of {expected:?} below {below}");
        let bytes: u32 = batches.iter().map(Batch::length).sum();
        assert!(batches.len() <= 1 || bytes <= most, "{bytes} bytes");
        let none = upto == 0 || asked.changes != self.changes;
        assert!(none || !batches.is_empty(), "there is something from {from} to {below}");
    }

    fn check_found(&self, asked: &Asked, offset: Option<Offset>) {
        if asked.changes != self.changes {
            return;
        }
        let below = self.list().partition_point(|batch| batch.next_offset() <= asked.below);
        let mut there = self.list()[..below].iter();
        let right = match asked.when.unwrap() {
            When::At(time) => there.find(|batch| batch.max_timestamp() >= time),
            When::MaxTimestamp => {
                let largest = there.clone().map(Batch::max_timestamp).max();
                there.find(|batch| Some(batch.max_timestamp()) == largest)
            }
            When::Earliest | When::Latest => panic!("that needs no search"),
        };
        let right = right.map(Batch::base_offset);
        // After a cut the index may have the time of what was cut.
        let excused = self.cut && asked.when == Some(When::MaxTimestamp);
        assert!(offset == right || excused, "{asked:?} found {offset:?}, and should {right:?}");
    }

    fn hear(&mut self, rig: &mut Rig) {
        for event in std::mem::take(&mut rig.events) {
            match event {
                LogEvent::Truncated => drop(self.lists.drain(..self.lists.len() - 1)),
                LogEvent::Read { token, batches } => {
                    let asked = self.reads[token as usize].take().expect("it was asked once");
                    self.check_read(&asked, &batches.unwrap());
                }
                LogEvent::Found { token, found } => {
                    let asked = self.reads[token as usize].take().expect("it was asked once");
                    self.check_found(&asked, found.offset);
                }
                LogEvent::Damaged(why) | LogEvent::Broken(why) => panic!("{why}"),
                LogEvent::Ready | LogEvent::Cut { .. } | LogEvent::Ends | LogEvent::Full => {}
                LogEvent::Deleted => panic!("nobody asked for that"),
            }
        }
        self.written = self.written.max(rig.log.written_end());
        self.synced = self.synced.max(rig.log.synced_end());
    }

    /// A boot after a crash found these.
    fn booted(&mut self, found: &[Batch], power: bool) {
        let kept = if power { self.synced } else { self.written };
        let must: Vec<&Batch> =
            self.list().iter().filter(|batch| batch.next_offset() <= kept).collect();
        let there: Vec<&Batch> =
            found.iter().filter(|batch| batch.base_offset() >= self.start).collect();
        assert!(there.starts_with(&must), "{must:?} was kept, and there is {found:?}");
        let is_of = |list: &Vec<Batch>| {
            found.is_empty() || list.windows(found.len()).any(|part| part == found)
        };
        assert!(self.lists.iter().any(is_of), "{found:?} is none of {:?}", self.lists);
        let before = found.first().is_none_or(|first| first.base_offset() <= self.start);
        assert!(before, "it begins behind {}", self.start);
        self.start = found.first().map_or(0, Batch::base_offset);
        let mut before: Vec<Batch> = self.lists.iter().flatten().cloned().collect();
        before.retain(|batch| batch.base_offset() < self.start);
        before.sort_by_key(Batch::base_offset);
        self.expired =
            [0, 1, 2].map(|id| next_in(id, &before).unwrap_or(self.expired[id as usize]));
        self.lists = vec![found.to_vec()];
        (self.written, self.synced) = (self.end(), self.end());
        self.changes += 1;
        self.reads.iter_mut().for_each(|asked| *asked = None);
    }
}

/// The sequence number that is next of this producer, if there is a batch of it.
fn next_in(id: u64, list: &[Batch]) -> Option<u32> {
    let last =
        list.iter().rfind(|batch| batch.producer().is_some_and(|producer| producer.id == id));
    last.and_then(|last| Some(last.producer()?.first_sequence + last.records()))
}

fn play(rig: &mut Rig, model: &mut Model, step: Move) {
    let batches = model.list().len();
    match step {
        Move::Lead { records, length, producer, next_epoch, time } => {
            model.sent += 1;
            model.epoch += LeaderEpoch::from(next_epoch);
            let producer = producer.map(|id| model.next_of(id));
            let batch = timed(model.sent, records, length, time, producer);
            let offsets = rig.log.lead(&batch, model.epoch);
            assert_eq!(offsets, model.end()..model.end() + records as u64);
            let stamped = batch.stamped(offsets.start, model.epoch);
            model.lists.last_mut().unwrap().push(stamped);
        }
        Move::Truncate(back) if back <= batches => {
            let to = model.list().get(batches - back).map_or(model.end(), Batch::base_offset);
            rig.log.truncate(to);
            if back > 0 {
                model.ended_at(to);
                let mut list = model.lists[model.lists.len() - 1].clone();
                list.retain(|batch| batch.next_offset() <= to && to > model.start);
                model.lists.push(list);
            }
        }
        Move::RestartAt(more) => {
            model.expired = [0, 1, 2].map(|id| model.next_of(id).first_sequence);
            model.start = model.end() + more;
            rig.log.restart_at(model.start);
            model.ended_at(0);
            model.lists.push(Vec::new());
        }
        Move::RaiseStart(count) if count < batches => {
            let to = model.list()[count].base_offset();
            rig.log.raise_start(to);
            let start = rig.log.start_offset();
            assert!(start <= to && model.list().iter().any(|batch| batch.base_offset() == start));
            model.changes += u64::from(model.start != start);
            model.start = start;
        }
        Move::Retain(below) => {
            let watermark = below.min(model.end());
            rig.log.retain(watermark);
            let start = rig.log.start_offset();
            let left: u64 = model
                .list()
                .iter()
                .filter(|batch| batch.base_offset() >= start)
                .map(|batch| u64::from(batch.length()))
                .sum();
            let gone = start != model.start;
            assert!(!gone || (start <= watermark && left + 4 * batches as u64 >= 1_000), "{left}");
            model.changes += u64::from(gone);
            model.start = start;
        }
        Move::Evict(bytes) => {
            let before = rig.log.cache_bytes();
            let evicted = rig.log.evict(bytes);
            assert_eq!(rig.log.cache_bytes(), before - evicted);
        }
        Move::Read { back, most } => {
            let from =
                model.list().len().checked_sub(back).and_then(|place| model.list().get(place));
            let from = from.map_or(model.end(), |batch| batch.next_offset() - 1);
            let below = model.end().saturating_sub(u64::from(most % 3));
            let asked = Asked { from, below, most, when: None, changes: model.changes };
            match rig.log.read(from, below, most, model.reads.len() as u64, &mut rig.out) {
                Read::Batches(batches) => model.check_read(&asked, &batches),
                Read::Later => model.reads.push(Some(asked)),
                Read::OutOfRange => panic!("{from} is there"),
            }
        }
        Move::Find { time, hides } => {
            let shown = batches.checked_sub(hides).and_then(|shown| model.list().get(shown));
            let below = shown.map_or(model.end(), Batch::base_offset);
            let when = time.map_or(When::MaxTimestamp, When::At);
            let asked = Asked { from: 0, below, most: 0, when: Some(when), changes: model.changes };
            match rig.log.find(when, below, model.reads.len() as u64, &mut rig.out) {
                Some(found) => model.check_found(&asked, found.offset),
                None => model.reads.push(Some(asked)),
            }
        }
        Move::Flush => rig.log.flush(),
        Move::Full(full) => rig.disk.full = full,
        Move::Steps(count) => drop((0..count).find(|_| !rig.step())),
        Move::Fire => {
            if let Some(timer) = rig.timers.first().copied() {
                rig.fire(timer);
            }
        }
        Move::Crash(crashes) => crash(rig, model, &crashes),
        _ => {}
    }
    rig.go_on();
    model.hear(rig);
    model.compare(rig);
    if rig.disk.waits().is_empty() {
        assert!(model.reads.iter().all(Option::is_none), "a read is not answered");
        let waits = rig.log.end_offset() != rig.log.written_end();
        assert!(!waits || !rig.timers.is_empty(), "it is not written, and nothing will write it");
    }
}

fn crash(rig: &mut Rig, model: &mut Model, crashes: &[(bool, usize)]) {
    model.hear(rig);
    for (power, steps) in crashes {
        rig.crash(*power);
        let _ = (0..*steps).find(|_| !rig.step());
    }
    rig.settle();
    if !rig.ready && rig.disk.full {
        rig.disk.full = false;
        while let Some(timer) = rig.timers.first().copied() {
            rig.fire(timer);
            rig.settle();
        }
    }
    assert_eq!(rig.damage(), None);
    assert!(rig.ready);
    let all = rig.all().unwrap();
    rig.events.clear();
    model.booted(&all, crashes.iter().any(|(power, _)| *power));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]
    #[test]
    fn whatever_crashes_the_log_is_the_list(
        seed in any::<u64>(),
        always in prop::bool::weighted(0.7),
        moves in prop::collection::vec(moves(), 1..90),
    ) {
        let flush = if always { Flush::Always } else { Flush::Os };
        let limits = LogLimits { retention_bytes: Some(1_000), flush, ..LIMITS };
        let (mut rig, mut model) = (Rig::new(limits, seed), Model::new());
        rig.settle();
        for step in moves {
            play(&mut rig, &mut model, step);
        }
        rig.disk.full = false;
        play(&mut rig, &mut model, Move::Crash(vec![(true, 0)]));
    }
}
