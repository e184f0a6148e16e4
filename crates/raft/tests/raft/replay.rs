//! What a node remembers: whatever its journal went through, in whatever order its disk did what it was asked,
//! and wherever it was cut off, it boots with a log that it had, and no earlier one than it has told anybody
//! of; and so it is with its votes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use machine::{
    DiskId, Generation, Input, Machine, NodeId, Now, Output, Outputs, Random, Time, Wall,
};
use proptest::prelude::*;
use raft::{
    AppendEntries, Appended, Configuration, Entry, Envelope, GroupId, GroupsTimer, Index,
    InstallSnapshot, Payload, RequestVote, Rpc, Term, Tuning,
};
use rand::SeedableRng;

use crate::layers::LayeredDisk;
use crate::lists::{Keeper, Lists, Word, item};

const LEADER: NodeId = NodeId(1);
const GROUPS: u32 = 3;
const MS: Duration = Duration::from_millis(1);

/// A log: up to where a snapshot stands for it, and the terms after that.
type Version = (Index, Vec<Term>);

/// A group as its leaders have it, and what the follower was seen with.
#[derive(Clone, Default)]
struct Story {
    term: Term,
    /// Of all entries.
    terms: Vec<Term>,
    committed: Index,
    versions: Vec<Version>,
    /// The newest version of which somebody was told.
    told: Option<usize>,
    /// The newest term in which it gave its vote.
    voted: Term,
}

/// A follower of leaders that come and go, and its disk.
struct Follower {
    keeper: Keeper,
    disk: LayeredDisk,
    random: Random,
    time: Time,
    timers: Vec<(Time, GroupsTimer)>,
    stories: BTreeMap<u32, Story>,
}

/// It never campaigns: its leaders are well.
fn tuning() -> Tuning {
    let election_timeout = Duration::from_secs(3_600);
    let (keep_entries, journal_growth, snapshot_chunk) = (2, 300, 40);
    Tuning { election_timeout, keep_entries, journal_growth, snapshot_chunk, ..Tuning::default() }
}

impl Follower {
    fn boot(disk: LayeredDisk, stories: BTreeMap<u32, Story>, time: Time) -> Follower {
        let members = vec![NodeId(0), LEADER, NodeId(2)];
        let keeper = Keeper::new(NodeId(0), members, GROUPS, tuning());
        let random = Random::seed_from_u64(1);
        let mut follower = Follower { keeper, disk, random, time, timers: Vec::new(), stories };
        follower.hand(Input::Start { disk: DiskId(7) });
        follower.disk_ends_all();
        if follower.keeper.group(0).is_none() {
            // It waits for space.
            let full = follower.disk.set_full(false);
            (0..2).for_each(|_| follower.passes(1_000 * MS));
            follower.disk_ends_all();
            follower.disk.set_full(full);
        }
        follower
    }

    fn hand(&mut self, input: Input<Lists>) {
        let (time, wall, generation) = (self.time, Wall(0), Generation::default());
        let mut now = Now { time, wall, generation, random: &mut self.random };
        let mut out = Outputs::default();
        self.keeper.handle(&mut now, input, &mut out);
        for (group, story) in &mut self.stories {
            let version = version(&self.keeper, *group);
            if story.versions.last() != version.as_ref() {
                story.versions.extend(version);
            }
        }
        for output in out.drain() {
            match output {
                Output::Disk { command, op } => self.disk.ask(*command, op),
                Output::Send { message: Word::Raft(envelope), .. } => self.said(&envelope),
                Output::SetTimer { timer, after } => {
                    self.timers.retain(|(_, other)| *other != timer);
                    self.timers.push((self.time + after, timer));
                }
                Output::Halt { why } => panic!("{why}"),
                _ => {}
            }
        }
    }

    /// All that it has now may be relied on by whoever hears this, if it is about its newest log.
    fn said(&mut self, envelope: &Envelope) {
        for (group, rpc) in &envelope.rpcs {
            let Some(story) = self.stories.get_mut(&group.0) else { continue };
            let last = story.terms.len() as Index;
            match rpc {
                Rpc::Appended { term, outcome: Appended::Matches(index), .. }
                    if *term == story.term && *index == last =>
                {
                    // It is told of the entries, whether a snapshot stands for some or not.
                    let has_all = |(snapshot, terms): &Version| {
                        story.terms[*snapshot as usize..] == terms[..]
                    };
                    let told = story.versions.iter().position(has_all);
                    story.told = Some(told.expect("it says that it has what it never had"));
                }
                Rpc::Vote { term, pre: false, granted: true } => story.voted = *term,
                _ => {}
            }
        }
    }

    fn hear(&mut self, group: u32, rpc: Rpc) {
        let rpcs = vec![(GroupId(group), rpc)];
        let message = Word::Raft(Envelope { from: DiskId(8), to: None, rpcs });
        self.hand(Input::Message { from: LEADER, message });
    }

    /// One of the operations ends that may; false if there is none.
    fn disk_ends(&mut self, choice: usize) -> bool {
        let Some((op, result)) = self.disk.end_one(choice) else { return false };
        self.hand(Input::Disk { op, result });
        true
    }

    fn disk_ends_all(&mut self) {
        while self.disk_ends(0) {}
    }

    fn passes(&mut self, time: Duration) {
        self.time = self.time + time;
        let due = self.timers.extract_if(.., |(due, _)| *due <= self.time);
        for (_, timer) in due.collect::<Vec<_>>() {
            self.hand(Input::Timer(timer));
        }
    }

    /// It goes down now, and comes back. What it boots with it had.
    fn goes_down(&self, power: bool, bytes: usize, others: bool) -> Follower {
        let disk = self.disk.after(power, bytes, others);
        let mut booted = Follower::boot(disk, BTreeMap::new(), self.time);
        for (group, story) in &self.stories {
            let (found, mut story) = (version(&booted.keeper, *group), story.clone());
            let begin = story.told.unwrap_or(0);
            let same = |version: &Version| Some(version) == found.as_ref();
            let at = story.versions[begin.min(story.versions.len())..].iter().rposition(same);
            let blank = found.is_none() && story.told.is_none();
            assert!(
                at.is_some() || blank,
                "group {group} boots with {found:?}; it had {:?}",
                &story.versions[begin..]
            );
            let restored = found.map_or(0, |(snapshot, _)| snapshot);
            let items: Vec<Bytes> = (1..=restored).map(item).collect();
            assert_eq!(booted.keeper.lists[*group as usize], items, "the list of group {group}");
            if story.voted > 0 {
                let it = booted.keeper.group(*group).unwrap();
                let has_voted = it.term() > story.voted || it.voted_for().is_some();
                assert!(it.term() >= story.voted && has_voted, "group {group} forgot its vote");
            }
            story.versions.truncate(at.map_or(0, |at| begin + at + 1));
            booted.stories.insert(*group, story);
        }
        booted
    }

    /// Wherever it is cut off, between records or in the middle of one.
    fn check_boots(&self, torn: usize) {
        for power in [false, true] {
            let mut cuts = self.disk.cuts(power);
            cuts.push(torn);
            for cut in cuts {
                self.goes_down(power, cut, torn.is_multiple_of(2));
            }
        }
    }

    /// A leader sends entries from this place on: what it has, and some more. Those that contradict it go.
    fn append(&mut self, group: u32, after: u64, count: u64, commit: u64) {
        let has =
            version(&self.keeper, group).map_or(0, |(before, terms)| before + terms.len() as u64);
        let story = self.stories.get_mut(&group).unwrap();
        let last = story.terms.len() as Index;
        // It was told by the follower where its log ends.
        let first = story.committed.min(has);
        let after = first + after % (last.min(has) - first + 1);
        if count > 0 && after >= story.committed && after < last {
            story.term += 1;
            story.terms.truncate(after as usize);
        }
        story.term = story.term.max(1);
        story.terms.extend((0..count).map(|_| story.term));
        let prev_term = after.checked_sub(1).map_or(0, |before| story.terms[before as usize]);
        let entries = (after + 1..).zip(&story.terms[after as usize..]);
        let entries =
            entries.map(|(index, &term)| Entry { term, payload: Payload::Command(item(index)) });
        let entries: Vec<Entry> = entries.collect();
        let last = story.terms.len() as Index;
        story.committed += commit % (last - story.committed + 1);
        let append = AppendEntries {
            term: story.term,
            round: 0,
            prev_index: after,
            prev_term,
            entries,
            leader_commit: story.committed,
        };
        self.hear(group, Rpc::AppendEntries(append));
    }

    /// A leader of a later term has gone on, and sends its state.
    fn install(&mut self, group: u32, more: u64) {
        let story = self.stories.get_mut(&group).unwrap();
        story.term += 1;
        story.terms.truncate(story.committed as usize);
        (0..more).for_each(|_| story.terms.push(story.term));
        story.committed = story.terms.len() as Index;
        let (term, last_index) = (story.term, story.committed);
        let items: Vec<Bytes> = (1..=last_index).rev().map(item).collect();
        let state = items.concat();
        let crc = crc32fast::hash(&state);
        for (at, piece) in state.chunks(40).enumerate() {
            let offset = at as u64 * 40;
            let part = InstallSnapshot {
                term,
                round: 0,
                last_index,
                last_term: term,
                configuration: Arc::new(Configuration::default()),
                crc,
                offset,
                bytes: Bytes::copy_from_slice(piece),
                done: offset as usize + piece.len() == state.len(),
            };
            self.hear(group, Rpc::InstallSnapshot(part));
            self.disk_ends_all();
        }
    }

    /// It is asked for its vote, by one who has more.
    fn vote(&mut self, group: u32) {
        let story = self.stories.get_mut(&group).unwrap();
        story.term += 1;
        let (term, pre, transfer, last_index, last_term) =
            (story.term, false, true, 1 << 40, 1 << 40);
        let request = RequestVote { term, pre, transfer, last_index, last_term };
        self.hear(group, Rpc::RequestVote(request));
    }
}

fn version(keeper: &Keeper, group: u32) -> Option<Version> {
    let group = keeper.group(group).filter(|group| group.role_name() != "blank")?;
    let (log, snapshot) = (group.log(), group.log().snapshot().last_index);
    let terms = (snapshot + 1..=log.last_index()).map(|index| log.term_at(index).unwrap());
    Some((snapshot, terms.collect()))
}

#[derive(Clone, Debug)]
enum Step {
    Append {
        group: u32,
        after: u64,
        count: u64,
        commit: u64,
    },
    Compact(u32),
    Install {
        group: u32,
        more: u64,
    },
    Vote(u32),
    /// One of the operations ends that may.
    Disk(usize),
    Full(bool),
    Passes(u32),
    GoesDown {
        power: bool,
        others: bool,
    },
}

fn step() -> impl Strategy<Value = Step> {
    // The first group is busy; the others rest, and so what they have is said again.
    let group = prop_oneof![8 => Just(0), 1 => Just(1), 1 => Just(2)];
    prop_oneof![
        8 => (group.clone(), 0..8_u64, 0..5_u64, 0..8_u64)
            .prop_map(|(group, after, count, commit)| Step::Append { group, after, count, commit }),
        2 => group.clone().prop_map(Step::Compact),
        1 => (group.clone(), 1..9_u64).prop_map(|(group, more)| Step::Install { group, more }),
        1 => group.prop_map(Step::Vote),
        16 => (0..4_usize).prop_map(Step::Disk),
        1 => any::<bool>().prop_map(Step::Full),
        2 => (1..30_u32).prop_map(Step::Passes),
        1 => (any::<bool>(), any::<bool>())
            .prop_map(|(power, others)| Step::GoesDown { power, others }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn it_boots_with_a_log_that_it_had(
        steps in prop::collection::vec((step(), 0..400_usize), 1..150),
    ) {
        let stories = (0..GROUPS).map(|group| (group, Story::default())).collect();
        let mut follower = Follower::boot(LayeredDisk::new(), stories, Time(0));
        // Blank ones are founded by whoever leads.
        for group in 0..GROUPS {
            follower.append(group, 0, 1, 0);
            follower.disk_ends_all();
        }
        for (step, torn) in steps {
            match step {
                Step::Append { group, after, count, commit } => {
                    follower.append(group, after, count, commit);
                }
                Step::Compact(group) => {
                    let message = Word::Compact(GroupId(group));
                    follower.hand(Input::Message { from: NodeId(9), message });
                }
                Step::Install { group, more } => {
                    follower.disk_ends_all();
                    follower.install(group, more);
                }
                Step::Vote(group) => follower.vote(group),
                Step::Disk(choice) => drop(follower.disk_ends(choice)),
                Step::Full(full) => drop(follower.disk.set_full(full)),
                Step::Passes(time) => follower.passes(time * MS),
                Step::GoesDown { power, others } => {
                    follower = follower.goes_down(power, torn, others);
                }
            }
            follower.check_boots(torn);
        }
        follower.disk.set_full(false);
        follower.passes(3_600_000 * MS);
        follower.disk_ends_all();
        follower.check_boots(0);
    }
}

/// Nothing else happens meanwhile: the node sets a timer for it.
#[test]
fn a_piece_waits_for_a_journal_that_is_busy_and_not_for_long() {
    let stories = BTreeMap::from([(0, Story::default())]);
    let mut follower = Follower::boot(LayeredDisk::new(), stories, Time(0));
    follower.append(0, 0, 3, 3);
    follower.disk_ends_all();
    follower.append(0, 3, 1, 1);
    let message = Word::Compact(GroupId(0));
    follower.hand(Input::Message { from: NodeId(9), message });
    follower.passes(9 * MS);
    assert!(!follower.disk.is_asked_for("snapshot"));
    follower.passes(MS);
    assert!(follower.disk.is_asked_for("snapshot"));
}
