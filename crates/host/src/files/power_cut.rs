//! What reaches the operating system, call by call: what a power cut may come between is durable in the
//! order in which a machine rests on it. A process that is killed keeps what its system has in memory, so
//! no test with a `kill -9` can see a sync that is missing.

use std::io::Write;
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};

use machine::{DiskAnswer, DiskCommand, DiskError, FileName};

use super::system::watch;
use super::{DiskOutcome, Files};
use crate::disk::{Disk as Orders, Ended};
use crate::folder::{FolderOwner, SharedFolder};
use crate::metrics::Metrics;

const LOG: FileName = FileName::Borrowed("log");

/// So many may be open.
const MOST_OPEN: usize = 20;

/// A disk in a folder called `disk`.
struct Disk {
    around: std::path::PathBuf,
    orders: Arc<Orders<()>>,
    told: Receiver<Ended<()>>,
}

impl Disk {
    fn new(test: &str) -> Disk {
        let around = std::env::temp_dir().join(format!("infralab-{test}-{}", std::process::id()));
        std::fs::create_dir_all(around.join("disk")).unwrap();
        let (orders, told) = Disk::files(&around, &Metrics::default());
        Disk { around, orders, told }
    }

    fn files(around: &Path, metrics: &Metrics) -> (Arc<Orders<()>>, Receiver<Ended<()>>) {
        let mut files = Files::new(around.join("disk"), metrics);
        files.set_most_open(MOST_OPEN);
        watch::calls();
        let (sender, told) = channel();
        (Orders::by_hand(files, Box::new(move |ended| drop(sender.send(ended)))), told)
    }

    /// Does this; which calls it took.
    fn calls(&mut self, command: DiskCommand) -> Vec<String> {
        assert_eq!(self.outcome(command), Ok(DiskAnswer::Done));
        watch::calls()
    }

    fn outcome(&mut self, command: DiskCommand) -> DiskOutcome {
        self.together(vec![command]).remove(0)
    }

    fn together(&mut self, commands: Vec<DiskCommand>) -> Vec<DiskOutcome> {
        commands.into_iter().for_each(|command| drop(self.orders.ask(command, ())));
        self.orders.begin();
        while self.orders.do_one(0) {}
        self.told.try_iter().map(|ended| ended.outcome).collect()
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.around.join("disk").join(name)).unwrap()
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        watch::set_room(usize::MAX);
        let _ = std::fs::remove_dir_all(&self.around);
    }
}

fn write(file: FileName, text: &'static str) -> DiskCommand {
    DiskCommand::Write { file, offset: 0, parts: text.into() }
}

fn sync(file: FileName) -> DiskCommand {
    DiskCommand::Sync { file, data_only: false }
}

fn replace(file: FileName, text: &'static str) -> DiskCommand {
    DiskCommand::Replace { file, parts: text.into() }
}

#[test]
fn a_new_name_is_durable_with_the_first_sync_of_its_file() {
    let mut disk = Disk::new("new-name");
    // What the folder holds already may have been left by a process that synced nothing.
    assert_eq!(disk.calls(write(LOG, "a")), ["create log", "write log"]);
    assert_eq!(disk.calls(sync(LOG)), ["sync log", "sync disk"]);
    assert_eq!(disk.calls(write(LOG, "b")), ["write log"]);
    assert_eq!(disk.calls(sync(LOG)), ["sync log"], "no name is new");
    let other = FileName::Borrowed("other");
    assert_eq!(disk.calls(write(other.clone(), "c")), ["create other", "write other"]);
    assert_eq!(disk.calls(sync(other)), ["sync other", "sync disk"]);
}

#[test]
fn what_takes_a_files_place_is_durable_before_it_does_and_its_name_is_then() {
    let mut disk = Disk::new("rename");
    let order =
        ["create .new-log", "write .new-log", "sync .new-log", "rename to log", "sync disk"];
    assert_eq!(disk.calls(replace(LOG, "first")), order);
    assert_eq!(disk.calls(replace(LOG, "second")), order);
    assert_eq!(disk.read("log"), "second");
}

#[test]
fn what_a_crash_left_of_a_replacement_is_gone_when_the_folder_is_opened() {
    let disk = Disk::new("left-behind");
    std::fs::write(disk.around.join("disk/.new-log"), "half").unwrap();
    Files::new(disk.around.join("disk"), &Metrics::default());
    assert_eq!(watch::calls(), ["remove .new-log"]);
}

#[test]
fn files_that_are_synced_together_share_one_sync_each_and_new_names_one_of_their_folder() {
    let mut disk = Disk::new("shared");
    let [a, b, c] = ["a", "b", "c"].map(FileName::Borrowed);
    let each = |file: &FileName| {
        [write(file.clone(), "1"), sync(file.clone()), write(file.clone(), "2"), sync(file.clone())]
    };
    let all: Vec<_> = [&a, &b, &c].into_iter().flat_map(each).collect();
    assert_eq!(disk.together(all), vec![Ok(DiskAnswer::Done); 12]);
    let calls = |name: &str| {
        ["create", "write", "write", "sync"].map(|call| format!("{call} {name}")).to_vec()
    };
    let whole = [calls("a"), calls("b"), calls("c"), vec!["sync disk".to_owned()]].concat();
    assert_eq!(watch::calls(), whole);
    let data_only =
        |file: &FileName, data_only| DiskCommand::Sync { file: file.clone(), data_only };
    disk.together(vec![write(a.clone(), "3"), data_only(&a, true), data_only(&a, true)]);
    assert_eq!(watch::calls(), ["write a", "sync data a"]);
    disk.together(vec![write(a.clone(), "3"), data_only(&a, true), data_only(&a, false)]);
    assert_eq!(watch::calls(), ["write a", "sync a"], "one of them wants all");
}

#[test]
fn a_name_that_was_taken_away_does_not_come_back() {
    let mut disk = Disk::new("delete");
    disk.calls(replace(LOG, "gone"));
    assert_eq!(disk.calls(DiskCommand::Delete { file: LOG }), ["remove log", "sync disk"]);
}

/// A write that failed later is reported to the handle that wrote, and to no other.
#[test]
fn a_handle_that_makes_room_for_another_is_synced_before_it_is_closed() {
    let mut disk = Disk::new("evicted");
    let name = |number| FileName::Owned(format!("file-{number:03}"));
    (0..MOST_OPEN).for_each(|number| drop(disk.calls(write(name(number), "x"))));
    let one_more = disk.calls(write(name(MOST_OPEN), "x"));
    let last = format!("file-{MOST_OPEN:03}");
    assert_eq!(
        one_more,
        ["sync file-000".into(), format!("create {last}"), format!("write {last}")]
    );
    // It may be asked for all the same, and so may its name; to open it another has to go.
    assert_eq!(disk.calls(sync(name(0))), ["sync file-001", "sync file-000", "sync disk"]);
}

/// The file is a device that cannot be synced, as that of a disk that failed. The error came to a write of
/// another file, which a machine may try again.
#[test]
fn what_could_not_be_synced_early_is_never_called_durable() {
    let mut disk = Disk::new("early");
    let first = disk.around.join("disk/file-000");
    std::os::unix::fs::symlink("/dev/null", first).unwrap();
    let name = |number| FileName::Owned(format!("file-{number:03}"));
    (0..MOST_OPEN).for_each(|number| drop(disk.calls(write(name(number), "x"))));
    let failed =
        |outcome: DiskOutcome| outcome.map_err(|(error, _)| error) == Err(DiskError::Failed);
    assert!(failed(disk.outcome(write(name(MOST_OPEN), "x"))));
    assert_eq!(disk.outcome(write(name(MOST_OPEN), "x")), Ok(DiskAnswer::Done));
    for number in [1, MOST_OPEN] {
        assert!(failed(disk.outcome(sync(name(number)))), "{number}");
    }
}

#[test]
fn what_was_cut_is_durable_with_the_next_sync() {
    let mut disk = Disk::new("cut");
    disk.calls(write(LOG, "abcdef"));
    disk.calls(sync(LOG));
    let truncate = DiskCommand::Truncate { file: LOG, length: 3 };
    assert_eq!(disk.calls(truncate), ["set length log"]);
    assert_eq!(disk.calls(sync(LOG)), ["sync log"]);
}

#[test]
fn a_write_that_finds_no_space_leaves_the_file_as_it_was() {
    let mut disk = Disk::new("full");
    disk.calls(write(LOG, "kept"));
    watch::set_room(3);
    let more = DiskCommand::Write { file: LOG, offset: 4, parts: " and more".into() };
    let outcome = disk.outcome(more.clone());
    assert_eq!(outcome.map_err(|(error, _)| error), Err(DiskError::Full));
    assert_eq!(watch::calls(), ["write log", "set length log"]);
    assert_eq!(disk.read("log"), "kept");
    watch::set_room(usize::MAX);
    assert_eq!(disk.outcome(more), Ok(DiskAnswer::Done));
    assert_eq!(disk.read("log"), "kept and more");
}

/// Also where it made the file, and where a power cut comes right after that was told.
#[test]
fn a_write_that_finds_no_space_for_a_new_file_leaves_none() {
    let mut disk = Disk::new("full-new");
    watch::set_room(3);
    let full = |outcome: DiskOutcome| outcome.map_err(|(error, _)| error) == Err(DiskError::Full);
    assert!(full(disk.outcome(write(LOG, "more than that"))));
    assert_eq!(watch::calls(), ["create log", "write log", "remove log", "sync disk"]);
    assert!(full(disk.outcome(DiskCommand::Allocate { file: LOG, length: 4096 })));
    assert_eq!(watch::calls(), ["create log", "allocate log", "remove log", "sync disk"]);
    let names = disk.around.join("disk").read_dir().unwrap().count();
    assert_eq!(names, 0, "it did nothing");
    assert!(disk.outcome(sync(LOG)).is_err_and(|(error, _)| error == DiskError::NotFound));
    watch::set_room(usize::MAX);
    assert_eq!(disk.outcome(write(LOG, "and now")), Ok(DiskAnswer::Done));
    assert_eq!(disk.read("log"), "and now");
}

#[test]
fn a_reservation_of_what_is_there_does_nothing_also_on_a_full_disk() {
    let mut disk = Disk::new("full-allocate");
    disk.calls(write(LOG, "kept"));
    watch::set_room(0);
    for length in [0, 3, 4] {
        assert_eq!(disk.calls(DiskCommand::Allocate { file: LOG, length }), [""; 0]);
    }
    let more = disk.outcome(DiskCommand::Allocate { file: LOG, length: 5 });
    assert!(more.is_err_and(|(error, _)| error == DiskError::Full));
    assert_eq!(disk.read("log"), "kept");
}

#[test]
fn a_replacement_that_finds_no_space_leaves_the_old_file_and_nothing_else() {
    let mut disk = Disk::new("full-replace");
    disk.calls(replace(LOG, "kept"));
    watch::set_room(3);
    let outcome = disk.outcome(replace(LOG, "longer"));
    assert_eq!(outcome.map_err(|(error, _)| error), Err(DiskError::Full));
    assert_eq!(watch::calls(), ["create .new-log", "write .new-log", "remove .new-log"]);
    assert_eq!(disk.read("log"), "kept");
}

/// A small write may find a place where a longer one does not: the disk is full all the same.
#[test]
fn a_full_disk_and_its_end_are_told_once_each() {
    let (metrics, log) = (Metrics::default(), Log::default());
    let to = log.clone();
    let subscriber = tracing_subscriber::fmt().with_writer(move || to.clone()).finish();
    let mut disk = Disk::new("full-told");
    (disk.orders, disk.told) = Disk::files(&disk.around, &metrics);
    let full = metrics.gauge("host_disks_full", "");
    let put = |text: &'static str| DiskCommand::Replace { file: LOG, parts: text.into() };
    tracing::subscriber::with_default(subscriber, || {
        let mut after = |room, text: &'static str| {
            watch::set_room(room);
            let _ = disk.outcome(put(text));
            (full.get(), log.lines())
        };
        assert_eq!(after(100, "there is space").0, 0);
        let (now, lines) = after(3, "there is none");
        assert!(now == 1 && lines.len() == 1, "{lines:?}");
        assert!(lines[0].contains("WARN") && lines[0].contains("is full"), "{lines:?}");
        assert_eq!(after(3, "nor is there for this"), (1, lines.clone()));
        assert_eq!(after(3, "abc"), (1, lines), "what is short still finds a place");
        let (now, lines) = after(100, "there is space again");
        assert!(now == 0 && lines.len() == 2, "{lines:?}");
        assert!(lines[1].contains("WARN") && lines[1].contains("has space again"), "{lines:?}");
    });
}

/// What is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn lines(&self) -> Vec<String> {
        let bytes = self.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap().lines().map(str::to_owned).collect()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[derive(PartialEq, serde::Serialize, serde::Deserialize)]
struct Mine {
    system: String,
}

impl FolderOwner for Mine {
    const SYSTEMS: &'static [&'static str] = &["test"];

    fn name(&self) -> String {
        self.system.clone()
    }

    fn arguments(&self) -> String {
        String::new()
    }

    fn with_another_folder(&self) -> &'static str {
        ""
    }
}

/// Its format file comes last: a folder that has one has its first files too, whatever happened.
#[test]
fn a_new_folder_is_begun_before_it_says_so() {
    let disk = Disk::new("begun");
    let around = disk.around.file_name().unwrap().to_string_lossy().into_owned();
    let synced = |name: &str| format!("sync {name}");
    let put = |temporary: &str, file: &str, folder: &str| {
        let [create, write] = ["create", "write"].map(|call| format!("{call} {temporary}"));
        [create, write, synced(temporary), format!("rename to {file}"), synced(folder)]
    };
    let whole = SharedFolder::open::<Mine>(&disk.around.join("data"), &[], &[]).unwrap();
    let made = ["create data".to_owned(), synced(&around)];
    let (list, mark) = (
        put("nodes.json.new", "nodes.json", "data"),
        put("format.json.new", "format.json", "data"),
    );
    assert_eq!(watch::calls(), [&made[..], &list, &mark].concat());
    let first = ("mark".into(), "0".into());
    let folder = whole.part("n0", Mine { system: "test".to_owned() }, &[first]).unwrap();
    let made = ["create n0", "sync data", "create disk", "sync n0"].map(str::to_owned);
    let mark = put(".new", "mark", "disk");
    let format = put("format.json.new", "format.json", "n0");
    let order = [&made[..], &mark, &format, &list].concat();
    assert_eq!(watch::calls(), order, "it is listed before its node has it");
    drop(folder);
    whole.part("n0", Mine { system: "test".to_owned() }, &[]).unwrap();
    assert_eq!(watch::calls(), [""; 0], "it is there already");
}
