//! What is counted, for Prometheus. Nothing in here is about a visitor.
//!
//! The hit rate of the cache is the redirects from it over all redirects.

use host::{Count, Metrics};

use crate::message::Why;
use crate::{Answer, Note};

/// Numbers of a service. Clones are the same numbers.
#[derive(Clone)]
pub(super) struct ServerCounts {
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

impl ServerCounts {
    pub(super) fn new(metrics: &Metrics) -> ServerCounts {
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
        ServerCounts {
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

    /// A visit came to this.
    pub(super) fn visited(&self, answer: &Answer) {
        match answer {
            Answer::Redirect { from_cache: true, .. } => self.from_cache.one(),
            Answer::Redirect { .. } => self.from_store.one(),
            Answer::Missing | Answer::Expired => self.missing.one(),
            _ => self.refused.one(),
        }
    }

    /// A link was made.
    pub(super) fn created(&self) {
        self.created.one();
    }

    /// A node noted something.
    pub(super) fn note(&self, note: &Note) {
        match note {
            Note::Called { why: Why::Visit, .. } => self.read.one(),
            Note::Called { .. } => self.called.one(),
            Note::Clicked { .. } => self.clicked.one(),
            Note::Dropped { .. } => self.dropped.one(),
            Note::Cut => self.cut.one(),
            _ => {}
        }
    }
}
