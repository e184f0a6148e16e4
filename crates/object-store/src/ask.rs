//! What a session asks of its gateway. Each question has one answer.
//!
//! The law: a gateway keeps nothing that outlives a question, but for a put between [`Ask::Begin`] and [`Ask::End`]. A get
//! is a question for the row, and one for each stripe: the session asks ahead as far as it has memory for.

use bytes::Bytes;

use crate::conditions::Conditions;
use crate::row::{Extent, Piece, Versioning};
use crate::sums::{Checksum, ETag, Summed};
use crate::words::{Epoch, Name, PartNumber, PutId, UploadId, Version, VersionId};

/// A question.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Ask {
    /// What is this bucket? Answered by [`Answer::Bucket`](crate::answer::Answer::Bucket).
    Bucket(Name),
    /// Which buckets has the user? [`Answer::Buckets`](crate::answer::Answer::Buckets).
    Buckets,
    /// A bucket is to change. [`Answer::Done`](crate::answer::Answer::Done).
    ChangeBucket(Name, BucketChange),

    /// Bytes that come whole, at most [`Tuning::small`](crate::tuning::Tuning::small) of them.
    /// [`Answer::Stored`](crate::answer::Answer::Stored).
    Small {
        /// What they are.
        commit: Box<Commit>,
        /// The bytes.
        body: Bytes,
    },
    /// Bytes that come in stripes. [`Answer::Go`](crate::answer::Answer::Go).
    Begin {
        /// Where they belong.
        place: Place,
    },
    /// All pieces of the next stripe. [`Answer::Taken`](crate::answer::Answer::Taken). A session has no more of these
    /// unanswered than [`Answer::Go`](crate::answer::Answer::Go) said.
    Stripe {
        /// Of which put.
        put: PutId,
        /// Its number, from 0.
        number: u64,
        /// One a slot.
        pieces: Vec<Piece>,
    },
    /// That was all: make it durable, and name it. [`Answer::Stored`](crate::answer::Answer::Stored).
    End {
        /// Which put.
        put: PutId,
        /// What it is.
        commit: Box<Commit>,
    },
    /// The put is not to be. [`Answer::Done`](crate::answer::Answer::Done).
    Abort {
        /// Which.
        put: PutId,
    },

    /// What is there under this key? [`Answer::Found`](crate::answer::Answer::Found).
    Get {
        /// The bucket.
        bucket: Name,
        /// The key.
        key: Name,
        /// The current one where none is named.
        version: Option<VersionId>,
        /// On which it depends.
        conditions: Conditions,
        /// With the bytes, where they are kept whole and are all of the object.
        body: bool,
    },
    /// Pieces of a stripe, enough to have its bytes. [`Answer::Pieces`](crate::answer::Answer::Pieces), or
    /// [`Answer::Whole`](crate::answer::Answer::Whole) where the extent is kept whole.
    Read {
        /// The bucket.
        bucket: Name,
        /// The key.
        key: Name,
        /// From the row.
        extent: Extent,
        /// Which stripe.
        stripe: u64,
        /// Slots whose pieces were not what they should be, as bits: others instead.
        bad: u32,
    },

    /// A page of a bucket's objects, or of all their versions. [`Answer::Page`](crate::answer::Answer::Page).
    List(List),
    /// A page of a bucket's uploads. [`Answer::Uploads`](crate::answer::Answer::Uploads).
    Uploads(List),
    /// A page of an upload's parts. [`Answer::Parts`](crate::answer::Answer::Parts).
    Parts {
        /// The upload.
        place: UploadPlace,
        /// Behind this number.
        after: PartNumber,
        /// No more than these.
        most: u16,
    },

    /// Delete what is there; in a bucket with versions, put a delete marker there. A named version goes for good.
    /// [`Answer::Deleted`](crate::answer::Answer::Deleted).
    Delete {
        /// The bucket.
        bucket: Name,
        /// The key.
        key: Name,
        /// The current one where none is named.
        version: Option<VersionId>,
        /// On which it depends.
        conditions: Conditions,
    },
    /// An object will come in parts. [`Answer::Upload`](crate::answer::Answer::Upload).
    BeginUpload {
        /// The bucket.
        bucket: Name,
        /// The key.
        key: Name,
        /// Of the object.
        headers: Vec<(Name, Name)>,
        /// How it is to be summed.
        sums: Option<Summed>,
    },
    /// The parts are the object. [`Answer::Stored`](crate::answer::Answer::Stored). Who asks again is answered as before.
    CompleteUpload {
        /// The upload.
        place: UploadPlace,
        /// In order, with what the client was told of each.
        parts: Vec<(PartNumber, ETag, Option<Checksum>)>,
        /// Of the object, as the client computed it.
        checksum: Option<Checksum>,
        /// On which it depends.
        conditions: Conditions,
    },
    /// The parts are nothing. [`Answer::Done`](crate::answer::Answer::Done).
    AbortUpload {
        /// The upload.
        place: UploadPlace,
    },

    /// Which of these puts are dead: does nothing name them, and will nothing ever? Nodes ask that, and no session.
    /// [`Answer::Dead`](crate::answer::Answer::Dead).
    Dead(Vec<PutId>),
    /// This epoch of the group is over. Leaders have it committed, and no session.
    /// [`Answer::Done`](crate::answer::Answer::Done).
    Advance(Epoch),
}

/// How a bucket changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BucketChange {
    /// It is made, and the user's.
    Make,
    /// It is deleted: it must be empty.
    Delete,
    /// It keeps versions, or no longer.
    Versioning(Versioning),
}

/// Where bytes belong.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    /// The bucket.
    pub bucket: Name,
    /// The key.
    pub key: Name,
    /// The upload, and the number of the part, where they are one.
    pub part: Option<(UploadId, PartNumber)>,
}

/// An upload.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct UploadPlace {
    /// The bucket.
    pub bucket: Name,
    /// The key.
    pub key: Name,
    /// Which.
    pub upload: UploadId,
}

/// What bytes are that have come.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Commit {
    /// Where they belong.
    pub place: Place,
    /// How many there were.
    pub size: u64,
    /// Their MD5.
    pub etag: ETag,
    /// Their checksum, if the client wanted one; it was compared.
    pub checksum: Option<Checksum>,
    /// See [`Content::headers`](crate::row::Content::headers). None of a part.
    pub headers: Vec<(Name, Name)>,
    /// On which it depends. None of a part.
    pub conditions: Conditions,
}

/// A page of a listing.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct List {
    /// Of which bucket.
    pub bucket: Name,
    /// Keys that begin so.
    pub prefix: Name,
    /// Keys that have this behind the prefix are one item together.
    pub delimiter: Option<Name>,
    /// What is behind this.
    pub after: Option<Cursor>,
    /// No more items than these.
    pub most: u16,
    /// All versions and delete markers, not only what is current.
    pub versions: bool,
}

/// A place between two items of a listing.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Cursor {
    /// Behind all of this key.
    Key(Name),
    /// Behind this version of the key: older ones follow, then other keys.
    Version(Name, Version),
    /// Behind this upload of the key.
    Upload(Name, UploadId),
    /// Behind all keys that begin so.
    Prefix(Name),
}
