//! What the catalog keeps of an object: a row for each version, which names the puts that have its bytes.

use crate::sums::{Checksum, ETag};
use crate::words::{Code, Millis, Name, PartNumber, PutId, Slot, UploadId, Version, VersionId};

/// A version of a key.
///
/// The law: rows of a key are ordered by their versions, which the group's log gives out, and the last is the key's
/// current one. What a row says changes in one thing only: which shards are missing.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Row {
    /// The place of its commit in the log.
    pub version: Version,
    /// It was put while the bucket had no versions, or had them suspended.
    pub is_null: bool,
    /// When it was asked for, by the clock of its gateway.
    pub modified: Millis,
    /// None: a delete marker.
    pub content: Option<Content>,
}

impl Row {
    /// As clients call it.
    pub fn id(&self) -> VersionId {
        if self.is_null { VersionId::Null } else { VersionId::Number(self.version) }
    }
}

/// The bytes of an object, and what its client said of them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Content {
    /// Of all bytes.
    pub size: u64,
    /// What its client compares.
    pub etag: ETag,
    /// If it was put with one.
    pub checksum: Option<Checksum>,
    /// By name in small letters: `content-type`, `cache-control`, `x-amz-meta-...`. They come back with the bytes.
    pub headers: Vec<(Name, Name)>,
    /// Where the bytes are, in order: one put, or one a part.
    pub extents: Vec<Extent>,
}

/// Some bytes of an object: those of one put.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Extent {
    /// Which.
    pub put: PutId,
    /// Of the upload; 0 where the object came as a whole.
    pub part: PartNumber,
    /// How many.
    pub length: u64,
    /// How they are kept.
    pub kept: Kept,
}

/// How the bytes of a put are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kept {
    /// As a whole, by the members of the key's group.
    Whole,
    /// As shards.
    Shards(Shards),
}

/// How a put was cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Shards {
    /// Into how many.
    pub code: Code,
    /// Bytes of the object in each stripe but the last.
    pub stripe: u32,
    /// By which they were placed.
    pub layout: u32,
    /// Slots that no disk had when it was committed, as bits.
    pub missing: u32,
}

impl Shards {
    /// How many stripes so many bytes have: at least one.
    pub fn stripes(&self, length: u64) -> u64 {
        length.div_ceil(u64::from(self.stripe)).max(1)
    }

    /// The bytes of the object in this stripe.
    pub fn stripe_length(&self, length: u64, number: u64) -> u32 {
        let stripe = u64::from(self.stripe);
        length.saturating_sub(number.saturating_mul(stripe)).min(stripe) as u32
    }
}

/// One stripe of a shard.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Piece {
    /// Of the shard.
    pub slot: Slot,
    /// Over whose it is and what it says: see `stripe.rs`.
    pub digest: [u8; 32],
    /// What it says.
    pub bytes: bytes::Bytes,
}

impl std::fmt::Debug for Piece {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "slot {}: {} bytes", self.slot, self.bytes.len())
    }
}

/// A bucket.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Bucket {
    /// Whose it is: nobody else may touch it.
    pub owner: Name,
    /// When it was made, by the clock of its gateway.
    pub made: Millis,
    /// Does it keep versions?
    pub versioning: Versioning,
}

/// Does a bucket keep versions?
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Versioning {
    /// It never did.
    Never,
    /// It does.
    Enabled,
    /// It did; what is put now is the version `null`, which is replaced.
    Suspended,
}

/// An upload that is under way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Upload {
    /// Of the object that it becomes.
    pub key: Name,
    /// Which.
    pub id: UploadId,
    /// When it began, by the clock of its gateway.
    pub began: Millis,
    /// Of the object.
    pub headers: Vec<(Name, Name)>,
    /// What its parts are summed with, and how these sums become the object's.
    pub sums: Option<crate::sums::Summed>,
}

/// A part of an upload.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Part {
    /// Which.
    pub number: PartNumber,
    /// Its bytes.
    pub size: u64,
    /// Their sum.
    pub etag: ETag,
    /// If it was put with one.
    pub checksum: Option<Checksum>,
    /// When it was put, by the clock of its gateway.
    pub modified: Millis,
}
