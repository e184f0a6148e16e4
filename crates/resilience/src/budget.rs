//! How many retries the requests so far have earned.
//!
//! Retries multiply load exactly when there is too much of it: three layers that each try three
//! times send 27 requests for one. A budget bounds that over all requests, where a number of
//! attempts for each request does not (Finagle's `RetryBudget`; "Handling Overload" in Beyer et al.,
//! "Site Reliability Engineering", 2016, which allows retries of a tenth of the requests).
//!
//! The law: there are never more retries than the reserve and `percent` of the requests so far; and whoever
//! takes each retry as soon as it is earned gets every one of them, however small the reserve is.

/// Retries in hundredths, so that a percentage of a request is a whole number.
const RETRY: u32 = 100;

/// A budget for the retries of one caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetryBudget {
    percent: u32,
    most: u32,
    balance: u32,
}

impl RetryBudget {
    /// Every request earns this percentage of a retry. Up to `reserve` retries are saved for bad
    /// times, and there at the beginning. What was earned towards the next retry is kept besides: a
    /// reserve of 0 saves nothing, and takes nothing away.
    pub fn new(percent: u32, reserve: u32) -> Self {
        let reserve = reserve.saturating_mul(RETRY);
        let next = percent.saturating_add(RETRY - 1);
        RetryBudget { percent, most: reserve.max(next), balance: reserve }
    }

    /// A request was made, for the first time.
    pub fn deposit(&mut self) {
        self.balance = self.balance.saturating_add(self.percent).min(self.most);
    }

    /// Takes a retry out; false where there is none left, and the request has failed.
    #[must_use]
    pub fn withdraw(&mut self) -> bool {
        let left = self.balance.checked_sub(RETRY);
        self.balance = left.unwrap_or(self.balance);
        left.is_some()
    }

    /// Whole retries left.
    pub fn left(&self) -> u32 {
        self.balance / RETRY
    }
}
