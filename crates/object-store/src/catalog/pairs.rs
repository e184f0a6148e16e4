//! The catalog as pairs of a store: what is applied is a batch of changed pairs, what a boot reads are all pairs, and a
//! snapshot is all pairs one after the other.

use std::cmp::Reverse;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use bitcask::Change;
use bytes::{Buf, Bytes, BytesMut};
use machine::codec::{Coded, Malformed, Reader};
use machine::coded;

use super::uploads::{PartKey, PartState, UploadKey, UploadState};
use super::{Catalog, RowKey};
use crate::row::{Bucket, Kept, Row};
use crate::words::{Epoch, GroupNumber, Name, PartNumber, PutId, UploadId, Version};

/// So long is a piece of a snapshot, and no longer than a pair more.
const PIECE: usize = 256 << 10;

/// Where a fact stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// How far the log was applied.
    Applied,
    /// A bucket.
    Bucket(Name),
    /// A version of a key in a bucket.
    Row(Name, Name, Version),
    /// The bytes of a put that are kept whole.
    Body(PutId),
    /// An upload of a key in a bucket.
    Upload(Name, Name, UploadId),
    /// A part of it.
    Part(Name, Name, UploadId, PartNumber),
    /// The epoch of the group.
    Epoch,
    /// A put that was an object's until this epoch, and may still be read.
    Left(Epoch, PutId),
}

coded!(enum Place {
    0 => Applied,
    1 => Bucket(name),
    2 => Row(bucket, key, version),
    3 => Body(put),
    4 => Upload(bucket, key, upload),
    5 => Part(bucket, key, upload, number),
    6 => Epoch,
    7 => Left(epoch, put),
});

/// What stands there. A place says which of these it can be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fact {
    Applied(u64),
    Bucket(Bucket),
    Row(Arc<Row>),
    Body(Bytes),
    Upload(Box<UploadState>),
    Part(Box<PartState>),
    Epoch(Epoch),
    /// Are the bytes kept whole?
    Left(bool),
}

impl Place {
    /// The place that is the key of a pair, and its group.
    pub(crate) fn parse(key: &Bytes) -> Result<(GroupNumber, Place), Malformed> {
        Reader::whole(key.clone(), <(GroupNumber, Place)>::get)
    }

    /// As the key of a pair.
    pub(crate) fn bytes(&self, group: GroupNumber) -> Bytes {
        let mut bytes = BytesMut::new();
        group.put(&mut bytes);
        self.put(&mut bytes);
        bytes.freeze()
    }

    /// What the value of its pair says.
    pub(crate) fn fact(&self, value: Bytes) -> Result<Fact, Malformed> {
        Ok(match self {
            Place::Applied => Fact::Applied(Reader::whole(value, u64::get)?),
            Place::Bucket(_) => Fact::Bucket(Reader::whole(value, Bucket::get)?),
            Place::Row(..) => Fact::Row(Arc::new(Reader::whole(value, Row::get)?)),
            Place::Body(_) => Fact::Body(value),
            Place::Upload(..) => Fact::Upload(Box::new(Reader::whole(value, UploadState::get)?)),
            Place::Part(..) => Fact::Part(Box::new(Reader::whole(value, PartState::get)?)),
            Place::Epoch => Fact::Epoch(Reader::whole(value, Epoch::get)?),
            Place::Left(..) => Fact::Left(Reader::whole(value, bool::get)?),
        })
    }
}

impl Fact {
    fn bytes(&self) -> Bytes {
        let mut bytes = BytesMut::new();
        match self {
            Fact::Applied(at) => at.put(&mut bytes),
            Fact::Bucket(bucket) => bucket.put(&mut bytes),
            Fact::Row(row) => row.put(&mut bytes),
            Fact::Body(body) => return body.clone(),
            Fact::Upload(state) => state.put(&mut bytes),
            Fact::Part(state) => state.put(&mut bytes),
            Fact::Epoch(epoch) => epoch.put(&mut bytes),
            Fact::Left(is_whole) => is_whole.put(&mut bytes),
        }
        bytes.freeze()
    }
}

/// Pairs that change together.
#[derive(Clone, Debug)]
pub(crate) struct Pairs {
    group: GroupNumber,
    pub(crate) changes: Vec<Change>,
    /// Bodies among them.
    pub(crate) bodies: Vec<(PutId, Bytes)>,
}

impl Pairs {
    pub(crate) fn new(group: GroupNumber) -> Pairs {
        Pairs { group, changes: Vec::new(), bodies: Vec::new() }
    }

    pub(super) fn set(&mut self, place: &Place, fact: Option<&Fact>) {
        if let (Place::Body(put), Some(Fact::Body(body))) = (place, fact) {
            self.bodies.push((*put, body.clone()));
        }
        self.changes.push((place.bytes(self.group), fact.map(Fact::bytes)));
    }

    /// The log was applied so far.
    pub(super) fn applied(&mut self, at: u64) {
        self.set(&Place::Applied, Some(&Fact::Applied(at)));
    }
}

/// A catalog as it was at one moment, to be given in pieces.
#[derive(Clone, Debug)]
pub(crate) struct Frozen {
    group: GroupNumber,
    applied: Option<u64>,
    buckets: BTreeMap<Name, Bucket>,
    rows: BTreeMap<RowKey, Arc<Row>>,
    uploads: BTreeMap<UploadKey, UploadState>,
    parts: BTreeMap<PartKey, PartState>,
    epoch: Option<Epoch>,
    left: BTreeMap<(Epoch, PutId), bool>,
    /// Bodies that are to be read, of the rows that were given.
    bodies: VecDeque<PutId>,
    /// The one that was asked for.
    reading: Option<PutId>,
    piece: BytesMut,
}

/// What comes next of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// It is full, or, as the flag says, the last.
    Piece(Bytes, bool),
    /// The bytes of this put; then [`Frozen::body`].
    Body(PutId),
}

impl Catalog {
    /// The catalog as it is, after this place of the log.
    pub(crate) fn freeze(&self, group: GroupNumber, applied: u64) -> Frozen {
        Frozen {
            group,
            applied: Some(applied),
            buckets: self.buckets.clone(),
            rows: self.rows.clone(),
            uploads: self.uploads.clone(),
            parts: self.parts.clone(),
            epoch: Some(self.epoch).filter(|epoch| *epoch > 0),
            left: self.left.clone(),
            bodies: VecDeque::new(),
            reading: None,
            piece: BytesMut::new(),
        }
    }

    /// Where there are facts, but for what was applied.
    pub(crate) fn places(&self) -> Vec<Place> {
        let mut places: Vec<_> = self.buckets.keys().cloned().map(Place::Bucket).collect();
        for ((bucket, key, Reverse(version)), row) in &self.rows {
            places.push(Place::Row(bucket.clone(), key.clone(), *version));
            places.extend(whole(row).map(Place::Body));
        }
        for (bucket, key, upload) in self.uploads.keys() {
            places.push(Place::Upload(bucket.clone(), key.clone(), *upload));
        }
        for ((bucket, key, upload, number), state) in &self.parts {
            places.push(Place::Part(bucket.clone(), key.clone(), *upload, *number));
            places.extend(state.whole().map(Place::Body));
        }
        for (&(epoch, put), &is_whole) in &self.left {
            places.push(Place::Left(epoch, put));
            places.extend(is_whole.then_some(Place::Body(put)));
        }
        places.push(Place::Epoch);
        places
    }
}

impl Frozen {
    /// Goes on with the piece.
    pub(crate) fn next(&mut self) -> Next {
        while self.piece.len() < PIECE {
            if let Some(put) = self.bodies.pop_front() {
                self.reading = Some(put);
                return Next::Body(put);
            } else if let Some((name, bucket)) = self.buckets.pop_first() {
                self.add(&Place::Bucket(name), &Fact::Bucket(bucket));
            } else if let Some(((bucket, key, Reverse(version)), row)) = self.rows.pop_first() {
                self.bodies.extend(whole(&row));
                self.add(&Place::Row(bucket, key, version), &Fact::Row(row));
            } else if let Some(((bucket, key, id), state)) = self.uploads.pop_first() {
                self.add(&Place::Upload(bucket, key, id), &Fact::Upload(Box::new(state)));
            } else if let Some(((bucket, key, id, number), state)) = self.parts.pop_first() {
                self.bodies.extend(state.whole());
                self.add(&Place::Part(bucket, key, id, number), &Fact::Part(Box::new(state)));
            } else if let Some(((epoch, put), is_whole)) = self.left.pop_first() {
                self.bodies.extend(is_whole.then_some(put));
                self.add(&Place::Left(epoch, put), &Fact::Left(is_whole));
            } else if let Some(epoch) = self.epoch.take() {
                self.add(&Place::Epoch, &Fact::Epoch(epoch));
            } else if let Some(applied) = self.applied.take() {
                self.add(&Place::Applied, &Fact::Applied(applied));
            } else {
                return Next::Piece(self.piece.split().freeze(), true);
            }
        }
        Next::Piece(self.piece.split().freeze(), false)
    }

    /// The bytes of the put that was asked for; none where it was overwritten since, and the log behind the snapshot says so.
    pub(crate) fn body(&mut self, body: Option<Bytes>) {
        if let (Some(put), Some(body)) = (self.reading.take(), body) {
            self.add(&Place::Body(put), &Fact::Body(body));
        }
    }

    fn add(&mut self, place: &Place, fact: &Fact) {
        place.bytes(self.group).put(&mut self.piece);
        fact.bytes().put(&mut self.piece);
    }
}

/// Takes all whole pairs off the front of what has come of a snapshot.
pub(crate) fn take_pairs(bytes: &mut BytesMut) -> Vec<(Bytes, Bytes)> {
    let mut pairs = Vec::new();
    let mut reader = Reader::new(&bytes[..]);
    let mut taken = 0;
    while let Ok(pair) = <(Bytes, Bytes)>::get(&mut reader) {
        pairs.push(pair);
        taken = bytes.len() - reader.left();
    }
    bytes.advance(taken);
    pairs
}

/// The puts of a row whose bytes are kept whole.
pub(super) fn whole(row: &Row) -> impl Iterator<Item = PutId> + '_ {
    let extents = row.content.iter().flat_map(|content| &content.extents);
    extents.filter(|extent| extent.kept == Kept::Whole).map(|extent| extent.put)
}
