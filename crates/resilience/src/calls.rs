//! The calls that a machine has made and that have no reply yet.
//!
//! The law: every call ends once: with a reply, with its time-out, or with its connection. A reply to a call
//! that has ended already is ignored. Numbers begin at random at each boot, so that a reply to a call from
//! before a crash is not taken for one to a call made after it. One
//! timer serves them all: it is set while a call is under way, for the oldest.

use std::collections::BTreeMap;
use std::time::Duration;

use machine::{NodeId, Outputs, Protocol, Random, Time};
use rand::Rng;

/// The calls that are under way, each with what it is for.
#[derive(Clone, Debug)]
pub struct Calls<T, C> {
    time_out: Duration,
    timer: T,
    last: u64,
    open: BTreeMap<u64, Call<C>>,
}

#[derive(Clone, Debug)]
struct Call<C> {
    to: NodeId,
    at: Time,
    purpose: C,
}

impl<T: Clone, C> Calls<T, C> {
    /// None under way; each is given up after this time. The timer is the machine's, and this alone sets it.
    pub fn new(time_out: Duration, timer: T) -> Self {
        Calls { time_out, timer, last: 0, open: BTreeMap::new() }
    }

    /// The node booted.
    pub fn start(&mut self, random: &mut Random) {
        self.last = random.next_u64() >> 1;
    }

    /// Begins a call: its number, under which it is to be sent.
    pub fn begin<P: Protocol<Timer = T>>(
        &mut self,
        to: NodeId,
        purpose: C,
        now: Time,
        out: &mut Outputs<P>,
    ) -> u64 {
        if self.open.is_empty() {
            out.set_timer(self.timer.clone(), self.time_out);
        }
        self.last += 1;
        self.open.insert(self.last, Call { to, at: now, purpose });
        self.last
    }

    /// A call that is under way: when it was made, and what for.
    pub fn get_mut(&mut self, number: u64) -> Option<(Time, &mut C)> {
        self.open.get_mut(&number).map(|call| (call.at, &mut call.purpose))
    }

    /// Its reply has come: when it was made, and what for.
    pub fn end(&mut self, number: u64, from: NodeId) -> Option<(Time, C)> {
        if self.open.get(&number)?.to != from {
            return None;
        }
        self.open.remove(&number).map(|call| (call.at, call.purpose))
    }

    /// The timer fired: the calls that have lasted too long are over.
    pub fn overdue<P: Protocol<Timer = T>>(
        &mut self,
        now: Time,
        out: &mut Outputs<P>,
    ) -> Vec<(u64, C)> {
        let mut over = Vec::new();
        // The oldest has the lowest number.
        while let Some(call) = self.open.first_entry() {
            let left = self.time_out.saturating_sub(now.since(call.get().at));
            if !left.is_zero() {
                out.set_timer(self.timer.clone(), left);
                break;
            }
            let (number, call) = call.remove_entry();
            over.push((number, call.purpose));
        }
        over
    }

    /// The connection broke: what was asked over it is over.
    pub fn reset(&mut self, peer: NodeId) -> Vec<(u64, C)> {
        let over = self.open.extract_if(.., |_, call| call.to == peer);
        over.map(|(number, call)| (number, call.purpose)).collect()
    }

    /// How many are under way.
    #[expect(clippy::len_without_is_empty, reason = "a count, not a collection")]
    pub fn len(&self) -> usize {
        self.open.len()
    }
}
