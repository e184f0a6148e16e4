//! What a server counts, for whoever watches it: elections, cuts, and what machines note of themselves.

use host::{Count, Metrics};

use replicated_log::note::Note;

/// Of one node.
pub(super) struct LogMetrics {
    leads: Count,
    cuts: Count,
    damages: Count,
    metrics: Metrics,
}

impl LogMetrics {
    pub(super) fn new(metrics: &Metrics) -> LogMetrics {
        LogMetrics {
            leads: metrics
                .counter("log_elected_total", "How often a broker here began to lead a partition."),
            cuts: metrics.counter(
                "log_cuts_total",
                "How often a replica here cut off what another leader overruled.",
            ),
            damages: metrics.counter(
                "log_damaged_total",
                "How often a disk here did not give what a replica had on it.",
            ),
            metrics: metrics.clone(),
        }
    }

    pub(super) fn noted(&self, note: &Note) {
        match note {
            Note::Leads { .. } => self.leads.one(),
            Note::Cut { .. } => self.cuts.one(),
            Note::Damaged { .. } => {
                tracing::warn!("{note:?}");
                self.damages.one();
            }
            Note::Sometimes(what) => {
                raft::server::count_note(&self.metrics, "log_notes_total", what)
            }
            _ => {}
        }
    }
}
