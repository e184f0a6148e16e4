//! The gateway of sessions: it finds whoever can answer, and hands the answer back.
//!
//! The law: a change is handed to a log once. Only where a member said that it proposed nothing is it handed to another;
//! of whatever else goes wrong the session is told that it may have happened. Questions change nothing, and are asked
//! again.

use std::collections::{BTreeMap, VecDeque};

use machine::{Generation, NodeId, Now, Outputs, Switches, Time};
use rand::Rng;
use resilience::Calls;

use crate::answer::Answer;
use crate::ask::Ask;
use crate::cluster::Cluster;
use crate::conditions::Conditions;
use crate::entry::Entry;
use crate::error::Refusal;
use crate::mechanism::Mechanism;
use crate::message::{Message, ObjectStore, Outcome, Timer};
use crate::row::{Bucket, Kept};
use crate::tuning::Tuning;
use crate::words::{GroupNumber, Name, PutId};

/// What a node does for sessions.
#[derive(Clone, Debug)]
pub(crate) struct Gateway {
    cluster: Cluster,
    tuning: Tuning,
    switches: Switches,
    /// Of its puts: see [`PutId`].
    nonce: Option<(Generation, u64)>,
    seq: u32,
    calls: Calls<Timer, Call>,
    /// To be asked again, when.
    again: Vec<(Time, Call)>,
    /// Who led each group, when it was heard of last.
    leaders: BTreeMap<GroupNumber, NodeId>,
    /// Lists of buckets that groups are asked for.
    lists: BTreeMap<(NodeId, u64), BucketLists>,
    /// For members of groups; this node may be one.
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
}

/// What has come of all groups' buckets.
#[derive(Clone, Debug, Default)]
struct BucketLists {
    missing: usize,
    buckets: Vec<(Name, Bucket)>,
}

impl Gateway {
    pub(crate) fn new(cluster: Cluster, tuning: Tuning, switches: Switches) -> Gateway {
        Gateway {
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
            return answer(session, token, Answer::Refused(Refusal::Unavailable), out);
        };
        let group = self.cluster.ranges.group(bucket);
        let want = match *ask {
            Ask::Small { ref body, .. } if body.len() > self.tuning.small as usize => {
                return answer(session, token, Answer::Refused(Refusal::EntityTooLarge), out);
            }
            Ask::Small { .. } | Ask::ChangeBucket(..) | Ask::Delete { .. } => {
                let put = matches!(*ask, Ask::Small { .. });
                let put = put.then(|| (self.draw_put(group, now), Kept::Whole));
                let entry = Entry { user, at: now.wall.0 / 1_000_000, put, ask: *ask };
                self.change(Box::new(entry))
            }
            _ => Want::Look(user, ask),
        };
        self.send(Call { session, token, group, want, began: now.time, tried: 0 }, now, out);
    }

    /// A name for bytes that no others have, whatever of this node's memory was set back.
    fn draw_put(&mut self, group: GroupNumber, now: &mut Now<'_>) -> PutId {
        let nonce = match self.nonce {
            Some((generation, nonce)) if generation == now.generation => nonce,
            _ => now.random.next_u64(),
        };
        self.nonce = Some((now.generation, nonce));
        self.seq += 1;
        PutId { group, epoch: 0, nonce, seq: self.seq }
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

    fn send(&mut self, call: Call, now: &mut Now<'_>, out: &mut Outputs<ObjectStore>) {
        let members = self.cluster.members(call.group);
        let led = self.leaders.get(&call.group).copied();
        let to = led.unwrap_or_else(|| members[call.tried % members.len()]);
        let (group, want) = (call.group, call.want.clone());
        let token = self.calls.begin(to, call, now.time, out);
        let message = match want {
            Want::Change(entry) => Message::Propose { token, group, entry },
            Want::Look(user, ask) => Message::Query { token, group, user, ask },
            Want::Judge(entry, ask) => {
                Message::Query { token, group, user: entry.user.clone(), ask }
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
                self.leaders.insert(call.group, from);
                match call.want {
                    Want::Judge(entry, _) => match unconditional(*entry, &found) {
                        Ok(entry) => {
                            call.want = Want::Change(Box::new(entry));
                            self.send(call, now, out);
                        }
                        Err(refusal) => {
                            self.end(&(call.session, call.token), Answer::Refused(refusal), out)
                        }
                    },
                    _ => self.end(&(call.session, call.token), *found, out),
                }
            }
            Outcome::NotLeader { leader } => {
                self.leaders.remove(&call.group);
                call.tried += 1;
                match leader.filter(|leader| *leader != from) {
                    Some(leader) if call.tried % 4 != 0 => {
                        self.leaders.insert(call.group, leader);
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

    /// The session is answered; of a list of buckets, when all groups were heard.
    fn end(&mut self, session: &(NodeId, u64), found: Answer, out: &mut Outputs<ObjectStore>) {
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

/// The bucket that a question is about.
fn bucket_of(ask: &Ask) -> Option<&Name> {
    match ask {
        Ask::Bucket(bucket)
        | Ask::ChangeBucket(bucket, _)
        | Ask::Get { bucket, .. }
        | Ask::Read { bucket, .. }
        | Ask::Delete { bucket, .. } => Some(bucket),
        Ask::Small { commit, .. } => Some(&commit.place.bucket),
        Ask::List(list) => Some(&list.bucket),
        _ => None,
    }
}

/// On which a change depends.
fn conditions(ask: &Ask) -> Option<&Conditions> {
    match ask {
        Ask::Small { commit, .. } => Some(&commit.conditions),
        Ask::Delete { conditions, .. } => Some(conditions),
        _ => None,
    }
}

/// The question for what a change replaces.
fn current(ask: &Ask) -> Option<Ask> {
    let (bucket, key) = match ask {
        Ask::Small { commit, .. } => (&commit.place.bucket, &commit.place.key),
        Ask::Delete { bucket, key, .. } => (bucket, key),
        _ => return None,
    };
    Some(Ask::Get {
        bucket: bucket.clone(),
        key: key.clone(),
        version: None,
        conditions: Conditions::default(),
        body: false,
    })
}

/// The entry without its conditions, if they hold for what was found before it is proposed.
fn unconditional(mut entry: Entry, found: &Answer) -> Result<Entry, Refusal> {
    let row = match found {
        Answer::Found(found) => Some(&found.row),
        Answer::Refused(Refusal::NoSuchKey { .. }) => None,
        Answer::Refused(refusal) => return Err(*refusal),
        _ => return Err(Refusal::Unavailable),
    };
    let conditions = match &mut entry.ask {
        Ask::Small { commit, .. } => &mut commit.conditions,
        Ask::Delete { conditions, .. } => conditions,
        _ => return Ok(entry),
    };
    std::mem::take(conditions).judge_change(row)?;
    Ok(entry)
}
