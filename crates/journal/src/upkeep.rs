//! Beside the head of the log: files that are replaced or deleted, one after the other.
//!
//! The law: the bound is lowered first, and nothing is lowered before what was asked for earlier is done. A
//! compaction replaces one file and then deletes others whose content is in it: unnamed too early they would be
//! deleted at the next boot. And nothing is begun here while the head takes files away, nor the other way around.

use std::collections::VecDeque;
use std::fmt::Debug;

use machine::{DiskCommand, DiskError, DiskResult, Embeds, Outputs, Parts};

use crate::appender::Appender;
use crate::bound::Bound;
use crate::event::Event;
use crate::format::Format;
use crate::words::{Journal, Step};

/// What waits, and how far the first of it is.
#[derive(Clone, Debug)]
pub(crate) struct Upkeep<H> {
    waiting: VecDeque<Task<H>>,
    stage: Stage,
}

#[derive(Clone, Debug)]
enum Task<H> {
    Replace { file: u64, content: Parts, then: H },
    Delete { files: Vec<u64> },
}

#[derive(Clone, Copy, Debug)]
enum Stage {
    Idle,
    Bounding { change: u64 },
    Flying { left: usize, full: bool },
}

impl<H> Default for Upkeep<H> {
    fn default() -> Self {
        Upkeep { waiting: VecDeque::new(), stage: Stage::Idle }
    }
}

impl<H> Upkeep<H> {
    pub(crate) fn is_idle(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(crate) fn is_replacing(&self, file: u64) -> bool {
        let first = self.waiting.front();
        matches!(self.stage, Stage::Flying { .. })
            && matches!(first, Some(Task::Replace { file: other, .. }) if *other == file)
    }

    pub(crate) fn replace(&mut self, file: u64, content: Parts, then: H) {
        self.waiting.push_back(Task::Replace { file, content, then });
    }

    /// Those that wait together share one lowering of the bound.
    pub(crate) fn delete(&mut self, files: Vec<u64>) {
        let begun = self.waiting.len() == 1 && !matches!(self.stage, Stage::Idle);
        match self.waiting.back_mut() {
            Some(Task::Delete { files: others }) if !begun => others.extend(files),
            _ if files.is_empty() => {}
            _ => self.waiting.push_back(Task::Delete { files }),
        }
    }
}

impl<F: Format, H: Clone + Debug> Appender<F, H> {
    /// Goes as far as it can without an answer.
    pub(crate) fn advance_upkeep<P: Embeds<Journal>>(
        &mut self,
        bound: &mut Bound,
        out: &mut Outputs<P>,
    ) {
        if let Stage::Idle = self.upkeep.stage {
            self.drop_outdated();
            let change = match self.upkeep.waiting.front() {
                None => return,
                Some(_) if self.truncates() => return,
                Some(Task::Replace { file, content, .. }) => {
                    let shorter = (*file, Some(content.len() as u64));
                    bound.lower(self.family, [shorter], out)
                }
                Some(Task::Delete { files }) => {
                    bound.lower(self.family, files.iter().map(|file| (*file, None)), out)
                }
            };
            self.upkeep.stage = Stage::Bounding { change };
        }
        if let Stage::Bounding { change } = self.upkeep.stage
            && bound.is_durable(change)
        {
            self.ask_upkeep(out);
        }
    }

    /// A file that was cut off or deleted meanwhile is not replaced.
    fn drop_outdated(&mut self) {
        let is_gone = |task: &mut Task<H>| matches!(task, Task::Replace { file, .. } if !self.files.contains_key(file));
        while let Some(Task::Replace { then, .. }) = self.upkeep.waiting.pop_front_if(is_gone) {
            self.events.push_back(Event::NotReplaced(then));
        }
    }

    fn ask_upkeep<P: Embeds<Journal>>(&mut self, out: &mut Outputs<P>) {
        let Some(task) = self.upkeep.waiting.front() else { return };
        let (step, commands): (Step, Vec<DiskCommand>) = match task {
            Task::Replace { file, content, .. } => {
                let (file, parts) = (self.name(*file), content.clone());
                (Step::Replaced, vec![DiskCommand::Replace { file, parts }])
            }
            Task::Delete { files } => {
                let delete = |file: &u64| DiskCommand::Delete { file: self.name(*file) };
                (Step::Deleted, files.iter().map(delete).collect())
            }
        };
        self.upkeep.stage = Stage::Flying { left: commands.len(), full: false };
        for command in commands {
            out.disk(command, self.op::<P>(step));
        }
    }

    /// A replacement or a deletion ended.
    pub(crate) fn upkeep_ended<P: Embeds<Journal>>(
        &mut self,
        result: DiskResult,
        bound: &mut Bound,
        out: &mut Outputs<P>,
    ) -> Result<(), String> {
        let Stage::Flying { left, full } = &mut self.upkeep.stage else { return Ok(()) };
        match result {
            Err(DiskError::Full) => *full = true,
            // A deletion that a crash cut off is asked for again.
            Ok(_) | Err(DiskError::NotFound) => {}
            Err(error) => return Err(format!("a file was replaced or deleted, or not: {error}")),
        }
        *left -= 1;
        if *left > 0 {
            return Ok(());
        }
        let full = *full;
        self.upkeep.stage = Stage::Idle;
        if let Some(Task::Replace { file, content, then }) = self.upkeep.waiting.pop_front() {
            // It may be that it is to be deleted next: then it is named no more.
            if let Some(length) = self.files.get_mut(&file) {
                if !full {
                    *length = content.len() as u64;
                }
                bound.grew((self.family, file), *length, out);
            }
            let ended = if full { Event::NotReplaced } else { Event::Replaced };
            self.events.push_back(ended(then));
        }
        self.is_given_up();
        Ok(())
    }
}
