//! Naive machines that trust their disk.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use machine::{
    DiskAnswer, DiskCommand, FileName, Input, Inspection, Machine, Now, Outputs, Protocol, Time,
};
use sim::{Delays, Fault, World};

use crate::puppet::{at, ms, node};
use crate::trial::{strike, trials};

#[derive(Clone, Debug)]
struct Entries;

impl Protocol for Entries {
    /// An entry, or, where there is none, the wish to see the whole diary.
    type Message = Option<u8>;
    type Timer = ();
    type Op = Op;
    type Note = Page;
}

#[derive(Clone, Debug, Hash)]
enum Op {
    Wrote { entry: u8, asked: Time },
    Synced { entry: u8, asked: Time },
    Read,
}

#[derive(Clone, Debug, Hash)]
enum Page {
    /// The entry is safe, the diary believes; it took so long.
    Kept {
        entry: u8,
        took: Duration,
    },
    Found(Bytes),
}

/// Writes entries of 1500 equal bytes, and believes what `syncs` and `heeds_errors` leave it to
/// believe. It keeps no checksums.
#[derive(Clone, Debug)]
struct Diary {
    syncs: bool,
    heeds_errors: bool,
}

const FILE: FileName = FileName::Borrowed("diary");
const LENGTH: u64 = 1_500;

impl Machine for Diary {
    type Protocol = Entries;

    fn handle(&mut self, now: &mut Now<'_>, input: Input<Entries>, out: &mut Outputs<Entries>) {
        match input {
            Input::Message { message: Some(entry), .. } => {
                let (offset, bytes) = (u64::from(entry) * LENGTH, vec![entry; LENGTH as usize]);
                let write = DiskCommand::Write { file: FILE, offset, parts: bytes.into() };
                out.disk(write, Op::Wrote { entry, asked: now.time });
            }
            Input::Message { message: None, .. } => {
                out.disk(DiskCommand::Read { file: FILE, offset: 0, length: 1 << 20 }, Op::Read);
            }
            Input::Disk { result: Err(_), .. } if self.heeds_errors => {}
            Input::Disk { op: Op::Wrote { entry, asked }, .. } if self.syncs => {
                out.disk(
                    DiskCommand::Sync { file: FILE, data_only: false },
                    Op::Synced { entry, asked },
                );
            }
            Input::Disk {
                op: Op::Wrote { entry, asked } | Op::Synced { entry, asked }, ..
            } => {
                out.note(Page::Kept { entry, took: now.time.since(asked) });
            }
            Input::Disk { result: Ok(DiskAnswer::Bytes(bytes)), .. } => {
                out.note(Page::Found(bytes));
            }
            _ => {}
        }
    }

    fn inspect(&self) -> Inspection {
        Inspection { role: "diary", state: String::new() }
    }
}

/// What the diary said it kept, how long that took, and what was found in the end.
#[derive(Default)]
struct Read {
    kept: Vec<u8>,
    slowest: Duration,
    found: Bytes,
}

impl Read {
    fn is_whole(&self, entry: u8) -> bool {
        self.part(entry) == vec![entry; LENGTH as usize]
    }

    fn is_absent(&self, entry: u8) -> bool {
        self.part(entry).iter().all(|&byte| byte == 0)
    }

    fn part(&self, entry: u8) -> &[u8] {
        let start = (usize::from(entry) * LENGTH as usize).min(self.found.len());
        &self.found[start..(start + LENGTH as usize).min(self.found.len())]
    }
}

/// Entries 1 to 9 are written before the fault, 10 to 18 during it; then somebody reads.
fn read_after(diary: Diary, fault: Option<Fault>, seed: u64) -> Read {
    let boot = move |_| diary.clone();
    let mut world = World::new(seed, &[0], Delays::micros(200, 2_000), Arc::new(boot));
    strike(&mut world, fault);
    for entry in 1..=9 {
        world.tell_at(at(u64::from(entry) * 10), node(0), Some(entry));
        world.tell_at(at(100 + u64::from(entry) * 10), node(0), Some(9 + entry));
    }
    world.tell_at(at(2_000), node(0), None);
    world.run_until(at(3_000));
    let mut read = Read::default();
    for entry in world.history().iter() {
        match &entry.note {
            Page::Kept { entry, took } => {
                read.kept.push(*entry);
                read.slowest = read.slowest.max(*took);
            }
            Page::Found(bytes) => read.found = bytes.clone(),
        }
    }
    read
}

/// Is the belief true in every one of some seeds? A disk may be lucky once.
fn always(diary: &Diary, fault: Option<&Fault>, belief: impl Fn(&Read) -> bool) -> bool {
    (0..20).all(|seed| belief(&read_after(diary.clone(), fault.cloned(), seed)))
}

fn kept_is_found(read: &Read) -> bool {
    !read.kept.is_empty() && read.kept.iter().all(|&entry| read.is_whole(entry))
}

fn written_is_kept(fault: Option<Fault>) -> bool {
    always(&Diary { syncs: false, heeds_errors: true }, fault.as_ref(), kept_is_found)
}

fn synced_is_kept(fault: Option<Fault>) -> bool {
    always(&Diary { syncs: true, heeds_errors: true }, fault.as_ref(), kept_is_found)
}

fn no_disk_ever_says_no(fault: Option<Fault>) -> bool {
    always(&Diary { syncs: true, heeds_errors: false }, fault.as_ref(), kept_is_found)
}

fn an_entry_is_whole_or_absent(fault: Option<Fault>) -> bool {
    let whole_or_absent = |read: &Read| (1..=18).all(|n| read.is_whole(n) || read.is_absent(n));
    always(&Diary { syncs: false, heeds_errors: true }, fault.as_ref(), whole_or_absent)
}

fn a_sync_takes_at_most_20_ms(fault: Option<Fault>) -> bool {
    let quick = |read: &Read| read.kept.len() == 18 && read.slowest <= ms(20);
    always(&Diary { syncs: true, heeds_errors: true }, fault.as_ref(), quick)
}

trials! {
    a_power_loss_breaks_who_does_not_sync:
        written_is_kept, "power-loss", Fault::PowerLoss { node: 0.into() };
    a_torn_write_breaks_who_believes_that_entries_are_whole:
        an_entry_is_whole_or_absent, "torn-write", Fault::TornWrite { node: 0.into() };
    bit_rot_breaks_who_keeps_no_checksum:
        synced_is_kept, "bit-rot", Fault::BitRot { node: 0.into(), bits: 3, prefix: None };
    a_misdirected_write_breaks_who_keeps_no_checksum:
        synced_is_kept, "misdirected-write",
        Fault::MisdirectedWrite { node: 0.into(), ppm: 300_000, prefix: None };
    a_full_disk_breaks_who_ignores_errors:
        no_disk_ever_says_no, "full-disk", Fault::FullDisk { node: 0.into(), room: 0 };
    a_bad_sector_breaks_who_believes_that_what_is_synced_can_be_read:
        synced_is_kept, "bad-sector",
        Fault::BadSector { node: 0.into(), sectors: 1, prefix: Some("di".into()) };
    a_cut_file_breaks_who_does_not_remember_its_length:
        synced_is_kept, "file-cut", Fault::FileCut { node: 0.into(), prefix: None };
    a_missing_file_breaks_who_takes_it_for_a_new_disk:
        synced_is_kept, "file-missing", Fault::FileMissing { node: 0.into(), prefix: None };
    a_hung_disk_breaks_who_believes_that_a_sync_takes_20_ms:
        a_sync_takes_at_most_20_ms, "hung-disk", Fault::HungDisk { node: 0.into() };
    a_failing_disk_breaks_who_ignores_errors:
        no_disk_ever_says_no, "failing-disk",
        Fault::FailingDisk { node: 0.into(), ppm: 300_000 };
    a_slow_disk_breaks_who_believes_that_a_sync_takes_20_ms:
        a_sync_takes_at_most_20_ms, "slow-disk", Fault::SlowDisk { node: 0.into(), times: 20 };
}

#[test]
fn what_a_disk_fault_does_not_touch_lasts() {
    assert!(written_is_kept(Some(Fault::Crash { node: 0.into() })), "the page cache lives");
    assert!(synced_is_kept(Some(Fault::PowerLoss { node: 0.into() })));
    assert!(synced_is_kept(Some(Fault::TornWrite { node: 0.into() })));
    assert!(synced_is_kept(Some(Fault::FullDisk { node: 0.into(), room: 0 })));
    assert!(an_entry_is_whole_or_absent(Some(Fault::PowerLoss { node: 0.into() })));
}
