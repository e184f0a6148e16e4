//! The data folder: one server at a time, and always the same one.
//!
//! ```text
//! lock          held by the server that runs
//! format.json   which format, and whose files these are
//! disk/         the machine's files
//! ```
//!
//! The law: a folder that is not this server's is left exactly as it was.

#![expect(clippy::disallowed_types, reason = "the lock is a file")]

use std::fmt;
use std::fs::{self, File, TryLockError};
use std::hash::BuildHasher;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

use machine::DiskId;
use serde::{Deserialize, Serialize};

use super::files::{Files, replace, sync_folder};

const FORMAT: u32 = 1;
const FORMAT_FILE: &str = "format.json";
const TEMPORARY: &str = "format.json.new";
/// A longer format file is not ours.
const LONGEST: u64 = 4096;

/// Whose files they are. What a server with another number or layout mints knows nothing of the
/// high-water mark in here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Owner {
    pub(crate) system: String,
    pub(crate) worker: u64,
    pub(crate) layout: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct Format {
    format: u32,
    /// Drawn when the folder was made.
    disk: u64,
    owner: Owner,
}

/// A folder that is ours until this is dropped.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    disk: DiskId,
    /// The system lets go of the lock when the file is closed, however the process ends.
    _lock: File,
}

impl Folder {
    /// Opens the folder, or makes it.
    pub(crate) fn open(path: &Path, owner: Owner) -> Result<Folder, FolderError> {
        let wrong = |what| FolderError { path: path.to_owned(), what };
        let unusable = |error| wrong(Wrong::Unusable(error));
        make(path).map_err(unusable)?;
        // Ask before touching it: without a format file it is new, or somebody else's.
        if !path.join(FORMAT_FILE).exists() && !is_new(path).map_err(unusable)? {
            return Err(wrong(Wrong::NotOurs));
        }
        let lock = lock(path).map_err(wrong)?;
        let format = match read_format(path).map_err(wrong)? {
            Some(format) => format,
            None => begin(path, &owner).map_err(wrong)?,
        };
        if format.owner != owner {
            return Err(wrong(Wrong::OtherOwner { theirs: format.owner }));
        }
        make(&path.join("disk")).map_err(unusable)?;
        Ok(Folder { path: path.to_owned(), disk: DiskId(format.disk), _lock: lock })
    }

    /// The machine's disk.
    pub(crate) fn files(&self) -> Files {
        Files::new(self.path.join("disk"))
    }

    /// The identity of that disk.
    pub(crate) fn disk(&self) -> DiskId {
        self.disk
    }
}

/// Why a data folder cannot be used. Nothing in it was changed.
#[derive(Debug)]
pub struct FolderError {
    path: PathBuf,
    what: Wrong,
}

impl FolderError {
    /// Does it lie with the arguments: is the folder that of another worker or layout?
    pub fn is_other_owner(&self) -> bool {
        matches!(self.what, Wrong::OtherOwner { .. })
    }
}

#[derive(Debug)]
enum Wrong {
    /// It cannot be made, read or written.
    Unusable(io::Error),
    /// Another server has it.
    Locked,
    /// There are files, but none that says whose.
    NotOurs,
    /// The format file is damaged.
    Malformed(String),
    /// Another version of this program made it.
    OtherFormat(u32),
    OtherOwner {
        theirs: Owner,
    },
}

impl fmt::Display for FolderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the data folder {} ", self.path.display())?;
        match &self.what {
            Wrong::Unusable(error) => {
                write!(f, "cannot be used: {error}; give another one with --data")
            }
            Wrong::Locked => write!(
                f,
                "belongs to a server that is running; stop that one, or give another folder with \
                 --data and another worker with --worker"
            ),
            Wrong::NotOurs => write!(
                f,
                "has other files in it and was left as it is; give a new or empty one with --data"
            ),
            Wrong::Malformed(why) => write!(
                f,
                "has a damaged format.json and was left as it is ({why}); restore that file, or \
                 give a new folder with --data and a worker number never used before with --worker"
            ),
            Wrong::OtherFormat(format) => write!(
                f,
                "has format {format}, and this version knows only {FORMAT}; it was left as it is: \
                 use the version that made it"
            ),
            Wrong::OtherOwner { theirs: Owner { system, worker, layout } } => write!(
                f,
                "was made for {system}, worker {worker}, layout {layout}, and was left as it is; \
                 use --worker {worker} --layout {layout}, or give another folder with --data"
            ),
        }
    }
}

impl std::error::Error for FolderError {}

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

/// What the folder says of itself; none where it is new.
fn read_format(path: &Path) -> Result<Option<Format>, Wrong> {
    let mut text = String::new();
    let file = match File::open(path.join(FORMAT_FILE)) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Wrong::Unusable(error)),
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
            Err(Wrong::OtherFormat(u32::try_from(format).unwrap_or(u32::MAX)))
        }
        _ => serde_json::from_value(value).map(Some).map_err(malformed),
    }
}

/// Nothing is in it but what a start that was cut short leaves.
fn is_new(path: &Path) -> io::Result<bool> {
    for entry in fs::read_dir(path)? {
        let name = entry?.file_name();
        if name != "lock" && name != TEMPORARY {
            return Ok(false);
        }
    }
    Ok(true)
}

fn lock(path: &Path) -> Result<File, Wrong> {
    let mut options = File::options();
    let file = options.write(true).create(true).truncate(false).open(path.join("lock"));
    let file = file.map_err(Wrong::Unusable)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Wrong::Locked),
        Err(TryLockError::Error(error)) => Err(Wrong::Unusable(error)),
    }
}

fn begin(path: &Path, owner: &Owner) -> Result<Format, Wrong> {
    let disk = std::collections::hash_map::RandomState::new().hash_one("disk");
    let format = Format { format: FORMAT, disk, owner: owner.clone() };
    let text = serde_json::to_vec_pretty(&format).unwrap_or_default();
    let written = replace(&path.join(TEMPORARY), &path.join(FORMAT_FILE), &text);
    written.map_err(|(_, error)| Wrong::Unusable(io::Error::other(error)))?;
    Ok(format)
}
