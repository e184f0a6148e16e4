//! Copies of links, so that a redirect need not wait for the store.
//!
//! The law: what is found here was true at some moment within the last [`Freshness`], whatever any wall
//! clock says: a copy ages from the moment at which it was asked for, not from that at which it came.
//! That there is no link is remembered too, in a place of its own, so that somebody who tries out
//! codes pushes no link out.

use std::sync::Arc;
use std::time::Duration;

use machine::{Switches, Time};

use crate::generations::Generations;
use crate::mechanism::Mechanism;
use crate::{Key, Link};

/// How long copies are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Freshness {
    /// A link, from the moment at which the shard was asked.
    pub links: Duration,
    /// That there is none.
    pub missing: Duration,
}

/// What is known of a code without asking.
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
    /// An empty one, which surely remembers this many links and as many codes without one.
    pub(crate) fn new(capacity: usize, freshness: Freshness, switches: Switches) -> Cache {
        let (links, missing) = (Generations::new(capacity), Generations::new(capacity));
        Cache { switches, freshness, links, missing }
    }

    /// What is known of this code now.
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

    /// Is what a shard says, that was asked at this moment, fresh enough for somebody who comes now?
    pub(crate) fn is_fresh(&self, asked: Time, now: Time) -> bool {
        now.since(asked) < self.freshness.links.min(self.freshness.missing)
    }

    /// A shard that was asked at this moment has said what there is.
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

    /// Somebody changes it: whatever was known is not known any more.
    pub(crate) fn forget(&mut self, key: &Key) {
        self.links.remove(key);
        self.missing.remove(key);
    }

    /// How many links there are copies of.
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
        Known::Link(Arc::new(Link {
            url: url.into(),
            status: Default::default(),
            created_at: Wall(0),
            expires_at: None,
            title: None,
            tags: Vec::new(),
            earlier_clicks: 0,
            incarnation: 0,
            forward_query: None,
        }))
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
