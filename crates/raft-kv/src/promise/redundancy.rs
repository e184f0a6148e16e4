//! The promise `redundancy-returns`.

use std::collections::BTreeMap;
use std::time::Duration;

use machine::{NodeId, Time};
use sim::{Breach, Evidence, Promise, World};

use super::{MemberView, view};
use crate::shape::Node;

/// How long after the last fault a node may be without a vote: a leader is elected, the node says who it
/// is, gets the log, and two configurations are committed.
pub(crate) const REDUNDANCY: Duration = Duration::from_secs(4);

/// A group that survived a loss is as safe as before only when every node that is wanted votes again.
/// One that never does is not missed by any other promise, until the next one is lost.
pub(super) struct RedundancyReturns {
    /// What each node lacks that is wanted, and since when.
    wanted: BTreeMap<NodeId, (Option<&'static str>, Time)>,
}

impl RedundancyReturns {
    /// These nodes are to vote. Nobody does yet.
    pub(super) fn of(wanted: impl IntoIterator<Item = NodeId>) -> Self {
        let begins = |node| (node, (lack(None), Time(0)));
        RedundancyReturns { wanted: wanted.into_iter().map(begins).collect() }
    }
}

impl Promise<Node> for RedundancyReturns {
    fn step(&mut self, world: &World<Node>) -> Result<(), Breach> {
        for node in world.reached() {
            let Some(known) = self.wanted.get_mut(node) else { continue };
            let lack = lack(view(world, *node));
            if known.0 != lack {
                *known = (lack, world.now());
            }
        }
        if world.healed_at().is_none_or(|healed| world.now() < healed + REDUNDANCY) {
            return Ok(());
        }
        let lacks = |(node, (lack, since)): (&NodeId, &(Option<&'static str>, Time))| {
            Some((*node, (*lack)?, *since))
        };
        match self.wanted.iter().find_map(lacks) {
            None => Ok(()),
            Some((node, lack, since)) => {
                let why = format!("{node:?} {lack} {REDUNDANCY:?} after everybody was healed");
                let value = Evidence::Value(format!("{node:?}"));
                Err(Breach::from(why).on_moment(since, node).on(value))
            }
        }
    }
}

/// What a node lacks that ought to vote.
fn lack(view: Option<MemberView<'_>>) -> Option<&'static str> {
    let Some(MemberView { member, log, commit, .. }) = view else { return Some("is not up") };
    let configuration = log.configuration();
    match () {
        () if !configuration.voters.contains(&member) => Some("has no vote"),
        () if configuration.is_joint() || log.configured_at() > commit => {
            Some("has no vote that is settled")
        }
        () => None,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use machine::DiskId;
    use raft::{Configuration, Entry, Log, Member, Payload};

    use super::super::tests::at;
    use super::*;

    /// A log with these configurations.
    fn log(configurations: &[Configuration]) -> Log {
        let mut log = Log::default();
        for configuration in configurations {
            let payload = Payload::Configuration(Arc::new(configuration.clone()));
            log.append(Entry { term: 1, payload });
        }
        log
    }

    #[test]
    fn a_node_without_a_vote_of_its_disk_is_noticed() {
        let member = |node, disk| Member { node: NodeId(node), disk: DiskId(disk) };
        let (mine, lost, other) = (member(0, 7), member(0, 6), member(1, 7));
        let all = Configuration::of([mine, other]);
        let replaced =
            Configuration { learners: [mine].into(), ..Configuration::of([lost, other]) };
        let joint = Configuration { outgoing: [lost, other].into(), ..all.clone() };
        let lack_of = |configurations: &[Configuration], commit| {
            lack(Some(at(0, 1, &log(configurations)).committed(commit)))
        };
        assert_eq!(lack(None), Some("is not up"));
        assert_eq!(lack_of(&[], 0), Some("has no vote"), "it knows nobody");
        assert_eq!(lack_of(std::slice::from_ref(&replaced), 1), Some("has no vote"), "a learner");
        assert_eq!(
            lack_of(&[replaced.clone(), joint.clone()], 2),
            Some("has no vote that is settled")
        );
        let path = [replaced, joint, all];
        assert_eq!(lack_of(&path, 2), Some("has no vote that is settled"));
        assert_eq!(lack_of(&path, 3), None);
    }
}
