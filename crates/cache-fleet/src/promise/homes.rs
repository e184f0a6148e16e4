//! Where keys live: little movement, balance, copies apart.

use std::collections::{BTreeMap, BTreeSet};

use machine::{Machine, NodeId};
use sim::{Entry, Promise, Verdict, World};

use crate::message::{Fleet, Note};
use crate::shape::Shape;

/// A key that a front has placed before, and a cache that it has taken in or out.
type Key = (NodeId, u64);
type Cache = (NodeId, NodeId);

#[derive(Default)]
pub(super) struct LittleMovement {
    /// The home of each key, and after how many changes of the fleet it was asked for.
    homes: BTreeMap<Key, (NodeId, u64)>,
    changes: u64,
    /// Which change of all was the last of a cache.
    joined: BTreeMap<Cache, u64>,
    left: BTreeMap<Cache, u64>,
}

impl<M: Machine<Protocol = Fleet>> Promise<M> for LittleMovement {
    fn note(&mut self, _: &World<M>, entry: &Entry<Note>) -> Result<(), String> {
        let front = entry.node;
        match &entry.note {
            Note::Joined { cache } => {
                self.changes += 1;
                self.joined.insert((front, *cache), self.changes);
            }
            Note::Left { cache } => {
                self.changes += 1;
                self.left.insert((front, *cache), self.changes);
            }
            Note::Asked { key, copies, .. } => {
                let home = copies[0];
                let before = self.homes.insert((front, *key), (home, self.changes));
                let Some((old, seen)) = before.filter(|(old, _)| *old != home) else {
                    return Ok(());
                };
                let since = |change: Option<&u64>| change.is_some_and(|change| *change > seen);
                let came = since(self.joined.get(&(front, home)));
                if !came && !since(self.left.get(&(front, old))) {
                    return Err(format!(
                        "key {key} moved from {old:?}, which is still there, to {home:?}, which is not new"
                    ));
                }
            }
            _ => {}
        }
        Ok(())
    }
}

/// With a smaller share than this, chance is not normally distributed, and gives some cache more than
/// four standard deviations in one of some thousand runs.
const MIN_SHARE: f64 = 25.0;

/// Keys by home, of each front since it last changed its fleet.
pub(super) struct Balanced {
    shape: Shape,
    fronts: BTreeMap<NodeId, Homes>,
}

struct Homes {
    caches: BTreeSet<NodeId>,
    keys: BTreeMap<u64, NodeId>,
}

impl Balanced {
    pub(super) fn new(shape: Shape) -> Self {
        let caches: BTreeSet<_> =
            shape.cache_ids().into_iter().take(shape.caches as usize).collect();
        let homes = || Homes { caches: caches.clone(), keys: BTreeMap::new() };
        let fronts = shape.front_ids().into_iter().map(|front| (front, homes())).collect();
        Balanced { shape, fronts }
    }
}

impl Homes {
    /// The cache with too many keys, how many it has, and its share.
    fn overloaded(&self, shape: Shape) -> Option<(NodeId, usize, f64)> {
        let weights: u32 = self.caches.iter().map(|cache| shape.weight(*cache)).sum();
        self.caches.iter().find_map(|&cache| {
            let share =
                self.keys.len() as f64 * f64::from(shape.weight(cache)) / f64::from(weights);
            let count = self.keys.values().filter(|home| **home == cache).count();
            let bound = 1.3 * share + 4.0 * share.sqrt();
            (share >= MIN_SHARE && count as f64 > bound).then_some((cache, count, share))
        })
    }
}

impl<M: Machine<Protocol = Fleet>> Promise<M> for Balanced {
    fn note(&mut self, _: &World<M>, entry: &Entry<Note>) -> Result<(), String> {
        let Some(homes) = self.fronts.get_mut(&entry.node) else { return Ok(()) };
        match &entry.note {
            Note::Joined { cache } => drop(homes.caches.insert(*cache)),
            Note::Left { cache } => drop(homes.caches.remove(cache)),
            Note::Asked { key, copies, .. } => drop(homes.keys.insert(*key, copies[0])),
            _ => {}
        }
        if matches!(entry.note, Note::Joined { .. } | Note::Left { .. }) {
            homes.keys.clear();
        }
        Ok(())
    }

    fn end(&mut self, _: &World<M>) -> Verdict {
        match self.fronts.values().find_map(|homes| homes.overloaded(self.shape)) {
            Some((cache, count, share)) => Verdict::Broken(format!(
                "{cache:?} is the home of {count} keys, and its share is {share:.0}"
            )),
            None => Verdict::Held,
        }
    }
}

pub(super) struct CopiesApart {
    pub(super) zones: Vec<u8>,
}

impl<M: Machine<Protocol = Fleet>> Promise<M> for CopiesApart {
    fn note(&mut self, _: &World<M>, entry: &Entry<Note>) -> Result<(), String> {
        let Note::Asked { key, copies, .. } = &entry.note else { return Ok(()) };
        let mut zones: Vec<_> =
            copies.iter().filter_map(|cache| self.zones.get(cache.0 as usize)).collect();
        zones.sort_unstable();
        match zones.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => {
                Err(format!("{copies:?} keep the copies of key {key}, two in zone {}", pair[0]))
            }
            None => Ok(()),
        }
    }
}
