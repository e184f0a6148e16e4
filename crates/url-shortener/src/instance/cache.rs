//! Cached copies of links, so that a redirect need not wait for a shard.
//!
//! The law: what is found here was true at some moment within the last [`Freshness`], by the monotonic
//! clock. A copy ages from the moment of the request, not of the reply. Codes without a link are cached
//! too, in a map of their own, so that somebody who tries out codes evicts no links.

use std::sync::Arc;
use std::time::Duration;

use machine::{Switches, Time};
use resilience::Generations;

use crate::mechanism::Mechanism;
use crate::{Key, Link};

/// How long copies are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Freshness {
    /// A link, counted from the request to the shard.
    pub links: Duration,
    /// That a code has no link.
    pub missing: Duration,
}

/// What the cache knows of a code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Known {
    Link(Arc<Link>),
    Missing,
}

/// The cache of an instance.
#[derive(Clone, Debug)]
pub(crate) struct Cache {
    switches: Switches,
    freshness: Freshness,
    links: Generations<Key, (Arc<Link>, Time)>,
    missing: Generations<Key, Time>,
}

impl Cache {
    /// An empty cache, for at least this many links and as many codes without a link.
    pub(crate) fn new(capacity: usize, freshness: Freshness, switches: Switches) -> Cache {
        let (links, missing) = (Generations::new(capacity), Generations::new(capacity));
        Cache { switches, freshness, links, missing }
    }

    /// What is known of this code, if it is fresh.
    pub(crate) fn get(&mut self, key: &Key, now: Time) -> Option<Known> {
        let expires = Mechanism::CacheExpiry.on(self.switches);
        let Freshness { links, missing } = self.freshness;
        let fresh = |asked: Time, bound| !expires || now.since(asked) < bound;
        if let Some((link, asked)) = self.links.get(key) {
            if fresh(*asked, links) {
                return Some(Known::Link(link.clone()));
            }
            self.links.remove(key);
        }
        let asked = *self.missing.get(key)?;
        if fresh(asked, missing) {
            return Some(Known::Missing);
        }
        self.missing.remove(key);
        None
    }

    /// Would the reply to a read that began at `asked` be fresh enough for a visitor who comes `now`?
    pub(crate) fn is_fresh(&self, asked: Time, now: Time) -> bool {
        now.since(asked) < self.freshness.links.min(self.freshness.missing)
    }

    /// Keeps the reply of a shard that was asked at this moment.
    pub(crate) fn learn(&mut self, key: Key, known: Known, asked: Time) {
        self.forget(&key);
        match known {
            Known::Link(link) => self.links.insert(key, (link, asked)),
            Known::Missing if Mechanism::NegativeCache.on(self.switches) => {
                self.missing.insert(key, asked);
            }
            Known::Missing => {}
        }
    }

    /// Forgets the code, because its link was changed.
    pub(crate) fn forget(&mut self, key: &Key) {
        self.links.remove(key);
        self.missing.remove(key);
    }

    /// The number of links in the cache.
    pub(crate) fn len(&self) -> usize {
        self.links.len()
    }
}

#[cfg(test)]
mod tests {
    use machine::Wall;

    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;
    const FRESH: Freshness =
        Freshness { links: Duration::from_millis(100), missing: Duration::from_millis(10) };

    fn key(code: &str) -> Key {
        Key::new("", code)
    }

    fn link(url: &str) -> Known {
        Known::Link(Arc::new(Link::new(url, Wall(0))))
    }

    #[test]
    fn a_copy_ages_from_the_moment_at_which_it_was_asked_for() {
        let mut cache = Cache::new(10, FRESH, Switches::ALL_ON);
        let asked = Time(0) + MS(50);
        cache.learn(key("a"), link("a"), asked);
        assert_eq!(cache.get(&key("a"), asked + MS(99)), Some(link("a")));
        assert_eq!(cache.get(&key("a"), asked + MS(100)), None);
        cache.learn(key("b"), Known::Missing, asked);
        assert_eq!(cache.get(&key("b"), asked + MS(9)), Some(Known::Missing));
        assert_eq!(cache.get(&key("b"), asked + MS(10)), None);
    }

    #[test]
    fn what_is_learned_replaces_what_was_known() {
        let mut cache = Cache::new(10, FRESH, Switches::ALL_ON);
        for known in [link("a"), Known::Missing, link("b"), link("c"), Known::Missing] {
            cache.learn(key("a"), known.clone(), Time(0));
            assert_eq!(cache.get(&key("a"), Time(0)), Some(known));
        }
        cache.forget(&key("a"));
        assert_eq!(cache.get(&key("a"), Time(0)), None);
    }

    #[test]
    fn codes_without_links_push_no_link_out() {
        let mut cache = Cache::new(4, FRESH, Switches::ALL_ON);
        cache.learn(key("a"), link("a"), Time(0));
        (0..1_000).for_each(|n| cache.learn(key(&n.to_string()), Known::Missing, Time(0)));
        assert_eq!(cache.get(&key("a"), Time(0)), Some(link("a")));
        assert_eq!(cache.get(&key("999"), Time(0)), Some(Known::Missing));
    }

    #[test]
    fn what_is_left_out_is_not_done() {
        let without = Mechanism::off;
        let mut cache = Cache::new(4, FRESH, without(Mechanism::NegativeCache));
        cache.learn(key("a"), Known::Missing, Time(0));
        assert_eq!(cache.get(&key("a"), Time(0)), None);
        let mut cache = Cache::new(4, FRESH, without(Mechanism::CacheExpiry));
        cache.learn(key("a"), link("a"), Time(0));
        assert_eq!(cache.get(&key("a"), Time(u64::MAX)), Some(link("a")));
    }
}
