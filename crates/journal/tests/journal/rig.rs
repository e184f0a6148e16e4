//! One appender, its bound and its disk, moved by hand.

use bytes::{BufMut, Bytes, BytesMut};
use journal::{
    Appender, BOUND, Blocks, Bound, Event, Journal, JournalOp, JournalTimer, Place, Until,
};
use machine::codec::put_block;
use machine::{DiskId, Output, Outputs, Random};
use rand::SeedableRng;

use crate::disk::Disk;

pub(crate) const FAMILY: u32 = 7;
const FORMAT: Blocks = Blocks { longest: 1 << 20 };

#[derive(Clone, Debug)]
pub(crate) struct Rig {
    pub(crate) bound: Bound,
    pub(crate) log: Appender<Blocks, u64>,
    pub(crate) disk: Disk,
    pub(crate) random: Random,
    pub(crate) on: bool,
    pub(crate) heeds_rot: bool,
    pub(crate) id: DiskId,
    out: Outputs<Journal>,
    pub(crate) timers: Vec<JournalTimer>,
    pub(crate) events: Vec<Event<u64>>,
    /// What the last boot read.
    pub(crate) frames: Vec<(Place, u64)>,
    pub(crate) ready: bool,
    pub(crate) why: Option<String>,
}

/// A frame that is like no other, of about so many bytes.
pub(crate) fn frame(number: u64, length: usize) -> Bytes {
    let mut out = BytesMut::new();
    put_block(&mut out, |out| {
        out.put_u64_le(number);
        out.put_bytes(number as u8, length);
    });
    out.freeze()
}

pub(crate) fn number(frame: &[u8]) -> u64 {
    u64::from_le_bytes(frame[8..16].try_into().unwrap())
}

impl Rig {
    /// On a new disk.
    pub(crate) fn new(seed: u64) -> Rig {
        let (name, bytes) = Bound::first_file();
        Rig::on_disk(Disk::of([(name.into_owned(), bytes)]), seed)
    }

    pub(crate) fn on_disk(mut disk: Disk, seed: u64) -> Rig {
        disk.forget();
        let mut rig = Rig {
            bound: Bound::new(true),
            log: Appender::new(FORMAT, (FAMILY, "log"), true),
            disk,
            random: Random::seed_from_u64(seed),
            on: true,
            heeds_rot: true,
            id: DiskId(5),
            out: Outputs::default(),
            timers: Vec::new(),
            events: Vec::new(),
            frames: Vec::new(),
            ready: false,
            why: None,
        };
        rig.boot();
        rig
    }

    /// Boots on what the disk has.
    pub(crate) fn boot(&mut self) {
        self.bound = Bound::new(self.on);
        self.log = Appender::new(FORMAT, (FAMILY, "log"), true);
        if !self.heeds_rot {
            self.log = self.log.clone().taking_rot_for_a_tail();
        }
        (self.timers, self.events, self.frames) = (Vec::new(), Vec::new(), Vec::new());
        (self.ready, self.why, self.out) = (false, None, Outputs::default());
        self.disk.done.clear();
        self.bound.start(self.id, &mut self.out);
        self.carry_out();
    }

    pub(crate) fn crash(&mut self, power: bool) {
        self.disk.crash(power, &mut self.random);
        self.boot();
    }

    pub(crate) fn append(&mut self, number: u64, length: usize) {
        self.log.append(frame(number, length), Some((number, Until::Synced)));
        self.go_on();
    }

    pub(crate) fn go_on(&mut self) {
        self.log.go_on(&mut self.bound, &mut self.out);
        self.carry_out();
    }

    pub(crate) fn fire(&mut self, timer: JournalTimer) {
        let set = self.timers.iter().position(|set| *set == timer);
        let Some(place) = set else { panic!("{timer:?} is not set") };
        self.timers.remove(place);
        match timer {
            JournalTimer::Bound => self.bound.timer(&mut self.out),
            JournalTimer::Retry(_) => self.log.timer(&mut self.out),
        }
        self.go_on();
    }

    /// Lets the disk end one operation; false where none waits.
    pub(crate) fn step(&mut self) -> bool {
        let Some(ended) = self.disk.next(&mut self.random) else { return false };
        self.told(ended);
        true
    }

    /// Lets it end one operation of this file.
    pub(crate) fn step_of(&mut self, file: &str) -> bool {
        let Some(ended) = self.disk.next_of(file) else { return false };
        self.told(ended);
        true
    }

    /// The disk answers so.
    pub(crate) fn answer(&mut self, op: JournalOp, result: machine::DiskResult) {
        self.told((op, result));
    }

    fn told(&mut self, (op, result): (JournalOp, machine::DiskResult)) {
        if self.why.is_some() {
            return;
        }
        match op {
            JournalOp::Bound(op) => match self.bound.ended(op, result, &mut self.out) {
                Ok(()) => self.log.go_on(&mut self.bound, &mut self.out),
                Err(why) => self.why = Some(why),
            },
            JournalOp::Log { step, .. } => {
                self.log.ended(step, result, &mut self.bound, &mut self.out);
            }
        }
        self.carry_out();
    }

    /// Lets the disk end all of them.
    pub(crate) fn settle(&mut self) {
        for _ in 0..100_000 {
            if !self.step() {
                return;
            }
        }
        panic!("it asks its disk for more and more")
    }

    /// As at a clean stop: the bound is exact.
    pub(crate) fn stop(&mut self) {
        self.settle();
        self.bound.settle(&mut self.out);
        self.carry_out();
        self.settle();
        assert!(self.bound.is_settled() && self.log.is_idle());
    }

    /// What was held and has left as durable.
    pub(crate) fn durable(&self) -> Vec<u64> {
        let left = |event: &Event<u64>| match event {
            Event::Durable(held) => held.clone(),
            _ => Vec::new(),
        };
        self.events.iter().flat_map(left).collect()
    }

    /// The numbers of the frames that the last boot read.
    pub(crate) fn read(&self) -> Vec<u64> {
        self.frames.iter().map(|(_, number)| *number).collect()
    }

    fn carry_out(&mut self) {
        while let Some(event) = self.log.next_event() {
            match &event {
                Event::Found(files) => {
                    files.iter().for_each(|file| self.log.read(*file, &mut self.out));
                }
                Event::Frame(place, bytes) => self.frames.push((*place, number(bytes))),
                Event::Ready => {
                    self.ready = true;
                    self.why = self.bound.booted(&mut self.out).err();
                }
                Event::Broken(why) | Event::Damaged(why) => self.why = Some(why.clone()),
                _ => {}
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
                other => panic!("a journal asks its disk, and for timers: {other:?}"),
            }
        }
    }
}

/// A disk with three files of so many frames each, stopped well, and their names.
pub(crate) fn three_files(frames: u64) -> (Rig, [&'static str; 3]) {
    let mut rig = Rig::new(1);
    rig.settle();
    for number in 0..3 * frames {
        if number > 0 && number % frames == 0 {
            rig.log.roll();
        }
        rig.append(number, 10);
        rig.settle();
    }
    rig.stop();
    (rig, ["log-1", "log-2", "log-3"])
}

/// Boots this disk: what was read, or why it is refused.
pub(crate) fn booted(disk: Disk) -> Result<Vec<u64>, String> {
    let mut rig = Rig::on_disk(disk, 2);
    rig.settle();
    match rig.why.take() {
        Some(why) => Err(why),
        None => {
            assert!(rig.ready);
            Ok(rig.read())
        }
    }
}

pub(crate) fn bound_of(disk: &Disk) -> Vec<u8> {
    disk.files[BOUND].seen.clone()
}
