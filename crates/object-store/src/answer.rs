//! What a gateway answers.

use bytes::Bytes;

use crate::ask::Cursor;
use crate::error::Refusal;
use crate::row::{Bucket, Part, Piece, Row, Upload};
use crate::sums::{Checksum, ETag};
use crate::words::{Code, Epoch, Name, PutId, UploadId, VersionId};

/// An answer. What each question is answered with, [`Ask`](crate::ask::Ask) says.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Answer {
    /// It was not done; or, as the refusal says, nobody knows.
    Refused(Refusal),
    /// It was done.
    Done,
    /// A bucket.
    Bucket(Bucket),
    /// The user's buckets, in order.
    Buckets(Vec<(Name, Bucket)>),
    /// The put may come.
    Go(Go),
    /// The stripe was handed on: one more may come.
    Taken,
    /// It is durable and named.
    Stored(Stored),
    /// What is under the key.
    Found(Box<Found>),
    /// Some pieces of a stripe, and no fewer than the code has of data.
    Pieces(Vec<Piece>),
    /// All bytes of an extent.
    Whole(Bytes),
    /// A page of a listing.
    Page(Page<Item>),
    /// A page of uploads.
    Uploads(Page<UploadItem>),
    /// A page of parts, and whether there are more.
    Parts(Box<Upload>, Vec<Part>, bool),
    /// It is deleted.
    Deleted(Deleted),
    /// An upload began.
    Upload(UploadId),
    /// A put may begin, in this epoch of its group. Gateways are told that, and no session.
    Epoch(Epoch),
    /// Those of the puts that are dead.
    Dead(Vec<PutId>),
}

/// A put may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Go {
    /// It is called so.
    pub put: PutId,
    /// Into so many pieces a stripe is cut.
    pub code: Code,
    /// Of so many bytes is every stripe but the last.
    pub stripe: u32,
    /// So many stripes may be unanswered.
    pub credit: u8,
}

/// Bytes that are durable and named.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Stored {
    /// Which version they are, in a bucket that has versions or has them suspended. None of a part.
    pub version: Option<VersionId>,
    /// What the client compares.
    pub etag: ETag,
    /// Of the object or part, if it has one.
    pub checksum: Option<Checksum>,
}

/// What is under a key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Found {
    /// The version.
    pub row: Row,
    /// Does the bucket have versions, or have them suspended?
    pub versioned: bool,
    /// The bytes, where they were asked for and came along.
    pub body: Option<Bytes>,
}

/// It is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Deleted {
    /// The version that went, or the delete marker that came; none in a bucket without versions.
    pub version: Option<VersionId>,
    /// That is a delete marker.
    pub is_marker: bool,
}

/// A page.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Page<T> {
    /// In order.
    pub items: Vec<T>,
    /// Where it goes on, if it does.
    pub next: Option<Cursor>,
}

/// Of a listing.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Item {
    /// A version of a key; is it the current one?
    Object(Name, Row, bool),
    /// Keys that begin so.
    Prefix(Name),
}

/// Of a listing of uploads.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum UploadItem {
    /// An upload.
    Upload(Upload),
    /// Keys that begin so.
    Prefix(Name),
}
