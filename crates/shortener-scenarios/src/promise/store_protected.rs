//! The store is asked no more than it has to be: at most one read of a code is under way at an instance,
//! a dead code is read for visitors once in a while, and a client has a share.
//!
//! Reads for those who came during the last read of a code were paid for when they came, so they are not
//! looked at again: there is at most one of them at a time for each code.

use std::collections::BTreeMap;

use machine::{Machine, NodeId, Time};
use resilience::TokenBucket;
use sim::{Breach, Entry, Evidence, Promise, World};

use crate::shape::{FRESHNESS, RATE, Shape};
use url_shortener::Key;
use url_shortener::{Answer, Ask, Note, Shortener, Why};

pub(super) struct StoreProtected {
    shape: Shape,
    instances: BTreeMap<NodeId, Seen>,
    /// Changes that are under way: the instance that makes one forgets what it knows of the code.
    changes: BTreeMap<u64, Key>,
    changing: BTreeMap<Key, u32>,
    changed: BTreeMap<Key, Time>,
}

/// What an instance has done since it booted.
#[derive(Default)]
struct Seen {
    reads: BTreeMap<u64, (Key, Time)>,
    /// Codes without a link, and when the read began that found none.
    dead: BTreeMap<Key, Time>,
    /// What each client may cause, and when it last did.
    clients: BTreeMap<u64, (TokenBucket, Time)>,
}

impl StoreProtected {
    pub(super) fn new(shape: Shape) -> Self {
        StoreProtected {
            shape,
            instances: BTreeMap::new(),
            changes: BTreeMap::new(),
            changing: BTreeMap::new(),
            changed: BTreeMap::new(),
        }
    }

    fn invoked(&mut self, token: u64, ask: &Ask) {
        let key = match ask {
            Ask::Create(new) => {
                new.alias.clone().map(|code| Key { domain: new.domain.clone(), code })
            }
            Ask::Edit(key, _) | Ask::Delete(key) => Some(key.clone()),
            _ => None,
        };
        if let Some(key) = key {
            *self.changing.entry(key.clone()).or_default() += 1;
            self.changes.insert(token, key);
        }
    }

    /// One that the store may still have to do stays under way.
    fn answered(&mut self, token: u64, at: Time, answer: &Answer) {
        if matches!(answer, Answer::Unavailable(_)) {
            return;
        }
        if let Some(key) = self.changes.remove(&token) {
            self.changing.entry(key.clone()).and_modify(|open| *open -= 1);
            self.changed.insert(key, at);
        }
    }

    fn called(
        &mut self,
        node: NodeId,
        at: Time,
        call: (u64, u64, Why),
        key: Option<&Key>,
    ) -> Result<(), Breach> {
        let seen = self.instances.entry(node).or_default();
        let (call, client, why) = call;
        if let (Why::Visit | Why::Look | Why::Again, Some(key)) = (why, key) {
            if let Some((_, since)) = seen.reads.values().find(|(other, _)| other == key) {
                let why = format!("{node:?} reads {key:?} while it reads it already");
                return Err(about(why, key, *since, node));
            }
            seen.reads.insert(call, (key.clone(), at));
            let calm = self.changing.get(key).is_none_or(|open| *open == 0);
            if let (Why::Visit, true, Some(dead)) = (why, calm, seen.dead.get(key)) {
                let unchanged = self.changed.get(key).is_none_or(|changed| changed < dead);
                if unchanged && at.since(*dead) < FRESHNESS.missing {
                    let age = at.since(*dead).as_millis();
                    let why = format!("{node:?} reads {key:?} again, {age} ms after it was dead");
                    return Err(about(why, key, *dead, node));
                }
            }
        }
        if why == Why::Again {
            return Ok(());
        }
        let bucket = || (TokenBucket::new(RATE.per_second, RATE.burst), at);
        let (bucket, last) = seen.clients.entry(client).or_insert_with(bucket);
        let before = std::mem::replace(last, at);
        bucket.take(at).map_err(|early| {
            let early = early.as_millis();
            let why = format!("{node:?} asks the store for n{client}, {early} ms too early");
            Breach::from(why).on_moment(before, node).on(Evidence::Value(format!("n{client}")))
        })
    }

    fn has_read(&mut self, node: NodeId, call: u64, missing: bool) {
        let seen = self.instances.entry(node).or_default();
        let Some((key, asked)) = seen.reads.remove(&call) else { return };
        match missing {
            true => seen.dead.insert(key, asked),
            false => seen.dead.remove(&key),
        };
    }
}

/// What rests on the read that began then.
fn about(why: String, key: &Key, began: Time, node: NodeId) -> Breach {
    Breach::from(why).on_moment(began, node).on(Evidence::Value(format!("{key:?}")))
}

impl<M: Machine<Protocol = Shortener>> Promise<M> for StoreProtected {
    fn note(&mut self, _: &World<M>, entry: &Entry<Note>) -> Result<(), Breach> {
        match &entry.note {
            Note::Invoked { token, ask, .. } => self.invoked(*token, ask),
            Note::Answered { token, answer } => self.answered(*token, entry.at, answer),
            Note::Called { call, client, why, key } => {
                return self.called(entry.node, entry.at, (*call, *client, *why), key.as_ref());
            }
            Note::ReadEnded { call, missing } => self.has_read(entry.node, *call, *missing),
            _ => {}
        }
        Ok(())
    }

    /// An instance that is down remembers nothing.
    fn step(&mut self, world: &World<M>) -> Result<(), Breach> {
        for instance in self.shape.instance_ids() {
            if world.machine(instance).is_none() {
                self.instances.remove(&instance);
            }
        }
        Ok(())
    }
}
