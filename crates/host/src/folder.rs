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

use std::fs::{self, File, TryLockError};
use std::hash::BuildHasher;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use machine::DiskId;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::files::{self, Files, replace, sync_folder};
use crate::metrics::Metrics;

pub use error::FolderError;
use error::Wrong;

const FORMAT: u32 = 1;
const FORMAT_FILE: &str = "format.json";
const TEMPORARY: &str = "format.json.new";
const LOCK: &str = "lock";
const DISK: &str = "disk";
/// A longer format file is not ours.
const LONGEST: u64 = 4096;

/// Whose files they are: a system and what its promises about these files depend on.
pub trait Owner: Serialize + DeserializeOwned {
    /// Are the files of the one those of the other?
    fn is(&self, other: &Self) -> bool;

    /// Such as `snowflake, worker 3, layout twitter`.
    fn name(&self) -> String;

    /// The arguments with which they are used, such as `--worker 3 --layout twitter`.
    fn arguments(&self) -> String;

    /// What else a server with another folder needs, such as `and another worker with --worker`;
    /// nothing where that is all.
    fn with_another_folder(&self) -> &'static str;
}

/// A file that a new folder begins with, and that an old one must have.
pub type FirstFile = (&'static str, Bytes);

#[derive(Debug, Serialize, Deserialize)]
struct Format<O> {
    format: u32,
    /// Drawn when the folder was made.
    disk: u64,
    owner: O,
}

/// A folder that is ours until this is dropped.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    disk: DiskId,
    /// The system lets go of the lock when the file is closed, however the process ends.
    _lock: File,
}

impl Folder {
    /// Opens the folder, or makes it.
    ///
    /// # Errors
    /// If it cannot be used, is in use, or is another's. Nothing in it was changed.
    pub fn open<O: Owner>(
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
    pub fn owner<O: Owner>(path: &Path) -> Result<Option<O>, FolderError> {
        let format = read_format::<O>(path);
        format
            .map(|format| format.map(|format| format.owner))
            .map_err(|what| FolderError::new(path, "", what))
    }

    fn try_open<O: Owner>(path: &Path, owner: O, first: &[FirstFile]) -> Result<Folder, Wrong> {
        make(path)?;
        // Ask before touching it, and again when nobody else can: it may have been begun meanwhile.
        check(path, &owner, first)?;
        let lock = lock(path)?;
        let format = match check(path, &owner, first)? {
            Some(format) => format,
            None => begin(path, owner, first)?,
        };
        make(&path.join(DISK))?;
        Ok(Folder { path: path.to_owned(), disk: DiskId(format.disk), _lock: lock })
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

/// What the folder says of itself; none where it is new.
fn check<O: Owner>(
    path: &Path,
    owner: &O,
    first: &[FirstFile],
) -> Result<Option<Format<O>>, Wrong> {
    let Some(format) = read_format::<O>(path)? else {
        return if is_new(path, first)? { Ok(None) } else { Err(Wrong::NotOurs) };
    };
    if !format.owner.is(owner) {
        let (name, arguments) = (format.owner.name(), format.owner.arguments());
        return Err(Wrong::OtherOwner { name, arguments });
    }
    for (name, _) in first {
        if !path.join(DISK).join(name).try_exists()? {
            return Err(Wrong::Lost(name));
        }
    }
    Ok(Some(format))
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
    match fs::create_dir(path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        Err(error) => Err(error),
        Ok(()) => sync_folder(around),
    }
}

fn read_format<O: Owner>(path: &Path) -> Result<Option<Format<O>>, Wrong> {
    let mut text = String::new();
    let file = match File::open(path.join(FORMAT_FILE)) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let read = file.take(LONGEST + 1).read_to_string(&mut text);
    read.map_err(|error| Wrong::Malformed(error.to_string()))?;
    if text.len() as u64 > LONGEST {
        return Err(Wrong::Malformed("it is too long".to_owned()));
    }
    let malformed = |error: serde_json::Error| Wrong::Malformed(error.to_string());
    // The format first: another one may well have another shape.
    let value: serde_json::Value = serde_json::from_str(&text).map_err(malformed)?;
    match value.get("format").and_then(serde_json::Value::as_u64) {
        Some(format) if format != u64::from(FORMAT) => {
            Err(Wrong::OtherFormat { theirs: format, ours: FORMAT })
        }
        _ => serde_json::from_value(value).map(Some).map_err(malformed),
    }
}

/// Nothing is in it but what a start that was cut short leaves.
fn is_new(path: &Path, first: &[FirstFile]) -> io::Result<bool> {
    for entry in fs::read_dir(path)? {
        let name = entry?.file_name();
        let begun = name == DISK && is_begun(&path.join(DISK), first)?;
        if !begun && name != LOCK && name != TEMPORARY {
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
            Ok(entry.file_name() == *name && fs::read(entry.path())? == *bytes)
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
fn begin<O: Owner>(path: &Path, owner: O, first: &[FirstFile]) -> Result<Format<O>, Wrong> {
    let disk = path.join(DISK);
    make(&disk)?;
    let put = |temporary: PathBuf, file: PathBuf, bytes: &[u8]| {
        replace(&temporary, &file, bytes).map_err(|(_, error)| io::Error::other(error))
    };
    for (name, bytes) in first {
        put(disk.join(files::TEMPORARY), disk.join(name), bytes)?;
    }
    let drawn = std::collections::hash_map::RandomState::new().hash_one("disk");
    let format = Format { format: FORMAT, disk: drawn, owner };
    let text = serde_json::to_vec_pretty(&format).map_err(io::Error::other)?;
    put(path.join(TEMPORARY), path.join(FORMAT_FILE), &text)?;
    tracing::info!("the data folder {} is new", path.display());
    Ok(format)
}
