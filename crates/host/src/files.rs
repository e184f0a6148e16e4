//! A machine's disk: one folder of real files.
//!
//! The law: a name is one component, so no name leads out of the folder; and what is said to be durable
//! was synced, the file and, where a name is new, the folder. What is read is the file that has the name: a
//! handle is kept, and goes with the file. Files may be used by several threads at once, but one of them at a
//! time changes or syncs a file: who asks them to sees to that (`disk.rs`).

#![expect(clippy::disallowed_types, reason = "machines write through their outputs, to here")]

mod handle;
mod open;
#[cfg(test)]
mod power_cut;
mod system;

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use machine::{DiskAnswer, DiskCommand, DiskError, DiskResult, FileName, Parts};

use crate::metrics::{Count, Metrics};
use handle::Handle;
use open::OpenFiles;
#[cfg(test)]
pub(crate) use system::watch;

/// What the names of temporary files begin with: those of a machine's files begin with anything but a dot.
pub(crate) const TEMPORARY: &str = ".new";

/// What a failed operation means to the machine, and what the operating system said.
pub(crate) type DiskFailure = (DiskError, String);

/// How an operation ended.
pub(crate) type DiskOutcome = Result<DiskAnswer, DiskFailure>;

/// When what was done to a file is what it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Durable {
    /// Now.
    ByItself,
    /// When the folder was synced too: a name is new, or gone.
    WithItsFolder,
}

/// The folder.
#[derive(Debug)]
pub struct Files {
    folder: PathBuf,
    open: OpenFiles,
    names: Names,
    /// A file that was synced early could not be: what the system said. Whoever asks for a sync from then
    /// on is told, since a second attempt would be called a success.
    lost: Mutex<Option<DiskFailure>>,
    /// The shortest write that found no space, as long as the disk is full.
    refused: Mutex<Option<usize>>,
    full: Count,
    syncs: Count,
}

/// Which names in the folder are durable: each change of them has a number.
#[derive(Debug)]
struct Names {
    changed: AtomicU64,
    synced: AtomicU64,
}

impl Names {
    fn change(&self) -> u64 {
        self.changed.fetch_add(1, Ordering::SeqCst) + 1
    }
}

impl Files {
    /// The files of this folder, which is there already.
    pub fn new(folder: PathBuf, metrics: &Metrics) -> Files {
        let syncs = metrics.counter(
            "host_disk_syncs_total",
            "Files made durable; fewer than operations that asked, where those waited together.",
        );
        let full = metrics.gauge("host_disks_full", "Disks of machines that have no space now.");
        remove_temporaries(&folder);
        // What the folder holds already may have been left by a process that synced nothing.
        let names = Names { changed: AtomicU64::new(1), synced: AtomicU64::new(0) };
        let (lost, refused) = (Mutex::new(None), Mutex::new(None));
        Files { folder, open: OpenFiles::new(), names, lost, refused, full, syncs }
    }

    /// As many files as these may be open from now on.
    #[cfg(test)]
    pub(crate) fn set_most_open(&mut self, most: usize) {
        self.open.set_most(most);
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Carries out a command by itself: for whoever has no others that could share a sync with it.
    ///
    /// # Errors
    /// As a disk answers.
    pub fn carry_out(&self, command: DiskCommand) -> DiskResult {
        let done = match command {
            DiskCommand::Read { .. } | DiskCommand::Length { .. } | DiskCommand::List { .. } => {
                return self.perform(command).map_err(|(error, _)| error);
            }
            DiskCommand::Sync { file, data_only } => self.sync(&file, data_only),
            command => self.change(command),
        };
        let done = done.and_then(|durable| match durable {
            Durable::ByItself => Ok(()),
            Durable::WithItsFolder => self.sync_folder(),
        });
        done.map(|()| DiskAnswer::Done).map_err(|(error, _)| error)
    }

    /// Reads, or looks at what there is to read.
    pub(crate) fn perform(&self, command: DiskCommand) -> DiskOutcome {
        match command {
            DiskCommand::Read { file, offset, length } => {
                let bytes = self.made(&file)?.read(offset, length).map_err(unchanged)?;
                Ok(DiskAnswer::Bytes(bytes))
            }
            DiskCommand::Length { file } => {
                Ok(DiskAnswer::Length(self.made(&file)?.length().map_err(unchanged)?))
            }
            DiskCommand::List { prefix } => self.list(&prefix),
            command => Err(misplaced(&command)),
        }
    }

    /// What a read gives that need not ask the system; none where it must.
    pub(crate) fn read_at_once(&self, command: &DiskCommand) -> Option<Bytes> {
        match command {
            DiskCommand::Read { file, offset, length } => {
                self.open.get(file)?.mapped(*offset, *length)
            }
            _ => None,
        }
    }

    /// Changes a file, and says when that is as durable as it is to be.
    pub(crate) fn change(&self, command: DiskCommand) -> Result<Durable, DiskFailure> {
        let wants_space = match &command {
            DiskCommand::Write { parts, .. } | DiskCommand::Replace { parts, .. } => parts.len(),
            _ => 0,
        };
        let outcome = match command {
            DiskCommand::Write { file, offset, parts } => self.write(&file, offset, &parts),
            DiskCommand::Allocate { file, length } => self.allocate(&file, length),
            DiskCommand::Truncate { file, length } => self.truncate(&file, length),
            DiskCommand::Replace { file, parts } => self.replace(&file, &parts),
            DiskCommand::Delete { file } => self.delete(&file),
            command => Err(misplaced(&command)),
        };
        self.watch_space(wants_space, &outcome);
        outcome
    }

    /// Makes durable what was changed of a file before.
    pub(crate) fn sync(&self, name: &FileName, data_only: bool) -> Result<Durable, DiskFailure> {
        let path = self.path(name)?;
        self.syncs.one();
        self.changing(name, false, |handle| {
            self.lost().map_or(Ok(()), Err)?;
            handle.sync(&path, data_only).map_err(unknown)?;
            let is_new = handle.name > self.names.synced.load(Ordering::SeqCst);
            Ok(if is_new { Durable::WithItsFolder } else { Durable::ByItself })
        })
    }

    /// Makes durable which names there are.
    pub(crate) fn sync_folder(&self) -> Result<(), DiskFailure> {
        self.lost().map_or(Ok(()), Err)?;
        let changed = self.names.changed.load(Ordering::SeqCst);
        let synced = system::sync_folder(&self.folder).map_err(unknown);
        match &synced {
            Ok(()) => drop(self.names.synced.fetch_max(changed, Ordering::SeqCst)),
            Err(failed) => self.lose(failed),
        }
        synced
    }

    /// Is there a file of this name?
    pub(crate) fn has(&self, name: &FileName) -> Result<(), DiskFailure> {
        self.opened(name, false).map(|_| ())
    }

    fn write(&self, name: &FileName, offset: u64, parts: &Parts) -> Result<Durable, DiskFailure> {
        let path = self.path(name)?;
        self.changing(name, true, |handle| {
            let length = handle.length().map_err(unchanged)?;
            match handle.write(&path, offset, parts) {
                Err(error) if unchanged_kind(&error) == DiskError::Full => {
                    // Only what is past the old end needs space, so cutting there undoes it.
                    match handle.is_made() {
                        true => handle.set_length(&path, length).map_err(unknown)?,
                        false => self.unmake(name, &path)?,
                    }
                    Err(unchanged(error))
                }
                Err(error) => Err(unknown(error)),
                Ok(()) => Ok(Durable::ByItself),
            }
        })
    }

    fn allocate(&self, name: &FileName, length: u64) -> Result<Durable, DiskFailure> {
        let path = self.path(name)?;
        self.changing(name, true, |handle| {
            if handle.length().map_err(unchanged)? >= length {
                return Ok(Durable::ByItself);
            }
            handle.allocate(&path, length).map_err(|error| {
                let undone = if handle.is_made() { Ok(()) } else { self.unmake(name, &path) };
                undone.err().unwrap_or_else(|| unchanged(error))
            })?;
            Ok(Durable::ByItself)
        })
    }

    /// Takes a file away that an operation made which then found no space: it did nothing.
    fn unmake(&self, name: &FileName, path: &Path) -> Result<(), DiskFailure> {
        system::remove(path).map_err(unknown)?;
        self.names.change();
        self.open.forget(name);
        self.sync_folder()
    }

    fn truncate(&self, name: &FileName, length: u64) -> Result<Durable, DiskFailure> {
        let path = self.path(name)?;
        self.changing(name, false, |handle| {
            if handle.length().map_err(unchanged)? > length {
                handle.set_length(&path, length).map_err(unknown)?;
            }
            Ok(Durable::ByItself)
        })
    }

    fn replace(&self, name: &FileName, parts: &Parts) -> Result<Durable, DiskFailure> {
        let path = self.path(name)?;
        self.lost().map_or(Ok(()), Err)?;
        self.syncs.one();
        // Others may be replaced at the same time.
        let temporary = self.folder.join(format!("{TEMPORARY}-{name}"));
        let slices: Vec<&[u8]> = parts.slices().iter().map(|slice| &slice[..]).collect();
        put_in_place(&temporary, &path, &slices, Readers::Usual)?;
        self.names.change();
        // Whoever opened the old one meanwhile has put it there before.
        self.open.forget(name);
        Ok(Durable::WithItsFolder)
    }

    fn delete(&self, name: &FileName) -> Result<Durable, DiskFailure> {
        system::remove(&self.path(name)?).map_err(unchanged)?;
        self.names.change();
        self.open.forget(name);
        Ok(Durable::WithItsFolder)
    }

    fn list(&self, prefix: &str) -> DiskOutcome {
        let entries: io::Result<Vec<_>> = fs::read_dir(&self.folder).and_then(Iterator::collect);
        let names = entries.map_err(unchanged)?.into_iter().map(|entry| entry.file_name());
        let mut names: Vec<_> = names.filter_map(|name| name.into_string().ok()).collect();
        names.retain(|name| name.starts_with(prefix) && self.path(name).is_ok());
        names.sort_unstable();
        Ok(DiskAnswer::Names(names))
    }

    /// Does this with a file that nobody else changes meanwhile.
    fn changing<T>(
        &self,
        name: &FileName,
        create: bool,
        work: impl Fn(&Handle) -> Result<T, DiskFailure>,
    ) -> Result<T, DiskFailure> {
        loop {
            let handle = self.opened(name, create)?;
            // One that made room for another was synced, and is no more to be used.
            if let Some(_changing) = handle.change() {
                let done = work(&handle);
                if done.is_ok() {
                    handle.made();
                }
                return done;
            }
        }
    }

    /// The file, for one who reads: one that is being made is seen when there is in it what made it.
    fn made(&self, name: &FileName) -> Result<Arc<Handle>, DiskFailure> {
        let handle = self.opened(name, false)?;
        if handle.is_made() { Ok(handle) } else { Err(unchanged(ErrorKind::NotFound.into())) }
    }

    /// The file, opened now or before.
    fn opened(&self, name: &FileName, create: bool) -> Result<Arc<Handle>, DiskFailure> {
        let path = self.path(name)?;
        if let Some(handle) = self.open.get(name) {
            return Ok(handle);
        }
        self.open.make_room(|name, handle| {
            let synced = handle.sync(&self.folder.join(&**name), false).map_err(unknown);
            synced.inspect_err(|failed| self.lose(failed))
        })?;
        let opening = || {
            let opened = OpenOptions::new().read(true).write(true).open(&path);
            Ok(match opened {
                Err(error) if error.kind() == ErrorKind::NotFound && create => {
                    Handle::new(system::create(&path)?, self.names.change(), false)
                }
                opened => Handle::new(opened?, self.names.changed.load(Ordering::SeqCst), true),
            })
        };
        self.open.insert(name, opening).map_err(unchanged)
    }

    /// Tells when the disk is full, and when it is no more: once each, and not at every write that still
    /// finds a place while a longer one does not.
    fn watch_space(&self, wanted: usize, outcome: &Result<Durable, DiskFailure>) {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = self.folder.display();
        match (outcome, *refused) {
            (Err((DiskError::Full, why)), None) => {
                tracing::warn!("the disk of {folder} is full ({why}): writes wait for space there");
                self.full.one();
                *refused = Some(wanted);
            }
            (Err((DiskError::Full, _)), Some(least)) => *refused = Some(least.min(wanted)),
            (Ok(_), Some(least)) if wanted >= least => {
                tracing::warn!("the disk of {folder} has space again");
                self.full.less(1);
                *refused = None;
            }
            _ => {}
        }
    }

    fn lose(&self, failed: &DiskFailure) {
        *self.lost.lock().unwrap_or_else(PoisonError::into_inner) = Some(failed.clone());
    }

    fn lost(&self) -> Option<DiskFailure> {
        self.lost.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn path(&self, name: &str) -> Result<PathBuf, DiskFailure> {
        if name.is_empty() || name.starts_with('.') || name.contains(['/', '\\', '\0']) {
            return Err((DiskError::Failed, format!("{name:?} is not the name of a file")));
        }
        Ok(self.folder.join(name))
    }
}

/// Removes what a crash left of files that were to be replaced. What cannot be removed is in nobody's way: who
/// replaces that file tries again.
fn remove_temporaries(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_name().as_encoded_bytes().starts_with(TEMPORARY.as_bytes()) {
            let _ = system::remove(&entry.path());
        }
    }
}

/// Who may read a file: whoever the user lets (`umask`), or the user alone.
#[derive(Clone, Copy)]
pub(crate) enum Readers {
    Usual = 0o666,
    UserAlone = 0o600,
}

/// Puts new content in a file's place, atomically and durably. The temporary file is in its folder; what lies at
/// its name is removed, and not followed where it is a link.
pub(crate) fn replace(
    temporary: &Path,
    path: &Path,
    bytes: &[u8],
    readers: Readers,
) -> io::Result<()> {
    let put = put_in_place(temporary, path, &[bytes], readers);
    put.map_err(|(_, error)| io::Error::other(error))?;
    path.parent().map_or(Ok(()), system::sync_folder)
}

/// As [`replace`]; but its name is durable when its folder was synced.
fn put_in_place(
    temporary: &Path,
    path: &Path,
    slices: &[&[u8]],
    readers: Readers,
) -> Result<(), DiskFailure> {
    // One left behind by a crash must go first: the new one is to be nobody else's file.
    match system::remove(temporary) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(unchanged(error)),
        _ => {}
    }
    let created = system::create_new(temporary, readers as u32).and_then(|file| {
        system::write(&file, temporary, 0, slices)?;
        system::sync(&file, temporary, false)
    });
    if let Err(error) = created.and_then(|()| system::rename(temporary, path)) {
        // On a full disk the space is wanted; elsewhere the next attempt removes it.
        let _ = system::remove(temporary);
        return Err(unchanged(error));
    }
    Ok(())
}

/// Makes a folder in another, durably.
pub(crate) fn make_folder(path: &Path, around: &Path) -> io::Result<()> {
    system::create_folder(path)?;
    system::sync_folder(around)
}

fn misplaced(command: &DiskCommand) -> DiskFailure {
    (DiskError::Failed, format!("{command:?} was asked of those who do not do it"))
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
