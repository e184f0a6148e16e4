//! What a machine notes about itself, as numbers and, where somebody has to act on it, as a line of the
//! log.

use host::{Count, Metrics};
use raft::server::count_note;
use sim::{NoteKind, System};

use crate::{Note, Snowflakes};

pub(super) struct NoteCounts {
    metrics: Metrics,
    stopped: Count,
    stepped_back: Count,
    distance: Count,
}

impl NoteCounts {
    pub(super) fn new(metrics: &Metrics) -> NoteCounts {
        let stepped_back =
            "Milliseconds by which the wall clock stepped back behind what was minted.";
        let distance = "How far the wall clock is from the authority's at most, in microseconds, when a \
                        lease was last given or renewed.";
        NoteCounts {
            metrics: metrics.clone(),
            stopped: metrics.gauge("snowflake_stopped_workers", "Workers that mint nothing now."),
            stepped_back: metrics.counter("snowflake_clock_stepped_back_ms_total", stepped_back),
            distance: metrics.gauge("snowflake_authority_distance_us", distance),
        }
    }

    pub(super) fn noted(&self, note: &Note) {
        match note {
            Note::ClockWentBack { by } => {
                // A step of less than a millisecond is one all the same.
                self.stepped_back.add(by.as_nanos().div_ceil(1_000_000) as u64);
            }
            Note::Compared { distance } => self.distance.set(distance.as_micros() as u64),
            Note::Stopped { .. } => {
                self.stopped.one();
                tracing::warn!("a worker {note:?}");
            }
            Note::Resumed { .. } => {
                self.stopped.less(1);
                tracing::warn!("a worker {note:?}");
            }
            _ => {}
        }
        if let NoteKind::Sometimes(name) = Snowflakes::note_kind(note) {
            count_note(&self.metrics, "snowflake_notes_total", name);
        }
    }
}
