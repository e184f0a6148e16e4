//! A server of the key-value system: one group's log, the store that it leads to, and the requests
//! that wait for either.
//!
//! The law: a write is answered when its entry is applied, and only if it is the entry that was
//! proposed for it, in the term in which it was proposed. A replica that loses its leadership says of
//! all that waits that it may have been done. A read changes nothing, so one that cannot be answered
//! was never done.

mod apply;
mod request;

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use machine::{Field, FileName, Input, Inspection, Machine, NodeId, Now, Outputs, Switches};
use raft::{Group, GroupId, Groups, Growth, Index, Term, Tuning};

use crate::message::{Answer, Ask, KeyValue, Message, Op, Response, Timer};
use crate::store::{Frozen, Rotten, Store, Thawing};

/// The only group.
pub const GROUP: GroupId = GroupId(0);

/// How much a replica takes on.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// A snapshot is taken when the log has grown by so many bytes since the last one, or by as much
    /// as that one is long, so that snapshots never cost more than what they replace.
    pub snapshot_after: u64,
    /// More requests do not wait.
    pub most_waiting: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { snapshot_after: 4 << 20, most_waiting: 4096 }
    }
}

/// A replica of the store.
#[derive(Clone)]
pub struct Replica {
    groups: Groups,
    store: Store,
    /// The last entry that was applied to the store.
    applied: Index,
    limits: Limits,
    growth: Growth,
    /// The store as it was when a snapshot began, as long as that is written.
    frozen: Option<Frozen>,
    /// A store that may take the place of this one, as far as it has come, if it is one.
    thawing: Option<Result<Thawing, Rotten>>,
    /// Writes, in the order of the log.
    writes: VecDeque<PendingWrite>,
    reads: BTreeMap<u64, PendingRead>,
    next_read: u64,
}

/// A write that waits to be applied.
#[derive(Clone, Copy, Debug)]
struct PendingWrite {
    at: (Term, Index),
    client: NodeId,
    token: u64,
    is_cas: bool,
}

/// A read that waits to be allowed.
#[derive(Clone, Debug)]
struct PendingRead {
    client: NodeId,
    token: u64,
    ask: Ask,
}

impl Replica {
    /// The replica of this number; it founds the cluster with these, or joins it later if it is none
    /// of them.
    pub fn new(
        id: NodeId,
        founders: Vec<NodeId>,
        tuning: Tuning,
        limits: Limits,
        switches: Switches,
    ) -> Replica {
        let mut groups = Groups::new(id, tuning, switches);
        groups.will_found(GROUP, founders);
        Replica {
            groups,
            store: Store::new(switches),
            applied: 0,
            limits,
            growth: Growth::new(limits.snapshot_after),
            frozen: None,
            thawing: None,
            writes: VecDeque::new(),
            reads: BTreeMap::new(),
            next_read: 0,
        }
    }

    /// The consensus in it; nothing before the disk was read.
    pub fn group(&self) -> Option<&Group> {
        self.groups.group(GROUP)
    }

    /// What it has applied.
    pub fn store(&self) -> &Store {
        &self.store
    }
}

impl Machine for Replica {
    type Protocol = KeyValue;

    fn handle(&mut self, now: &mut Now<'_>, input: Input<KeyValue>, out: &mut Outputs<KeyValue>) {
        match input {
            Input::Start { disk } => self.groups.start(disk, out),
            Input::Message { from, message: Message::Raft(envelope) } => {
                self.groups.message(from, envelope, now);
            }
            Input::Message { from, message: Message::Request(request) } => {
                self.request(from, request, now, out);
            }
            Input::Timer(Timer::Raft(timer)) => self.groups.timer(timer, now, out),
            Input::Disk { op: Op(op), result } => self.groups.disk(op, result, now, out),
            Input::LinkReset { peer } => self.groups.link_reset(peer, now),
            Input::Writable { peer, link } => self.groups.writable(peer, link),
            Input::Stop => self.groups.stop(now),
            _ => {}
        }
        self.catch_up(now, out);
        self.groups.flush(now, out);
        if self.groups.may_stop(now) {
            out.stopped();
        }
    }

    fn first_files(&self) -> Vec<(FileName, Bytes)> {
        Groups::first_files()
    }

    fn roles(&self, see: &mut dyn FnMut(&'static str, Option<u32>)) {
        match self.group() {
            Some(_) => self.groups.roles(see),
            None => see("booting", None),
        }
    }

    fn fields(&self) -> Vec<Field> {
        let Some(group) = self.group() else { return Vec::new() };
        vec![
            Field::text("role", Some(group.role_name())),
            Field::number("term", group.term()),
            Field::text("leader", group.leader().map(|leader| format!("{leader:?}"))),
            Field::number("log ends at", group.log().last_index()),
            Field::number("committed to", group.commit_index()),
            Field::number("applied to", group.applied_index()),
            Field::number("keys", self.store.len() as u64),
        ]
    }

    fn inspect(&self) -> Inspection {
        let Some(group) = self.group() else {
            return Inspection { role: "booting", state: "reads its disk".to_owned() };
        };
        let (term, commit, keys) = (group.term(), group.commit_index(), self.store.len());
        let (first, last) = (group.log().first_index(), group.log().last_index());
        let state =
            format!("term {term}, log {first} to {last}, committed to {commit}, {keys} keys");
        Inspection { role: group.role_name(), state }
    }
}

fn respond(client: NodeId, token: u64, answer: Answer, out: &mut Outputs<KeyValue>) {
    out.send(client, Message::Response(Response { token, answer }));
}
