//! What there is to watch, as numbers and, where somebody has to act on it, as a line of the log.

use host::{Count, Metrics};
use raft::server::count_note;
use sim::{NoteKind, System};

use crate::ticks::TickCounts;
use crate::{Layout, Message, Note, Snowflakes};

/// Of one machine.
pub(super) struct Counts {
    metrics: Metrics,
    stopped: Count,
    stepped_back: Count,
    distance: Count,
    minted: Count,
    refused: Count,
    ticks: TickCounts,
}

impl Counts {
    pub(super) fn new(metrics: &Metrics) -> Counts {
        let stepped_back = "Milliseconds by which the wall clock stepped back behind an id.";
        let distance = "Microseconds, at most, to the authority's wall clock, by the last lease.";
        let refused = "Requests that the worker refused: nothing was minted for them.";
        Counts {
            metrics: metrics.clone(),
            stopped: metrics.gauge("snowflake_stopped_workers", "Workers that mint nothing now."),
            stepped_back: metrics.counter("snowflake_clock_stepped_back_ms_total", stepped_back),
            distance: metrics.gauge("snowflake_authority_distance_us", distance),
            minted: metrics.counter("snowflake_minted_total", "Ids that the worker minted."),
            refused: metrics.counter("snowflake_refused_total", refused),
            ticks: TickCounts::new(metrics),
        }
    }

    /// It noted this about itself.
    pub(super) fn noted(&self, note: &Note) {
        match note {
            // A step of less than a millisecond is one all the same.
            Note::ClockWentBack { by } => {
                self.stepped_back.add(by.as_nanos().div_ceil(1_000_000) as u64);
            }
            Note::Compared { distance } => self.distance.set(distance.as_micros() as u64),
            Note::Stopped { .. } => self.stopped.one(),
            Note::Resumed { .. } => self.stopped.less(1),
            _ => {}
        }
        if matches!(note, Note::Stopped { .. } | Note::Resumed { .. }) {
            tracing::warn!("a worker {note:?}");
        }
        if let NoteKind::Sometimes(name) = Snowflakes::note_kind(note) {
            count_note(&self.metrics, "snowflake_notes_total", name);
        }
    }

    /// A client got this answer, of this layout.
    pub(super) fn answered(&self, answer: &Message, layout: &Layout) {
        let Message::Minted { ids, .. } = answer else { return self.refused.one() };
        self.minted.add(ids.len() as u64);
        self.ticks.minted(layout, ids);
    }
}
