//! Metrics of the server, for Prometheus. None is about a single visitor.
//!
//! The cache's hit rate is the redirects from the cache divided by all redirects.

use host::{Count, Metrics};

use crate::message::Why;
use crate::{Answer, Note};

/// The counters of a server. Clones share them.
#[derive(Clone)]
pub(super) struct ServerMetrics {
    from_cache: Count,
    from_store: Count,
    missing: Count,
    refused: Count,
    read: Count,
    called: Count,
    created: Count,
    clicked: Count,
    dropped: Count,
    cut: Count,
}

impl ServerMetrics {
    pub(super) fn new(metrics: &Metrics) -> ServerMetrics {
        let visits = |result| {
            let help = "Visits, by what came of them.";
            metrics.labelled("shortener_visits_total", help, "result", result)
        };
        let calls = |why| {
            let help = "Calls to shards and the tally, by what for.";
            metrics.labelled("shortener_calls_total", help, "why", why)
        };
        let clicks = |fate| {
            let help = "Clicks, by whether the log had room for them.";
            metrics.labelled("shortener_clicks_total", help, "fate", fate)
        };
        ServerMetrics {
            from_cache: visits("redirect-from-cache"),
            from_store: visits("redirect-from-store"),
            missing: visits("missing"),
            refused: visits("refused"),
            read: calls("visit"),
            called: calls("owner"),
            created: metrics.counter("shortener_created_total", "Links that were made."),
            clicked: clicks("logged"),
            dropped: clicks("dropped"),
            cut: metrics.counter("shortener_stores_cut_total", "Stores whose end a crash tore."),
        }
    }

    /// Counts a visit by its answer.
    pub(super) fn visited(&self, answer: &Answer) {
        match answer {
            Answer::Redirect { from_cache: true, .. } => self.from_cache.one(),
            Answer::Redirect { .. } => self.from_store.one(),
            Answer::Missing | Answer::Expired => self.missing.one(),
            _ => self.refused.one(),
        }
    }

    /// Counts a new link.
    pub(super) fn created(&self) {
        self.created.one();
    }

    /// Counts a note of the node whose folder is called so.
    pub(super) fn note(&self, node: &str, note: &Note) {
        match note {
            Note::Called { why: Why::Visit, .. } => self.read.one(),
            Note::Called { .. } => self.called.one(),
            Note::Clicked { .. } => self.clicked.one(),
            Note::Dropped { .. } => self.dropped.one(),
            Note::Cut => {
                self.cut.one();
                let why = "a crash tore the last write to it, which nobody was told of";
                tracing::warn!("the end of the store of {node} was cut off: {why}");
            }
            _ => {}
        }
    }
}
