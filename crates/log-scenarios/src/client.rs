//! Simulated clients: producers, readers of fixed partitions, members of a group, and an operator who moves
//! partitions and reads in the end what every replica has.
//!
//! The law: they speak to brokers in the words of [`Ask`] and [`Answer`] only, and what they sent and saw is
//! noted. Whoever does not answer in time, or whose link was reset, is taken for dead; who leads is asked of
//! the next broker in turn. Plans leave clients up: they keep nothing on a disk.

mod consumer;
mod member;
mod operator;
mod producer;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use machine::{Field, Input, Inspection, Machine, NodeId, Now, Outputs, Time};
use sim::Share;

use self::consumer::Reader;
use self::member::Member;
use self::operator::Operator;
use self::producer::Producer;
use replicated_log::ask::{Answer, Ask, MetadataAsk, TopicMetadata};
use replicated_log::message::{Message, ReplicatedLog, Timer};
use replicated_log::note::{Note, Operation};
use replicated_log::words::{LeaderEpoch, Name, TopicId, TopicPartition, TopicRef};

/// The topic that all of them are about.
const TOPIC: &str = "log";
/// An answer that is not there by then is waited for no longer.
pub(crate) const PATIENCE: Duration = Duration::from_millis(200);
/// A client begins when the cluster is there.
const BEGIN: Duration = Duration::from_millis(900);
/// Before it is tried again what did not work.
const PAUSE: Duration = Duration::from_millis(20);

/// A simulated client.
#[derive(Clone, Debug)]
pub struct Client {
    calls: Calls,
    role: Role,
    errors: Share,
}

#[derive(Clone, Debug)]
enum Role {
    Producer(Producer),
    Reader(Reader),
    Member(Member),
    Operator(Operator),
}

impl Client {
    /// Sends batches of records of so many bytes to so many partitions.
    pub fn producer(
        id: NodeId,
        brokers: Vec<NodeId>,
        partitions: u32,
        idempotent: bool,
        record_bytes: u32,
    ) -> Client {
        let role = Role::Producer(Producer::new(id, partitions, idempotent, record_bytes));
        Client::new(id, brokers, role)
    }

    /// Reads all partitions, of replicas in its rack where it has one. A fetch waits so long.
    pub fn reader(
        id: NodeId,
        brokers: Vec<NodeId>,
        partitions: u32,
        rack: Option<Name>,
        wait: Duration,
    ) -> Client {
        let role = Role::Reader(Reader::new(partitions, rack, wait));
        Client::new(id, brokers, role)
    }

    /// Reads what the group gives it.
    pub fn member(id: NodeId, brokers: Vec<NodeId>, session: Duration) -> Client {
        Client::new(id, brokers, Role::Member(Member::new(id, session)))
    }

    /// Moves partitions by asking these controllers, and reads what replicas have from this time on.
    pub fn operator(
        id: NodeId,
        brokers: Vec<NodeId>,
        controllers: Vec<NodeId>,
        audit: Duration,
    ) -> Client {
        let role = Role::Operator(Operator::new(controllers, audit));
        Client::new(id, brokers, role)
    }

    fn new(id: NodeId, brokers: Vec<NodeId>, role: Role) -> Client {
        Client { calls: Calls::new(id, brokers), role, errors: Share::default() }
    }

    /// Of the batches that were sent, each as often as it was, and of the fetches: those that were refused, or not
    /// answered in time. The operator's are nobody's: he reads replicas that need not answer.
    pub(crate) fn errors(&self) -> Share {
        self.errors
    }

    fn count(&mut self, what: What, answer: Option<&Answer>) {
        let is_error = match (&self.role, what, answer) {
            (Role::Operator(_), ..) => return,
            (_, What::Batch(_) | What::Records(_), None) => true,
            (_, What::Batch(_), Some(Answer::Produced(parts))) => {
                parts.iter().any(|part| part.outcome.is_err())
            }
            (_, What::Records(_), Some(Answer::Fetched(parts))) => {
                parts.iter().any(|part| part.outcome.is_err())
            }
            _ => return,
        };
        self.errors.whole += 1;
        self.errors.part += u64::from(is_error);
    }
}

/// What was asked, or waits for its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    /// Who leads.
    Metadata,
    /// To ask that again.
    Refresh,
    /// The identity of a producer.
    Identity,
    /// To ask for that.
    AgainIdentity,
    /// A batch, for this partition.
    Batch(u32),
    /// What comes next in this partition.
    Records(u32),
    /// Where this partition starts.
    Start(u32),
    /// To go on with this partition.
    Again(u32),
    /// Who coordinates the group.
    Coordinator,
    /// To begin to take part anew.
    Return,
    Join,
    Sync,
    /// How far the group has read.
    Positions,
    /// That a member is there.
    Beat,
    /// To say so.
    BeatDue,
    /// To remember how far it has read, under this number.
    Commit(u64),
    /// To ask for that.
    CommitDue,
    Leave,
    /// A change of the cluster, under this number.
    Command(u64),
    /// To ask another controller for it.
    CommandAgain(u64),
    /// To read in the end what all replicas have.
    AuditBegins,
    /// To go on with the replica of this number.
    AuditDue(u32),
}

/// What is waited for.
#[derive(Clone, Debug)]
struct Call {
    what: What,
    /// Nobody, where only time passes.
    of: Option<NodeId>,
    due: Time,
}

/// What a client has asked, and what it knows of the cluster.
#[derive(Clone, Debug)]
struct Calls {
    id: NodeId,
    brokers: Vec<NodeId>,
    /// How many calls there were; a token is its client's number and that of the call.
    made: u32,
    open: BTreeMap<u64, Call>,
    /// The timer is set to this.
    alarm: Option<Time>,
    topic: Option<TopicId>,
    partitions: Vec<Known>,
    /// Whom to ask next what all brokers know.
    next: usize,
}

/// What is known of a partition.
#[derive(Clone, Debug, Default)]
struct Known {
    leader: Option<NodeId>,
    epoch: LeaderEpoch,
    replicas: Vec<NodeId>,
}

impl Calls {
    fn new(id: NodeId, brokers: Vec<NodeId>) -> Calls {
        let next = id.0 as usize;
        Calls {
            id,
            brokers,
            made: 0,
            open: BTreeMap::new(),
            alarm: None,
            topic: None,
            partitions: Vec::new(),
            next,
        }
    }

    fn put(&mut self, call: Call) -> u64 {
        self.made += 1;
        let token = u64::from(self.id.0) << 32 | u64::from(self.made);
        self.open.insert(token, call);
        token
    }

    fn leader(&self, partition: u32) -> Option<NodeId> {
        self.known(partition)?.leader
    }

    fn known(&self, partition: u32) -> Option<&Known> {
        self.partitions.get(partition as usize)
    }

    /// As notes name it, once it is known.
    fn partition(&self, partition: u32) -> Option<TopicPartition> {
        self.topic.map(|topic| TopicPartition { topic, partition })
    }

    /// The next broker in turn.
    fn any(&mut self) -> NodeId {
        self.next += 1;
        self.brokers[self.next % self.brokers.len()]
    }

    /// Takes out all calls of which this is true.
    fn take(&mut self, is: impl Fn(&Call) -> bool) -> Vec<(u64, Call)> {
        self.open.extract_if(.., |_, call| is(call)).collect()
    }

    fn learn(&mut self, topics: Vec<TopicMetadata>) {
        let Some(Ok(shape)) = topics.into_iter().next().map(|topic| topic.outcome) else { return };
        self.topic = Some(shape.id);
        let known = shape.partitions.into_iter().map(|partition| Known {
            leader: partition.leader,
            epoch: partition.leader_epoch,
            replicas: partition.replicas,
        });
        self.partitions = known.collect();
    }
}

/// What a client has at hand while it handles an input.
struct Turn<'a, 'n> {
    calls: &'a mut Calls,
    now: &'a mut Now<'n>,
    out: &'a mut Outputs<ReplicatedLog>,
}

impl Turn<'_, '_> {
    /// Asks, and waits for the answer as long as always.
    fn ask(&mut self, to: NodeId, what: What, ask: Ask) -> u64 {
        self.ask_for(to, what, ask, PATIENCE)
    }

    /// Asks, and waits so long for the answer.
    fn ask_for(&mut self, to: NodeId, what: What, ask: Ask, patience: Duration) -> u64 {
        let token = self.calls.put(Call { what, of: Some(to), due: self.now.time + patience });
        self.out.send(to, Message::Ask { token, ask: Box::new(ask) });
        token
    }

    /// Does something after a while.
    fn later(&mut self, after: Duration, what: What) {
        self.calls.put(Call { what, of: None, due: self.now.time + after });
    }

    /// Asks who leads, unless that is asked already.
    fn ask_who_leads(&mut self) {
        let asks = |call: &Call| matches!(call.what, What::Metadata | What::Refresh);
        if !self.calls.open.values().any(asks) {
            let topics = Some(vec![topic()]);
            let to = self.calls.any();
            self.ask(to, What::Metadata, Ask::Metadata(MetadataAsk { topics, creates: true }));
        }
    }

    /// The leader of a partition did not do what it should.
    fn doubt(&mut self, partition: u32) {
        if let Some(known) = self.calls.partitions.get_mut(partition as usize) {
            known.leader = None;
        }
        self.ask_who_leads();
    }

    fn note(&mut self, note: Note) {
        self.out.note(note);
    }
}

fn topic() -> TopicRef {
    TopicRef::Name(Arc::from(TOPIC))
}

impl Client {
    fn begin(&mut self, turn: &mut Turn<'_, '_>) {
        turn.later(BEGIN, What::Refresh);
        match &mut self.role {
            Role::Producer(producer) => producer.begin(turn),
            Role::Operator(operator) => operator.begin(turn),
            Role::Reader(_) | Role::Member(_) => {}
        }
    }

    fn told(&mut self, operation: Operation, turn: &mut Turn<'_, '_>) {
        match (&mut self.role, operation) {
            (Role::Producer(producer), Operation::Produce { partition, records, acks }) => {
                producer.produce(partition, records, acks, turn);
            }
            (Role::Member(member), Operation::Come) => member.come(turn),
            (Role::Member(member), Operation::Leave) => member.leave(turn),
            (Role::Operator(operator), Operation::Reassign { partition, replicas }) => {
                operator.reassign(partition, replicas, turn);
            }
            // A saved plan may have a client do what is not its own.
            _ => {}
        }
    }

    /// An answer, or none where there will be none, or it is time.
    fn came(
        &mut self,
        (token, what): (u64, What),
        answer: Option<Answer>,
        turn: &mut Turn<'_, '_>,
    ) {
        self.count(what, answer.as_ref());
        match (what, &answer) {
            (What::Refresh, _) | (What::Metadata, None) => return turn.ask_who_leads(),
            (What::Metadata, Some(Answer::Metadata(metadata))) => {
                turn.calls.learn(metadata.topics.clone());
                let known = &turn.calls.partitions;
                if known.is_empty() || known.iter().any(|known| known.leader.is_none()) {
                    turn.later(PAUSE, What::Refresh);
                }
            }
            _ => {}
        }
        match &mut self.role {
            Role::Producer(producer) => producer.came(token, what, answer, turn),
            Role::Reader(reader) => reader.came(what, answer, turn),
            Role::Member(member) => member.came(what, answer, turn),
            Role::Operator(operator) => operator.came(what, answer, turn),
        }
    }

    fn handle_input(&mut self, input: Input<ReplicatedLog>, turn: &mut Turn<'_, '_>) {
        match input {
            Input::Start { .. } => self.begin(turn),
            Input::Message { message: Message::Do(operation), .. } => self.told(operation, turn),
            Input::Message { message: Message::Answer { token, answer }, .. } => {
                if let Some(call) = turn.calls.open.remove(&token) {
                    self.came((token, call.what), Some(*answer), turn);
                }
            }
            Input::Message { message: Message::Commanded { token, outcome }, .. } => {
                if let (Some(call), Role::Operator(operator)) =
                    (turn.calls.open.remove(&token), &mut self.role)
                {
                    operator.commanded(call.what, outcome.map_err(|(error, _)| error), turn);
                }
            }
            Input::Timer(Timer::Client(_)) => {
                turn.calls.alarm = None;
                let now = turn.now.time;
                self.all_in_vain(turn.calls.take(|call| call.due <= now), turn);
            }
            Input::LinkReset { peer } => {
                self.all_in_vain(turn.calls.take(|call| call.of == Some(peer)), turn);
            }
            Input::Stop => turn.out.stopped(),
            _ => {}
        }
    }

    fn all_in_vain(&mut self, calls: Vec<(u64, Call)>, turn: &mut Turn<'_, '_>) {
        for (token, call) in calls {
            self.came((token, call.what), None, turn);
        }
    }
}

impl Machine for Client {
    type Protocol = ReplicatedLog;

    fn handle(
        &mut self,
        now: &mut Now<'_>,
        input: Input<ReplicatedLog>,
        out: &mut Outputs<ReplicatedLog>,
    ) {
        let mut calls = std::mem::replace(&mut self.calls, Calls::new(NodeId(0), Vec::new()));
        self.handle_input(input, &mut Turn { calls: &mut calls, now, out });
        let due = calls.open.values().map(|call| call.due).min();
        if let Some(due) = due
            && calls.alarm != Some(due)
        {
            out.set_timer(Timer::Client(0), due.since(now.time));
            calls.alarm = Some(due);
        }
        self.calls = calls;
    }

    fn inspect(&self) -> Inspection {
        let (role, state) = match &self.role {
            Role::Producer(producer) => ("producer", producer.state()),
            Role::Reader(reader) => ("reader", reader.state()),
            Role::Member(member) => ("member", member.state()),
            Role::Operator(_) => ("operator", String::new()),
        };
        Inspection { role, state }
    }

    fn fields(&self) -> Vec<Field> {
        vec![
            Field::text("state", Some(self.inspect().state)),
            Field::number("asked", u64::from(self.calls.made)),
            Field::number("not answered", self.calls.open.len() as u64),
        ]
    }
}
