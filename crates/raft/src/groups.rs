//! All groups of a node: one journal, one timer, and messages that share envelopes.
//!
//! A machine that embeds groups hands them what is theirs (start, messages, timer, disk, resets, room), then
//! takes [`Groups::next_event`] and [`Groups::next_committed`] until both are empty, and ends every
//! input with [`Groups::flush`].
//!
//! What an input costs depends on the groups that it is about and not on how many there are: those that have
//! something to do are found by when it is due, and those that have something to tell are remembered.

mod beats;
mod carry_out;
mod lifecycle;
mod losses;
mod recovery;
mod snapshots;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use machine::{DiskId, DiskResult, FileName, NodeId, Now, Outputs, Switches, Time, Window};

use crate::effects::{Effects, Event};
use crate::group::{ChangeRefused, Consistency, Group, NotLeader, TransferRefused};
use crate::journal::Journal;
use crate::mechanism::Mechanism;
use crate::member::{ANY_DISK, Address, Member};
use crate::rpc::{Envelope, GroupId, Index, Rpc, Term};
use crate::snapshot_files::SnapshotFiles;
use crate::tuning::Tuning;
use crate::words::{GroupsOp, GroupsTimer, Owner};
use beats::Beats;
use recovery::Recovery;
use snapshots::PieceReads;

/// The groups of a node.
#[derive(Clone, Debug)]
pub struct Groups {
    node: NodeId,
    disk: DiskId,
    /// Of the groups that the owner has named.
    founders: BTreeMap<GroupId, Arc<[NodeId]>>,
    tuning: Tuning,
    switches: Switches,
    /// None before the disk was read.
    groups: BTreeMap<GroupId, Group>,
    is_up: bool,
    /// When each group has something to do.
    due: BTreeSet<(Time, GroupId)>,
    /// Of groups that have nothing to do.
    beats: Beats,
    recovery: Recovery,
    journal: Journal,
    files: SnapshotFiles,
    /// Pieces of snapshots that are to be read, to be sent, by the node that lacks them.
    reads: BTreeMap<NodeId, PieceReads>,
    /// What followers have not taken yet.
    window: Window,
    outbox: Vec<(Member, GroupId, Rpc)>,
    /// Nodes that may be spoken with from now on.
    meets: Vec<(NodeId, SocketAddr)>,
    /// What is in it, in bytes.
    owed: u64,
    events: VecDeque<(GroupId, Event)>,
    /// Groups that something happened to in this input.
    touched: BTreeSet<GroupId>,
    /// Groups that may have something to tell.
    news: BTreeSet<GroupId>,
    armed: Option<Time>,
    /// It is to stop, and from then on waits for no successor.
    stops: Option<Time>,
    /// Its disk has lost something: what, and what to do.
    lost: Option<String>,
    /// Kept for its memory.
    fx: Effects,
}

impl Groups {
    /// Those of this node, in which it takes part since earlier, and no others so far.
    pub fn new(node: NodeId, tuning: Tuning, switches: Switches) -> Groups {
        Groups {
            node,
            disk: DiskId::default(),
            founders: BTreeMap::new(),
            tuning,
            switches,
            groups: BTreeMap::new(),
            is_up: false,
            due: BTreeSet::new(),
            beats: Beats::default(),
            recovery: Recovery::new(tuning.snapshot_chunk),
            journal: Journal::new(tuning.journal_growth, switches),
            files: SnapshotFiles::new(tuning.snapshot_chunk),
            reads: BTreeMap::new(),
            window: Window::default(),
            outbox: Vec::new(),
            meets: Vec::new(),
            owed: 0,
            events: VecDeque::new(),
            touched: BTreeSet::new(),
            news: BTreeSet::new(),
            armed: None,
            stops: None,
            lost: None,
            fx: Effects::default(),
        }
    }

    /// The files with which its disk begins, for [`machine::Machine::first_files`].
    pub fn first_files() -> Vec<(FileName, Bytes)> {
        Journal::first_files()
    }

    /// The node booted: its disk is read first.
    pub fn start<P: Owner>(&mut self, disk: DiskId, out: &mut Outputs<P>) {
        let identified = Mechanism::DiskIdentity.on(self.switches);
        self.disk = if identified { disk } else { ANY_DISK };
        self.journal.start(disk, out);
    }

    /// An envelope came. One for another disk than this node's is not opened, nor is any by one that is to stop and
    /// waits only for its disk.
    pub fn message(&mut self, from: NodeId, envelope: Envelope, now: &mut Now<'_>) {
        if envelope.to.is_some_and(|disk| disk != self.disk) || self.has_handed_over(now) {
            return;
        }
        let from = Member { node: from, disk: envelope.from };
        for (group, rpc) in envelope.rpcs {
            if let Rpc::Beat { next } = rpc {
                self.on_beat(from.node, next, now);
                continue;
            }
            self.call(group, now, |group, now, fx| group.on_message(from, rpc, now, fx));
        }
    }

    /// A timer fired.
    pub fn timer<P: Owner>(&mut self, timer: GroupsTimer, now: &mut Now<'_>, out: &mut Outputs<P>) {
        if let GroupsTimer::Journal(timer) = timer {
            return self.journal.timer(timer, out);
        }
        self.armed = None;
        self.files.retry();
        self.beat(now);
        let due = self.due.range(..=(now.time, GroupId(u32::MAX)));
        for group in due.map(|(_, group)| *group).collect::<Vec<_>>() {
            self.call(group, now, Group::tick);
        }
    }

    /// A disk operation ended.
    pub fn disk<P: Owner>(
        &mut self,
        op: GroupsOp,
        result: DiskResult,
        now: &mut Now<'_>,
        out: &mut Outputs<P>,
    ) {
        let done = match op {
            GroupsOp::Journal(op) => {
                let ended = self.journal.ended(op, result, out);
                ended.and_then(|()| self.hear_journal(now, out))
            }
            GroupsOp::Listed => self.listed(result, now, out),
            GroupsOp::SnapshotRead(_) => self.snapshot_read(result, now, out),
            GroupsOp::PieceWritten | GroupsOp::PieceSynced | GroupsOp::Deleted => {
                let done = self.files.done(result);
                let kept = done.map(|kept| kept.into_iter().for_each(|kept| self.kept(kept, now)));
                kept.map_err(|error| error.to_string())
            }
            GroupsOp::PieceRead { group, to, number, offset } => {
                self.piece_read((group, to), (number, offset), result, now);
                Ok(())
            }
        };
        if let Err(why) = done {
            out.halt(format!("this member cannot remember: {why}"));
        }
    }

    /// The stream to and from this node was reset.
    pub fn link_reset(&mut self, peer: NodeId, now: &mut Now<'_>) {
        self.window.reset(peer);
        self.reads.entry(peer).or_default().forget();
        self.miss(peer, now);
        let leads = self.groups.values().filter(|group| group.leads()).map(|group| group.id);
        for group in leads.collect::<Vec<_>>() {
            self.call(group, now, |group, _, _| group.link_reset(peer));
        }
    }

    /// Takes a command into the log. It is committed when [`Groups::next_committed`] gives back an entry
    /// of this term at this index; an entry of another term there says that it never will be.
    ///
    /// # Errors
    /// If this member does not lead. Nothing was done.
    pub fn propose(
        &mut self,
        group: GroupId,
        command: Bytes,
        now: &mut Now<'_>,
    ) -> Result<(Term, Index), NotLeader> {
        let nobody = Err(NotLeader { leader: None });
        self.call(group, now, |group, now, fx| group.propose(command, now, fx)).unwrap_or(nobody)
    }

    /// Asks for permission to read: [`Event::Readable`] or [`Event::ReadLost`] is the answer.
    ///
    /// # Errors
    /// If this member does not lead.
    pub fn read(
        &mut self,
        group: GroupId,
        how: Consistency,
        token: u64,
        now: &mut Now<'_>,
    ) -> Result<(), NotLeader> {
        let nobody = Err(NotLeader { leader: None });
        self.call(group, now, |group, now, fx| group.read(how, token, now, fx)).unwrap_or(nobody)
    }

    /// Makes these nodes the voters, in the place of whatever was asked before and is not under way yet. A node
    /// that nobody listed and that nobody met comes with its address; so does one that moved.
    /// It is done when an entry with such a configuration, and no other under way, is committed; a leader
    /// that is deposed before may forget it.
    ///
    /// # Errors
    /// Why not; nothing was begun.
    pub fn change(
        &mut self,
        group: GroupId,
        nodes: &BTreeSet<NodeId>,
        addresses: &BTreeMap<NodeId, Address>,
        now: &mut Now<'_>,
    ) -> Result<(), ChangeRefused> {
        let nobody = Err(ChangeRefused::NotLeader(NotLeader { leader: None }));
        let change = |group: &mut Group, now: &mut Now<'_>, fx: &mut Effects| {
            group.change(nodes, addresses, now, fx)
        };
        self.call(group, now, change).unwrap_or(nobody)
    }

    /// Lets this voter lead, or whichever can soonest, if it comes within an election timeout.
    ///
    /// # Errors
    /// Why not; nothing was begun.
    pub fn transfer(
        &mut self,
        group: GroupId,
        to: Option<NodeId>,
        now: &mut Now<'_>,
    ) -> Result<(), TransferRefused> {
        let nobody = Err(TransferRefused::NotLeader(NotLeader { leader: None }));
        self.call(group, now, |group, now, fx| group.transfer(to, now, fx)).unwrap_or(nobody)
    }

    /// The node is to stop. What is led here is handed over (section 3.10 of the thesis): else nobody would lead for
    /// an election timeout, for which successors are waited for.
    pub fn stop(&mut self, now: &mut Now<'_>) {
        let mut until = now.time;
        for group in self.groups.keys().copied().collect::<Vec<_>>() {
            if Mechanism::LeadershipTransfer.on(self.switches)
                && self.transfer(group, None, now).is_ok()
            {
                until = now.time + self.tuning.election_timeout;
            }
        }
        self.stops = Some(until);
    }

    /// After [`Groups::stop`]: is nobody waited for any longer, and does the disk say how much it has?
    pub fn may_stop(&self, now: &Now<'_>) -> bool {
        self.has_handed_over(now) && self.journal.is_settled()
    }

    /// It is to stop, and there is nobody to wait for.
    fn has_handed_over(&self, now: &Now<'_>) -> bool {
        let led_elsewhere = |group: &Group| !group.leads() && group.leader().is_some();
        self.stops.is_some_and(|until| now.time >= until || self.groups.values().all(led_elsewhere))
    }

    /// The roles of this node, in each group: see [`machine::Machine::roles`].
    pub fn roles(&self, see: &mut dyn FnMut(&'static str, Option<u32>)) {
        for (id, group) in &self.groups {
            see(group.role_name(), Some(id.0));
        }
    }

    /// A group; `None` before the disk was read, and if there is none of this number.
    pub fn group(&self, group: GroupId) -> Option<&Group> {
        self.groups.get(&group)
    }

    /// All groups in which this node takes part, in order; none before the disk was read.
    pub fn all(&self) -> impl Iterator<Item = (GroupId, &Group)> {
        self.groups.iter().map(|(id, group)| (*id, group))
    }
}
