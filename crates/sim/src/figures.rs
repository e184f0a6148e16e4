//! What a system says of a run in numbers of its own, beside those that the lab has of every run.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::durations::Durations;
use crate::history::{Counts, add};

/// Figures by name, in snake_case. Those of several runs add up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Figures {
    /// How many.
    pub counts: Counts,
    /// How much of how much.
    pub shares: BTreeMap<Cow<'static, str>, Share>,
    /// How long, each time.
    pub times: BTreeMap<Cow<'static, str>, Durations>,
}

/// A part of a whole, in one unit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Share {
    /// So much.
    pub part: u64,
    /// Of so much.
    pub whole: u64,
}

impl Share {
    /// Between 0 and 1; `None` of nothing.
    pub fn ratio(self) -> Option<f64> {
        (self.whole > 0).then(|| self.part as f64 / self.whole as f64)
    }
}

impl Figures {
    /// Adds another run's.
    pub fn add(&mut self, other: &Figures) {
        add(&mut self.counts, &other.counts);
        for (name, share) in &other.shares {
            let sum = self.shares.entry(name.clone()).or_default();
            sum.part = sum.part.saturating_add(share.part);
            sum.whole = sum.whole.saturating_add(share.whole);
        }
        for (name, times) in &other.times {
            self.times.entry(name.clone()).or_default().add(times);
        }
    }

    /// All of them.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let (counts, shares, times) = (self.counts.keys(), self.shares.keys(), self.times.keys());
        counts.chain(shares).chain(times).map(|name| &**name)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn figures(count: u64, share: Share, time: Duration) -> Figures {
        let mut figures = Figures::default();
        figures.counts.insert("records".into(), count);
        figures.shares.insert("availability".into(), share);
        figures.times.entry("downtime".into()).or_default().push(time);
        figures
    }

    #[test]
    fn added_up_they_are_those_of_one_run() {
        let mut sum = Figures::default();
        sum.add(&figures(2, Share { part: 1, whole: 2 }, Duration::from_millis(5)));
        sum.add(&figures(3, Share { part: 8, whole: 8 }, Duration::from_millis(9)));
        assert_eq!((sum.counts["records"], sum.times["downtime"].count()), (5, 2));
        assert_eq!(sum.times["downtime"].max(), Some(Duration::from_millis(9)));
        assert_eq!(sum.shares["availability"].ratio(), Some(0.9), "not the mean of two means");
        assert_eq!(sum.names().collect::<Vec<_>>(), ["records", "availability", "downtime"]);
    }

    #[test]
    fn of_nothing_there_is_no_share() {
        assert_eq!(Share::default().ratio(), None);
    }
}
