//! Uploads: objects that come in parts.
//!
//! The law: an upload becomes an object once. A Complete that comes again is answered as the first was, and changes
//! nothing: else a client that heard no answer would put back what was overwritten since. So what an upload became is kept
//! for a while: until the log has gone on by [`KEPT`] entries.

use std::ops::Bound;

use bytes::Bytes;
use machine::coded;

use super::{Catalog, Fact, Pairs, Place};
use crate::answer::{Answer, Page, Stored, UploadItem};
use crate::ask::{Commit, Cursor, List, UploadPlace};
use crate::conditions::Conditions;
use crate::error::Refusal;
use crate::mechanism::Mechanism;
use crate::row::{Content, Extent, Kept, Part, Upload};
use crate::sums::{Checksum, ETag};
use crate::words::{Epoch, Millis, Name, PartNumber, PutId, UploadId};

/// Entries for which it is kept what an upload became.
const KEPT: u64 = 300_000;
/// No upload has more parts, and no page more items.
const MOST_PARTS: PartNumber = 10_000;
const MOST: u16 = 1_000;

/// An upload, and what it became.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UploadState {
    upload: Upload,
    /// In which it began.
    epoch: Epoch,
    /// The answer to Complete, and the place in the log where it was given.
    done: Option<(Stored, u64)>,
}

/// A part of an upload, and where its bytes are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PartState {
    part: Part,
    extent: Extent,
}

impl UploadState {
    /// Is it under way, since an epoch that is so?
    pub(super) fn is_open_since(&self, is_so: impl Fn(Epoch) -> bool) -> bool {
        self.done.is_none() && is_so(self.epoch)
    }
}

impl PartState {
    /// Where its bytes are.
    pub(super) fn extent(&self) -> &Extent {
        &self.extent
    }

    /// Its put, where its bytes are kept whole.
    pub(super) fn whole(&self) -> Option<PutId> {
        (self.extent.kept == Kept::Whole).then_some(self.extent.put)
    }
}

coded!(UploadState: upload, epoch, done);
coded!(PartState: part, extent);

/// A part as a client lists it: what it was told of it.
type Listed = (PartNumber, ETag, Option<Checksum>);
pub(super) type UploadKey = (Name, Name, UploadId);
pub(super) type PartKey = (Name, Name, UploadId, PartNumber);

impl Catalog {
    pub(super) fn begin_upload(
        &mut self,
        user: &Name,
        (bucket, upload): (Name, Upload),
        pairs: &mut Pairs,
    ) -> Result<Answer, Refusal> {
        self.own(user, &bucket)?;
        let id = upload.id;
        let place = Place::Upload(bucket, upload.key.clone(), id);
        let state = UploadState { upload, epoch: self.epoch, done: None };
        self.set(place, Some(Fact::Upload(Box::new(state))), pairs);
        Ok(Answer::Upload(id))
    }

    /// An upload that is under way.
    fn open(&self, place: &UploadPlace) -> Result<&UploadState, Refusal> {
        let there = self.uploads.get(&key_of(place));
        there.filter(|state| state.done.is_none()).ok_or(Refusal::NoSuchUpload)
    }

    /// The bytes of a put are a part.
    pub(super) fn commit_part(
        &mut self,
        modified: Millis,
        commit: Commit,
        ((put, kept), body): ((PutId, Kept), Option<Bytes>),
        pairs: &mut Pairs,
    ) -> Result<Answer, Refusal> {
        let Commit { place, size, etag, checksum, .. } = commit;
        let (bucket, key) = (place.bucket, place.key);
        let (upload, number) = place.part.ok_or(Refusal::NoSuchUpload)?;
        if !(1..=MOST_PARTS).contains(&number) {
            return Err(Refusal::InvalidPart(number));
        }
        self.open(&UploadPlace { bucket: bucket.clone(), key: key.clone(), upload })?;
        self.remove_part((bucket.clone(), key.clone(), upload, number), pairs);
        if let Some(body) = body {
            self.set(Place::Body(put), Some(Fact::Body(body)), pairs);
        }
        let part = Part { number, size, etag, checksum: checksum.clone(), modified };
        let extent = Extent { put, part: number, length: size, kept };
        let fact = Fact::Part(Box::new(PartState { part, extent }));
        self.set(Place::Part(bucket, key, upload, number), Some(fact), pairs);
        Ok(Answer::Stored(Stored { version: None, etag, checksum }))
    }

    /// Takes a part out, and the bytes that it names.
    fn remove_part(&mut self, key: PartKey, pairs: &mut Pairs) {
        let Some(state) = self.parts.get(&key) else { return };
        if let Some(put) = state.whole() {
            self.set(Place::Body(put), None, pairs);
        }
        let (bucket, key, upload, number) = key;
        self.set(Place::Part(bucket, key, upload, number), None, pairs);
    }

    fn numbers(&self, place: &UploadPlace, after: PartNumber) -> impl Iterator<Item = &PartState> {
        let (bucket, key, upload) = key_of(place);
        let from = Bound::Excluded((bucket.clone(), key.clone(), upload, after));
        let to = Bound::Included((bucket, key, upload, PartNumber::MAX));
        self.parts.range((from, to)).map(|(_, state)| state)
    }

    /// The parts are the object.
    pub(super) fn complete_upload(
        &mut self,
        (at, now): (u64, Millis),
        (place, listed): (UploadPlace, &[Listed]),
        (checksum, conditions): (Option<Checksum>, &Conditions),
        pairs: &mut Pairs,
    ) -> Result<Answer, Refusal> {
        let key = key_of(&place);
        let state = self.uploads.get(&key).ok_or(Refusal::NoSuchUpload)?;
        let is_kept = Mechanism::MultipartFence.on(self.switches);
        if let Some((stored, _)) = state.done.as_ref().filter(|_| is_kept) {
            return Ok(Answer::Stored(stored.clone()));
        }
        let upload = state.upload.clone();
        let parts = self.listed(&place, listed)?;
        let summed = upload.sums.map(|summed| {
            let sums = parts.iter().map(|it| Some((it.part.checksum.as_ref()?, it.part.size)));
            let sums: Option<Vec<_>> = sums.collect();
            sums.and_then(|sums| Checksum::of_parts(summed, &sums))
        });
        let summed = summed.map(|sum| sum.ok_or(Refusal::InvalidPart(1))).transpose()?;
        if checksum.is_some_and(|claimed| summed.as_ref() != Some(&claimed)) {
            return Err(Refusal::BadDigest);
        }
        let current = self.current(&place.bucket, &place.key).map(|row| &**row);
        conditions.judge_change(current)?;
        let etag = ETag::of_parts(parts.iter().map(|it| &it.part.etag));
        let size = parts.iter().map(|it| it.part.size).sum();
        let extents: Vec<Extent> = parts.iter().map(|it| it.extent.clone()).collect();
        // What is the object's now is no part any more; the bytes of all others are nobody's.
        if is_kept {
            for extent in &extents {
                let (bucket, key, upload) = key.clone();
                self.set(Place::Part(bucket, key, upload, extent.part), None, pairs);
            }
            self.remove_parts(&place, pairs);
        }
        let content = Content {
            size,
            etag,
            checksum: summed.clone(),
            headers: upload.headers.clone(),
            extents,
        };
        let object = (place.bucket.clone(), place.key.clone());
        let version = self.add_row((at, now), object, Some(content), pairs);
        let stored = Stored { version, etag, checksum: summed };
        let state = UploadState { upload, epoch: self.epoch, done: Some((stored.clone(), at)) };
        let place = Place::Upload(place.bucket, place.key, place.upload);
        self.set(place, Some(Fact::Upload(Box::new(state))), pairs);
        Ok(Answer::Stored(stored))
    }

    /// The parts that a client listed, if it may.
    fn listed(&self, place: &UploadPlace, listed: &[Listed]) -> Result<Vec<&PartState>, Refusal> {
        let rise = listed.windows(2).all(|pair| pair[0].0 < pair[1].0);
        let last = listed.last().filter(|_| rise).ok_or(Refusal::InvalidPartOrder)?.0;
        let part = |(number, etag, checksum): &Listed| {
            let (bucket, key, upload) = key_of(place);
            let state = self.parts.get(&(bucket, key, upload, *number));
            let same = |state: &&PartState| {
                let claimed = checksum.is_none() || state.part.checksum == *checksum;
                state.part.etag == *etag && claimed
            };
            let state = state.filter(same).ok_or(Refusal::InvalidPart(*number))?;
            match *number != last && state.part.size < self.least_part {
                true => Err(Refusal::EntityTooSmall(*number)),
                false => Ok(state),
            }
        };
        listed.iter().map(part).collect()
    }

    fn remove_parts(&mut self, place: &UploadPlace, pairs: &mut Pairs) {
        let numbers = self.numbers(place, 0).map(|state| state.part.number);
        for number in numbers.collect::<Vec<_>>() {
            let (bucket, key, upload) = key_of(place);
            self.remove_part((bucket, key, upload, number), pairs);
        }
    }

    /// The parts are nothing.
    pub(super) fn abort_upload(
        &mut self,
        place: UploadPlace,
        pairs: &mut Pairs,
    ) -> Result<Answer, Refusal> {
        self.open(&place)?;
        self.remove_upload(place, pairs);
        Ok(Answer::Done)
    }

    pub(super) fn remove_upload(&mut self, place: UploadPlace, pairs: &mut Pairs) {
        self.remove_parts(&place, pairs);
        self.set(Place::Upload(place.bucket, place.key, place.upload), None, pairs);
    }

    /// What uploads became long ago is forgotten.
    pub(super) fn forget_uploads(&mut self, at: u64, pairs: &mut Pairs) {
        while let Some(entry) = self.done.first_entry().filter(|entry| entry.key() + KEPT < at) {
            let (bucket, key, upload) = entry.get().clone();
            self.set(Place::Upload(bucket, key, upload), None, pairs);
        }
    }

    /// A fact about an upload, in memory.
    pub(super) fn keep_upload(&mut self, key: UploadKey, state: Option<UploadState>) {
        let done = |state: &UploadState| state.done.as_ref().map(|(_, at)| *at);
        let before = match state {
            Some(state) => {
                if let Some(at) = done(&state) {
                    self.done.insert(at, key.clone());
                }
                self.uploads.insert(key, state).filter(|before| done(before).is_none())
            }
            None => self.uploads.remove(&key),
        };
        if let Some(at) = before.as_ref().and_then(done) {
            self.done.remove(&at);
        }
    }

    /// Has a bucket uploads under way?
    pub(super) fn has_uploads(&self, bucket: &Name) -> bool {
        let from = (bucket.clone(), Name::from(""), UploadId(0));
        let its = self.uploads.range(from..).take_while(|((of, _, _), _)| of == bucket);
        its.map(|(_, state)| state).any(|state| state.done.is_none())
    }

    /// A page of the parts of an upload.
    pub(super) fn page_of_parts(
        &self,
        place: &UploadPlace,
        after: PartNumber,
        most: u16,
    ) -> Result<Answer, Refusal> {
        let upload = self.open(place)?.upload.clone();
        let most = usize::from(most.min(MOST));
        let mut parts: Vec<Part> =
            self.numbers(place, after).take(most + 1).map(|state| state.part.clone()).collect();
        let more = parts.len() > most;
        parts.truncate(most);
        Ok(Answer::Parts(Box::new(upload), parts, more))
    }

    /// A page of the uploads of a bucket that are under way.
    pub(super) fn page_of_uploads(&self, list: &List) -> Page<UploadItem> {
        let most = usize::from(list.most.min(MOST));
        let (mut items, mut next): (Vec<UploadItem>, Option<Cursor>) = (Vec::new(), None);
        let from = (list.bucket.clone(), list.prefix.clone(), UploadId(0));
        for ((bucket, key, id), state) in self.uploads.range(from..) {
            if *bucket != list.bucket || !key.starts_with(&*list.prefix) {
                break;
            }
            let behind =
                next.as_ref().or(list.after.as_ref()).is_none_or(|it| is_behind(it, key, *id));
            if state.done.is_some() || !behind {
                continue;
            }
            if items.len() == most {
                return Page { items, next };
            }
            next = Some(match super::page::common(list, key) {
                Some(prefix) => {
                    items.push(UploadItem::Prefix(prefix.clone()));
                    Cursor::Prefix(prefix)
                }
                None => {
                    items.push(UploadItem::Upload(state.upload.clone()));
                    Cursor::Upload(key.clone(), *id)
                }
            });
        }
        Page { items, next: None }
    }
}

/// Is an upload of this key behind a cursor?
fn is_behind(cursor: &Cursor, key: &Name, id: UploadId) -> bool {
    match cursor {
        Cursor::Key(after) | Cursor::Version(after, _) => key > after,
        Cursor::Upload(after, last) => (key, id) > (after, *last),
        Cursor::Prefix(prefix) => **key > **prefix && !key.starts_with(&**prefix),
    }
}

fn key_of(place: &UploadPlace) -> UploadKey {
    (place.bucket.clone(), place.key.clone(), place.upload)
}

#[cfg(test)]
mod tests;
