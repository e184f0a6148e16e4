//! Why something was not done.

use std::fmt;

use crate::words::PartNumber;

/// A refusal. Unless it says so, nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Refusal {
    /// There is no such bucket.
    NoSuchBucket,
    /// There is no such object, or its current version is a delete marker.
    NoSuchKey {
        /// It is a delete marker.
        is_marker: bool,
    },
    /// The object has no such version.
    NoSuchVersion,
    /// The version that was named is a delete marker: it has no bytes.
    MethodNotAllowed,
    /// There is no such upload, or it is over.
    NoSuchUpload,
    /// A part that was named is not there, or is another.
    InvalidPart(PartNumber),
    /// The parts were not named in order.
    InvalidPartOrder,
    /// A part that is not the last has fewer bytes than parts must have.
    EntityTooSmall(PartNumber),
    /// It has more bytes than it may.
    EntityTooLarge,
    /// The sum that came with it is not that of its bytes.
    BadDigest,
    /// The bucket is another user's.
    AccessDenied,
    /// A bucket of this name is there, and another user's.
    BucketAlreadyExists,
    /// A bucket of this name is there, and the user's.
    BucketAlreadyOwnedByYou,
    /// The bucket has objects, versions or uploads.
    BucketNotEmpty,
    /// What the client made it depend on does not hold.
    PreconditionFailed,
    /// The client has it already.
    NotModified,
    /// The put took longer than puts may. What it wrote is collected: put it again.
    RequestTimeout,
    /// The gateway has as many puts or questions as it may: ask later, or another.
    SlowDown,
    /// Too few disks or members answered, and nothing was named: ask again.
    Unavailable,
    /// Nobody answered in time: it may have been done, or be done later. Look before you ask again.
    MayHaveHappened,
    /// The bytes are not to be had at the moment: too few of their pieces are.
    Unreadable,
}

impl Refusal {
    /// May what was asked for have been done all the same, or be done later?
    pub fn may_have_happened(self) -> bool {
        self == Refusal::MayHaveHappened
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Refusal::NoSuchBucket => "there is no such bucket",
            Refusal::NoSuchKey { is_marker: false } => "there is no such object",
            Refusal::NoSuchKey { is_marker: true } => "the object was deleted",
            Refusal::NoSuchVersion => "the object has no such version",
            Refusal::MethodNotAllowed => "the version is a delete marker, which has no bytes",
            Refusal::NoSuchUpload => "there is no such upload, or it is over",
            Refusal::InvalidPart(_) => "a part that was named is not there, or is another",
            Refusal::InvalidPartOrder => "the parts were not named in order",
            Refusal::EntityTooSmall(_) => "a part that is not the last is too small",
            Refusal::EntityTooLarge => "it is larger than it may be",
            Refusal::BadDigest => "the sum that came with it is not that of its bytes",
            Refusal::AccessDenied => "the bucket is another user's",
            Refusal::BucketAlreadyExists => "a bucket of this name is there, and another user's",
            Refusal::BucketAlreadyOwnedByYou => "a bucket of this name is there, and yours",
            Refusal::BucketNotEmpty => "the bucket is not empty",
            Refusal::PreconditionFailed => "what it was to depend on does not hold",
            Refusal::NotModified => "it is what you have",
            Refusal::RequestTimeout => "it took too long; nothing was named; put it again",
            Refusal::SlowDown => "there is too much under way here; nothing was done; ask later",
            Refusal::Unavailable => {
                "too few nodes answered; nothing was named; ask again, or another node"
            }
            Refusal::MayHaveHappened => {
                "nobody answered in time; it may have been done; look before you ask again"
            }
            Refusal::Unreadable => "too few pieces of it can be read at the moment; ask again",
        })
    }
}

impl std::error::Error for Refusal {}
