//! The data folder: one server at a time, and always the same one.
//!
//! ```text
//! lock          held by the server that runs
//! format.json   which format, and whose files these are
//! disk/         the machine's files
//! ```
//!
//! The law: a folder that is not this server's is left exactly as it was; and a file that a machine
//! rests its promises on is there from the beginning, so that one that was lost is never taken for
//! one that never was.

#![expect(clippy::disallowed_types, reason = "the lock is a file")]

mod error;
mod format;
mod nodes;
mod owner;
mod shared;

use std::fs::{self, File, TryLockError};
use std::hash::BuildHasher;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use machine::{DiskId, FileName};

use crate::files::{self, Files, make_folder};
use crate::metrics::Metrics;

use format::{Said, put_file};

pub use error::FolderError;
use error::Wrong;
pub use owner::FolderOwner;
pub use shared::SharedFolder;

const LOCK: &str = "lock";
const DISK: &str = "disk";

/// A file that a new folder begins with, and that an old one must have.
pub type FirstFile = (FileName, Bytes);

/// A folder that is ours until this is dropped, and every clone of it.
#[derive(Clone, Debug)]
pub struct Folder {
    path: PathBuf,
    disk: DiskId,
    /// The folder that it is in, if that one has to be ours as well.
    _shared: Option<SharedFolder>,
    /// The system lets go of the lock when the file is closed, however the process ends.
    _lock: Arc<File>,
}

impl Folder {
    /// Opens the folder, or makes it.
    ///
    /// # Errors
    /// If it cannot be used, is in use, or is another's. Nothing in it was changed.
    pub fn open<O: FolderOwner>(
        path: &Path,
        owner: O,
        first: &[FirstFile],
    ) -> Result<Folder, FolderError> {
        let anew = owner.with_another_folder();
        Folder::try_open(path, owner, first).map_err(|what| FolderError::new(path, anew, what))
    }

    /// Whose folder it is; none where there is none yet. It is left as it is.
    ///
    /// # Errors
    /// If what it says of that cannot be read.
    pub fn owner<O: FolderOwner>(path: &Path) -> Result<Option<O>, FolderError> {
        let owner = match format::read(path) {
            Ok(None) => Ok(None),
            Ok(Some(Said::Node { owner, .. })) => Ok(Some(owner)),
            Ok(Some(Said::Shared { system, .. })) => Err(Wrong::Shared(system)),
            Err(what) => Err(what),
        };
        owner.map_err(|what| FolderError::new(path, "", what))
    }

    fn try_open<O: FolderOwner>(
        path: &Path,
        owner: O,
        first: &[FirstFile],
    ) -> Result<Folder, Wrong> {
        make(path)?;
        // Ask before touching it, and again when nobody else can: it may have been begun meanwhile.
        check(path, &owner, first)?;
        let lock = lock(path)?;
        let disk = match check(path, &owner, first)? {
            Some((disk, known)) => renew(path, disk, &known, &owner, first)?,
            None => begin(path, &owner, first)?,
        };
        make(&path.join(DISK))?;
        Ok(Folder {
            path: path.to_owned(),
            disk: DiskId(disk),
            _shared: None,
            _lock: Arc::new(lock),
        })
    }

    /// The machine's disk.
    pub fn files(&self, metrics: &Metrics) -> Files {
        Files::new(self.path.join(DISK), metrics)
    }

    /// The identity of that disk.
    pub fn disk(&self) -> DiskId {
        self.disk
    }
}

/// The identity of the disk that is in the folder, and whose it is; none where it is new.
fn check<O: FolderOwner>(
    path: &Path,
    owner: &O,
    first: &[FirstFile],
) -> Result<Option<(u64, O)>, Wrong> {
    let (disk, known) = match format::read::<O>(path)? {
        None if is_new(path, first)? => return Ok(None),
        None => return Err(Wrong::NotOurs),
        Some(Said::Shared { system, .. }) => return Err(Wrong::Shared(system)),
        Some(Said::Node { disk, owner }) => (disk, owner),
    };
    if !known.is(owner) {
        return Err(Wrong::OtherOwner { name: known.name(), arguments: known.arguments() });
    }
    for (name, _) in first {
        if !path.join(DISK).join(&**name).try_exists()? && known.stands_for(name).is_none() {
            return Err(Wrong::Lost(format!("{DISK}/{name}")));
        }
    }
    Ok(Some((disk, known)))
}

/// A folder of a version that began without some first file: it has it from now on, and says so.
fn renew<O: FolderOwner>(
    path: &Path,
    disk: u64,
    known: &O,
    owner: &O,
    first: &[FirstFile],
) -> Result<u64, Wrong> {
    let mut older =
        first.iter().filter_map(|(name, _)| Some((name, known.stands_for(name)?))).peekable();
    if older.peek().is_none() {
        return Ok(disk);
    }
    for (name, bytes) in older {
        let file = path.join(DISK).join(&**name);
        if !file.try_exists()? {
            put_file(path.join(DISK).join(files::TEMPORARY), file, &bytes)?;
        }
    }
    format::put_node(path, disk, owner)?;
    tracing::info!("the data folder {} is of this version now", path.display());
    Ok(disk)
}

/// Makes a folder, and those around it, so that they are there after a power cut too.
fn make(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let around = match path.parent() {
        Some(around) if !around.as_os_str().is_empty() => around,
        _ => Path::new("."),
    };
    make(around)?;
    match make_folder(path, around) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        made => made,
    }
}

/// Nothing is in it but what a start that was cut short leaves.
fn is_new(path: &Path, first: &[FirstFile]) -> io::Result<bool> {
    for entry in fs::read_dir(path)? {
        let name = entry?.file_name();
        let begun = name == DISK && is_begun(&path.join(DISK), first)?;
        if !begun && name != LOCK && name != format::TEMPORARY {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Nothing is in it but first files as they begin: no machine has ever used them.
fn is_begun(disk: &Path, first: &[FirstFile]) -> io::Result<bool> {
    for entry in fs::read_dir(disk)? {
        let entry = entry?;
        let begins = |(name, bytes): &FirstFile| -> io::Result<bool> {
            Ok(entry.file_name() == **name && fs::read(entry.path())? == *bytes)
        };
        let mut known = entry.file_name() == files::TEMPORARY;
        for file in first {
            known |= begins(file)?;
        }
        if !known {
            return Ok(false);
        }
    }
    Ok(true)
}

fn lock(path: &Path) -> Result<File, Wrong> {
    let mut options = File::options();
    let file = options.write(true).create(true).truncate(false).open(path.join(LOCK))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Wrong::Locked),
        Err(TryLockError::Error(error)) => Err(error.into()),
    }
}

/// The format file comes last: with it the folder is whole.
fn begin<O: FolderOwner>(path: &Path, owner: &O, first: &[FirstFile]) -> Result<u64, Wrong> {
    let disk = path.join(DISK);
    make(&disk)?;
    for (name, bytes) in first {
        put_file(disk.join(files::TEMPORARY), disk.join(&**name), bytes)?;
    }
    let drawn = std::collections::hash_map::RandomState::new().hash_one("disk");
    format::put_node(path, drawn, owner)?;
    tracing::info!("the data folder {} is new", path.display());
    Ok(drawn)
}
