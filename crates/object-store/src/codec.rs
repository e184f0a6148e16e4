//! The bytes of what nodes keep and send: fields in order.

use machine::codec::{Coded, Fields, Malformed, Reader, Source};
use machine::coded;

use crate::answer::{Answer, Deleted, Found, Go, Item, Page, Stored, UploadItem};
use crate::ask::{Ask, BucketChange, Commit, Cursor, List, Place, UploadPlace};
use crate::conditions::{Conditions, Match};
use crate::error::Refusal;
use crate::message::Outcome;
use crate::row::{Bucket, Content, Extent, Kept, Part, Piece, Row, Shards, Upload, Versioning};
use crate::sums::{Algorithm, Checksum, ETag, Kind, Summed};
use crate::words::{Code, PutId, UploadId, VersionId};

coded!(PutId: group, epoch, nonce, seq);
coded!(Code: data, parity);
coded!(enum VersionId { 0 => Null, 1 => Number(number) });
coded!(ETag: md5, parts);
coded!(enum Algorithm { 0 => Crc32, 1 => Crc32c, 2 => Crc64Nvme, 3 => Sha1, 4 => Sha256 });
coded!(enum Kind { 0 => Whole, 1 => Composite });
coded!(Summed: algorithm, kind);
coded!(Checksum: algorithm, parts, value);

coded!(Row: version, is_null, modified, content);
coded!(Content: size, etag, checksum, headers, extents);
coded!(Extent: put, part, length, kept);
coded!(enum Kept { 0 => Whole, 1 => Shards(shards) });
coded!(Shards: code, stripe, layout, missing);
coded!(Piece: slot, digest, bytes);
coded!(Bucket: owner, made, versioning);
coded!(enum Versioning { 0 => Never, 1 => Enabled, 2 => Suspended });
coded!(Upload: key, id, began, headers, sums);
coded!(Part: number, size, etag, checksum, modified);

coded!(enum Ask {
    0 => Bucket(name),
    1 => Buckets,
    2 => ChangeBucket(name, change),
    3 => Small { commit, body },
    4 => Begin { place },
    5 => Stripe { put, number, pieces },
    6 => End { put, commit },
    7 => Abort { put },
    8 => Get { bucket, key, version, conditions, body },
    9 => Read { bucket, key, extent, stripe, bad },
    10 => List(list),
    11 => Uploads(list),
    12 => Parts { place, after, most },
    13 => Delete { bucket, key, version, conditions },
    14 => BeginUpload { bucket, key, headers, sums },
    15 => CompleteUpload { place, parts, checksum, conditions },
    16 => AbortUpload { place },
    18 => Dead(puts),
    19 => Advance(epoch),
});
coded!(enum BucketChange { 0 => Make, 1 => Delete, 2 => Versioning(to) });
coded!(Place: bucket, key, part);
coded!(UploadPlace: bucket, key, upload);
coded!(Commit: place, size, etag, checksum, headers, conditions);
coded!(List: bucket, prefix, delimiter, after, most, versions);
coded!(enum Cursor {
    0 => Key(key),
    1 => Version(key, version),
    2 => Upload(key, upload),
    3 => Prefix(prefix),
});
coded!(Conditions: matches, differs, modified_since, unmodified_since);
coded!(enum Match { 0 => Any, 1 => Tag(tag) });

coded!(enum Answer {
    0 => Refused(refusal),
    1 => Done,
    2 => Bucket(bucket),
    3 => Buckets(buckets),
    4 => Go(go),
    5 => Taken,
    6 => Stored(stored),
    7 => Found(found),
    8 => Pieces(pieces),
    9 => Whole(bytes),
    10 => Page(page),
    11 => Uploads(page),
    12 => Parts(upload, parts, more),
    13 => Deleted(deleted),
    14 => Upload(upload),
    15 => Epoch(epoch),
    16 => Dead(puts),
});
coded!(enum Outcome { 0 => Answered(answer), 1 => NotLeader { leader } });
coded!(Go: put, code, stripe, credit);
coded!(Stored: version, etag, checksum);
coded!(Found: row, versioned, body);
coded!(Deleted: version, is_marker);
coded!(enum Item { 0 => Object(key, row, is_current), 1 => Prefix(prefix) });
coded!(enum UploadItem { 0 => Upload(upload), 1 => Prefix(prefix) });
coded!(enum Refusal {
    0 => NoSuchBucket,
    1 => NoSuchKey { is_marker },
    2 => NoSuchVersion,
    3 => MethodNotAllowed,
    4 => NoSuchUpload,
    5 => InvalidPart(part),
    6 => InvalidPartOrder,
    7 => EntityTooSmall(part),
    8 => EntityTooLarge,
    9 => BadDigest,
    10 => AccessDenied,
    11 => BucketAlreadyExists,
    12 => BucketAlreadyOwnedByYou,
    13 => BucketNotEmpty,
    14 => PreconditionFailed,
    15 => NotModified,
    16 => RequestTimeout,
    17 => SlowDown,
    18 => Unavailable,
    19 => MayHaveHappened,
    20 => Unreadable,
});

impl Coded for UploadId {
    fn put(&self, out: &mut impl Fields) {
        self.0.put(out);
    }

    fn get<B: Source>(from: &mut Reader<B>) -> Result<UploadId, Malformed> {
        u64::get(from).map(UploadId)
    }
}

impl<T: Coded> Coded for Page<T> {
    fn put(&self, out: &mut impl Fields) {
        self.items.put(out);
        self.next.put(out);
    }

    fn get<B: Source>(from: &mut Reader<B>) -> Result<Page<T>, Malformed> {
        Ok(Page { items: Coded::get(from)?, next: Coded::get(from)? })
    }
}

#[cfg(test)]
mod tests;
