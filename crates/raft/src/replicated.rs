//! A replicated log as the disk of a small machine, so that the machine outlives its node.
//!
//! A machine that was written for one node persists, and then answers. To survive that node it needs
//! a disk that survives it, and one place at a time at which it runs; a log with a leader is both. The
//! member that leads runs the machine and carries its disk commands out on the log; on all others the
//! files are kept up to date and nobody runs.
//!
//! # The law
//!
//! What a machine was told is durable is in the files on which every later incarnation of it boots,
//! on whichever node. For a command is answered when it is committed in the term in which it was
//! proposed, and a member boots the machine when the first entry of its own term is applied: every
//! entry of an earlier term that is committed ever, even if its leader learns of that only later,
//! stands before that one.
//!
//! What the machine may rest on, and what not:
//!
//! 1. What it holds back until the disk has answered (as `machine::Checkpoint` does) is true for ever.
//! 2. What it says at once may come from an incarnation that was deposed and does not know it yet. So
//!    it must do no harm where it is old: a refusal does none, a promise would.
//! 3. A time counted from its boot is counted from a moment after everything that an earlier
//!    incarnation asked of the disk and was, or will be, answered.
//!
//! A leader that is deposed loses the machine as in a crash: its timers are void, its disk commands
//! are not answered. Whether they were carried out the next incarnation reads in the files.

mod files;

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};
use journal::Journal;
use machine::{
    DiskAnswer, DiskCommand, DiskError, DiskId, Embeds, Field, FileName, Input, Inspection,
    Machine, NodeId, Now, Output, Outputs, Protocol, Separates, Switches,
};

use crate::effects::Event;
use crate::group::Group;
use crate::groups::Groups;
use crate::growth::Growth;
use crate::rpc::{Entry, GroupId, Index, Payload, Term};
use crate::tuning::Tuning;
use files::{SmallFiles, put_file};

/// Of the files so much is given at a time, in bytes.
const PIECE: usize = 256 << 10;
/// The only group.
const GROUP: GroupId = GroupId(0);

/// What a machine asked of its disk.
#[derive(Clone, Debug)]
enum DiskRequest {
    /// A file that was proposed, at this place of the log.
    Replace(Index),
    /// One that is longer than a log takes.
    TooLong,
    Read {
        file: FileName,
        offset: u64,
        length: u64,
    },
}

/// A member of a group that runs a machine between them, wherever the group's leader is.
#[derive(Clone)]
pub struct Replicated<M: Machine> {
    groups: Groups,
    members: Vec<NodeId>,
    /// As it was constructed: each incarnation begins as this.
    initial: M,
    /// Where this member leads, and has applied the first entry of its term.
    machine: Option<M>,
    leads: Option<Term>,
    files: SmallFiles,
    /// Up to here, and without what follows, the files are the log.
    applied: Index,
    /// Of this incarnation, in order, without answers so far.
    asked: VecDeque<(DiskRequest, <M::Protocol as Protocol>::Op)>,
    /// Of this incarnation, set and not fired.
    timers: Vec<<M::Protocol as Protocol>::Timer>,
    growth: Growth,
    /// What is left to give of the files as they were frozen.
    frozen: Bytes,
    /// Files that may take the place of these: what has come of them.
    incoming: BytesMut,
}

impl<M: Machine> Replicated<M>
where
    M::Protocol: Separates<Groups> + Embeds<Journal>,
{
    /// The member of this number, of these. A snapshot is taken when the log has grown by so many
    /// bytes, or by as much as the last one is long.
    pub fn new(
        id: NodeId,
        members: Vec<NodeId>,
        tuning: Tuning,
        snapshot_after: u64,
        machine: M,
    ) -> Self {
        let mut files = SmallFiles::default();
        machine.first_files().into_iter().for_each(|(name, content)| files.put(&name, content));
        let mut groups = Groups::new(id, tuning, Switches::ALL_ON);
        groups.will_found(GROUP, members.clone());
        Replicated {
            groups,
            members,
            initial: machine,
            machine: None,
            leads: None,
            files,
            applied: 0,
            asked: VecDeque::new(),
            timers: Vec::new(),
            growth: Growth::new(snapshot_after),
            frozen: Bytes::new(),
            incoming: BytesMut::new(),
        }
    }

    /// The consensus in it; nothing before the disk was read.
    pub fn group(&self) -> Option<&Group> {
        self.groups.group(GROUP)
    }

    /// The machine, if it runs here.
    pub fn machine(&self) -> Option<&M> {
        self.machine.as_ref()
    }

    /// Hands the group what is its own.
    fn group_input(
        &mut self,
        input: Input<Groups>,
        now: &mut Now<'_>,
        out: &mut Outputs<M::Protocol>,
    ) {
        match input {
            // Who is no member has no say.
            Input::Message { from, message } if self.members.contains(&from) => {
                self.groups.message(from, message, now);
            }
            Input::Timer(timer) => self.groups.timer(timer, now, out),
            Input::Disk { op, result } => self.groups.disk(op, result, now, out),
            _ => {}
        }
    }

    /// Hands the machine an input, if it runs here, and sees to what it wants done.
    fn tell(
        &mut self,
        input: Input<M::Protocol>,
        now: &mut Now<'_>,
        out: &mut Outputs<M::Protocol>,
    ) {
        let Some(machine) = &mut self.machine else { return };
        let mut said = Outputs::default();
        machine.handle(now, input, &mut said);
        for output in said.drain() {
            match output {
                Output::Disk { command, op } => self.ask(*command, op, now, out),
                Output::SetTimer { ref timer, .. } => {
                    self.timers.retain(|other| other != timer);
                    self.timers.push(timer.clone());
                    out.push(output);
                }
                Output::CancelTimer(ref timer) => {
                    self.timers.retain(|other| other != timer);
                    out.push(output);
                }
                other => out.push(other),
            }
        }
    }

    /// The machine asked its disk, which is the log.
    fn ask(
        &mut self,
        command: DiskCommand,
        op: <M::Protocol as Protocol>::Op,
        now: &mut Now<'_>,
        out: &mut Outputs<M::Protocol>,
    ) {
        let work = match command {
            DiskCommand::Read { file, offset, length } => {
                DiskRequest::Read { file, offset, length }
            }
            DiskCommand::Replace { file, parts } => match put_file(&file, &parts.joined()) {
                None => DiskRequest::TooLong,
                Some(command) => match self.groups.propose(GROUP, command, now) {
                    Ok((_, index)) => DiskRequest::Replace(index),
                    // Deposed a moment ago, of which the event is on its way.
                    Err(_) => return,
                },
            },
            other => {
                return out.halt(format!(
                    "a machine on a replicated log asked its disk for {other:?}; such a disk reads \
                     and replaces whole files, and nothing else"
                ));
            }
        };
        self.asked.push_back((work, op));
    }

    /// Answers what the machine asked first, if that can be: in the order in which it was asked.
    fn answer(&mut self, now: &mut Now<'_>, out: &mut Outputs<M::Protocol>) -> bool {
        // As long as the machine lives this member leads, and at its places are its entries.
        let ready = |(work, _): &mut (DiskRequest, _)| match work {
            DiskRequest::Replace(index) => *index <= self.applied,
            DiskRequest::TooLong | DiskRequest::Read { .. } => true,
        };
        let Some((work, op)) = self.asked.pop_front_if(ready) else { return false };
        let result = match work {
            DiskRequest::Replace(_) => Ok(DiskAnswer::Done),
            DiskRequest::TooLong => Err(DiskError::Full),
            DiskRequest::Read { file, offset, length } => self.files.read(&file, offset, length),
        };
        self.tell(Input::Disk { op, result }, now, out);
        true
    }

    /// Takes what the log has to tell, in its order, until it has no more.
    fn catch_up(&mut self, now: &mut Now<'_>, out: &mut Outputs<M::Protocol>) {
        loop {
            if let Some((_, event)) = self.groups.next_event() {
                self.event(event, out);
            } else if self.answer(now, out) {
                // It may have asked for more.
            } else if let Some((_, index, entry)) = self.groups.next_committed() {
                self.apply(index, &entry, now, out);
            } else if !self.groups.is_taking(GROUP) && self.growth.is_due(now.random) {
                self.growth.frozen();
                self.freeze(now);
            } else {
                break;
            }
        }
    }

    fn freeze(&mut self, now: &mut Now<'_>) {
        if self.groups.freeze(GROUP, self.applied, now) {
            self.frozen = self.files.snapshot();
            self.growth.taken(self.frozen.len() as u64);
        }
    }

    fn event(&mut self, event: Event, out: &mut Outputs<M::Protocol>) {
        match event {
            Event::Leads { term } => {
                self.stop(out);
                self.leads = Some(term);
            }
            Event::Follows { .. } => self.stop(out),
            Event::PieceWanted => {
                let piece = self.frozen.split_to(PIECE.min(self.frozen.len()));
                self.groups.piece(GROUP, piece, self.frozen.is_empty());
            }
            Event::Piece { first, bytes } => {
                if first {
                    self.incoming.clear();
                }
                self.incoming.extend_from_slice(&bytes);
            }
            Event::Restored { index } => {
                let state = std::mem::take(&mut self.incoming).freeze();
                self.applied = index;
                self.growth.frozen();
                self.growth.taken(state.len() as u64);
                (self.frozen, self.files) = (Bytes::new(), SmallFiles::default());
                self.keep(state, out);
            }
            Event::Noted(what) => out.note(<M::Protocol as Embeds<Groups>>::note(what)),
            Event::SnapshotWanted => self.growth.want(),
            // Nobody asks to read: what the machine knows it has from its files.
            Event::Readable { .. } | Event::ReadLost { .. } => {}
        }
    }

    fn apply(
        &mut self,
        index: Index,
        entry: &Entry,
        now: &mut Now<'_>,
        out: &mut Outputs<M::Protocol>,
    ) {
        self.applied = index;
        self.growth.add(entry);
        if let Payload::Command(file) = &entry.payload {
            self.keep(file.clone(), out);
        }
        if self.leads == Some(entry.term) && self.machine.is_none() {
            out.note(<M::Protocol as Embeds<Groups>>::note("took-over"));
            self.machine = Some(self.initial.clone());
            // The log is one disk, wherever it is read.
            self.tell(Input::Start { disk: DiskId::default() }, now, out);
        }
    }

    fn keep(&mut self, files: Bytes, out: &mut Outputs<M::Protocol>) {
        if self.files.keep(files).is_none() {
            out.halt("the log has an entry that is no file: another program wrote it");
        }
    }

    /// This member does not lead (any more): the machine is gone, and what it had asked for with it.
    fn stop(&mut self, out: &mut Outputs<M::Protocol>) {
        (self.leads, self.machine) = (None, None);
        self.asked.clear();
        self.timers.drain(..).for_each(|timer| out.cancel_timer(timer));
    }
}

impl<M: Machine> Machine for Replicated<M>
where
    M::Protocol: Separates<Groups> + Embeds<Journal>,
{
    type Protocol = M::Protocol;

    fn handle(
        &mut self,
        now: &mut Now<'_>,
        input: Input<M::Protocol>,
        out: &mut Outputs<M::Protocol>,
    ) {
        match M::Protocol::separate(input) {
            Ok(input) => self.group_input(input, now, out),
            Err(Input::Start { disk }) => self.groups.start(disk, out),
            // The machine's disk is the log: what the node's own disk did is the groups'.
            Err(Input::Disk { .. }) => {}
            // The machine goes on elsewhere.
            Err(Input::Stop) => self.groups.stop(now),
            Err(input) => {
                match &input {
                    Input::Timer(timer) => self.timers.retain(|other| other != timer),
                    Input::LinkReset { peer } => self.groups.link_reset(*peer, now),
                    // Members say nothing to each other but what their groups say.
                    Input::Writable { peer, link } => self.groups.writable(*peer, *link),
                    _ => {}
                }
                self.tell(input, now, out);
            }
        }
        self.catch_up(now, out);
        self.groups.flush(now, out);
        if self.groups.may_stop(now) {
            out.stopped();
        }
    }

    fn first_files(&self) -> Vec<(FileName, Bytes)> {
        Groups::first_files()
    }

    /// The machine's own where it runs: faults that aim at its role find the node that it is on.
    fn roles(&self, see: &mut dyn FnMut(&'static str, Option<u32>)) {
        match (&self.machine, self.group()) {
            (Some(machine), _) => machine.roles(see),
            (None, Some(_)) => self.groups.roles(see),
            (None, None) => see("booting", None),
        }
    }

    fn fields(&self) -> Vec<Field> {
        let Some(group) = self.group() else { return Vec::new() };
        let mut fields = vec![
            Field::text("role", Some(group.role_name())),
            Field::number("term", group.term()),
            Field::text("leader", group.leader().map(|leader| format!("{leader:?}"))),
        ];
        fields.extend(self.machine.iter().flat_map(Machine::fields));
        fields
    }

    fn inspect(&self) -> Inspection {
        let Some(group) = self.group() else {
            return Inspection { role: "booting", state: "reads its disk".to_owned() };
        };
        let leader = group.leader().map_or_else(|| "nobody".to_owned(), |node| format!("{node:?}"));
        match &self.machine {
            Some(machine) => machine.inspect(),
            None => Inspection {
                role: group.role_name(),
                state: format!("term {}, {leader} leads, {} files", group.term(), self.files.len()),
            },
        }
    }
}
