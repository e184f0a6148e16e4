//! Two families of files on one disk, which share its bound.

use journal::{Appender, Blocks, Bound, Event, Journal, JournalOp, Until};
use machine::{DiskId, Output, Outputs, Random};
use rand::SeedableRng;

use crate::disk::Disk;
use crate::rig::{FAMILY, frame, number, three_files};

const OTHER: u32 = 9;

/// Both appenders, booted on this disk; what each of them read.
struct Pair {
    bound: Bound,
    logs: [Appender<Blocks, u64>; 2],
    disk: Disk,
    random: Random,
    out: Outputs<Journal>,
    ready: [bool; 2],
    damaged: [bool; 2],
    read: [Vec<u64>; 2],
    durable: Vec<u64>,
}

impl Pair {
    fn boot(disk: Disk) -> Pair {
        let log =
            |family, prefix| Appender::new(Blocks { longest: 1 << 20 }, (family, prefix), true);
        let mut pair = Pair {
            bound: Bound::new(true),
            logs: [log(FAMILY, "log"), log(OTHER, "other")],
            disk,
            random: Random::seed_from_u64(1),
            out: Outputs::default(),
            ready: [false; 2],
            damaged: [false; 2],
            read: Default::default(),
            durable: Vec::new(),
        };
        pair.bound.start(DiskId(5), &mut pair.out);
        pair.settle();
        pair
    }

    fn settle(&mut self) {
        loop {
            for place in 0..2 {
                self.logs[place].go_on(&mut self.bound, &mut self.out);
                self.hear(place);
            }
            for output in self.out.drain() {
                if let Output::Disk { command, op } = output {
                    self.disk.ask(*command, op);
                }
            }
            let Some((op, result)) = self.disk.next(&mut self.random) else { return };
            match op {
                JournalOp::Bound(op) => self.bound.ended(op, result, &mut self.out).unwrap(),
                JournalOp::Log { family, step } => {
                    let log = &mut self.logs[usize::from(family == OTHER)];
                    log.ended(step, result, &mut self.bound, &mut self.out);
                }
            }
        }
    }

    fn hear(&mut self, place: usize) {
        while let Some(event) = self.logs[place].next_event() {
            match event {
                Event::Found(files) => {
                    files.into_iter().for_each(|file| self.logs[place].read(file, &mut self.out));
                }
                Event::Frame(_, bytes) => self.read[place].push(number(&bytes)),
                Event::Ready => {
                    self.ready[place] = true;
                    self.booted();
                }
                Event::Durable(held) => self.durable.extend(held),
                Event::Damaged(_) => {
                    self.damaged[place] = true;
                    self.booted();
                }
                Event::Broken(why) => panic!("{why}"),
                _ => {}
            }
        }
    }

    fn booted(&mut self) {
        if (0..2).all(|place| self.ready[place] || self.damaged[place]) {
            self.bound.booted(&mut self.out).unwrap();
        }
    }

    fn append(&mut self, place: usize, number: u64) {
        self.logs[place].append(frame(number, 10), Some((number, Until::Synced)));
        self.settle();
    }
}

/// One family waits for the bound before the other, which has no files yet, has claimed its own.
#[test]
fn the_first_file_of_a_family_is_begun_when_the_bound_knows_the_family() {
    let (mut rig, files) = three_files(1);
    rig.log.delete([1, 2, 3]);
    rig.go_on();
    // The bound does not name them any more, and they are still there.
    while rig.step_of("bound") {}
    assert!(files.iter().all(|file| rig.disk.files.contains_key(*file)));
    rig.disk.crash(true, &mut rig.random);
    rig.disk.done.clear();

    let mut pair = Pair::boot(rig.disk);
    assert_eq!((pair.ready, &pair.read), ([true; 2], &Default::default()));
    pair.append(1, 7);
    assert_eq!(pair.durable, [7]);
    pair.disk.crash(true, &mut pair.random);
    pair.disk.done.clear();
    assert_eq!(Pair::boot(pair.disk).read, [vec![], vec![7]]);
}

/// One family may be given back by others, and what the rest has is of use meanwhile.
#[test]
fn damage_of_one_family_is_none_of_the_other() {
    let (rig, _) = three_files(2);
    let mut pair = Pair::boot(rig.disk);
    pair.append(1, 7);
    pair.disk.flip("log-2", 20);
    let mut pair = Pair::boot(pair.disk);
    assert_eq!((pair.ready, pair.damaged), ([false, true], [true, false]));
    pair.append(1, 8);
    assert_eq!(pair.durable, [8]);
    let mut pair = Pair::boot(pair.disk);
    assert_eq!((pair.damaged, &pair.read[1]), ([true, false], &vec![7, 8]), "it stays damaged");
    pair.logs[0].give_up(&mut pair.bound);
    pair.append(0, 9);
    assert_eq!((pair.ready, &pair.durable), ([true; 2], &vec![9]));
    let pair = Pair::boot(pair.disk);
    assert_eq!((pair.ready, pair.read), ([true; 2], [vec![9], vec![7, 8]]));
}
