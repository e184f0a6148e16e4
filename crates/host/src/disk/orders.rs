//! Whatever the lanes do first, the law holds: random operations on several files, asked for at random moments
//! between what lanes do, and each end judged by what had reached the system until then.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};

use machine::{DiskAnswer, DiskCommand, DiskResult, FileName, MemoryDisk};
use proptest::prelude::*;

use super::{Disk, is_read};
use crate::files::{Files, watch};
use crate::metrics::Metrics;

/// An operation, and how many things lanes do before the next is asked for, by which they choose.
type Step = (DiskCommand, Vec<usize>);

fn commands() -> impl Strategy<Value = DiskCommand> {
    let file = || prop::sample::select(&["a", "b", "c"][..]).prop_map(FileName::Borrowed);
    let bytes = || prop::collection::vec(any::<u8>(), 1..20).prop_map(bytes::Bytes::from);
    prop_oneof![
        5 => (file(), 0..9_u64, bytes())
            .prop_map(|(file, offset, bytes)| DiskCommand::Write { file, offset, parts: bytes.into() }),
        5 => (file(), any::<bool>()).prop_map(|(file, data_only)| DiskCommand::Sync { file, data_only }),
        3 => file().prop_map(|file| DiskCommand::Read { file, offset: 0, length: 100 }),
        1 => file().prop_map(|file| DiskCommand::Length { file }),
        1 => (file(), 0..9_u64).prop_map(|(file, length)| DiskCommand::Truncate { file, length }),
        2 => (file(), bytes())
            .prop_map(|(file, bytes)| DiskCommand::Replace { file, parts: bytes.into() }),
        1 => file().prop_map(|file| DiskCommand::Delete { file }),
    ]
}

/// What reached the system, as far as a power cut is concerned.
#[derive(Default)]
struct Durability {
    files: BTreeMap<String, OfFile>,
    /// Names that are new or gone, and may come back.
    names: Vec<String>,
}

#[derive(Clone, Copy, Default)]
struct OfFile {
    changes: usize,
    synced: usize,
}

impl Durability {
    fn saw(&mut self, call: &str) {
        let (call, name) = call.rsplit_once(' ').unwrap();
        let file = self.files.entry(name.to_owned()).or_default();
        match call {
            "write" | "set length" => file.changes += 1,
            "sync" if name == "disk" => self.names.clear(),
            "sync" | "sync data" => file.synced = file.changes,
            "create" => self.names.push(name.to_owned()),
            "remove" => {
                *file = OfFile::default();
                self.names.push(name.to_owned());
            }
            "rename to" => {
                let new = self.files[&format!(".new-{name}")];
                assert_eq!(new.synced, new.changes, "what takes a file's place is durable before");
                self.files.insert(name.to_owned(), OfFile::default());
                self.names.push(name.to_owned());
            }
            other => panic!("{other}"),
        }
    }

    /// All that was changed of the file until now is durable, and so is its name, or that it has none.
    fn is_durable(&self, name: &str) -> bool {
        let file = self.files.get(name).copied().unwrap_or_default();
        file.synced == file.changes && !self.names.iter().any(|changed| changed == name)
    }
}

/// What was asked of the disk, and what it told.
#[derive(Default)]
struct Story {
    asked: Vec<DiskCommand>,
    /// By file: after which operation it was what.
    versions: BTreeMap<FileName, Vec<(usize, MemoryDisk)>>,
    exact: BTreeMap<usize, DiskResult>,
    ended: Vec<usize>,
    durability: Durability,
}

impl Story {
    fn ask(&mut self, command: DiskCommand) -> usize {
        let place = self.asked.len();
        let name = command.file().unwrap().clone();
        let versions =
            self.versions.entry(name).or_insert_with(|| vec![(0, MemoryDisk::default())]);
        if !is_read(&command) {
            let mut file = versions.last().unwrap().1.clone();
            self.exact.insert(place, file.perform(command.clone()));
            versions.push((place + 1, file));
        }
        self.asked.push(command);
        place
    }

    fn ended(&mut self, place: usize, result: DiskResult) {
        let command = &self.asked[place];
        let name = command.file().unwrap();
        if is_read(command) {
            let versions = &self.versions[name];
            let seen = versions.iter().rposition(|(asked, _)| *asked <= place).unwrap();
            let may = |(_, file): &(usize, MemoryDisk)| file.clone().perform(command.clone());
            assert!(
                versions[seen..].iter().any(|file| may(file) == result),
                "{command:?}: {result:?}"
            );
        } else {
            assert_eq!(result, self.exact[&place], "{command:?}");
            let before = self.ended.iter().filter(|ended| {
                !is_read(&self.asked[**ended]) && self.asked[**ended].file() == Some(name)
            });
            let asked = (0..place).filter(|asked| {
                !is_read(&self.asked[*asked]) && self.asked[*asked].file() == Some(name)
            });
            assert!(before.copied().eq(asked), "in the order asked, each once: {command:?}");
        }
        let says_durable = matches!(
            command,
            DiskCommand::Sync { .. } | DiskCommand::Replace { .. } | DiskCommand::Delete { .. }
        );
        if says_durable && result == Ok(DiskAnswer::Done) {
            assert!(self.durability.is_durable(name), "{command:?} is told and not true");
        }
        self.ended.push(place);
    }
}

/// What reached the system before the end of an operation was told, and that end.
type Told = (Vec<String>, super::Ended<usize>);

fn by_hand(files: Files) -> (Arc<Disk<usize>>, Receiver<Told>) {
    let (sender, told) = channel();
    let tell = move |ended| drop(sender.send((watch::calls(), ended)));
    (Disk::by_hand(files, Box::new(tell)), told)
}

/// Does one of the things that lanes may do now, and judges what it told.
fn do_one(
    disk: &Arc<Disk<usize>>,
    told: &Receiver<Told>,
    story: &mut Story,
    choice: usize,
) -> bool {
    let done = disk.do_one(choice);
    for (calls, ended) in told.try_iter() {
        calls.iter().for_each(|call| story.durability.saw(call));
        story.ended(ended.op, ended.outcome.map_err(|(error, _)| error));
    }
    watch::calls().iter().for_each(|call| story.durability.saw(call));
    done
}

fn run(steps: &[Step], most_open: usize) {
    let folder = std::env::temp_dir().join(format!("infralab-orders-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(folder.join("disk")).unwrap();
    let mut files = Files::new(folder.join("disk"), &Metrics::default());
    files.set_most_open(most_open);
    watch::calls();
    let (disk, told) = by_hand(files);
    let mut story = Story::default();
    for (command, choices) in steps {
        let place = story.ask(command.clone());
        if let Some(ended) = disk.ask(command.clone(), place) {
            story.ended(place, ended.outcome.map_err(|(error, _)| error));
        }
        disk.begin();
        for choice in choices {
            do_one(&disk, &told, &mut story, *choice);
        }
    }
    let mut choice = 0;
    while do_one(&disk, &told, &mut story, choice) {
        choice += 1;
    }
    assert_eq!(story.ended.len(), steps.len(), "each is told");
    let _ = std::fs::remove_dir_all(&folder);
}

proptest! {
    #[test]
    fn in_whatever_order_lanes_work_the_law_holds(
        steps in prop::collection::vec(
            (commands(), prop::collection::vec(any::<usize>(), 0..3)),
            0..40,
        ),
        most_open in 1..4_usize,
    ) {
        run(&steps, most_open);
    }
}

/// The write that stands before it is all that a read waits for.
#[test]
fn a_read_waits_for_the_writes_before_it_and_for_no_sync() {
    let folder = std::env::temp_dir().join(format!("infralab-reads-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let (disk, told) = by_hand(Files::new(folder.clone(), &Metrics::default()));
    let file = || FileName::Borrowed("log");
    let orders = [
        DiskCommand::Write { file: file(), offset: 0, parts: "ab".into() },
        DiskCommand::Sync { file: file(), data_only: false },
        DiskCommand::Read { file: file(), offset: 0, length: 9 },
        DiskCommand::Write { file: file(), offset: 2, parts: "c".into() },
    ];
    for (place, command) in orders.into_iter().enumerate() {
        assert!(disk.ask(command, place).is_none());
    }
    disk.begin();
    // The lane works, the read is ready; the sync waits for the folder, the last write for the sync.
    assert!(disk.do_one(0));
    let ended = || told.try_iter().map(|(_, ended)| ended.op).collect::<Vec<_>>();
    assert_eq!(ended(), [0]);
    assert!(disk.do_one(1), "a read lane");
    assert_eq!(ended(), [2]);
    assert!(disk.do_one(0), "the folder");
    assert_eq!(ended(), [1, 3]);
    assert!(!disk.do_one(0));
    let _ = std::fs::remove_dir_all(&folder);
}

/// A snapshot took the place of a hundred segments, and no write was carried out before all of them were gone.
#[test]
fn what_is_written_waits_for_no_deletions() {
    let folder = std::env::temp_dir().join(format!("infralab-deletions-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(folder.join("disk")).unwrap();
    let (disk, told) = by_hand(Files::new(folder.join("disk"), &Metrics::default()));
    for number in 0..100 {
        let file = format!("old-{number}").into();
        let _ = disk.ask(DiskCommand::Delete { file }, number);
    }
    disk.begin();
    let (file, parts) = (FileName::Borrowed("new"), bytes::Bytes::from_static(b"!").into());
    let _ = disk.ask(DiskCommand::Write { file, offset: 0, parts }, 100);
    disk.begin();
    assert!(disk.do_one(0));
    assert_eq!(told.try_iter().map(|(_, ended)| ended.op).collect::<Vec<_>>(), [100]);
    while disk.do_one(1) {}
    let _ = std::fs::remove_dir_all(&folder);
}
