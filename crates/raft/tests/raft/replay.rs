//! What a node remembers: whatever its journal went through, and wherever it was cut off, it boots with a log
//! that it had, and no earlier one than it has told anybody of.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use machine::{
    DiskCommand, DiskId, Generation, Input, Machine, MemoryDisk, NodeId, Now, Output, Outputs,
    Random, Time, Wall,
};
use proptest::prelude::*;
use raft::{
    AppendEntries, Appended, Configuration, Entry, Envelope, GroupId, Index, InstallSnapshot,
    JournalOp, Payload, Rpc, Term, Tuning,
};
use rand::SeedableRng;

use crate::lists::{Keeper, Lists, Word, item};

const LEADER: NodeId = NodeId(1);
const GROUPS: u32 = 3;

/// A log: up to where a snapshot stands for it, and the terms after that.
type Version = (Index, Vec<Term>);

/// A group as its leaders have it, and what the follower was seen with.
#[derive(Default)]
struct Story {
    term: Term,
    /// Of all entries.
    terms: Vec<Term>,
    committed: Index,
    versions: Vec<Version>,
    /// The newest version of which somebody was told.
    told: usize,
}

/// A follower of leaders that come and go, and its disk.
struct Follower {
    keeper: Keeper,
    disk: MemoryDisk,
    asked: Vec<(DiskCommand, JournalOp)>,
    random: Random,
    stories: BTreeMap<u32, Story>,
}

fn tuning() -> Tuning {
    Tuning { keep_entries: 2, journal_growth: 300, snapshot_chunk: 40, ..Tuning::default() }
}

fn keeper() -> Keeper {
    Keeper::new(NodeId(0), vec![NodeId(0), LEADER, NodeId(2)], GROUPS, tuning())
}

impl Follower {
    fn new() -> Follower {
        let stories = (0..GROUPS).map(|group| (group, Story::default())).collect();
        let (disk, random) = (MemoryDisk::default(), Random::seed_from_u64(1));
        let mut follower = Follower { keeper: keeper(), disk, asked: Vec::new(), random, stories };
        follower.hand(Input::Start { disk: DiskId(7) });
        follower.disk_ends_all();
        follower
    }

    fn hand(&mut self, input: Input<Lists>) {
        let (time, wall, generation) = (Time(0), Wall(0), Generation::default());
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
                Output::Disk { command, op } => self.asked.push((*command, op)),
                Output::Send { message: Word::Raft(envelope), .. } => self.said(&envelope),
                Output::Halt { why } => panic!("{why}"),
                _ => {}
            }
        }
    }

    /// All that it has now may be relied on by whoever hears this, if it is about its newest log.
    fn said(&mut self, envelope: &Envelope) {
        for (group, rpc) in &envelope.rpcs {
            let story = self.stories.get_mut(&group.0).unwrap();
            let last = story.terms.len() as Index;
            let newest = match rpc {
                Rpc::Appended { term, outcome: Appended::Matches(index), .. } => {
                    *term == story.term && *index == last
                }
                _ => false,
            };
            if newest {
                // It is told of the entries, whether a snapshot stands for some or not.
                let has_all =
                    |(snapshot, terms): &Version| story.terms[*snapshot as usize..] == terms[..];
                story.told = story.versions.iter().position(has_all).unwrap_or(story.told);
            }
        }
    }

    fn hear(&mut self, group: u32, rpc: Rpc) {
        let rpcs = vec![(GroupId(group), rpc)];
        let message = Word::Raft(Envelope { from: DiskId(8), to: None, rpcs });
        self.hand(Input::Message { from: LEADER, message });
    }

    /// The first operation ends.
    fn disk_ends(&mut self) {
        if self.asked.is_empty() {
            return;
        }
        let (command, op) = self.asked.remove(0);
        let result = self.disk.perform(command);
        self.hand(Input::Disk { op, result });
    }

    fn disk_ends_all(&mut self) {
        while !self.asked.is_empty() {
            self.disk_ends();
        }
    }

    /// It is cut off now, and of the write that is on its way so much is on the disk. What does it boot with?
    fn check_boot(&mut self, torn: usize) {
        let mut disk = self.disk.clone();
        if let Some((DiskCommand::Write { file, offset, parts }, _)) = self.asked.first() {
            let (file, parts) = (file.clone(), parts.prefix(torn.min(parts.len())));
            let _ = disk.perform(DiskCommand::Write { file, offset: *offset, parts });
        }
        let mut booted = Follower {
            keeper: keeper(),
            disk,
            asked: Vec::new(),
            random: Random::seed_from_u64(2),
            stories: BTreeMap::new(),
        };
        booted.hand(Input::Start { disk: DiskId(7) });
        booted.disk_ends_all();
        for (group, story) in &self.stories {
            let found = version(&booted.keeper, *group);
            let may_be = &story.versions[story.told.min(story.versions.len())..];
            let blank = story.told == 0;
            assert!(
                found.as_ref().is_some_and(|found| may_be.contains(found))
                    || blank && found.is_none(),
                "group {group} boots with {found:?}; it had {may_be:?}"
            );
            let restored = found.map_or(0, |(snapshot, _)| snapshot);
            let items: Vec<Bytes> = (1..=restored).map(item).collect();
            assert_eq!(booted.keeper.lists[*group as usize], items, "the list of group {group}");
        }
    }

    /// A leader sends entries after this place; those that contradict it go.
    fn append(&mut self, group: u32, after: u64, count: u64, commit: u64) {
        let story = self.stories.get_mut(&group).unwrap();
        let last = story.terms.len() as Index;
        let after = story.committed + after % (last - story.committed + 1);
        if after < last {
            story.term += 1;
            story.terms.truncate(after as usize);
        }
        story.term = story.term.max(1);
        let prev_term = after.checked_sub(1).map_or(0, |before| story.terms[before as usize]);
        let entries = (after + 1..=after + count)
            .map(|index| Entry { term: story.term, payload: Payload::Command(item(index)) });
        let entries: Vec<Entry> = entries.collect();
        story.terms.extend(entries.iter().map(|entry| entry.term));
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
}

fn version(keeper: &Keeper, group: u32) -> Option<Version> {
    let group = keeper.group(group).filter(|group| group.role_name() != "blank")?;
    let (log, snapshot) = (group.log(), group.log().snapshot().last_index);
    let terms = (snapshot + 1..=log.last_index()).map(|index| log.term_at(index).unwrap());
    Some((snapshot, terms.collect()))
}

#[derive(Clone, Debug)]
enum Step {
    Append { group: u32, after: u64, count: u64, commit: u64 },
    Compact(u32),
    Install { group: u32, more: u64 },
    Disk,
}

fn step() -> impl Strategy<Value = Step> {
    // The first group is busy; the others rest, and so what they have is said again.
    let group = prop_oneof![8 => Just(0), 1 => Just(1), 1 => Just(2)];
    prop_oneof![
        8 => (group.clone(), 0..8_u64, 1..5_u64, 0..8_u64)
            .prop_map(|(group, after, count, commit)| Step::Append { group, after, count, commit }),
        2 => group.clone().prop_map(Step::Compact),
        1 => (group, 1..9_u64).prop_map(|(group, more)| Step::Install { group, more }),
        12 => Just(Step::Disk),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn it_boots_with_a_log_that_it_had(
        steps in prop::collection::vec((step(), 0..400_usize), 1..150),
    ) {
        let mut follower = Follower::new();
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
                Step::Disk => follower.disk_ends(),
            }
            follower.check_boot(torn);
        }
        follower.disk_ends_all();
        follower.check_boot(0);
    }
}
