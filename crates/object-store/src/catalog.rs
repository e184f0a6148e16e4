//! The catalog of a group: its buckets, and the rows of their objects.
//!
//! # The law
//!
//! The catalog follows from the log alone. What changes in it is changed in memory and written into `pairs`, in one place
//! ([`Catalog::set`]), so that what a boot reads is what was in memory.
//!
//! # The files
//!
//! `catalog/pairs.rs` is the catalog as pairs of a store, `objects.rs` applies what changes objects, `uploads.rs` those that
//! come in parts, `buckets.rs` what changes buckets, `page.rs` lists them, and `epochs.rs` says which bytes nobody names any
//! more.

mod buckets;
mod epochs;
mod objects;
mod page;
mod pairs;
mod uploads;

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use machine::Switches;

use crate::answer::{Answer, Found};
use crate::ask::Ask;
use crate::entry::Entry;
use crate::error::Refusal;
use crate::row::{Bucket, Row, Upload, Versioning};
use crate::tuning::Tuning;
use crate::words::{Epoch, GroupNumber, Name, PutId, UploadId, Version, VersionId};
use uploads::{PartKey, PartState, UploadKey, UploadState};

pub(crate) use pairs::{Fact, Frozen, Next, Pairs, Place, take_pairs};

/// Of a row: the newest version of a key comes first.
type RowKey = (Name, Name, Reverse<Version>);

/// The catalog of a group.
#[derive(Clone, Debug, Default)]
pub(crate) struct Catalog {
    switches: Switches,
    /// Fewer bytes no part may have that is not the last.
    least_part: u64,
    /// So many epochs an upload may last.
    upload_age: Epoch,
    epoch: Epoch,
    /// Puts that are kept as shards, and how often each is named: once, unless a part and a version name it for a moment.
    named: BTreeMap<PutId, u32>,
    /// Puts that were an object's and may still be read, by the epoch in which they were left; and are they kept whole?
    left: BTreeMap<(Epoch, PutId), bool>,
    buckets: BTreeMap<Name, Bucket>,
    rows: BTreeMap<RowKey, Arc<Row>>,
    uploads: BTreeMap<UploadKey, UploadState>,
    parts: BTreeMap<PartKey, PartState>,
    /// Uploads that are over, by where they ended.
    done: BTreeMap<u64, UploadKey>,
}

impl Catalog {
    /// An empty one.
    pub(crate) fn new(tuning: &Tuning, switches: Switches) -> Catalog {
        let Tuning { least_part, upload_age, .. } = *tuning;
        Catalog { switches, least_part, upload_age, ..Catalog::default() }
    }

    /// Applies an entry, which stands at this place of the log: what it came to, and the changed pairs.
    pub(crate) fn apply(&mut self, group: GroupNumber, at: u64, entry: Entry) -> (Answer, Pairs) {
        let mut pairs = Pairs::new(group);
        let answer = self.change(at, entry, &mut pairs).unwrap_or_else(Answer::Refused);
        self.forget_uploads(at, &mut pairs);
        pairs.applied(at);
        (answer, pairs)
    }

    fn change(&mut self, at: u64, entry: Entry, pairs: &mut Pairs) -> Result<Answer, Refusal> {
        let Entry { user, at: now, put, ask } = entry;
        match ask {
            Ask::ChangeBucket(name, change) => {
                self.change_bucket(&user, now, (name, change), pairs)
            }
            Ask::Small { commit, body } => {
                let put = put.ok_or(Refusal::Unavailable)?;
                self.commit((at, now), &user, *commit, (put, Some(body)), pairs)
            }
            Ask::End { commit, .. } => {
                let put = put.ok_or(Refusal::Unavailable)?;
                self.commit((at, now), &user, *commit, (put, None), pairs)
            }
            Ask::Delete { bucket, key, version, conditions } => {
                self.own(&user, &bucket)?;
                match version {
                    None => self.delete((at, now), (bucket, key), &conditions, pairs),
                    Some(id) => self.delete_version((bucket, key), id, &conditions, pairs),
                }
            }
            Ask::BeginUpload { bucket, key, headers, sums } => {
                let upload = Upload { key, id: UploadId(at), began: now, headers, sums };
                self.begin_upload(&user, (bucket, upload), pairs)
            }
            Ask::CompleteUpload { place, parts, checksum, conditions } => {
                self.own(&user, &place.bucket)?;
                let listed = (place, &parts[..]);
                self.complete_upload((at, now), listed, (checksum, &conditions), pairs)
            }
            Ask::AbortUpload { place } => {
                self.own(&user, &place.bucket)?;
                self.abort_upload(place, pairs)
            }
            Ask::Advance(from) => Ok(self.advance(from, pairs)),
            _ => Err(Refusal::Unavailable),
        }
    }

    /// Answers a question about what is there.
    pub(crate) fn answer(&self, user: &Name, ask: &Ask) -> Answer {
        self.look_up(user, ask).unwrap_or_else(Answer::Refused)
    }

    fn look_up(&self, user: &Name, ask: &Ask) -> Result<Answer, Refusal> {
        match ask {
            Ask::Bucket(name) => self.own(user, name).cloned().map(Answer::Bucket),
            Ask::Begin { place } => {
                self.own(user, &place.bucket)?;
                Ok(Answer::Epoch(self.epoch))
            }
            Ask::Dead(puts) => Ok(Answer::Dead(self.dead(puts))),
            Ask::Buckets => Ok(Answer::Buckets(self.buckets_of(user))),
            Ask::Get { bucket, key, version, conditions, .. } => {
                let versioned = self.own(user, bucket)?.versioning != Versioning::Never;
                let row = self.find(bucket, key, *version)?;
                conditions.judge_read(row)?;
                let found = Found { row: Row::clone(row), versioned, body: None };
                Ok(Answer::Found(Box::new(found)))
            }
            Ask::List(list) => {
                self.own(user, &list.bucket)?;
                Ok(Answer::Page(self.page(list)))
            }
            Ask::Uploads(list) => {
                self.own(user, &list.bucket)?;
                Ok(Answer::Uploads(self.page_of_uploads(list)))
            }
            Ask::Parts { place, after, most } => {
                self.own(user, &place.bucket)?;
                self.page_of_parts(place, *after, *most)
            }
            _ => Err(Refusal::Unavailable),
        }
    }

    /// The row that a read means.
    fn find(&self, bucket: &Name, key: &Name, id: Option<VersionId>) -> Result<&Arc<Row>, Refusal> {
        let Some(id) = id else {
            let current = self.current(bucket, key);
            let current = current.ok_or(Refusal::NoSuchKey { is_marker: false })?;
            return match current.content {
                Some(_) => Ok(current),
                None => Err(Refusal::NoSuchKey { is_marker: true }),
            };
        };
        let named = self.versions(bucket, key).find(|row| row.id() == id);
        let named = named.ok_or(Refusal::NoSuchVersion)?;
        if named.content.is_some() { Ok(named) } else { Err(Refusal::MethodNotAllowed) }
    }

    /// All rows of a key, the newest first.
    fn versions(&self, bucket: &Name, key: &Name) -> impl Iterator<Item = &Arc<Row>> {
        let from = (bucket.clone(), key.clone(), Reverse(Version::MAX));
        let to = (bucket.clone(), key.clone(), Reverse(0));
        self.rows.range(from..=to).map(|(_, row)| row)
    }

    fn current(&self, bucket: &Name, key: &Name) -> Option<&Arc<Row>> {
        self.versions(bucket, key).next()
    }

    /// A bucket, if it is there and the user's.
    fn own(&self, user: &Name, bucket: &Name) -> Result<&Bucket, Refusal> {
        let there = self.buckets.get(bucket).ok_or(Refusal::NoSuchBucket)?;
        if there.owner == *user { Ok(there) } else { Err(Refusal::AccessDenied) }
    }

    /// The rows behind a place, with their keys.
    fn rows_from(&self, from: Bound<RowKey>) -> impl Iterator<Item = (&RowKey, &Arc<Row>)> {
        self.rows.range((from, Bound::Unbounded))
    }

    /// Changes one fact, in memory and in the pairs.
    fn set(&mut self, place: Place, fact: Option<Fact>, pairs: &mut Pairs) {
        pairs.set(&place, fact.as_ref());
        self.keep(place, fact);
    }

    /// Changes one fact in memory.
    pub(crate) fn keep(&mut self, place: Place, fact: Option<Fact>) {
        match (place, fact) {
            (Place::Bucket(name), Some(Fact::Bucket(bucket))) => {
                self.buckets.insert(name, bucket);
            }
            (Place::Bucket(name), _) => drop(self.buckets.remove(&name)),
            (Place::Row(bucket, key, version), Some(Fact::Row(row))) => {
                self.name_all(row.content.as_ref(), true);
                let before = self.rows.insert((bucket, key, Reverse(version)), row);
                self.name_all(before.as_ref().and_then(|row| row.content.as_ref()), false);
            }
            (Place::Row(bucket, key, version), _) => {
                let before = self.rows.remove(&(bucket, key, Reverse(version)));
                self.name_all(before.as_ref().and_then(|row| row.content.as_ref()), false);
            }
            (Place::Upload(bucket, key, id), Some(Fact::Upload(state))) => {
                self.keep_upload((bucket, key, id), Some(*state));
            }
            (Place::Upload(bucket, key, id), _) => self.keep_upload((bucket, key, id), None),
            (Place::Part(bucket, key, id, number), Some(Fact::Part(state))) => {
                self.name(state.extent(), true);
                let before = self.parts.insert((bucket, key, id, number), *state);
                before.into_iter().for_each(|before| self.name(before.extent(), false));
            }
            (Place::Part(bucket, key, id, number), _) => {
                let before = self.parts.remove(&(bucket, key, id, number));
                before.into_iter().for_each(|before| self.name(before.extent(), false));
            }
            (Place::Epoch, Some(Fact::Epoch(epoch))) => self.epoch = epoch,
            (Place::Epoch, _) => self.epoch = 0,
            (Place::Left(epoch, put), Some(Fact::Left(is_whole))) => {
                self.left.insert((epoch, put), is_whole);
            }
            (Place::Left(epoch, put), _) => drop(self.left.remove(&(epoch, put))),
            // Bytes are not kept in memory, and what was applied is its owner's.
            (Place::Body(_) | Place::Applied, _) => {}
        }
    }

    /// How many versions there are.
    pub(crate) fn rows(&self) -> usize {
        self.rows.len()
    }
}

#[cfg(test)]
mod tests;
