//! How the bits of an id are shared out, as data.
//!
//! Twitter's announcement of 2010 set the pattern: a timestamp on top so that ids sort by time, then
//! who minted it, then a number within the tick. What others changed is widths, order, epoch and the
//! length of a tick, so one type describes them all.

mod decoded;
mod known;
mod spec;

use std::borrow::Cow;
use std::time::Duration;

use machine::{Wall, nanos};
use serde::{Deserialize, Serialize};

use crate::error::{LayoutError, OutOfYears, TooLarge};
use crate::id::Id;

pub use decoded::Decoded;
pub(crate) use decoded::rfc3339;

pub(crate) const TIMESTAMP: &str = "timestamp";
pub(crate) const SEQUENCE: &str = "sequence";

/// A run of bits with a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    name: Cow<'static, str>,
    bits: u32,
    shift: u32,
}

impl Field {
    /// What it is called: `timestamp`, `sequence`, or a part of the worker.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How wide it is.
    pub fn bits(&self) -> u32 {
        self.bits
    }

    /// How many bits are below it.
    pub fn shift(&self) -> u32 {
        self.shift
    }

    /// The largest number that fits.
    pub fn max(&self) -> u64 {
        u64::MAX >> (64 - self.bits)
    }

    /// Its number in an id.
    pub fn read(&self, id: Id) -> u64 {
        id.0 >> self.shift & self.max()
    }

    fn check(&self, what: &'static str, value: u64) -> Result<u64, TooLarge> {
        if value > self.max() {
            return Err(TooLarge { what, value, max: self.max() });
        }
        Ok(value << self.shift)
    }
}

/// A way to share out the bits of an id.
///
/// The law: the fields fill the low bits without a gap, from the most significant in the order of the
/// list. There is one timestamp and, somewhere below it, one sequence, so the ids of a worker go up.
/// Every other field is a part of the worker's number, the first the most significant; a layout may
/// have none, and its only worker is 0. Bits above the fields are 0 in every id. Two are equal that give
/// every id the same meaning, whatever they are called.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Layout {
    name: Cow<'static, str>,
    epoch: Wall,
    tick: u64,
    fields: Vec<Field>,
    timestamp: usize,
    sequence: usize,
}

impl PartialEq for Layout {
    fn eq(&self, other: &Layout) -> bool {
        (self.epoch, self.tick, &self.fields) == (other.epoch, other.tick, &other.fields)
    }
}

impl Eq for Layout {}

impl Layout {
    /// A layout of one's own: when timestamp 0 was, to the millisecond, the time from one timestamp to
    /// the next, and the names and widths of the fields.
    pub fn new(
        name: impl Into<Cow<'static, str>>,
        epoch: Wall,
        tick: Duration,
        fields: impl IntoIterator<Item = (impl Into<Cow<'static, str>>, u32)>,
    ) -> Result<Layout, LayoutError> {
        let fields: Vec<_> = fields.into_iter().map(|(name, bits)| (name.into(), bits)).collect();
        let fields = placed(fields)?;
        let position = |name: &'static str| {
            let found = fields.iter().position(|field| field.name == name);
            found.ok_or(LayoutError::Missing { name })
        };
        let (timestamp, sequence) = (position(TIMESTAMP)?, position(SEQUENCE)?);
        if sequence < timestamp {
            return Err(LayoutError::SequenceFirst);
        }
        if tick.is_zero() {
            return Err(LayoutError::BadTick { value: "0".to_owned() });
        }
        let (name, epoch) = (name.into(), Wall::from_millis(epoch.millis()));
        let layout = Layout { name, epoch, tick: nanos(tick), fields, timestamp, sequence };
        if layout.millis_of(layout.max_timestamp()) > 1 << 53 {
            return Err(LayoutError::EndsTooLate);
        }
        Ok(layout)
    }

    /// What it is called; `custom` where it was given as a specification.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// When timestamp 0 was.
    pub fn epoch(&self) -> Wall {
        self.epoch
    }

    /// The time from one timestamp to the next.
    pub fn tick(&self) -> Duration {
        Duration::from_nanos(self.tick)
    }

    /// The fields, from the most significant.
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// How many bits of an id are used: 63 where the sign bit of a signed integer stays free.
    pub fn bits(&self) -> u32 {
        self.fields.iter().map(|field| field.bits).sum()
    }

    /// The last timestamp, in ticks.
    pub fn max_timestamp(&self) -> u64 {
        self.timestamp_field().max()
    }

    /// The largest worker number; 0 where there is only one worker.
    pub fn max_worker(&self) -> u64 {
        let bits: u32 = self.worker_fields().map(|field| field.bits).sum();
        u64::MAX.checked_shr(64 - bits).unwrap_or(0)
    }

    /// The largest sequence number: one less than the ids of one worker in one tick.
    pub fn max_sequence(&self) -> u64 {
        self.sequence_field().max()
    }

    /// Are there timestamps for this time?
    ///
    /// # Errors
    /// If the layout has not begun by then, or has ended: whoever mints with it then mints nothing.
    pub fn has_room_at(&self, now: Wall) -> Result<(), OutOfYears> {
        let (begins, ends) = (self.epoch, self.millis_of(self.max_timestamp() + 1));
        let ended = u128::from(now.millis()) >= ends;
        if now >= begins && !ended {
            return Ok(());
        }
        // `Layout::new` saw to it that the last timestamp fits.
        Err(OutOfYears { layout: self.to_string(), begins, ends_ms: ends as u64, now })
    }

    /// Packs an id. The timestamp is in ticks since the epoch.
    pub fn encode(&self, timestamp: u64, worker: u64, sequence: u64) -> Result<Id, TooLarge> {
        let timestamp = self.timestamp_field().check(TIMESTAMP, timestamp)?;
        let sequence = self.sequence_field().check(SEQUENCE, sequence)?;
        Ok(Id(timestamp | self.place_worker(worker)? | sequence))
    }

    /// The timestamp of an id, in ticks since the epoch.
    pub fn timestamp(&self, id: Id) -> u64 {
        self.timestamp_field().read(id)
    }

    /// The worker number of an id.
    pub fn worker(&self, id: Id) -> u64 {
        self.worker_fields().fold(0, |worker, field| worker << field.bits | field.read(id))
    }

    /// The sequence number of an id.
    pub fn sequence(&self, id: Id) -> u64 {
        self.sequence_field().read(id)
    }

    /// One field of an id by its name.
    pub fn field(&self, id: Id, name: &str) -> Option<u64> {
        self.fields.iter().find(|field| field.name == name).map(|field| field.read(id))
    }

    /// When the tick of an id began. Times after 2554, where the clock ends, count as its end.
    pub fn time(&self, id: Id) -> Wall {
        let since = self.timestamp(id).saturating_mul(self.tick);
        Wall(self.epoch.0.saturating_add(since))
    }

    pub(crate) fn timestamp_field(&self) -> &Field {
        &self.fields[self.timestamp]
    }

    pub(crate) fn sequence_field(&self) -> &Field {
        &self.fields[self.sequence]
    }

    /// The bits of an id that say which worker minted it.
    pub(crate) fn place_worker(&self, worker: u64) -> Result<u64, TooLarge> {
        if worker > self.max_worker() {
            return Err(TooLarge { what: "worker", value: worker, max: self.max_worker() });
        }
        let parts = self.fields.iter().enumerate().rev().filter(|(at, _)| self.is_worker(*at));
        let (bits, _) = parts.fold((0, worker), |(bits, rest), (_, field)| {
            (bits | (rest & field.max()) << field.shift, rest >> field.bits)
        });
        Ok(bits)
    }

    fn worker_fields(&self) -> impl Iterator<Item = &Field> {
        self.fields.iter().enumerate().filter(|(at, _)| self.is_worker(*at)).map(|(_, field)| field)
    }

    fn is_worker(&self, at: usize) -> bool {
        at != self.timestamp && at != self.sequence
    }

    /// Milliseconds from 1970 to a tick; wider than [`Wall`], which ends in 2554.
    fn millis_of(&self, timestamp: u64) -> u128 {
        (u128::from(self.epoch.0) + u128::from(timestamp) * u128::from(self.tick)) / 1_000_000
    }
}

/// Checks names and widths, and gives each field its place.
fn placed(fields: Vec<(Cow<'static, str>, u32)>) -> Result<Vec<Field>, LayoutError> {
    let bits: u64 = fields.iter().map(|(_, bits)| u64::from(*bits)).sum();
    if bits > 64 {
        return Err(LayoutError::TooManyBits { bits });
    }
    let mut shift = bits as u32;
    let mut done: Vec<Field> = Vec::with_capacity(fields.len());
    for (name, bits) in fields {
        let lawful = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
        if name.is_empty() || !name.bytes().all(lawful) {
            return Err(LayoutError::BadName { name: name.into_owned() });
        }
        if bits == 0 {
            return Err(LayoutError::ZeroWidth { name: name.into_owned() });
        }
        if done.iter().any(|field| field.name == name) {
            return Err(LayoutError::Repeated { name: name.into_owned() });
        }
        shift -= bits;
        done.push(Field { name, bits, shift });
    }
    Ok(done)
}
