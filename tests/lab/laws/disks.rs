//! In which order a disk does what it is asked. What it says is judged in `parity/disks.rs`.

use bytes::Bytes;
use machine::{DiskAnswer, DiskCommand, FileName, Parts};

use super::Lab;
use super::probe::{Act, Seen, What};

const FILES: [FileName; 2] = [FileName::Borrowed("left"), FileName::Borrowed("right")];
/// Operations are numbered by round; more of a round there are not.
const ROUND: u32 = 1_000;
/// In so many rounds what may happen happens.
const ROUNDS: u32 = 50;

fn write(op: u32, file: usize, offset: u64, parts: impl Into<Parts>) -> Act {
    Act::Disk(op, DiskCommand::Write { file: FILES[file].clone(), offset, parts: parts.into() })
}

fn sync(op: u32, file: usize) -> Act {
    Act::Disk(op, DiskCommand::Sync { file: FILES[file].clone(), data_only: false })
}

fn read(op: u32, file: usize) -> Act {
    Act::Disk(op, DiskCommand::Read { file: FILES[file].clone(), offset: 0, length: 1 << 30 })
}

/// The operations that ended, in order, and how.
fn ended(lab: &impl Lab) -> Vec<(u32, machine::DiskResult)> {
    let end =
        |seen: Seen| if let What::Disk(op, result) = seen.what { Some((op, result)) } else { None };
    lab.log(0).into_iter().filter_map(end).collect()
}

/// In some round the first of these two operations ended before the second.
fn overtakes(lab: &mut impl Lab, acts: impl Fn(u32) -> Vec<Act>, first: u32, second: u32) -> bool {
    (1..=ROUNDS).any(|round| {
        let base = round * ROUND;
        let acts = acts(base);
        let before = ended(lab).len();
        lab.tell(0, &acts);
        lab.wait_until("all have ended", |lab| ended(lab).len() == before + acts.len());
        let order: Vec<_> = ended(lab).split_off(before).into_iter().map(|(op, _)| op).collect();
        let place = |op| order.iter().position(|ended| *ended == base + op);
        place(first) < place(second)
    })
}

fn much() -> Bytes {
    vec![7; 4 << 20].into()
}

pub(super) fn a_file_ends_in_order_and_others_do_not_wait_for_it(lab: &mut impl Lab) {
    let acts = |base| {
        let small = (0..20).map(move |op| write(base + 10 + op, 1, 0, "small"));
        let large = [write(base, 0, 0, much()), sync(base + 1, 0)];
        large.into_iter().chain(small).chain([sync(base + 30, 1)]).collect()
    };
    assert!(overtakes(lab, acts, 10, 1), "a write waited for the sync of another file, always");
    // Of one file all that changes it ends in order, and its syncs among them.
    let ended: Vec<_> = ended(lab).into_iter().map(|(op, _)| op).collect();
    for file in [0..10, 10..ROUND] {
        let mut of_file = ended.iter().filter(|op| file.contains(&(*op % ROUND)));
        assert!(of_file.by_ref().is_sorted(), "{ended:?}");
    }
}

pub(super) fn a_read_waits_for_no_sync(lab: &mut impl Lab) {
    let acts = |base| vec![write(base, 0, 0, much()), sync(base + 1, 0), read(base + 2, 0)];
    assert!(overtakes(lab, acts, 2, 1), "a read waited for a sync, always");
    // And it saw what was written before.
    for (op, result) in ended(lab) {
        let of_read = op % ROUND == 2;
        assert!(!of_read || result == Ok(DiskAnswer::Bytes(much())), "a read ran ahead of a write");
    }
}

const PIECE: u64 = 100;
const PIECES: u32 = 300;

/// The process dies in the middle of many writes to two files.
pub(super) fn a_crash_leaves_a_beginning_of_each_file(lab: &mut impl Lab) {
    let piece = |op: u32| Bytes::from(vec![op as u8; PIECE as usize]);
    let mut acts = Vec::new();
    for op in 0..PIECES {
        for file in 0..2 {
            acts.push(write(2 * op + file as u32, file, u64::from(op) * PIECE, piece(op)));
        }
    }
    lab.tell(0, &acts);
    lab.go_on();
    lab.kill(0);
    let done = ended(lab);
    lab.restart(0).unwrap();
    lab.tell(0, &[read(10_000, 0), read(10_001, 1)]);
    lab.wait_until("both are read", |lab| ended(lab).len() == done.len() + 2);
    for (op, result) in ended(lab).split_off(done.len()) {
        let file = op % 2;
        let content = match result {
            Ok(DiskAnswer::Bytes(bytes)) => bytes,
            _ => Bytes::new(),
        };
        let whole: Vec<u8> = (0..PIECES).flat_map(piece).collect();
        assert!(whole.starts_with(&content), "not a beginning of what was written");
        assert_eq!(content.len() as u64 % PIECE, 0, "a write is there in part");
        let told = done.iter().filter(|(op, _)| op % 2 == file).count() as u64;
        assert!(content.len() as u64 >= told * PIECE, "{told} writes had ended");
    }
}
