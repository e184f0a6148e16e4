//! Beats: one heartbeat of a node stands for all groups that rest under it.
//!
//! The leader's node sends one to each node with followers of such groups, and says when the next one comes:
//! as long as the two have anything else to say to each other after a heartbeat's time, and else later and
//! later, up to ten seconds. Who hears nothing for two and a half times as long wakes the groups that it
//! follows there, and each waits for its leader by itself, between one and two election timeouts. So does
//! whoever is told that the link broke.

use std::collections::BTreeMap;
use std::time::Duration;

use machine::{NodeId, Now, Time, nanos};

use super::Groups;
use crate::group::Resting;
use crate::mechanism::Mechanism;
use crate::member::{ANY_DISK, Member};
use crate::rpc::{GroupId, Rpc};

/// Beats are no further apart.
const LONGEST: Duration = Duration::from_secs(10);

/// Who rests, and what is agreed with each node about it.
#[derive(Clone, Debug, Default)]
pub(super) struct Beats {
    resting: BTreeMap<GroupId, Resting>,
    pairs: BTreeMap<NodeId, Pair>,
}

#[derive(Clone, Debug, Default)]
struct Pair {
    /// So many groups that are led here rest there.
    led: u32,
    /// The next beat leaves then, and the one before it was so long ago.
    beat_due: Option<Time>,
    interval: Duration,
    /// Something else was said since.
    spoke: bool,
    /// A beat is here by then, or the node is gone.
    silent_at: Option<Time>,
}

/// How long a node may be silent that said when it would speak.
fn patience(next: Duration) -> Duration {
    next * 5 / 2
}

impl Beats {
    /// Something was said to a node.
    pub(super) fn spoke(&mut self, to: NodeId) {
        if let Some(pair) = self.pairs.get_mut(&to) {
            pair.spoke = true;
        }
    }

    /// When there is something to do.
    pub(super) fn due(&self) -> Option<Time> {
        let times = |pair: &Pair| [pair.beat_due, pair.silent_at];
        self.pairs.values().flat_map(times).flatten().min()
    }

    /// A group rests, or it does not.
    pub(super) fn set(
        &mut self,
        id: GroupId,
        resting: Option<Resting>,
        heartbeat: Duration,
        now: Time,
    ) {
        if self.resting.get(&id) == resting.as_ref() {
            return;
        }
        if let Some(Resting::Leads(nodes)) = self.resting.remove(&id) {
            for node in nodes {
                let pair = self.pairs.entry(node).or_default();
                pair.led -= 1;
                pair.beat_due = pair.beat_due.filter(|_| pair.led > 0);
            }
        }
        match &resting {
            Some(Resting::Leads(nodes)) => {
                for node in nodes {
                    let pair = self.pairs.entry(*node).or_default();
                    pair.led += 1;
                    if pair.beat_due.is_none() {
                        (pair.beat_due, pair.interval) = (Some(now + heartbeat), heartbeat);
                    }
                }
            }
            Some(Resting::Follows(node)) => {
                let pair = self.pairs.entry(*node).or_default();
                pair.silent_at.get_or_insert(now + patience(heartbeat));
            }
            None => {}
        }
        self.resting.extend(resting.map(|resting| (id, resting)));
    }

    /// A node will speak again within so long.
    fn heard(&mut self, from: NodeId, next: Duration, now: Time) {
        self.pairs.entry(from).or_default().silent_at = Some(now + patience(next));
    }

    /// The beats that leave now, with the time of the next.
    fn take_due(&mut self, heartbeat: Duration, now: Time) -> Vec<(NodeId, Duration)> {
        let due = |(_, pair): &(&NodeId, &mut Pair)| pair.beat_due.is_some_and(|at| at <= now);
        let beat = |(node, pair): (&NodeId, &mut Pair)| {
            let longer = (2 * pair.interval).min(LONGEST.max(heartbeat));
            pair.interval = if std::mem::take(&mut pair.spoke) { heartbeat } else { longer };
            pair.beat_due = Some(now + pair.interval);
            (*node, pair.interval)
        };
        self.pairs.iter_mut().filter(due).map(beat).collect()
    }

    /// The nodes that should have been heard by now.
    fn take_silent(&mut self, now: Time) -> Vec<NodeId> {
        let pairs = self.pairs.iter_mut();
        let silent = pairs.filter_map(|(node, pair)| {
            pair.silent_at.take_if(|at| *at <= now)?;
            Some(*node)
        });
        silent.collect()
    }

    /// The groups that follow a leader there.
    fn following(&self, leader: NodeId) -> Vec<GroupId> {
        let follows = |resting: &Resting| *resting == Resting::Follows(leader);
        self.resting.iter().filter(|(_, it)| follows(it)).map(|(id, _)| *id).collect()
    }
}

impl Groups {
    /// Sends the beats that are due, and wakes whoever heard none.
    pub(super) fn beat(&mut self, now: &mut Now<'_>) {
        for (node, next) in self.beats.take_due(self.tuning.heartbeat, now.time) {
            let next = nanos(next);
            self.outbox.push((Member { node, disk: ANY_DISK }, GroupId(0), Rpc::Beat { next }));
        }
        for node in self.beats.take_silent(now.time) {
            self.miss(node, now);
        }
    }

    /// A node said that it is there.
    pub(super) fn on_beat(&mut self, from: NodeId, next: u64, now: &Now<'_>) {
        self.beats.heard(from, Duration::from_nanos(next).min(LONGEST), now.time);
    }

    /// A node is not heard any more, as far as groups that rest know.
    pub(super) fn miss(&mut self, node: NodeId, now: &mut Now<'_>) {
        if Mechanism::WakeOnSilence.on(self.switches) {
            for group in self.beats.following(node) {
                self.call(group, now, |group, now, fx| group.miss(now, fx));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);
    const PEER: NodeId = NodeId(1);

    #[test]
    fn beats_stretch_while_nothing_else_is_said_and_end_with_the_rest() {
        let (mut beats, mut now) = (Beats::default(), Time(0));
        for group in 0..3 {
            beats.set(GroupId(group), Some(Resting::Leads(vec![PEER])), 60 * MS, now);
        }
        let mut next = |beats: &mut Beats| {
            now = beats.due().unwrap();
            let [(PEER, next)] = beats.take_due(60 * MS, now)[..] else { panic!("one beat") };
            next
        };
        let intervals: Vec<_> = (0..9).map(|_| next(&mut beats) / 60).collect();
        let longest = LONGEST / 60;
        assert_eq!(intervals[..7], [2, 4, 8, 16, 32, 64, 128].map(|times| times * MS));
        assert_eq!(intervals[7..], [longest, longest]);
        beats.spoke(PEER);
        assert_eq!(next(&mut beats), 60 * MS);
        for group in 0..3 {
            assert!(beats.due().is_some());
            beats.set(GroupId(group), None, 60 * MS, now);
        }
        assert_eq!(beats.due(), None);
    }

    #[test]
    fn who_is_silent_for_too_long_is_missed_once_by_those_who_follow_it() {
        let mut beats = Beats::default();
        for (group, leader) in [(3, 1), (4, 2), (5, 1)] {
            let follows = Resting::Follows(NodeId(leader));
            beats.set(GroupId(group), Some(follows), 60 * MS, Time(0));
        }
        beats.heard(PEER, 1_000 * MS, Time(0) + 60 * MS);
        assert_eq!(beats.take_silent(Time(0) + 149 * MS), []);
        assert_eq!(beats.take_silent(Time(0) + 150 * MS), [NodeId(2)]);
        assert_eq!(beats.take_silent(Time(0) + 2_559 * MS), []);
        assert_eq!(beats.take_silent(Time(0) + 2_560 * MS), [PEER]);
        assert_eq!(beats.take_silent(Time(0) + 9_999 * MS), []);
        assert_eq!(beats.following(PEER), [GroupId(3), GroupId(5)]);
    }
}
