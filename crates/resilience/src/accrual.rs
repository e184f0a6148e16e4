//! How suspicious a silence is, as a number (Hayashibara, Défago, Yared and Katayama, "The phi accrual
//! failure detector", SRDS 2004).
//!
//! A fixed time-out is wrong for every network but one. This detector learns how far apart heartbeats
//! come, and says how unlikely the present silence is: at phi, a node that is alive would be this late
//! with a probability of 10 to the minus phi. What phi to act at is the caller's choice, and each may
//! have its own: 1 to stop sending work to the node, 8 to replace it.
//!
//! A silence that was suspicious enough to act on was an outage, not an interval between heartbeats. If it
//! counted as one, ten minutes of it would raise the mean and the deviation of a hundred intervals, and the
//! next failure would go unnoticed for as long. So it is remembered as the longest interval that is not an
//! outage. One outage then changes little; and if heartbeats have become slow for good, each one raises the
//! mean for the next.
//!
//! The law: phi never falls while nothing is heard; an outage of any length is remembered as the shortest
//! one; and nothing here is a float. The deviation is an integer square root, and the tail of the normal
//! distribution is a table with linear interpolation, so all nodes on all platforms suspect alike.

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use machine::{Time, nanos};

/// -log10 of the chance that a normally distributed number is at least so many quarters of a standard
/// deviation above the mean, in thousandths.
const TAIL: [u64; 33] = [
    301, 397, 511, 645, 800, 976, 1175, 1397, 1643, 1913, 2207, 2526, 2870, 3239, 3633, 4053, 4499,
    4971, 5469, 5993, 6543, 7119, 7721, 8350, 9006, 9688, 10396, 11131, 11893, 12681, 13496, 14338,
    15206,
];
/// Longer intervals count as this long; their squares fit.
const LONGEST: u64 = 86_400_000_000_000;

/// How suspicious a silence is, in thousandths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Phi(pub u64);

/// `8.000`.
impl fmt::Display for Phi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03}", self.0 / 1_000, self.0 % 1_000)
    }
}

/// What a detector expects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccrualRule {
    /// How far heartbeats are apart, until more is known.
    pub expected: Duration,
    /// They deviate by at least so much: without it, the first delay after very regular heartbeats would look
    /// like a failure.
    pub least_deviation: Duration,
    /// How many intervals are remembered, up to a thousand.
    pub window: usize,
    /// From this phi on a silence is an outage: no lower than what anybody acts at.
    pub outage: Phi,
}

/// The detector of one node.
#[derive(Clone, Debug)]
pub struct Accrual {
    rule: AccrualRule,
    heard: Time,
    intervals: VecDeque<u64>,
    sum: u128,
    squares: u128,
}

impl Accrual {
    /// A detector that begins as if it had just heard, and once before.
    pub fn new(rule: AccrualRule, now: Time) -> Self {
        let (intervals, sum, squares) = (VecDeque::new(), 0, 0);
        let mut detector = Accrual { rule, heard: now, intervals, sum, squares };
        detector.remember(nanos(rule.expected));
        detector
    }

    /// A heartbeat came.
    pub fn heard(&mut self, now: Time) {
        self.remember(nanos(now.since(self.heard)).min(self.longest_beat()));
        self.heard = self.heard.max(now);
    }

    /// How suspicious the silence is by now; zero before the next heartbeat is due.
    pub fn phi(&self, now: Time) -> Phi {
        let (mean, deviation) = self.mean_and_deviation();
        let silence = nanos(now.since(self.heard));
        let Some(late) = silence.checked_sub(mean) else { return Phi(0) };
        // Thousandths of a step of the table.
        let position = u128::from(late) * 4_000 / u128::from(deviation);
        let position = u64::try_from(position).unwrap_or(u64::MAX);
        let last = TAIL.len() - 2;
        let step = usize::try_from(position / 1_000).unwrap_or(last).min(last);
        // Beyond the table the last line goes on; the true phi grows faster still.
        let beyond = position - step as u64 * 1_000;
        let rise = (TAIL[step + 1] - TAIL[step]).saturating_mul(beyond) / 1_000;
        Phi(TAIL[step] + rise)
    }

    /// The silence at which phi reaches that of an outage: the inverse of [`Accrual::phi`].
    fn longest_beat(&self) -> u64 {
        let (mean, deviation) = self.mean_and_deviation();
        let outage = self.rule.outage.0;
        let step = TAIL.partition_point(|phi| *phi <= outage).clamp(1, TAIL.len() - 1) - 1;
        let rise = outage.saturating_sub(TAIL[step]).saturating_mul(1_000);
        let position = (step as u64 * 1_000).saturating_add(rise / (TAIL[step + 1] - TAIL[step]));
        let late = u128::from(position) * u128::from(deviation) / 4_000;
        mean.saturating_add(u64::try_from(late).unwrap_or(u64::MAX))
    }

    fn remember(&mut self, interval: u64) {
        let interval = interval.min(LONGEST);
        self.intervals.push_back(interval);
        self.sum += u128::from(interval);
        self.squares += u128::from(interval).pow(2);
        if self.intervals.len() > self.rule.window.clamp(2, 1_000)
            && let Some(oldest) = self.intervals.pop_front()
        {
            self.sum -= u128::from(oldest);
            self.squares -= u128::from(oldest).pow(2);
        }
    }

    fn mean_and_deviation(&self) -> (u64, u64) {
        let count = self.intervals.len() as u128;
        let variance = (count * self.squares - self.sum.pow(2)) / count.pow(2);
        let deviation = variance.isqrt() as u64;
        ((self.sum / count) as u64, deviation.max(nanos(self.rule.least_deviation)).max(1))
    }
}
