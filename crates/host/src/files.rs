//! A machine's disk: one folder of real files.
//!
//! The law: a name is one component, so no name leads out of the folder; what is said to be durable
//! was synced, the file and, where a name is new, the folder; and writes that wait together share
//! one sync a file (group commit), so a slow disk costs latency, not throughput. What is read is the
//! file that has the name: a handle is kept, and goes with the file.

#![expect(clippy::disallowed_types, reason = "machines write through their outputs, to here")]

mod handle;
#[cfg(test)]
mod power_cut;
mod system;

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashMap, hash_map};
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use machine::{DiskAnswer, DiskCommand, DiskError, FileName};

use crate::metrics::{Count, Metrics};
use handle::Handle;

/// Not the name of a machine's file: those begin with anything but a dot.
pub(crate) const TEMPORARY: &str = ".new";
/// More files than these are not kept open between a write and its sync: they are synced early.
const MOST_OPEN: usize = 128;
/// Nor are more than these kept open to be read again.
const MOST_READ: usize = 128;

/// What a failed operation means to the machine, and what the operating system said.
pub type DiskFailure = (DiskError, String);

/// How an operation ended.
pub type DiskOutcome = Result<DiskAnswer, DiskFailure>;

/// The folder.
#[derive(Debug)]
pub struct Files {
    folder: PathBuf,
    /// Written and not synced. Kept open, since it is this handle to which the system reports a
    /// write that failed later.
    unsynced: BTreeMap<FileName, File>,
    /// Read before, and in their places still. Looked up at each read: among many files of a store their
    /// names would be compared for longer than one takes to be hashed.
    read: HashMap<FileName, Handle>,
    /// The names in the folder may not be durable.
    names_unsynced: bool,
    /// A file that was synced early could not be: what the system said. Whoever asks for a sync from then
    /// on is told, since a second attempt would be called a success.
    lost: Option<DiskFailure>,
    /// The shortest write that found no space, as long as the disk is full.
    refused: Option<usize>,
    full: Count,
    syncs: Count,
}

impl Files {
    /// The files of this folder, which is there already.
    pub fn new(folder: PathBuf, metrics: &Metrics) -> Files {
        let syncs = metrics.counter(
            "host_disk_syncs_total",
            "Files made durable; fewer than operations that asked, where those waited together.",
        );
        let full = metrics.gauge("host_disks_full", "Disks of machines that have no space now.");
        let (unsynced, read) = (BTreeMap::new(), HashMap::new());
        let (lost, refused) = (None, None);
        Files { folder, unsynced, read, names_unsynced: true, lost, refused, full, syncs }
    }

    /// Does these, now, on this thread, in this order, and says how each ended. Syncs wait for
    /// writes behind them as long as there is nothing else in between.
    pub fn carry_out(&mut self, group: Vec<DiskCommand>) -> Vec<DiskOutcome> {
        let mut outcomes = Vec::with_capacity(group.len());
        // The places of syncs that wait, by file.
        let mut waiting: BTreeMap<FileName, Vec<usize>> = BTreeMap::new();
        for command in group {
            match command {
                // One that is not there yet must not be found by waiting.
                DiskCommand::Sync { file, .. } if self.exists(&file) => {
                    waiting.entry(file).or_default().push(outcomes.len());
                    outcomes.push(Ok(DiskAnswer::Done));
                    continue;
                }
                DiskCommand::Write { .. }
                | DiskCommand::Sync { .. }
                | DiskCommand::Read { .. }
                | DiskCommand::Length { .. }
                | DiskCommand::Allocate { .. }
                | DiskCommand::List { .. } => {}
                // These would change what there is to sync.
                _ => self.sync_waiting(&mut waiting, &mut outcomes),
            }
            outcomes.push(self.perform(command));
        }
        self.sync_waiting(&mut waiting, &mut outcomes);
        outcomes
    }

    fn sync_waiting(
        &mut self,
        waiting: &mut BTreeMap<FileName, Vec<usize>>,
        outcomes: &mut [DiskOutcome],
    ) {
        for (file, places) in std::mem::take(waiting) {
            let synced = self.sync(&file);
            places.into_iter().for_each(|place| outcomes[place] = synced.clone());
        }
    }

    fn perform(&mut self, command: DiskCommand) -> DiskOutcome {
        let wants_space = match &command {
            DiskCommand::Write { parts, .. } | DiskCommand::Replace { parts, .. } => parts.len(),
            _ => 0,
        };
        let outcome = self.done(command);
        self.watch_space(wants_space, &outcome);
        outcome
    }

    /// Tells when the disk is full, and when it is no more: once each, and not at every write that still
    /// finds a place while a longer one does not.
    fn watch_space(&mut self, wanted: usize, outcome: &DiskOutcome) {
        let folder = self.folder.display();
        match (outcome, self.refused) {
            (Err((DiskError::Full, why)), None) => {
                tracing::warn!("the disk of {folder} is full ({why}): writes wait for space there");
                self.full.one();
                self.refused = Some(wanted);
            }
            (Err((DiskError::Full, _)), Some(least)) => self.refused = Some(least.min(wanted)),
            (Ok(_), Some(least)) if wanted >= least => {
                tracing::warn!("the disk of {folder} has space again");
                self.full.less(1);
                self.refused = None;
            }
            _ => {}
        }
    }

    fn done(&mut self, command: DiskCommand) -> DiskOutcome {
        match command {
            DiskCommand::Write { file, offset, parts } => self.write(file, offset, &parts.joined()),
            DiskCommand::Sync { file, .. } => self.sync(&file),
            DiskCommand::Read { file, offset, length } => self.read(file, offset, length),
            DiskCommand::Truncate { file, length } => self.truncate(file, length),
            DiskCommand::Replace { file, parts } => self.replace(&file, &parts.joined()),
            DiskCommand::Delete { file } => self.delete(&file),
            DiskCommand::Length { file } => self.length(file),
            DiskCommand::Allocate { file, length } => self.allocate(file, length),
            DiskCommand::List { prefix } => self.list(&prefix),
        }
    }

    fn write(&mut self, name: FileName, offset: u64, bytes: &[u8]) -> DiskOutcome {
        let path = self.path(&name)?;
        let file = self.open(name, &path, true)?;
        let length = file.metadata().map_err(unchanged)?.len();
        match system::write(file, &path, offset, bytes) {
            // Only what is past the old end needs space, so cutting there undoes it.
            Err(error) if unchanged_kind(&error) == DiskError::Full => {
                system::set_length(file, &path, length).map_err(unknown)?;
                Err(unchanged(error))
            }
            Err(error) => Err(unknown(error)),
            Ok(()) => Ok(DiskAnswer::Done),
        }
    }

    fn sync(&mut self, name: &str) -> DiskOutcome {
        let path = self.path(name)?;
        self.lost.clone().map_or(Ok(()), Err)?;
        let file = match self.unsynced.remove(name) {
            Some(file) => file,
            None => File::open(&path).map_err(unchanged)?,
        };
        self.syncs.one();
        system::sync(&file, &path).map_err(unknown)?;
        if std::mem::take(&mut self.names_unsynced) {
            system::sync_folder(&self.folder).map_err(unknown)?;
        }
        Ok(DiskAnswer::Done)
    }

    fn read(&mut self, name: FileName, offset: u64, length: u64) -> DiskOutcome {
        let bytes = self.opened(name)?.read(offset, length).map_err(unchanged)?;
        Ok(DiskAnswer::Bytes(bytes))
    }

    /// The file, to be read. Another handle than the one to write with sees what that one wrote.
    fn opened(&mut self, name: FileName) -> Result<&mut Handle, DiskFailure> {
        if self.read.len() >= MOST_READ && !self.read.contains_key(&name) {
            // Whichever.
            let other = self.read.keys().next().cloned();
            other.map(|other| self.read.remove(&other));
        }
        Ok(match self.read.entry(name) {
            hash_map::Entry::Occupied(known) => known.into_mut(),
            hash_map::Entry::Vacant(vacant) => {
                let path = path_in(&self.folder, vacant.key())?;
                vacant.insert(Handle::new(File::open(path).map_err(unchanged)?))
            }
        })
    }

    fn truncate(&mut self, name: FileName, length: u64) -> DiskOutcome {
        // What it may have mapped is to be gone before the file is.
        self.read.remove(&name);
        let path = self.path(&name)?;
        let file = self.open(name, &path, false)?;
        if file.metadata().map_err(unchanged)?.len() > length {
            system::set_length(file, &path, length).map_err(unknown)?;
        }
        Ok(DiskAnswer::Done)
    }

    fn replace(&mut self, name: &str, bytes: &[u8]) -> DiskOutcome {
        let path = self.path(name)?;
        self.unsynced.remove(name);
        self.read.remove(name);
        self.syncs.one();
        replace(&self.folder.join(TEMPORARY), &path, bytes)?;
        Ok(DiskAnswer::Done)
    }

    fn delete(&mut self, name: &str) -> DiskOutcome {
        system::remove(&self.path(name)?).map_err(unchanged)?;
        self.unsynced.remove(name);
        self.read.remove(name);
        system::sync_folder(&self.folder).map_err(unknown)?;
        Ok(DiskAnswer::Done)
    }

    fn length(&mut self, name: FileName) -> DiskOutcome {
        let path = self.path(&name)?;
        Ok(DiskAnswer::Length(fs::metadata(path).map_err(unchanged)?.len()))
    }

    fn allocate(&mut self, name: FileName, length: u64) -> DiskOutcome {
        let path = self.path(&name)?;
        let file = self.open(name, &path, true)?;
        system::allocate(file, &path, length).map_err(unchanged)?;
        Ok(DiskAnswer::Done)
    }

    fn list(&self, prefix: &str) -> DiskOutcome {
        let entries: io::Result<Vec<_>> = fs::read_dir(&self.folder).and_then(Iterator::collect);
        let names = entries.map_err(unchanged)?.into_iter().map(|entry| entry.file_name());
        let mut names: Vec<_> = names.filter_map(|name| name.into_string().ok()).collect();
        names.retain(|name| name.starts_with(prefix) && self.path(name).is_ok());
        names.sort_unstable();
        Ok(DiskAnswer::Names(names))
    }

    /// The file, to be changed: from now on it is unsynced.
    fn open(
        &mut self,
        name: FileName,
        path: &Path,
        create: bool,
    ) -> Result<&mut File, DiskFailure> {
        while self.unsynced.len() >= MOST_OPEN && !self.unsynced.contains_key(&name) {
            if let Some((other, file)) = self.unsynced.pop_first() {
                let synced = system::sync(&file, &self.path(&other)?).map_err(unknown);
                synced.inspect_err(|trouble| self.lost = Some(trouble.clone()))?;
            }
        }
        match self.unsynced.entry(name) {
            Entry::Occupied(known) => Ok(known.into_mut()),
            Entry::Vacant(vacant) => {
                let mut options = OpenOptions::new();
                options.write(true);
                let file = match options.open(path) {
                    Err(error) if error.kind() == ErrorKind::NotFound && create => {
                        self.names_unsynced = true;
                        system::create(path)
                    }
                    opened => opened,
                };
                Ok(vacant.insert(file.map_err(unchanged)?))
            }
        }
    }

    fn exists(&self, name: &str) -> bool {
        self.unsynced.contains_key(name) || self.path(name).is_ok_and(|path| path.exists())
    }

    fn path(&self, name: &str) -> Result<PathBuf, DiskFailure> {
        path_in(&self.folder, name)
    }
}

fn path_in(folder: &Path, name: &str) -> Result<PathBuf, DiskFailure> {
    if name.is_empty() || name.starts_with('.') || name.contains(['/', '\\', '\0']) {
        return Err((DiskError::Failed, format!("{name:?} is not the name of a file")));
    }
    Ok(folder.join(name))
}

/// Puts new content in a file's place, atomically and durably. The temporary file is in its folder.
pub(crate) fn replace(temporary: &Path, path: &Path, bytes: &[u8]) -> Result<(), DiskFailure> {
    // One left behind by a crash must go first: the new one is to be nobody else's file.
    match system::remove(temporary) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(unchanged(error)),
        _ => {}
    }
    let created = system::create_new(temporary).and_then(|file| {
        system::write(&file, temporary, 0, bytes)?;
        system::sync(&file, temporary)
    });
    if let Err(error) = created.and_then(|()| system::rename(temporary, path)) {
        // On a full disk the space is wanted; elsewhere the next attempt removes it.
        let _ = system::remove(temporary);
        return Err(unchanged(error));
    }
    path.parent().map_or(Ok(()), system::sync_folder).map_err(unknown)
}

/// Makes a folder in another, durably.
pub(crate) fn make_folder(path: &Path, around: &Path) -> io::Result<()> {
    system::create_folder(path)?;
    system::sync_folder(around)
}

/// It failed before anything was changed.
fn unchanged(error: io::Error) -> DiskFailure {
    (unchanged_kind(&error), error.to_string())
}

fn unchanged_kind(error: &io::Error) -> DiskError {
    match error.kind() {
        ErrorKind::NotFound => DiskError::NotFound,
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => DiskError::Full,
        _ => DiskError::Failed,
    }
}

/// It failed when something may have been changed, whatever the reason.
fn unknown(error: io::Error) -> DiskFailure {
    (DiskError::Failed, error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_not_a_failed_one() {
        let means = |kind: ErrorKind| unchanged(kind.into()).0;
        assert_eq!(means(ErrorKind::StorageFull), DiskError::Full);
        assert_eq!(means(ErrorKind::QuotaExceeded), DiskError::Full);
        assert_eq!(means(ErrorKind::PermissionDenied), DiskError::Failed);
        assert_eq!(unknown(ErrorKind::StorageFull.into()).0, DiskError::Failed);
    }
}
