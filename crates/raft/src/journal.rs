//! Persist, then reply: what all groups of a node must remember, in one journal.
//!
//! The law: what is held back leaves only when everything that was recorded before it is durable. The appender
//! ([`journal::Appender`]) sees to it: what comes while the disk is busy leaves with the next write, so a slow
//! disk costs latency, not throughput; and a thousand groups share one sync.
//!
//! The files: segments, `journal-N`, in the order of their numbers. Each begins with what every group must
//! remember but its entries, so that the oldest may go when no entry in it counts any more (`segments.rs`). Where
//! little of all segments counts, what the oldest has is said again at the end: a group that rests pins nothing.

mod segments;

use std::collections::{BTreeMap, BTreeSet};

use bytes::{Bytes, BytesMut};
use journal::{Appender, Bound, Event, JournalOp, JournalTimer, Until};
use machine::{DiskId, DiskResult, FileName, Outputs, Switches};

use crate::effects::Effects;
use crate::group::{Group, Role};
use crate::log::Log;
use crate::mechanism::Mechanism;
use crate::member::Member;
use crate::record::{
    Record, Records, put_base, put_durable, put_entries, put_left, put_lost, put_record,
    put_snapshot, put_state,
};
use crate::rpc::{Entry, GroupId, Index, Rpc, Term};
use crate::words::Owner;
use segments::Segments;

/// The family of its files on a disk, for good, and how their names begin.
const FAMILY: (u32, &str) = (3, "journal");
/// What is said again at once, in bytes.
const MOVE: u64 = 256 << 10;
/// More segments than these are joined where they are short: each boot begins one.
const MANY: u64 = 64;

/// What waits for the disk.
#[derive(Clone, Debug)]
pub(crate) enum Held {
    /// A message.
    Send(Member, GroupId, Rpc),
    /// A member that wants to know that what it recorded up to here is durable.
    Persisted(GroupId, Term, Index),
    /// The file of a snapshot that counts no more.
    Replaced(GroupId, u64),
    /// No segment before this one counts.
    Outdated(u64),
}

impl Held {
    /// Need nobody be told of that, if this is told next?
    pub(crate) fn says_all_of(&self, other: &Held) -> bool {
        match (self, other) {
            (Held::Persisted(group, term, _), Held::Persisted(of, in_term, _)) => {
                (group, term) == (of, in_term)
            }
            _ => false,
        }
    }
}

/// The journal of a node.
#[derive(Clone, Debug)]
pub(crate) struct Journal {
    /// Nothing leaves before it is synced: the mechanism `persist-before-reply`.
    waits: bool,
    /// A segment that is so long is followed by another.
    growth: u64,
    bound: Bound,
    /// What an input has to wait for is held together.
    log: Appender<Records, Vec<Held>>,
    segments: Segments,
    /// The records of this input, and what waits for them.
    recorded: BytesMut,
    held: Vec<Held>,
    /// Groups that were left: each segment says so.
    left: BTreeSet<GroupId>,
    /// Little of the journal counts: the segments up to this one are to go.
    emptying: Option<u64>,
    /// Some of what they have was said again, and is not durable yet.
    moves: bool,
}

/// All groups of a node.
type AllGroups = BTreeMap<GroupId, Group>;

impl Journal {
    pub(crate) fn new(growth: u64, switches: Switches) -> Journal {
        Journal {
            waits: Mechanism::PersistBeforeReply.on(switches),
            growth,
            bound: Bound::new(Mechanism::DurableBound.on(switches)),
            log: Appender::new(Records, FAMILY, true),
            segments: Segments::default(),
            recorded: BytesMut::new(),
            held: Vec::new(),
            left: BTreeSet::new(),
            emptying: None,
            moves: false,
        }
    }

    /// The files with which its disk begins.
    pub(crate) fn first_files() -> Vec<(FileName, Bytes)> {
        vec![Bound::first_file()]
    }

    pub(crate) fn name(&self, segment: u64) -> FileName {
        self.log.name(segment)
    }

    /// The node booted: what the journal has comes as events.
    pub(crate) fn start<P: Owner>(&mut self, disk: DiskId, out: &mut Outputs<P>) {
        self.bound.start(disk, out);
    }

    /// At boot: reads these segments.
    pub(crate) fn read<P: Owner>(&mut self, segments: Vec<u64>, out: &mut Outputs<P>) {
        segments.into_iter().for_each(|segment| self.log.read(segment, out));
    }

    /// At boot: a segment has this record.
    pub(crate) fn replayed(&mut self, segment: u64, group: GroupId, record: &Record) {
        match record {
            Record::Left => {
                self.left.insert(group);
                self.segments.left(group);
            }
            Record::Base { last, .. } => self.segments.ended(group, last + 1),
            Record::Entries { first_index, .. } => {
                self.segments.wrote(group, *first_index, segment);
            }
            Record::Kept { first_index, entries } => {
                let end = first_index + entries.len() as u64;
                self.segments.moved(group, *first_index..end, segment);
            }
            Record::State { .. } | Record::Snapshot(_) => {}
            Record::Durable { .. } | Record::Lost { .. } => {}
        }
    }

    /// At boot: with all records this is the log of a group.
    pub(crate) fn recovered(&mut self, group: GroupId, log: &Log) {
        self.segments.ended(group, log.last_index() + 1);
        self.segments.drop_up_to(group, log.before().0, log.last_index());
    }

    /// All was read.
    ///
    /// # Errors
    /// If the disk has files of a program that this one does not know.
    pub(crate) fn booted<P: Owner>(&mut self, out: &mut Outputs<P>) -> Result<(), String> {
        self.bound.booted(out)
    }

    /// A disk operation ended: [`Journal::next_event`] says what comes of it.
    ///
    /// # Errors
    /// Why the node must halt.
    pub(crate) fn ended<P: Owner>(
        &mut self,
        op: JournalOp,
        result: DiskResult,
        out: &mut Outputs<P>,
    ) -> Result<(), String> {
        match op {
            JournalOp::Bound(op) => self.bound.ended(op, result, out)?,
            JournalOp::Log { step, .. } => self.log.ended(step, result, &mut self.bound, out),
        }
        self.log.go_on(&mut self.bound, out);
        Ok(())
    }

    /// A timer fired.
    pub(crate) fn timer<P: Owner>(&mut self, timer: JournalTimer, out: &mut Outputs<P>) {
        match timer {
            JournalTimer::Bound => self.bound.timer(out),
            JournalTimer::Retry(_) => self.log.timer(out),
        }
    }

    /// What the disk had to say.
    pub(crate) fn next_event(&mut self) -> Option<Event<Vec<Held>>> {
        self.log.next_event()
    }

    /// Is something on its way to the disk, and not only waiting for space?
    pub(crate) fn is_busy(&self) -> bool {
        self.log.is_busy()
    }

    /// For a clean stop: makes the bound exact, once all is written.
    pub(crate) fn settle<P: Owner>(&mut self, out: &mut Outputs<P>) {
        if self.log.is_idle() {
            self.bound.settle(out);
        }
    }

    /// Is all written, and the bound exact?
    pub(crate) fn is_settled(&self) -> bool {
        self.log.is_idle() && self.bound.is_settled()
    }

    /// Was this group left?
    pub(crate) fn has_left(&self, group: GroupId) -> bool {
        self.left.contains(&group)
    }

    /// Remembers that a group was left: nothing of it counts.
    pub(crate) fn record_left(&mut self, group: &Group) {
        self.left.insert(group.id);
        self.record(group.id, put_left);
        self.segments.left(group.id);
        self.outdated(
            group.log().snapshot().file.map(|file| Held::Replaced(group.id, file.number)),
        );
    }

    /// Remembers that the disk has lost entries of a group.
    pub(crate) fn record_lost(&mut self, group: GroupId, (first, last): (Index, Index)) {
        self.record(group, |out| put_lost(out, first, last));
    }

    /// Remembers what changed in a group: a snapshot first, on which the rest may rest.
    pub(crate) fn record_changes(&mut self, group: &Group, fx: &mut Effects) {
        let (log, compacted) = (group.log(), fx.compacted.take());
        if compacted.is_some() {
            self.record(group.id, |out| put_snapshot(out, log.snapshot()));
        }
        if std::mem::take(&mut fx.state) {
            self.record(group.id, |out| put_state(out, group.term(), group.voted_for()));
        }
        let restarted = std::mem::take(&mut fx.restarted);
        if let Some(old) = compacted {
            let (base, last) = (log.before().0, log.last_index());
            let last = if restarted { base } else { last };
            self.record(group.id, |out| put_base(out, log.before(), last));
            self.segments.ended(group.id, last + 1);
            self.segments.drop_up_to(group.id, base, last);
            self.outdated(old.file.map(|file| Held::Replaced(group.id, file.number)));
        }
        if let Some(first) = fx.appended_from.take() {
            self.record(group.id, |out| put_entries(out, false, first, log.iter_from(first)));
            self.segments.wrote(group.id, first, self.segment());
        }
    }

    fn record(&mut self, group: GroupId, body: impl FnOnce(&mut BytesMut)) {
        put_record(&mut self.recorded, group, body);
    }

    /// This file, and some segments, may count no more since what was just recorded. They go when that is durable,
    /// whether anybody waits for the disk or not.
    fn outdated(&mut self, replaced: Option<Held>) {
        let current = self.segment();
        let first = self.segments.first().unwrap_or(current).min(current);
        self.held.extend(replaced.into_iter().chain([Held::Outdated(first)]));
    }

    /// The segment of what is recorded now.
    fn segment(&self) -> u64 {
        let end = self.log.end();
        if end.offset > self.growth { end.file + 1 } else { end.file }
    }

    /// Holds this back until all that was recorded is durable; gives it back if all is, or if nobody waits for that.
    pub(crate) fn hold(&mut self, held: Held) -> Option<Held> {
        if !self.waits {
            return Some(held);
        }
        if self.recorded.is_empty() {
            return self.log.hold(vec![held])?.pop();
        }
        self.held.push(held);
        None
    }

    /// It is durable that no segment before this one counts.
    pub(crate) fn delete_before(&mut self, first: u64) {
        self.moves = false;
        let outdated = self.log.files().range(..first).map(|(file, _)| *file);
        self.log.delete(outdated.collect::<Vec<_>>());
    }

    /// Ends an input: appends what was recorded in it. These are all groups, of which a new segment says what they
    /// remember.
    pub(crate) fn append(&mut self, groups: &AllGroups) {
        self.say_again(groups);
        if self.recorded.is_empty() && self.held.is_empty() {
            return;
        }
        if self.log.end().offset == 0 || self.log.end().offset > self.growth {
            self.begin_segment(groups);
        }
        let (end, synced) = (self.log.end(), self.log.synced());
        put_durable(&mut self.recorded, if synced.file == end.file { synced.offset } else { 0 });
        let held = std::mem::take(&mut self.held);
        self.log.append(self.recorded.split(), Some((held, Until::Synced)));
    }

    /// Gives the disk its next work.
    pub(crate) fn go_on<P: Owner>(&mut self, out: &mut Outputs<P>) {
        self.log.go_on(&mut self.bound, out);
    }

    /// What is recorded begins a segment. What all groups must remember with it follows at once, and not before: of
    /// a write that a crash tears each beginning is true.
    fn begin_segment(&mut self, groups: &AllGroups) {
        self.log.roll();
        let before = self.recorded.len();
        groups.values().for_each(|group| put_head(group, &mut self.recorded));
        self.left.iter().for_each(|group| put_record(&mut self.recorded, *group, put_left));
        let head = (self.recorded.len() - before) as u64;
        let (files, least) = (self.log.files(), self.growth.max(head));
        let (count, bytes) = (files.len() as u64, files.values().sum::<u64>());
        let counts: u64 = groups.values().map(|group| group.log().bytes()).sum();
        let are_short = count > MANY && bytes < count * self.growth / 8;
        if are_short || bytes > 4 * counts + 8 * least {
            self.emptying = files.first_key_value().map(|(oldest, _)| *oldest);
        }
    }

    /// Says again some of what the segments that are to go have that counts.
    fn say_again(&mut self, groups: &AllGroups) {
        let Some(last) = self.emptying.filter(|_| !self.moves) else { return };
        let (mut bytes, runs) = (0, self.segments.runs_up_to(last));
        if runs.is_empty() {
            self.emptying = None;
            return;
        }
        for (id, range) in runs {
            let (first, entries) = groups.get(&id).map_or((0, Vec::new()), |group| {
                let log = group.log();
                let first = range.start.max(log.first_index());
                let most = range.end.min(log.last_index() + 1).saturating_sub(first);
                (first, log.iter_from(first).take(most as usize).collect())
            });
            if entries.is_empty() {
                self.segments.forget(id, range.start);
                continue;
            }
            let fits = |entry: &&Entry| {
                let fits = bytes < MOVE;
                bytes += entry.cost();
                fits
            };
            let said: Vec<&Entry> = entries.into_iter().take_while(fits).collect();
            let end = first + said.len() as u64;
            if first < end {
                self.record(id, |out| put_entries(out, true, first, said.into_iter()));
                self.segments.moved(id, first..end, self.segment());
            }
        }
        self.moves = true;
        self.outdated(None);
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
