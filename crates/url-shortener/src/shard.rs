//! A shard: keeps the links of its arc of the ring, and leases numbers for codes.
//!
//! One call's path: it comes ([`Shard::hear`]) and waits while something of the same link is being
//! changed; it is begun ([`Shard::begin`]) if the link is here, looks into the store or commits to it; the
//! store says what became of it ([`Shard::stored`]), and the reply leaves.
//!
//! One link's path when a shard joins: `joiner.rs` asks for it, `donor.rs` gives it away, and `tenure.rs`
//! says who answers for it meanwhile.
//!
//! # The law
//!
//! Calls on one link happen one after the other, and a reply leaves only when what it says is durable
//! (`flush-before-ack`). So each link is linearizable, whatever crashes. A range of numbers is leased
//! once: the counter of leases is in the same store, and durable before the reply.

mod boot;
mod donor;
mod joiner;
mod newest;
mod page;
mod queue;
mod tenure;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use machine::{Input, Inspection, Machine, NodeId, Now, Outputs, Switches};

use crate::codec::{decode_link, encode_link};
use crate::mechanism::Mechanism;
use crate::message::{Call, Message, Note, Op, Range, Reply, Shortener, Timer};
use crate::{CODES, Key, Link, Roster};
use bitcask::Mechanism::FlushBeforeAck;
use bitcask::{Change, Event, Limits, Store, StoreOp};
use boot::Read;
use joiner::{Copied, Join};
use newest::Newest;
pub use page::LONGEST_PAGE;
use page::Page;
use queue::{Queue, Turn};
pub use tenure::RingPhase;
use tenure::{Owner, Ownership, Tenure};

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
    roster: Roster,
    switches: Switches,
    store: Store,
    ownership: Ownership,
    /// What is being made durable of it.
    recording: Option<Tenure>,
    join: Join,
    /// Up to here of the log there are no copies any more.
    clean: u64,
    /// None until the disk was read.
    leases: Option<u64>,
    queue: Queue,
    /// Their turn has come.
    due: VecDeque<Job>,
    /// Their turn has come, and their link is on its way from one shard to another.
    held: Vec<Job>,
    tickets: u64,
    /// What the store is asked, and what for.
    open: BTreeMap<u64, Open>,
}

/// A call, and who wants it.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    from: NodeId,
    call: u64,
    wanted: Call,
}

/// What the store is asked for.
#[derive(Clone, Debug)]
enum Open {
    /// For a call.
    Call(Job, Step),
    /// At boot.
    Boot(Read),
    /// What the shard knows of the ring is durable; this call waits for it.
    Recorded(Option<Job>),
    /// A part of its share is here.
    Copied(Copied),
    /// To take copies away that are another's now: some were found, or taken away, up to here.
    Cleaning,
    Cleaned(u64),
}

/// What is to be done for a call when the store has answered.
#[derive(Clone, Debug)]
enum Step {
    /// Reply with what was found.
    Read,
    /// Change what was found.
    Edit,
    /// Reply with this: it is durable.
    Committed(Reply),
    /// More of a page.
    Scan(Page),
    /// More of a page of the newest.
    Newest(Newest),
    /// Reply with what has happened to the share of a shard that joins.
    Changes,
}

impl Shard {
    /// The shard at this place of the ring, the first being 0, with files of this size.
    ///
    /// On an empty disk a founder is on the ring from the beginning; any other waits until it is told to
    /// join ([`Call::Join`]).
    ///
    /// # Panics
    /// If the place is not below [`MOST_SHARDS`], if it is not on the roster, or if nobody is a founder.
    pub fn new(place: u32, roster: Roster, limits: Limits, switches: Switches) -> Shard {
        assert!(place < MOST_SHARDS, "there are at most {MOST_SHARDS} shards");
        assert!((place as usize) < roster.nodes.len(), "place {place} is not on the roster");
        assert!(roster.founders > 0, "a ring is founded by somebody");
        let of_store = match Mechanism::FlushBeforeAck.on(switches) {
            true => Switches::ALL_ON,
            false => FlushBeforeAck.off(),
        };
        let mut store = Store::new(limits, of_store);
        // Perhaps somebody follows the log; the disk will tell.
        store.keep_removals(Mechanism::KeepRemovals.on(switches));
        Shard {
            place,
            roster,
            switches,
            store,
            ownership: Ownership::none(place),
            recording: None,
            join: Join::default(),
            clean: 0,
            leases: None,
            queue: Queue::default(),
            due: VecDeque::new(),
            held: Vec::new(),
            tickets: 0,
            open: BTreeMap::new(),
        }
    }

    /// How it stands, in a word: `settled`, or what it does while the ring changes.
    pub fn stands(&self) -> &'static str {
        match self.ownership.tenure() {
            _ if self.leases.is_none() => "booting",
            Tenure { shards: 0, .. } => "new",
            Tenure { phase, .. } => phase.word(),
        }
    }

    /// So much its store finds by keys: its links, copies of others' that are not yet taken away, and a few
    /// notes of its own.
    pub fn entries(&self) -> usize {
        self.store.keys()
    }

    /// 1. A call comes: it begins, or waits for its turn.
    fn hear(&mut self, job: Job, out: &mut Outputs<Shortener>) {
        if self.leases.is_none() {
            let reading = Reply::Refused("the shard is still reading its disk");
            return self.reply(&job, reading, out);
        }
        match self.queue.enter(job, self.open.len() + self.held.len()) {
            Turn::Now(job) => self.due.push_back(job),
            Turn::Later => {}
            Turn::Full(job) => self.reply(&job, Reply::Refused("too many calls wait"), out),
        }
    }

    /// 2. It begins, where its link is.
    fn begin(&mut self, job: Job, out: &mut Outputs<Shortener>) {
        match job.wanted.key().map_or(Stand::Here, |key| self.stand(key)) {
            Stand::Here => self.carry_out(job, out),
            Stand::OnItsWay => self.held.push(job),
            Stand::Elsewhere => {
                let moved = Reply::Moved(Box::new(job.wanted.clone()));
                self.done(job, moved, out);
            }
        }
    }

    /// Where is this link?
    fn stand(&self, key: &Key) -> Stand {
        let key = key.bytes();
        let is_ceded = self.recording.is_some_and(|tenure| tenure.phase == RingPhase::Ceded);
        let fenced = Mechanism::RingFence.on(self.switches);
        match self.ownership.of(&key) {
            Owner::Other if fenced => Stand::Elsewhere,
            // Whether it goes is known when that is durable, or found no space.
            Owner::Me if fenced && is_ceded && self.ownership.goes(&key) => Stand::OnItsWay,
            Owner::MineFrom(donor)
                if Mechanism::CatchUp.on(self.switches) && !self.join.has(donor) =>
            {
                Stand::OnItsWay
            }
            _ => Stand::Here,
        }
    }

    fn carry_out(&mut self, job: Job, out: &mut Outputs<Shortener>) {
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
                let (key, removed) = (key.bytes().into(), Step::Committed(Reply::Removed));
                self.commit(vec![(key, None)], Open::Call(job, removed), out);
            }
            // Part of what belongs on it may be nowhere else any more.
            Call::Scan { .. } | Call::Newest { .. } if self.join.lacks_something() => {
                self.held.push(job);
            }
            Call::Scan { after, limit, search } => {
                self.scan(Page::new(after, limit, search), job, out)
            }
            Call::Newest { below, limit, search } => {
                match Newest::new(below.min(self.store.end()), limit, search) {
                    Some(page) => self.scan_newest(page, job, out),
                    None => self.done(job, Reply::Page { links: Vec::new(), next: None }, out),
                }
            }
            Call::LeaseRange => self.lease(job, out),
            Call::Join => self.join(job, out),
            Call::Handover { shards, step } => self.hand_over(job, shards, step, out),
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
        let leased = Reply::Leased(Range { first, end: first + RANGE });
        let batch = vec![(Bytes::from_static(LEASES), Some(counter))];
        self.commit(batch, Open::Call(job, Step::Committed(leased)), out);
    }

    fn put(&mut self, key: &Key, link: Link, job: Job, out: &mut Outputs<Shortener>) {
        let batch = vec![(key.bytes().into(), Some(encode_link(&link)))];
        let stored = Step::Committed(Reply::Stored(Arc::new(link)));
        self.commit(batch, Open::Call(job, stored), out);
    }

    fn read(&mut self, key: &Key, job: Job, step: Step, out: &mut Outputs<Shortener>) {
        let ticket = self.ticket(Open::Call(job, step));
        self.store.get(&key.bytes(), ticket, out);
    }

    fn scan(&mut self, page: Page, job: Job, out: &mut Outputs<Shortener>) {
        let (after, limit) = page.wants();
        let ticket = self.ticket(Open::Call(job, Step::Scan(page)));
        self.store.scan(after, limit, ticket, out);
    }

    fn scan_newest(&mut self, page: Newest, job: Job, out: &mut Outputs<Shortener>) {
        let (after, until, limit) = page.wants();
        let ticket = self.ticket(Open::Call(job, Step::Newest(page)));
        self.store.scan_until(after, until, limit, ticket, out);
    }

    fn commit(&mut self, batch: Vec<Change>, then: Open, out: &mut Outputs<Shortener>) {
        let ticket = self.ticket(then);
        self.store.commit(batch, ticket, out);
    }

    fn ticket(&mut self, then: Open) -> u64 {
        self.tickets += 1;
        self.open.insert(self.tickets, then);
        self.tickets
    }

    /// 3. The store has something to say.
    fn stored(&mut self, event: Event, out: &mut Outputs<Shortener>) {
        match event {
            Event::Ready => self.boot(Read::Ring, out),
            Event::Durable(ticket) => self.committed(ticket, None, out),
            Event::Full(ticket) => self.committed(ticket, Some("the disk is full"), out),
            Event::TooLarge(ticket) => self.committed(ticket, Some("the link is too large"), out),
            Event::Found(ticket, bytes) => match self.open.remove(&ticket) {
                Some(Open::Boot(read)) => self.booted(read, bytes, out),
                Some(Open::Call(job, step)) => self.found(job, step, bytes, out),
                _ => {}
            },
            Event::Rotten(ticket) => self.rotten(ticket, out),
            Event::Page(ticket, changes, next) => match self.open.remove(&ticket) {
                Some(Open::Call(job, Step::Scan(page))) => {
                    self.page(job, page, changes, next, out);
                }
                Some(Open::Call(job, Step::Newest(page))) => {
                    let is_mine = |key: &[u8]| self.ownership.of(key) != Owner::Other;
                    match page.extended(changes, next, is_mine) {
                        Ok(reply) => self.done(job, reply, out),
                        Err(page) => self.scan_newest(page, job, out),
                    }
                }
                Some(Open::Call(job, Step::Changes)) => self.changed(job, changes, next, out),
                Some(Open::Cleaning) => self.clean(changes, next, out),
                _ => {}
            },
            Event::Broken(why) => out.halt(why),
        }
    }

    fn committed(
        &mut self,
        ticket: u64,
        failed: Option<&'static str>,
        out: &mut Outputs<Shortener>,
    ) {
        match self.open.remove(&ticket) {
            Some(Open::Call(job, Step::Committed(then))) => {
                self.done(job, failed.map_or(then, Reply::Refused), out);
            }
            Some(Open::Recorded(job)) => self.recorded(job, failed, out),
            Some(Open::Copied(copied)) => self.copied(copied, failed.is_some(), out),
            Some(Open::Cleaned(up_to)) => self.cleaned(up_to, failed.is_some(), out),
            _ => {}
        }
    }

    fn found(&mut self, job: Job, step: Step, bytes: Option<Bytes>, out: &mut Outputs<Shortener>) {
        let Some(bytes) = bytes else { return self.done(job, Reply::Missing, out) };
        let Some(mut link) = decode_link(&bytes) else {
            return self.done(job, Reply::Refused("what is kept under this code is no link"), out);
        };
        match (step, job.wanted.clone()) {
            // It may have gone elsewhere since.
            (Step::Edit, Call::Edit(key, _)) if self.stand(&key) != Stand::Here => {
                self.begin(job, out);
            }
            (Step::Edit, Call::Edit(key, edit)) => {
                link.edit(edit);
                self.put(&key, link, job, out);
            }
            _ => self.done(job, Reply::Found(Arc::new(link)), out),
        }
    }

    fn rotten(&mut self, ticket: u64, out: &mut Outputs<Shortener>) {
        match self.open.remove(&ticket) {
            // Numbers may have been leased, or links ceded, that nobody remembers any more.
            Some(Open::Boot(read)) => out.halt(format!("{read} is rotten on the disk")),
            Some(Open::Call(job, _)) => {
                self.done(job, Reply::Refused("a link is rotten on the disk"), out);
            }
            // Copies that cannot be read are never found again either.
            Some(Open::Cleaning) => self.settle(out),
            _ => {}
        }
    }

    fn page(
        &mut self,
        job: Job,
        page: Page,
        changes: Vec<Change>,
        next: Option<u64>,
        out: &mut Outputs<Shortener>,
    ) {
        match page.extended(changes, next, |key| self.ownership.of(key) != Owner::Other) {
            Ok(reply) => self.done(job, reply, out),
            Err(page) => self.scan(page, job, out),
        }
    }

    /// 4. It is over, and those that waited for it have their turn.
    fn done(&mut self, job: Job, then: Reply, out: &mut Outputs<Shortener>) {
        self.reply(&job, then, out);
        self.due.extend(self.queue.leave(&job.wanted));
    }

    fn reply(&self, job: &Job, reply: Reply, out: &mut Outputs<Shortener>) {
        let (call, shards) = (job.call, self.ownership.shards());
        out.send(job.from, Message::Reply { call, shards, reply });
    }
}

/// Where a link is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stand {
    Here,
    /// From here to another shard or the other way round: who answers for it is known soon.
    OnItsWay,
    Elsewhere,
}

impl Machine for Shard {
    type Protocol = Shortener;

    fn handle(&mut self, now: &mut Now<'_>, input: Input<Shortener>, out: &mut Outputs<Shortener>) {
        match input {
            Input::Start { .. } => {
                self.join.start(now.random);
                self.store.start(out);
            }
            Input::Message { from, message: Message::Call { call, wanted } } => {
                self.hear(Job { from, call, wanted }, out);
            }
            Input::Message { from, message: Message::Reply { call, shards, reply } } => {
                self.given(from, call, shards, reply, out);
            }
            Input::Disk { op: Op::Store(op), result } => {
                if op == StoreOp::Compacted && result.is_ok() {
                    out.note(Note::Sometimes("store-compacted"));
                }
                self.store.ended(op, result, out);
            }
            Input::Timer(Timer::Handover) => self.tick(out),
            Input::Timer(Timer::Calls) => self.join.overdue(now.time, out),
            Input::LinkReset { peer } => self.join.reset(peer),
            _ => {}
        }
        loop {
            while let Some(event) = self.store.next_event() {
                self.stored(event, out);
            }
            // One after the other, and not out of each other: a queue may be long.
            let Some(job) = self.due.pop_front() else { break };
            self.begin(job, out);
        }
        self.go_on(now.time, out);
    }

    fn inspect(&self) -> Inspection {
        let Tenure { shards, phase } = self.ownership.tenure();
        let state = match self.leases {
            None => "reads its disk".into(),
            Some(_) if shards == 0 => "waits to be told to join".into(),
            Some(leases) => {
                let (open, ring) = (self.open.len(), phase.word());
                format!(
                    "{open} calls under way, {leases} ranges leased, of {shards} shards: {ring}"
                )
            }
        };
        Inspection { role: "shard", state }
    }
}
