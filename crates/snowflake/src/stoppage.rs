//! Since when a worker mints nothing, and why: what its operator has to hear of, once.
//!
//! The law: a stoppage is noted when it begins and when it ends, however many requests are refused in
//! between; and it ends as soon as ids could be minted again, whether or not anybody asks. Whoever
//! sends requests only to those who are well would otherwise never bring the worker back.

use std::time::Duration;

use machine::{Now, Outputs, Time};

use crate::message::{Note, Refusal, Snowflake, Timer};

/// How often a worker that mints nothing looks whether it could.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

#[derive(Clone, Debug, Default)]
pub(crate) struct Stoppage {
    /// Why nothing is minted now, and since when.
    stopped: Option<(Refusal, Time)>,
    /// How far the wall clock was behind what was minted, or the mark, when that was last seen.
    behind: Duration,
}

impl Stoppage {
    /// Why nothing is minted, if so.
    pub(crate) fn why(&self) -> Option<Refusal> {
        self.stopped.map(|(why, _)| why)
    }

    /// Nothing can be minted now; the clock, if it is the cause, is off by so much.
    pub(crate) fn holds(
        &mut self,
        why: Refusal,
        off: Duration,
        now: &Now<'_>,
        out: &mut Outputs<Snowflake>,
    ) {
        let since = self.stopped.map_or(now.time, |(_, since)| since);
        if self.stopped.replace((why, since)).is_none() {
            out.note(Note::Stopped { why, off });
        }
        out.set_timer(Timer::Look, LOOK_AGAIN);
    }

    /// Ids could be minted now.
    pub(crate) fn is_over(&mut self, now: &Now<'_>, out: &mut Outputs<Snowflake>) {
        if let Some((_, since)) = self.stopped.take() {
            out.note(Note::Resumed { after: now.time.since(since) });
            out.cancel_timer(Timer::Look);
        }
    }

    /// The clock is behind by so much. That is a step back only by as much as it is more than before.
    pub(crate) fn clock_is_behind(&mut self, by: Duration, out: &mut Outputs<Snowflake>) {
        let before = std::mem::replace(&mut self.behind, by);
        if by > before {
            out.note(Note::ClockWentBack { by: by - before });
        }
    }

    /// The clock is known to be behind by so much, and that is no step back: not at all, where something
    /// was just minted, or by the mark above which a worker begins.
    pub(crate) fn clock_begins_behind(&mut self, by: Duration) {
        self.behind = by;
    }
}
