//! The head of the log: one write and its sync at a time, in the order in which they were asked for.

use std::fmt::Debug;
use std::time::Duration;

use machine::{DiskCommand, DiskError, DiskResult, Embeds, Outputs, Parts};

use crate::appender::Appender;
use crate::bound::Bound;
use crate::event::Event;
use crate::format::{Format, Place};
use crate::words::{Journal, Step};

/// A full disk is tried again after this time.
pub(crate) const RETRY: Duration = Duration::from_millis(200);

/// Work at the head.
#[derive(Clone, Debug)]
pub(crate) enum Work<H> {
    /// Frames, at the end of a file or the beginning of the next; none where only the sync is wanted.
    Write { at: Place, parts: Parts, sync: bool, then: Vec<H> },
    /// All from this place on is to go; afterwards all that is left is synced.
    Truncate { to: Place, then: Vec<H> },
}

/// How far the first of the work is.
#[derive(Clone, Debug)]
pub(crate) enum Head {
    Idle,
    /// The file before is synced to its end.
    Sealing,
    /// The bound must say so first.
    Bounding {
        change: u64,
        full: bool,
    },
    /// So many operations have not ended.
    Flying {
        left: usize,
        full: bool,
    },
    /// There was no space.
    Stalled,
}

impl<F: Format, H: Clone + Debug> Appender<F, H> {
    /// Goes as far as it can without an answer.
    pub(crate) fn advance<P: Embeds<Journal>>(&mut self, bound: &mut Bound, out: &mut Outputs<P>) {
        loop {
            match &mut self.head {
                Head::Idle => match self.work.front() {
                    None => return,
                    Some(_) if self.gives_up => return,
                    Some(Work::Write { at, .. }) if !self.files.contains_key(&at.file) => {
                        if self.synced != self.written {
                            return self.seal(out);
                        }
                        let change = bound.begin((self.family, at.file), out);
                        self.head = Head::Bounding { change, full: false };
                    }
                    Some(Work::Write { .. }) => self.fly(out),
                    // A file that is being replaced would be there again; and what is deleted before may not be there
                    // when all behind it is gone.
                    Some(Work::Truncate { .. }) if !self.upkeep.is_idle() => return,
                    Some(Work::Truncate { to, .. })
                        if !self.files.contains_key(&to.file) && self.synced != self.written =>
                    {
                        return self.seal(out);
                    }
                    Some(Work::Truncate { to, .. })
                        if self.files.range(to.file..).next().is_none() =>
                    {
                        self.landed(bound, out);
                    }
                    Some(Work::Truncate { to, .. }) => {
                        let later = self.files.range(to.file + 1..).map(|(file, _)| (*file, None));
                        let cut = std::iter::once((to.file, Some(to.offset)));
                        let change = bound.lower(self.family, cut.chain(later), out);
                        self.head = Head::Bounding { change, full: false };
                    }
                },
                Head::Bounding { change, .. } if bound.is_durable(*change) => self.fly(out),
                Head::Bounding { full, .. } => {
                    let before = std::mem::replace(full, bound.is_full());
                    if *full && !before {
                        self.events.push_back(Event::Full);
                    }
                    return;
                }
                Head::Sealing | Head::Flying { .. } | Head::Stalled => return,
            }
        }
    }

    /// Asks the disk for the first of the work.
    pub(crate) fn fly<P: Embeds<Journal>>(&mut self, out: &mut Outputs<P>) {
        let mut asked = Vec::new();
        match self.work.front() {
            None => return,
            Some(Work::Write { at, parts, sync, .. }) => {
                let file = self.name(at.file);
                if !parts.is_empty() {
                    let (offset, parts) = (at.offset, parts.clone());
                    asked.push(DiskCommand::Write { file: file.clone(), offset, parts });
                }
                if *sync {
                    // With its first sync the name of the file is durable.
                    let data_only = self.synced.file == at.file && self.synced.offset > 0;
                    asked.push(DiskCommand::Sync { file, data_only });
                }
            }
            Some(Work::Truncate { to, .. }) => {
                let file = self.name(to.file);
                if self.files.contains_key(&to.file) {
                    asked.push(DiskCommand::Truncate { file: file.clone(), length: to.offset });
                    asked.push(DiskCommand::Sync { file, data_only: false });
                }
                let later = self.files.range(to.file + 1..);
                asked.extend(later.map(|(file, _)| DiskCommand::Delete { file: self.name(*file) }));
            }
        }
        self.head = Head::Flying { left: asked.len(), full: false };
        for command in asked {
            out.disk(command, self.op::<P>(Step::Put));
        }
    }

    /// Is it taking files away?
    pub(crate) fn truncates(&self) -> bool {
        matches!(self.work.front(), Some(Work::Truncate { .. })) && !matches!(self.head, Head::Idle)
    }

    fn seal<P: Embeds<Journal>>(&mut self, out: &mut Outputs<P>) {
        self.head = Head::Sealing;
        let file = self.name(self.written.file);
        out.disk(DiskCommand::Sync { file, data_only: false }, self.op::<P>(Step::Sealed));
    }

    /// An operation at the head ended.
    pub(crate) fn put_ended<P: Embeds<Journal>>(
        &mut self,
        step: Step,
        result: DiskResult,
        bound: &mut Bound,
        out: &mut Outputs<P>,
    ) -> Result<(), String> {
        if let (Step::Sealed, Ok(_)) = (step, &result) {
            self.head = Head::Idle;
            self.is_synced(bound, out);
            return Ok(());
        }
        let Head::Flying { left, full } = &mut self.head else {
            return result.map(|_| ()).map_err(|error| self.failed(error));
        };
        match result {
            Err(DiskError::Full) => *full = true,
            // The sync of a file for which there was no space.
            Err(DiskError::NotFound) if *full => {}
            Err(error) => return Err(self.failed(error)),
            Ok(_) => {}
        }
        *left -= 1;
        if *left > 0 {
            return Ok(());
        }
        if *full {
            self.head = Head::Stalled;
            self.retry_later(out);
            self.events.push_back(Event::Full);
            return Ok(());
        }
        self.head = Head::Idle;
        self.landed(bound, out);
        Ok(())
    }

    /// The first of the work is done.
    fn landed<P: Embeds<Journal>>(&mut self, bound: &mut Bound, out: &mut Outputs<P>) {
        match self.work.pop_front() {
            None => {}
            Some(Work::Write { at, parts, sync, then, .. }) => {
                if !parts.is_empty() {
                    self.written = at.after(parts.len() as u64);
                    self.files.insert(at.file, self.written.offset);
                }
                if sync {
                    self.is_synced(bound, out);
                }
                if !then.is_empty() {
                    let durable = sync || !self.syncs;
                    let leaves = if durable { Event::Durable } else { Event::Written };
                    self.events.push_back(leaves(then));
                }
            }
            Some(Work::Truncate { to, then }) => {
                self.files.split_off(&(to.file + 1));
                if let Some(length) = self.files.get_mut(&to.file) {
                    *length = to.offset.min(*length);
                }
                let last = self.files.iter().next_back();
                self.written =
                    last.map_or(Place::default(), |(&file, &offset)| Place { file, offset });
                self.is_synced(bound, out);
                self.events.push_back(Event::Durable(then));
            }
        }
    }

    fn is_synced<P: Embeds<Journal>>(&mut self, bound: &mut Bound, out: &mut Outputs<P>) {
        self.synced = self.written;
        if self.files.contains_key(&self.synced.file) {
            bound.grew((self.family, self.synced.file), self.synced.offset, out);
        }
    }
}
