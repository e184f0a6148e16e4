//! How fast data move to a replica that is added: a bucket of bytes (a token bucket).

use std::time::Duration;

use machine::Time;

/// So long may it save up.
const SAVES: Duration = Duration::from_millis(100);

/// In nanoseconds.
const SECOND: u128 = 1_000_000_000;

/// What a broker may send to replicas that are being added.
#[derive(Clone, Debug)]
pub(crate) struct Throttle {
    bytes_a_second: u64,
    /// What is left; less than nothing where a batch was longer than that.
    left: i64,
    at: Time,
    /// Somebody waits for it, until then.
    wanted: Option<Time>,
}

impl Throttle {
    pub(crate) fn new(bytes_a_second: u64) -> Throttle {
        let mut throttle = Throttle { bytes_a_second, left: 0, at: Time(0), wanted: None };
        throttle.left = throttle.most();
        throttle
    }

    /// How long until something may be sent; nothing where it may now.
    pub(crate) fn wait(&mut self, now: Time) -> Option<Duration> {
        let a_second = u128::from(self.bytes_a_second.max(1));
        let gained = now.since(self.at).as_nanos() * a_second / SECOND;
        self.left = self.left.saturating_add(gained as i64).min(self.most());
        // The time of a part of a byte counts the next time: who asks all the time would gain nothing otherwise.
        self.at = self.at + Duration::from_nanos((gained * SECOND / a_second) as u64);
        let missing = self.left.unsigned_abs().saturating_add(1);
        let wait = missing.saturating_mul(1_000_000_000) / self.bytes_a_second.max(1);
        let wait = (self.left <= 0).then(|| Duration::from_nanos(wait + 1));
        self.wanted = wait.map(|wait| now + wait).or(self.wanted);
        wait
    }

    /// How much may be sent now; nothing where that is to be waited for.
    pub(crate) fn lends(&mut self, now: Time) -> Option<u32> {
        match self.wait(now) {
            None => Some(u32::try_from(self.left).unwrap_or(u32::MAX)),
            Some(_) => None,
        }
    }

    /// When something can be sent for which somebody waits.
    pub(crate) fn take_wanted(&mut self) -> Option<Time> {
        self.wanted.take()
    }

    /// So much was sent.
    pub(crate) fn sent(&mut self, bytes: u64) {
        self.left = self.left.saturating_sub_unsigned(bytes);
    }

    fn most(&self) -> i64 {
        (u128::from(self.bytes_a_second) * SAVES.as_nanos() / 1_000_000_000) as i64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_lets_through_what_it_may_and_no_more() {
        let mut throttle = Throttle::new(1_000_000);
        let (mut now, mut sent) = (Time(0), 0_u64);
        while now < Time(0) + Duration::from_secs(5) {
            match throttle.wait(now) {
                Some(wait) => now = now + wait,
                None => {
                    throttle.sent(30_000);
                    sent += 30_000;
                }
            }
        }
        assert!((4_900_000..=5_200_000).contains(&sent), "{sent} bytes in 5 s");
    }

    /// Two who wait for it once asked by turns, each before a byte was gained, and neither ever got one.
    #[test]
    fn who_asks_before_a_byte_is_gained_gains_it_all_the_same() {
        let mut throttle = Throttle::new(500_000);
        let all = throttle.lends(Time(0)).map_or(0, u64::from);
        throttle.sent(all);
        let asks = (0..).map(|number| Time(number * 900));
        let lent = asks.take(100).find_map(|now| throttle.lends(now));
        assert_eq!(lent, Some(1));
    }
}
