//! A machine with groups in it: each group keeps a list of what was proposed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use journal::{Journal, JournalOp, JournalTimer};
use machine::{
    Embeds, FileName, Input, Inspection, Machine, NodeId, Now, Outputs, Protocol, Switches,
};
use raft::{
    Consistency, Envelope, Event, Group, GroupId, Groups, GroupsOp, GroupsTimer, Payload, Tuning,
};
use sim::{Delays, World};

#[derive(Clone, Debug)]
pub(crate) struct Lists;

impl Protocol for Lists {
    type Message = Word;
    type Timer = GroupsTimer;
    type Op = GroupsOp;
    type Note = String;

    fn weight(word: &Word) -> u32 {
        match word {
            Word::Raft(envelope) => Groups::weight(envelope),
            _ => 64,
        }
    }
}

/// What is said.
#[derive(Clone, Debug, Hash)]
pub(crate) enum Word {
    Raft(Envelope),
    Add(GroupId, Bytes),
    Read(GroupId, u64),
    Change(GroupId, Vec<NodeId>),
    Transfer(GroupId, Option<NodeId>),
    Compact(GroupId),
    Found(GroupId, Vec<NodeId>),
    Leave(GroupId),
    /// As of an owner that has its list on a disk itself.
    CompactTo(GroupId),
}

impl Embeds<Groups> for Lists {
    fn message(envelope: Envelope) -> Word {
        Word::Raft(envelope)
    }
    fn timer(timer: GroupsTimer) -> GroupsTimer {
        timer
    }
    fn op(op: GroupsOp) -> GroupsOp {
        op
    }
    fn note(what: &'static str) -> String {
        what.into()
    }
}

impl Embeds<Journal> for Lists {
    fn timer(timer: JournalTimer) -> GroupsTimer {
        GroupsTimer::Journal(timer)
    }
    fn op(op: JournalOp) -> GroupsOp {
        GroupsOp::Journal(op)
    }
}

/// A node.
#[derive(Clone)]
pub(crate) struct Keeper {
    groups: Groups,
    pub(crate) lists: Vec<Vec<Bytes>>,
    /// Of each group what is left to give of a list that was frozen, and what has come of one.
    frozen: Vec<Bytes>,
    /// How often a link was reset.
    pub(crate) resets: u32,
    thawing: Vec<Vec<u8>>,
}

/// There is room for so many groups, if more are founded.
const MORE: u32 = 16;
/// Of a list so much is given at a time, at the least.
const PIECE: usize = 24;

impl Keeper {
    pub(crate) fn new(id: NodeId, founders: Vec<NodeId>, count: u32, tuning: Tuning) -> Keeper {
        let lists = vec![Vec::new(); count.max(MORE) as usize];
        let (frozen, thawing) = (vec![Bytes::new(); lists.len()], vec![Vec::new(); lists.len()]);
        let mut groups = Groups::new(id, tuning, Switches::ALL_ON);
        (0..count).for_each(|group| groups.will_found(GroupId(group), founders.clone()));
        Keeper { groups, lists, frozen, thawing, resets: 0 }
    }

    pub(crate) fn group(&self, group: u32) -> Option<&Group> {
        self.groups.group(GroupId(group))
    }

    fn freeze(&mut self, group: GroupId, now: &mut Now<'_>) {
        let index = self.group(group.0).map_or(0, Group::applied_index);
        if self.groups.freeze(group, index, now) {
            // The newest first: no state is the beginning of a later one.
            let items = self.lists[group.0 as usize].iter().rev().cloned();
            self.frozen[group.0 as usize] = items.collect::<Vec<Bytes>>().concat().into();
        }
    }

    fn apply(&mut self, now: &mut Now<'_>, out: &mut Outputs<Lists>) {
        loop {
            let mut quiet = true;
            while let Some((group, event)) = self.groups.next_event() {
                quiet = false;
                match event {
                    Event::PieceWanted => {
                        let frozen = &mut self.frozen[group.0 as usize];
                        let most = PIECE.max(frozen.len().min(100 << 10) / 2);
                        let piece = frozen.split_to(most.min(frozen.len()));
                        let last = frozen.is_empty();
                        self.groups.piece(group, piece, last);
                    }
                    Event::Piece { first, bytes } => {
                        let thawing = &mut self.thawing[group.0 as usize];
                        if first {
                            thawing.clear();
                        }
                        thawing.extend_from_slice(&bytes);
                    }
                    Event::Restored { .. } => {
                        let state = std::mem::take(&mut self.thawing[group.0 as usize]);
                        let items = state.chunks(8).rev().map(Bytes::copy_from_slice);
                        self.lists[group.0 as usize] = items.collect();
                    }
                    Event::SnapshotWanted => self.freeze(group, now),
                    Event::Noted(what) => out.note(what.into()),
                    Event::Readable { token, index } => out.note(format!("read {token} {index}")),
                    Event::ReadLost { token } => out.note(format!("lost {token}")),
                    Event::Leads { .. } | Event::Follows { .. } => {}
                }
            }
            while let Some((group, _, entry)) = self.groups.next_committed() {
                quiet = false;
                if let Payload::Command(item) = entry.payload {
                    self.lists[group.0 as usize].push(item);
                }
            }
            if quiet {
                return;
            }
        }
    }
}

impl Machine for Keeper {
    type Protocol = Lists;

    fn handle(&mut self, now: &mut Now<'_>, input: Input<Lists>, out: &mut Outputs<Lists>) {
        match input {
            Input::Start { disk } => self.groups.start(disk, out),
            Input::Message { from, message: Word::Raft(envelope) } => {
                self.groups.message(from, envelope, now);
            }
            Input::Message { message: Word::Add(group, item), .. } => {
                let _ = self.groups.propose(group, item, now);
            }
            Input::Message { message: Word::Read(group, token), .. } => {
                let _ = self.groups.read(group, Consistency::Index, token, now);
            }
            Input::Message { message: Word::Change(group, nodes), .. } => {
                let nodes: BTreeSet<NodeId> = nodes.into_iter().collect();
                if let Err(why) = self.groups.change(group, &nodes, &BTreeMap::new(), now) {
                    out.note(format!("{why:?}"));
                }
            }
            Input::Message { message: Word::Transfer(group, to), .. } => {
                if let Err(why) = self.groups.transfer(group, to, now) {
                    out.note(format!("{why:?}"));
                }
            }
            Input::Message { message: Word::Found(group, founders), .. } => {
                if !self.groups.found(group, founders, now) {
                    out.note("nothing to found".into());
                }
            }
            Input::Message { message: Word::Leave(group), .. } => self.groups.leave(group),
            Input::Message { message: Word::Compact(group), .. } => self.freeze(group, now),
            Input::Message { message: Word::CompactTo(group), .. } => {
                let index = self.group(group.0).map_or(0, Group::applied_index);
                self.groups.compact_to(group, index, now);
            }
            Input::Timer(timer) => self.groups.timer(timer, now, out),
            Input::Disk { op, result } => self.groups.disk(op, result, now, out),
            Input::LinkReset { peer } => {
                self.resets += 1;
                self.groups.link_reset(peer, now);
            }
            Input::Writable { peer, link } => self.groups.writable(peer, link),
            Input::Stop => self.groups.stop(now),
        }
        self.apply(now, out);
        self.groups.flush(now, out);
        if self.groups.may_stop(now) {
            out.stopped();
        }
    }

    fn first_files(&self) -> Vec<(FileName, Bytes)> {
        Groups::first_files()
    }

    fn inspect(&self) -> Inspection {
        let role = self.group(0).map_or("booting", Group::role_name);
        let state = self.group(0).map_or(String::new(), |group| format!("term {}", group.term()));
        Inspection { role, state }
    }
}

/// A world of so many nodes, the first `founders` of which found so many groups.
pub(crate) fn world(seed: u64, nodes: u32, founders: u32, groups: u32) -> World<Keeper> {
    world_with(seed, nodes, founders, groups, Tuning::default())
}

pub(crate) fn world_with(
    seed: u64,
    nodes: u32,
    founders: u32,
    groups: u32,
    tuning: Tuning,
) -> World<Keeper> {
    let founders: Vec<NodeId> = (0..founders).map(NodeId).collect();
    let boot = move |id| Keeper::new(id, founders.clone(), groups, tuning);
    World::new(seed, &vec![0; nodes as usize], Delays::micros(200, 2_000), Arc::new(boot))
}

/// Who leads a group, in the newest term.
pub(crate) fn leader(world: &World<Keeper>, group: u32) -> Option<NodeId> {
    let nodes = (0..world.len() as u32).map(NodeId);
    let of = |node: &NodeId| world.machine(*node).and_then(|keeper| keeper.group(group));
    let leads = |node: &NodeId| of(node).is_some_and(Group::leads);
    nodes.filter(leads).max_by_key(|node| of(node).map_or(0, Group::term))
}

/// Goes on until somebody leads.
///
/// # Panics
/// If nobody does for ten seconds.
pub(crate) fn elect(world: &mut World<Keeper>, group: u32) -> NodeId {
    for _ in 0..1_000 {
        if let Some(leader) = leader(world, group) {
            return leader;
        }
        world.run_for(Duration::from_millis(10));
    }
    panic!("nobody leads group {group}");
}

pub(crate) fn item(number: u64) -> Bytes {
    Bytes::copy_from_slice(&number.to_le_bytes())
}

pub(crate) fn list(world: &World<Keeper>, node: NodeId, group: u32) -> Vec<Bytes> {
    world.machine(node).map_or(Vec::new(), |keeper| keeper.lists[group as usize].clone())
}
