//! The messages of the key-value system: what clients and replicas say to each other.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use journal::{Journal, JournalOp, JournalTimer};
use machine::{Embeds, NodeId, Protocol, Routine};
use raft::{Address, Envelope, Groups, GroupsOp, GroupsTimer, Session};
use serde::{Deserialize, Serialize};

use crate::command::Change;
use crate::store::Pairs;

/// The protocol that replicas and clients share.
#[derive(Clone, Debug)]
pub struct KeyValue;

impl Protocol for KeyValue {
    type Message = Message;
    type Timer = Timer;
    type Op = Op;
    type Note = Note;

    fn routine(message: &Message) -> Routine {
        match message {
            Message::Raft(envelope) => envelope.routine(),
            _ => Routine::Never,
        }
    }

    fn weight(message: &Message) -> u32 {
        let carried = match message {
            Message::Raft(envelope) => return Groups::weight(envelope),
            Message::Do(Operation { ask, .. }) | Message::Request(Request { ask, .. }) => {
                ask.length()
            }
            Message::Response(response) => response.answer.length(),
        };
        64 + carried as u32
    }

    fn answers(message: &Message) -> Option<(u64, bool)> {
        match message {
            Message::Response(response) => Some((response.token, true)),
            _ => None,
        }
    }
}

impl Embeds<Groups> for KeyValue {
    fn message(envelope: Envelope) -> Message {
        Message::Raft(envelope)
    }

    fn timer(timer: GroupsTimer) -> Timer {
        Timer::Raft(timer)
    }

    fn op(op: GroupsOp) -> Op {
        Op(op)
    }

    fn note(what: &'static str) -> Note {
        Note::Sometimes(what)
    }
}

impl Embeds<Journal> for KeyValue {
    fn timer(timer: JournalTimer) -> Timer {
        Timer::Raft(GroupsTimer::Journal(timer))
    }

    fn op(op: JournalOp) -> Op {
        Op(GroupsOp::Journal(op))
    }
}

/// What is sent. Its `Debug` form is the sentence that diagrams show.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Message {
    /// To a client, from a plan.
    Do(Operation),
    /// To a replica.
    Request(Request),
    /// To a client.
    Response(Response),
    /// Between replicas.
    Raft(Envelope),
}

/// Something to do for a client: an operation of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Operation {
    /// Whom to ask first; where they do not answer others are asked in turn.
    pub replica: NodeId,
    /// What to ask.
    pub ask: Ask,
}

/// A client asks.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Request {
    /// Comes back with the answer; the client picks it.
    pub token: u64,
    /// With it a write is done at most once, however often it is sent.
    pub session: Option<Session>,
    /// What to do.
    pub ask: Ask,
}

/// What a client asks for.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[expect(missing_docs, reason = "the parts of an operation are what its name says")]
pub enum Ask {
    /// The value of a key.
    Get {
        #[serde(with = "text")]
        key: Bytes,
        read: ReadMode,
    },
    /// The pairs from a key on, up to and without another.
    Range {
        #[serde(with = "text")]
        start: Bytes,
        #[serde(with = "some_text")]
        end: Option<Bytes>,
        limit: u32,
        read: ReadMode,
    },
    /// The value becomes this.
    Put {
        #[serde(with = "text")]
        key: Bytes,
        #[serde(with = "text")]
        value: Bytes,
    },
    /// The key has no value any more.
    Delete {
        #[serde(with = "text")]
        key: Bytes,
    },
    /// This is added at the end of the value.
    Append {
        #[serde(with = "text")]
        key: Bytes,
        #[serde(with = "text")]
        value: Bytes,
    },
    /// The value becomes `to` if it is `from`; nothing stands for no value.
    Cas {
        #[serde(with = "text")]
        key: Bytes,
        #[serde(with = "some_text")]
        from: Option<Bytes>,
        #[serde(with = "some_text")]
        to: Option<Bytes>,
    },
    /// From now on these replicate and vote. A node of which the others do not know where it is comes with its
    /// address. Done when the change is under way.
    Change {
        voters: BTreeSet<NodeId>,
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        addresses: BTreeMap<NodeId, Address>,
    },
    /// From now on this one leads, or whichever can soonest. Done when the transfer is under way.
    Transfer {
        #[serde(default)]
        to: Option<NodeId>,
    },
}

/// What a read must have seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReadMode {
    /// All that was answered before it was asked: a majority confirms that the leader leads.
    Index,
    /// The same, as long as clocks drift no more than stated: the leader's lease stands for that.
    Lease,
    /// What this replica happens to have applied.
    Stale,
}

/// A replica answers.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Response {
    /// Of the request.
    pub token: u64,
    /// The answer.
    pub answer: Answer,
}

/// How a request ended.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Answer {
    /// The value; nothing where there is none.
    Value(Option<Bytes>),
    /// Some pairs.
    Pairs(Pairs),
    /// It was done.
    Done,
    /// It is so already: nothing was begun.
    Nothing,
    /// Did the value match, so that it was swapped?
    Swapped(bool),
    /// Nothing was done: this replica does not lead.
    NotLeader {
        /// Who does, as far as it knows.
        leader: Option<NodeId>,
    },
    /// Nothing was done: this replica is no member of the group.
    NotMember {
        /// It was one, and was taken out.
        removed: bool,
        /// Who is one.
        member: Option<NodeId>,
    },
    /// It may have been done, or be done later: the replica lost its leadership over it.
    Lost,
    /// Nothing was done.
    Refused(Refusal),
}

impl Answer {
    /// How many bytes its keys and values have.
    fn length(&self) -> usize {
        match self {
            Answer::Value(value) => value.as_ref().map_or(0, Bytes::len),
            Answer::Pairs(Pairs { pairs, .. }) => {
                pairs.iter().map(|(key, value)| 8 + key.len() + value.len()).sum()
            }
            _ => 0,
        }
    }
}

/// Why nothing was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// Too many requests wait.
    Overloaded,
    /// A key or value is longer than may be, or would become so; or a key is empty.
    TooLarge,
    /// A new member has not said hello yet.
    Unknown,
    /// Somebody must vote.
    Nobody,
    /// Whoever has no vote cannot lead.
    NoVote,
    /// The session's only command was another one.
    Reused,
}

/// The names of timers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Timer {
    /// Of a replica: its groups'.
    Raft(GroupsTimer),
    /// Of a client: the replica has taken too long, or it is time to ask again.
    Attempt,
}

/// What to do when a disk operation ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Op(pub GroupsOp);

/// What goes into the history. Its `Debug` form is the sentence that diagrams show.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Note {
    /// A client began an operation.
    Invoked {
        /// Its number, the same in what follows.
        operation: u64,
        /// What it asks for.
        ask: Ask,
    },
    /// It ended well.
    Answered {
        /// Of the operation.
        operation: u64,
        /// The answer.
        answer: Answer,
    },
    /// It ended, and certainly did nothing.
    Failed {
        /// Of the operation.
        operation: u64,
    },
    /// The client waits for it no longer. It may have been done, or be done later.
    GivenUp {
        /// Of the operation.
        operation: u64,
    },
    /// Something that a sweep must not be without.
    Sometimes(&'static str),
}

impl Ask {
    /// How many bytes its keys and values have.
    fn length(&self) -> usize {
        let some = |bytes: &Option<Bytes>| bytes.as_ref().map_or(0, Bytes::len);
        match self {
            Ask::Get { key, .. } | Ask::Delete { key } => key.len(),
            Ask::Range { start, end, .. } => start.len() + some(end),
            Ask::Put { key, value } | Ask::Append { key, value } => key.len() + value.len(),
            Ask::Cas { key, from, to } => key.len() + some(from) + some(to),
            Ask::Change { voters, addresses } => 4 * voters.len() + 40 * addresses.len(),
            Ask::Transfer { .. } => 0,
        }
    }

    /// What a write does, and to which key; nothing where it is none.
    pub fn change(&self) -> Option<(&[u8], Change<'_>)> {
        let (key, change) = match self {
            Ask::Put { key, value } => (key, Change::Put(value)),
            Ask::Delete { key } => (key, Change::Delete),
            Ask::Append { key, value } => (key, Change::Append(value)),
            Ask::Cas { key, from, to } => {
                (key, Change::Cas { from: from.as_deref(), to: to.as_deref() })
            }
            Ask::Get { .. } | Ask::Range { .. } | Ask::Change { .. } | Ask::Transfer { .. } => {
                return None;
            }
        };
        Some((key, change))
    }

    /// Does it change nothing?
    pub fn is_read(&self) -> bool {
        matches!(self, Ask::Get { .. } | Ask::Range { .. })
    }
}

/// Plans are text, and so are the keys and values in them.
mod text {
    use bytes::Bytes;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(bytes: &Bytes, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&String::from_utf8_lossy(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Bytes, D::Error> {
        String::deserialize(from).map(Bytes::from)
    }
}

/// Or nothing.
mod some_text {
    use bytes::Bytes;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(
        bytes: &Option<Bytes>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        bytes.as_deref().map(String::from_utf8_lossy).serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<Bytes>, D::Error> {
        Ok(Option::<String>::deserialize(from)?.map(Bytes::from))
    }
}
