//! The messages of the service, between users, instances, shards and the tally.

pub(crate) mod bytes;
mod weight;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use journal::{Journal, JournalOp, JournalTimer};
use machine::{Embeds, NodeId, Protocol};
use serde::{Deserialize, Serialize};

use crate::analytics::click::Click;
use crate::analytics::clicks::record::Batch;
use crate::link::Named;
use crate::ring::RingPhase;
use crate::{Edit, Key, Link, LinkId, LinkStats, NewLink, RedirectStatus};
use bitcask::{Change, Cut, Store, StoreOp};
pub(crate) use weight::HEAVIEST_LINK;

/// The protocol that they share.
#[derive(Clone, Debug)]
pub struct Shortener;

impl Protocol for Shortener {
    type Message = Message;
    type Timer = Timer;
    type Op = Op;
    type Note = Note;

    fn weight(message: &Message) -> u32 {
        weight::weight(message)
    }

    fn answers(message: &Message) -> Option<(u64, bool)> {
        match message {
            Message::Answer { token, .. } => Some((*token, true)),
            Message::Reply { call, .. }
            | Message::Unanswered { call }
            | Message::Stats { call, .. } => Some((*call, true)),
            _ => None,
        }
    }
}

impl Embeds<Store> for Shortener {
    fn op(op: StoreOp) -> Op {
        Op::Store(op)
    }

    fn timer(timer: JournalTimer) -> Timer {
        Timer::Journal(timer)
    }

    fn note(Cut: Cut) -> Note {
        Note::Cut
    }
}

impl Embeds<Journal> for Shortener {
    fn op(op: JournalOp) -> Op {
        Op::Journal(op)
    }

    fn timer(timer: JournalTimer) -> Timer {
        Timer::Journal(timer)
    }
}

/// A message. Its `Debug` form is the sentence that diagrams show.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Message {
    /// To a simulated user: something to do.
    Do(Action),
    /// To an instance, from a user.
    Ask {
        /// Comes back with the answer.
        token: u64,
        /// Who is counted against the limit: a salted hash of the client's address.
        client: u64,
        /// What is wanted.
        ask: Ask,
    },
    /// From an instance.
    Answer {
        /// Of the question.
        token: u64,
        /// What came of it.
        answer: Answer,
    },
    /// To a shard, from an instance or another shard.
    Call {
        /// Comes back with the reply.
        call: u64,
        /// What is wanted.
        wanted: Call,
    },
    /// From a shard.
    Reply {
        /// Of the call.
        call: u64,
        /// How many shards there are, as far as the sender knows.
        shards: u32,
        /// What came of it.
        reply: Reply,
    },
    /// From what stands in for a shard: nobody knows what came of the call.
    Unanswered {
        /// Which.
        call: u64,
    },
    /// To the tally, from an instance: clicks of its log, in order.
    Clicks {
        /// Clicks below this number are no longer in the log: they were counted, or the disk lost them.
        /// The first click of a log has the number 0.
        kept: u64,
        /// An instance begins a new log at every boot.
        batch: Batch,
    },
    /// From the tally: clicks of a log are counted, durably.
    Counted {
        /// Which log.
        log: u64,
        /// All clicks below this number are counted.
        below: u64,
    },
    /// To the tally: a request for the statistics of a link.
    GetStats {
        /// Comes back with the answer.
        call: u64,
        /// Which.
        link: LinkId,
    },
    /// From the tally.
    Stats {
        /// Of the question.
        call: u64,
        /// None where no click was counted.
        stats: Option<Arc<LinkStats>>,
    },
}

/// A user's question to an instance.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the fields are named by what they are")]
pub enum Ask {
    /// Follow a link.
    Visit(Click),
    /// Make a link.
    Create(NewLink),
    /// Look at a link, without following it.
    Look(Key),
    /// Change a link.
    Edit(Key, Edit),
    /// Delete a link.
    Delete(Key),
    /// A page of links, in the order of the stores.
    List { after: Option<Cursor>, limit: u32, search: Option<Arc<str>> },
    /// The statistics of a link that was looked at before.
    Stats(LinkId),
    /// The same, of a link on a page for which the client has paid.
    Clicks(LinkId),
    /// How the shard at this place stands.
    Shard(u32),
    /// Tell the shard at this place to join.
    Join(u32),
    /// A page of links, the newest first, with the same number of links from each shard. `below` has, by
    /// place, the position in each shard's log at which the page before ended.
    Newest { below: Vec<u64>, limit: u32, search: Option<Arc<str>> },
}

/// What an instance answers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the fields are named by what they are")]
pub enum Answer {
    /// Redirect to this URL. `expires_in` is the time until the link expires, if it does: nobody may
    /// cache the answer for longer. `forward_query` is what the link says about the visitor's query.
    Redirect {
        url: Arc<str>,
        status: RedirectStatus,
        expires_in: Option<Duration>,
        forward_query: Option<bool>,
        from_cache: bool,
    },
    /// The link that was looked at, made or changed.
    Link(Key, Arc<Link>),
    /// The link is deleted.
    Deleted,
    /// There is no such link.
    Missing,
    /// The link has expired.
    Expired,
    /// The alias is taken. Nothing changed.
    Taken,
    /// A page of links, and a cursor for the next page; none after the last.
    Page { links: Vec<Named>, next: Option<Cursor> },
    /// Statistics, and how much of this instance's own click log is durable: all clicks below
    /// `acknowledged`, which are counted already or will be.
    Stats { link: LinkId, stats: Option<Arc<LinkStats>>, log: u64, acknowledged: u64 },
    /// The shard joins.
    Agreed,
    /// How the shard at a place stands, as it says itself; and how many are on the ring, as far as is known here.
    Shard { entries: u64, phase: Option<RingPhase>, shards: u32 },
    /// The question is invalid, for this reason. Nothing was done.
    Refused(&'static str),
    /// The client is over its limit. Nothing was done.
    TooMany { retry_after_ms: u64 },
    /// The shard did not reply in time, or could not. A change may or may not have been made.
    Unavailable(Cow<'static, str>),
    /// A page of the newest links, and the positions for the next page; none after the last.
    Newest { links: Vec<Named>, below: Option<Vec<u64>> },
}

/// Where a list goes on: opaque to users.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Cursor {
    /// How many shards there were when the cursor was made. Another instance may not know of all of them.
    pub shards: u32,
    /// The place of the shard.
    pub shard: u32,
    /// The position in the shard's log; none at its beginning.
    pub position: Option<u64>,
}

/// A call to a shard.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the fields are named by what they are")]
pub enum Call {
    /// Store this link, if the code is free (`conditional-create`). A code from a leased range is free,
    /// unless an import used it.
    PutIfAbsent(Key, Link),
    /// Read a link.
    Get(Key),
    /// Change a link.
    Edit(Key, Edit),
    /// Delete a link.
    Remove(Key),
    /// A page of links, in the order of the shard's log.
    Scan { after: Option<u64>, limit: u32, search: Option<Arc<str>> },
    /// Lease a range of numbers for codes.
    LeaseRange,
    /// Join the ring as the last shard, and copy its links from the others.
    Join,
    /// From the joining shard, with which there are `shards`: a step of the handover of its links.
    Handover { shards: u32, step: Handover },
    /// A page of links below this position of the shard's log, the last first.
    Newest { below: u64, limit: u32, search: Option<Arc<str>> },
    /// Say how it stands.
    Status,
    /// Say the key that permutes codes, which the first shard of a service has.
    CodeKey,
}

impl Call {
    /// The link that the call is about; none if it is not about a single link.
    pub fn key(&self) -> Option<&Key> {
        match self {
            Call::PutIfAbsent(key, _) | Call::Get(key) | Call::Edit(key, _) | Call::Remove(key) => {
                Some(key)
            }
            Call::Scan { .. }
            | Call::Newest { .. }
            | Call::LeaseRange
            | Call::Join
            | Call::Handover { .. }
            | Call::Status
            | Call::CodeKey => None,
        }
    }
}

/// A step of the handover: what a joining shard asks of a donor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Handover {
    /// Send the changes of its links after this position of the donor's log; 0 is the beginning.
    Changes {
        /// Where the page before ended.
        after: u64,
    },
    /// Stop answering for its links, for good.
    Cede,
    /// Remove the copies: the joining shard has everything.
    Clean,
}

/// What a shard replies.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the fields are named by what they are")]
pub enum Reply {
    /// Stored or changed, durably. This is the link now.
    Stored(Arc<Link>),
    /// The link.
    Found(Arc<Link>),
    /// There is none.
    Missing,
    /// Deleted, durably.
    Removed,
    /// The code is taken.
    Taken,
    /// A page of links, and where the next page begins; none after the last.
    Page { links: Vec<Named>, next: Option<u64> },
    /// A leased range.
    Leased(Range),
    /// The link belongs to another shard. The call comes back, and nothing changed.
    Moved(Box<Call>),
    /// Changes from the log, and where the next page begins; none at the end of the log.
    Changes { changes: Vec<Change>, next: Option<u64> },
    /// The step is done, durably.
    Agreed,
    /// How it stands: the number of keys in its store, and the phase of the ring change; none before it joins.
    Status { entries: u64, phase: Option<RingPhase> },
    /// The key that permutes codes.
    CodeKey([u8; 16]),
    /// The disk is full, the link cannot be read, or too many wait. Nothing changed.
    Refused(Cow<'static, str>),
}

/// Numbers that one instance turns into codes: `first..end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Range {
    /// The first.
    pub first: u64,
    /// The first after the range.
    pub end: u64,
}

/// An operation of a plan: something for a simulated user to do.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Action {
    /// Whom to ask.
    pub instance: NodeId,
    /// For what.
    pub wish: Wish,
}

/// What a simulated user does. The user invents a new target for every link and change.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[expect(missing_docs, reason = "the fields are named by what they are")]
pub enum Wish {
    /// A new link: under this alias, or else under a code that the service picks.
    Create { alias: Option<Arc<str>>, expires_in_ms: Option<u64> },
    /// To be led to where it points.
    Visit(Which),
    /// To look at it, without following it.
    Look(Which),
    /// Change its target.
    Edit(Which),
    /// To take it away.
    Delete(Which),
    /// Tell a shard to join. `instance` is the shard.
    Join,
}

/// A link, as a plan names it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Which {
    /// The one of this alias.
    Alias(Arc<str>),
    /// The link with this number among those of this user with a picked code, counted from 0 and modulo
    /// their number. Nothing is done if there is none.
    Picked(u32),
}

/// Why an instance makes a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Why {
    /// A visit, when the cache has no fresh copy.
    Visit,
    /// A look by the owner.
    Look,
    /// A second read, for those who came during the first and need a later one.
    Again,
    /// A new link.
    Create,
    /// A change or a deletion.
    Change,
    /// A page of links.
    List,
    /// The statistics of a link.
    Stats,
}

/// The names of timers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Timer {
    /// Of an instance or a shard: the oldest call may have timed out.
    Calls,
    /// Of a joining shard or a donor: the next step of the handover is due.
    Handover,
    /// Of an instance: clicks are due to be written, or to be sent again.
    Clicks,
    /// Of what it appends to.
    Journal(JournalTimer),
    /// Of a simulated user: the question with this token has timed out.
    Answer(u64),
}

/// What to do when a disk operation ends.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    /// Of a shard or the tally: the store's.
    Store(StoreOp),
    /// Of what it appends to: the click log, or the store.
    Journal(JournalOp),
    /// Of an instance: batches of the click log were read back.
    Clicks,
}

/// An entry of the history. Its `Debug` form is the sentence that diagrams show.
#[derive(Clone, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the fields are named by what they are")]
pub enum Note {
    /// A user asks an instance for something.
    Invoked { token: u64, instance: NodeId, ask: Ask },
    /// The user has its answer.
    Answered { token: u64, answer: Answer },
    /// The user waits no longer. The outcome is unknown.
    GivenUp { token: u64 },
    /// An instance makes a call for this client.
    Called { call: u64, client: u64, why: Why, key: Option<Key> },
    /// A read by an instance is over. `missing`: there certainly was no link.
    ReadEnded { call: u64, missing: bool },
    /// An instance has made the change that this question asked for. Later questions to this instance see
    /// it.
    Acknowledged { token: u64, key: Key },
    /// An instance waits for numbers for codes.
    OutOfNumbers,
    /// An instance has leased these numbers.
    Leased(Range),
    /// A redirect left an instance, and its click is in the log's memory under this number.
    Clicked { log: u64, number: u64, link: LinkId },
    /// All clicks of this log below this number are on the disk: they are acknowledged.
    Logged { log: u64, below: u64 },
    /// A redirect left an instance, and its click was dropped because the disk is full.
    Dropped { key: Key },
    /// The tally has counted all clicks of this log below this number, durably.
    Counted { log: u64, below: u64 },
    /// The tally has durably counted this many clicks of the link.
    Total { link: LinkId, clicks: u64 },
    /// The ring state of a shard, now durable.
    Ring { shards: u32, phase: RingPhase },
    /// The end of a store was cut off: a crash tore the last write, which was never acknowledged.
    Cut,
    /// The last of this many shards has copied all of its links.
    Joined { shards: u32 },
    /// An event that a sweep must reach.
    Sometimes(&'static str),
}
