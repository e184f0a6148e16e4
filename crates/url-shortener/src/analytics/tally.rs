//! The tally: counts clicks, each once.
//!
//! # The law
//!
//! The counts of links, and the position up to which each log is counted, are written in one atomic batch
//! of the store. So a click that is sent again, after a timeout, a reset or a crash on either side, is
//! recognised as counted. `Counted` is sent only when the batch is durable; until then the instance keeps
//! the click on its own disk.
//!
//! Waiting clicks are counted in rounds. A round needs one read for each link and log, and one commit,
//! for any number of batches and instances.

mod round;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use machine::{Field, FileName, Input, Inspection, Machine, NodeId, Now, Outputs, Switches};

use crate::mechanism::Mechanism;
use crate::message::{Message, Note, Op, Shortener, Timer};
use crate::{LinkId, LinkStats};
use bitcask::{Event, Limits, Store, StoreOp};
use round::{ReceivedBatch, Round};

/// Further batches are dropped; their instances send them again.
const MAX_WAITING: usize = 256;
/// Further requests for statistics are dropped.
const MAX_PENDING_READS: usize = 1_024;

/// The limits of a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoundLimits {
    /// The most links, up to 400: their counts must fit into one batch of the store (4 MiB).
    pub links: usize,
    /// The most clicks, so that one round takes bounded time.
    pub clicks: u64,
}

impl Default for RoundLimits {
    fn default() -> RoundLimits {
        RoundLimits { links: 400, clicks: 16_384 }
    }
}

/// The machine that counts.
#[derive(Clone, Debug)]
pub struct Tally {
    dedup: bool,
    rounds: RoundLimits,
    store: Store,
    is_ready: bool,
    waiting: VecDeque<ReceivedBatch>,
    round: Option<Round>,
    /// Requests for statistics that wait for the store, by ticket.
    stats_reads: BTreeMap<u64, (NodeId, u64, LinkId)>,
    next_ticket: u64,
    /// Clicks since the boot.
    counted: u64,
    /// A clean stop waits for what is on its way to the disk.
    stopping: bool,
}

impl Tally {
    /// A tally whose store has files of this size.
    pub fn new(limits: Limits, switches: Switches) -> Tally {
        Tally {
            dedup: Mechanism::ClickDedup.on(switches),
            rounds: RoundLimits::default(),
            store: Store::new(limits, Switches::ALL_ON),
            is_ready: false,
            waiting: VecDeque::new(),
            round: None,
            stats_reads: BTreeMap::new(),
            next_ticket: 0,
            counted: 0,
            stopping: false,
        }
    }

    /// The same tally, with smaller rounds.
    pub fn with_round_limits(self, RoundLimits { links, clicks }: RoundLimits) -> Tally {
        let most = RoundLimits::default();
        let (links, clicks) = (links.clamp(1, most.links), clicks.clamp(1, most.clicks));
        Tally { rounds: RoundLimits { links, clicks }, ..self }
    }

    /// How many clicks were counted since the boot.
    pub fn counted(&self) -> u64 {
        self.counted
    }

    fn message(&mut self, from: NodeId, message: Message, out: &mut Outputs<Shortener>) {
        match message {
            // 1. Clicks arrive, and wait for the next round.
            Message::Clicks { kept, batch } if self.waiting.len() < MAX_WAITING => {
                self.waiting.push_back(ReceivedBatch { from, kept, batch });
            }
            Message::GetStats { call, link }
                if self.is_ready && self.stats_reads.len() < MAX_PENDING_READS =>
            {
                let ticket = self.ticket();
                self.store.get(&stats_key(&link), ticket, out);
                self.stats_reads.insert(ticket, (from, call, link));
            }
            _ => {}
        }
    }

    /// 2. A round begins: the counts of its links and the positions of its logs are read.
    fn begin(&mut self, out: &mut Outputs<Shortener>) {
        let mut round = Round::of(&mut self.waiting, self.rounds);
        if !self.waiting.is_empty() {
            out.note(Note::Sometimes("round-full"));
        }
        for read in round.needed_reads() {
            let ticket = self.ticket();
            self.store.get(&read.bytes(), ticket, out);
            round.expect_read(ticket, read);
        }
        self.round = Some(round);
    }

    /// 3. All reads are over: the clicks are counted, and everything is written in one batch.
    fn commit(&mut self, out: &mut Outputs<Shortener>) {
        let Some(round) = self.round.as_mut().filter(|round| round.has_read_all()) else { return };
        let batch = round.count(self.dedup);
        if batch.is_empty() {
            // Nothing was new, so everything is durable already.
            return self.end(out);
        }
        let ticket = self.ticket();
        if let Some(round) = &mut self.round {
            round.expect_commit(ticket);
        }
        self.store.commit(batch, ticket, out);
    }

    /// 4. The batch is durable: the instances may delete these clicks.
    fn end(&mut self, out: &mut Outputs<Shortener>) {
        let Some(round) = self.round.take() else { return };
        self.counted += round.counted();
        for (log, below) in round.positions() {
            out.note(Note::Counted { log, below });
        }
        for (link, stats) in round.totals() {
            out.note(Note::Total { link: link.clone(), clicks: stats.clicks });
        }
        for (to, log, below) in round.answers() {
            out.send(to, Message::Counted { log, below });
        }
    }

    fn event(&mut self, event: Event, out: &mut Outputs<Shortener>) {
        match event {
            Event::Ready => self.is_ready = true,
            Event::Found(ticket, bytes) => match self.stats_reads.remove(&ticket) {
                Some(stats_reads) => send_stats(stats_reads, bytes, out),
                None => self.found(ticket, bytes, out),
            },
            // No reply: the request times out at the instance, which says to ask again.
            Event::Rotten(ticket) => {
                if self.stats_reads.remove(&ticket).is_none() {
                    out.halt(ROTTEN);
                }
            }
            Event::Durable(ticket) => {
                if self.round.as_ref().is_some_and(|round| round.is_committing(ticket)) {
                    self.end(out);
                }
            }
            // Nothing changed. The instances still have the clicks, and send them again.
            Event::Full(_) => self.round = None,
            // Rounds are bounded so that batches fit, and pages are never requested.
            Event::TooLarge(_) | Event::Page(..) | Event::Written(_) => {
                out.halt("the store answers out of turn")
            }
            Event::Compacted => out.note(Note::Sometimes("store-compacted")),
            Event::Broken(why) => out.halt(why),
        }
    }

    fn found(&mut self, ticket: u64, bytes: Option<Bytes>, out: &mut Outputs<Shortener>) {
        let Some(round) = &mut self.round else { return };
        match round.found(ticket, bytes) {
            Ok(()) => self.commit(out),
            Err(_) => out.halt(ROTTEN),
        }
    }

    fn ticket(&mut self) -> u64 {
        self.next_ticket += 1;
        self.next_ticket
    }
}

const ROTTEN: &str = "counts on this disk are not what was written, and nothing was counted on top of \
                      them: put a copy of its folder in its place; clicks wait on the instances";

fn send_stats(
    (to, call, link): (NodeId, u64, LinkId),
    bytes: Option<Bytes>,
    out: &mut Outputs<Shortener>,
) {
    let stats = bytes.map(|bytes| LinkStats::from_bytes(&bytes));
    // As for a corrupt entry: no reply.
    if let Some(None) = stats {
        return;
    }
    let stats = stats.flatten().map(Arc::new);
    let clicks = stats.as_ref().map_or(0, |stats| stats.clicks);
    out.note(Note::Total { link, clicks });
    out.send(to, Message::Stats { call, stats });
}

/// The store's key of a link's counts. Neither domains nor codes contain `/`. Counts of earlier versions
/// belong to links without an incarnation.
fn stats_key(LinkId { key, incarnation }: &LinkId) -> Vec<u8> {
    let key = [b"s", &key.bytes()[..]].concat();
    match incarnation {
        0 => key,
        incarnation => [&key, &b"/"[..], &incarnation.to_le_bytes()].concat(),
    }
}

impl Machine for Tally {
    type Protocol = Shortener;

    fn handle(&mut self, _: &mut Now<'_>, input: Input<Shortener>, out: &mut Outputs<Shortener>) {
        match input {
            Input::Start { disk } => self.store.start(disk, out),
            Input::Message { from, message } => self.message(from, message, out),
            Input::Disk { op: Op::Store(op), result } => self.store.ended(op, result, out),
            Input::Disk { op: Op::Journal(op), result } => {
                self.store.ended(StoreOp::Journal(op), result, out);
            }
            Input::Timer(Timer::Journal(timer)) => self.store.timer(timer, out),
            Input::Stop => self.stopping = true,
            _ => {}
        }
        loop {
            while let Some(event) = self.store.next_event() {
                self.event(event, out);
            }
            if self.round.is_some() || !self.is_ready || self.waiting.is_empty() {
                break;
            }
            self.begin(out);
        }
        if self.stopping && self.store.settle(out) {
            self.stopping = false;
            out.stopped();
        }
    }

    fn first_files(&self) -> Vec<(FileName, Bytes)> {
        Store::first_files()
    }

    fn fields(&self) -> Vec<Field> {
        vec![
            Field::number("clicks counted", self.counted),
            Field::number("batches waiting", self.waiting.len() as u64),
        ]
    }

    fn inspect(&self) -> Inspection {
        let waiting = self.waiting.len();
        let state = match self.is_ready {
            false => "reads its disk".to_owned(),
            true => format!("{} clicks counted, {waiting} batches wait", self.counted),
        };
        Inspection { role: "tally", state }
    }
}
