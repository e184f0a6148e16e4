//! A node that keeps one log: it appends what clients ask for, and shows them what is there.

use bytes::{BufMut, Bytes, BytesMut};
use machine::codec::put_block;
use machine::{Field, FileName, Input, Inspection, Machine, NodeId, Now, Outputs, Switches};

use crate::appender::{Appender, Until};
use crate::bound::Bound;
use crate::event::Event;
use crate::format::Blocks;
use crate::mechanism::Mechanism;
use crate::message::{Keeping, Message, Note, Timer};
use crate::words::{JournalOp, JournalTimer};

/// Keeps a log.
#[derive(Clone, Debug)]
pub struct Keeper {
    /// A file is followed by the next when it is so long.
    segment: u64,
    bound: Bound,
    log: Appender<Blocks, (NodeId, u64)>,
    /// What is durable, in order.
    entries: Vec<u64>,
    /// Before that, requests are dropped: clients give up.
    ready: bool,
    /// And so they are when it is to stop.
    stops: bool,
}

impl Keeper {
    /// One with files of this size.
    pub fn new(segment: u64, switches: Switches) -> Keeper {
        Keeper {
            segment,
            bound: Bound::new(Mechanism::DurableBound.on(switches)),
            log: Appender::new(Blocks { longest: 1 << 20 }, (1, "log"), true),
            entries: Vec::new(),
            ready: false,
            stops: false,
        }
    }

    /// 1. A client asks.
    fn asked(&mut self, client: NodeId, message: Message, out: &mut Outputs<Keeping>) {
        match message {
            Message::Append { token, length } => {
                if self.log.end().offset >= self.segment {
                    self.log.roll();
                }
                let mut frame = BytesMut::new();
                put_block(&mut frame, |body| {
                    body.put_u64_le(token);
                    body.put_bytes(token as u8, length.into());
                });
                self.log.append(frame, Some(((client, token), Until::Synced)));
            }
            Message::Read { token } => {
                let of_client = |entry: &&u64| NodeId((**entry >> 32) as u32) == client;
                let entries = self.entries.iter().filter(of_client).copied().collect();
                out.send(client, Message::Entries { token, entries });
            }
            _ => {}
        }
    }

    /// 2. The log says what became of it.
    fn told(&mut self, event: Event<(NodeId, u64)>, out: &mut Outputs<Keeping>) {
        match event {
            Event::Found(files) => files.into_iter().for_each(|file| self.log.read(file, out)),
            Event::Frame(_, frame) => self.entries.extend(token(&frame)),
            Event::Ready => match self.bound.booted(out) {
                Err(why) => self.refuse(&why, out),
                Ok(()) => {
                    self.ready = true;
                    out.note(Note::Ready { entries: self.entries.len() });
                }
            },
            Event::Durable(held) => {
                for (client, token) in held {
                    self.entries.push(token);
                    out.send(client, Message::Durable { token });
                }
            }
            Event::Cut { .. } => out.note(Note::Cut),
            Event::Full => out.note(Note::Full),
            Event::Broken(why) | Event::Damaged(why) => self.refuse(&why, out),
            Event::End(_) | Event::Written(_) | Event::Replaced(_) | Event::NotReplaced(_) => {}
        }
    }

    fn refuse(&self, why: &str, out: &mut Outputs<Keeping>) {
        if !self.ready {
            out.note(Note::LossTold);
        }
        out.halt(why);
    }

    fn disk(&mut self, op: JournalOp, result: machine::DiskResult, out: &mut Outputs<Keeping>) {
        match op {
            JournalOp::Log { step, .. } => self.log.ended(step, result, &mut self.bound, out),
            JournalOp::Bound(op) => {
                if let Err(why) = self.bound.ended(op, result, out) {
                    self.refuse(&why, out);
                }
            }
        }
    }
}

/// The entry in a frame.
fn token(frame: &[u8]) -> Option<u64> {
    frame.get(8..16)?.try_into().ok().map(u64::from_le_bytes)
}

impl Machine for Keeper {
    type Protocol = Keeping;

    fn handle(&mut self, _: &mut Now<'_>, input: Input<Keeping>, out: &mut Outputs<Keeping>) {
        match input {
            Input::Start { disk } => self.bound.start(disk, out),
            Input::Message { from, message } if self.ready && !self.stops => {
                self.asked(from, message, out);
            }
            Input::Disk { op, result } => self.disk(op, result, out),
            Input::Timer(Timer::Journal(JournalTimer::Bound)) => self.bound.timer(out),
            Input::Timer(Timer::Journal(JournalTimer::Retry(_))) => self.log.timer(out),
            Input::Stop => self.stops = true,
            _ => {}
        }
        self.log.go_on(&mut self.bound, out);
        while let Some(event) = self.log.next_event() {
            self.told(event, out);
        }
        if self.stops && self.log.is_idle() {
            self.bound.settle(out);
            if self.bound.is_settled() {
                out.stopped();
            }
        }
    }

    fn first_files(&self) -> Vec<(FileName, Bytes)> {
        vec![Bound::first_file()]
    }

    fn fields(&self) -> Vec<Field> {
        let entries = Field::number("entries", self.entries.len() as u64);
        vec![Field::flag("has read its disk", self.ready), entries]
    }

    fn inspect(&self) -> Inspection {
        let state = match self.ready {
            true => format!("{} entries", self.entries.len()),
            false => "reads its disk".to_owned(),
        };
        Inspection { role: "keeper", state }
    }
}
