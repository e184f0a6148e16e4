//! A server of the key-value system: one group's log, the store that it leads to, and the requests
//! that wait for either.
//!
//! The law: a write is answered when its entry is applied, and only if it is the entry that was
//! proposed for it, in the term in which it was proposed. A replica that loses its leadership says of
//! all that waits that it may have been done. A read changes nothing, so one that cannot be answered
//! was never done.

use std::collections::{BTreeMap, VecDeque};

use machine::{Input, Inspection, Machine, NodeId, Now, Outputs, Switches};
use raft::{
    ChangeRefused, Consistency, Entry, Event, Group, GroupId, Groups, Growth, Index, NotApplied,
    NotLeader, Payload, Term, TransferRefused, Tuning,
};

use crate::command::{Change, Command, TooLarge};
use crate::message::{
    Answer, Ask, KeyValue, Message, Note, Op, ReadMode, Refusal, Request, Response, Timer,
};
use crate::store::{Effect, MOST_PAIRS, Store};

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
    /// Up to here, and without what follows, the store is the log.
    applied: Index,
    limits: Limits,
    growth: Growth,
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
        Replica {
            groups: Groups::new(id, founders, 1, tuning, switches),
            store: Store::new(switches),
            applied: 0,
            limits,
            growth: Growth::new(limits.snapshot_after),
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

    fn request(
        &mut self,
        client: NodeId,
        request: Request,
        now: &mut Now<'_>,
        out: &mut Outputs<KeyValue>,
    ) {
        let token = request.token;
        let answer = match &request.ask {
            _ if self.group().is_some_and(Group::is_outside) => Some(self.outside(token)),
            _ if self.writes.len() + self.reads.len() >= self.limits.most_waiting => {
                Some(Answer::Refused(Refusal::Overloaded))
            }
            Ask::Change { voters } => {
                let changed = self.groups.change(GROUP, voters, now);
                Some(changed.map_or_else(Answer::from, |()| Answer::Done))
            }
            Ask::Transfer { to } => {
                let transferred = self.groups.transfer(GROUP, *to, now);
                Some(transferred.map_or_else(Answer::from, |()| Answer::Done))
            }
            Ask::Get { read, .. } | Ask::Range { read, .. } => {
                self.read(client, *read, request, now)
            }
            write => match write.change() {
                Some((key, change)) => {
                    let command = Command { session: request.session, key, change };
                    self.write(client, token, command, now)
                }
                None => None,
            },
        };
        if let Some(answer) = answer {
            respond(client, token, answer, out);
        }
    }

    /// The members are others. Whoever asks again is sent to another of them.
    fn outside(&self, token: u64) -> Answer {
        let Some(group) = self.group() else { return Answer::NotLeader { leader: None } };
        let voters = &group.membership().voters;
        let member = voters.iter().nth(token as usize % voters.len().max(1));
        let removed = group.is_removed();
        Answer::Outside { removed, member: member.map(|member| member.node) }
    }

    /// Proposes it. An answer at once is that nothing was done.
    fn write(
        &mut self,
        client: NodeId,
        token: u64,
        command: Command<'_>,
        now: &mut Now<'_>,
    ) -> Option<Answer> {
        let bytes = match command.encode() {
            Ok(bytes) => bytes,
            Err(too_large) => return Some(too_large.into()),
        };
        match self.groups.propose(GROUP, bytes, now) {
            Err(refused) => Some(refused.into()),
            Ok(at) => {
                let is_cas = matches!(command.change, Change::Cas { .. });
                self.writes.push_back(PendingWrite { at, client, token, is_cas });
                None
            }
        }
    }

    fn read(
        &mut self,
        client: NodeId,
        read: ReadMode,
        Request { token, ask, .. }: Request,
        now: &mut Now<'_>,
    ) -> Option<Answer> {
        let consistency = match read {
            ReadMode::Stale => return self.look_up(&ask),
            ReadMode::Index => Consistency::Index,
            ReadMode::Lease => Consistency::Lease,
        };
        let number = self.next_read;
        match self.groups.read(GROUP, consistency, number, now) {
            Err(refused) => Some(refused.into()),
            Ok(()) => {
                self.next_read += 1;
                self.reads.insert(number, PendingRead { client, token, ask });
                None
            }
        }
    }

    /// What a read finds in the store.
    fn look_up(&self, ask: &Ask) -> Option<Answer> {
        match ask {
            Ask::Get { key, .. } => Some(Answer::Value(self.store.get(key).cloned())),
            Ask::Range { start, end, limit, .. } => {
                let limit = (*limit as usize).min(MOST_PAIRS);
                Some(Answer::Pairs(self.store.range(start, end.as_ref(), limit)))
            }
            _ => None,
        }
    }

    /// Takes what the log has to tell, in its order, until it has no more.
    fn catch_up(&mut self, now: &mut Now<'_>, out: &mut Outputs<KeyValue>) {
        loop {
            if let Some((_, event)) = self.groups.next_event() {
                self.event(event, out);
            } else if let Some((index, entry)) = self.groups.next_committed(GROUP) {
                self.apply(index, &entry, out);
            } else {
                break;
            }
        }
        if self.growth.is_due() {
            let state = self.store.snapshot();
            self.growth.restart(&state);
            self.groups.compact(GROUP, self.applied, state, now);
        }
    }

    fn event(&mut self, event: Event, out: &mut Outputs<KeyValue>) {
        match event {
            Event::Leads { .. } => {}
            Event::Follows { .. } => {
                for PendingWrite { client, token, .. } in self.writes.drain(..) {
                    respond(client, token, Answer::Lost, out);
                }
            }
            Event::Readable { token, .. } => {
                if let Some(PendingRead { client, token, ask }) = self.reads.remove(&token)
                    && let Some(answer) = self.look_up(&ask)
                {
                    respond(client, token, answer, out);
                }
            }
            Event::ReadLost { token } => {
                if let Some(PendingRead { client, token, .. }) = self.reads.remove(&token) {
                    let leader = self.group().and_then(Group::leader);
                    respond(client, token, Answer::NotLeader { leader }, out);
                }
            }
            Event::Restored { index, state } => match self.store.restore(&state) {
                Ok(()) => {
                    self.applied = index;
                    self.growth.restart(&state);
                }
                Err(rotten) => out.halt(rotten.to_string()),
            },
            Event::Noted(what) => out.note(Note::Sometimes(what)),
        }
    }

    fn apply(&mut self, index: Index, entry: &Entry, out: &mut Outputs<KeyValue>) {
        self.applied = index;
        self.growth.add(entry);
        let mut outcome = Err(NotApplied::Stale);
        if let Payload::Command(bytes) = &entry.payload {
            let before = self.store.repeats();
            outcome = self.store.apply(bytes);
            if self.store.repeats() > before {
                out.note(Note::Sometimes("repeated-command"));
            }
        }
        let due = |write: &mut PendingWrite| write.at.1 <= index;
        while let Some(PendingWrite { at, client, token, is_cas }) = self.writes.pop_front_if(due) {
            let answer = match outcome {
                // Another entry took its place.
                _ if at != (entry.term, index) => Answer::Lost,
                Ok(Effect::Done) if is_cas => Answer::Swapped(true),
                Ok(Effect::Done) => Answer::Done,
                Ok(Effect::Unmatched) => Answer::Swapped(false),
                Ok(Effect::Refused) => Answer::Refused(Refusal::TooLarge),
                Err(NotApplied::Reused) => Answer::Refused(Refusal::Reused),
                Err(NotApplied::Stale) => Answer::Lost,
            };
            respond(client, token, answer, out);
        }
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
            Input::Message { .. } | Input::Timer(Timer::Attempt) => {}
            Input::Timer(Timer::Raft) => self.groups.timer(now, out),
            Input::Disk { op: Op(op), result } => self.groups.disk(op, result, now, out),
            Input::LinkReset { peer } => self.groups.link_reset(peer, now),
        }
        self.catch_up(now, out);
        self.groups.flush(now, out);
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

impl From<TooLarge> for Answer {
    fn from(TooLarge: TooLarge) -> Answer {
        Answer::Refused(Refusal::TooLarge)
    }
}

impl From<NotLeader> for Answer {
    fn from(NotLeader { leader }: NotLeader) -> Answer {
        Answer::NotLeader { leader }
    }
}

impl From<ChangeRefused> for Answer {
    fn from(refused: ChangeRefused) -> Answer {
        match refused {
            ChangeRefused::NotLeader(refused) => refused.into(),
            ChangeRefused::Nothing => Answer::Nothing,
            ChangeRefused::Unknown(_) => Answer::Refused(Refusal::Unknown),
            ChangeRefused::Nobody => Answer::Refused(Refusal::Nobody),
        }
    }
}

impl From<TransferRefused> for Answer {
    fn from(refused: TransferRefused) -> Answer {
        match refused {
            TransferRefused::NotLeader(refused) => refused.into(),
            TransferRefused::Nothing => Answer::Nothing,
            TransferRefused::NoVote => Answer::Refused(Refusal::NoVote),
        }
    }
}

fn respond(client: NodeId, token: u64, answer: Answer, out: &mut Outputs<KeyValue>) {
    out.send(client, Message::Response(Response { token, answer }));
}
