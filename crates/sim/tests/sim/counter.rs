//! A system as small as one can be: a counter with two mechanisms. Clients add one by datagram and
//! try again until they are answered; node 0 counts, and keeps the tokens it counted on its disk.
//!
//! Without `dedup` an addition that was sent twice counts twice. Without `fsync` an addition that
//! was answered is gone after a power loss.

use std::time::Duration;

use machine::{
    DiskAnswer, DiskCommand, FileName, Input, Inspection, Machine, NodeId, Now, Outputs, Protocol,
    Switches,
};
use serde::{Deserialize, Serialize};
use sim::NoteKind;

machine::mechanisms! {
    /// What protects additions.
    pub enum Mechanism {
        Dedup = "dedup": "An addition that came before is answered, not counted.",
        Fsync = "fsync": "The answer waits until the disk has it.",
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Additions;

impl Protocol for Additions {
    type Message = Message;
    type Timer = Timer;
    type Op = Op;
    type Note = Note;
}

#[derive(Clone, Debug, Hash)]
pub(crate) enum Message {
    Begin(Operation),
    Add(u64),
    Added(u64),
    Explode,
}

/// What a client can be told to do.
#[derive(Clone, Debug, Hash, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum Operation {
    Add {
        token: u64,
    },
    /// The server will panic.
    Explode,
    /// The client will be busy for ever.
    Spin,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq)]
pub(crate) enum Timer {
    Retry(u64),
    Spin,
}

#[derive(Clone, Debug, Hash)]
pub(crate) enum Op {
    Loaded,
    Saved { client: NodeId, token: u64 },
    Written,
}

#[derive(Clone, Debug, Hash)]
pub(crate) enum Note {
    Invoked(u64),
    Answered(u64),
    Retried,
}

impl Note {
    pub(crate) fn note_kind(&self) -> NoteKind {
        match self {
            Note::Invoked(token) => NoteKind::Invoked(*token),
            Note::Answered(token) => NoteKind::Ok(*token),
            Note::Retried => NoteKind::Sometimes("retried"),
        }
    }
}

const FILE: FileName = FileName::Borrowed("tokens");

#[derive(Clone, Debug)]
pub(crate) struct Server {
    switches: Switches,
    /// Every token it counted, as often as it counted it; `None` before the disk was read.
    pub(crate) counted: Option<Vec<u64>>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Client {
    /// Not answered yet, and how long to wait before the next try.
    open: Vec<(u64, Duration)>,
}

sim::nodes! {
    /// The server is node 0.
    pub(crate) enum Node: Additions { Server(Server), Client(Client) }
}

impl Server {
    pub(crate) fn new(switches: Switches) -> Self {
        Server { switches, counted: None }
    }

    fn count(&mut self, client: NodeId, token: u64, out: &mut Outputs<Additions>) {
        let Some(counted) = &mut self.counted else { return };
        if !(Mechanism::Dedup.on(self.switches) && counted.contains(&token)) {
            counted.push(token);
        }
        let bytes: Vec<u8> = counted.iter().flat_map(|token| token.to_le_bytes()).collect();
        if Mechanism::Fsync.on(self.switches) {
            let replace = DiskCommand::Replace { file: FILE, parts: bytes.into() };
            out.disk(replace, Op::Saved { client, token });
        } else {
            out.disk(
                DiskCommand::Write { file: FILE, offset: 0, parts: bytes.into() },
                Op::Written,
            );
            out.datagram(client, Message::Added(token));
        }
    }
}

impl Machine for Server {
    type Protocol = Additions;

    fn handle(&mut self, _: &mut Now<'_>, input: Input<Additions>, out: &mut Outputs<Additions>) {
        match input {
            Input::Start { .. } => {
                let read = DiskCommand::Read { file: FILE, offset: 0, length: 1 << 20 };
                out.disk(read, Op::Loaded);
            }
            Input::Disk { op: Op::Loaded, result } => {
                let Ok(DiskAnswer::Bytes(bytes)) = result else {
                    self.counted = Some(Vec::new());
                    return;
                };
                let token = |chunk: &[u8; 8]| u64::from_le_bytes(*chunk);
                self.counted = Some(bytes.as_chunks().0.iter().map(token).collect());
            }
            Input::Disk { op: Op::Saved { client, token }, result } => match result {
                Ok(_) => out.datagram(client, Message::Added(token)),
                Err(error) => out.halt(error.to_string()),
            },
            Input::Message { from, message: Message::Add(token) } => self.count(from, token, out),
            Input::Message { message: Message::Explode, .. } => panic!("the counter exploded"),
            _ => {}
        }
    }

    fn inspect(&self) -> Inspection {
        Inspection { role: "server", state: format!("{:?}", self.counted) }
    }
}

impl Machine for Client {
    type Protocol = Additions;

    fn handle(&mut self, _: &mut Now<'_>, input: Input<Additions>, out: &mut Outputs<Additions>) {
        match input {
            Input::Message { message: Message::Begin(Operation::Add { token }), .. } => {
                out.note(Note::Invoked(token));
                self.open.push((token, Duration::from_millis(20)));
                self.send(token, out);
            }
            Input::Message { message: Message::Begin(Operation::Explode), .. } => {
                out.datagram(NodeId(0), Message::Explode);
            }
            Input::Message { message: Message::Begin(Operation::Spin), .. }
            | Input::Timer(Timer::Spin) => out.set_timer(Timer::Spin, Duration::ZERO),
            Input::Timer(Timer::Retry(token)) => {
                out.note(Note::Retried);
                self.send(token, out);
            }
            Input::Message { message: Message::Added(token), .. } => {
                let before = self.open.len();
                self.open.retain(|(open, _)| *open != token);
                if self.open.len() < before {
                    out.cancel_timer(Timer::Retry(token));
                    out.note(Note::Answered(token));
                }
            }
            _ => {}
        }
    }

    fn inspect(&self) -> Inspection {
        Inspection { role: "client", state: format!("{} open", self.open.len()) }
    }
}

impl Client {
    fn send(&mut self, token: u64, out: &mut Outputs<Additions>) {
        let Some((_, wait)) = self.open.iter_mut().find(|(open, _)| *open == token) else { return };
        out.datagram(NodeId(0), Message::Add(token));
        out.set_timer(Timer::Retry(token), *wait);
        *wait = (*wait * 2).min(Duration::from_secs(1));
    }
}
