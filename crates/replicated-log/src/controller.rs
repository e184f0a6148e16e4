//! A controller: one raft group's log, the metadata that it leads to, and whoever waits for either.
//!
//! # The law
//!
//! What a controller says of the cluster is committed: an answer leaves when its entry is applied, in the term in which
//! it was proposed. Entries are pure data, and to apply one reads no clock.
//!
//! The leader computes each entry against the metadata with all of its own proposals in them ([`Controller::ahead`]).
//! They are there only once it has applied an entry of its own term: all that was committed before stands before that
//! one, and nobody else adds anything as long as it leads, so what it computed with is what is there when the entry is
//! applied. One proposal at a time would need no such copy, but a queue, and a crash that takes a broker out of a
//! thousand ISRs would cost a thousand rounds.
//!
//! # The files, in the order in which a broker meets them
//!
//! `controller/requests.rs`: it registers, is heard, proposes ISRs, and passes on what clients want. `brokers.rs`,
//! `alter.rs` and `topics.rs` (with `place.rs` and `reassign.rs`) make an entry of that, and `elect.rs` says in it who
//! leads. `controller/apply.rs`: it is committed; and `publish.rs` tells all brokers.

mod alter;
mod apply;
mod brokers;
mod elect;
mod place;
mod publish;
mod reassign;
mod requests;
mod topics;

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};
use machine::{Field, FileName, Input, Inspection, Machine, NodeId, Now, Outputs, Switches, Time};
use raft::{Envelope, Group, GroupId, Groups, GroupsOp, GroupsTimer, Growth, Index, Term};

use crate::cluster::Cluster;
use crate::message::{Changed, Message, Op, ReplicatedLog, Timer};
use crate::tuning::Tuning;
use brokers::Sessions;
use publish::Publisher;

/// The only group.
const GROUP: GroupId = GroupId(0);
/// A snapshot is taken when the log has grown by so many bytes.
const SNAPSHOT_AFTER: u64 = 4 << 20;

/// One of the nodes that keep the metadata of the cluster, and decide.
#[derive(Clone)]
pub struct Controller {
    controllers: Vec<NodeId>,
    tuning: Tuning,
    switches: Switches,
    groups: Groups,
    /// As far as it is committed.
    cluster: Cluster,
    /// The last entry of the log that was applied.
    applied: Index,
    leads: Option<Term>,
    /// Where this controller leads, and has applied an entry of its term: the metadata with all that it proposed.
    ahead: Option<Cluster>,
    /// Commands of brokers, in the order of the log.
    pending: VecDeque<Pending>,
    sessions: Sessions,
    /// When it is time to look at where leaders are.
    upkeep: Time,
    publisher: Publisher,
    growth: Growth,
    /// What is left to give of the metadata as they were frozen.
    frozen: Bytes,
    /// Metadata that may take the place of these: what has come of them.
    incoming: BytesMut,
}

/// A command that waits for its entry.
#[derive(Clone, Copy, Debug)]
struct Pending {
    at: Index,
    broker: NodeId,
    token: u64,
    changed: Changed,
}

impl Controller {
    /// The controller of this number; it founds the cluster with these, of which it is one.
    pub fn new(
        id: NodeId,
        controllers: Vec<NodeId>,
        tuning: Tuning,
        switches: Switches,
    ) -> Controller {
        let raft = raft::Tuning {
            election_timeout: tuning.election_timeout,
            heartbeat: tuning.election_timeout / 5,
            ..raft::Tuning::default()
        };
        let mut groups = Groups::new(id, raft, Switches::ALL_ON);
        groups.will_found(GROUP, controllers.clone());
        Controller {
            controllers,
            tuning,
            switches,
            groups,
            cluster: Cluster::default(),
            applied: 0,
            leads: None,
            ahead: None,
            pending: VecDeque::new(),
            sessions: Sessions::default(),
            upkeep: Time::default(),
            publisher: Publisher::default(),
            growth: Growth::new(SNAPSHOT_AFTER),
            frozen: Bytes::new(),
            incoming: BytesMut::new(),
        }
    }

    /// The consensus in it; nothing before the disk was read.
    pub(crate) fn group(&self) -> Option<&Group> {
        self.groups.group(GROUP)
    }

    /// Does it lead, so that its word counts?
    pub(crate) fn leads(&self) -> bool {
        self.ahead.is_some()
    }

    /// Who is no member has no say.
    fn envelope(&mut self, from: NodeId, envelope: Envelope, now: &mut Now<'_>) {
        if self.controllers.contains(&from) {
            self.groups.message(from, envelope, now);
        }
    }
}

impl Machine for Controller {
    type Protocol = ReplicatedLog;

    fn handle(
        &mut self,
        now: &mut Now<'_>,
        input: Input<ReplicatedLog>,
        out: &mut Outputs<ReplicatedLog>,
    ) {
        match input {
            Input::Start { disk } => self.groups.start(disk, out),
            Input::Message { from, message: Message::Raft(envelope) } => {
                self.envelope(from, envelope, now);
            }
            Input::Message { from, message } => self.message(from, message, now, out),
            Input::Timer(Timer::Raft(timer)) => self.groups.timer(timer, now, out),
            Input::Timer(Timer::Journal(timer)) => {
                self.groups.timer(GroupsTimer::Journal(timer), now, out);
            }
            Input::Timer(Timer::Sessions) => self.look_at_sessions(now, out),
            Input::Disk { op: Op::Raft(op), result } => self.groups.disk(op, result, now, out),
            Input::Disk { op: Op::Journal(op), result } => {
                self.groups.disk(GroupsOp::Journal(op), result, now, out);
            }
            Input::LinkReset { peer } => {
                self.groups.link_reset(peer, now);
                self.publisher.reset(peer);
                // If it booted, its tokens are another's.
                self.pending.retain(|pending| pending.broker != peer);
            }
            Input::Writable { peer, link } => self.groups.writable(peer, link),
            Input::Stop => self.groups.stop(now),
            _ => {}
        }
        self.catch_up(now, out);
        let session = self.tuning.session;
        let is_heard = |broker| self.sessions.is_heard(broker, now.time, session);
        self.publisher.push(&self.cluster, is_heard, out);
        self.groups.flush(now, out);
        if self.groups.may_stop(now) {
            out.stopped();
        }
    }

    fn first_files(&self) -> Vec<(FileName, Bytes)> {
        Groups::first_files()
    }

    fn fields(&self) -> Vec<Field> {
        let Some(group) = self.group() else { return Vec::new() };
        vec![
            Field::text("role", Some(self.inspect().role)),
            Field::number("term", group.term()),
            Field::text("leader", group.leader().map(|leader| format!("{leader:?}"))),
            Field::number("committed to", group.commit_index()),
            Field::number("metadata at", self.cluster.applied),
        ]
    }

    /// The one that decides is the controller.
    fn inspect(&self) -> Inspection {
        let Some(group) = self.group() else {
            return Inspection { role: "booting", state: "reads its disk".to_owned() };
        };
        let role = if self.leads() { "controller" } else { "standby" };
        let Cluster { applied, brokers, topics, .. } = &self.cluster;
        let live = brokers.values().filter(|broker| !broker.fenced).count();
        let (term, all, topics) = (group.term(), brokers.len(), topics.len());
        let state =
            format!("term {term}, metadata at {applied}, {live} of {all} brokers, {topics} topics");
        Inspection { role, state }
    }
}

#[cfg(test)]
mod exploration;
#[cfg(test)]
pub(crate) mod tests;
