//! How much of their sequence ticks use up.

use std::sync::{Mutex, PoisonError};

use host::{Count, Metrics};

use crate::{Id, Layout};

/// Ticks in which one worker minted, counted by fifths of their sequence.
pub(crate) struct TickCounts {
    used: [Count; 5],
    ticks: Mutex<Ticks>,
}

impl TickCounts {
    pub(crate) fn new(metrics: &Metrics) -> TickCounts {
        let help = "Ticks in which ids were minted, by the share of their sequence that was used.";
        let used = ["0-20%", "20-40%", "40-60%", "60-80%", "80-100%"];
        let used = used.map(|share| metrics.labelled("snowflake_ticks_total", help, "used", share));
        TickCounts { used, ticks: Mutex::default() }
    }

    /// The worker minted these, of this layout, in order.
    pub(crate) fn minted(&self, layout: &Layout, ids: &[Id]) {
        // Ticks are whole between any two calls on them.
        let mut ticks = self.ticks.lock().unwrap_or_else(PoisonError::into_inner);
        ticks.minted(layout, ids, |fifth| self.used[fifth].one());
    }
}

/// The ticks in which one worker minted, by how much of their sequence was used.
///
/// A gauge would show the tick that was open when somebody looked, and a look every few seconds would
/// miss the busy ones. The law: a tick is told of once, when a later one begins.
#[derive(Debug, Default)]
struct Ticks {
    /// The last id of the tick that is open.
    last: Option<Id>,
}

impl Ticks {
    /// A worker minted these, in order. Of each tick that is over `used` is told the fifth of the sequence, from 0
    /// on, in which its last id is: a sequence is used from 0 on.
    fn minted(&mut self, layout: &Layout, ids: &[Id], mut used: impl FnMut(usize)) {
        for tick in ids.chunk_by(|a, b| layout.timestamp(*a) == layout.timestamp(*b)) {
            let before = self.last.replace(tick[tick.len() - 1]);
            let is_over = |last: &Id| layout.timestamp(*last) < layout.timestamp(tick[0]);
            if let Some(last) = before.filter(is_over) {
                used(fifth(layout, last));
            }
        }
    }
}

fn fifth(layout: &Layout, last: Id) -> usize {
    let used = u128::from(layout.sequence(last)) + 1;
    let all = u128::from(layout.max_sequence()) + 1;
    (used * 5).div_ceil(all) as usize - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_tick_is_told_of_once_by_the_share_that_was_used() {
        let layout = Layout::twitter();
        let mut ticks = Ticks::default();
        let ids = |tick, from: u64, to: u64| -> Vec<Id> {
            (from..to).map(|sequence| layout.encode(tick, 7, sequence).unwrap()).collect()
        };
        let mut fifths = [0; 5];
        for minted in [
            ids(1, 0, 1),
            ids(1, 1, 3_000),
            // One answer may end a tick, use another up and begin a third.
            [ids(1, 3_000, 3_276), ids(2, 0, 4_096), ids(3, 0, 10)].concat(),
            ids(9, 0, 3_277),
            ids(10, 0, 1),
        ] {
            ticks.minted(&layout, &minted, |fifth| fifths[fifth] += 1);
        }
        assert_eq!(fifths, [1, 0, 0, 1, 2], "ticks 3, 1, and both 2 and 9; 10 is open");
    }
}
