//! A shard: keeps the links of its arc of the ring, and leases numbers for codes.
//!
//! The path of a call: [`Shard::handle_call`] has it wait while the same link is being changed; reads run
//! side by side. [`Shard::begin_call`] starts it if the link is on this shard: it reads from the store or
//! commits to it. [`Shard::handle_store_event`] gets the result, and the reply leaves.
//!
//! How links move when a shard joins: the folder `growth`.
//!
//! # The law
//!
//! Changes of one link are carried out one after the other, with no read beside them, and a reply leaves
//! only when what it says is durable (`flush-before-ack`). So each link is linearizable, whatever crashes.
//! A range of numbers is leased once: the counter of leases is in the same store, and durable before the
//! reply.

mod about;
mod access;
mod boot;
mod growth;
mod newest;
mod page;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use machine::{Field, FileName, Input, Inspection, Machine, NodeId, Now, Outputs, Switches};
use resilience::{KeyQueue, Turn};

use crate::link::codec::{decode_link, encode_link};
use crate::mechanism::Mechanism;
use crate::message::{Call, Message, Note, Op, Range, Reply, Shortener, Timer};
use crate::ring::{MAX_SHARDS, RingPhase};
use crate::{CODES, Key, Link, Roster};
use access::access;
use bitcask::Mechanism as OfStore;
use bitcask::{Change, Event, Limits, Store, StoreOp};
use boot::BootRead;
use growth::joiner::{CopyBatch, JoinState};
use growth::ownership::{KeyOwner, Ownership, RingState};
use newest::NewestScan;
use page::ListScan;
pub use page::MAX_PAGE_LINKS;

/// Numbers in a range.
pub const RANGE: u64 = 4096;

/// Further calls are refused.
const MAX_WAITING_CALLS: usize = 100_000;

/// The store's key of the counter of leases. No key of a link begins with a zero byte.
const LEASES: &[u8] = b"\0leases";

/// Keeps links in a store on its disk.
#[derive(Clone, Debug)]
pub struct Shard {
    place: u32,
    roster: Roster,
    switches: Switches,
    /// Of the first shard, for instances that ask for it.
    code_key: Option<[u8; 16]>,
    store: Store,
    ownership: Ownership,
    /// The next ring state, while it is being made durable.
    recording: Option<RingState>,
    join: JoinState,
    /// Up to this position of the log, copies of ceded links were removed.
    cleaned_to: u64,
    /// None until the disk has been read.
    leases: Option<u64>,
    /// Calls that wait for earlier calls on the same link.
    queue: KeyQueue<Bytes, Job>,
    /// Calls to begin next.
    due: VecDeque<Job>,
    /// Calls whose link is moving between two shards. They begin again when it has moved.
    held: Vec<Job>,
    tickets: u64,
    /// Operations of the store that are under way, by ticket.
    pending: BTreeMap<u64, PendingOp>,
    /// A clean stop waits for what is on its way to the disk.
    stopping: bool,
}

/// A call, and its sender.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    from: NodeId,
    call: u64,
    wanted: Call,
}

/// Why an operation of the store was begun.
#[derive(Clone, Debug)]
enum PendingOp {
    /// For a call.
    Call(Job, CallStep),
    /// At boot.
    Boot(BootRead),
    /// The ring state is being made durable. This call waits for it.
    RingStateSaved(Option<Job>),
    /// A batch of links from a donor is being stored.
    Copied(CopyBatch),
    /// Copies of ceded links are looked for; or those found were removed, up to this position.
    Cleaning,
    Cleaned(u64),
}

/// What to do with the result.
#[derive(Clone, Debug)]
enum CallStep {
    /// Reply with what was found.
    Read,
    /// Change what was found.
    Edit,
    /// Reply with this, now that it is durable.
    Committed(Reply),
    /// Add entries to a page.
    Scan(ListScan),
    /// Add entries to a page of the newest links.
    Newest(NewestScan),
    /// Reply with the changes of the links that move to the joining shard.
    Changes,
}

impl Shard {
    /// The shard at this place of the ring, counted from 0, with files of this size.
    ///
    /// With an empty disk, a founder is on the ring at once; any other shard waits for [`Call::Join`].
    ///
    /// # Panics
    /// If the place is not below [`MAX_SHARDS`], if it is not on the roster, or if nobody is a founder.
    pub fn new(place: u32, roster: Roster, limits: Limits, switches: Switches) -> Shard {
        assert!(place < MAX_SHARDS, "there are at most {MAX_SHARDS} shards");
        assert!((place as usize) < roster.nodes.len(), "place {place} is not on the roster");
        assert!(roster.founders > 0, "a ring is founded by somebody");
        let of_store = [(Mechanism::FlushBeforeAck, OfStore::FlushBeforeAck)];
        let mut store = Store::new(limits, Mechanism::of_store(&of_store, switches));
        // A joining shard may be reading the log. The ring state on the disk will tell.
        store.keep_removals(Mechanism::KeepRemovals.on(switches));
        Shard {
            place,
            roster,
            switches,
            code_key: None,
            store,
            ownership: Ownership::none(place),
            recording: None,
            join: JoinState::default(),
            cleaned_to: 0,
            leases: None,
            queue: KeyQueue::new(MAX_WAITING_CALLS),
            due: VecDeque::new(),
            held: Vec::new(),
            tickets: 0,
            pending: BTreeMap::new(),
            stopping: false,
        }
    }

    /// 1. A call arrives. It begins, or waits for earlier calls on its link.
    fn handle_call(&mut self, job: Job, out: &mut Outputs<Shortener>) {
        if self.leases.is_none() {
            let reading = Reply::Refused("the shard is still reading its disk".into());
            return self.reply(&job, reading, out);
        }
        let access = access(&job.wanted);
        match self.queue.enter(job, access, self.pending.len() + self.held.len()) {
            Turn::Now(job) => self.due.push_back(job),
            Turn::Later => {}
            Turn::Full(job) => self.reply(&job, Reply::Refused("too many calls wait".into()), out),
        }
    }

    /// 2. The call begins, if its link is on this shard.
    fn begin_call(&mut self, job: Job, out: &mut Outputs<Shortener>) {
        match job.wanted.key().map_or(Location::Here, |key| self.locate(key)) {
            Location::Here => self.carry_out(job, out),
            Location::Moving => self.held.push(job),
            Location::Elsewhere => {
                let moved = Reply::Moved(Box::new(job.wanted.clone()));
                self.finish(job, moved, out);
            }
        }
    }

    /// Is this link on this shard?
    fn locate(&self, key: &Key) -> Location {
        let key = key.bytes();
        let is_ceded =
            self.recording.is_some_and(|ring_state| ring_state.phase == RingPhase::Ceded);
        let fenced = Mechanism::RingFence.on(self.switches);
        match self.ownership.of(&key) {
            KeyOwner::Other if fenced => Location::Elsewhere,
            // Whether it is ceded is known when the write has succeeded or failed.
            KeyOwner::Me if fenced && is_ceded && self.ownership.moves_away(&key) => {
                Location::Moving
            }
            KeyOwner::MineFrom(donor)
                if Mechanism::CatchUp.on(self.switches) && !self.join.has_all_of(donor) =>
            {
                Location::Moving
            }
            _ => Location::Here,
        }
    }

    fn carry_out(&mut self, job: Job, out: &mut Outputs<Shortener>) {
        match job.wanted.clone() {
            Call::Get(key) => self.read(&key, job, CallStep::Read, out),
            Call::Edit(key, _) => self.read(&key, job, CallStep::Edit, out),
            Call::PutIfAbsent(key, link) => {
                if Mechanism::ConditionalCreate.on(self.switches)
                    && self.store.contains(&key.bytes())
                {
                    return self.finish(job, Reply::Taken, out);
                }
                self.put(&key, link, job, out);
            }
            Call::Remove(key) if !self.store.contains(&key.bytes()) => {
                self.finish(job, Reply::Missing, out);
            }
            Call::Remove(key) => {
                let (key, removed) = (key.bytes().into(), CallStep::Committed(Reply::Removed));
                self.commit(vec![(key, None)], PendingOp::Call(job, removed), out);
            }
            // Some links of this page may already be removed from the donor and not be here yet.
            Call::Scan { .. } | Call::Newest { .. } if self.join.is_incomplete() => {
                self.held.push(job);
            }
            Call::Scan { after, limit, search } => {
                self.scan(ListScan::new(after, limit, search), job, out)
            }
            Call::Newest { below, limit, search } => {
                match NewestScan::new(below.min(self.store.end()), limit, search) {
                    Some(page) => self.scan_newest(page, job, out),
                    None => self.finish(job, Reply::Page { links: Vec::new(), next: None }, out),
                }
            }
            Call::LeaseRange => self.lease(job, out),
            Call::Status => self.finish(job, self.status(), out),
            Call::CodeKey => self.finish(job, self.say_code_key(), out),
            Call::Join => self.join(job, out),
            Call::Handover { shards, step } => self.hand_over(job, shards, step, out),
        }
    }

    fn lease(&mut self, job: Job, out: &mut Outputs<Shortener>) {
        let counter = self.leases.unwrap_or(0);
        let first = (counter * u64::from(MAX_SHARDS) + u64::from(self.place)) * RANGE;
        if first + RANGE > CODES {
            return self.finish(
                job,
                Reply::Refused("all codes of this shard are leased".into()),
                out,
            );
        }
        self.leases = Some(counter + 1);
        let counter = Bytes::copy_from_slice(&(counter + 1).to_le_bytes());
        let leased = Reply::Leased(Range { first, end: first + RANGE });
        let batch = vec![(Bytes::from_static(LEASES), Some(counter))];
        self.commit(batch, PendingOp::Call(job, CallStep::Committed(leased)), out);
    }

    fn put(&mut self, key: &Key, link: Link, job: Job, out: &mut Outputs<Shortener>) {
        let batch = vec![(key.bytes().into(), Some(encode_link(&link)))];
        let stored = CallStep::Committed(Reply::Stored(Arc::new(link)));
        self.commit(batch, PendingOp::Call(job, stored), out);
    }

    fn read(&mut self, key: &Key, job: Job, step: CallStep, out: &mut Outputs<Shortener>) {
        let ticket = self.ticket(PendingOp::Call(job, step));
        self.store.get(&key.bytes(), ticket, out);
    }

    fn scan(&mut self, page: ListScan, job: Job, out: &mut Outputs<Shortener>) {
        let (after, limit) = page.next_read();
        let ticket = self.ticket(PendingOp::Call(job, CallStep::Scan(page)));
        self.store.scan(after, limit, ticket, out);
    }

    fn scan_newest(&mut self, page: NewestScan, job: Job, out: &mut Outputs<Shortener>) {
        let (after, until, limit) = page.next_read();
        let ticket = self.ticket(PendingOp::Call(job, CallStep::Newest(page)));
        self.store.scan_until(after, until, limit, ticket, out);
    }

    fn commit(&mut self, batch: Vec<Change>, then: PendingOp, out: &mut Outputs<Shortener>) {
        let ticket = self.ticket(then);
        self.store.commit(batch, ticket, out);
    }

    fn ticket(&mut self, then: PendingOp) -> u64 {
        self.tickets += 1;
        self.pending.insert(self.tickets, then);
        self.tickets
    }

    /// 3. An operation of the store is over.
    fn handle_store_event(&mut self, event: Event, out: &mut Outputs<Shortener>) {
        match event {
            Event::Ready => self.boot(BootRead::Ring, out),
            Event::Durable(ticket) => self.committed(ticket, None, out),
            Event::Full(ticket) => self.committed(ticket, Some("the disk is full"), out),
            Event::TooLarge(ticket) => self.committed(ticket, Some("the link is too large"), out),
            Event::Found(ticket, bytes) => match self.pending.remove(&ticket) {
                Some(PendingOp::Boot(read)) => self.booted(read, bytes, out),
                Some(PendingOp::Call(job, step)) => self.found(job, step, bytes, out),
                _ => {}
            },
            Event::Rotten(ticket) => self.rotten(ticket, out),
            Event::Page(ticket, changes, next) => match self.pending.remove(&ticket) {
                Some(PendingOp::Call(job, CallStep::Scan(page))) => {
                    self.page(job, page, changes, next, out);
                }
                Some(PendingOp::Call(job, CallStep::Newest(page))) => {
                    let is_mine = |key: &[u8]| self.ownership.of(key) != KeyOwner::Other;
                    match page.add(changes, next, is_mine) {
                        Ok(reply) => self.finish(job, reply, out),
                        Err(page) => self.scan_newest(page, job, out),
                    }
                }
                Some(PendingOp::Call(job, CallStep::Changes)) => {
                    self.changes_read(job, changes, next, out)
                }
                Some(PendingOp::Cleaning) => self.remove_copies(changes, next, out),
                _ => {}
            },
            Event::Compacted => out.note(Note::Sometimes("store-compacted")),
            Event::Written(_) => {}
            Event::Broken(why) => out.halt(why),
        }
    }

    fn committed(
        &mut self,
        ticket: u64,
        failed: Option<&'static str>,
        out: &mut Outputs<Shortener>,
    ) {
        match self.pending.remove(&ticket) {
            Some(PendingOp::Call(job, CallStep::Committed(then))) => {
                self.finish(job, failed.map_or(then, |why| Reply::Refused(why.into())), out);
            }
            Some(PendingOp::RingStateSaved(job)) => self.ring_state_saved(job, failed, out),
            Some(PendingOp::Copied(copied)) => self.copied(copied, failed.is_some(), out),
            Some(PendingOp::Cleaned(up_to)) => self.cleaned(up_to, failed.is_some(), out),
            _ => {}
        }
    }

    fn found(
        &mut self,
        job: Job,
        step: CallStep,
        bytes: Option<Bytes>,
        out: &mut Outputs<Shortener>,
    ) {
        let Some(bytes) = bytes else { return self.finish(job, Reply::Missing, out) };
        let Some(mut link) = decode_link(&bytes) else {
            return self.finish(
                job,
                Reply::Refused("what is kept under this code is no link".into()),
                out,
            );
        };
        match (step, job.wanted.clone()) {
            // The link may have been ceded since the read began.
            (CallStep::Edit, Call::Edit(key, _)) if self.locate(&key) != Location::Here => {
                self.begin_call(job, out);
            }
            (CallStep::Edit, Call::Edit(key, edit)) => {
                link.edit(edit);
                self.put(&key, link, job, out);
            }
            _ => self.finish(job, Reply::Found(Arc::new(link)), out),
        }
    }

    fn rotten(&mut self, ticket: u64, out: &mut Outputs<Shortener>) {
        match self.pending.remove(&ticket) {
            // Going on could lease numbers twice, or answer for ceded links.
            Some(PendingOp::Boot(read)) => out.halt(format!("{read} is rotten on the disk")),
            Some(PendingOp::Call(job, _)) => {
                self.finish(job, Reply::Refused("a link is rotten on the disk".into()), out);
            }
            // A copy that cannot be read is never returned to anyone, so it may stay.
            Some(PendingOp::Cleaning) => self.end_change(out),
            _ => {}
        }
    }

    fn page(
        &mut self,
        job: Job,
        page: ListScan,
        changes: Vec<Change>,
        next: Option<u64>,
        out: &mut Outputs<Shortener>,
    ) {
        match page.add(changes, next, |key| self.ownership.of(key) != KeyOwner::Other) {
            Ok(reply) => self.finish(job, reply, out),
            Err(page) => self.scan(page, job, out),
        }
    }

    /// 4. The call is over, and calls that waited for it begin.
    fn finish(&mut self, job: Job, then: Reply, out: &mut Outputs<Shortener>) {
        self.reply(&job, then, out);
        self.due.extend(self.queue.leave(&access(&job.wanted)));
    }

    fn reply(&self, job: &Job, reply: Reply, out: &mut Outputs<Shortener>) {
        let (call, shards) = (job.call, self.ownership.shards());
        out.send(job.from, Message::Reply { call, shards, reply });
    }
}

/// Where a link is, as far as this shard knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Location {
    Here,
    /// It is moving to or from this shard. Calls on it wait until that is decided.
    Moving,
    Elsewhere,
}

impl Machine for Shard {
    type Protocol = Shortener;

    fn handle(&mut self, now: &mut Now<'_>, input: Input<Shortener>, out: &mut Outputs<Shortener>) {
        match input {
            Input::Start { disk } => {
                self.join.start(now.random);
                self.store.start(disk, out);
            }
            Input::Message { from, message: Message::Call { call, wanted } } => {
                self.handle_call(Job { from, call, wanted }, out);
            }
            Input::Message { from, message: Message::Reply { call, shards, reply } } => {
                self.donor_replied(from, call, shards, reply, out);
            }
            Input::Disk { op: Op::Store(op), result } => self.store.ended(op, result, out),
            Input::Disk { op: Op::Journal(op), result } => {
                self.store.ended(StoreOp::Journal(op), result, out);
            }
            Input::Timer(Timer::Journal(timer)) => self.store.timer(timer, out),
            Input::Stop => self.stopping = true,
            Input::Timer(Timer::Handover) => self.tick(out),
            Input::Timer(Timer::Calls) => self.join.overdue(now.time, out),
            Input::LinkReset { peer } => self.join.reset(peer),
            _ => {}
        }
        loop {
            while let Some(event) = self.store.next_event() {
                self.handle_store_event(event, out);
            }
            // In a loop rather than by recursion: the queue may be long.
            let Some(job) = self.due.pop_front() else { break };
            self.begin_call(job, out);
        }
        self.ask_donors(now.time, out);
        if self.stopping && self.store.settle(out) {
            self.stopping = false;
            out.stopped();
        }
    }

    fn first_files(&self) -> Vec<(FileName, Bytes)> {
        Store::first_files()
    }

    fn fields(&self) -> Vec<Field> {
        let RingState { shards, phase } = self.ownership.ring_state();
        vec![
            Field::number("calls under way", self.pending.len() as u64),
            Field::number("shards on the ring", u64::from(shards)),
            Field::text("ring", Some(phase.word())),
        ]
    }

    fn inspect(&self) -> Inspection {
        let RingState { shards, phase } = self.ownership.ring_state();
        let state = match self.leases {
            None => "reads its disk".into(),
            Some(_) if shards == 0 => "waits to be told to join".into(),
            Some(leases) => {
                let (open, ring) = (self.pending.len(), phase.word());
                format!(
                    "{open} calls under way, {leases} ranges leased, of {shards} shards: {ring}"
                )
            }
        };
        Inspection { role: "shard", state }
    }
}
