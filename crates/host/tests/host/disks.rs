//! The folder of files that a machine takes for its disk.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use bytes::Bytes;
use host::{Files, Metrics, Node, Outside};
use machine::{
    DiskAnswer, DiskCommand, DiskError, DiskId, DiskResult, FileName, Input, Link, Machine, NodeId,
    Now, Outputs, Protocol,
};

use crate::scratch::Scratch;
use crate::wait::next;

const LOG: FileName = FileName::Borrowed("log");

fn write(offset: u64, text: &'static str) -> DiskCommand {
    DiskCommand::Write { file: LOG, offset, parts: text.into() }
}

fn sync() -> DiskCommand {
    DiskCommand::Sync { file: LOG, data_only: false }
}

fn replace(text: &'static str) -> DiskCommand {
    DiskCommand::Replace { file: LOG, parts: text.into() }
}

fn read() -> DiskCommand {
    DiskCommand::Read { file: LOG, offset: 0, length: 100 }
}

fn bytes(text: &'static str) -> Result<DiskAnswer, DiskError> {
    Ok(DiskAnswer::Bytes(text.into()))
}

const DONE: Result<DiskAnswer, DiskError> = Ok(DiskAnswer::Done);
const NOT_FOUND: Result<DiskAnswer, DiskError> = Err(DiskError::NotFound);

/// A machine that has its disk do what it is told, and says how each ended.
#[derive(Clone, Default)]
struct Clerk {
    ended: BTreeMap<usize, DiskResult>,
    asked: usize,
}

#[derive(Clone, Debug)]
struct Orders;

impl Protocol for Orders {
    type Message = Vec<DiskCommand>;
    type Timer = ();
    type Op = usize;
    type Note = Vec<DiskResult>;
}

impl Machine for Clerk {
    type Protocol = Orders;

    fn handle(&mut self, _: &mut Now<'_>, input: Input<Orders>, out: &mut Outputs<Orders>) {
        match input {
            Input::Message { message, .. } => {
                self.asked = message.len();
                message
                    .into_iter()
                    .enumerate()
                    .for_each(|(place, command)| out.disk(command, place));
            }
            Input::Disk { op, result } => {
                self.ended.insert(op, result);
                if self.ended.len() == self.asked {
                    out.note(std::mem::take(&mut self.ended).into_values().collect());
                }
            }
            _ => {}
        }
    }
}

struct Ear(Sender<Vec<DiskResult>>);

impl Outside<Orders> for Ear {
    fn deliver(&self, _: NodeId, _: Vec<DiskCommand>, _: Link) {}
    fn noted(&self, all: Vec<DiskResult>) {
        self.0.send(all).unwrap();
    }
    fn halted(&self, _: &str) {}
}

/// A disk, and how often it was synced.
struct Disk {
    scratch: Scratch,
    node: Arc<Node<Clerk>>,
    ended: Receiver<Vec<DiskResult>>,
    metrics: Metrics,
}

impl Disk {
    fn new(test: &str) -> Disk {
        let (scratch, metrics) = (Scratch::new(test), Metrics::default());
        let files = Files::new(scratch.0.clone(), &metrics);
        let (sender, ended) = channel();
        let outside = Arc::new(Ear(sender));
        let node = Node::start(Clerk::default(), files, DiskId(0), outside, &metrics);
        Disk { scratch, node, ended, metrics }
    }

    /// Asks for all of these at once; how they ended, in the order in which they were asked for.
    fn together(&mut self, group: Vec<DiskCommand>) -> Vec<DiskResult> {
        assert!(self.node.input(Input::Message { from: NodeId(0), message: group }));
        next(&self.ended, "the disk answers")
    }

    fn alone(&mut self, command: DiskCommand) -> Result<DiskAnswer, DiskError> {
        self.together(vec![command]).remove(0)
    }

    fn syncs(&self) -> u64 {
        self.metrics.counter("host_disk_syncs_total", "").get()
    }
}

#[test]
fn a_file_is_written_synced_cut_listed_and_deleted() {
    let mut disk = Disk::new("life");
    for missing in [read(), sync(), DiskCommand::Delete { file: LOG }] {
        assert_eq!(disk.alone(missing), NOT_FOUND);
    }
    assert_eq!(disk.alone(write(2, "cdef")), DONE);
    assert_eq!(disk.alone(write(0, "ab")), DONE);
    assert_eq!(disk.alone(sync()), DONE);
    assert_eq!(disk.alone(read()), bytes("abcdef"));
    assert_eq!(disk.alone(DiskCommand::Truncate { file: LOG, length: 3 }), DONE);
    assert_eq!(disk.alone(DiskCommand::Truncate { file: LOG, length: 9 }), DONE);
    assert_eq!(disk.alone(read()), bytes("abc"), "a longer length changes nothing");
    assert_eq!(
        disk.alone(DiskCommand::List { prefix: "".into() }),
        Ok(DiskAnswer::Names(vec!["log".to_owned()]))
    );
    assert_eq!(disk.alone(DiskCommand::Delete { file: LOG }), DONE);
    assert_eq!(disk.alone(read()), NOT_FOUND);
    assert_eq!(disk.alone(sync()), NOT_FOUND, "the handle from before went with the file");
}

#[test]
fn what_replaces_a_file_is_whole_and_leaves_nothing_else_behind() {
    let mut disk = Disk::new("replace");
    fs::write(disk.scratch.0.join(".new-log"), "left behind by a crash").unwrap();
    assert_eq!(disk.alone(write(0, "to be replaced before it is synced")), DONE);
    assert_eq!(disk.alone(replace("a longer text")), DONE);
    assert_eq!(disk.alone(replace("short")), DONE);
    assert_eq!(disk.alone(write(5, "er")), DONE, "to the file that is there now");
    assert_eq!(disk.alone(read()), bytes("shorter"));
    assert_eq!(fs::read_dir(&disk.scratch.0).unwrap().count(), 1);
}

#[test]
fn no_name_leads_out_of_the_folder() {
    let mut disk = Disk::new("names");
    for name in ["", ".", "..", "../mark", "/etc/passwd", "a/b", "a\\b", ".new", "a\0b"] {
        let file = FileName::Owned(name.to_owned());
        let refused = disk.alone(DiskCommand::Read { file: file.clone(), offset: 0, length: 1 });
        assert_eq!(refused, Err(DiskError::Failed), "{name:?}");
        let write = DiskCommand::Write { file, offset: 0, parts: "x".into() };
        assert_eq!(disk.alone(write), Err(DiskError::Failed), "{name:?}");
    }
}

#[test]
fn writes_that_wait_together_share_one_sync() {
    let mut disk = Disk::new("group");
    let group: Vec<_> = (0..100).flat_map(|at| [write(at, "x"), sync()]).collect();
    let outcomes = disk.together(group);
    assert_eq!(outcomes.len(), 200);
    assert!(outcomes.iter().all(|outcome| *outcome == DONE));
    assert_eq!(disk.syncs(), 1);
    let one_by_one: Vec<_> = (0..10).flat_map(|at| [write(at, "y"), sync()]).collect();
    one_by_one.into_iter().for_each(|command| assert_eq!(disk.alone(command), DONE));
    assert_eq!(disk.syncs(), 11, "where nothing waits nothing is shared");
}

#[test]
fn what_comes_between_keeps_its_place() {
    let mut disk = Disk::new("between");
    let delete = DiskCommand::Delete { file: LOG };
    let group = vec![write(0, "a"), sync(), read(), delete, sync(), write(0, "b"), read(), sync()];
    // A read sees what was asked for before it, and may see what was asked for after it.
    let mut ended = disk.together(group);
    let seen = ended.remove(2);
    assert!([bytes("a"), bytes("b"), NOT_FOUND].contains(&seen), "{seen:?}");
    assert_eq!(ended, [DONE, DONE, DONE, NOT_FOUND, DONE, bytes("b"), DONE]);
    let group = vec![sync(), replace("c"), sync(), read()];
    assert_eq!(disk.together(group), [DONE, DONE, DONE, bytes("c")]);
}

/// Files are kept open to be read again, and what they were opened as may be gone.
#[test]
fn what_is_read_is_what_is_there_now() {
    let mut disk = Disk::new("handles");
    let delete = DiskCommand::Delete { file: LOG };
    for _ in 0..2 {
        assert_eq!(disk.alone(read()), NOT_FOUND);
        assert_eq!(disk.alone(write(0, "a")), DONE);
        assert_eq!(disk.alone(read()), bytes("a"));
        assert_eq!(disk.alone(write(1, "b")), DONE);
        assert_eq!(disk.alone(read()), bytes("ab"), "before it is synced");
        assert_eq!(disk.alone(replace("other")), DONE);
        assert_eq!(disk.alone(read()), bytes("other"));
        assert_eq!(disk.alone(DiskCommand::Truncate { file: LOG, length: 2 }), DONE);
        assert_eq!(disk.alone(read()), bytes("ot"));
        assert_eq!(disk.alone(delete.clone()), DONE);
    }
}

/// What is read often is mapped, and what was mapped may have grown, or be cut or gone.
#[test]
fn what_is_read_often_is_what_is_there_now() {
    let mut disk = Disk::new("maps");
    let pages = |byte: u8, count: usize| Bytes::from(vec![byte; count * 4096]);
    let put = |offset, bytes: Bytes| DiskCommand::Write { file: LOG, offset, parts: bytes.into() };
    let mut often = |changed: DiskCommand, offset: u64, is: &Bytes| {
        assert_eq!(disk.alone(changed), DONE);
        for _ in 0..200 {
            let read = DiskCommand::Read { file: LOG, offset, length: 4096 };
            assert_eq!(disk.alone(read), Ok(DiskAnswer::Bytes(is.clone())));
        }
    };
    often(put(0, pages(1, 3)), 8192, &pages(1, 1));
    often(put(8192, pages(2, 1)), 8192, &pages(2, 1));
    often(put(12288, pages(3, 1)), 12288, &pages(3, 1));
    often(DiskCommand::Truncate { file: LOG, length: 8192 }, 12288, &Bytes::new());
    often(put(8192, pages(4, 2)), 12288, &pages(4, 1));
    often(DiskCommand::Replace { file: LOG, parts: pages(5, 4).into() }, 12288, &pages(5, 1));
    often(DiskCommand::Replace { file: LOG, parts: pages(6, 1).into() }, 12288, &Bytes::new());
    assert_eq!(disk.alone(DiskCommand::Delete { file: LOG }), DONE);
    assert_eq!(disk.alone(read()), NOT_FOUND);
}

#[test]
fn a_read_ends_where_the_file_does() {
    let mut disk = Disk::new("ends");
    assert_eq!(disk.alone(write(0, "abc")), DONE);
    for length in [2, 100, 1 << 20, u64::MAX] {
        let part = |offset| DiskCommand::Read { file: LOG, offset, length };
        assert_eq!(disk.alone(part(1)), bytes("bc"));
        assert_eq!(disk.alone(part(3)), bytes(""));
        assert_eq!(disk.alone(part(1 << 40)), bytes(""));
    }
}

#[test]
fn slices_are_written_one_after_the_other_however_many_there_are() {
    let mut disk = Disk::new("slices");
    let slices: Vec<Bytes> = (0..5000_u32).map(|n| n.to_le_bytes().to_vec().into()).collect();
    let whole = Bytes::from(slices.concat());
    let write =
        |offset| DiskCommand::Write { file: LOG, offset, parts: slices.iter().cloned().collect() };
    assert_eq!(disk.together(vec![write(0), write(20_000), sync()]), [DONE, DONE, DONE]);
    for offset in [0, 20_000] {
        let read = DiskCommand::Read { file: LOG, offset, length: 20_000 };
        assert_eq!(disk.alone(read), Ok(DiskAnswer::Bytes(whole.clone())));
    }
    assert_eq!(disk.alone(DiskCommand::Length { file: LOG }), Ok(DiskAnswer::Length(40_000)));
}

#[test]
fn space_is_reserved_and_the_length_stays() {
    use std::os::unix::fs::MetadataExt;
    let mut disk = Disk::new("allocate");
    let allocate = DiskCommand::Allocate { file: LOG, length: 1 << 20 };
    let length = DiskCommand::Length { file: LOG };
    let is = |length| Ok(DiskAnswer::Length(length));
    assert_eq!(disk.alone(length.clone()), NOT_FOUND);
    assert_eq!(disk.together(vec![allocate, length.clone()]), [DONE, is(0)]);
    assert_eq!(disk.together(vec![write(0, "ab"), length]), [DONE, is(2)]);
    let blocks = fs::metadata(disk.scratch.0.join("log")).unwrap().blocks();
    assert!(blocks * 512 >= 1 << 20, "{blocks} blocks");
}
