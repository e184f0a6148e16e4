//! An instance: answers users, from its cache where it can and from the shards where it must.
//!
//! One visit's path: it comes ([`Instance::hear`]); where the cache has a fresh copy it is answered at
//! once (`instance/visit.rs`); otherwise it waits for a read, the only one of that link that is under
//! way; the shard replies ([`Instance::returned`]), and all who waited are answered.
//!
//! # The law
//!
//! Every question is answered once, as long as the instance lives: with what it asked for, or, when a
//! call to a shard took too long or its connection broke, with [`Answer::Unavailable`]. A redirect is
//! as fresh as its [`Freshness`] says, and waits neither for its click to be written nor to be counted.
//! Whether a link has expired is judged at every answer, by the wall clock; expiry deletes nothing.

pub(crate) mod cache;
mod change;
mod create;
pub(crate) mod limiter;
mod list;
mod newest;
pub(crate) mod numbers;
mod visit;

use std::collections::BTreeMap;
use std::time::Duration;

use machine::{Input, Inspection, Machine, NodeId, Now, Outputs, Switches, Time};
use resilience::Calls;

use crate::Key;
use crate::analytics::clicks::{ClickLog, ClickTuning};
use crate::message::{Answer, Ask, Call, Message, Op, Reply, Shortener, Timer};
use crate::ring::{BadShards, Roster, Shards};
use cache::{Cache, Freshness};
use create::{Create, Leasing};
use limiter::{Limiter, Rate};
pub use list::LONGEST_SEARCH;
use list::{Gather, Statistics};
use newest::Latest;
use numbers::{Codes, Numbers};
use visit::LinkRead;

/// What an instance is told about the world and itself.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The shards, by their places: a link is where its shard's place is.
    pub shards: Roster,
    /// Who counts clicks.
    pub tally: NodeId,
    /// What picked codes are made of.
    pub codes: Codes,
    /// Links that the cache surely holds, and codes of which it knows that there is no link.
    pub cached: usize,
    /// How long they are used.
    pub freshness: Freshness,
    /// When a shard is taken for silent.
    pub patience: Duration,
    /// What a client may ask of the shards.
    pub rate: Rate,
    /// Clients that are surely remembered.
    pub clients: usize,
    /// How clicks are logged.
    pub clicks: ClickTuning,
}

impl Settings {
    /// A service of these nodes: copies are used for ten seconds, and a client may ask the shards for 20
    /// things a second.
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

/// The front of the service.
#[derive(Clone, Debug)]
pub struct Instance {
    switches: Switches,
    shards: Shards,
    tally: NodeId,
    cache: Cache,
    limiter: Limiter,
    numbers: Numbers,
    leasing: Leasing,
    clicks: ClickLog,
    calls: Calls<Timer, Purpose>,
    /// The read of a link that is under way (`single-flight`).
    reads: BTreeMap<Key, u64>,
    /// Questions that wait.
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
    Page(Gather),
    Newest(Latest),
    Lease,
    Stats(Statistics),
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
            shards: Shards::new(shards)?,
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

    /// 1. Somebody asks.
    fn hear(&mut self, asker: Asker, ask: Ask, now: &mut Now<'_>, out: &mut Outputs<Shortener>) {
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
            Ask::Newest { below, limit, search } => {
                self.newest(asker, (below, limit), search, now, out);
            }
        }
    }

    /// 2. A call is over: with a reply, or without one.
    fn returned(
        &mut self,
        number: u64,
        (asked, purpose): (Time, Purpose),
        reply: Option<Reply>,
        now: &mut Now<'_>,
        out: &mut Outputs<Shortener>,
    ) {
        match purpose {
            Purpose::Read(read) => self.has_read(number, asked, read, reply, now, out),
            Purpose::Create(create) => self.created(create, reply, now, out),
            Purpose::Change(asker, key) => self.changed(asker, key, reply, out),
            Purpose::Page(gather) => self.paged(gather, reply, now.time, out),
            Purpose::Newest(page) => self.has_newest(page, reply, now.time, out),
            Purpose::Lease => self.leased(reply, now, out),
            Purpose::Stats(told) => {
                self.answer_waiting(told.asker, Answer::Unavailable("the tally is silent"), out);
            }
        }
    }

    /// The link is another shard's by now, which is asked instead.
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
            let nobody = Reply::Refused("no shard says that this link is its own");
            return self.returned(number, (asked, purpose), Some(nobody), now, out);
        }
        let call = match purpose {
            Purpose::Read(read) => self.read_again(number, shard, read, now.time, out),
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
                self.hear(Asker { user, token, client }, ask, now, out);
            }
            Input::Message { from, message: Message::Reply { call, shards, reply } } => {
                self.shards.learn(shards);
                match (self.calls.end(call, from), reply) {
                    (Some((asked, purpose)), Reply::Moved(wanted)) => {
                        self.forward(call, (from, asked, purpose), *wanted, now, out);
                    }
                    (Some(ended), reply) => self.returned(call, ended, Some(reply), now, out),
                    (None, _) => {}
                }
            }
            Input::Message { from, message: Message::Told { call, stats } } => {
                if let Some((_, Purpose::Stats(told))) = self.calls.end(call, from) {
                    self.told(told, stats, out);
                }
            }
            Input::Message { message: Message::Counted { log, below }, .. } => {
                self.clicks.counted(log, below, now, out);
            }
            Input::Timer(Timer::Calls) => {
                for (number, purpose) in self.calls.overdue(now.time, out) {
                    self.returned(number, (now.time, purpose), None, now, out);
                }
            }
            Input::LinkReset { peer } => {
                for (number, purpose) in self.calls.reset(peer) {
                    self.returned(number, (now.time, purpose), None, now, out);
                }
                self.clicks.reset(peer, now, out);
            }
            Input::Start { .. } => {
                self.calls.start(now.random);
                self.leasing.start(now.random, self.numbers.lessors(self.shards.count()));
                self.clicks.start(now, out);
            }
            Input::Timer(Timer::Clicks) => self.clicks.timer(now, out),
            Input::Disk { op: Op::Clicks(op), result } => self.clicks.ended(op, result, now, out),
            _ => {}
        }
    }

    fn inspect(&self) -> Inspection {
        let (links, calls) = (self.cache.len(), self.calls.len());
        let state = format!("{links} links at hand, {calls} calls under way");
        Inspection { role: "instance", state }
    }
}
