//! The words of the service: what users, instances, shards and the tally say to each other.

use std::sync::Arc;
use std::time::Duration;

use machine::{Embeds, NodeId, Protocol};
use serde::{Deserialize, Serialize};

use crate::analytics::clicks::Batch;
use crate::link::Named;
use crate::shard::RingPhase;
use crate::{Edit, Key, Link, LinkId, LinkStats, NewLink, RedirectStatus};
use bitcask::{Change, Cut, Store, StoreOp};

/// The protocol that all of them share.
#[derive(Clone, Debug)]
pub struct Shortener;

impl Protocol for Shortener {
    type Message = Message;
    type Timer = Timer;
    type Op = Op;
    type Note = Note;
}

impl Embeds<Store> for Shortener {
    fn op(op: StoreOp) -> Op {
        Op::Store(op)
    }

    fn note(Cut: Cut) -> Note {
        Note::Cut
    }
}

/// What is sent. Its `Debug` form is the sentence that diagrams show.
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
        /// So many shards there are, as far as it knows.
        shards: u32,
        /// What came of it.
        reply: Reply,
    },
    /// To the tally, from an instance: clicks of its log, in order.
    Clicks {
        /// What is below this number is no longer in the log: it was counted, or the disk lost it. The
        /// first click of a log has 0.
        kept: u64,
        /// An instance begins a new log at every boot.
        batch: Batch,
    },
    /// From the tally: all clicks of that log below this number are counted, durably.
    Counted {
        /// Which log.
        log: u64,
        /// The number up to which, and without which, they are.
        below: u64,
    },
    /// To the tally: what is known of this link?
    Tell {
        /// Comes back with the answer.
        call: u64,
        /// Which.
        link: LinkId,
    },
    /// From the tally.
    Told {
        /// Of the question.
        call: u64,
        /// None where no click was counted.
        stats: Option<Arc<LinkStats>>,
    },
}

/// What a user wants of an instance.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the fields are named by what they are")]
pub enum Ask {
    /// To be led to where it points.
    Visit(Click),
    /// A new link.
    Create(NewLink),
    /// To look at it, without following it.
    Look(Key),
    /// To change it.
    Edit(Key, Edit),
    /// To take it away.
    Delete(Key),
    /// Some links, in the order of the store, and where to go on.
    List { after: Option<Cursor>, limit: u32, search: Option<Arc<str>> },
    /// What was counted of the link that was looked at.
    Stats(LinkId),
    /// Some links, the newest first: as many of each shard, below the positions at which an earlier page
    /// ended, by the shards' places.
    Newest { below: Vec<u64>, limit: u32, search: Option<Arc<str>> },
}

/// What an instance answers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the fields are named by what they are")]
pub enum Answer {
    /// Go there. Where the link expires, it does so in this time: nobody is to keep the answer longer.
    /// Is the visitor's query appended, where the link says so? Did it cost the store nothing?
    Redirect {
        url: Arc<str>,
        status: RedirectStatus,
        expires_in: Option<Duration>,
        forward_query: Option<bool>,
        from_cache: bool,
    },
    /// Here it is: looked at, made or changed.
    Link(Key, Arc<Link>),
    /// It is gone from the store.
    Deleted,
    /// There is none.
    Missing,
    /// There was one; its time is over.
    Expired,
    /// Somebody has this alias. Nothing changed.
    Taken,
    /// Some links. Without a cursor there are no more.
    Page { links: Vec<Named>, next: Option<Cursor> },
    /// What was counted, and how much of this instance's own log of clicks is durable: all below
    /// `acknowledged` are, and are or will be counted.
    Stats { link: LinkId, stats: Option<Arc<LinkStats>>, log: u64, acknowledged: u64 },
    /// That makes no sense, for this reason. Nothing was done.
    Refused(&'static str),
    /// This client asks too much. Nothing was done.
    TooMany { retry_after_ms: u64 },
    /// The store did not answer in time, or could not. A change may have happened, or not.
    Unavailable(&'static str),
    /// Some links, and below which positions there are older ones; without these there are none.
    Newest { links: Vec<Named>, below: Option<Vec<u64>> },
}

/// Where a list goes on: opaque to users.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Cursor {
    /// So many shards there were when it was given out: another instance may not know of all of them.
    pub shards: u32,
    /// The shard, by its place in the ring's list.
    pub shard: u32,
    /// Where it said that it would go on; none at its beginning.
    pub position: Option<u64>,
}

/// What an instance wants of a shard.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the fields are named by what they are")]
pub enum Call {
    /// Keep this, if nothing is there (`conditional-create`). A code of a leased range is nobody else's,
    /// unless somebody imported it from elsewhere.
    PutIfAbsent(Key, Link),
    /// What is there?
    Get(Key),
    /// Change what is there.
    Edit(Key, Edit),
    /// Take away what is there.
    Remove(Key),
    /// Some links, in the shard's order.
    Scan { after: Option<u64>, limit: u32, search: Option<Arc<str>> },
    /// Numbers for codes, which nobody else gets.
    LeaseRange,
    /// Join the others, as the last on the ring, and take its share of the links from them.
    Join,
    /// From the shard with which there are so many: hand it its share.
    Handover { shards: u32, step: Handover },
    /// Some links, the last of the shard's order first, below this position of it.
    Newest { below: u64, limit: u32, search: Option<Arc<str>> },
}

impl Call {
    /// The link that it is about; none where it is about no one in particular.
    pub fn key(&self) -> Option<&Key> {
        match self {
            Call::PutIfAbsent(key, _) | Call::Get(key) | Call::Edit(key, _) | Call::Remove(key) => {
                Some(key)
            }
            Call::Scan { .. }
            | Call::Newest { .. }
            | Call::LeaseRange
            | Call::Join
            | Call::Handover { .. } => None,
        }
    }
}

/// What a shard that joins wants of another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Handover {
    /// What has happened to its share after this position of the other's log; 0 is before all of it.
    Changes {
        /// Where an earlier page ended.
        after: u64,
    },
    /// Answer for its share no more, from now on and for good.
    Cede,
    /// It has everything: take the copies away.
    Clean,
}

/// What a shard replies.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the fields are named by what they are")]
pub enum Reply {
    /// It is durable: put, or changed to this.
    Stored(Arc<Link>),
    /// Here it is.
    Found(Arc<Link>),
    /// There is none.
    Missing,
    /// It is gone, durably.
    Removed,
    /// Something is there already.
    Taken,
    /// Some links, and where to go on.
    Page { links: Vec<Named>, next: Option<u64> },
    /// They are yours.
    Leased(Range),
    /// This link is another shard's; here is the call back. Nothing changed.
    Moved(Box<Call>),
    /// What the log says of a share, and where to go on; without that, there is no more for now.
    Changes { changes: Vec<Change>, next: Option<u64> },
    /// It is so, durably.
    Agreed,
    /// The disk is full, the link cannot be read, or too many wait. Nothing changed.
    Refused(&'static str),
}

/// Numbers that one instance turns into codes: `first..end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Range {
    /// The first.
    pub first: u64,
    /// The first that is somebody else's.
    pub end: u64,
}

/// A visit, as the log keeps it: no address, only a salted hash of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Click {
    /// Which link.
    pub key: Key,
    /// When, in milliseconds since 1970, by the clock of the instance (which sets it).
    pub at_ms: u64,
    /// A salted hash of the visitor's address, for unique visitors.
    pub visitor: u64,
    /// The host of the page that the visitor came from.
    pub referrer: Option<Box<str>>,
    /// What the visitor came with.
    pub device: Device,
}

/// What a visitor came with: families of devices, and of programs, which are counted apart from people.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Device {
    /// A computer on or under a desk.
    Desktop,
    /// A phone.
    Phone,
    /// A tablet.
    Tablet,
    /// A program that says so.
    Bot,
    /// Anything else.
    #[default]
    Other,
    /// A program that shows others what is behind a link.
    Preview,
    /// A browser that loads what its user may want next.
    Prefetch,
    /// Whatever asks where the link leads (`HEAD`), and does not go there.
    Head,
}

impl Device {
    /// All of them, in the order of their numbers.
    pub const ALL: [Device; 8] = [
        Device::Desktop,
        Device::Phone,
        Device::Tablet,
        Device::Bot,
        Device::Other,
        Device::Preview,
        Device::Prefetch,
        Device::Head,
    ];

    /// The family whose place in the enum this is.
    pub fn of_number(number: u8) -> Option<Device> {
        Device::ALL.into_iter().find(|device| *device as u8 == number)
    }

    /// Did somebody look at what is behind the link?
    pub fn is_a_persons(self) -> bool {
        matches!(self, Device::Desktop | Device::Phone | Device::Tablet | Device::Other)
    }
}

/// Something for a simulated user to do: an operation of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Action {
    /// Whom to ask.
    pub instance: NodeId,
    /// For what.
    pub wish: Wish,
}

/// What a simulated user asks for. Where links lead is the user's to invent: every time elsewhere.
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
    /// To let it lead elsewhere.
    Edit(Which),
    /// To take it away.
    Delete(Which),
    /// That a shard joins the others (and it is the shard that is asked).
    Join,
}

/// A link, as a plan knows it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Which {
    /// The one of this alias.
    Alias(Arc<str>),
    /// One of those for which the service picked a code when this user asked for it: the first is 0.
    /// Where there are fewer, they are counted through again; where there is none, nothing is done.
    Picked(u32),
}

/// Why an instance asks the store something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Why {
    /// Somebody follows the link, and no fresh copy of it is at hand.
    Visit,
    /// Its owner looks at it.
    Look,
    /// A read is over, and others have come who need a later one.
    Again,
    /// It is new.
    Create,
    /// Its owner changes it or takes it away.
    Change,
    /// A page of links.
    List,
    /// Its clicks.
    Stats,
}

/// The names of timers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Timer {
    /// Of an instance or a shard: the oldest call to a shard may have taken too long.
    Calls,
    /// Of a shard that joins: others may have more for it.
    Handover,
    /// Of an instance: clicks are due to be written, or to be sent again.
    Clicks,
    /// Of a simulated user: the answer to this question is not waited for any longer.
    Answer(u64),
}

/// What to do when a disk operation ends.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    /// Of a shard or the tally: the store's.
    Store(StoreOp),
    /// Of an instance: the click log's.
    Clicks(crate::analytics::clicks::ClickOp),
}

/// What goes into the history. Its `Debug` form is the sentence that diagrams show.
#[derive(Clone, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the fields are named by what they are")]
pub enum Note {
    /// A user asks an instance for something.
    Invoked { token: u64, instance: NodeId, ask: Ask },
    /// The user has its answer.
    Answered { token: u64, answer: Answer },
    /// The user waits no longer: nobody knows what came of it.
    GivenUp { token: u64 },
    /// An instance asks a shard or the tally, since this client wants it to.
    Called { call: u64, client: u64, why: Why, key: Option<Key> },
    /// A read that an instance asked for is over; was there surely no link?
    HasRead { call: u64, missing: bool },
    /// An instance has done what this question wanted, and a link is not what it was: whoever asks it from
    /// now on sees that.
    Acknowledged { token: u64, key: Key },
    /// An instance waits for numbers to make codes of.
    OutOfNumbers,
    /// An instance holds numbers that nobody else gets.
    Leased(Range),
    /// A redirect left an instance, and its click is in the log's memory under this number.
    Clicked { log: u64, number: u64, link: LinkId },
    /// All clicks of this log below this number are on the disk: they are acknowledged.
    Logged { log: u64, below: u64 },
    /// A redirect left an instance, and its click was dropped, since the disk has no space.
    Dropped { key: Key },
    /// The tally has counted all clicks of this log below this number, durably.
    Counted { log: u64, below: u64 },
    /// The tally knows so many clicks of this link in all, durably.
    Total { link: LinkId, clicks: u64 },
    /// So far a shard has come, durably, in a change of the ring.
    Ring { shards: u32, phase: RingPhase },
    /// The end of a store was cut off: a crash tore the last write, of which nobody was told.
    Cut,
    /// The last shard has all that is its own, where there are so many.
    Joined { shards: u32 },
    /// Something that a sweep must not be without.
    Sometimes(&'static str),
}
