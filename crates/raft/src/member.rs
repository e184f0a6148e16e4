//! Who takes part: members, and the configurations that say which of them decide.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::SocketAddr;

use machine::{DiskId, NodeId};
use serde::{Deserialize, Serialize};

/// A node with a disk. Its votes and its log are on that disk, so a node whose disk was replaced is
/// another member: it never votes or answers in the place of the one that was lost.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Member {
    /// Where it is.
    pub node: NodeId,
    /// What it remembers with.
    pub disk: DiskId,
}

/// A group has no more members, and its leader keeps no more nodes in mind.
pub const MOST_MEMBERS: usize = 64;

/// The disk of a member whose disk is not known.
pub(crate) const ANY_DISK: DiskId = DiskId(0);

/// As diagrams write it: the node; its disk is a long number.
impl fmt::Debug for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.node.fmt(f)
    }
}

/// Where a node is reached that joined later: whoever is there learns it with the configuration. Who began the
/// group is listed where each node is started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Address {
    /// By the other nodes.
    pub nodes: SocketAddr,
    /// By clients.
    pub clients: SocketAddr,
}

/// The members whose majority decides.
///
/// The law: while two sets of voters are in force (joint consensus, section 6 of the paper), every
/// decision takes a majority of each. A learner gets all entries and decides nothing.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub struct Configuration {
    /// Those who vote.
    pub voters: BTreeSet<Member>,
    /// Those who voted before, as long as a change is under way; empty otherwise.
    pub outgoing: BTreeSet<Member>,
    /// Those who only listen.
    pub learners: BTreeSet<Member>,
    /// Where those of them are who joined later.
    pub addresses: BTreeMap<NodeId, Address>,
}

impl Configuration {
    /// These voters, with nothing under way.
    pub fn of(voters: impl IntoIterator<Item = Member>) -> Configuration {
        Configuration { voters: voters.into_iter().collect(), ..Configuration::default() }
    }

    /// Is a change under way?
    pub fn is_joint(&self) -> bool {
        !self.outgoing.is_empty()
    }

    /// Does this member vote?
    pub fn votes(&self, member: Member) -> bool {
        self.voters.contains(&member) || self.outgoing.contains(&member)
    }

    /// Voters and learners, each once, in order.
    pub fn members(&self) -> BTreeSet<Member> {
        self.voters.iter().chain(&self.outgoing).chain(&self.learners).copied().collect()
    }

    /// Do these make a majority, of both sets where there are two?
    pub fn is_quorum(&self, agrees: impl Fn(Member) -> bool) -> bool {
        let most = |voters: &BTreeSet<Member>| {
            2 * voters.iter().filter(|voter| agrees(**voter)).count() > voters.len()
        };
        most(&self.voters) && (self.outgoing.is_empty() || most(&self.outgoing))
    }

    /// The largest value that a majority has reached, of both sets where there are two.
    pub fn reached<T: Ord + Copy + Default>(&self, value: impl Fn(Member) -> T) -> T {
        let reached = |voters: &BTreeSet<Member>| {
            let mut values: Vec<T> = voters.iter().map(|voter| value(*voter)).collect();
            values.sort_unstable();
            values.get(voters.len().saturating_sub(1) / 2).copied().unwrap_or_default()
        };
        let new = reached(&self.voters);
        if self.outgoing.is_empty() { new } else { new.min(reached(&self.outgoing)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(node: u32) -> Member {
        Member { node: NodeId(node), disk: DiskId(7) }
    }

    #[test]
    fn a_majority_is_more_than_half() {
        for (voters, least) in [(1, 1), (2, 2), (3, 2), (4, 3), (5, 3)] {
            let configuration = Configuration::of((0..voters).map(member));
            for agree in 0..=voters {
                let quorum = configuration.is_quorum(|member| member.node.0 < agree);
                assert_eq!(quorum, agree >= least, "{agree} of {voters}");
            }
            let reached = configuration.reached(|member| member.node.0 + 1);
            assert_eq!(reached, voters + 1 - least, "of {voters}");
        }
    }

    #[test]
    fn in_a_joint_configuration_both_majorities_decide() {
        let joint = Configuration {
            voters: (3..6).map(member).collect(),
            outgoing: (0..3).map(member).collect(),
            ..Configuration::default()
        };
        assert!(!joint.is_quorum(|member| member.node.0 >= 3));
        assert!(!joint.is_quorum(|member| member.node.0 < 4));
        assert!(joint.is_quorum(|member| (1..5).contains(&member.node.0)));
        assert_eq!(joint.reached(|member| member.node.0), 1);
    }
}
