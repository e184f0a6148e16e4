//! Writing: each batch is a frame that is appended, and those that wait together leave in one write and share its
//! sync (group commit, [`journal::Appender`]).

use bytes::{Bytes, BytesMut};
use journal::{Appender, Parsed, Place, Until};

use crate::entry::{self, Entry};
use crate::frame::{self, At};
use crate::index::KeyHash;
use crate::segment::{HEADER, Header, Known};

/// Puts (`Some`) and removes (`None`).
pub(crate) type Batch = Vec<(Bytes, Option<Bytes>)>;
/// The files of a store.
pub(crate) type Segments = Appender<Format, Held>;

/// The family of segments on a disk, and how their names begin.
pub(crate) const FAMILY: (u32, &str) = (2, "segment");

/// What is held until it is durable.
#[derive(Clone, Debug)]
pub(crate) enum Held {
    Batch(Commit),
    /// All before it is to be durable.
    Sync(u64),
    /// A compacted segment is in its place.
    Compacted,
}

/// A batch that was appended.
#[derive(Clone, Debug)]
pub(crate) struct Commit {
    pub(crate) ticket: u64,
    /// Where its segment begins with it.
    pub(crate) begins: Option<Header>,
    /// Where its frame begins.
    pub(crate) offset: u32,
    /// The number of its first entry.
    pub(crate) first: u64,
    pub(crate) known: Vec<Known>,
}

/// Knows a segment's header, and frames.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Format;

impl journal::Format for Format {
    fn parse(&self, at: Place, bytes: &[u8]) -> Parsed {
        let there = at_of(at);
        if at.offset == 0 {
            return match bytes.len() < HEADER as usize {
                true => Parsed::Short(HEADER as usize),
                false => Header::parse(bytes, there.segment)
                    .map_or(Parsed::Unsound, |_| Parsed::Frame(HEADER as usize)),
            };
        }
        match frame::parse(bytes, there) {
            frame::Parsed::Frame(frame) => Parsed::Frame(frame.length()),
            frame::Parsed::Short(needed) => Parsed::Short(needed),
            frame::Parsed::Unsound => Parsed::Unsound,
        }
    }

    fn proves(&self, at: Place, tail: &[u8]) -> bool {
        frame::was_synced(tail, at_of(at))
    }
}

/// Segments are counted, and measured, in 32 bits.
pub(crate) fn at_of(Place { file, offset }: Place) -> At {
    At { segment: file as u32, offset: offset as u32 }
}

/// The bytes of a batch as a frame; `None` where that is more than any may have.
pub(crate) fn length(batch: &Batch) -> Option<usize> {
    let bytes = |(key, value): &(Bytes, Option<Bytes>)| {
        entry::OVERHEAD + key.len() + value.as_ref().map_or(0, Bytes::len)
    };
    let length = frame::OVERHEAD + batch.iter().map(bytes).sum::<usize>();
    let short = batch.iter().all(|(key, _)| key.len() <= usize::from(u16::MAX));
    (short && length <= frame::LONGEST).then_some(length)
}

/// What is appended next.
#[derive(Clone, Debug)]
pub(crate) struct Writer {
    /// A segment is sealed when it is so long.
    segment: u32,
    /// The number of the next entry.
    pub(crate) next: u64,
}

impl Writer {
    pub(crate) fn new(segment: u32) -> Writer {
        Writer { segment, next: 1 }
    }

    /// Appends a batch behind all others.
    pub(crate) fn append(
        &mut self,
        batch: &Batch,
        (ticket, until): (u64, Until),
        segments: &mut Segments,
    ) {
        if segments.end().offset >= self.segment.into() {
            segments.roll();
        }
        let end = segments.end();
        let At { segment, offset: start } = at_of(end);
        let begins = (start == 0).then(|| Header::new(segment, self.next));
        let length = HEADER as usize + length(batch).unwrap_or_default();
        let mut bytes = BytesMut::with_capacity(length);
        begins.iter().for_each(|header| bytes.extend_from_slice(&header.bytes()));
        let synced = segments.synced();
        let synced = if synced.file == end.file { synced.offset as u32 } else { 0 };
        let at = At { segment, offset: start + bytes.len() as u32 };
        let opened = frame::open(&mut bytes, at, synced, self.next);
        let mut known = Vec::with_capacity(batch.len());
        for (number, (key, value)) in batch.iter().enumerate() {
            let offset = start + bytes.len() as u32;
            let entry = Entry { number: number as u32, key, value: value.as_deref() };
            entry.put(&mut bytes);
            let (length, removed) = (entry.length() as u32, value.is_none());
            known.push(Known { key: KeyHash::of(key), offset, length, removed });
        }
        opened.close(&mut bytes);
        let commit = Commit { ticket, begins, offset: at.offset, first: self.next, known };
        self.next += batch.len() as u64;
        segments.append(bytes, Some((Held::Batch(commit), until)));
    }
}
