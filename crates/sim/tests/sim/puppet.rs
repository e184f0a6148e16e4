//! A puppet: it does what it is told and notes all that it sees. The world itself is tested with
//! it, so that a test shows the world's behaviour and no machine's.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use machine::{
    DiskAnswer, DiskCommand, DiskId, DiskResult, FileName, Generation, Input, Inspection, Link,
    Machine, NodeId, Now, Output, Outputs, Parts, Protocol, Time, Wall,
};
use sim::{Delays, MessageFilter, World};

#[derive(Clone, Debug)]
pub(crate) struct Strings;

impl Protocol for Strings {
    type Message = Word;
    type Timer = &'static str;
    type Op = &'static str;
    type Note = Seen;

    fn weight(word: &Word) -> u32 {
        match word {
            Word::Parcel(_, weight) => *weight,
            _ => 64,
        }
    }
}

/// What a puppet is told: a number to hear, or things to do.
#[derive(Clone, Debug, Hash)]
pub(crate) enum Word {
    Number(u64),
    /// A number that weighs so many bytes.
    Parcel(u64, u32),
    Do(Vec<Act>),
}

#[derive(Clone, Debug, Hash)]
pub(crate) enum Act {
    Send(u32, u64),
    Datagram(u32, u64),
    /// Sends a number that weighs so much.
    Parcel(u32, Link, u64, u32),
    Set(&'static str, Duration),
    Cancel(&'static str),
    Disk(&'static str, DiskCommand),
    Play(&'static str),
    /// A role in a group of this number, from now on.
    PlayIn(u32, &'static str),
    Halt,
    Stopped,
}

/// What a puppet saw, and what its clocks showed.
#[derive(Clone, Debug, Hash, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) time: Time,
    pub(crate) wall: Wall,
    pub(crate) generation: Generation,
    pub(crate) what: What,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq)]
pub(crate) enum What {
    Boot(DiskId),
    Number(NodeId, u64),
    Timer(&'static str),
    Disk(&'static str, DiskResult),
    Reset(NodeId),
    Writable(NodeId, Link),
    Stop,
}

#[derive(Clone, Debug)]
pub(crate) struct Puppet {
    /// What it has in memory: every number it heard since it booted.
    pub(crate) heard: Vec<u64>,
    role: &'static str,
    groups: BTreeMap<u32, &'static str>,
    first_files: &'static [(&'static str, &'static str)],
}

impl Machine for Puppet {
    type Protocol = Strings;

    fn handle(&mut self, now: &mut Now<'_>, input: Input<Strings>, out: &mut Outputs<Strings>) {
        let (time, wall, generation) = (now.time, now.wall, now.generation);
        let mut note = |what| out.note(Seen { time, wall, generation, what });
        match input {
            Input::Start { disk } => note(What::Boot(disk)),
            Input::Message { from, message: Word::Number(number) | Word::Parcel(number, _) } => {
                self.heard.push(number);
                note(What::Number(from, number));
            }
            Input::Message { message: Word::Do(acts), .. } => {
                acts.into_iter().for_each(|act| self.act(act, out));
            }
            Input::Timer(name) => note(What::Timer(name)),
            Input::Disk { op, result } => note(What::Disk(op, result)),
            Input::LinkReset { peer } => note(What::Reset(peer)),
            Input::Writable { peer, link } => note(What::Writable(peer, link)),
            Input::Stop => {
                note(What::Stop);
                if self.role != "lingers" {
                    out.stopped();
                }
            }
        }
    }

    fn first_files(&self) -> Vec<(FileName, Bytes)> {
        self.first_files.iter().map(|&(name, text)| (name.into(), text.into())).collect()
    }

    fn roles(&self, see: &mut dyn FnMut(&'static str, Option<u32>)) {
        see(self.role, None);
        self.groups.iter().for_each(|(group, role)| see(role, Some(*group)));
    }

    fn inspect(&self) -> Inspection {
        Inspection { role: self.role, state: format!("{:?}", self.heard) }
    }
}

impl Puppet {
    fn act(&mut self, act: Act, out: &mut Outputs<Strings>) {
        match act {
            Act::Send(to, number) => out.send(NodeId(to), Word::Number(number)),
            Act::Datagram(to, number) => out.datagram(NodeId(to), Word::Number(number)),
            Act::Parcel(to, link, number, weight) => {
                let message = Word::Parcel(number, weight);
                out.push(Output::Send { to: NodeId(to), message, link });
            }
            Act::Set(timer, after) => out.set_timer(timer, after),
            Act::Cancel(timer) => out.cancel_timer(timer),
            Act::Disk(op, command) => out.disk(command, op),
            Act::Play(role) => self.role = role,
            Act::PlayIn(group, role) => drop(self.groups.insert(group, role)),
            Act::Halt => out.halt("it was told to"),
            Act::Stopped => out.stopped(),
        }
    }
}

/// A world of puppets, one in each of these zones, a millisecond or two apart.
pub(crate) fn stage(seed: u64, zones: &[u8]) -> World<Puppet> {
    stage_with(seed, zones, &[])
}

/// What tests pick messages by.
const FILTERS: &[MessageFilter<Word>] = &[MessageFilter {
    name: "even-number",
    picks: |word| matches!(word, Word::Number(number) if number % 2 == 0),
}];

pub(crate) fn puppet() -> Puppet {
    Puppet { heard: Vec::new(), role: "puppet", groups: BTreeMap::new(), first_files: &[] }
}

/// As [`stage`], with disks that hold these files when they are new.
pub(crate) fn stage_with(
    seed: u64,
    zones: &[u8],
    first_files: &'static [(&'static str, &'static str)],
) -> World<Puppet> {
    let boot = move |_| Puppet { first_files, ..puppet() };
    let mut world = World::new(seed, zones, Delays::micros(1_000, 2_000), Arc::new(boot));
    world.declare(FILTERS);
    world
}

/// Tells a puppet to do these things, now.
pub(crate) fn tell(world: &mut World<Puppet>, node: u32, acts: &[Act]) {
    world.tell(NodeId(node), Word::Do(acts.to_vec()));
}

/// As [`tell`], so many milliseconds into the run.
pub(crate) fn tell_at(world: &mut World<Puppet>, at: u64, node: u32, acts: &[Act]) {
    world.tell_at(self::at(at), NodeId(node), Word::Do(acts.to_vec()));
}

/// All that a puppet saw, in order, with the world's time.
pub(crate) fn seen(world: &World<Puppet>, node: u32) -> Vec<(Time, &Seen)> {
    let here = world.history().iter().filter(|entry| entry.node == NodeId(node));
    here.map(|entry| (entry.at, &entry.note)).collect()
}

/// The numbers that a puppet ever heard, in order.
pub(crate) fn heard(world: &World<Puppet>, node: u32) -> Vec<u64> {
    let number = |(_, seen): (Time, &Seen)| match seen.what {
        What::Number(_, number) => Some(number),
        _ => None,
    };
    seen(world, node).into_iter().filter_map(number).collect()
}

/// When a timer fired at a puppet: the world's time and the puppet's own.
pub(crate) fn fired(world: &World<Puppet>, node: u32, name: &str) -> Vec<(Time, Time)> {
    let firing = |(at, seen): (Time, &Seen)| match seen.what {
        What::Timer(timer) if timer == name => Some((at, seen.time)),
        _ => None,
    };
    seen(world, node).into_iter().filter_map(firing).collect()
}

/// How often a puppet was told that its stream with this peer was reset.
pub(crate) fn resets(world: &World<Puppet>, node: u32, peer: u32) -> usize {
    let told = What::Reset(NodeId(peer));
    seen(world, node).iter().filter(|(_, seen)| seen.what == told).count()
}

/// How the disk operations of this name ended at a puppet.
pub(crate) fn disk_results(world: &World<Puppet>, node: u32, name: &str) -> Vec<DiskResult> {
    let ended = |(_, seen): (Time, &Seen)| match &seen.what {
        What::Disk(op, result) if *op == name => Some(result.clone()),
        _ => None,
    };
    seen(world, node).into_iter().filter_map(ended).collect()
}

/// Lets a puppet read the file and gives what it found; `None` where there is no such file.
pub(crate) fn read(world: &mut World<Puppet>, node: u32) -> Option<Bytes> {
    let command = DiskCommand::Read { file: "file".into(), offset: 0, length: 1 << 30 };
    tell(world, node, &[Act::Disk("read by the test", command)]);
    world.run_for(ms(50));
    match disk_results(world, node, "read by the test").pop() {
        Some(Ok(DiskAnswer::Bytes(bytes))) => Some(bytes),
        _ => None,
    }
}

pub(crate) fn write(offset: u64, parts: impl Into<Parts>) -> Act {
    Act::Disk("write", DiskCommand::Write { file: "file".into(), offset, parts: parts.into() })
}

pub(crate) fn sync() -> Act {
    Act::Disk("sync", DiskCommand::Sync { file: "file".into(), data_only: false })
}

pub(crate) fn replace(parts: impl Into<Parts>) -> Act {
    Act::Disk("replace", DiskCommand::Replace { file: "file".into(), parts: parts.into() })
}

/// So many milliseconds into the run.
pub(crate) fn at(millis: u64) -> Time {
    Time(0) + ms(millis)
}

pub(crate) fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub(crate) fn node(number: u32) -> NodeId {
    NodeId(number)
}
