//! Which files are open.
//!
//! The law: a file that was changed stays open until it was synced, since it is this handle to which the system
//! reports a write that failed later. Handles are kept as long as there is room in the process; those that
//! were not used lately go first.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use machine::FileName;

use super::DiskFailure;
use super::handle::Handle;

/// More files than these are not kept open in a process, where the system allows so many.
const MOST_OPEN: usize = 4096;

/// Handles of all folders of the process.
static OPEN: AtomicUsize = AtomicUsize::new(0);

/// The open files of a folder.
#[derive(Debug)]
pub(super) struct OpenFiles {
    table: Mutex<Table>,
    /// Held by who opens a file, or forgets one: a disk may take its time, and whoever only looks for an open
    /// file, a machine's own thread among them, does not wait for that.
    opening: Mutex<()>,
    /// How many there may be in the process.
    most: usize,
}

#[derive(Debug, Default)]
struct Table {
    files: HashMap<FileName, OpenFile>,
    /// By when they were opened; those used since then have a second turn. Of a number that the file of the
    /// name has no more nothing is left.
    turns: VecDeque<(u64, FileName)>,
    count: u64,
}

#[derive(Debug)]
struct OpenFile {
    number: u64,
    handle: Arc<Handle>,
    /// Used since it had its turn.
    is_used: bool,
}

impl Drop for OpenFile {
    fn drop(&mut self) {
        OPEN.fetch_sub(1, Ordering::Relaxed);
    }
}

impl OpenFiles {
    pub(super) fn new() -> OpenFiles {
        OpenFiles { table: Mutex::default(), opening: Mutex::default(), most: most_open() }
    }

    /// As many as these may be open from now on.
    #[cfg(test)]
    pub(super) fn set_most(&mut self, most: usize) {
        self.most = most;
    }

    /// The file of this name, if it is open.
    pub(super) fn get(&self, name: &FileName) -> Option<Arc<Handle>> {
        let mut table = self.table();
        let file = table.files.get_mut(name)?;
        file.is_used = true;
        Some(file.handle.clone())
    }

    /// Opens a file that was not open; it is another's work meanwhile to wait, not to open it twice.
    pub(super) fn insert(
        &self,
        name: &FileName,
        open: impl FnOnce() -> io::Result<Handle>,
    ) -> io::Result<Arc<Handle>> {
        let _opening = self.opening();
        if let Some(handle) = self.get(name) {
            return Ok(handle);
        }
        let handle = Arc::new(open()?);
        OPEN.fetch_add(1, Ordering::Relaxed);
        let mut table = self.table();
        table.count += 1;
        let number = table.count;
        table.turns.push_back((number, name.clone()));
        let file = OpenFile { number, handle: handle.clone(), is_used: false };
        table.files.insert(name.clone(), file);
        table.tidy();
        Ok(handle)
    }

    /// The file is gone, or another has its name.
    pub(super) fn forget(&self, name: &FileName) {
        // Who opened the file as it was before has it in the table by then.
        let _opening = self.opening();
        let gone = self.table().files.remove(name);
        drop(gone);
    }

    /// Closes files until there is room for one more: clean ones, or else one that `sync` makes clean. Where all
    /// are in use there will be more than there may be.
    pub(super) fn make_room(
        &self,
        sync: impl Fn(&FileName, &Handle) -> Result<(), DiskFailure>,
    ) -> Result<(), DiskFailure> {
        while self.is_full() {
            let Some((name, number, handle)) = self.table().victim() else { return Ok(()) };
            // Nobody changes it from here on: it is synced once, and its error is not another's.
            let Some(mut changing) = handle.try_change() else { return Ok(()) };
            let synced = if changing.is_dirty() { sync(&name, &handle) } else { Ok(()) };
            changing.close();
            let mut table = self.table();
            if table.files.get(&name).is_some_and(|file| file.number == number) {
                table.files.remove(&name);
            }
            synced?;
        }
        Ok(())
    }

    fn is_full(&self) -> bool {
        #[cfg(test)]
        if self.most < MOST_OPEN / 8 {
            // Other tests have files open too.
            return self.table().files.len() >= self.most;
        }
        OPEN.load(Ordering::Relaxed) >= self.most
    }

    fn opening(&self) -> MutexGuard<'_, ()> {
        self.opening.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        // Each change is whole before anything can panic.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    /// The file that is to go: the first clean one whose turn it is, or else the first.
    fn victim(&mut self) -> Option<(FileName, u64, Arc<Handle>)> {
        let mut dirty = None;
        for _ in 0..2 * self.turns.len() {
            let (number, name) = self.turns.pop_front()?;
            let Some(file) = self.files.get_mut(&name).filter(|file| file.number == number) else {
                continue;
            };
            let had_its_turn = !std::mem::take(&mut file.is_used);
            self.turns.push_back((number, name.clone()));
            if !had_its_turn {
                continue;
            }
            match file.handle.try_change().map(|changing| changing.is_dirty()) {
                Some(false) => return Some((name, number, file.handle.clone())),
                Some(true) if dirty.is_none() => {
                    dirty = Some((name, number, file.handle.clone()));
                }
                _ => {}
            }
        }
        dirty
    }

    /// Forgets the turns of files that are gone, when they are most.
    fn tidy(&mut self) {
        if self.turns.len() > 2 * self.files.len() + 16 {
            let files = &self.files;
            self.turns.retain(|(number, name)| {
                files.get(name).is_some_and(|file| file.number == *number)
            });
        }
    }
}

/// As many as there may be, and half of what the system allows: the rest is for connections.
fn most_open() -> usize {
    static MOST: OnceLock<usize> = OnceLock::new();
    *MOST.get_or_init(|| {
        let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
        let half = limit.map_or(MOST_OPEN as u64, |limit| limit / 2);
        MOST_OPEN.min(half as usize).max(16)
    })
}
