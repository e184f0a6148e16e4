//! Who leads and who owns: `one-leader-per-epoch`, `no-false-failover` and `one-owner-per-generation`.

use std::collections::BTreeMap;

use machine::{Machine, NodeId, Time};
use sim::{Breach, Entry, Evidence, Promise, World};

use super::ledger::Newest;
use replicated_log::message::ReplicatedLog;
use replicated_log::note::Note;
use replicated_log::words::{LeaderEpoch, TopicPartition};

/// A broker that boots may have lost records that its followers have, of an epoch that it led in: two records of one
/// offset and epoch could never be told apart. So it, too, must lead in a new one.
#[derive(Default)]
pub(super) struct OneLeaderPerEpoch {
    boots: BTreeMap<NodeId, u32>,
    /// Who leads, since which of its boots, and since when.
    leaders: BTreeMap<(TopicPartition, LeaderEpoch), (NodeId, u32, Time)>,
}

impl OneLeaderPerEpoch {
    fn look(&mut self, entry: &Entry<Note>) -> Result<(), Breach> {
        let Entry { at, node, note } = entry;
        match note {
            Note::Boots { .. } => *self.boots.entry(*node).or_default() += 1,
            Note::Leads { partition, leader_epoch, .. } => {
                let boot = self.boots.get(node).copied().unwrap_or_default();
                let leader = (*node, boot, *at);
                let (other, since, then) =
                    *self.leaders.entry((*partition, *leader_epoch)).or_insert(leader);
                if (other, since) != (*node, boot) {
                    let before = if other == *node { "before it booted" } else { "too" };
                    let why = format!(
                        "{node:?} leads {partition:?} in epoch {leader_epoch}, and {other:?} did {before}"
                    );
                    let breach = Breach::from(why).on_moment(then, other);
                    return Err(breach.on(Evidence::Value(format!("{node:?}"))));
                }
            }
            _ => {}
        }
        Ok(())
    }
}

impl<M: Machine<Protocol = ReplicatedLog>> Promise<M> for OneLeaderPerEpoch {
    fn note(&mut self, _: &World<M>, entry: &Entry<Note>) -> Result<(), Breach> {
        self.look(entry)
    }
}

/// Where nobody crashes, is cut off, or sleeps for as long as a session lasts, a new epoch is a failover for nothing.
#[derive(Default)]
pub(super) struct NoFalseFailover {
    /// In which epoch, who, and the moment at the controller that says so.
    leaders: BTreeMap<TopicPartition, (LeaderEpoch, NodeId, (Time, NodeId))>,
    newest: Newest,
}

impl NoFalseFailover {
    fn look(&mut self, entry: &Entry<Note>) -> Result<(), Breach> {
        let Note::Partition { partition, is } = &entry.note else { return Ok(()) };
        if !self.newest.is_it(*partition, is) {
            return Ok(());
        }
        let now = is.leader.map(|leader| (is.leader_epoch, leader, (entry.at, entry.node)));
        let Some((epoch, leader, (since, controller))) = self.leaders.get(partition).copied()
        else {
            self.leaders.extend(now.map(|now| (*partition, now)));
            return Ok(());
        };
        if epoch == is.leader_epoch && is.leader == Some(leader) {
            return Ok(());
        }
        let next = is.leader.map_or("nobody".into(), |next| format!("{next:?}"));
        let why = format!(
            "{leader:?} led {partition:?} in epoch {epoch}, and was well, and {next} leads in epoch {}",
            is.leader_epoch
        );
        let breach = Breach::from(why).on_moment(since, controller);
        Err(breach.on(Evidence::Value(format!("{leader:?}"))))
    }
}

impl<M: Machine<Protocol = ReplicatedLog>> Promise<M> for NoFalseFailover {
    fn note(&mut self, _: &World<M>, entry: &Entry<Note>) -> Result<(), Breach> {
        self.look(entry)
    }
}

/// A member that is told its share of a generation knows that its coordinator has begun it, and has written so: from then
/// on no coordinator may take a commit that names an older one. A commit that was begun before may have arrived before.
#[derive(Default)]
pub(super) struct OneOwnerPerGeneration {
    /// By generation and partition: who was told to own it, and when.
    owners: BTreeMap<(i32, u32), (NodeId, Time)>,
    /// The newest that a member was told its share of, when, and which member.
    newest: Option<(i32, Time, NodeId)>,
    /// Those that are under way though a newer generation had begun: theirs, and that one.
    stale: BTreeMap<u64, (i32, (i32, Time, NodeId))>,
}

impl OneOwnerPerGeneration {
    fn look(&mut self, entry: &Entry<Note>) -> Result<(), Breach> {
        let Entry { at, node, note } = entry;
        match note {
            Note::Owns { generation, partitions } => {
                if self.newest.is_none_or(|(newest, ..)| newest < *generation) {
                    self.newest = Some((*generation, *at, *node));
                }
                for &partition in partitions {
                    let (owner, then) =
                        *self.owners.entry((*generation, partition)).or_insert((*node, *at));
                    if owner != *node {
                        let why = format!(
                            "in generation {generation} both {owner:?} and {node:?} own partition {partition}"
                        );
                        return Err(Breach::from(why).on_moment(then, owner));
                    }
                }
            }
            Note::Commits { operation, generation } => {
                if let Some(newest) = self.newest.filter(|(newest, ..)| newest > generation) {
                    self.stale.insert(*operation, (*generation, newest));
                }
            }
            Note::Committed { operation } => {
                if let Some((generation, (newest, then, member))) = self.stale.remove(operation) {
                    let why = format!(
                        "{node:?} committed in generation {generation}, and had begun to when {member:?} had its share of \
                         generation {newest}"
                    );
                    return Err(Breach::from(why).on_operation(*operation).on_moment(then, member));
                }
            }
            Note::NotCommitted { operation } | Note::CommitLost { operation } => {
                self.stale.remove(operation);
            }
            _ => {}
        }
        Ok(())
    }
}

impl<M: Machine<Protocol = ReplicatedLog>> Promise<M> for OneOwnerPerGeneration {
    fn note(&mut self, _: &World<M>, entry: &Entry<Note>) -> Result<(), Breach> {
        self.look(entry)
    }
}

#[cfg(test)]
mod tests {
    use super::super::ledger::tests::{boots, entry, is_so, leads};
    use super::*;
    use replicated_log::cluster::Partition;

    fn leaders(notes: &[(u32, Note)]) -> Result<(), Breach> {
        let mut promise = OneLeaderPerEpoch::default();
        (0..)
            .zip(notes)
            .try_for_each(|(ms, (node, note))| promise.look(&entry(ms, *node, note.clone())))
    }

    #[test]
    fn each_epoch_has_one_leader() {
        let fine = [
            (1, boots(1)),
            (1, leads(1, 0)),
            (1, leads(1, 0)),
            (2, leads(2, 0)),
            (1, boots(1)),
            (1, leads(3, 0)),
        ];
        assert_eq!(leaders(&fine), Ok(()));
        let breach = leaders(&[(1, leads(1, 0)), (2, leads(1, 0))]).unwrap_err();
        assert_eq!(breach.evidence[0], Evidence::Moment { at: Time(0), node: NodeId(1) });
        assert!(
            leaders(&[(1, boots(1)), (1, leads(1, 0)), (1, boots(1)), (1, leads(1, 0))]).is_err(),
            "it booted"
        );
    }

    #[test]
    fn a_leader_that_is_well_goes_on_leading() {
        let judged = |states: &[(Option<u32>, LeaderEpoch)]| {
            let mut promise = NoFalseFailover::default();
            (0..).zip(states).try_for_each(|(ms, &(leader, leader_epoch))| {
                let leader = leader.map(NodeId);
                promise.look(&entry(
                    ms,
                    3,
                    is_so(Partition { leader, leader_epoch, ..Partition::default() }),
                ))
            })
        };
        assert_eq!(
            judged(&[(None, 0), (Some(1), 1), (Some(1), 1)]),
            Ok(()),
            "the first is elected"
        );
        for next in [(Some(2), 2), (None, 1), (None, 2), (Some(1), 2)] {
            let breach = judged(&[(Some(1), 1), next]).unwrap_err();
            assert!(breach.contains("n1 led"), "{breach}");
            assert_eq!(breach.evidence[0], Evidence::Moment { at: Time(0), node: NodeId(3) });
        }
    }

    fn owners(notes: &[(u32, Note)]) -> Result<(), Breach> {
        let mut promise = OneOwnerPerGeneration::default();
        (0..)
            .zip(notes)
            .try_for_each(|(ms, (node, note))| promise.look(&entry(ms, *node, note.clone())))
    }

    fn owns(generation: i32, partitions: &[u32]) -> Note {
        Note::Owns { generation, partitions: partitions.to_vec() }
    }

    #[test]
    fn each_partition_has_one_owner_in_a_generation() {
        let fine = [
            (7, owns(1, &[0, 1])),
            (8, owns(1, &[2])),
            (8, owns(2, &[0, 1, 2])),
            (7, owns(1, &[0])),
        ];
        assert_eq!(owners(&fine), Ok(()));
        assert!(owners(&[(7, owns(1, &[0, 1])), (8, owns(1, &[1]))]).is_err());
    }

    #[test]
    fn a_commit_of_an_old_generation_does_not_succeed() {
        let commits = |operation, generation| Note::Commits { operation, generation };
        let (committed, refused) =
            (Note::Committed { operation: 5 }, Note::NotCommitted { operation: 5 });
        let before =
            [(7, owns(1, &[0])), (7, commits(5, 1)), (8, owns(2, &[0])), (7, committed.clone())];
        assert_eq!(owners(&before), Ok(()), "it may have arrived before");
        let late = |end| [(7, owns(1, &[0])), (8, owns(2, &[0])), (7, commits(5, 1)), (7, end)];
        assert_eq!(owners(&late(refused)), Ok(()));
        let breach = owners(&late(committed)).unwrap_err();
        assert_eq!(breach.evidence[0], Evidence::Operation(5));
    }
}
