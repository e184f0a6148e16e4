//! What a machine may ask of its disk, and what it is told.
//!
//! A disk fails as disks do: what was not synced can be lost or torn at a crash, synced bytes
//! can rot, and it can fill up, slow down and fail.

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::parts::Parts;

/// The name of a file in the node's data folder: one component, no path.
pub type FileName = Cow<'static, str>;

/// The identity of a disk, drawn when it was formatted. A node whose disk was replaced is a new
/// node, whatever number it carries.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct DiskId(pub u64);

/// A disk operation.
///
/// What changes a file, and its syncs, end in the order in which they were asked for; operations on
/// different files end in any order. A read sees all changes of its file that were asked for before it, waits for
/// no sync, and may see later changes. Each operation is told by itself when it ends.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum DiskCommand {
    /// Writes bytes at an offset, making the file, and zeros up to the offset, as needed. Not
    /// durable before a [`DiskCommand::Sync`] of the file ended well.
    Write {
        /// The file.
        file: FileName,
        /// Bytes from its beginning.
        offset: u64,
        /// What to write, in one vectored write.
        parts: Parts,
    },
    /// Makes all changes of the file that were asked for before durable, and its name. If it fails,
    /// nobody knows what is on the disk (fsyncgate): the machine must halt, and is halted where it does not.
    Sync {
        /// The file.
        file: FileName,
        /// Only what is needed to read the bytes back (`fdatasync`), which is quicker where the length of the
        /// file stayed what it was.
        data_only: bool,
    },
    /// Reads up to `length` bytes from an offset; fewer at the end of the file.
    Read {
        /// The file.
        file: FileName,
        /// Bytes from its beginning.
        offset: u64,
        /// At most this many bytes.
        length: u64,
    },
    /// How long the file is, in bytes. It sees what a read would see.
    Length {
        /// The file.
        file: FileName,
    },
    /// Cuts the file to a length. Durable with the next sync.
    Truncate {
        /// The file.
        file: FileName,
        /// Its new length in bytes; a longer one than it has changes nothing.
        length: u64,
    },
    /// Puts new content in the file's place, atomically and durably: after a crash the old or the
    /// new content is there, whole (a temporary file, synced, renamed, its folder synced).
    /// Reads see the new before this has ended.
    Replace {
        /// The file.
        file: FileName,
        /// Its whole new content.
        parts: Parts,
    },
    /// Removes the file, durably. Reads find none before this has ended.
    Delete {
        /// The file.
        file: FileName,
    },
    /// Reserves space behind the end of the file, making it as needed; its length stays. Writes there need no
    /// new space, and a data-only sync of them has less to do.
    Allocate {
        /// The file.
        file: FileName,
        /// How many bytes from its beginning are to have space.
        length: u64,
    },
    /// Names the files whose names begin so, in order of name. What had ended when it was asked for
    /// is seen; what is in flight may be.
    List {
        /// How the names begin; empty for all.
        prefix: FileName,
    },
}

impl DiskCommand {
    /// The file that it is about; none where it is about all.
    pub fn file(&self) -> Option<&FileName> {
        match self {
            DiskCommand::Write { file, .. }
            | DiskCommand::Sync { file, .. }
            | DiskCommand::Read { file, .. }
            | DiskCommand::Length { file }
            | DiskCommand::Truncate { file, .. }
            | DiskCommand::Replace { file, .. }
            | DiskCommand::Delete { file }
            | DiskCommand::Allocate { file, .. } => Some(file),
            DiskCommand::List { .. } => None,
        }
    }
}

/// What an operation that went well brings back.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum DiskAnswer {
    /// Done; nothing to tell.
    Done,
    /// The bytes read.
    Bytes(Bytes),
    /// The names of the files, sorted.
    Names(Vec<String>),
    /// The length of the file, in bytes.
    Length(u64),
}

/// Why a disk operation failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DiskError {
    /// There is no file of this name. Nothing changed.
    NotFound,
    /// The disk is full. Nothing changed; it may be tried again after space was made.
    Full,
    /// The device failed. A write or a sync may have happened in part: halt, and trust only what
    /// is read after a restart.
    Failed,
}

/// How a disk operation ended.
pub type DiskResult = Result<DiskAnswer, DiskError>;

impl fmt::Display for DiskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            DiskError::NotFound => "there is no such file; nothing changed",
            DiskError::Full => "the disk is full; nothing changed; make space and try again",
            DiskError::Failed => "the device failed; restart the node and trust what it reads then",
        })
    }
}

impl std::error::Error for DiskError {}
