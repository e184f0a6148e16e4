//! The promise `durable`, judged by what is on the disks: at each acknowledgement and at each change of a file.
//!
//! The checker knows the bytes of every put, and so each byte that its shards must have. A shard counts where all of its
//! pieces are on a disk and nothing of its file waits to be synced. Bytes that are replaced or deleted by anybody are let
//! go. What a node deletes itself is judged by `nothing-live-collected`.
//!
//! All shards were durable, and no node was away: then each zone may be lost. With fewer, one shard may.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use machine::{NodeId, Time};
use object_store::erasure::Codec;
use object_store::message::Note;
use object_store::note::{Told, What};
use object_store::shards::ShardId;
use object_store::stripe::Seal;
use object_store::words::{PutId, Slot};
use sim::{Breach, Entry, FileChange, Promise, World};

use crate::client::{body, place};
use crate::shape::{Node, Shape, ZONES};

pub(super) struct Durable {
    shape: Shape,
    codec: Codec,
    /// What was read of each disk's changes.
    seen: BTreeMap<NodeId, u64>,
    puts: BTreeMap<PutId, Put>,
    /// By operation, and by where in its bytes those of the put begin.
    names: BTreeMap<(u64, u32), PutId>,
    asked: BTreeMap<u64, Asked>,
    /// When each node was away last, or is.
    away: BTreeMap<NodeId, Time>,
}

/// An operation that puts bytes.
#[derive(Clone, Copy)]
struct Asked {
    at: Time,
    key: u8,
    what: What,
    size: u32,
    /// Somebody else has begun to change the key since.
    contested: bool,
}

impl Asked {
    /// Are its bytes to be there when it is acknowledged? Those of an upload may have been replaced since, where its
    /// Complete was asked again.
    fn is_owed(&self) -> bool {
        self.what.changes() && !(matches!(self.what, What::Upload(_)) && self.contested)
    }
}

struct Put {
    operation: u64,
    key: u8,
    /// The pieces of each slot, one after the other with their digests, as a file begins.
    shards: Vec<Bytes>,
    /// Files that are as they should be: which slot, on which node, and whether all of it is synced.
    there: BTreeMap<(Slot, NodeId), bool>,
    /// Acknowledged, and not let go: as many shards must stay.
    owed: Option<usize>,
}

impl Durable {
    pub(super) fn new(shape: Shape) -> Durable {
        Durable {
            shape,
            codec: Codec::new(shape.code()).expect("a shape has a code"),
            seen: BTreeMap::new(),
            puts: BTreeMap::new(),
            names: BTreeMap::new(),
            asked: BTreeMap::new(),
            away: BTreeMap::new(),
        }
    }

    /// The shards of these bytes, as files have them.
    fn shards(&self, put: PutId, key: u8, body: &[u8]) -> Vec<Bytes> {
        let (bucket, name) = place(key);
        let seal = Seal::new(&bucket, &name, put);
        let mut shards = vec![Vec::new(); usize::from(self.shape.code().shards())];
        for (number, stripe) in (0..).zip(body.chunks(self.shape.stripe as usize)) {
            let stripe = Bytes::copy_from_slice(stripe);
            for piece in seal.cut(&self.codec, number, &stripe) {
                let shard = &mut shards[usize::from(piece.slot)];
                shard.extend_from_slice(&piece.digest);
                shard.extend_from_slice(&piece.bytes);
            }
        }
        shards.into_iter().map(Bytes::from).collect()
    }

    /// What has changed on the disk of a node.
    fn look(&mut self, world: &World<Node>, node: NodeId) {
        let since = self.seen.insert(node, world.file_changes(node)).unwrap_or_default();
        let mut changed: BTreeMap<&str, Vec<FileChange>> = BTreeMap::new();
        for (file, change) in world.changed_files(node, since) {
            if file.starts_with("s-") {
                changed.entry(file).or_default().push(change);
            }
        }
        for (file, changes) in changed {
            let Some(ShardId { put, slot, .. }) = ShardId::parse(file) else { continue };
            let Some(put) = self.puts.get_mut(&put) else { continue };
            let shard = &put.shards[usize::from(slot)];
            let bytes = world.file(node, file);
            let is_sound = bytes.is_some_and(|bytes| bytes.starts_with(shard));
            let was_synced = put.there.get(&(slot, node)).copied().unwrap_or_default();
            let synced = changes.iter().fold(was_synced, |synced, change| match change {
                FileChange::Written => false,
                FileChange::Synced => true,
                FileChange::Lost | FileChange::Rotted | FileChange::Deleted => synced,
            });
            if is_sound {
                put.there.insert((slot, node), synced);
            } else {
                put.there.remove(&(slot, node));
            }
            if changes.contains(&FileChange::Deleted) {
                let left = put.durable(|_| true);
                put.owed = put.owed.map(|owed| owed.min(left));
            }
        }
    }

    fn heard(&mut self, at: Time, note: &Note) -> Result<(), Breach> {
        match *note {
            Note::Invoked { operation, key, what, .. } => {
                if what.changes() {
                    let of_key = self.puts.values_mut().filter(|put| put.key == key);
                    of_key.for_each(|put| put.owed = None);
                    let asked = self.asked.values_mut().filter(|asked| asked.key == key);
                    asked.for_each(|asked| asked.contested = true);
                }
                if let Some(size) = what.sends() {
                    self.asked.insert(operation, Asked { at, key, what, size, contested: false });
                }
            }
            Note::Puts { operation, put: id, from, size } => {
                let Some(Asked { key, size: all, .. }) = self.asked.get(&operation).copied() else {
                    return Ok(());
                };
                let (from_byte, to) = (from as usize, (from + size) as usize);
                let shards = self.shards(id, key, &body(operation, all)[from_byte..to]);
                let there = BTreeMap::new();
                self.puts.insert(id, Put { operation, key, shards, there, owed: None });
                self.names.insert((operation, from), id);
            }
            Note::Answered { operation, told: Told::Done }
                if self.asked.get(&operation).is_some_and(Asked::is_owed) =>
            {
                let its = self.names.range((operation, 0)..=(operation, u32::MAX));
                let its: Vec<_> = its.map(|(_, id)| *id).collect();
                return its.into_iter().try_for_each(|id| self.acknowledged(at, id));
            }
            _ => {}
        }
        Ok(())
    }

    /// A put is acknowledged: are its shards where they should be?
    fn acknowledged(&mut self, at: Time, id: PutId) -> Result<(), Breach> {
        let Some(put) = self.puts.get_mut(&id) else { return Ok(()) };
        let code = self.shape.code();
        let (data, all) = (usize::from(code.data), usize::from(code.shards()));
        let began = self.asked.get(&put.operation).map_or(at, |asked| asked.at);
        let (slots, least) = (put.durable(|_| true), all.min(data + 1));
        if slots < least {
            let why = format!(
                "{id:?} was acknowledged with {slots} durable shards of {all}: {least} are owed"
            );
            return Err(Breach::from(why).on_operation(put.operation));
        }
        let was_away = self.away.values().any(|last| *last >= began);
        let is_spread = slots == all && !was_away;
        for zone in (0..ZONES).filter(|_| is_spread) {
            let left = put.durable(|node| node.0 % u32::from(ZONES) != u32::from(zone));
            if left < data {
                let why = format!(
                    "{id:?} was acknowledged, and without zone {zone} has {left} shards: {data} are needed"
                );
                return Err(Breach::from(why).on_operation(put.operation));
            }
        }
        put.owed = Some(slots);
        Ok(())
    }

    /// Is there what was there when it was acknowledged?
    fn stays(&self) -> Result<(), Breach> {
        for (id, put) in &self.puts {
            let Some(owed) = put.owed else { continue };
            let slots = put.durable(|_| true);
            if slots < owed {
                let why = format!(
                    "{id:?} had {owed} durable shards when it was acknowledged, and has {slots}"
                );
                return Err(Breach::from(why).on_operation(put.operation));
            }
        }
        Ok(())
    }
}

impl Put {
    /// How many slots are durable on nodes of this kind.
    fn durable(&self, is: impl Fn(NodeId) -> bool) -> usize {
        let there = self.there.iter().filter(|((_, node), synced)| **synced && is(*node));
        there.map(|((slot, _), _)| *slot).collect::<BTreeSet<_>>().len()
    }
}

impl Promise<Node> for Durable {
    fn note(&mut self, _: &World<Node>, entry: &Entry<Note>) -> Result<(), Breach> {
        self.heard(entry.at, &entry.note)
    }

    fn step(&mut self, world: &World<Node>) -> Result<(), Breach> {
        let mut changed = false;
        for node in self.shape.store_ids() {
            if world.machine(node).is_none() {
                self.away.insert(node, world.now());
            }
            if world.file_changes(node) != self.seen.get(&node).copied().unwrap_or_default() {
                self.look(world, node);
                changed = true;
            }
        }
        if changed { self.stays() } else { Ok(()) }
    }
}
