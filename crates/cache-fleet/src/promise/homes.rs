//! Where keys live: little movement, balance, copies apart.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use machine::{Machine, NodeId, Time};
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

/// A key that has another home than it had.
struct Moved {
    key: u64,
    old: NodeId,
    home: NodeId,
    /// Did its cache leave, or one join that is its home now?
    must: bool,
}

impl LittleMovement {
    /// The key that is found to have moved, if this note shows that.
    fn moved(&mut self, entry: &Entry<Note>) -> Option<Moved> {
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
                let (old, seen) = before.filter(|(old, _)| *old != home)?;
                let since = |change: Option<&u64>| change.is_some_and(|change| *change > seen);
                let came = since(self.joined.get(&(front, home)));
                let must = came || since(self.left.get(&(front, old)));
                return Some(Moved { key: *key, old, home, must });
            }
            _ => {}
        }
        None
    }
}

impl<M: Machine<Protocol = Fleet>> Promise<M> for LittleMovement {
    fn note(&mut self, world: &World<M>, entry: &Entry<Note>) -> Result<(), Breach> {
        let Some(Moved { key, old, home, must: false }) = self.moved(entry) else { return Ok(()) };
        let front = entry.node;
        let why = format!(
            "key {key} moved from {old:?}, which is still there, to {home:?}, which is not new"
        );
        let was_asked = |earlier: &&Entry<Note>| {
            let Note::Asked { key: other, copies, .. } = &earlier.note else { return false };
            earlier.node == front && key == *other && copies[0] == old
        };
        let breach = Breach::from(why).on(Evidence::Value(format!("key {key}")));
        let before = world.history().iter().rev().find(was_asked);
        Err(before.into_iter().fold(breach, |breach, earlier| breach.on_moment(earlier.at, front)))
    }

    fn measures(&self, world: &World<M>) -> Vec<Measure> {
        let mut all = LittleMovement::default();
        let (mut moved, mut in_vain) = (BTreeMap::new(), BTreeMap::new());
        for entry in world.history().iter() {
            if let Some(Moved { key, must, .. }) = all.moved(entry) {
                let first = if must { &mut moved } else { &mut in_vain };
                first.entry((entry.node, key)).or_insert(entry.at);
            }
        }
        let count = |label: &str, first: BTreeMap<Key, Time>| {
            let mut times: Vec<Time> = first.into_values().collect();
            times.sort_unstable();
            let changes: Vec<_> = times.into_iter().zip(1..).collect();
            Measure::over(label, &changes, world.now())
        };
        vec![
            count("keys moved, and no cache of theirs had come or gone (none may)", in_vain),
            count("keys moved with a cache that came or went", moved),
        ]
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
    /// The home of each key, and the request with which it came there.
    keys: BTreeMap<u64, (NodeId, u64)>,
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
            Note::Asked { token, key, copies } => {
                let home = homes.keys.entry(*key).or_insert((copies[0], *token));
                if home.0 != copies[0] {
                    *home = (copies[0], *token);
                }
            }
            _ => {}
        }
        if matches!(entry.note, Note::Joined { .. } | Note::Left { .. }) {
            homes.keys.clear();
        }
    }
}

impl Homes {
    /// The requests with which keys came to a cache.
    fn placed(&self, cache: NodeId) -> impl Iterator<Item = u64> {
        self.keys.values().filter(move |(home, _)| *home == cache).map(|(_, token)| *token)
    }

    /// As many keys as a cache ought to have.
    fn share(&self, cache: NodeId, shape: Shape) -> f64 {
        let weights: u32 = self.caches.iter().map(|cache| shape.weight(*cache)).sum();
        self.keys.len() as f64 * f64::from(shape.weight(cache)) / f64::from(weights)
    }

    /// The cache with too many keys.
    fn overloaded(&self, shape: Shape) -> Option<NodeId> {
        self.caches.iter().copied().find(|&cache| {
            let share = self.share(cache, shape);
            let bound = 1.3 * share + 4.0 * share.sqrt();
            share >= MIN_SHARE && self.placed(cache).count() as f64 > bound
        })
    }
}

impl Balanced {
    /// The front that knows most keys comes first: most is known of its caches.
    fn by_keys(&self) -> Vec<(NodeId, &Homes)> {
        let mut fronts: Vec<_> = self.fronts.iter().map(|(front, homes)| (*front, homes)).collect();
        fronts.sort_by_key(|(_, homes)| Reverse(homes.keys.len()));
        fronts
    }
}

impl<M: Machine<Protocol = Fleet>> Promise<M> for Balanced {
    fn note(&mut self, _: &World<M>, entry: &Entry<Note>) -> Result<(), Breach> {
        self.place(entry);
        Ok(())
    }

    fn end(&mut self, _: &World<M>) -> Verdict {
        let mut fronts = self.by_keys().into_iter();
        let found = fronts.find_map(|(_, homes)| Some((homes, homes.overloaded(self.shape)?)));
        let Some((homes, cache)) = found else { return Verdict::Held };
        let (count, share) = (homes.placed(cache).count(), homes.share(cache, self.shape));
        let why = format!("{cache:?} is the home of {count} keys, and its share is {share:.0}");
        let breach = Breach::from(why).on(Evidence::Value(format!("{cache:?}")));
        Verdict::Broken(homes.placed(cache).max().into_iter().fold(breach, Breach::on_operation))
    }

    /// Of each cache, the fullest first, in percent of what it ought to have in the end.
    fn measures(&self, world: &World<M>) -> Vec<Measure> {
        let Some((front, known)) = self.by_keys().into_iter().next() else { return Vec::new() };
        let mut all = Balanced::new(self.shape);
        let mut courses: BTreeMap<NodeId, Vec<(Time, u64)>> =
            known.caches.iter().map(|cache| (*cache, Vec::new())).collect();
        for entry in world.history().iter().filter(|entry| entry.node == front) {
            all.place(entry);
            for (&cache, course) in &mut courses {
                let share = known.share(cache, self.shape).max(1.0);
                let count = all.fronts[&front].placed(cache).count();
                course.push((entry.at, (count as f64 * 100.0 / share) as u64));
            }
        }
        let over = |(cache, course): (NodeId, Vec<(Time, u64)>)| {
            let label = format!("keys of {cache:?}, in % of its share");
            Measure::over(label, &course, world.now())
        };
        let mut measures: Vec<Measure> = courses.into_iter().map(over).collect();
        measures.sort_by_key(|measure| Reverse(measure.value));
        measures
    }
}

pub(super) struct CopiesApart {
    pub(super) zones: Vec<u8>,
}

impl<M: Machine<Protocol = Fleet>> Promise<M> for CopiesApart {
    fn note(&mut self, _: &World<M>, entry: &Entry<Note>) -> Result<(), Breach> {
        let Note::Asked { token, key, copies } = &entry.note else { return Ok(()) };
        let mut zones: Vec<_> =
            copies.iter().filter_map(|cache| self.zones.get(cache.0 as usize)).collect();
        zones.sort_unstable();
        match zones.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => {
                let why =
                    format!("{copies:?} keep the copies of key {key}, two in zone {}", pair[0]);
                let breach = Breach::from(why).on_operation(*token);
                Err(breach.on(Evidence::Value(format!("key {key}"))))
            }
            None => Ok(()),
        }
    }
}
