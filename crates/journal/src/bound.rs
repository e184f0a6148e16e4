//! The bound: of each live file, how much of it is synced at least.
//!
//! # The law
//!
//! What the bound says is durable was durable before. It is raised after the file's own sync, at most once a
//! second and a second after it at the latest, and at once where somebody waits for it: before a file is begun, so
//! that only the newest file of a family can be ahead of it, at the end of a boot, and at a clean stop. Before a
//! file is cut, deleted, or replaced by a shorter one, it is lowered, durably.
//!
//! There is one on a disk, in the file `bound`, with which the disk begins (`slot.rs`). It knows files, and how
//! long they are; what is in them is their owners'.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use machine::{DiskAnswer, DiskCommand, DiskError, DiskId, DiskResult, Embeds, FileName, Outputs};

use crate::slot::{self, Floors, Put, Slot};
use crate::words::{BoundOp, Journal, JournalOp, JournalTimer};

/// The name of its file.
pub const BOUND: &str = "bound";
/// It is raised so often, at most.
const INTERVAL: Duration = Duration::from_secs(1);
/// A longer file is not ours.
const LONGEST: u64 = 1 << 30;

/// The bound of a disk.
#[derive(Clone, Debug)]
pub struct Bound {
    /// The mechanism: without it nothing is written, and a boot asks nobody.
    on: bool,
    disk: DiskId,
    slot: Slot,
    /// The length of a slot in the file.
    length: u32,
    /// The file is as this boot wrote it: the slot that is not written over is durable. What a boot read may be
    /// in the page cache only, and then writing over the other slot could leave neither.
    ours: bool,
    /// All files of the disk, once they were listed at boot.
    names: Option<Vec<String>>,
    claimed: BTreeSet<u32>,
    /// Changes so far; those in the write in flight or before it; those that are durable.
    changes: u64,
    writing: Option<Writing>,
    durable: u64,
    /// Somebody waits for what is not written yet.
    urgent: bool,
    /// There was no space for the last write.
    full: bool,
    armed: bool,
}

/// A write of the bound that has not ended.
#[derive(Clone, Copy, Debug)]
struct Writing {
    changes: u64,
    /// The length of a slot afterwards.
    length: u32,
    full: bool,
}

/// What the bound says of the files of a family.
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// None where the bound is left out, or takes over what is there.
    pub(crate) floors: Option<Floors>,
    /// The numbers of the files that are there.
    pub(crate) found: BTreeSet<u64>,
}

impl Bound {
    /// One that knows nothing yet. `on` is the mechanism `durable-bound`.
    pub fn new(on: bool) -> Bound {
        Bound {
            on,
            disk: DiskId::default(),
            slot: Slot::default(),
            length: 0,
            ours: false,
            names: None,
            claimed: BTreeSet::new(),
            changes: 0,
            writing: None,
            durable: 0,
            urgent: false,
            full: false,
            armed: false,
        }
    }

    /// The file with which a disk begins, for [`machine::Machine::first_files`].
    pub fn first_file() -> (FileName, Bytes) {
        (BOUND.into(), slot::first(false))
    }

    /// The file for a disk of a version without bounds: the first boot on it takes what is there for all that was.
    pub fn taking_over() -> Bytes {
        slot::first(true)
    }

    /// The node booted: the bound is read, before anything else of the journal.
    pub fn start<P: Embeds<Journal>>(&mut self, disk: DiskId, out: &mut Outputs<P>) {
        self.disk = disk;
        if !self.on {
            return list(out);
        }
        let read = DiskCommand::Read { file: BOUND.into(), offset: 0, length: LONGEST };
        out.disk(read, op::<P>(BoundOp::Read));
    }

    /// A disk operation of the bound ended: what waited for it goes on by [`crate::Appender::go_on`].
    ///
    /// # Errors
    /// The sentence with which the owner halts: the bound is not there or not what was written, it is of
    /// another disk, or the device failed. Nothing was changed.
    pub fn ended<P: Embeds<Journal>>(
        &mut self,
        ended: BoundOp,
        result: DiskResult,
        out: &mut Outputs<P>,
    ) -> Result<(), String> {
        match (ended, result) {
            (BoundOp::Read, Ok(DiskAnswer::Bytes(bytes))) => self.read(&bytes, out)?,
            (BoundOp::Read, Err(DiskError::NotFound)) => {
                return Err(damaged("it is gone"));
            }
            (BoundOp::Listed, Ok(DiskAnswer::Names(names))) => self.names = Some(names),
            (BoundOp::Written | BoundOp::Synced | BoundOp::Replaced, Err(DiskError::Full)) => {
                self.writing.iter_mut().for_each(|writing| writing.full = true);
            }
            (BoundOp::Written | BoundOp::Synced | BoundOp::Replaced, Ok(_)) => {}
            (_, result) => {
                let why = result.err().unwrap_or(DiskError::Failed);
                return Err(format!("the file {BOUND} could not be read or written: {why}"));
            }
        }
        if matches!(ended, BoundOp::Synced | BoundOp::Replaced) {
            self.written(out);
        }
        Ok(())
    }

    /// [`JournalTimer::Bound`] fired.
    pub fn timer<P: Embeds<Journal>>(&mut self, out: &mut Outputs<P>) {
        self.armed = false;
        self.write(out);
    }

    /// All appenders of the disk are ready.
    ///
    /// # Errors
    /// If the bound names files of a family that nobody has claimed: the sentence with which the owner halts.
    pub fn booted<P: Embeds<Journal>>(&mut self, out: &mut Outputs<P>) -> Result<(), String> {
        let mut named = self.slot.families.iter().filter(|(_, floors)| !floors.files.is_empty());
        if let Some((family, floors)) = named.find(|(family, _)| !self.claimed.contains(family)) {
            let count = floors.files.len();
            return Err(format!(
                "the file {BOUND} names {count} files of family {family}, of which this system knows nothing: \
                 start the version that wrote them, or give the node a new disk"
            ));
        }
        self.slot.takes_over = false;
        self.settle(out);
        Ok(())
    }

    /// Makes it exact now: for a clean stop, which may go on when [`Bound::is_settled`].
    pub fn settle<P: Embeds<Journal>>(&mut self, out: &mut Outputs<P>) {
        if !self.is_settled() {
            self.urgent = true;
            self.write(out);
        }
    }

    /// Is all that grew in the file, durably?
    pub fn is_settled(&self) -> bool {
        self.durable == self.changes
    }

    /// How much of this file is durable at least, as far as the bound knows.
    pub fn floor(&self, family: u32, file: u64) -> Option<u64> {
        self.slot.families.get(&family)?.files.get(&file).copied()
    }

    /// All files that the disk had when the node booted, sorted.
    pub fn names(&self) -> &[String] {
        self.names.as_deref().unwrap_or_default()
    }

    /// Was it read?
    pub fn is_known(&self) -> bool {
        self.names.is_some()
    }

    /// An appender takes over the files whose names begin so.
    pub(crate) fn claim(&mut self, family: u32, prefix: &str) -> Known {
        self.claimed.insert(family);
        let names = self.names.iter().flatten();
        let found = names.filter_map(|name| number(name, prefix)).collect();
        let floors = self.slot.families.entry(family).or_default();
        let known = (self.on && !self.slot.takes_over).then(|| floors.clone());
        if floors.next == 0 {
            // The first file may be begun when this is durable, whatever else was written since the boot.
            floors.next = 1;
            self.changes += u64::from(self.on);
        }
        Known { floors: known, found }
    }

    /// So much of this file is synced, or its new content is so long and in place.
    pub(crate) fn grew<P: Embeds<Journal>>(
        &mut self,
        (family, file): (u32, u64),
        length: u64,
        out: &mut Outputs<P>,
    ) {
        if !self.on {
            return;
        }
        let floors = self.slot.families.entry(family).or_default();
        floors.next = floors.next.max(file + 1);
        if floors.files.insert(file, length) != Some(length) {
            self.changes += 1;
            self.arm(out);
        }
    }

    /// A file is to be begun: when the change of this number is durable.
    pub(crate) fn begin<P: Embeds<Journal>>(
        &mut self,
        (family, file): (u32, u64),
        out: &mut Outputs<P>,
    ) -> u64 {
        if self.on {
            let floors = self.slot.families.entry(family).or_default();
            if std::mem::replace(&mut floors.next, file) != file {
                self.changes += 1;
            }
            self.settle(out);
        }
        self.changes
    }

    /// These files are to be cut to such lengths, or deleted: when the change of this number is durable.
    pub(crate) fn lower<P: Embeds<Journal>>(
        &mut self,
        family: u32,
        files: impl IntoIterator<Item = (u64, Option<u64>)>,
        out: &mut Outputs<P>,
    ) -> u64 {
        let floors = self.slot.families.entry(family).or_default();
        for (file, most) in files {
            let floor = floors.files.get(&file).copied();
            let lowered = match (most, floor) {
                // Not named yet: it was begun, and a boot would take it for the newest.
                (None, None) => {
                    let begun = floors.next <= file;
                    floors.next = floors.next.max(file + 1);
                    begun
                }
                (None, Some(_)) => floors.files.remove(&file).is_some(),
                (Some(most), Some(floor)) => {
                    floors.files.insert(file, floor.min(most));
                    floor > most
                }
                (Some(_), None) => false,
            };
            self.changes += u64::from(self.on && lowered);
        }
        self.settle(out);
        self.changes
    }

    pub(crate) fn is_durable(&self, change: u64) -> bool {
        self.durable >= change
    }

    /// Is durable what a boot read, which may have been in the page cache only?
    pub(crate) fn is_as_read(&self) -> bool {
        self.durable > 0
    }

    /// Has it no space, until it tries again?
    pub(crate) fn is_full(&self) -> bool {
        self.full
    }

    fn read<P: Embeds<Journal>>(
        &mut self,
        bytes: &[u8],
        out: &mut Outputs<P>,
    ) -> Result<(), String> {
        let (slot, length) = slot::open(bytes).map_err(damaged)?;
        if slot.disk.is_some_and(|disk| disk != self.disk) {
            return Err(damaged("it is of another disk"));
        }
        (self.slot, self.length) = (slot, length);
        // What was read may be in the page cache only: nothing rests on it before it was written again.
        self.changes = 1;
        list(out);
        Ok(())
    }

    fn arm<P: Embeds<Journal>>(&mut self, out: &mut Outputs<P>) {
        if !std::mem::replace(&mut self.armed, true) {
            out.set_timer(P::timer(JournalTimer::Bound), INTERVAL);
        }
    }

    /// Writes what changed, unless a write is in flight.
    fn write<P: Embeds<Journal>>(&mut self, out: &mut Outputs<P>) {
        if self.writing.is_some() || self.is_settled() {
            return;
        }
        self.slot.generation += 1;
        self.slot.disk = Some(self.disk);
        self.urgent = false;
        self.full = false;
        let put = self.slot.put(self.length, self.ours);
        let mut writing = Writing { changes: self.changes, length: self.length, full: false };
        match put {
            Put::Write { offset, bytes } => {
                let (file, parts) = (BOUND.into(), bytes.into());
                out.disk(DiskCommand::Write { file, offset, parts }, op::<P>(BoundOp::Written));
                let sync = DiskCommand::Sync { file: BOUND.into(), data_only: true };
                out.disk(sync, op::<P>(BoundOp::Synced));
            }
            Put::Replace { length, bytes } => {
                writing.length = length;
                let replace = DiskCommand::Replace { file: BOUND.into(), parts: bytes.into() };
                out.disk(replace, op::<P>(BoundOp::Replaced));
            }
        }
        self.writing = Some(writing);
    }

    fn written<P: Embeds<Journal>>(&mut self, out: &mut Outputs<P>) {
        let Some(writing) = self.writing.take() else { return };
        self.full = writing.full;
        if writing.full {
            // The older slot is still the older one.
            self.slot.generation -= 1;
            return self.arm(out);
        }
        (self.durable, self.length, self.ours) = (writing.changes, writing.length, true);
        match self.urgent {
            true => self.write(out),
            // It grew while this was written, and the timer may have fired meanwhile.
            false if !self.is_settled() => self.arm(out),
            false => {}
        }
    }
}

fn op<P: Embeds<Journal>>(op: BoundOp) -> P::Op {
    P::op(JournalOp::Bound(op))
}

fn list<P: Embeds<Journal>>(out: &mut Outputs<P>) {
    out.disk(DiskCommand::List { prefix: "".into() }, op::<P>(BoundOp::Listed));
}

/// The number of a file of this family.
fn number(name: &str, prefix: &str) -> Option<u64> {
    let digits = name.strip_prefix(prefix)?.strip_prefix('-')?;
    digits.parse().ok().filter(|number: &u64| number.to_string() == digits)
}

fn damaged(how: &str) -> String {
    format!(
        "the file {BOUND}, which says how long the others were, cannot be believed: {how}; restore the \
         folder, or give the node a new disk"
    )
}
