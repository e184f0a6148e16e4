//! Whether a replica knows who leads: what its operator is told when it does not.

use std::sync::{Arc, Weak};
use std::time::Duration;

use host::{Count, Metrics, Node, Server};
use machine::{Machine, NodeId};
use tokio::time::sleep;

use crate::group::Group;

/// A leader that is missed for less is missed by nobody else.
const LOOK: Duration = Duration::from_millis(100);

/// Counts what a machine with groups in it noted: what the simulated world counts as worth seeing is worth seeing
/// here. A journal that was cut is a line of the log, too.
pub fn count_note(metrics: &Metrics, counter: &'static str, note: &'static str) {
    metrics.labelled(counter, "What a machine noted about itself.", "note", note).one();
    if note == "journal-cut" {
        let why = "a crash tore the last write to it, which nobody was told of";
        tracing::warn!("the end of a member's journal was cut off: {why}");
    }
}

/// Has somebody look on, at what the replica on this node of a server knows of its group, until it has stopped.
/// Before it first hears of a leader it has lost none, and one that hands over is not lost. What is lost is a line of
/// the log, and a number.
pub fn watch_leader<M: Machine>(
    server: &Server<M>,
    me: NodeId,
    replica: &Arc<Node<M>>,
    group: fn(&M) -> Option<&Group>,
) {
    let watched = look_on(me, Arc::downgrade(replica), group, server.metrics.clone());
    server.runtime.spawn(watched);
}

async fn look_on<M: Machine>(
    me: NodeId,
    replica: Weak<Node<M>>,
    group: fn(&M) -> Option<&Group>,
    metrics: Metrics,
) {
    let help = "Replicas of this process that know no leader.";
    let without = metrics.gauge("raft_replicas_without_leader", help);
    let help = "How often a replica of this process lost its leader, to nobody or to another.";
    let losses = metrics.counter("raft_leader_losses_total", help);
    let mut watch = LeaderWatch { me, known: None, before: None, without, losses };
    watch.without.one();
    // Nothing once it has stopped.
    let seen = |replica: &M| group(replica).map(|group| (group.leader(), group.was_handed_over()));
    while let Some(seen) = replica.upgrade().and_then(|replica| replica.look(seen)) {
        let (leader, handed_over) = seen.unwrap_or_default();
        watch.looked(leader, handed_over);
        sleep(LOOK).await;
    }
}

struct LeaderWatch {
    me: NodeId,
    known: Option<NodeId>,
    /// The last that it knew, also where it knows none.
    before: Option<NodeId>,
    without: Count,
    losses: Count,
}

impl LeaderWatch {
    fn looked(&mut self, leader: Option<NodeId>, handed_over: bool) {
        if handed_over && leader.is_none() {
            // There is one in a moment, or it is missed.
            return;
        }
        let me = self.me.0;
        let was = std::mem::replace(&mut self.known, leader);
        match (was, leader) {
            (Some(before), Some(found)) if handed_over && before != found => {
                let (before, found) = (before.0, found.0);
                tracing::info!(
                    "node {me} has another leader: node {before} handed over to {found}"
                );
            }
            (Some(lost), None) => {
                self.without.one();
                self.losses.one();
                let until = "nothing is written and read here until a majority elects one";
                tracing::warn!("node {me} has lost its leader, node {}: {until}", lost.0);
            }
            (None, Some(found)) => {
                self.without.less(1);
                match self.before {
                    Some(_) => tracing::warn!("node {me} has a leader again, node {}", found.0),
                    None => tracing::info!("node {me} has a leader, node {}", found.0),
                }
            }
            (Some(lost), Some(found)) if lost != found => {
                self.losses.one();
                let (lost, found) = (lost.0, found.0);
                tracing::warn!(
                    "node {me} has lost its leader, node {lost}; node {found} leads now"
                );
            }
            _ => {}
        }
        self.before = leader.or(self.before);
    }
}
