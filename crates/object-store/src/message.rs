//! What travels between sessions, gateways and the leaders of groups.

use std::fmt::{self, Debug, Display, Formatter};

use bitcask::StoreOp;
use journal::{Journal, JournalOp, JournalTimer};
use machine::codec::{Coded, Length};
use machine::{Embeds, NodeId, Protocol, Routine};
use raft::{Envelope, Groups, GroupsOp, GroupsTimer};

use crate::answer::Answer;
use crate::ask::Ask;
use crate::entry::Entry;
pub use crate::note::{Note, Operation};
use crate::shards::{Done, Job, ShardId, ShardOp};
use crate::words::{GroupNumber, Name};

/// The protocol that nodes, sessions and clients share.
#[derive(Clone, Debug)]
pub struct ObjectStore;

impl Protocol for ObjectStore {
    type Message = Message;
    type Timer = Timer;
    type Op = Op;
    type Note = Note;

    fn weight(message: &Message) -> u32 {
        let mut length = Length::default();
        match message {
            Message::Do(_) => {}
            Message::Ask { user, ask, .. } => {
                user.put(&mut length);
                ask.put(&mut length);
            }
            Message::Answer { answer, .. } => answer.put(&mut length),
            Message::Propose { entry, .. } => entry.put(&mut length),
            Message::Query { user, ask, .. } => {
                user.put(&mut length);
                ask.put(&mut length);
            }
            Message::Outcome { outcome, .. } => outcome.put(&mut length),
            Message::Job { id, job, .. } => {
                id.put(&mut length);
                job.put(&mut length);
            }
            Message::Did { done, .. } => done.put(&mut length),
            Message::Raft(envelope) => return 16 + envelope.length() as u32,
        }
        16 + length.bytes() as u32
    }

    fn routine(message: &Message) -> Routine {
        match message {
            Message::Raft(envelope) => envelope.routine(),
            _ => Routine::Never,
        }
    }

    fn answers(message: &Message) -> Option<(u64, bool)> {
        match message {
            Message::Answer { token, .. } => Some((*token, true)),
            _ => None,
        }
    }
}

impl Embeds<Groups> for ObjectStore {
    fn message(envelope: Envelope) -> Message {
        Message::Raft(envelope)
    }

    fn timer(timer: GroupsTimer) -> Timer {
        Timer::Raft(timer)
    }

    fn op(op: GroupsOp) -> Op {
        Op::Raft(op)
    }

    fn note(what: &'static str) -> Note {
        Note::Sometimes(what)
    }
}

/// Of the groups: that of the rows is in a folder of its own.
impl Embeds<Journal> for ObjectStore {
    fn op(op: JournalOp) -> Op {
        Op::Raft(GroupsOp::Journal(op))
    }

    fn timer(timer: JournalTimer) -> Timer {
        Timer::Raft(GroupsTimer::Journal(timer))
    }
}

/// What is sent. Its `Debug` form is the sentence that diagrams show.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Message {
    /// To a client, from a plan.
    Do(Operation),
    /// From a session to its gateway. The session picks the token, and knows the answer by it.
    Ask {
        /// Of the question.
        token: u64,
        /// Who asks: the door knows the user by the signature.
        user: Name,
        /// The question.
        ask: Box<Ask>,
    },
    /// To a session.
    Answer {
        /// Of the question.
        token: u64,
        /// The answer.
        answer: Box<Answer>,
    },
    /// From a gateway to a member of a group: have this entry committed.
    Propose {
        /// Of the proposal.
        token: u64,
        /// Which group.
        group: GroupNumber,
        /// The entry.
        entry: Box<Entry>,
    },
    /// From a gateway to a member of a group: what does its catalog say?
    Query {
        /// Of the question.
        token: u64,
        /// Which group.
        group: GroupNumber,
        /// Who asks.
        user: Name,
        /// What.
        ask: Box<Ask>,
    },
    /// To a gateway.
    Outcome {
        /// Of the proposal or question.
        token: u64,
        /// What came of it.
        outcome: Outcome,
    },
    /// From a gateway to a place: something about a shard. No token, where nobody waits for an answer.
    Job {
        /// Of the question.
        token: u64,
        /// The shard.
        id: ShardId,
        /// What is to be done.
        job: Job,
    },
    /// From a place.
    Did {
        /// Of the question.
        token: u64,
        /// What came of it.
        done: Done,
    },
    /// Between the members of groups.
    Raft(Envelope),
}

/// What came of a proposal or a question.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It was applied or looked up: this is the answer.
    Answered(Box<Answer>),
    /// This member does not lead. Nothing was proposed.
    NotLeader {
        /// Who does, as far as it knows.
        leader: Option<NodeId>,
    },
}

impl Debug for Message {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Message::Do(operation) => Display::fmt(operation, f),
            Message::Ask { ask, .. } => write!(f, "{}", Asked(ask)),
            Message::Answer { answer, .. } => write!(f, "{}", Answered(answer)),
            Message::Propose { group, entry, .. } => {
                write!(f, "g{group}: commit: {}", Asked(&entry.ask))
            }
            Message::Query { group, ask, .. } => write!(f, "g{group}: {}", Asked(ask)),
            Message::Outcome { outcome: Outcome::Answered(answer), .. } => {
                write!(f, "{}", Answered(answer))
            }
            Message::Outcome { outcome: Outcome::NotLeader { leader: None }, .. } => {
                f.write_str("I do not lead")
            }
            Message::Outcome { outcome: Outcome::NotLeader { leader: Some(leader) }, .. } => {
                write!(f, "{leader:?} leads")
            }
            Message::Job { id, job, .. } => {
                let ShardId { put, slot, .. } = id;
                match job {
                    Job::Write { stripe, .. } => {
                        write!(f, "{put:?}, slot {slot}: write stripe {stripe}")
                    }
                    Job::Seal(_) => write!(f, "{put:?}, slot {slot}: seal"),
                    Job::Drop => write!(f, "{put:?}, slot {slot}: drop"),
                    Job::Read { stripe, .. } => {
                        write!(f, "{put:?}, slot {slot}: read stripe {stripe}")
                    }
                }
            }
            Message::Did { done: Done::Written(stripe), .. } => {
                write!(f, "stripe {stripe} written")
            }
            Message::Did { done: Done::Sealed, .. } => f.write_str("sealed"),
            Message::Did { done: Done::Refused, .. } => f.write_str("not here"),
            Message::Did { done: Done::Read(piece), .. } => piece.fmt(f),
            Message::Raft(envelope) => fmt::Display::fmt(envelope, f),
        }
    }
}

/// A question as a sentence.
struct Asked<'a>(&'a Ask);

impl fmt::Display for Asked<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0 {
            Ask::Small { commit, body } => {
                write!(f, "put {} bytes under {}", body.len(), commit.place.key)
            }
            Ask::End { put, commit } => write!(f, "{put:?} is {}", commit.place.key),
            Ask::Begin { place } => write!(f, "bytes come for {}", place.key),
            Ask::Stripe { put, number, .. } => write!(f, "{put:?}: stripe {number}"),
            Ask::Read { key, stripe, .. } => write!(f, "stripe {stripe} of {key}"),
            Ask::Get { key, .. } => write!(f, "get {key}"),
            Ask::Delete { key, .. } => write!(f, "delete {key}"),
            Ask::ChangeBucket(name, change) => write!(f, "{change:?} bucket {name}"),
            Ask::List(list) => write!(f, "list {}", list.bucket),
            Ask::Dead(puts) => write!(f, "which of {} puts are dead?", puts.len()),
            Ask::Advance(epoch) => write!(f, "epoch {epoch} is over"),
            other => other.fmt(f),
        }
    }
}

/// An answer as a sentence.
struct Answered<'a>(&'a Answer);

impl fmt::Display for Answered<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0 {
            Answer::Refused(refusal) => write!(f, "refused: {refusal}"),
            Answer::Done => f.write_str("done"),
            Answer::Stored(_) => f.write_str("stored"),
            Answer::Go(go) => write!(f, "go on with {:?}", go.put),
            Answer::Found(found) => write!(f, "version {:x}", found.row.version),
            Answer::Deleted(_) => f.write_str("deleted"),
            Answer::Dead(puts) => write!(f, "{} are dead", puts.len()),
            other => other.fmt(f),
        }
    }
}

/// The names of timers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Timer {
    /// Of the groups.
    Raft(GroupsTimer),
    /// Of the rows.
    Rows(JournalTimer),
    /// The rows are to be synced.
    Checkpoint,
    /// Of a gateway: a question to a member has waited long enough.
    Calls,
    /// Of a gateway: a place is silent.
    Jobs,
    /// Of a gateway: ask a member again.
    Again,
    /// An epoch may be over, and bytes may be dead.
    Epoch,
    /// Of a simulated client.
    Patience,
    /// Of a simulated client that has paused, or asks again.
    Pause,
}

/// What to do when a disk operation ends.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    /// Of the groups.
    Raft(GroupsOp),
    /// Of the rows.
    Rows(StoreOp),
    /// Of a shard.
    Shard(ShardOp),
    /// Of the collector: the names of shards are listed.
    Listed,
}
