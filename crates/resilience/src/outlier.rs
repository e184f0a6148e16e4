//! Takes the odd one out: a host that keeps failing while others do not (Envoy's outlier detection).
//!
//! The law: a host with so many failures in a row gets no work for a time, which grows with every time
//! in a row that this happens to it. But when fewer than `panic_percent` of the hosts are left, all of
//! them get work again (Envoy's panic threshold): the few would only be the next to drown, and when
//! everything seems broken it is rather the seeing that is.

use std::time::Duration;

use machine::Time;

/// When a host is ejected, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutlierRule {
    /// So many failures in a row eject a host.
    pub failures: u32,
    /// For how long, the first time; the second time twice as long, the third three times.
    pub ejection: Duration,
    /// Never for longer than this.
    pub longest: Duration,
    /// With fewer hosts than this percentage left, nobody counts as ejected.
    pub panic_percent: u32,
}

#[derive(Clone, Debug, Default)]
struct Host {
    failures: u32,
    /// In a row; every success after a return takes one back.
    ejections: u32,
    until: Time,
}

/// The hosts that share some work.
#[derive(Clone, Debug)]
pub struct Outliers {
    rule: OutlierRule,
    hosts: Vec<Host>,
}

impl Outliers {
    /// So many hosts, all of them well.
    pub fn new(rule: OutlierRule, hosts: usize) -> Self {
        Outliers { rule, hosts: vec![Host::default(); hosts] }
    }

    /// A host answered well or not. True where that ejected it.
    ///
    /// # Panics
    /// If there is no such host.
    pub fn report(&mut self, host: usize, well: bool, now: Time) -> bool {
        let host = &mut self.hosts[host];
        if now < host.until {
            // In a panic it has work, but it was judged already.
            return false;
        }
        if well {
            host.failures = 0;
            host.ejections = host.ejections.saturating_sub(1);
            return false;
        }
        host.failures += 1;
        if host.failures < self.rule.failures {
            return false;
        }
        host.failures = 0;
        host.ejections = host.ejections.saturating_add(1);
        host.until = now + self.rule.ejection.saturating_mul(host.ejections).min(self.rule.longest);
        true
    }

    /// May this host get work now?
    ///
    /// # Panics
    /// If there is no such host.
    pub fn is_usable(&self, host: usize, now: Time) -> bool {
        now >= self.hosts[host].until || self.panics(now)
    }

    /// Are so few hosts left that all get work?
    pub fn panics(&self, now: Time) -> bool {
        let left = self.hosts.iter().filter(|host| now >= host.until).count();
        left * 100 < self.hosts.len() * self.rule.panic_percent as usize
    }
}
