//! Ejects a host that keeps failing while others do not (Envoy's outlier detection).
//!
//! The law: a host with so many failures in a row gets no work for a time, which grows with every time
//! in a row that this happens to it. But when fewer than `panic_percent` of the hosts are left, all of
//! them get work again (Envoy's panic threshold): the few that are left would be
//! overloaded next, and when every host seems to fail the fault is more likely in the detection. Only
//! current hosts count: one that has left is forgotten, and one that joins is new, even under an old name.

use std::collections::BTreeMap;
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

/// The hosts that share some work, by whatever names them.
#[derive(Clone, Debug)]
pub struct Outliers<H> {
    rule: OutlierRule,
    hosts: BTreeMap<H, Host>,
}

impl<H: Ord> Outliers<H> {
    /// These hosts, all of them well.
    pub fn new(rule: OutlierRule, hosts: impl IntoIterator<Item = H>) -> Self {
        let hosts = hosts.into_iter().map(|host| (host, Host::default())).collect();
        Outliers { rule, hosts }
    }

    /// A host has come, and is well. False where it was there already: then it stays as it is.
    pub fn join(&mut self, host: H) -> bool {
        let known = self.hosts.len();
        self.hosts.entry(host).or_default();
        self.hosts.len() > known
    }

    /// A host has gone. False where there was none of this name.
    pub fn leave(&mut self, host: &H) -> bool {
        self.hosts.remove(host).is_some()
    }

    /// A host answered well or not. True where that ejected it. An answer of a host that has gone
    /// tells nothing.
    pub fn report(&mut self, host: &H, well: bool, now: Time) -> bool {
        let Some(host) = self.hosts.get_mut(host) else { return false };
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

    /// May this host get work now? One that is not there may not.
    pub fn is_usable(&self, host: &H, now: Time) -> bool {
        self.hosts.get(host).is_some_and(|host| now >= host.until || self.panics(now))
    }

    /// Are so few hosts left that all get work?
    pub fn panics(&self, now: Time) -> bool {
        let left = self.hosts.values().filter(|host| now >= host.until).count();
        left * 100 < self.hosts.len() * self.rule.panic_percent as usize
    }
}
