//! The gateway of sessions: it finds whoever can answer, and hands the answer back.
//!
//! The law: a change is handed to a log once. Only where a member said that it proposed nothing is it handed to another;
//! of whatever else goes wrong the session is told that it may have happened. Questions change nothing, and are asked
//! again.
//!
//! What is kept whole goes to the key's group and comes from it. What is kept as shards goes to places (`gateway/puts.rs`)
//! and comes from them (`gateway/reads.rs`), and the group has its name alone.

mod puts;
mod question;
mod reads;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use machine::{Generation, NodeId, Now, Outputs, Switches, Time};
use rand::Rng;
use resilience::Calls;

use crate::answer::Answer;
use crate::ask::{Ask, Place};
use crate::cluster::Cluster;
use crate::conditions::Conditions;
use crate::entry::Entry;
use crate::error::Refusal;
use crate::layout::Layout;
use crate::mechanism::Mechanism;
use crate::message::{Message, ObjectStore, Outcome, Timer};
use crate::row::{Bucket, Kept};
use crate::shards::Done;
use crate::tuning::Tuning;
use crate::words::{Epoch, GroupNumber, Name, PutId, Slot};
use puts::Put;
use question::{bucket_of, conditions, current, unconditional};
use reads::Read;

/// What a node does for sessions.
#[derive(Clone, Debug)]
pub(crate) struct Gateway {
    node: NodeId,
    cluster: Cluster,
    tuning: Tuning,
    switches: Switches,
    /// Of its puts: see [`PutId`].
    nonce: Option<(Generation, u64)>,
    seq: u32,
    calls: Calls<Timer, Call>,
    /// To be asked again, when.
    again: Vec<(Time, Call)>,
    /// Who led each group, and when that one answered last.
    leaders: BTreeMap<GroupNumber, (NodeId, Time)>,
    /// Where shards lie.
    layout: Layout,
    /// What places were asked for.
    jobs: Calls<Timer, For>,
    puts: BTreeMap<PutId, Put>,
    reads: BTreeMap<u64, Read>,
    next_read: u64,
    /// Places that were silent when they were asked last.
    silent: BTreeSet<NodeId>,
    /// Lists of buckets that groups are asked for.
    lists: BTreeMap<(NodeId, u64), BucketLists>,
    /// For members of groups, and places; this node may be one.
    pub(crate) outbox: VecDeque<(NodeId, Message)>,
}

/// A question of a session, on its way to a group.
#[derive(Clone, Debug)]
struct Call {
    session: NodeId,
    token: u64,
    group: GroupNumber,
    want: Want,
    began: Time,
    /// So many members were asked.
    tried: usize,
}

/// What a group is asked for.
#[derive(Clone, Debug)]
enum Want {
    /// This entry.
    Change(Box<Entry>),
    /// What its catalog says.
    Look(Name, Box<Ask>),
    /// The same, to judge the conditions of an entry by it.
    Judge(Box<Entry>, Box<Ask>),
    /// Whether there is a bucket for bytes that are to come.
    Begin(Name, Place),
    /// Who leads, for this entry. A member that went without a word would be handed it, and nobody would know whether it
    /// took it; a question can be asked again.
    Find(Box<Entry>),
}

/// What a job at a place is for.
#[derive(Clone, Copy, Debug)]
enum For {
    /// This shard of a put, at this node.
    Put(PutId, Slot, NodeId),
    /// The read of this number, at this node.
    Read(u64, NodeId),
}

/// What has come of all groups' buckets.
#[derive(Clone, Debug, Default)]
struct BucketLists {
    missing: usize,
    buckets: Vec<(Name, Bucket)>,
}

impl Gateway {
    pub(crate) fn new(
        node: NodeId,
        cluster: Cluster,
        tuning: Tuning,
        switches: Switches,
    ) -> Gateway {
        let apart = Mechanism::ZoneSpread.on(switches);
        let zones = cluster.layout.zones().iter();
        let zones = zones.map(|(node, zone)| (*node, if apart { *zone } else { 0 })).collect();
        let groups = tuning.placement_groups;
        let layout = Layout::first(cluster.layout.code(), groups, zones);
        Gateway {
            node,
            layout: layout.expect("as many nodes as the cluster has"),
            jobs: Calls::new(tuning.place, Timer::Jobs),
            puts: BTreeMap::new(),
            reads: BTreeMap::new(),
            next_read: 0,
            silent: BTreeSet::new(),
            cluster,
            tuning,
            switches,
            nonce: None,
            seq: 0,
            calls: Calls::new(tuning.attempt, Timer::Calls),
            again: Vec::new(),
            leaders: BTreeMap::new(),
            lists: BTreeMap::new(),
            outbox: VecDeque::new(),
        }
    }

    pub(crate) fn start(&mut self, now: &mut Now<'_>) {
        self.calls.start(now.random);
        self.jobs.start(now.random);
    }

    /// A session asks.
    pub(crate) fn asked(
        &mut self,
        session: NodeId,
        (token, user, ask): (u64, Name, Box<Ask>),
        now: &mut Now<'_>,
        out: &mut Outputs<ObjectStore>,
    ) {
        if self.calls.len() + self.again.len() >= self.tuning.most_waiting {
            return answer(session, token, Answer::Refused(Refusal::SlowDown), out);
        }
        if *ask == Ask::Buckets {
            let missing = self.cluster.ranges.groups().count();
            self.lists.insert((session, token), BucketLists { missing, buckets: Vec::new() });
            for group in self.cluster.ranges.groups() {
                let want = Want::Look(user.clone(), ask.clone());
                self.send(
                    Call { session, token, group, want, began: now.time, tried: 0 },
                    now,
                    out,
                );
            }
            return;
        }
        let Some(bucket) = bucket_of(&ask) else {
            return self.with_put((session, token), *ask, now, out);
        };
        let group = self.cluster.ranges.group(bucket);
        let want = match *ask {
            Ask::Read { ref extent, .. } if extent.kept != Kept::Whole => {
                return self.read((session, token), &ask, now, out);
            }
            Ask::Begin { place } => Want::Begin(user, place),
            Ask::Small { ref body, .. } if body.len() > self.tuning.small as usize => {
                return answer(session, token, Answer::Refused(Refusal::EntityTooLarge), out);
            }
            Ask::Small { .. }
            | Ask::ChangeBucket(..)
            | Ask::Delete { .. }
            | Ask::BeginUpload { .. }
            | Ask::CompleteUpload { .. }
            | Ask::AbortUpload { .. } => {
                let put = matches!(*ask, Ask::Small { .. });
                // Its bytes are in the log, and in no epoch.
                let put = put.then(|| (self.draw_put(group, 0, now), Kept::Whole));
                let entry = Entry { user, at: now.wall.0 / 1_000_000, put, ask: *ask };
                self.change(Box::new(entry))
            }
            _ => Want::Look(user, ask),
        };
        self.send(Call { session, token, group, want, began: now.time, tried: 0 }, now, out);
    }

    /// A session goes on with a put.
    fn with_put(
        &mut self,
        (session, token): (NodeId, u64),
        ask: Ask,
        now: &mut Now<'_>,
        out: &mut Outputs<ObjectStore>,
    ) {
        match ask {
            Ask::Stripe { put, number, pieces } => {
                self.stripe((session, token), (put, number), pieces, now, out);
            }
            Ask::End { put, commit } => self.end_put((session, token), (put, commit), now, out),
            Ask::Abort { put } => {
                self.abort(session, put);
                answer(session, token, Answer::Done, out);
            }
            _ => answer(session, token, Answer::Refused(Refusal::Unavailable), out),
        }
    }

    /// A name for bytes that no others have, whatever of this node's memory was set back.
    fn draw_put(&mut self, group: GroupNumber, epoch: Epoch, now: &mut Now<'_>) -> PutId {
        let nonce = match self.nonce {
            Some((generation, nonce)) if generation == now.generation => nonce,
            _ => now.random.next_u64(),
        };
        self.nonce = Some((now.generation, nonce));
        self.seq += 1;
        PutId { group, epoch, nonce, seq: self.seq }
    }

    /// The entry as it is to be proposed. Conditions are in it, to be judged where it is applied.
    fn change(&self, entry: Box<Entry>) -> Want {
        let depends = conditions(&entry.ask).is_some_and(|it| *it != Conditions::default());
        if !depends || Mechanism::ConditionalWrite.on(self.switches) {
            return Want::Change(entry);
        }
        match current(&entry.ask) {
            Some(look) => Want::Judge(entry, Box::new(look)),
            None => Want::Change(entry),
        }
    }

    fn send(&mut self, mut call: Call, now: &mut Now<'_>, out: &mut Outputs<ObjectStore>) {
        let members = self.cluster.members(call.group);
        let led = self.leaders.get(&call.group).copied();
        let to = led.map_or_else(|| members[call.tried % members.len()], |(leader, _)| leader);
        let is_fresh = led.is_some_and(|(_, at)| now.time.since(at) < self.tuning.attempt);
        call.want = match call.want {
            Want::Change(entry) if !is_fresh => Want::Find(entry),
            want => want,
        };
        let (group, want) = (call.group, call.want.clone());
        let token = self.calls.begin(to, call, now.time, out);
        let message = match want {
            Want::Change(entry) => Message::Propose { token, group, entry },
            Want::Look(user, ask) => Message::Query { token, group, user, ask },
            Want::Judge(entry, ask) => {
                Message::Query { token, group, user: entry.user.clone(), ask }
            }
            Want::Begin(user, place) => {
                let ask = Box::new(Ask::Begin { place });
                Message::Query { token, group, user, ask }
            }
            Want::Find(entry) => {
                let bucket = match &entry.ask {
                    Ask::End { commit, .. } => Some(&commit.place.bucket),
                    ask => bucket_of(ask),
                };
                let ask = bucket.map_or(Ask::Buckets, |bucket| Ask::Bucket(bucket.clone()));
                Message::Query { token, group, user: entry.user, ask: Box::new(ask) }
            }
        };
        self.outbox.push_back((to, message));
    }

    /// A member has answered.
    pub(crate) fn heard(
        &mut self,
        from: NodeId,
        (token, outcome): (u64, Outcome),
        now: &mut Now<'_>,
        out: &mut Outputs<ObjectStore>,
    ) {
        let Some((_, mut call)) = self.calls.end(token, from) else { return };
        match outcome {
            Outcome::Answered(found) => {
                self.leaders.insert(call.group, (from, now.time));
                match call.want {
                    Want::Find(entry) => {
                        call.want = Want::Change(entry);
                        self.send(call, now, out);
                    }
                    Want::Judge(entry, _) => match unconditional(*entry, &found) {
                        Ok(entry) => {
                            call.want = Want::Change(Box::new(entry));
                            self.send(call, now, out);
                        }
                        Err(refusal) => {
                            self.end(&(call.session, call.token), Answer::Refused(refusal), out)
                        }
                    },
                    Want::Begin(user, place) => match *found {
                        Answer::Epoch(epoch) => {
                            self.go((call.session, call.token), (user, place, epoch), now, out);
                        }
                        found => self.end(&(call.session, call.token), found, out),
                    },
                    _ => self.end(&(call.session, call.token), *found, out),
                }
            }
            Outcome::NotLeader { leader } => {
                self.leaders.remove(&call.group);
                call.tried += 1;
                match leader.filter(|leader| *leader != from) {
                    Some(leader) if !call.tried.is_multiple_of(4) => {
                        // It has not answered yet: whoever named it may be behind.
                        self.leaders.insert(call.group, (leader, Time(0)));
                        self.send(call, now, out);
                    }
                    _ => self.later(call, now, out),
                }
            }
        }
    }

    /// Asks again after a pause, if the session has patience left.
    fn later(&mut self, call: Call, now: &mut Now<'_>, out: &mut Outputs<ObjectStore>) {
        if now.time.since(call.began) >= self.tuning.patience {
            let session = (call.session, call.token);
            return self.end(&session, Answer::Refused(Refusal::Unavailable), out);
        }
        if self.again.is_empty() {
            out.set_timer(Timer::Again, self.tuning.pause);
        }
        self.again.push((now.time + self.tuning.pause, call));
    }

    /// It is time to ask again.
    pub(crate) fn again(&mut self, now: &mut Now<'_>, out: &mut Outputs<ObjectStore>) {
        let due = self.again.iter().take_while(|(at, _)| *at <= now.time).count();
        for (_, call) in self.again.drain(..due).collect::<Vec<_>>() {
            self.send(call, now, out);
        }
        if let Some((at, _)) = self.again.first() {
            out.set_timer(Timer::Again, at.since(now.time));
        }
    }

    /// Members have not answered in time.
    pub(crate) fn overdue(&mut self, now: &mut Now<'_>, out: &mut Outputs<ObjectStore>) {
        for (_, call) in self.calls.overdue(now.time, out) {
            self.lost(call, now, out);
        }
    }

    /// A place has answered.
    pub(crate) fn did(
        &mut self,
        from: NodeId,
        (token, done): (u64, Done),
        now: &mut Now<'_>,
        out: &mut Outputs<ObjectStore>,
    ) {
        self.silent.remove(&from);
        match self.jobs.end(token, from) {
            Some((_, For::Put(put, slot, _))) => self.placed(from, (put, slot), &done, now, out),
            Some((_, For::Read(number, _))) => self.fetched(number, Some(done), now, out),
            None => {}
        }
    }

    /// Places are silent.
    pub(crate) fn silent(&mut self, now: &mut Now<'_>, out: &mut Outputs<ObjectStore>) {
        let silent = self.jobs.overdue(now.time, out);
        self.unanswered(silent, now, out);
    }

    fn unanswered(
        &mut self,
        jobs: Vec<(u64, For)>,
        now: &mut Now<'_>,
        out: &mut Outputs<ObjectStore>,
    ) {
        for (_, job) in jobs {
            let (For::Put(_, _, node) | For::Read(_, node)) = job;
            self.silent.insert(node);
            match job {
                For::Put(put, slot, node) => self.misplaced((put, slot), node, now, out),
                For::Read(number, _) => self.fetched(number, None, now, out),
            }
        }
    }

    /// The stream to a member broke.
    pub(crate) fn link_reset(
        &mut self,
        peer: NodeId,
        now: &mut Now<'_>,
        out: &mut Outputs<ObjectStore>,
    ) {
        for (_, call) in self.calls.reset(peer) {
            self.lost(call, now, out);
        }
        let jobs = self.jobs.reset(peer);
        self.unanswered(jobs, now, out);
        self.abort_all(peer);
        self.forget_reads(peer);
        self.again.retain(|(_, call)| call.session != peer);
        self.lists.retain(|(session, _), _| *session != peer);
    }

    /// Nobody knows what became of it.
    fn lost(&mut self, mut call: Call, now: &mut Now<'_>, out: &mut Outputs<ObjectStore>) {
        self.leaders.remove(&call.group);
        if let Want::Change(_) = call.want {
            let session = (call.session, call.token);
            return self.end(&session, Answer::Refused(Refusal::MayHaveHappened), out);
        }
        call.tried += 1;
        self.later(call, now, out);
    }

    /// This node wants to know which of these puts of a group are dead; it is answered as a session is.
    pub(crate) fn ask_dead(
        &mut self,
        token: u64,
        (group, puts): (GroupNumber, Vec<PutId>),
        now: &mut Now<'_>,
        out: &mut Outputs<ObjectStore>,
    ) {
        let want = Want::Look("".into(), Box::new(Ask::Dead(puts)));
        let session = self.node;
        self.send(Call { session, token, group, want, began: now.time, tried: 0 }, now, out);
    }

    /// The session is answered; of a list of buckets, when all groups were heard.
    fn end(&mut self, session: &(NodeId, u64), found: Answer, out: &mut Outputs<ObjectStore>) {
        if session.0 == self.node {
            let answer = Message::Answer { token: session.1, answer: Box::new(found) };
            return self.outbox.push_back((self.node, answer));
        }
        let Some(list) = self.lists.get_mut(session) else {
            return answer(session.0, session.1, found, out);
        };
        match found {
            Answer::Buckets(buckets) => {
                list.buckets.extend(buckets);
                list.missing -= 1;
                if list.missing > 0 {
                    return;
                }
            }
            other => {
                // The others' answers find no list, and nobody who asked.
                self.lists.remove(session);
                return answer(session.0, session.1, other, out);
            }
        }
        if let Some(BucketLists { mut buckets, .. }) = self.lists.remove(session) {
            buckets.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
            answer(session.0, session.1, Answer::Buckets(buckets), out);
        }
    }
}

fn answer(session: NodeId, token: u64, answer: Answer, out: &mut Outputs<ObjectStore>) {
    out.send(session, Message::Answer { token, answer: Box::new(answer) });
}
