//! Ticket servers: a database that counts. Ids are short and dense, and every one, or every block of
//! them, is a round trip to a server that must be up.

use std::ops::Range;

use machine::Wall;

use super::{About, Scheme};
use crate::error::NotNow;

/// One ticket server. A worker takes a block of numbers a visit and hands them out by itself (the
/// hi/lo allocator); with blocks of one this is a database sequence. Larger blocks cost order: a
/// number says when its block was taken, not when it was handed out.
#[derive(Clone, Debug)]
pub struct Tickets {
    next: u64,
    block: u64,
    held: Vec<Range<u64>>,
    round_trips: u64,
}

impl Tickets {
    /// With this many workers, which take `block` numbers a visit (at least one).
    pub fn new(workers: usize, block: u64) -> Tickets {
        Tickets { next: 1, block: block.max(1), held: vec![0..0; workers], round_trips: 0 }
    }
}

impl Scheme for Tickets {
    fn about(&self) -> About {
        let (name, coordination) = match self.block {
            1 => ("ticket server", "the server, for every id"),
            _ => ("tickets in blocks", "the server, for every block"),
        };
        About { name, bits: 64, coordination }
    }

    fn mint(&mut self, worker: usize, _now: Wall, _random: u128) -> Result<u128, NotNow> {
        let held = &mut self.held[worker];
        if held.is_empty() {
            *held = self.next..self.next + self.block;
            self.next = held.end;
            self.round_trips += 1;
        }
        let id = held.start;
        held.start += 1;
        Ok(u128::from(id))
    }

    fn round_trips(&self) -> u64 {
        self.round_trips
    }
}

/// Two ticket servers, one for odd numbers and one for even ones, so that either may be down ("Ticket
/// Servers: Distributed Unique Primary Keys on the Cheap", Flickr, 2010). Workers take turns between
/// them. What it costs is order: nothing keeps the two at the same count.
#[derive(Clone, Debug)]
pub struct Twins {
    next: [u64; 2],
    turn: Vec<usize>,
    down: Option<usize>,
    round_trips: u64,
}

impl Twins {
    /// With this many workers.
    pub fn new(workers: usize) -> Twins {
        // Workers do not know of each other: each begins where its number happens to say.
        let turn = (0..workers).map(|worker| worker % 2).collect();
        Twins { next: [1, 2], turn, down: None, round_trips: 0 }
    }

    /// Takes one of the two out of service, or none. Numbers that it would have given are never given.
    pub fn set_down(&mut self, server: Option<usize>) {
        self.down = server;
    }
}

impl Scheme for Twins {
    fn about(&self) -> About {
        let coordination = "either of two servers, for every id";
        About { name: "twin ticket servers", bits: 64, coordination }
    }

    fn mint(&mut self, worker: usize, _now: Wall, _random: u128) -> Result<u128, NotNow> {
        let turn = self.turn[worker];
        self.turn[worker] = 1 - turn;
        let server = if self.down == Some(turn) { 1 - turn } else { turn };
        let id = self.next[server];
        self.next[server] += 2;
        self.round_trips += 1;
        Ok(u128::from(id))
    }

    fn round_trips(&self) -> u64 {
        self.round_trips
    }
}
