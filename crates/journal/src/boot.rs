//! What an appender finds after a boot.
//!
//! The bound names files, and says how long each of them was at least. In this order:
//!
//! | found | then |
//! |---|---|
//! | a named file is missing, or shorter than its bound | refuse |
//! | a file is not named and older than the next one | a deletion that a crash cut off: delete it again |
//! | the next file is there | it was begun after the last bound: it is the newest, and its bound is 0 |
//! | a file after the next one | refuse: what lay between is gone |
//! | a frame cannot be read below the bound, or in a file that is not the newest, or a later frame proves that it was durable | refuse: it rotted |
//! | a frame cannot be read at or above the bound in the newest file | a crash tore it: cut it off |
//!
//! The newest file is cut and synced as it was read before it is believed, and what it has above the bound is written
//! again: a failed sync may have left it in the page cache, of which the next sync of the same bytes knows nothing.
//! A file system that copies what is written over may have no space for that: then the boot waits. So it
//! does for the bound, where that no longer names a file which is there. Nothing is appended behind it: each boot
//! begins a new file.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Debug;

use bytes::Bytes;
use machine::{DiskAnswer, DiskCommand, DiskError, DiskResult, Embeds, Outputs, Parts};

use crate::appender::Appender;
use crate::bound::{Bound, Known};
use crate::event::Event;
use crate::format::{Format, Parsed, Place};
use crate::words::{Journal, JournalTimer, Step};

/// The most bytes of one read, unless a frame is longer.
const PIECE: u64 = 4 << 20;

/// How far a boot is.
#[derive(Clone, Debug, Default)]
pub(crate) struct Boot {
    begun: bool,
    /// Least lengths; none where the bound is left out or takes over.
    floors: Option<BTreeMap<u64, u64>>,
    /// Files whose lengths are not known yet.
    measured: usize,
    /// Not named any more: deleted again.
    outdated: Vec<u64>,
    /// The number that no file has had.
    next: u64,
    /// Files to be read, in order; the first is being read.
    wanted: VecDeque<u64>,
    /// The next frame of the first of them lies there, and so much was asked for.
    at: u64,
    asked: u64,
    /// What the newest file has above its bound, and where that begins.
    above: Option<(u64, Parts)>,
    /// How the newest file is made durable as it was read; operations of that which have not ended, and whether
    /// there was space for them.
    restore: Vec<DiskCommand>,
    restoring: usize,
    full: bool,
    /// All was read, up to here, and the bound that was read is not durable yet.
    waits: Option<Place>,
}

impl Boot {
    fn floor(&self, file: u64) -> u64 {
        self.floors.as_ref().and_then(|floors| floors.get(&file)).copied().unwrap_or(0)
    }
}

impl<F: Format, H: Clone + Debug> Appender<F, H> {
    /// At boot, after [`Event::Found`]: reads a file, whose frames come as [`Event::Frame`]. They are read in the
    /// order in which it is asked; the newest is read last, and in any case.
    pub fn read<P: Embeds<Journal>>(&mut self, file: u64, out: &mut Outputs<P>) {
        let Some(boot) = &mut self.boot else { return };
        boot.wanted.push_back(file);
        if boot.wanted.len() == 1 {
            self.read_on(PIECE, out);
        }
    }

    /// After [`Event::Damaged`], or when nothing is waiting and on its way: takes away all that is there, for good.
    /// [`Event::Ready`] follows when it is gone, durably. What is appended meanwhile waits for that.
    pub fn give_up(&mut self, bound: &mut Bound) {
        let Known { floors, mut found } = bound.claim(self.family, self.prefix());
        let floors = floors.unwrap_or_default();
        found.extend(floors.files.into_keys().chain(self.files.keys().copied()));
        let last = found.last().map_or(0, |last| last + 1);
        self.end = Place { file: last.max(floors.next).max(self.end.file), offset: 0 };
        (self.written, self.synced) = (Place::default(), Place::default());
        (self.boot, self.broken, self.gives_up) = (None, false, true);
        self.files.clear();
        self.upkeep.delete(found.into_iter().collect());
        self.is_given_up();
    }

    pub(crate) fn is_given_up(&mut self) {
        if self.gives_up && self.upkeep.is_idle() {
            self.gives_up = false;
            self.events.push_back(Event::Ready);
        }
    }

    /// 1. The bound is known: which files are there, and which should be?
    pub(crate) fn begin_boot<P: Embeds<Journal>>(
        &mut self,
        bound: &mut Bound,
        out: &mut Outputs<P>,
    ) {
        let Some(boot) = self.boot.as_mut().filter(|_| bound.is_known()) else { return };
        if boot.begun {
            if let Some(end) = boot.waits {
                self.ready(end, bound, out);
            }
            return;
        }
        boot.begun = true;
        let known = bound.claim(self.family, self.prefix());
        match self.compare(known) {
            Ok(()) if self.files.is_empty() => self.ready(Place::default(), bound, out),
            Ok(()) => {
                for file in self.files.keys() {
                    let length = DiskCommand::Length { file: self.name(*file) };
                    out.disk(length, self.op::<P>(Step::Measured(*file)));
                }
            }
            Err(why) => {
                self.broken = true;
                self.events.push_back(Event::Damaged(why));
            }
        }
    }

    fn compare(&mut self, known: Known) -> Result<(), String> {
        let Known { floors, mut found } = known;
        let Some(boot) = &mut self.boot else { return Ok(()) };
        if let Some(floors) = floors {
            boot.next = floors.next.max(1);
            if let Some(beyond) = found.iter().find(|file| **file > floors.next) {
                return Err(format!(
                    "{} is there, which was never begun as far as the bound knows, so that what lay before it \
                     is gone: {WAY_OUT}",
                    self.name(*beyond)
                ));
            }
            let named = |file: &u64| floors.files.contains_key(file) || *file == floors.next;
            boot.outdated = found.iter().copied().filter(|file| !named(file)).collect();
            found.retain(named);
            if let Some((lost, floor)) = floors.files.iter().find(|(file, _)| !found.contains(file))
            {
                let name = self.name(*lost);
                return Err(format!(
                    "{name} is gone, with {floor} bytes that were synced: {WAY_OUT}"
                ));
            }
            boot.floors = Some(floors.files);
        } else {
            boot.next = found.last().map_or(1, |last| last + 1);
        }
        boot.measured = found.len();
        self.files = found.into_iter().map(|file| (file, 0)).collect();
        Ok(())
    }

    /// A disk operation of the boot ended.
    pub(crate) fn booting<P: Embeds<Journal>>(
        &mut self,
        step: Step,
        result: DiskResult,
        bound: &mut Bound,
        out: &mut Outputs<P>,
    ) -> Result<(), String> {
        if self.boot.is_none() {
            return Ok(());
        }
        match (step, result) {
            (Step::Measured(file), Ok(DiskAnswer::Length(length))) => {
                self.measured(file, length)?
            }
            (Step::Read, Ok(DiskAnswer::Bytes(bytes))) => self.parsed(&bytes, out)?,
            (Step::Restored, Ok(_)) => self.restored(false, bound, out),
            (Step::Restored, Err(DiskError::Full)) => self.restored(true, bound, out),
            (_, result) => {
                let error = result.err().unwrap_or(DiskError::Failed);
                return Err(format!("{}-* could not be read: {error}", self.prefix()));
            }
        }
        Ok(())
    }

    /// 2. The length of a file is known.
    fn measured(&mut self, file: u64, length: u64) -> Result<(), String> {
        let Some(boot) = &mut self.boot else { return Ok(()) };
        let floor = boot.floor(file);
        boot.measured -= 1;
        let all = boot.measured == 0;
        if length < floor {
            let name = self.name(file);
            return Err(format!(
                "{name} ends at {length}, and was synced up to {floor}: {WAY_OUT}"
            ));
        }
        self.files.insert(file, length);
        if all {
            self.events.push_back(Event::Found(self.files.keys().copied().collect()));
        }
        Ok(())
    }

    fn read_on<P: Embeds<Journal>>(&mut self, length: u64, out: &mut Outputs<P>) {
        let Some(boot) = &mut self.boot else { return };
        let Some(&file) = boot.wanted.front() else { return };
        let (offset, length) = (boot.at, length.min(self.files[&file] - boot.at));
        boot.asked = length;
        let read = DiskCommand::Read { file: self.name(file), offset, length };
        out.disk(read, self.op::<P>(Step::Read));
    }

    /// 3. A part of a file was read, from the next frame on.
    fn parsed<P: Embeds<Journal>>(
        &mut self,
        bytes: &Bytes,
        out: &mut Outputs<P>,
    ) -> Result<(), String> {
        let newest = self.newest();
        let Some(boot) = &self.boot else { return Ok(()) };
        let Some(&file) = boot.wanted.front() else { return Ok(()) };
        let (begun, floor) = (Place { file, offset: boot.at }, boot.floor(file));
        if (bytes.len() as u64) < boot.asked {
            return Err(format!("{} is shorter than it was just now", self.name(file)));
        }
        let (at, stop) = self.frames(begun, bytes);
        let length = self.files[&file];
        let Some(boot) = &mut self.boot else { return Ok(()) };
        boot.at = at.offset;
        if file == newest && at.offset > floor {
            let from = begun.offset.max(floor);
            let (_, above) = boot.above.get_or_insert((from, Parts::new()));
            let range = (from - begun.offset) as usize..(at.offset - begun.offset) as usize;
            above.push(bytes.slice(range));
        }
        let (left, here) = (length - at.offset, bytes.len() as u64 - (at.offset - begun.offset));
        match stop {
            _ if left == 0 => {}
            Parsed::Short(needed) if needed as u64 > here && needed as u64 <= left => {
                self.read_on(PIECE.max(needed as u64), out);
                return Ok(());
            }
            // A later frame may say that this was durable.
            _ if here < left => {
                self.read_on(left, out);
                return Ok(());
            }
            _ => {
                let tail = bytes.slice((at.offset - begun.offset) as usize..);
                let sealed = boot.floors.is_some() && file != newest;
                let rotten = at.offset < floor || sealed || self.format.proves(at, &tail);
                if rotten && self.heeds_rot {
                    return Err(self.rotten(at));
                }
            }
        }
        self.read_to(at, out);
        Ok(())
    }

    /// The frames that lie there, one after the other; where the next one lies, and why it is none.
    fn frames(&mut self, mut at: Place, bytes: &Bytes) -> (Place, Parsed) {
        let mut rest = bytes.clone();
        loop {
            match self.format.parse(at, &rest) {
                Parsed::Frame(length) if (1..=rest.len()).contains(&length) => {
                    let frame = rest.split_to(length);
                    self.events.push_back(Event::Frame(at, frame));
                    at = at.after(length as u64);
                }
                other => return (at, other),
            }
        }
    }

    /// 4. A file was read up to here.
    fn read_to<P: Embeds<Journal>>(&mut self, end: Place, out: &mut Outputs<P>) {
        let (newest, length) = (self.newest(), self.files[&end.file]);
        let file = self.name(end.file);
        let Some(boot) = &mut self.boot else { return };
        let cut = length - end.offset;
        if cut > 0 {
            self.events.push_back(Event::Cut { at: end, bytes: cut });
        }
        self.events.push_back(Event::End(end));
        if end.file != newest {
            boot.wanted.pop_front();
            boot.at = 0;
            return self.read_on(PIECE, out);
        }
        let length = end.offset;
        boot.restore.push(DiskCommand::Truncate { file: file.clone(), length });
        let above = boot.above.take();
        boot.restore.extend(above.map(|(offset, parts)| DiskCommand::Write {
            file: file.clone(),
            offset,
            parts,
        }));
        boot.restore.push(DiskCommand::Sync { file, data_only: false });
        self.files.insert(newest, end.offset);
        self.end = end;
        self.restore(out);
    }

    /// 5. The newest file becomes durable as it was read; asked for again where there was no space.
    pub(crate) fn restore<P: Embeds<Journal>>(&mut self, out: &mut Outputs<P>) {
        let Some(boot) = &mut self.boot else { return };
        (boot.restoring, boot.full) = (boot.restore.len(), false);
        for command in boot.restore.clone() {
            out.disk(command, self.op::<P>(Step::Restored));
        }
    }

    fn restored<P: Embeds<Journal>>(
        &mut self,
        full: bool,
        bound: &mut Bound,
        out: &mut Outputs<P>,
    ) {
        let Some(boot) = &mut self.boot else { return };
        boot.restoring -= 1;
        boot.full |= full;
        if boot.restoring > 0 {
            return;
        }
        if boot.full {
            self.events.push_back(Event::Full);
            return self.retry_later(out);
        }
        self.ready(self.end, bound, out);
    }

    fn ready<P: Embeds<Journal>>(&mut self, end: Place, bound: &mut Bound, out: &mut Outputs<P>) {
        let Some(boot) = &mut self.boot else { return };
        if !boot.outdated.is_empty() && !bound.is_as_read() {
            // Else a power cut could bring back the bound of before, and with it what this boot did not find.
            boot.waits = Some(end);
            if !bound.is_full() {
                bound.settle(out);
            }
            return;
        }
        let Some(boot) = self.boot.take() else { return };
        (self.written, self.synced) = (end, end);
        self.end = Place { file: boot.next.max(end.file + 1), offset: 0 };
        let mut outdated = boot.outdated;
        if end.file > 0 && end.offset == 0 {
            // Nothing of it was ever durable.
            self.files.remove(&end.file);
            outdated.push(end.file);
        }
        // One that was replaced by a longer one may have been ahead of the bound too.
        for (file, length) in &self.files {
            bound.grew((self.family, *file), *length, out);
        }
        self.upkeep.delete(outdated);
        self.events.push_back(Event::Ready);
    }

    pub(crate) fn retry_later<P: Embeds<Journal>>(&self, out: &mut Outputs<P>) {
        out.set_timer(P::timer(JournalTimer::Retry(self.family)), crate::head::RETRY);
    }

    fn newest(&self) -> u64 {
        self.files.keys().next_back().copied().unwrap_or(0)
    }

    fn rotten(&self, at: Place) -> String {
        let (name, offset) = (self.name(at.file), at.offset);
        format!("{name} is not what was written, at {offset}, where it was durable once: {WAY_OUT}")
    }
}

const WAY_OUT: &str = "restore the folder, or give the node a new disk";
