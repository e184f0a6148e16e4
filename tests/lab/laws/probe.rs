//! A machine that does what it is told and notes what it is told.
//!
//! Letters say of themselves where they belong: in which *talk* they were sent, which is all that a probe says to a
//! peer between two resets of it, and which number they have on their lane of it. So whoever has two logs can
//! tell what was lost, doubled, overtaken or carried over a reset.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use bytes::{Buf, BufMut, Bytes};
use host::{Codec, Encoder, Malformed};
use machine::{
    DiskCommand, DiskError, DiskId, DiskResult, FileName, Input, Link, Machine, NodeId, Now,
    Outputs, Protocol, Time, Window,
};
use rand::Rng;

/// What a letter weighs besides its body.
const ENVELOPE: u32 = 64;

/// The file with which a probe's disk begins, and what it says.
pub(super) const FIRST: FileName = FileName::Borrowed("first");
pub(super) const FIRST_BYTES: Bytes = Bytes::from_static(b"as it was in the beginning");

#[derive(Clone, Debug)]
pub(super) struct Words;

impl Protocol for Words {
    type Message = Word;
    type Timer = u32;
    type Op = u32;
    type Note = Seen;

    fn weight(message: &Word) -> u32 {
        match message {
            Word::Letter(letter) => letter.weight(),
            Word::Do(_) => ENVELOPE,
            Word::Nothing => 0,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Word {
    Letter(Letter),
    /// Of the script.
    Do(Vec<Act>),
    /// It has no bytes.
    Nothing,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Letter {
    link: Link,
    talk: u64,
    number: u32,
    body: Bytes,
}

impl Letter {
    fn weight(&self) -> u32 {
        self.body.len() as u32 + ENVELOPE
    }
}

/// What a probe can be told to do.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Act {
    /// Send so many letters of this weight, whatever becomes of them.
    Send {
        to: u32,
        link: Link,
        weight: u32,
        count: u32,
    },
    /// As [`Act::Send`], each when there is room for it.
    Pour {
        to: u32,
        link: Link,
        weight: u32,
        count: u32,
    },
    /// Send so many words that say and weigh nothing.
    SendNothing {
        to: u32,
        link: Link,
        count: u32,
    },
    Set(u32, Duration),
    Cancel(u32),
    Disk(u32, DiskCommand),
    Note(u32),
    Halt,
    /// What to do when the disk fails.
    WhenDiskFails(Vec<Act>),
    /// Answer the next stop with a note, not with the end; without it, with the end.
    Linger,
    Stopped,
}

/// What a probe saw, and what its monotonic clock showed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Seen {
    pub(super) at: Time,
    pub(super) what: What,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum What {
    Started(DiskId),
    /// A letter came. `whole` says that its body is as it was sent.
    Heard {
        from: u32,
        link: Link,
        talk: u64,
        number: u32,
        weight: u32,
        whole: bool,
    },
    Timer(u32),
    Disk(u32, DiskResult),
    Reset(u32),
    Writable(u32, Link),
    Stop,
    /// What it did by itself: a letter sent, a timer set, a note that was asked for.
    Sent {
        to: u32,
        link: Link,
        talk: u64,
        number: u32,
    },
    Set(u32, Duration),
    Noted(u32),
}

/// What is said to one peer since the last reset of it.
#[derive(Clone, Debug)]
struct Talk {
    id: u64,
    /// Letters sent, by lane.
    sent: BTreeMap<Link, u32>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Probe {
    talks: BTreeMap<NodeId, Talk>,
    window: Window,
    /// What waits for room, in order, by lane: weights.
    waiting: BTreeMap<(NodeId, Link), VecDeque<u32>>,
    when_disk_fails: Vec<Act>,
    lingers: bool,
}

impl Machine for Probe {
    type Protocol = Words;

    fn handle(&mut self, now: &mut Now<'_>, input: Input<Words>, out: &mut Outputs<Words>) {
        match input {
            Input::Message { message: Word::Do(acts), .. } => self.act_all(acts, now, out),
            Input::Message { from, message: Word::Letter(letter) } => {
                note(now, out, heard(from, &letter))
            }
            Input::Message { message: Word::Nothing, .. } => {}
            Input::Start { disk } => note(now, out, What::Started(disk)),
            Input::Timer(timer) => note(now, out, What::Timer(timer)),
            Input::Disk { op, result } => {
                let failed = result == Err(DiskError::Failed);
                note(now, out, What::Disk(op, result));
                if failed {
                    let acts = std::mem::take(&mut self.when_disk_fails);
                    self.act_all(acts, now, out);
                }
            }
            Input::LinkReset { peer } => {
                note(now, out, What::Reset(peer.0));
                self.talks.remove(&peer);
                self.window.reset(peer);
                self.waiting.retain(|(to, _), _| *to != peer);
            }
            Input::Writable { peer, link } => {
                note(now, out, What::Writable(peer.0, link));
                self.window.writable(peer, link);
                self.pour(peer, link, now, out);
            }
            Input::Stop => {
                note(now, out, What::Stop);
                if !self.lingers {
                    out.stopped();
                }
            }
        }
    }

    fn first_files(&self) -> Vec<(FileName, Bytes)> {
        vec![(FIRST, FIRST_BYTES)]
    }
}

fn note(now: &Now<'_>, out: &mut Outputs<Words>, what: What) {
    out.note(Seen { at: now.time, what });
}

fn heard(from: NodeId, letter: &Letter) -> What {
    let Letter { link, talk, number, ref body } = *letter;
    let whole = body.iter().all(|byte| *byte == number as u8);
    What::Heard { from: from.0, link, talk, number, weight: letter.weight(), whole }
}

impl Probe {
    fn act_all(&mut self, acts: Vec<Act>, now: &mut Now<'_>, out: &mut Outputs<Words>) {
        acts.into_iter().for_each(|act| self.act(act, now, out));
    }

    fn act(&mut self, act: Act, now: &mut Now<'_>, out: &mut Outputs<Words>) {
        match act {
            Act::Send { to, link, weight, count } => {
                (0..count).for_each(|_| self.send(NodeId(to), link, weight, now, out));
            }
            Act::SendNothing { to, link, count } => {
                (0..count).for_each(|_| put(NodeId(to), link, Word::Nothing, out));
            }
            Act::Pour { to, link, weight, count } => {
                let waiting = self.waiting.entry((NodeId(to), link)).or_default();
                waiting.extend(std::iter::repeat_n(weight, count as usize));
                self.pour(NodeId(to), link, now, out);
            }
            Act::Set(timer, after) => {
                note(now, out, What::Set(timer, after));
                out.set_timer(timer, after);
            }
            Act::Cancel(timer) => out.cancel_timer(timer),
            Act::Disk(op, command) => out.disk(command, op),
            Act::Note(number) => note(now, out, What::Noted(number)),
            Act::Halt => out.halt("it was told to"),
            Act::WhenDiskFails(acts) => self.when_disk_fails = acts,
            Act::Linger => self.lingers = true,
            Act::Stopped => out.stopped(),
        }
    }

    fn send(
        &mut self,
        to: NodeId,
        link: Link,
        weight: u32,
        now: &mut Now<'_>,
        out: &mut Outputs<Words>,
    ) {
        let begin = || Talk { id: now.random.next_u64(), sent: BTreeMap::new() };
        let talk = self.talks.entry(to).or_insert_with(begin);
        let next = talk.sent.entry(link).or_default();
        let (talk, number) = (talk.id, *next);
        *next += 1;
        note(now, out, What::Sent { to: to.0, link, talk, number });
        let body = vec![number as u8; (weight - ENVELOPE) as usize].into();
        put(to, link, Word::Letter(Letter { link, talk, number, body }), out);
    }

    fn pour(&mut self, to: NodeId, link: Link, now: &mut Now<'_>, out: &mut Outputs<Words>) {
        while self.window.has_room(to, link) {
            let next = self.waiting.get_mut(&(to, link)).and_then(VecDeque::pop_front);
            let Some(weight) = next else { return };
            self.window.sent(to, link, weight);
            self.send(to, link, weight, now, out);
        }
    }
}

fn put(to: NodeId, link: Link, word: Word, out: &mut Outputs<Words>) {
    match link {
        Link::Stream => out.send(to, word),
        Link::Bulk => out.bulk(to, word),
        Link::Datagram => out.datagram(to, word),
    }
}

const LINKS: [Link; 3] = [Link::Datagram, Link::Stream, Link::Bulk];

impl Codec for Word {
    const PROTOCOL: &'static str = "letters";
    const VERSION: u32 = 1;
    const LONGEST: usize = 16 << 20;

    fn encode(&self, out: &mut Encoder) {
        let letter = match self {
            Word::Letter(letter) => letter,
            Word::Nothing => return,
            Word::Do(_) => unreachable!("only the script says that"),
        };
        out.put_u8(LINKS.iter().position(|link| *link == letter.link).unwrap_or_default() as u8);
        out.put_u64_le(letter.talk);
        out.put_u32_le(letter.number);
        out.put_shared(&letter.body);
    }

    fn decode(mut bytes: Bytes) -> Result<Word, Malformed> {
        const SHORT: Malformed = Malformed("it is no letter");
        if bytes.is_empty() {
            return Ok(Word::Nothing);
        }
        let link = bytes.try_get_u8().map_err(|_| SHORT)?;
        let link = *LINKS.get(usize::from(link)).ok_or(SHORT)?;
        let talk = bytes.try_get_u64_le().map_err(|_| SHORT)?;
        let number = bytes.try_get_u32_le().map_err(|_| SHORT)?;
        Ok(Word::Letter(Letter { link, talk, number, body: bytes }))
    }
}
