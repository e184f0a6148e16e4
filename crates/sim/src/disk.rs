//! A disk that fails as disks do.
//!
//! Survivable, if the machine does its part: what was not synced is lost, in any subset, or torn
//! in the middle of a write, at a power loss; the disk is full, slow, hangs, or fails an operation. Found,
//! if the machine keeps checksums: bytes rot, a write lands in the wrong place, a sector cannot be read. Found,
//! if it remembers what it had: a file is shorter or gone when the node comes back. After a failed sync
//! the page cache and the device disagree, and a later sync does not mend it (fsyncgate): only a
//! restart shows what is there.
//!
//! What is drawn for a file comes from a stream of its name, so that one more file shifts no other's draws.

mod change;
mod device;
mod file;
mod harm;
mod in_flight;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

use bytes::Bytes;
use machine::{DiskAnswer, DiskCommand, DiskError, DiskId, DiskResult, FileName, Random, Time};
use rand::Rng;

pub(crate) use self::device::Span;
use self::device::{Device, Kind, Line};
use self::file::{File, SECTOR, coin};
pub(crate) use self::in_flight::{Flight, InFlight};
use crate::chunks::Chunks;
use crate::fault::FaultKind;
use crate::random::{Draw, DrawStream, Purpose, stream};
pub use change::{FileChange, Unsynced};

/// A file ends here; a simulated disk lives in memory.
const LONGEST_FILE: u64 = 1 << 30;

/// What is wrong with a disk at the moment; by default nothing is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DiskFaults {
    /// Every operation takes so many times as long; with 0 none ends.
    pub(crate) times: u32,
    /// How many bytes there is space for.
    pub(crate) capacity: Option<u64>,
    /// Operations that fail, in a million.
    pub(crate) failing_ppm: u32,
    /// Writes that land elsewhere in their file, in a million, and how the names of the files begin.
    pub(crate) misdirected: Vec<(u32, Option<String>)>,
}

impl DiskFaults {
    pub(crate) const NONE: DiskFaults =
        DiskFaults { times: 1, capacity: None, failing_ppm: 0, misdirected: Vec::new() };
}

/// How an operation ended, and the fault that it met.
#[derive(Clone, Debug)]
pub(crate) struct Ended {
    pub(crate) result: DiskResult,
    pub(crate) met: Option<FaultKind>,
}

/// What belongs to a name, whether there is a file of it or not.
#[derive(Clone, Debug)]
struct Place {
    name: FileName,
    file: Option<Arc<File>>,
    line: Line,
    draws: DrawStream,
}

#[derive(Clone, Debug)]
pub(crate) struct Disk {
    pub(crate) id: DiskId,
    /// Nobody has used it yet.
    pub(crate) is_new: bool,
    pub(crate) faults: DiskFaults,
    /// By name, every name that was ever asked for.
    numbers: BTreeMap<FileName, u32>,
    places: Vec<Place>,
    changes: Chunks<(u32, FileChange)>,
    device: Device,
    random: Random,
    /// Of which the files' streams are made.
    seed: u64,
    node: u32,
}

impl Disk {
    pub(crate) fn new(seed: u64, node: u32) -> Self {
        let mut random = stream(seed, Purpose::Disk, node);
        Disk {
            id: DiskId(random.next_u64()),
            is_new: true,
            faults: DiskFaults::NONE,
            numbers: BTreeMap::new(),
            places: Vec::new(),
            changes: Chunks::default(),
            device: Device::NEW,
            random,
            seed,
            node,
        }
    }

    /// A new disk in the place of this one.
    pub(crate) fn replaced(&mut self) {
        for number in 0..self.places.len() as u32 {
            self.lose(number);
        }
        self.id = DiskId(self.random.next_u64());
        self.is_new = true;
    }

    /// Puts a file on a new disk.
    pub(crate) fn put(&mut self, name: FileName, bytes: Bytes) {
        let number = self.number(&name);
        let place = &mut self.places[number as usize];
        place.line.forget(bytes.len() as u64, 0);
        place.file = Some(Arc::new(File::of(bytes)));
        self.changed(number, FileChange::Synced);
    }

    /// The place of a file, and when the operation is carried out and ends.
    pub(crate) fn ask(&mut self, now: Time, command: &DiskCommand) -> (u32, Span) {
        // A list stands in line with nothing: it is the folder's, which has no name.
        let number = self.number(command.file().unwrap_or(const { &FileName::Borrowed("") }));
        // What is refused moves no bytes, then or with the next sync.
        let refused = !self.has_space(number, self.needs(number, command));
        let Place { line, draws, .. } = &mut self.places[number as usize];
        (number, self.device.ends(now, command, line, draws, refused))
    }

    /// When the world reaches a time of the device; never, while it hangs.
    pub(crate) fn world_time(&self, ends: u64) -> Option<Time> {
        self.device.world_time(ends)
    }

    /// What is wrong from now on; true where operations in flight end at another time than they did.
    pub(crate) fn set_faults(&mut self, now: Time, faults: DiskFaults) -> bool {
        let paced = faults.times != self.faults.times;
        if paced {
            self.device.set_pace(now, faults.times);
        }
        self.faults = faults;
        paced
    }

    /// Carries an operation out.
    pub(crate) fn perform(&mut self, number: u32, command: DiskCommand) -> Ended {
        let failing = self.faults.failing_ppm;
        if Draw(self.draws(number).draw()).happens(failing) {
            self.fail(number, command);
            return Ended::met(FaultKind::FailingDisk, DiskError::Failed);
        }
        let (needs, rotten) = (self.needs(number, &command), self.is_rotten(number, &command));
        let mut misdirected = false;
        let result = match command {
            DiskCommand::Write { offset, parts, .. } => {
                let bytes = parts.joined();
                let lands = self.lands(number, offset);
                misdirected = lands != offset;
                let end = lands.saturating_add(bytes.len() as u64);
                if !self.has_space(number, end) || end > LONGEST_FILE {
                    self.places[number as usize].line.refuse(bytes.len() as u64);
                    return Ended::met(FaultKind::FullDisk, DiskError::Full);
                }
                self.file(number).write(lands, bytes);
                Ok(DiskAnswer::Done)
            }
            DiskCommand::Replace { parts, .. } => {
                if !self.has_space(number, needs) {
                    return Ended::met(FaultKind::FullDisk, DiskError::Full);
                }
                self.places[number as usize].file = Some(Arc::new(File::of(parts.joined())));
                self.changed(number, FileChange::Written);
                Ok(DiskAnswer::Done)
            }
            DiskCommand::Allocate { length, .. } => {
                if !self.has_space(number, needs) || length > LONGEST_FILE {
                    return Ended::met(FaultKind::FullDisk, DiskError::Full);
                }
                self.file(number).allocate(length);
                Ok(DiskAnswer::Done)
            }
            DiskCommand::List { prefix } => Ok(DiskAnswer::Names(self.list(&prefix))),
            command => self.perform_on_file(number, &command),
        };
        let bad = result == Err(DiskError::Failed);
        let met = bad.then_some(FaultKind::BadSector).or(rotten.then_some(FaultKind::BitRot));
        Ended { result, met: met.or(misdirected.then_some(FaultKind::MisdirectedWrite)) }
    }

    /// Does it read what has rotted?
    fn is_rotten(&self, number: u32, command: &DiskCommand) -> bool {
        let DiskCommand::Read { offset, length, .. } = command else { return false };
        let file = self.places[number as usize].file.as_ref();
        file.is_some_and(|file| file.is_rotten(*offset, *length))
    }

    fn perform_on_file(&mut self, number: u32, command: &DiskCommand) -> DiskResult {
        let place = &mut self.places[number as usize];
        let file = place.file.as_mut().ok_or(DiskError::NotFound)?;
        match command {
            DiskCommand::Read { offset, length, .. } => {
                let bytes = file.read(*offset, *length).ok_or(DiskError::Failed)?;
                return Ok(DiskAnswer::Bytes(bytes));
            }
            DiskCommand::Length { .. } => return Ok(DiskAnswer::Length(file.len())),
            DiskCommand::Sync { .. } => {
                if !file.is_clean() {
                    Arc::make_mut(file).sync();
                }
                self.places[number as usize].line.synced();
                self.changed(number, FileChange::Synced);
            }
            DiskCommand::Truncate { length, .. } => self.file(number).truncate(*length),
            _ => {
                place.file = None;
                self.changed(number, FileChange::Deleted);
            }
        }
        Ok(DiskAnswer::Done)
    }

    /// The machine crashed while these operations were on their way, in the order in which they were asked for.
    pub(crate) fn crash<O>(&mut self, now: Time, in_flight: Vec<Flight<O>>, unsynced: Unsynced) {
        // Of each file some of the first got through; nobody is left to hear how they ended. A replacement
        // happened whole or not at all.
        let mut over = BTreeSet::new();
        for Flight { place, command, carried_out, .. } in in_flight {
            let has_effect = carried_out.is_none() && Kind::of(&command) != Kind::Look;
            if !has_effect || over.contains(&place) {
                continue;
            }
            if coin(self.draws(place)) {
                let _ = self.perform(place, *command);
            } else {
                over.insert(place);
            }
        }
        for number in 0..self.places.len() as u32 {
            if unsynced != Unsynced::Kept {
                self.lose_power(number, unsynced == Unsynced::Torn);
            }
            let Place { file, line, .. } = &mut self.places[number as usize];
            let (length, dirty) =
                file.as_ref().map_or((0, 0), |file| (file.len(), file.dirty_bytes()));
            line.forget(length, dirty);
        }
        self.device.forget(now);
    }

    fn lose_power(&mut self, number: u32, torn: bool) {
        let Place { file, draws, .. } = &mut self.places[number as usize];
        let Some(there) = file.as_mut().filter(|file| !file.is_clean()) else { return };
        let there = Arc::make_mut(there);
        there.lose_power(torn, draws);
        if !there.is_linked() {
            *file = None;
        }
        self.changed(number, FileChange::Lost);
    }

    /// How many bytes its files take.
    pub(crate) fn used(&self) -> u64 {
        self.places.iter().filter_map(|place| place.file.as_ref()).map(|file| file.space()).sum()
    }

    /// What a machine would read of a file now.
    pub(crate) fn content(&self, name: &str) -> Option<Bytes> {
        let number = *self.numbers.get(name)?;
        let file = self.places[number as usize].file.as_ref()?;
        file.read(0, file.len())
    }

    /// How often its files have changed.
    pub(crate) fn changes(&self) -> u64 {
        self.changes.len() as u64
    }

    /// What changed after so many changes.
    pub(crate) fn changed_since(&self, since: u64) -> impl Iterator<Item = (&str, FileChange)> {
        let changes = self.changes.since(since as usize);
        changes.map(|&(number, change)| (&*self.places[number as usize].name, change))
    }

    /// The disk as it was at a snapshot comes back. What is wrong with the device stays, and what has
    /// changed since is a change once more.
    pub(crate) fn resume(&mut self, now: Time, mut snapshot: Disk) {
        snapshot.faults = self.faults.clone();
        snapshot.device.resume(now, self.faults.times);
        snapshot.changes = std::mem::take(&mut self.changes);
        for (number, place) in self.places.iter().enumerate() {
            let was = match snapshot.places.get(number) {
                Some(was) => was.file.as_ref(),
                None => {
                    snapshot.number(&place.name);
                    None
                }
            };
            let change = match (was, &place.file) {
                (None, None) => continue,
                (Some(was), Some(is)) if Arc::ptr_eq(was, is) => continue,
                (None, Some(_)) => FileChange::Lost,
                (Some(_), _) => FileChange::Written,
            };
            snapshot.changes.push((number as u32, change));
        }
        *self = snapshot;
    }

    /// As it is now, with a device whose time stands.
    pub(crate) fn snapshot(&self, now: Time) -> Disk {
        let mut snapshot = self.clone();
        snapshot.device.set_pace(now, 0);
        snapshot
    }

    /// The number of a name's place, which it keeps.
    fn number(&mut self, name: &FileName) -> u32 {
        if let Some(&number) = self.numbers.get(name) {
            return number;
        }
        let number = self.places.len() as u32;
        let draws = DrawStream::named(self.seed, Purpose::Disk, self.node, name);
        self.numbers.insert(name.clone(), number);
        self.places.push(Place { name: name.clone(), file: None, line: Line::default(), draws });
        number
    }

    /// The file at a place, made as needed, to change it.
    fn file(&mut self, number: u32) -> &mut File {
        self.changes.push((number, FileChange::Written));
        self.file_of(number)
    }

    fn file_of(&mut self, number: u32) -> &mut File {
        Arc::make_mut(self.places[number as usize].file.get_or_insert_default())
    }

    fn draws(&mut self, number: u32) -> &mut DrawStream {
        &mut self.places[number as usize].draws
    }

    fn lose(&mut self, number: u32) {
        if self.places[number as usize].file.take().is_some() {
            self.changed(number, FileChange::Lost);
        }
    }

    fn changed(&mut self, number: u32, change: FileChange) {
        self.changes.push((number, change));
    }

    /// For a file how long an operation needs space.
    fn needs(&self, number: u32, command: &DiskCommand) -> u64 {
        match command {
            DiskCommand::Write { offset, parts, .. } => offset.saturating_add(parts.len() as u64),
            DiskCommand::Allocate { length, .. } => *length,
            // The old content is there until the new one is.
            DiskCommand::Replace { parts, .. } => {
                let held =
                    self.places[number as usize].file.as_ref().map_or(0, |file| file.space());
                held + parts.len() as u64
            }
            _ => 0,
        }
    }

    /// Is there space for a file so long?
    fn has_space(&self, number: u32, length: u64) -> bool {
        let Some(capacity) = self.faults.capacity else { return true };
        let takes = self.places[number as usize].file.as_ref().map_or(0, |file| file.space());
        length <= takes || self.used() + (length - takes) <= capacity
    }

    /// Where a write lands: nearly always where it should.
    fn lands(&mut self, number: u32, offset: u64) -> u64 {
        let Disk { faults, places, .. } = self;
        let Place { name, file, draws, .. } = &mut places[number as usize];
        let aimed = |prefix: &Option<String>| starts(name, prefix.as_deref());
        let ppm =
            faults.misdirected.iter().filter(|(_, prefix)| aimed(prefix)).map(|(ppm, _)| *ppm);
        if !ppm.max().is_some_and(|ppm| Draw(draws.draw()).happens(ppm)) {
            return offset;
        }
        let sectors = file.as_ref().map_or(0, |file| file.len()) / SECTOR + 2;
        let own = offset / SECTOR;
        let other = Draw(draws.draw()).choose(sectors - 1);
        let lands = if other < own { other } else { other + 1 };
        lands * SECTOR + offset % SECTOR
    }

    fn list(&self, prefix: &str) -> Vec<String> {
        let from = self.numbers.range::<str, _>((Bound::Included(prefix), Bound::Unbounded));
        let named = from.take_while(|(name, _)| name.starts_with(prefix));
        let there = named.filter(|&(_, &number)| self.places[number as usize].file.is_some());
        there.map(|(name, _)| name.to_string()).collect()
    }
}

impl Ended {
    fn met(fault: FaultKind, error: DiskError) -> Ended {
        Ended { result: Err(error), met: Some(fault) }
    }
}

fn starts(name: &str, prefix: Option<&str>) -> bool {
    prefix.is_none_or(|prefix| name.starts_with(prefix))
}
