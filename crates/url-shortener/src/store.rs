//! The store: links on a disk, found by an index in memory (Bitcask: Sheehy & Smith, 2010).

use std::collections::VecDeque;

use bytes::Bytes;
use machine::{DiskResult, Outputs, Protocol};

/// The words of a machine in which a store is embedded.
pub trait Embeds: Protocol {
    /// A disk operation of the store.
    fn op(op: StoreOp) -> Self::Op;
}

/// What to do when a disk operation of a store ends.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum StoreOp {
    /// The folder was listed.
    Listed,
}

/// What its owner is told, in the order in which it happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The disk was read; from now on it answers.
    Ready,
    /// The batch of this ticket is durable, and seen by reads from now on.
    Durable(u64),
    /// The batch of this ticket found no space. Nothing changed.
    Full(u64),
    /// What the read of this ticket found.
    Found(u64, Option<Bytes>),
    /// What the read of this ticket found was rotten: it is never handed out.
    Rotten(u64),
    /// Some values, in the order of the log, and where to go on; for the scan of this ticket.
    Page(u64, Vec<(Bytes, Bytes)>, Option<u64>),
    /// It cannot keep its promises: the owner halts with this sentence.
    Broken(String),
}

/// A store.
#[derive(Clone, Debug)]
pub struct Store {
    events: VecDeque<Event>,
}

impl Store {
    /// The node booted: its disk is read first.
    pub fn start<P: Embeds>(&mut self, out: &mut Outputs<P>) {
        let _ = out;
        todo!()
    }

    /// A disk operation ended.
    pub fn ended<P: Embeds>(&mut self, op: StoreOp, result: DiskResult, out: &mut Outputs<P>) {
        let _ = (op, result, out);
        todo!()
    }

    /// Puts (`Some`) and removes (`None`), all of them or none; [`Event::Durable`] follows.
    pub fn commit<P: Embeds>(
        &mut self,
        batch: Vec<(Bytes, Option<Bytes>)>,
        ticket: u64,
        out: &mut Outputs<P>,
    ) {
        let _ = (batch, ticket, out);
        todo!()
    }

    /// Reads what is durable under this key.
    pub fn get<P: Embeds>(&mut self, key: &[u8], ticket: u64, out: &mut Outputs<P>) {
        let _ = (key, ticket, out);
        todo!()
    }

    /// Is there something durable under this key?
    pub fn contains(&self, key: &[u8]) -> bool {
        let _ = key;
        todo!()
    }

    /// Reads up to `limit` values in the order of the log, from a position that an earlier scan gave.
    pub fn scan<P: Embeds>(
        &mut self,
        after: Option<u64>,
        limit: u32,
        ticket: u64,
        out: &mut Outputs<P>,
    ) {
        let _ = (after, limit, ticket, out);
        todo!()
    }

    /// The next thing that happened.
    pub fn next_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }
}
