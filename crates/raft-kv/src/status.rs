//! What a node knows, for people and for scripts.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use machine::NodeId;
use raft::{Configuration, Group, Index, Term};
use serde::Serialize;

use crate::replica::Replica;

/// Where the front ends of those replicas are that are listed.
pub(crate) type ClientAddresses = Arc<BTreeMap<NodeId, SocketAddr>>;

/// Where clients reach this node: as the members say, or the list.
pub(crate) fn client_address(
    node: NodeId,
    group: &Group,
    listed: &ClientAddresses,
) -> Option<SocketAddr> {
    let joined = group.membership().addresses.get(&node).map(|address| address.clients);
    joined.or_else(|| listed.get(&node).copied())
}

/// The answer to `/status`.
#[derive(Debug, Serialize)]
pub(crate) struct Status {
    node: NodeId,
    role: &'static str,
    /// Before the disk was read there is nothing to tell.
    #[serde(flatten)]
    group: Option<GroupStatus>,
    keys: usize,
}

#[derive(Debug, Serialize)]
struct GroupStatus {
    term: Term,
    leader: Option<NodeId>,
    leader_address: Option<SocketAddr>,
    first_index: Index,
    last_index: Index,
    commit_index: Index,
    applied_index: Index,
    snapshot_index: Index,
    /// Where this node is none of them, it was removed, or never was one.
    members: Vec<MemberStatus>,
    /// Is a change of members under way, or was one begun that did not come to its end?
    changing: bool,
}

#[derive(Debug, Serialize)]
struct MemberStatus {
    node: NodeId,
    role: &'static str,
    address: Option<SocketAddr>,
}

impl Status {
    pub(crate) fn of(me: NodeId, replica: &Replica, addresses: &ClientAddresses) -> Status {
        let group = replica.group();
        Status {
            node: me,
            role: group.map_or("booting", Group::role_name),
            group: group.map(|group| GroupStatus::of(group, addresses)),
            keys: replica.store().len(),
        }
    }
}

impl GroupStatus {
    fn of(group: &Group, addresses: &ClientAddresses) -> GroupStatus {
        let (log, leader, membership) = (group.log(), group.leader(), group.membership());
        let address = |node: NodeId| client_address(node, group, addresses);
        GroupStatus {
            term: group.term(),
            leader,
            leader_address: leader.and_then(address),
            first_index: log.first_index(),
            last_index: log.last_index(),
            commit_index: group.commit_index(),
            applied_index: group.applied_index(),
            snapshot_index: log.snapshot().last_index,
            members: members(membership, address),
            changing: membership.is_joint() || !membership.learners.is_empty(),
        }
    }
}

fn members(
    configuration: &Configuration,
    address: impl Fn(NodeId) -> Option<SocketAddr>,
) -> Vec<MemberStatus> {
    let role = |member| match configuration {
        Configuration { voters, .. } if voters.contains(&member) => "voter",
        Configuration { outgoing, .. } if outgoing.contains(&member) => "leaving",
        _ => "learner",
    };
    let member = |member: raft::Member| {
        let node = member.node;
        MemberStatus { node, role: role(member), address: address(node) }
    };
    configuration.members().into_iter().map(member).collect()
}
