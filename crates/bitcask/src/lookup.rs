//! Looking up: the value under one key, which is one read.

use bytes::{Buf, Bytes};
use machine::{DiskAnswer, DiskCommand, DiskResult, Embeds, Outputs};

use crate::entry::Entry;
use crate::index::{KeyHash, Location};
use crate::log::Log;
use crate::segment::segment_name;
use crate::{Event, Store, StoreOp};

/// A read that is on its way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ReadStep {
    ticket: u64,
    key: Bytes,
    location: Location,
}

impl ReadStep {
    pub(crate) fn segment(&self) -> u32 {
        self.location.segment
    }
}

/// Begins with a read, or, where the index has no such key, ends with nothing.
pub(crate) fn start<P: Embeds<Store>>(
    log: &Log,
    key: Bytes,
    ticket: u64,
    out: &mut Outputs<P>,
) -> Option<Event> {
    let Some(location) = log.index.get(&KeyHash::of(&key)) else {
        return Some(Event::Found(ticket, None));
    };
    let Location { segment, offset, length } = location;
    let file = segment_name(segment);
    let read = DiskCommand::Read { file, offset: offset.into(), length: length.into() };
    out.disk(read, P::op(StoreOp::Read(ReadStep { ticket, key, location })));
    None
}

/// The same key once more, wherever its value is now.
pub(crate) fn again<P: Embeds<Store>>(
    log: &Log,
    step: ReadStep,
    out: &mut Outputs<P>,
) -> Option<Event> {
    start(log, step.key, step.ticket, out)
}

/// It was read.
pub(crate) fn ended<P: Embeds<Store>>(
    log: &Log,
    step: &ReadStep,
    result: DiskResult,
    checks: bool,
    out: &mut Outputs<P>,
) -> Option<Event> {
    let ReadStep { ticket, key, location } = step;
    if let Ok(DiskAnswer::Bytes(bytes)) = result
        && let Some(value) = value_of(key, bytes, checks)
    {
        return Some(Event::Found(*ticket, Some(value)));
    }
    match log.index.get(&KeyHash::of(key)) {
        Some(now) if now == *location => Some(Event::Rotten(*ticket)),
        // It was compacted, changed or removed meanwhile.
        _ => again(log, step.clone(), out),
    }
}

/// Reads the value from these bytes, if they are the entry of this key and sound.
fn value_of(key: &[u8], mut bytes: Bytes, checked: bool) -> Option<Bytes> {
    let entry = if checked { Entry::take(&bytes) } else { Entry::parse(&bytes) };
    let entry = entry.filter(|entry| entry.key == key)?;
    let (end, length) = (entry.length(), entry.value?.len());
    // Unlike a slice of them this takes no memory for a count of references.
    bytes.advance(end - length);
    bytes.truncate(length);
    Some(bytes)
}
