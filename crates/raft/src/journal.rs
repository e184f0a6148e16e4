//! Persist, then reply: what all groups of a node must remember, in one journal.
//!
//! The law: what is held back leaves only when everything that was recorded before it is durable.
//! Records that come while the disk is busy leave with the next write (group commit), so a slow disk
//! costs latency, not throughput; and a thousand groups share one sync.
//!
//! The files: segments, `journal-N`, in the order of their numbers. Each begins with what every group must
//! remember but its entries, is put there whole and atomically as far as that, and says how much of the one
//! before it counts. So nobody ever appends behind what a crash may have left in part, and the oldest may go
//! when no entry in it counts any more (`segments.rs`). Where little of all segments counts, what the oldest
//! has is said again at the end: a group that rests pins nothing.

mod segments;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use bytes::{Bytes, BytesMut};
use machine::{DiskCommand, DiskError, DiskResult, Embeds, FileName, Outputs};

use crate::effects::Effects;
use crate::group::{Group, Role};
use crate::groups::Groups;
use crate::member::Member;
use crate::record::{
    put_base, put_begins, put_durable, put_entries, put_left, put_record, put_snapshot, put_state,
};
use crate::rpc::{Entry, GroupId, Index, Rpc, Term};

pub(crate) use segments::Segments;

/// What to do when a disk operation ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum JournalOp {
    /// At boot: the names of the files are known.
    Listed,
    /// At boot: a segment of the journal was read.
    SegmentRead(u64),
    /// At boot: what the last segment has was written again, or synced.
    Confirmed,
    /// At boot: a piece of a snapshot was read.
    SnapshotRead(GroupId),
    /// Records were written.
    Written,
    /// And synced.
    Synced,
    /// A new segment was put in its place.
    Begun,
    /// A piece of a snapshot was written.
    PieceWritten,
    /// And synced, with those before it.
    PieceSynced,
    /// A file was deleted that does not count any more.
    Deleted,
    /// A piece of a snapshot was read, to be sent.
    PieceRead {
        /// Of which group.
        group: GroupId,
        /// For whom.
        to: Member,
        /// Of the file.
        number: u64,
        /// Where it begins.
        offset: u64,
    },
}

/// What waits for the disk.
#[derive(Clone, Debug)]
pub(crate) enum Held {
    /// A message.
    Send(Member, GroupId, Rpc),
    /// A member that wants to know that what it recorded up to here is durable.
    Persisted(GroupId, Term, Index),
    /// A group whose entries up to here count no more, nor a file with this number if there is one.
    Compacted(GroupId, Index, Option<u64>),
    /// A group that was left, and the file of its snapshot if there is one.
    Left(GroupId, Option<u64>),
    /// Entries that were said again: the segment that had them may go.
    Moved,
}

/// The journal of a node.
#[derive(Clone, Debug)]
pub(crate) struct Journal {
    /// Nothing leaves before it is synced: the mechanism `persist-before-reply`.
    waits: bool,
    /// A segment that is so long is the last of its kind: the next write begins another.
    growth: u64,
    /// Of the segment in use, and how long it is; it is not there yet where that is 0.
    number: u64,
    length: u64,
    /// So many bytes of the segment before it count.
    prior: u64,
    segments: Segments,
    buffer: BytesMut,
    /// Whose log is buffered from where on, and whether it has an entry there.
    recorded: Vec<(GroupId, Index, bool)>,
    /// Waits for what is buffered, and for what is on its way.
    held: Vec<Held>,
    held_in_flight: Vec<Held>,
    /// What is on its way; it is tried again if there was no space.
    in_flight: Option<Flight>,
    /// Entries that are said again with the next write.
    said_again: Vec<(GroupId, Range<Index>)>,
    /// Groups that were left: each segment says so.
    left: BTreeSet<GroupId>,
    /// Little of the journal counts: the segments up to this one are to go.
    emptying: Option<u64>,
    /// It found no space; once all of its answers are there it is stalled, and may be tried again.
    failed: bool,
    stalled: bool,
}

/// All groups of a node.
type AllGroups = BTreeMap<GroupId, Group>;

#[derive(Clone, Debug)]
enum Flight {
    Write(FileName, u64, Bytes),
    Begin(FileName, Bytes),
}

/// What is said again at once, in bytes.
const MOVE: u64 = 256 << 10;
/// More segments than these are joined where they are short: each boot begins one.
const MANY: u64 = 64;

pub(crate) fn journal_name(number: u64) -> FileName {
    format!("journal-{number}").into()
}

impl Journal {
    pub(crate) fn new(growth: u64, waits: bool) -> Journal {
        Journal {
            waits,
            growth,
            number: 0,
            length: 0,
            prior: 0,
            segments: Segments::default(),
            buffer: BytesMut::new(),
            recorded: Vec::new(),
            held: Vec::new(),
            held_in_flight: Vec::new(),
            in_flight: None,
            said_again: Vec::new(),
            left: BTreeSet::new(),
            emptying: None,
            failed: false,
            stalled: false,
        }
    }

    /// After a boot: these segments were there, the last of this number, of which so many bytes count; and these
    /// groups were left.
    pub(crate) fn begin(
        &mut self,
        number: u64,
        prior: u64,
        segments: Segments,
        left: BTreeSet<GroupId>,
    ) {
        (self.number, self.prior, self.segments, self.left) = (number, prior, segments, left);
    }

    /// Was this group left?
    pub(crate) fn has_left(&self, group: GroupId) -> bool {
        self.left.contains(&group)
    }

    /// Remembers that a group was left.
    pub(crate) fn record_left(&mut self, group: GroupId) {
        self.left.insert(group);
        self.recorded.retain(|(other, ..)| *other != group);
        self.said_again.retain(|(other, _)| *other != group);
        self.record(group, put_left);
    }

    /// It is durable that a group was left: nothing of it counts.
    pub(crate) fn forget(&mut self, group: GroupId) {
        self.segments.left(group);
    }

    /// Is something on its way to the disk, and not only waiting for space?
    pub(crate) fn is_busy(&self) -> bool {
        self.in_flight.is_some() && !self.stalled
    }

    /// Does it wait for space?
    pub(crate) fn is_stalled(&self) -> bool {
        self.stalled
    }

    /// Remembers what changed in a group: a snapshot first, on which the rest may rest.
    pub(crate) fn record_changes(&mut self, group: &Group, fx: &mut Effects) {
        let log = group.log();
        let compacted = fx.compacted.take().is_some();
        if compacted {
            self.record(group.id, |out| put_snapshot(out, log.snapshot()));
        }
        if std::mem::take(&mut fx.state) {
            self.record(group.id, |out| put_state(out, group.term(), group.voted_for()));
        }
        let restarted = std::mem::take(&mut fx.restarted);
        if compacted {
            let last = if restarted { log.before().0 } else { log.last_index() };
            if restarted {
                self.recorded.push((group.id, last + 1, false));
            }
            self.record(group.id, |out| put_base(out, log.before(), last));
        }
        if let Some(first) = fx.appended_from.take() {
            self.record(group.id, |out| put_entries(out, false, first, log.iter_from(first)));
            self.recorded.push((group.id, first, true));
        }
    }

    fn record(&mut self, group: GroupId, body: impl FnOnce(&mut BytesMut)) {
        put_record(&mut self.buffer, group, body);
    }

    /// Holds this back until all that was recorded is durable; gives it back if all is. What takes files away
    /// waits in any case: who is not to wait is whoever is told of something.
    pub(crate) fn hold(&mut self, held: Held) -> Option<Held> {
        let clean = self.buffer.is_empty() && self.in_flight.is_none();
        let tells = matches!(held, Held::Send(..) | Held::Persisted(..));
        if clean || tells && !self.waits {
            return Some(held);
        }
        match (self.held.last_mut(), &held) {
            // The later mark says all that the earlier one would.
            (Some(Held::Persisted(group, term, index)), Held::Persisted(other, newer, last))
                if (*group, *term) == (*other, *newer) =>
            {
                *index = *last;
            }
            _ => self.held.push(held),
        }
        None
    }

    /// What is durable of a group counts from here on.
    pub(crate) fn compacted(&mut self, group: &Group, base: Index) {
        self.segments.drop_up_to(group.id, base, group.log().last_index());
    }

    /// The segments that may go, in this order.
    pub(crate) fn dead(&mut self) -> Vec<FileName> {
        // A boot writes another one first, which says how much of the last counts.
        let current = if self.length == 0 { 0 } else { self.number };
        self.segments.take_dead(current).into_iter().map(journal_name).collect()
    }

    /// Gives the disk its next work. These are all groups, of which a new segment says what they remember.
    pub(crate) fn write_next<P: Embeds<Groups>>(
        &mut self,
        groups: &AllGroups,
        out: &mut Outputs<P>,
    ) {
        if self.in_flight.is_some() {
            return;
        }
        if let Some(last) = self.emptying {
            self.say_again(last, groups);
        }
        if self.buffer.is_empty() {
            return;
        }
        self.held_in_flight = std::mem::take(&mut self.held);
        let flight = if self.length == 0 || self.length > self.growth {
            self.begin_segment(groups)
        } else {
            let at = self.length;
            put_durable(&mut self.buffer, at);
            self.length += self.buffer.len() as u64;
            Flight::Write(journal_name(self.number), at, self.buffer.split().freeze())
        };
        self.segments.grown(self.number, self.length);
        for (group, range) in self.said_again.drain(..) {
            self.segments.moved(group, range, self.number);
        }
        for (group, first, has_entries) in self.recorded.drain(..) {
            self.segments.ended(group, first);
            if has_entries {
                self.segments.wrote(group, first, self.number);
            }
        }
        self.in_flight = Some(flight);
        self.send(out);
    }

    /// What is buffered comes after what all groups must remember.
    fn begin_segment(&mut self, groups: &AllGroups) -> Flight {
        let mut whole = BytesMut::with_capacity(self.buffer.len() + 128 * groups.len());
        put_begins(&mut whole, if self.length == 0 { self.prior } else { self.length });
        groups.values().for_each(|group| put_head(group, &mut whole));
        self.left.iter().for_each(|group| put_record(&mut whole, *group, put_left));
        let head = whole.len() as u64;
        whole.extend_from_slice(&self.buffer.split());
        let durable = whole.len() as u64;
        put_durable(&mut whole, durable);
        self.number += 1;
        self.length = whole.len() as u64;
        let counts: u64 = groups.values().map(|group| group.log().bytes()).sum();
        let (bytes, count) = (self.segments.bytes(), self.segments.count());
        let are_short = count > MANY && bytes < count * self.growth / 8;
        if are_short || bytes > 4 * counts + 8 * self.growth.max(head) {
            self.emptying = self.segments.oldest();
        }
        Flight::Begin(journal_name(self.number), whole.freeze())
    }

    /// Says again some of what the oldest segments have that counts, until none up to `last` has any.
    fn say_again(&mut self, last: u64, groups: &AllGroups) {
        let mut runs = self.segments.runs_before(self.number);
        if runs.first().is_none_or(|(segment, ..)| *segment > last) {
            self.emptying = None;
            self.held.push(Held::Moved);
            return;
        }
        let mut bytes = 0;
        runs.retain(|(_, group, _)| self.recorded.iter().all(|(other, ..)| other != group));
        for (_, id, range) in runs {
            let Some(group) = groups.get(&id) else { continue };
            let log = group.log();
            let (first, end) =
                (range.start.max(log.first_index()), range.end.min(log.last_index() + 1));
            let fits = |entry: &&Entry| {
                let fits = bytes < MOVE;
                bytes += entry.cost();
                fits
            };
            let most = end.saturating_sub(first) as usize;
            let entries: Vec<_> = log.iter_from(first).take(most).take_while(fits).collect();
            if entries.is_empty() && most == 0 {
                self.segments.forget(id, range.start);
            } else if !entries.is_empty() {
                self.said_again.push((id, first..first + entries.len() as u64));
                put_record(&mut self.buffer, id, |out| {
                    put_entries(out, true, first, entries.into_iter());
                });
            }
            if bytes >= MOVE {
                return;
            }
        }
    }

    fn send<P: Embeds<Groups>>(&mut self, out: &mut Outputs<P>) {
        (self.failed, self.stalled) = (false, false);
        match self.in_flight.clone() {
            Some(Flight::Write(file, offset, bytes)) => {
                let sync = DiskCommand::Sync { file: file.clone(), data_only: true };
                let write = DiskCommand::Write { file, offset, parts: bytes.into() };
                out.disk(write, P::op(JournalOp::Written));
                out.disk(sync, P::op(JournalOp::Synced));
            }
            Some(Flight::Begin(file, bytes)) => {
                let begin = DiskCommand::Replace { file, parts: bytes.into() };
                out.disk(begin, P::op(JournalOp::Begun));
            }
            None => {}
        }
    }

    /// A disk operation ended: what may leave now.
    ///
    /// # Errors
    /// If the device failed: nobody knows what is on it, and the node must halt. Where only space is
    /// lacking nothing is lost: all waits until [`Journal::retry`].
    pub(crate) fn done(
        &mut self,
        op: JournalOp,
        result: DiskResult,
    ) -> Result<Vec<Held>, DiskError> {
        match result {
            Err(DiskError::Full) => self.failed = true,
            Err(error) => return Err(error),
            Ok(_) => {}
        }
        // The sync of what was not written ends well; it is that sync's answer which ends the attempt.
        if op == JournalOp::Written {
            return Ok(Vec::new());
        }
        if self.failed {
            self.stalled = true;
            return Ok(Vec::new());
        }
        self.in_flight = None;
        let mut durable = std::mem::take(&mut self.held_in_flight);
        if self.buffer.is_empty() {
            durable.append(&mut self.held);
        }
        Ok(durable)
    }

    /// Tries again what found no space.
    pub(crate) fn retry<P: Embeds<Groups>>(&mut self, out: &mut Outputs<P>) {
        if self.stalled {
            self.send(out);
        }
    }
}

/// Everything that a group must remember, beside its entries.
fn put_head(group: &Group, head: &mut BytesMut) {
    if let Role::Blank(_) = group.role() {
        return;
    }
    let log = group.log();
    put_record(head, group.id, |out| put_state(out, group.term(), group.voted_for()));
    put_record(head, group.id, |out| put_snapshot(out, log.snapshot()));
    put_record(head, group.id, |out| put_base(out, log.before(), log.last_index()));
}

#[cfg(test)]
mod tests {
    use machine::DiskAnswer;

    use super::*;

    const DONE: DiskResult = Ok(DiskAnswer::Done);

    fn answer() -> Held {
        Held::Send(Member::default(), GroupId(0), Rpc::Hello)
    }

    /// Its file is there, and a record is on its way to it.
    fn writing() -> Journal {
        let mut journal = Journal::new(1 << 20, true);
        for before in [true, false] {
            journal.record(GroupId(0), |body| body.extend_from_slice(b"record"));
            journal.write_next::<Groups>(&BTreeMap::new(), &mut Outputs::default());
            if before {
                assert!(journal.done(JournalOp::Begun, DONE).unwrap().is_empty());
            }
        }
        journal
    }

    /// What is recorded is on its way then, and nothing is left that would be written next.
    #[test]
    fn what_is_held_back_while_the_disk_writes_leaves_when_it_has_written() {
        let mut journal = writing();
        assert!(journal.hold(answer()).is_none());
        assert!(journal.done(JournalOp::Written, DONE).unwrap().is_empty(), "it is not synced");
        assert_eq!(journal.done(JournalOp::Synced, DONE).unwrap().len(), 1);
        assert!(journal.hold(answer()).is_some(), "all is durable");
    }

    /// Else a power cut took what a later segment counts on, or a file that a record still names, and the node
    /// would refuse to boot, which is no fault of who did not wait.
    #[test]
    fn without_waiting_all_is_synced_all_the_same_and_nothing_goes_before_it_is() {
        let mut journal = Journal { waits: false, ..writing() };
        assert!(journal.hold(answer()).is_some());
        assert!(journal.hold(Held::Compacted(GroupId(0), 7, None)).is_none());
        assert!(journal.hold(Held::Moved).is_none());
        assert!(journal.done(JournalOp::Written, DONE).unwrap().is_empty());
        assert_eq!(journal.done(JournalOp::Synced, DONE).unwrap().len(), 2);
        journal.record(GroupId(0), |body| body.extend_from_slice(b"record"));
        let mut out: Outputs<Groups> = Outputs::default();
        journal.write_next(&BTreeMap::new(), &mut out);
        let syncs = |output: &machine::Output<Groups>| match output {
            machine::Output::Disk { command, .. } => matches!(**command, DiskCommand::Sync { .. }),
            _ => false,
        };
        assert_eq!(out.iter().filter(|output| syncs(output)).count(), 1);
    }

    #[test]
    fn a_device_that_failed_is_not_believed_again() {
        for error in [DiskError::Failed, DiskError::NotFound] {
            for op in [JournalOp::Written, JournalOp::Synced, JournalOp::Begun] {
                let mut journal = writing();
                assert!(journal.hold(answer()).is_none());
                assert_eq!(journal.done(op, Err(error)).err(), Some(error), "{op:?}");
            }
        }
    }
}
