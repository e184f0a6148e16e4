//! A node of the store: one machine, which hands each input to the part that it is for.
//!
//! One node has one disk. It is a gateway for whoever asks it, and a member of some groups.

use bytes::Bytes;
use machine::{Field, FileName, Input, Inspection, Machine, NodeId, Now, Outputs, Switches};
use raft::Group;

use crate::cluster::Cluster;
use crate::collector::Collector;
use crate::gateway::Gateway;
use crate::message::{Message, Note, ObjectStore, Op, Timer};
use crate::metadata::Metadata;
use crate::post::Post;
use crate::shards::{Job, ShardFiles};
use crate::tuning::Tuning;

/// A node.
#[derive(Clone, Debug)]
pub struct Store {
    id: NodeId,
    metadata: Metadata,
    gateway: Gateway,
    shards: ShardFiles,
    collector: Collector,
    post: Post,
    stops: bool,
}

impl Store {
    /// The node of this number in such a cluster.
    pub fn new(id: NodeId, cluster: Cluster, tuning: Tuning, switches: Switches) -> Store {
        Store {
            id,
            metadata: Metadata::new(id, &cluster, tuning, switches),
            gateway: Gateway::new(id, cluster, tuning, switches),
            shards: ShardFiles::new(switches),
            collector: Collector::default(),
            post: Post::default(),
            stops: false,
        }
    }

    /// Goes on until nothing is left to be done at this node.
    fn settle(&mut self, now: &mut Now<'_>, out: &mut Outputs<ObjectStore>) {
        loop {
            self.metadata.catch_up(now, out);
            let from_members = self.metadata.outbox.pop_front();
            match from_members.or_else(|| self.gateway.outbox.pop_front()) {
                Some((to, message)) if to == self.id => self.message(to, message, now, out),
                Some((to, message)) => self.post.send(to, message, out),
                None => break,
            }
        }
    }

    fn message(
        &mut self,
        from: NodeId,
        message: Message,
        now: &mut Now<'_>,
        out: &mut Outputs<ObjectStore>,
    ) {
        match message {
            Message::Ask { token, user, ask } => {
                self.gateway.asked(from, (token, user, ask), now, out);
            }
            Message::Propose { token, group, entry } => {
                self.metadata.propose(from, (token, group), &entry, now);
            }
            Message::Query { token, group, user, ask } => {
                self.metadata.query(from, (token, group), (user, ask), now);
            }
            Message::Outcome { token, outcome } => {
                self.gateway.heard(from, (token, outcome), now, out);
            }
            Message::Job { token, id, job } => self.shards.asked((from, token), id, job, out),
            Message::Did { token, done } => self.gateway.did(from, (token, done), now, out),
            Message::Raft(envelope) => self.metadata.envelope(from, envelope, now),
            // What it asked itself.
            Message::Answer { token, answer } if from == self.id => {
                let told = (token, *answer);
                for id in self.collector.told(told, &mut self.gateway, now, out) {
                    out.note(Note::Sometimes("collected"));
                    self.shards.asked((self.id, 0), id, Job::Drop, out);
                }
            }
            Message::Do(_) | Message::Answer { .. } => {}
        }
    }
}

impl Machine for Store {
    type Protocol = ObjectStore;

    fn handle(
        &mut self,
        now: &mut Now<'_>,
        input: Input<ObjectStore>,
        out: &mut Outputs<ObjectStore>,
    ) {
        match input {
            Input::Start { disk } => {
                self.metadata.start(disk, out);
                self.gateway.start(now);
            }
            Input::Message { from, message } => self.message(from, message, now, out),
            Input::Timer(Timer::Raft(timer)) => self.metadata.raft_timer(timer, now, out),
            Input::Timer(Timer::Rows(timer)) => self.metadata.rows_timer(timer),
            Input::Timer(Timer::Checkpoint) => self.metadata.checkpoint(),
            Input::Timer(Timer::Calls) => self.gateway.overdue(now, out),
            Input::Timer(Timer::Jobs) => self.gateway.silent(now, out),
            Input::Timer(Timer::Again) => self.gateway.again(now, out),
            Input::Timer(Timer::Epoch) => {
                self.metadata.end_epochs(now, out);
                self.collector.begin(out);
            }
            Input::Timer(Timer::Patience | Timer::Pause) => {}
            Input::Disk { op: Op::Raft(op), result } => {
                self.metadata.raft_disk(op, result, now, out)
            }
            Input::Disk { op: Op::Rows(op), result } => self.metadata.rows_disk(op, result),
            Input::Disk { op: Op::Listed, result } => {
                self.collector.listed(result, &mut self.gateway, now, out);
            }
            Input::Disk { op: Op::Shard(op), result } => {
                if let Some((to, message)) = self.shards.ended(op, result, out) {
                    match to == self.id {
                        true => self.message(to, message, now, out),
                        false => self.post.send(to, message, out),
                    }
                }
            }
            Input::LinkReset { peer } => {
                self.post.reset(peer);
                self.metadata.link_reset(peer, now);
                self.gateway.link_reset(peer, now, out);
            }
            Input::Writable { peer, link } => {
                self.metadata.writable(peer, link);
                self.post.writable(peer, link, out);
            }
            Input::Stop => {
                self.stops = true;
                self.metadata.stop(now);
            }
        }
        self.settle(now, out);
        self.metadata.flush(now, out);
        if self.stops && self.metadata.may_stop(now, out) {
            out.stopped();
        }
    }

    fn first_files(&self) -> Vec<(FileName, Bytes)> {
        Metadata::first_files()
    }

    fn roles(&self, see: &mut dyn FnMut(&'static str, Option<u32>)) {
        see(self.inspect().role, None);
        self.metadata.roles(see);
    }

    fn fields(&self) -> Vec<Field> {
        let leads = |group: Option<&Group>| group.is_some_and(Group::leads);
        let led = self.metadata.all().filter(|(_, group, _)| leads(*group)).count();
        let rows: usize = self.metadata.all().map(|(_, _, rows)| rows).sum();
        vec![
            Field::text("role", Some(self.inspect().role)),
            Field::number("groups led", led as u64),
            Field::number("versions", rows as u64),
        ]
    }

    fn inspect(&self) -> Inspection {
        if !self.metadata.is_ready() {
            return Inspection { role: "booting", state: "reads its disk".to_owned() };
        }
        let groups = self.metadata.all().map(|(id, group, rows)| {
            let role = group.map_or("booting", Group::role_name);
            format!("g{} {role} {rows} versions", id.0)
        });
        Inspection { role: "store", state: groups.collect::<Vec<_>>().join(", ") }
    }
}
