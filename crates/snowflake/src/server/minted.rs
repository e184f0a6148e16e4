//! What a worker answered, in numbers.

use std::sync::{Mutex, PoisonError};

use host::{Count, Metrics};

use crate::{Id, Layout, Message};

pub(super) struct MintCounts {
    ticks: Mutex<Ticks>,
    minted: Count,
    refused: Count,
}

impl MintCounts {
    pub(super) fn new(layout: Layout, metrics: &Metrics) -> MintCounts {
        let refused = "Requests that the worker refused: nothing was minted for them.";
        MintCounts {
            ticks: Mutex::new(Ticks::new(layout, metrics)),
            minted: metrics.counter("snowflake_minted_total", "Ids that the worker minted."),
            refused: metrics.counter("snowflake_refused_total", refused),
        }
    }

    /// A client got this answer.
    pub(super) fn answered(&self, answer: &Message) {
        match answer {
            Message::Minted { ids, .. } => {
                self.minted.add(ids.len() as u64);
                // Ticks are whole between any two calls on them.
                self.ticks.lock().unwrap_or_else(PoisonError::into_inner).minted(ids);
            }
            Message::Refused { .. } => self.refused.one(),
            _ => {}
        }
    }
}

/// The ticks in which one worker minted, by how much of their sequence was used.
///
/// A gauge would show the tick that was open when somebody looked, and a look every few seconds would
/// miss the busy ones. The law: a tick is counted once, when a later one begins.
struct Ticks {
    layout: Layout,
    /// The last id of the tick that is open.
    last: Option<Id>,
    /// By fifths of the sequence: the last one is above 80%.
    used: [Count; 5],
}

impl Ticks {
    fn new(layout: Layout, metrics: &Metrics) -> Ticks {
        let help = "Ticks in which ids were minted, by the share of their sequence that was used.";
        let used = ["0-20%", "20-40%", "40-60%", "60-80%", "80-100%"];
        let count = |share| metrics.labelled("snowflake_ticks_total", help, "used", share);
        Ticks { layout, last: None, used: used.map(count) }
    }

    /// A worker minted these, in order.
    fn minted(&mut self, ids: &[Id]) {
        for tick in ids.chunk_by(|a, b| self.layout.timestamp(*a) == self.layout.timestamp(*b)) {
            let before = self.last.replace(tick[tick.len() - 1]);
            let is_over = |last: &Id| self.layout.timestamp(*last) < self.layout.timestamp(tick[0]);
            if let Some(last) = before.filter(is_over) {
                self.used[self.fifth(last)].one();
            }
        }
    }

    /// Into which fifth the use of a tick falls whose last id this is: a sequence is used from 0 on.
    fn fifth(&self, last: Id) -> usize {
        let used = u128::from(self.layout.sequence(last)) + 1;
        let all = u128::from(self.layout.max_sequence()) + 1;
        (used * 5).div_ceil(all) as usize - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_tick_is_counted_once_by_the_share_that_was_used() {
        let metrics = Metrics::default();
        let layout = Layout::twitter();
        let mut ticks = Ticks::new(layout.clone(), &metrics);
        let ids = |tick, from: u64, to: u64| -> Vec<Id> {
            (from..to).map(|sequence| layout.encode(tick, 7, sequence).unwrap()).collect()
        };
        ticks.minted(&ids(1, 0, 1));
        ticks.minted(&ids(1, 1, 3_000));
        // One answer may end a tick, use another up and begin a third.
        ticks.minted(&[ids(1, 3_000, 3_276), ids(2, 0, 4_096), ids(3, 0, 10)].concat());
        ticks.minted(&ids(9, 0, 3_277));
        ticks.minted(&ids(10, 0, 1));
        let counts = ticks.used.each_ref().map(Count::get);
        assert_eq!(counts, [1, 0, 0, 1, 2], "ticks 3, 1, and both 2 and 9; 10 is open");
        assert!(metrics.text().contains("snowflake_ticks_total{used=\"80-100%\"} 2\n"));
    }
}
