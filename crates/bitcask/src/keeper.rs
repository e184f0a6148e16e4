//! A node that keeps one store: it takes the requests of clients, and answers when the store has.

use std::collections::BTreeMap;

use bytes::Bytes;
use machine::{Field, FileName, Input, Inspection, Machine, NodeId, Now, Outputs, Switches};

use crate::message::{Keeping, Message, Note, Rotten, Timer};
use crate::store::{Event, Limits, Store, StoreOp};

/// Keeps a store.
#[derive(Clone, Debug)]
pub struct Keeper {
    store: Store,
    /// Before that, requests are dropped: clients give up.
    ready: bool,
    /// What is on its way to the disk is durable before it stops.
    stops: bool,
    tickets: u64,
    open: BTreeMap<u64, Purpose>,
    /// Reads that wait for values, by the ticket of the first.
    reads: BTreeMap<u64, Reading>,
}

/// What a ticket of the store is for.
#[derive(Clone, Copy, Debug)]
enum Purpose {
    Commit { client: NodeId, token: u64 },
    Get { read: u64, index: usize },
}

#[derive(Clone, Debug)]
struct Reading {
    client: NodeId,
    token: u64,
    values: Vec<Option<Result<Option<Bytes>, Rotten>>>,
}

impl Keeper {
    /// One with files of this size.
    pub fn new(limits: Limits, switches: Switches) -> Keeper {
        let (open, reads) = (BTreeMap::new(), BTreeMap::new());
        let store = Store::new(limits, switches);
        Keeper { store, ready: false, stops: false, tickets: 0, open, reads }
    }

    fn ticket(&mut self, open: Purpose) -> u64 {
        self.tickets += 1;
        self.open.insert(self.tickets, open);
        self.tickets
    }

    /// 1. A client asks.
    fn asked(&mut self, client: NodeId, message: Message, out: &mut Outputs<Keeping>) {
        match message {
            Message::Commit { token, batch } => {
                let ticket = self.ticket(Purpose::Commit { client, token });
                self.store.commit(batch, ticket, out);
            }
            Message::Get { token, keys } => {
                out.note(Note::Looked { token });
                let read = self.tickets + 1;
                self.reads.insert(read, Reading { client, token, values: vec![None; keys.len()] });
                for (index, key) in keys.iter().enumerate() {
                    let ticket = self.ticket(Purpose::Get { read, index });
                    self.store.get(key, ticket, out);
                }
            }
            _ => {}
        }
    }

    /// 2. The store says what became of it.
    fn told(&mut self, event: Event, out: &mut Outputs<Keeping>) {
        match event {
            Event::Ready => {
                self.ready = true;
                out.note(Note::Ready { keys: self.store.keys() });
            }
            Event::Durable(ticket) => {
                if let Some(Purpose::Commit { client, token }) = self.open.remove(&ticket) {
                    out.note(Note::Kept { token });
                    out.send(client, Message::Durable { token });
                }
            }
            Event::Full(ticket) | Event::TooLarge(ticket) => {
                if let Some(Purpose::Commit { client, token }) = self.open.remove(&ticket) {
                    out.send(client, Message::Full { token });
                }
            }
            Event::Found(ticket, value) => self.found(ticket, Ok(value), out),
            Event::Rotten(ticket) => {
                out.note(Note::Rotted);
                self.found(ticket, Err(Rotten), out);
            }
            Event::Compacted => out.note(Note::Compacted),
            Event::Page(..) | Event::Written(_) => {}
            Event::Broken(why) => {
                if !self.ready {
                    out.note(Note::LossTold);
                }
                out.halt(why);
            }
        }
    }

    fn found(
        &mut self,
        ticket: u64,
        value: Result<Option<Bytes>, Rotten>,
        out: &mut Outputs<Keeping>,
    ) {
        let Some(Purpose::Get { read, index }) = self.open.remove(&ticket) else { return };
        let Some(reading) = self.reads.get_mut(&read) else { return };
        reading.values[index] = Some(value);
        if reading.values.iter().all(Option::is_some)
            && let Some(Reading { client, token, values }) = self.reads.remove(&read)
        {
            let values = values.into_iter().flatten().collect();
            out.send(client, Message::Values { token, values });
        }
    }
}

impl Machine for Keeper {
    type Protocol = Keeping;

    fn handle(&mut self, _: &mut Now<'_>, input: Input<Keeping>, out: &mut Outputs<Keeping>) {
        match input {
            Input::Start { disk } => self.store.start(disk, out),
            Input::Message { from, message } if self.ready && !self.stops => {
                self.asked(from, message, out);
            }
            Input::Disk { op, result } => {
                if op == StoreOp::HintPut && result.is_ok() {
                    out.note(Note::Hinted);
                }
                self.store.ended(op, result, out);
            }
            Input::Timer(Timer::Journal(timer)) => self.store.timer(timer, out),
            Input::Stop => self.stops = true,
            _ => {}
        }
        while let Some(event) = self.store.next_event() {
            self.told(event, out);
        }
        if self.stops && self.store.settle(out) {
            out.stopped();
        }
    }

    fn first_files(&self) -> Vec<(FileName, Bytes)> {
        Store::first_files()
    }

    fn fields(&self) -> Vec<Field> {
        vec![Field::number("keys", self.store.keys() as u64)]
    }

    fn inspect(&self) -> Inspection {
        Inspection { role: "keeper", state: format!("{} keys", self.store.keys()) }
    }
}
