//! A front: an application server that looks into the caches first, and into the database for the rest
//! (look-aside caching: Nishtala et al., "Scaling Memcache at Facebook", NSDI 2013).
//!
//! One request's path: a user comes ([`Front::arrive`]); the caches that the key lives on are asked, one
//! after the other ([`Front::ask_next`]); one has the key, or does not ([`Front::returned`]); then the
//! database is asked ([`Reads`]), and what it answers is put into the caches ([`Front::row`]).
//!
//! The law: every request is answered or fails, once, and a cache that is down only adds load to the
//! next copy or to the database.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use hash_ring::Refused;
use machine::{Field, Input, Inspection, Machine, NodeId, Now, Outputs, Switches, Time};
use resilience::{Breaker, BreakerRule, BreakerWindow, Pass};

use crate::mechanism::Mechanism;
use crate::message::{Attempt, Browse, CallOutcome, Fleet, Message, Note, Order, Timer};
use crate::open_loop::{OpenLoop, keys};
use crate::reads::{Read, Reads};
use crate::router::{Member, Router};

/// A cache that has not answered by then has failed, for this request.
const PATIENCE: Duration = Duration::from_millis(50);
/// Half of the calls may fail, or take twenty times as long as they should, without three in a row that
/// fail.
const WINDOW: BreakerWindow = BreakerWindow {
    calls: 20,
    least: 6,
    failed_percent: 50,
    slow: Duration::from_millis(20),
    slow_percent: 50,
};

/// When a cache is not called.
fn breaker(switches: Switches) -> BreakerRule {
    let window = Mechanism::CallWindow.on(switches).then_some(WINDOW);
    BreakerRule { failures: 3, window, cool_down: Duration::from_millis(200) }
}

/// Serves users from caches and a database.
#[derive(Clone, Debug)]
pub struct Front {
    id: NodeId,
    switches: Switches,
    /// All caches that there are, in the fleet or not.
    known: Vec<Member>,
    fleet: Router,
    breakers: BTreeMap<NodeId, Breaker>,
    crowds: OpenLoop,
    tokens: u32,
    requests: BTreeMap<u64, Request>,
    reads: Reads,
}

/// A request that is with the caches.
#[derive(Clone, Debug)]
struct Request {
    key: u64,
    untried: VecDeque<NodeId>,
    /// The cache that it is counted on.
    counted: Option<NodeId>,
    call: Option<Call>,
}

#[derive(Clone, Copy, Debug)]
struct Call {
    cache: NodeId,
    /// None where there is no breaker.
    pass: Option<Pass>,
}

impl Front {
    /// A front whose fleet are the first so many of these caches, and whose keys have so many copies.
    ///
    /// # Errors
    /// If there is no cache, or two have one name.
    pub fn new(
        id: NodeId,
        database: NodeId,
        known: Vec<Member>,
        members: usize,
        copies: usize,
        switches: Switches,
    ) -> Result<Self, Refused> {
        let fleet = Router::new(&known[..members.min(known.len())], copies, switches)?;
        Ok(Front {
            id,
            switches,
            known,
            fleet,
            breakers: BTreeMap::new(),
            crowds: OpenLoop::default(),
            tokens: 0,
            requests: BTreeMap::new(),
            reads: Reads::new(database, switches),
        })
    }

    fn begin(&mut self, crowd: Browse, now: &mut Now<'_>, out: &mut Outputs<Fleet>) {
        if crowd.warm {
            for key in keys(&crowd) {
                self.fleet
                    .copies(key)
                    .into_iter()
                    .for_each(|to| out.send(to, Message::Put { key }));
            }
        }
        self.crowds.begin(crowd, now.random, out);
    }

    /// 1. A user comes.
    fn arrive(&mut self, key: u64, now: Time, out: &mut Outputs<Fleet>) {
        self.tokens += 1;
        let token = u64::from(self.id.0) << 32 | u64::from(self.tokens);
        let copies = self.fleet.copies(key);
        let first = self.fleet.admit(key);
        if first != copies[0] {
            out.note(Note::SentOn);
        }
        let mut untried = VecDeque::from([first]);
        untried.extend(copies[1..].iter().filter(|cache| **cache != first));
        out.note(Note::Asked { token, key, copies });
        self.requests.insert(token, Request { key, untried, counted: Some(first), call: None });
        self.ask_next(token, now, out);
    }

    /// 2. The next cache is asked that may be called; where there is none, the database.
    fn ask_next(&mut self, token: u64, now: Time, out: &mut Outputs<Fleet>) {
        let Some(request) = self.requests.get_mut(&token) else { return };
        while let Some(cache) = request.untried.pop_front() {
            let admitted = if Mechanism::CircuitBreaker.on(self.switches) {
                let closed = || Breaker::new(breaker(self.switches));
                let breaker = self.breakers.entry(cache).or_insert_with(closed);
                breaker.admit(now).map(Some)
            } else {
                Some(None)
            };
            if let Some(pass) = admitted {
                request.call = Some(Call { cache, pass });
                out.note(Note::Called { token, cache });
                out.send(cache, Message::Get { token, key: request.key });
                return out.set_timer(Timer::Call(token), PATIENCE);
            }
            out.note(Note::FailedFast { cache });
            if let Some(cache) = request.counted.take() {
                self.fleet.release(cache);
            }
        }
        self.read(token, None, out);
    }

    /// 3. The pending call has ended. An answer to one that was given up is ignored.
    fn returned(
        &mut self,
        token: u64,
        from: NodeId,
        outcome: CallOutcome,
        now: Time,
        out: &mut Outputs<Fleet>,
    ) {
        let Some(request) = self.requests.get_mut(&token) else { return };
        let Some(Call { cache, pass }) = request.call.take_if(|call| call.cache == from) else {
            return;
        };
        out.cancel_timer(Timer::Call(token));
        out.note(Note::Returned { token, cache, outcome });
        if let Some(cache) = request.counted.take() {
            self.fleet.release(cache);
        }
        let answered = matches!(outcome, CallOutcome::Hit | CallOutcome::Miss);
        if let (Some(pass), Some(breaker)) = (pass, self.breakers.get_mut(&cache)) {
            let opened = match answered {
                true => breaker.succeeded(pass, now),
                false => breaker.failed(pass, now),
            };
            if opened {
                out.note(Note::Opened { cache });
            }
        }
        match outcome {
            CallOutcome::Hit => {
                self.requests.remove(&token);
                out.note(Note::Answered { token });
            }
            CallOutcome::Miss => self.read(token, Some(cache), out),
            CallOutcome::TimedOut | CallOutcome::Reset => self.ask_next(token, now, out),
        }
    }

    /// 4. The caches do not have it.
    fn read(&mut self, token: u64, missed: Option<NodeId>, out: &mut Outputs<Fleet>) {
        if let Some(request) = self.requests.remove(&token) {
            self.reads.begin(token, request.key, missed, out);
        }
    }

    /// 5. The database has it: so have the caches from now on.
    fn row(&mut self, attempt: Attempt, out: &mut Outputs<Fleet>) {
        let Some(Read { key, tokens, mut missed, .. }) = self.reads.row(attempt, out) else {
            return;
        };
        missed.extend(self.fleet.copies(key));
        missed.into_iter().for_each(|cache| out.send(cache, Message::Put { key }));
        tokens.into_iter().for_each(|token| out.note(Note::Answered { token }));
    }

    /// 5. Or the read failed, after all retries.
    fn give_up(read: Option<Read>, out: &mut Outputs<Fleet>) {
        let tokens = read.map_or_else(Vec::new, |read| read.tokens);
        tokens.into_iter().for_each(|token| out.note(Note::Failed { token }));
    }

    /// All that was under way on a connection has failed with it.
    fn reset(&mut self, peer: NodeId, now: &mut Now<'_>, out: &mut Outputs<Fleet>) {
        let with = |request: &Request| request.call.is_some_and(|call| call.cache == peer);
        let tokens: Vec<_> =
            self.requests.iter().filter(|(_, request)| with(request)).map(|(id, _)| *id).collect();
        for token in tokens {
            self.returned(token, peer, CallOutcome::Reset, now.time, out);
        }
        if self.reads.database() == peer {
            for attempt in self.reads.calling() {
                Front::give_up(self.reads.attempt_failed(attempt, now.random, out), out);
            }
        }
    }

    /// The operator has changed the fleet.
    fn resize(&mut self, cache: NodeId, joins: bool, out: &mut Outputs<Fleet>) {
        let Some(member) = self.known.iter().find(|member| member.id == cache) else { return };
        // One that is there already cannot join, and the last one cannot leave.
        if joins && self.fleet.join(member).is_ok() {
            out.note(Note::Joined { cache });
        } else if !joins && self.fleet.leave(member).is_ok() {
            out.note(Note::Left { cache });
        }
    }

    fn hear(&mut self, from: NodeId, said: Message, now: &mut Now<'_>, out: &mut Outputs<Fleet>) {
        match said {
            Message::Order(Order::Browse(crowd)) => self.begin(crowd, now, out),
            Message::Order(Order::Join(cache)) => self.resize(cache, true, out),
            Message::Order(Order::Leave(cache)) => self.resize(cache, false, out),
            Message::Found { token } => self.returned(token, from, CallOutcome::Hit, now.time, out),
            Message::Missing { token } => {
                self.returned(token, from, CallOutcome::Miss, now.time, out)
            }
            Message::Row { attempt } => self.row(attempt, out),
            Message::TurnedAway { attempt } => {
                Front::give_up(self.reads.attempt_failed(attempt, now.random, out), out);
            }
            _ => {}
        }
    }
}

impl Machine for Front {
    type Protocol = Fleet;

    fn handle(&mut self, now: &mut Now<'_>, input: Input<Fleet>, out: &mut Outputs<Fleet>) {
        match input {
            Input::Message { from, message } => self.hear(from, message, now, out),
            Input::Timer(Timer::Arrival(crowd)) => {
                for key in self.crowds.arrivals(crowd, now.random, out) {
                    self.arrive(key, now.time, out);
                }
            }
            Input::Timer(Timer::Call(token)) => {
                let call = self.requests.get(&token).and_then(|request| request.call);
                if let Some(Call { cache, .. }) = call {
                    self.returned(token, cache, CallOutcome::TimedOut, now.time, out);
                }
            }
            Input::Timer(Timer::Read(read)) => {
                Front::give_up(self.reads.timer(read, now.random, out), out);
            }
            Input::LinkReset { peer } => self.reset(peer, now, out),
            Input::Stop => out.stopped(),
            _ => {}
        }
    }

    fn fields(&self) -> Vec<Field> {
        vec![Field::number("requests with the caches", self.requests.len() as u64)]
    }

    fn inspect(&self) -> Inspection {
        let open = self.requests.len();
        Inspection { role: "front", state: format!("{open} requests with the caches") }
    }
}
