//! A shard: keeps the links of its arc of the ring, and leases numbers for codes.
//!
//! One call's path: it comes ([`Shard::hear`]) and waits while something of the same link is being
//! changed; it is begun ([`Shard::begin`]), looks into the store or commits to it; the store says what
//! became of it ([`Shard::stored`]), and the reply leaves.
//!
//! # The law
//!
//! Calls on one link happen one after the other, and a reply leaves only when what it says is durable
//! (`flush-before-ack`). So each link is linearizable, whatever crashes. A range of numbers is leased
//! once: the counter of leases is in the same store, and durable before the reply.

mod page;
mod queue;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use machine::{Input, Inspection, Machine, NodeId, Now, Outputs, Switches};

use crate::codec::{decode_link, encode_link};
use crate::mechanism::Mechanism;
use crate::message::{Call, Message, Op, Range, Reply, Shortener};
use crate::store::{Event, Limits, Store};
use crate::{CODES, Key, Link};
pub use page::LONGEST_PAGE;
use page::Page;
use queue::{Queue, Turn};

/// Numbers in a range.
pub const RANGE: u64 = 4096;
/// More shards than this cannot lease ranges of their own.
pub const MOST_SHARDS: u32 = 1024;

/// Where the counter of leases is kept. No link's key begins like that.
const LEASES: &[u8] = b"\0leases";

/// Keeps links in a store on its disk.
#[derive(Clone, Debug)]
pub struct Shard {
    place: u32,
    switches: Switches,
    store: Store,
    /// None until the disk was read.
    leases: Option<u64>,
    queue: Queue,
    /// Their turn has come.
    due: VecDeque<Job>,
    tickets: u64,
    /// What the store is asked, and what for.
    open: BTreeMap<u64, (Job, Step)>,
}

/// A call, and who wants it.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    from: NodeId,
    call: u64,
    wanted: Call,
}

/// What is to be done when the store has answered.
#[derive(Clone, Debug)]
enum Step {
    /// At boot: that is how many ranges were leased.
    Leases,
    /// Reply with what was found.
    Read,
    /// Change what was found.
    Edit,
    /// Reply with this: it is durable.
    Committed(Reply),
    /// More of a page.
    Scan(Page),
}

impl Shard {
    /// The shard at this place of the ring, the first being 0, with files of this size.
    ///
    /// # Panics
    /// If the place is not below [`MOST_SHARDS`].
    pub fn new(place: u32, limits: Limits, switches: Switches) -> Shard {
        assert!(place < MOST_SHARDS, "there are at most {MOST_SHARDS} shards");
        Shard {
            place,
            switches,
            store: Store::new(limits, Mechanism::FlushBeforeAck.on(switches)),
            leases: None,
            queue: Queue::default(),
            due: VecDeque::new(),
            tickets: 0,
            open: BTreeMap::new(),
        }
    }

    /// 1. A call comes: it begins, or waits for its turn.
    fn hear(&mut self, job: Job, out: &mut Outputs<Shortener>) {
        if self.leases.is_none() {
            return reply(&job, Reply::Refused("the shard is still reading its disk"), out);
        }
        match self.queue.enter(job, self.open.len()) {
            Turn::Now(job) => self.due.push_back(job),
            Turn::Later => {}
            Turn::Full(job) => reply(&job, Reply::Refused("too many calls wait"), out),
        }
    }

    /// 2. It begins.
    fn begin(&mut self, job: Job, out: &mut Outputs<Shortener>) {
        match job.wanted.clone() {
            Call::Get(key) => self.read(&key, job, Step::Read, out),
            Call::Edit(key, _) => self.read(&key, job, Step::Edit, out),
            Call::PutIfAbsent(key, link) => {
                if Mechanism::ConditionalCreate.on(self.switches)
                    && self.store.contains(&key.bytes())
                {
                    return self.done(job, Reply::Taken, out);
                }
                self.put(&key, link, job, out);
            }
            Call::Remove(key) if !self.store.contains(&key.bytes()) => {
                self.done(job, Reply::Missing, out);
            }
            Call::Remove(key) => {
                self.commit(key.bytes().into(), None, job, Reply::Removed, out);
            }
            Call::Scan { after, limit, search } => {
                self.scan(Page::new(after, limit, search), job, out)
            }
            Call::LeaseRange => self.lease(job, out),
        }
    }

    fn lease(&mut self, job: Job, out: &mut Outputs<Shortener>) {
        let counter = self.leases.unwrap_or(0);
        let first = (counter * u64::from(MOST_SHARDS) + u64::from(self.place)) * RANGE;
        if first + RANGE > CODES {
            return self.done(job, Reply::Refused("all codes of this shard are leased"), out);
        }
        self.leases = Some(counter + 1);
        let counter = Bytes::copy_from_slice(&(counter + 1).to_le_bytes());
        let range = Range { first, end: first + RANGE };
        self.commit(Bytes::from_static(LEASES), Some(counter), job, Reply::Leased(range), out);
    }

    fn put(&mut self, key: &Key, link: Link, job: Job, out: &mut Outputs<Shortener>) {
        let bytes = encode_link(&link);
        let stored = Reply::Stored(Arc::new(link));
        self.commit(key.bytes().into(), Some(bytes), job, stored, out);
    }

    fn read(&mut self, key: &Key, job: Job, step: Step, out: &mut Outputs<Shortener>) {
        let ticket = self.ticket(job, step);
        self.store.get(&key.bytes(), ticket, out);
    }

    fn scan(&mut self, page: Page, job: Job, out: &mut Outputs<Shortener>) {
        let (after, limit) = page.wants();
        let ticket = self.ticket(job, Step::Scan(page));
        self.store.scan(after, limit, ticket, out);
    }

    fn commit(
        &mut self,
        key: Bytes,
        value: Option<Bytes>,
        job: Job,
        then: Reply,
        out: &mut Outputs<Shortener>,
    ) {
        let ticket = self.ticket(job, Step::Committed(then));
        self.store.commit(vec![(key, value)], ticket, out);
    }

    fn ticket(&mut self, job: Job, step: Step) -> u64 {
        self.tickets += 1;
        self.open.insert(self.tickets, (job, step));
        self.tickets
    }

    /// 3. The store has something to say.
    fn stored(&mut self, event: Event, out: &mut Outputs<Shortener>) {
        match event {
            Event::Ready => self.ready(out),
            Event::Durable(ticket) => self.committed(ticket, None, out),
            Event::Full(ticket) => self.committed(ticket, Some("the disk is full"), out),
            Event::TooLarge(ticket) => self.committed(ticket, Some("the link is too large"), out),
            Event::Found(ticket, bytes) => self.found(ticket, bytes, out),
            Event::Rotten(ticket) => self.rotten(ticket, out),
            Event::Page(ticket, pairs, next) => self.page(ticket, pairs, next, out),
            Event::Broken(why) => out.halt(why),
        }
    }

    /// The disk was read; what it says of leases is asked first.
    fn ready(&mut self, out: &mut Outputs<Shortener>) {
        // Nobody asked for it, so the job is nobody's.
        let job = Job { from: NodeId::default(), call: 0, wanted: Call::LeaseRange };
        let ticket = self.ticket(job, Step::Leases);
        self.store.get(LEASES, ticket, out);
    }

    fn committed(
        &mut self,
        ticket: u64,
        failed: Option<&'static str>,
        out: &mut Outputs<Shortener>,
    ) {
        if let Some((job, Step::Committed(then))) = self.open.remove(&ticket) {
            self.done(job, failed.map_or(then, Reply::Refused), out);
        }
    }

    fn found(&mut self, ticket: u64, bytes: Option<Bytes>, out: &mut Outputs<Shortener>) {
        let Some((job, step)) = self.open.remove(&ticket) else { return };
        if matches!(step, Step::Leases) {
            return match bytes.map(|bytes| <[u8; 8]>::try_from(&bytes[..])) {
                None => self.leases = Some(0),
                Some(Ok(counter)) => self.leases = Some(u64::from_le_bytes(counter)),
                Some(Err(_)) => out.halt("what is kept of leases is no number"),
            };
        }
        let Some(bytes) = bytes else { return self.done(job, Reply::Missing, out) };
        let Some(mut link) = decode_link(&bytes) else {
            return self.done(job, Reply::Refused("what is kept under this code is no link"), out);
        };
        match (step, job.wanted.clone()) {
            (Step::Edit, Call::Edit(key, edit)) => {
                link.edit(edit);
                self.put(&key, link, job, out);
            }
            _ => self.done(job, Reply::Found(Arc::new(link)), out),
        }
    }

    fn rotten(&mut self, ticket: u64, out: &mut Outputs<Shortener>) {
        match self.open.remove(&ticket) {
            // Numbers may have been leased that nobody remembers any more.
            Some((_, Step::Leases)) => out.halt("what is kept of leases is rotten"),
            Some((job, _)) => {
                self.done(job, Reply::Refused("this link is rotten on the disk"), out)
            }
            None => {}
        }
    }

    fn page(
        &mut self,
        ticket: u64,
        pairs: Vec<(Bytes, Bytes)>,
        next: Option<u64>,
        out: &mut Outputs<Shortener>,
    ) {
        let Some((job, Step::Scan(page))) = self.open.remove(&ticket) else { return };
        match page.extended(pairs, next) {
            Ok(reply) => self.done(job, reply, out),
            Err(page) => self.scan(page, job, out),
        }
    }

    /// 4. It is over, and those that waited for it have their turn.
    fn done(&mut self, job: Job, then: Reply, out: &mut Outputs<Shortener>) {
        reply(&job, then, out);
        self.due.extend(self.queue.leave(&job.wanted));
    }
}

fn reply(job: &Job, reply: Reply, out: &mut Outputs<Shortener>) {
    out.send(job.from, Message::Reply { call: job.call, reply });
}

impl Machine for Shard {
    type Protocol = Shortener;

    fn handle(&mut self, _: &mut Now<'_>, input: Input<Shortener>, out: &mut Outputs<Shortener>) {
        match input {
            Input::Start { .. } => self.store.start(out),
            Input::Message { from, message: Message::Call { call, wanted } } => {
                self.hear(Job { from, call, wanted }, out);
            }
            Input::Disk { op: Op::Store(op), result } => self.store.ended(op, result, out),
            _ => {}
        }
        loop {
            while let Some(event) = self.store.next_event() {
                self.stored(event, out);
            }
            // One after the other, and not out of each other: a queue may be long.
            let Some(job) = self.due.pop_front() else { return };
            self.begin(job, out);
        }
    }

    fn inspect(&self) -> Inspection {
        let state = match self.leases {
            None => "reads its disk".into(),
            Some(leases) => format!("{} calls under way, {leases} ranges leased", self.open.len()),
        };
        Inspection { role: "shard", state }
    }
}
