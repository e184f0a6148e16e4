//! Where keys live: little movement, balance, copies apart.

use std::collections::{BTreeMap, BTreeSet};

use machine::{Machine, NodeId};
use sim::{Breach, Entry, Evidence, Measure, Promise, Verdict, World};

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
    fn note(&mut self, world: &World<M>, entry: &Entry<Note>) -> Result<(), Breach> {
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
                    let why = format!(
                        "key {key} moved from {old:?}, which is still there, to {home:?}, which is not new"
                    );
                    let was_asked = |earlier: &&Entry<Note>| {
                        let Note::Asked { key: other, copies, .. } = &earlier.note else {
                            return false;
                        };
                        earlier.node == front && other == key && copies[0] == old
                    };
                    let breach = Breach::from(why).on(Evidence::Value(format!("key {key}")));
                    let before = world.history().iter().rev().find(was_asked);
                    return Err(before
                        .into_iter()
                        .fold(breach, |breach, earlier| breach.on_moment(earlier.at, front)));
                }
            }
            _ => {}
        }
        Ok(())
    }
    fn measures(&self, world: &World<M>) -> Vec<Measure> {
        let (mut homes, mut moved) = (BTreeMap::new(), BTreeSet::new());
        for entry in world.history().iter() {
            if let Note::Asked { key, copies, .. } = &entry.note
                && homes.insert((entry.node, *key), copies[0]).is_some_and(|old| old != copies[0])
            {
                moved.insert((entry.node, *key));
            }
        }
        let share = (moved.len() * 100).checked_div(homes.len()).unwrap_or(0);
        vec![Measure {
            label: "of 100 keys that a front asked for, moved while caches came and went".into(),
            value: share as u64,
            course: Vec::new(),
        }]
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

impl Balanced {
    fn place(&mut self, entry: &Entry<Note>) {
        let Some(homes) = self.fronts.get_mut(&entry.node) else { return };
        match &entry.note {
            Note::Joined { cache } => drop(homes.caches.insert(*cache)),
            Note::Left { cache } => drop(homes.caches.remove(cache)),
            Note::Asked { key, copies, .. } => drop(homes.keys.insert(*key, copies[0])),
            _ => {}
        }
        if matches!(entry.note, Note::Joined { .. } | Note::Left { .. }) {
            homes.keys.clear();
        }
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
    fn note(&mut self, _: &World<M>, entry: &Entry<Note>) -> Result<(), Breach> {
        self.place(entry);
        Ok(())
    }

    fn end(&mut self, _: &World<M>) -> Verdict {
        match self.fronts.values().find_map(|homes| homes.overloaded(self.shape)) {
            Some((cache, count, share)) => {
                let why =
                    format!("{cache:?} is the home of {count} keys, and its share is {share:.0}");
                Verdict::Broken(Breach::from(why).on(Evidence::Value(format!("{cache:?}"))))
            }
            None => Verdict::Held,
        }
    }

    /// Of each cache, against its share.
    fn measures(&self, world: &World<M>) -> Vec<Measure> {
        let mut all = Balanced::new(self.shape);
        for entry in world.history().iter() {
            all.place(entry);
        }
        let Some(homes) = all.fronts.values().max_by_key(|homes| homes.keys.len()) else {
            return Vec::new();
        };
        let weights: u32 = homes.caches.iter().map(|cache| self.shape.weight(*cache)).sum();
        let measure = |cache: &NodeId| {
            let share = homes.keys.len() as u64 * u64::from(self.shape.weight(*cache));
            let share = share / u64::from(weights.max(1));
            let label = format!("keys whose home is {cache:?}, whose share is {share}");
            let value = homes.keys.values().filter(|home| *home == cache).count() as u64;
            Measure { label, value, course: Vec::new() }
        };
        homes.caches.iter().map(measure).collect()
    }
}

pub(super) struct CopiesApart {
    pub(super) zones: Vec<u8>,
}

impl<M: Machine<Protocol = Fleet>> Promise<M> for CopiesApart {
    fn note(&mut self, _: &World<M>, entry: &Entry<Note>) -> Result<(), Breach> {
        let Note::Asked { key, copies, .. } = &entry.note else { return Ok(()) };
        let mut zones: Vec<_> =
            copies.iter().filter_map(|cache| self.zones.get(cache.0 as usize)).collect();
        zones.sort_unstable();
        match zones.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(Breach::from(format!(
                "{copies:?} keep the copies of key {key}, two in zone {}",
                pair[0]
            ))),
            None => Ok(()),
        }
    }
}
