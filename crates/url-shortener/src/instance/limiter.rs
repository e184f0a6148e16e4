//! How many calls to shards a client may cause.
//!
//! The law: in any time t, an instance makes at most `burst` + t x `per_second` calls to shards for one
//! client. Answers from the cache are free: they cost no call, and many people may share an address. A
//! bounded number of clients is remembered. The client that was silent for longest is forgotten first,
//! and begins with a full bucket when it comes again.

use std::time::Duration;

use machine::{Switches, Time};
use resilience::{Generations, TokenBucket};

use crate::mechanism::Mechanism;

/// The limit of each client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Calls a second.
    pub per_second: u32,
    /// Calls at once.
    pub burst: u32,
}

/// The buckets of an instance's clients.
#[derive(Clone, Debug)]
pub(crate) struct Limiter {
    switches: Switches,
    rate: Rate,
    buckets: Generations<u64, TokenBucket>,
}

impl Limiter {
    /// Full buckets, for at least this many clients.
    pub(crate) fn new(rate: Rate, clients: usize, switches: Switches) -> Limiter {
        Limiter { switches, rate, buckets: Generations::new(clients) }
    }

    /// Takes a token out of a client's bucket.
    ///
    /// # Errors
    /// If the bucket is empty: how long until it has a token. Nothing changed.
    pub(crate) fn take(&mut self, client: u64, now: Time) -> Result<(), Duration> {
        if !Mechanism::RateLimit.on(self.switches) {
            return Ok(());
        }
        if let Some(bucket) = self.buckets.get(&client) {
            return bucket.take(now);
        }
        let mut bucket = TokenBucket::new(self.rate.per_second, self.rate.burst);
        let taken = bucket.take(now);
        self.buckets.insert(client, bucket);
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate { per_second: 10, burst: 3 };

    #[test]
    fn each_client_has_a_bucket_of_its_own() {
        let mut limiter = Limiter::new(RATE, 10, Switches::ALL_ON);
        for client in 0..5 {
            assert!((0..3).all(|_| limiter.take(client, Time(0)).is_ok()));
            assert_eq!(limiter.take(client, Time(0)), Err(Duration::from_millis(100)));
        }
        assert!(limiter.take(0, Time(100_000_000)).is_ok());
        assert!(limiter.take(0, Time(100_000_000)).is_err());
    }

    #[test]
    fn a_crowd_of_clients_takes_bounded_memory_and_the_last_are_remembered() {
        let mut limiter = Limiter::new(RATE, 10, Switches::ALL_ON);
        for client in 0..1_000 {
            let taken = (0..10).filter(|_| limiter.take(client, Time(0)).is_ok()).count();
            assert_eq!(taken, 3, "client {client} is remembered while it asks");
            assert!(limiter.buckets.len() <= 20);
        }
        assert!((990..1_000).all(|client| limiter.take(client, Time(0)).is_err()));
    }
}
