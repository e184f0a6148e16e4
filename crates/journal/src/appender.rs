//! The appender of one family of files: what its owner asks for, and who waits for what.
//!
//! In the order in which a frame meets the files:
//!
//! 1. [`Appender::append`] gathers it behind those that wait. What is to leave when it is durable is held.
//! 2. [`Appender::go_on`] gives the disk its next work (`head.rs`): one write and its sync are in flight, and
//!    whatever is gathered meanwhile is the next (group commit). A file is begun when the one before is synced
//!    to its end, and the bound says so.
//! 3. When they end the bound is told, and what was held leaves as [`Event::Durable`].
//!
//! What is replaced or deleted goes beside it (`upkeep.rs`); what a boot finds is in `boot.rs`.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Debug;

use machine::{DiskError, DiskResult, Embeds, FileName, Outputs, Parts};

use crate::boot::Boot;
use crate::bound::Bound;
use crate::event::Event;
use crate::format::{Format, Place};
use crate::head::{Head, Work};
use crate::upkeep::Upkeep;
use crate::words::{Journal, JournalOp, Step};

/// Frames that are gathered leave in several writes where they are more bytes than this.
const GATHERED: usize = 4 << 20;

/// Until when something is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// Until it is written: a crash of the system may still lose it.
    Written,
    /// Until it is synced.
    Synced,
}

/// Appends the frames of one family of files, `PREFIX-1` and so on; `H` is what it holds back meanwhile.
#[derive(Clone, Debug)]
pub struct Appender<F, H> {
    pub(crate) format: F,
    pub(crate) family: u32,
    prefix: FileName,
    /// Sync before anything is said to be durable. A mechanism of the owner.
    pub(crate) syncs: bool,
    /// A boot refuses what it cannot read where that was durable. A mechanism of the owner.
    pub(crate) heeds_rot: bool,
    pub(crate) boot: Option<Boot>,
    /// The files that are there, and how much of each is written.
    pub(crate) files: BTreeMap<u64, u64>,
    /// Where the next frame goes, behind all that wait.
    pub(crate) end: Place,
    pub(crate) written: Place,
    pub(crate) synced: Place,
    /// The first of them is in flight, as far as the head says.
    pub(crate) work: VecDeque<Work<H>>,
    pub(crate) head: Head,
    pub(crate) upkeep: Upkeep<H>,
    pub(crate) events: VecDeque<Event<H>>,
    pub(crate) broken: bool,
    /// Nothing new is written before all that was there is gone.
    pub(crate) gives_up: bool,
}

impl<F: Format, H: Clone + Debug> Appender<F, H> {
    /// One that knows nothing yet. A family is known by its number, on its disk for good, and its files are
    /// named by the prefix. Where it does not sync, it says that all that is written is durable.
    pub fn new(
        format: F,
        (family, prefix): (u32, impl Into<FileName>),
        syncs: bool,
    ) -> Appender<F, H> {
        Appender {
            format,
            family,
            prefix: prefix.into(),
            syncs,
            heeds_rot: true,
            boot: Some(Boot::default()),
            files: BTreeMap::new(),
            end: Place::default(),
            written: Place::default(),
            synced: Place::default(),
            work: VecDeque::new(),
            head: Head::Idle,
            upkeep: Upkeep::default(),
            events: VecDeque::new(),
            broken: false,
            gives_up: false,
        }
    }

    /// The same without a protection: at boot a file ends where it cannot be read, even if more of it was durable.
    #[must_use]
    pub fn taking_rot_for_a_tail(self) -> Appender<F, H> {
        Appender { heeds_rot: false, ..self }
    }

    /// Appends a frame behind all others; where it will lie. `then` leaves when it is there, and after all that
    /// was held before. What nobody waits for is written and not synced.
    pub fn append(&mut self, frame: impl Into<Parts>, then: Option<(H, Until)>) -> Place {
        let (frame, at) = (frame.into(), self.end);
        self.end = at.after(frame.len() as u64);
        self.gather(at, frame, then);
        at
    }

    /// Holds this until all that was appended is synced; gives it back where all is.
    pub fn hold(&mut self, held: H) -> Option<H> {
        let behind = match self.work.back_mut() {
            None if !self.syncs || self.synced == self.written => return Some(held),
            None => self.written,
            Some(Work::Write { at, parts, .. }) => at.after(parts.len() as u64),
            Some(Work::Truncate { then, .. }) => {
                then.push(held);
                return None;
            }
        };
        self.gather(behind, Parts::new(), Some((held, Until::Synced)));
        None
    }

    /// The next frame begins a new file.
    pub fn roll(&mut self) {
        if self.end.offset > 0 {
            self.roll_to(self.end.file + 1);
        }
    }

    /// The next frame begins the file of this number, which is higher than all others.
    pub fn roll_to(&mut self, file: u64) {
        self.end = Place { file: file.max(self.end.file + 1), offset: 0 };
    }

    /// Takes away what lies at this place and behind it, once all is written that was appended before;
    /// `then` leaves when that is durable. What is appended next begins a new file.
    pub fn truncate(&mut self, to: Place, then: H) {
        self.work.push_back(Work::Truncate { to, then: vec![then] });
        self.roll();
    }

    /// Puts new content in the place of a file that is not the newest, atomically; [`Event::Replaced`] follows, or
    /// [`Event::NotReplaced`] where it is not there any more. It is done after all replacements and deletions that
    /// were asked for before.
    pub fn replace(&mut self, file: u64, content: impl Into<Parts>, then: H) {
        self.upkeep.replace(file, content.into(), then);
    }

    /// Is the disk asked to replace this file, and has not told that it did? Reads may show the old content or
    /// the new.
    pub fn is_replacing(&self, file: u64) -> bool {
        self.upkeep.is_replacing(file)
    }

    /// Deletes these files, to which nothing is appended any more.
    pub fn delete(&mut self, files: impl IntoIterator<Item = u64>) {
        let files: Vec<u64> = files.into_iter().collect();
        for file in &files {
            self.files.remove(file);
        }
        self.upkeep.delete(files);
    }

    /// After [`Event::Full`]: takes back all that waits for space, as if it had never been appended. Nothing
    /// of it is on the disk. What was held for it.
    pub fn refuse(&mut self) -> Vec<H> {
        let mut refused = Vec::new();
        if !self.is_full() || self.work.iter().any(|work| matches!(work, Work::Truncate { .. })) {
            return refused;
        }
        for work in self.work.drain(..).rev() {
            if let Work::Write { at, mut then, .. } = work {
                self.end = at;
                then.append(&mut refused);
                refused = then;
            }
        }
        self.head = Head::Idle;
        refused
    }

    /// Where the next frame goes, if it does not begin a new file.
    pub fn end(&self) -> Place {
        self.end
    }

    /// Up to where all is synced, in the newest file and in those before it.
    pub fn synced(&self) -> Place {
        self.synced
    }

    /// The files that are there, and how much of each is written.
    pub fn files(&self) -> &BTreeMap<u64, u64> {
        &self.files
    }

    /// Is nothing waiting or on its way?
    pub fn is_idle(&self) -> bool {
        self.boot.is_none() && self.work.is_empty() && self.upkeep.is_idle()
    }

    /// Are frames on their way to the disk, and not only waiting for space?
    pub fn is_busy(&self) -> bool {
        !matches!(self.head, Head::Idle) && !self.is_full()
    }

    /// Is the disk full, as far as it knows?
    pub fn is_full(&self) -> bool {
        matches!(self.head, Head::Stalled | Head::Bounding { full: true, .. })
    }

    /// The name of the file of this number.
    pub fn name(&self, file: u64) -> FileName {
        format!("{}-{file}", self.prefix).into()
    }

    pub(crate) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The next thing that happened.
    pub fn next_event(&mut self) -> Option<Event<H>> {
        self.events.pop_front()
    }

    /// Gives the disk its next work, as far as the bound lets it.
    pub fn go_on<P: Embeds<Journal>>(&mut self, bound: &mut Bound, out: &mut Outputs<P>) {
        if self.broken {
            return;
        }
        if self.boot.is_some() {
            self.begin_boot(bound, out);
        }
        if self.boot.is_none() {
            self.advance(bound, out);
            self.advance_upkeep(bound, out);
        }
    }

    /// A disk operation of this family ended.
    pub fn ended<P: Embeds<Journal>>(
        &mut self,
        step: Step,
        result: DiskResult,
        bound: &mut Bound,
        out: &mut Outputs<P>,
    ) {
        if self.broken {
            return;
        }
        let ended = match step {
            Step::Measured(_) | Step::Read | Step::Restored => {
                self.booting(step, result, bound, out)
            }
            Step::Sealed | Step::Put => self.put_ended(step, result, bound, out),
            Step::Replaced | Step::Deleted => self.upkeep_ended(result, bound, out),
        };
        match ended {
            Ok(()) => self.go_on(bound, out),
            Err(why) => {
                self.broken = true;
                let reads = matches!(step, Step::Measured(_) | Step::Read);
                let told = if reads { Event::Damaged } else { Event::Broken };
                self.events.push_back(told(why));
            }
        }
    }

    /// [`crate::JournalTimer::Retry`] of this family fired.
    pub fn timer<P: Embeds<Journal>>(&mut self, out: &mut Outputs<P>) {
        match &self.boot {
            _ if self.broken => {}
            Some(_) => self.restore(out),
            None if matches!(self.head, Head::Stalled) => self.fly(out),
            None => {}
        }
    }

    pub(crate) fn op<P: Embeds<Journal>>(&self, step: Step) -> P::Op {
        P::op(JournalOp::Log { family: self.family, step })
    }

    /// The sentence for a device that failed.
    pub(crate) fn failed(&self, error: DiskError) -> String {
        format!(
            "what was appended to {}-{} may be there or not: {error}",
            self.prefix, self.end.file
        )
    }

    /// Behind what waits already, in the same write if that is of the same file and not on its way.
    fn gather(&mut self, at: Place, frame: Parts, then: Option<(H, Until)>) {
        let wants = self.syncs && matches!(then, Some((_, Until::Synced)));
        let then = then.map(|(held, _)| held);
        let flying = self.work.len() == 1 && matches!(self.head, Head::Flying { .. });
        match self.work.back_mut() {
            Some(Work::Write { at: begun, parts, sync, then: held, .. })
                if begun.file == at.file
                    && parts.len() + frame.len() <= GATHERED
                    && (!flying || (frame.is_empty() && (*sync || !wants))) =>
            {
                frame.slices().iter().for_each(|slice| parts.push(slice.clone()));
                *sync |= wants;
                held.extend(then);
            }
            _ => self.work.push_back(Work::Write {
                at,
                parts: frame,
                sync: wants,
                then: then.into_iter().collect(),
            }),
        }
    }
}
