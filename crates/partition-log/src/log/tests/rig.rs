//! One log, its bound and its disk, moved by hand.

use bytes::Bytes;
use journal::{BOUND, Bound, Journal, JournalOp, JournalTimer};
use machine::{DiskId, Embeds, Output, Outputs, Protocol, Random};
use rand::SeedableRng;

use super::disk::Disk;
use crate::{Damaged, Flush, Log, LogEvent, LogLimits, LogOp, Logs, Protections, Read};
use log_protocol::ask::When;
use log_protocol::batch::{Batch, Producer, Record};
use log_protocol::words::{Offset, Timestamp};

pub(super) const NUMBER: u32 = 5;
/// Segments of a few batches, and an index of every other.
pub(super) const LIMITS: LogLimits =
    LogLimits { segment_bytes: 600, index_bytes: 150, retention_bytes: None, flush: Flush::Always };

pub(super) const PROTECTED: Protections = Protections { syncs: true, heeds_rot: true };

/// A machine that holds nothing but a log and its bound.
#[derive(Clone, Debug)]
pub(super) struct Owner;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Op {
    Journal(JournalOp),
    Log(LogOp),
}

impl Protocol for Owner {
    type Message = ();
    type Timer = JournalTimer;
    type Op = Op;
    type Note = ();
}

impl Embeds<Journal> for Owner {
    fn timer(timer: JournalTimer) -> JournalTimer {
        timer
    }

    fn op(op: JournalOp) -> Op {
        Op::Journal(op)
    }
}

impl Embeds<Logs> for Owner {
    fn op((_, op): (u32, LogOp)) -> Op {
        Op::Log(op)
    }
}

#[derive(Clone)]
pub(super) struct Rig {
    pub(super) bound: Bound,
    pub(super) log: Log,
    pub(super) disk: Disk<Op>,
    pub(super) random: Random,
    pub(super) limits: LogLimits,
    pub(super) protections: Protections,
    pub(super) out: Outputs<Owner>,
    pub(super) timers: Vec<JournalTimer>,
    /// All that it told.
    pub(super) events: Vec<LogEvent>,
    pub(super) ready: bool,
}

/// A batch that is like no other, with records of so many bytes.
pub(super) fn batch(number: u64, records: usize, length: usize) -> Batch {
    timed(number, records, length, number as Timestamp, None)
}

pub(super) fn timed(
    number: u64,
    records: usize,
    length: usize,
    timestamp: Timestamp,
    producer: Option<Producer>,
) -> Batch {
    let value = [&number.to_be_bytes()[..], &vec![number as u8; length]].concat();
    let record = Record { key: None, value: Some(Bytes::from(value)) };
    Batch::of(&vec![record; records], timestamp, producer)
}

impl Rig {
    /// On a new disk, booted.
    pub(super) fn new(limits: LogLimits, seed: u64) -> Rig {
        let (name, bytes) = Bound::first_file();
        Rig::on_disk(Disk::of([(name.into_owned(), bytes)]), limits, PROTECTED, seed)
    }

    pub(super) fn on_disk(
        disk: Disk<Op>,
        limits: LogLimits,
        protections: Protections,
        seed: u64,
    ) -> Rig {
        let mut rig = Rig {
            bound: Bound::new(true),
            log: Log::new(NUMBER, limits, protections),
            disk,
            random: Random::seed_from_u64(seed),
            limits,
            protections,
            out: Outputs::default(),
            timers: Vec::new(),
            events: Vec::new(),
            ready: false,
        };
        rig.boot();
        rig
    }

    pub(super) fn boot(&mut self) {
        self.disk.forget();
        self.bound = Bound::new(true);
        self.log = Log::new(NUMBER, self.limits, self.protections);
        (self.timers, self.events, self.out) = (Vec::new(), Vec::new(), Outputs::default());
        self.ready = false;
        self.disk.done.clear();
        self.bound.start(DiskId(5), &mut self.out);
        self.carry_out();
    }

    pub(super) fn crash(&mut self, power: bool) {
        self.disk.crash(power, &mut self.random);
        self.boot();
    }

    /// What an owner does after each call.
    pub(super) fn go_on(&mut self) {
        self.log.go_on(&mut self.bound, &mut self.out);
        self.carry_out();
    }

    pub(super) fn lead(&mut self, number: u64, epoch: u32) -> std::ops::Range<Offset> {
        let offsets = self.log.lead(&batch(number, 1, 20), epoch);
        self.go_on();
        offsets
    }

    /// Lets the disk end one operation; false where none waits.
    pub(super) fn step(&mut self) -> bool {
        let Some((op, result)) = self.disk.next(&mut self.random) else { return false };
        self.told(op, result);
        true
    }

    fn told(&mut self, op: Op, result: machine::DiskResult) {
        let (bound, out) = (&mut self.bound, &mut self.out);
        match op {
            Op::Journal(JournalOp::Bound(op)) => {
                bound.ended(op, result, out).unwrap();
                self.log.go_on(bound, out);
            }
            Op::Journal(JournalOp::Log { step, .. }) => {
                self.log.journal_ended(step, result, bound, out);
            }
            Op::Log(op) => self.log.ended(op, result, bound, out),
        }
        self.carry_out();
    }

    pub(super) fn settle(&mut self) {
        for _ in 0..100_000 {
            if !self.step() {
                return;
            }
        }
        panic!("it asks its disk for more and more")
    }

    /// As at a clean stop: the bound is exact.
    pub(super) fn stop(&mut self) {
        self.log.flush();
        self.go_on();
        self.settle();
        self.bound.settle(&mut self.out);
        self.carry_out();
        self.settle();
        assert!(self.bound.is_settled() && self.log.is_idle());
    }

    pub(super) fn fire(&mut self, timer: JournalTimer) {
        self.timers.retain(|set| *set != timer);
        match timer {
            JournalTimer::Bound => self.bound.timer(&mut self.out),
            JournalTimer::Retry(_) => self.log.timer(&mut self.out),
        }
        self.go_on();
    }

    /// All that is there, from the disk and from memory, one read after the other.
    pub(super) fn all(&mut self) -> Result<Vec<Batch>, Damaged> {
        let (mut from, end, mut all) = (self.log.start_offset(), self.log.end_offset(), Vec::new());
        while from < end {
            let batches = self.read(from, end, 200)?;
            from = batches.last().expect("there is more").next_offset();
            all.extend(batches);
        }
        Ok(all)
    }

    /// What a read gives, now or when the disk is done.
    pub(super) fn read(
        &mut self,
        from: Offset,
        below: Offset,
        most: u32,
    ) -> Result<Vec<Batch>, Damaged> {
        match self.log.read(from, below, most, 99, &mut self.out) {
            Read::Batches(batches) => return Ok(batches),
            Read::Later => self.carry_out(),
            Read::OutOfRange => panic!("{from} is not there"),
        }
        self.settle();
        let mut told = self.events.iter().rev();
        let answer = told.find_map(|event| match event {
            LogEvent::Read { token: 99, batches } => Some(batches.clone()),
            _ => None,
        });
        answer.expect("a read is answered")
    }

    pub(super) fn find(&mut self, when: When, below: Offset) -> Option<Offset> {
        if let Some(found) = self.log.find(when, below, 99, &mut self.out) {
            return found.offset;
        }
        self.carry_out();
        self.settle();
        let mut told = self.events.iter().rev();
        let answer = told.find_map(|event| match event {
            LogEvent::Found { token: 99, found } => Some(found.offset),
            _ => None,
        });
        answer.expect("a search is answered")
    }

    /// The file that was begun last.
    pub(super) fn newest_file(&self) -> u64 {
        *self.log.files.files().keys().next_back().unwrap()
    }

    pub(super) fn damage(&self) -> Option<&str> {
        self.events.iter().find_map(|event| match event {
            LogEvent::Damaged(why) => Some(&**why),
            _ => None,
        })
    }

    /// The files of the log and what lies beside them.
    pub(super) fn files(&self) -> Vec<&str> {
        self.disk.files.keys().map(|name| &**name).filter(|name| *name != BOUND).collect()
    }

    pub(super) fn carry_out(&mut self) {
        while let Some(event) = self.log.next_event() {
            if matches!(event, LogEvent::Ready | LogEvent::Damaged(_)) && !self.ready {
                self.ready = true;
                self.bound.booted(&mut self.out).unwrap();
            }
            self.events.push(event);
        }
        for output in self.out.drain() {
            match output {
                Output::Disk { command, op } => self.disk.ask(*command, op),
                Output::SetTimer { timer, .. } => {
                    self.timers.retain(|set| *set != timer);
                    self.timers.push(timer);
                }
                other => panic!("a log asks its disk, and for timers: {other:?}"),
            }
        }
    }
}
