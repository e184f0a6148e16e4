//! What an instance has asked of shards and the tally, and of what it waits for an answer.
//!
//! The law: every call ends once: with a reply, with the end of the instance's patience, or with its
//! connection. A reply to a call that has ended already is nobody's. Numbers begin anywhere at each boot,
//! so that a reply to what was asked before a crash is not taken for one to what was asked after it.

use std::collections::BTreeMap;
use std::time::Duration;

use machine::{NodeId, Outputs, Random, Time};
use rand::Rng;

use crate::message::{Shortener, Timer};

/// The calls that are under way, each with what is to be done when it ends.
#[derive(Clone, Debug)]
pub(crate) struct Calls<P> {
    patience: Duration,
    last: u64,
    open: BTreeMap<u64, Call<P>>,
}

#[derive(Clone, Debug)]
struct Call<P> {
    to: NodeId,
    at: Time,
    purpose: P,
}

impl<P> Calls<P> {
    /// None under way; each is given up after this time.
    pub(crate) fn new(patience: Duration) -> Self {
        Calls { patience, last: 0, open: BTreeMap::new() }
    }

    /// The node booted.
    pub(crate) fn start(&mut self, random: &mut Random) {
        self.last = random.next_u64() >> 1;
    }

    /// Begins a call: its number, under which it is to be sent.
    pub(crate) fn begin(
        &mut self,
        to: NodeId,
        purpose: P,
        now: Time,
        out: &mut Outputs<Shortener>,
    ) -> u64 {
        if self.open.is_empty() {
            out.set_timer(Timer::Calls, self.patience);
        }
        self.last += 1;
        self.open.insert(self.last, Call { to, at: now, purpose });
        self.last
    }

    /// A call that is under way: when it was made, and what for.
    pub(crate) fn get_mut(&mut self, number: u64) -> Option<(Time, &mut P)> {
        self.open.get_mut(&number).map(|call| (call.at, &mut call.purpose))
    }

    /// Its reply has come: when it was made, and what for.
    pub(crate) fn end(&mut self, number: u64, from: NodeId) -> Option<(Time, P)> {
        if self.open.get(&number)?.to != from {
            return None;
        }
        self.open.remove(&number).map(|call| (call.at, call.purpose))
    }

    /// The timer fired: the calls that have lasted too long are over.
    pub(crate) fn overdue(&mut self, now: Time, out: &mut Outputs<Shortener>) -> Vec<(u64, P)> {
        let mut over = Vec::new();
        // The oldest has the lowest number.
        while let Some(call) = self.open.first_entry() {
            let left = self.patience.saturating_sub(now.since(call.get().at));
            if !left.is_zero() {
                out.set_timer(Timer::Calls, left);
                break;
            }
            let (number, call) = call.remove_entry();
            over.push((number, call.purpose));
        }
        over
    }

    /// The connection broke: what was asked over it is over.
    pub(crate) fn reset(&mut self, peer: NodeId) -> Vec<(u64, P)> {
        let over = self.open.extract_if(.., |_, call| call.to == peer);
        over.map(|(number, call)| (number, call.purpose)).collect()
    }

    /// How many are under way.
    pub(crate) fn len(&self) -> usize {
        self.open.len()
    }
}
