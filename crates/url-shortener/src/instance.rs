//! An instance: answers users, from its cache if it can, from the shards if it must.
//!
//! The path of a visit: [`Instance::handle_ask`] takes it. If the cache has a fresh copy, it is answered
//! at once (`instance/visit.rs`). Otherwise it waits for a read, of which there is one at a time for each
//! link. When the shard has replied ([`Instance::call_ended`]), all who waited are answered.
//!
//! # The law
//!
//! While the instance runs, every question is answered once: with what it asked for, or, when a call to a
//! shard timed out or its connection broke, with [`Answer::Unavailable`]. A redirect is as fresh as
//! [`Freshness`] says, and does not wait until its click is written or counted. Expiry is checked at
//! every answer, by the wall clock; it deletes nothing.

pub(crate) mod cache;
mod change;
mod create;
pub(crate) mod limiter;
mod list;
mod newest;
pub(crate) mod numbers;
mod shards;
mod visit;

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use machine::{Field, FileName, Input, Inspection, Machine, NodeId, Now, Outputs, Switches, Time};
use resilience::Calls;

use crate::Key;
use crate::analytics::clicks::{ClickLog, ClickTuning};
use crate::message::{Answer, Ask, Call, Message, Op, Reply, Shortener, Timer};
use crate::ring::{BadShards, Roster, ShardMap};
use cache::{Cache, Freshness};
use create::{Create, Leasing};
use limiter::{Limiter, Rate};
pub use list::MAX_SEARCH_BYTES;
use list::{ListQuery, StatsQuery};
use newest::NewestQuery;
use numbers::{Codes, Numbers};
use visit::LinkRead;

/// The settings of an instance.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The shards, by their places on the ring.
    pub shards: Roster,
    /// The node that counts clicks.
    pub tally: NodeId,
    /// What picked codes are made of.
    pub codes: Codes,
    /// The number of links, and of codes without a link, that the cache holds at least.
    pub cached: usize,
    /// How long a cached copy is used.
    pub freshness: Freshness,
    /// How long to wait for a shard.
    pub patience: Duration,
    /// How many calls to shards one client may cause.
    pub rate: Rate,
    /// The number of clients whose limits are kept at least.
    pub clients: usize,
    /// How clicks are logged.
    pub clicks: ClickTuning,
}

impl Settings {
    /// A service of these nodes. Copies are used for ten seconds, and a client may cause 20 calls to
    /// shards a second.
    pub fn new(shards: Vec<NodeId>, tally: NodeId, secret: [u8; 16]) -> Settings {
        let ten = Duration::from_secs(10);
        Settings {
            shards: Roster::of(shards),
            tally,
            codes: Codes::Leased(secret),
            cached: 100_000,
            freshness: Freshness { links: ten, missing: ten },
            patience: Duration::from_secs(1),
            rate: Rate { per_second: 20, burst: 40 },
            clients: 100_000,
            clicks: ClickTuning::default(),
        }
    }
}

/// The machine that answers users.
#[derive(Clone, Debug)]
pub struct Instance {
    switches: Switches,
    shards: ShardMap,
    tally: NodeId,
    cache: Cache,
    limiter: Limiter,
    numbers: Numbers,
    leasing: Leasing,
    clicks: ClickLog,
    calls: Calls<Timer, Purpose>,
    /// The call that reads each link, while it is under way (`single-flight`).
    reads: BTreeMap<Key, u64>,
    /// The number of questions that wait for a call.
    waiting: usize,
}

/// Whom to answer.
#[derive(Clone, Copy, Debug)]
struct Asker {
    user: NodeId,
    token: u64,
    client: u64,
}

/// What a call is for.
#[derive(Clone, Debug)]
enum Purpose {
    Read(LinkRead),
    Create(Create),
    Change(Asker, Key),
    List(ListQuery),
    Newest(NewestQuery),
    Lease,
    Stats(StatsQuery),
    Shard(Asker),
}

impl Instance {
    /// An instance of these settings.
    ///
    /// # Errors
    /// If there are no shards, or more than 1024.
    pub fn new(settings: Settings, switches: Switches) -> Result<Instance, BadShards> {
        let Settings { shards, tally, codes, cached, freshness, patience, rate, clients, clicks } =
            settings;
        Ok(Instance {
            switches,
            shards: ShardMap::new(shards)?,
            tally,
            cache: Cache::new(cached, freshness, switches),
            limiter: Limiter::new(rate, clients, switches),
            numbers: Numbers::new(codes, switches),
            leasing: Leasing::default(),
            clicks: ClickLog::new(tally, clicks),
            calls: Calls::new(patience, Timer::Calls),
            reads: BTreeMap::new(),
            waiting: 0,
        })
    }

    /// Its log of clicks, for those who watch it.
    pub fn clicks(&self) -> &ClickLog {
        &self.clicks
    }

    /// 1. A question arrives.
    fn handle_ask(
        &mut self,
        asker: Asker,
        ask: Ask,
        now: &mut Now<'_>,
        out: &mut Outputs<Shortener>,
    ) {
        match ask {
            Ask::Visit(click) => self.visit(asker, click, now, out),
            Ask::Look(key) => self.look(asker, key, now, out),
            Ask::Create(new) => self.create(asker, new, now, out),
            Ask::Edit(key, edit) => self.edit(asker, key, edit, now, out),
            Ask::Delete(key) => self.delete(asker, key, now, out),
            Ask::List { after, limit, search } => {
                self.list(asker, after, limit, search, now, out);
            }
            Ask::Stats(link) => self.stats(asker, link, now, out),
            Ask::Clicks(link) => self.clicks_of(asker, link, now, out),
            Ask::Shard(place) => self.ask_shard(asker, place, Call::Status, now, out),
            Ask::Join(place) => self.ask_shard(asker, place, Call::Join, now, out),
            Ask::Newest { below, limit, search } => {
                self.newest(asker, (below, limit), search, now, out);
            }
        }
    }

    /// 2. A call is over, with a reply or without one.
    fn call_ended(
        &mut self,
        number: u64,
        (asked, purpose): (Time, Purpose),
        reply: Option<Reply>,
        now: &mut Now<'_>,
        out: &mut Outputs<Shortener>,
    ) {
        match purpose {
            Purpose::Read(read) => self.read_ended(number, asked, read, reply, now, out),
            Purpose::Create(create) => self.create_ended(create, reply, now, out),
            Purpose::Change(asker, key) => self.change_ended(asker, key, reply, out),
            Purpose::List(query) => self.list_replied(query, reply, now.time, out),
            Purpose::Newest(page) => self.newest_replied(page, reply, now.time, out),
            Purpose::Lease => self.lease_ended(reply, now, out),
            Purpose::Shard(asker) => self.shard_replied(asker, reply, out),
            Purpose::Stats(query) => {
                self.answer_waiting(
                    query.asker,
                    Answer::Unavailable("the tally is silent".into()),
                    out,
                );
            }
        }
    }

    /// The link has moved to another shard, which is called instead.
    fn forward(
        &mut self,
        number: u64,
        (from, asked, purpose): (NodeId, Time, Purpose),
        wanted: Call,
        now: &mut Now<'_>,
        out: &mut Outputs<Shortener>,
    ) {
        let shard = wanted.key().map_or(from, |key| self.shards.of(key));
        if shard == from {
            let nobody = Reply::Refused("no shard says that this link is its own".into());
            return self.call_ended(number, (asked, purpose), Some(nobody), now, out);
        }
        let call = match purpose {
            Purpose::Read(read) => self.read_at_other_shard(number, shard, read, now.time, out),
            purpose => self.calls.begin(shard, purpose, now.time, out),
        };
        out.send(shard, Message::Call { call, wanted });
    }
}

impl Machine for Instance {
    type Protocol = Shortener;

    fn handle(&mut self, now: &mut Now<'_>, input: Input<Shortener>, out: &mut Outputs<Shortener>) {
        match input {
            Input::Message { from: user, message: Message::Ask { token, client, ask } } => {
                self.handle_ask(Asker { user, token, client }, ask, now, out);
            }
            Input::Message { from, message: Message::Reply { call, shards, reply } } => {
                self.shards.learn(shards);
                match (self.calls.end(call, from), reply) {
                    (Some((asked, purpose)), Reply::Moved(wanted)) => {
                        self.forward(call, (from, asked, purpose), *wanted, now, out);
                    }
                    (Some(ended), reply) => self.call_ended(call, ended, Some(reply), now, out),
                    (None, _) => {}
                }
            }
            Input::Message { from, message: Message::Unanswered { call } } => {
                if let Some(ended) = self.calls.end(call, from) {
                    self.call_ended(call, ended, None, now, out);
                }
            }
            Input::Message { from, message: Message::Stats { call, stats } } => {
                if let Some((_, Purpose::Stats(query))) = self.calls.end(call, from) {
                    self.stats_replied(query, stats, out);
                }
            }
            Input::Message { message: Message::Counted { log, below }, .. } => {
                self.clicks.counted(log, below, now, out);
            }
            Input::Timer(Timer::Calls) => {
                for (number, purpose) in self.calls.overdue(now.time, out) {
                    self.call_ended(number, (now.time, purpose), None, now, out);
                }
            }
            Input::LinkReset { peer } => {
                for (number, purpose) in self.calls.reset(peer) {
                    self.call_ended(number, (now.time, purpose), None, now, out);
                }
                self.clicks.reset(peer, now, out);
            }
            Input::Start { disk } => {
                self.calls.start(now.random);
                self.leasing.start(now.random, self.numbers.lessors(self.shards.count()));
                self.clicks.start(disk, now, out);
            }
            Input::Timer(Timer::Clicks) => self.clicks.timer(now, out),
            Input::Timer(Timer::Journal(timer)) => self.clicks.journal_timer(timer, out),
            Input::Disk { op: Op::Journal(op), result } => self.clicks.ended(op, result, now, out),
            Input::Disk { op: Op::Clicks, result } => self.clicks.read(result, now, out),
            Input::Stop => self.clicks.stop(now, out),
            _ => {}
        }
    }

    fn first_files(&self) -> Vec<(FileName, Bytes)> {
        ClickLog::first_files()
    }

    fn fields(&self) -> Vec<Field> {
        vec![
            Field::number("links at hand", self.cache.len() as u64),
            Field::number("calls under way", self.calls.len() as u64),
        ]
    }

    fn inspect(&self) -> Inspection {
        let (links, calls) = (self.cache.len(), self.calls.len());
        let state = match self.clicks.is_ready() {
            true => format!("{links} links at hand, {calls} calls under way"),
            false => "reads its disk".to_owned(),
        };
        Inspection { role: "instance", state }
    }
}
