//! What Raft and the store on it promise, as code that watches a world: the machines of the
//! replicas, whose logs it may read, and what clients asked and were told.

mod leaders;
pub(crate) mod linearizable;
mod logs;
mod office;
mod recovery;
mod redundancy;
mod stability;

use machine::{NodeId, Time};
use raft::{Group, Index, Log, Member, Term};
use sim::{Breach, Cluster, Promise, PromiseSpec, World};

use crate::shape::{Node, Shape};

pub(crate) use recovery::{ANSWER, RECOVERY};
pub(crate) use redundancy::REDUNDANCY;

/// All of them.
pub(crate) const PROMISES: &[PromiseSpec<Node, Shape>] = &[
    PromiseSpec {
        name: "one-leader-per-term",
        about: "no two members ever lead in one term",
        checker: |cluster| always(cluster, leaders::OneLeaderPerTerm::default()),
    },
    PromiseSpec {
        name: "log-matching",
        about: "where two logs hold an entry of one index and term, they hold the same entry, and \
                the same before it",
        checker: |cluster| always(cluster, logs::LogMatching::default()),
    },
    PromiseSpec {
        name: "leader-completeness",
        about: "what was committed in a term is in the logs of the leaders of all later terms",
        checker: |cluster| always(cluster, leaders::LeaderCompleteness::default()),
    },
    PromiseSpec {
        name: "state-machine-safety",
        about: "no two replicas ever apply different entries at one index, nor have snapshots of \
                one index that differ in state or members",
        checker: |cluster| always(cluster, logs::StateMachineSafety::default()),
    },
    PromiseSpec {
        name: "linearizable",
        about: "reads and writes of clients have an order that explains every answer; reads that \
                may be stale are not among them",
        checker: |_| Box::new(linearizable::Linearizable),
    },
    PromiseSpec {
        name: "recovers-after-heal",
        about: "from 3 s after a quorum was healed on, every client that waits or asks is answered \
                within a second, whatever befalls the other replicas",
        checker: |_| Box::new(recovery::Recovers),
    },
    PromiseSpec {
        name: "redundancy-returns",
        about: "from 4 s after everybody was healed on, every founder has a vote, with the disk that \
                it has now",
        checker: |cluster| Box::new(redundancy::RedundancyReturns::of(cluster.shape.founder_ids())),
    },
    PromiseSpec {
        name: "leader-keeps-its-place",
        about: "where nothing fails, whoever leads after the first second leads to the end, and from then \
                on whoever waits sees an answer, to anybody, within half a second",
        checker: |cluster| Box::new(office::KeepsPlace::new(cluster.shape.replica_ids())),
    },
    PromiseSpec {
        name: "no-election-is-waited-for",
        about: "where nothing fails and nodes are restarted on purpose, from the first second on whoever waits \
                sees an answer, to anybody, within an election timeout",
        checker: |cluster| Box::new(office::Answered(cluster.shape.tuning().election_timeout)),
    },
    PromiseSpec {
        name: "stable-leader",
        about: "once a healed replica has led for an election timeout, no healed replica follows \
                one that was not healed into a term that it began then",
        checker: |cluster| {
            let stable = stability::StableLeader::new(cluster.shape.tuning().election_timeout);
            Box::new(StableLeaderWatch { replicas: cluster.shape.replica_ids(), stable })
        },
    },
];

/// The checker of what must be true of replicas at any time.
fn always<I>(cluster: &Cluster<Shape>, invariant: I) -> Box<dyn Promise<Node>>
where
    I: Invariant + 'static,
{
    Box::new(Always { replicas: cluster.shape.replica_ids(), invariant })
}

/// What a checker sees of a replica.
#[derive(Clone, Copy)]
struct MemberView<'a> {
    member: Member,
    term: Term,
    leads: bool,
    log: &'a Log,
    commit: Index,
    applied: Index,
    /// The world's time.
    now: Time,
}

impl<'a> MemberView<'a> {
    fn of(now: Time, group: &'a Group) -> MemberView<'a> {
        MemberView {
            now,
            member: group.member(),
            term: group.term(),
            leads: group.leads(),
            log: group.log(),
            commit: group.commit_index(),
            applied: group.applied_index(),
        }
    }
}

/// A replica, if it is up and has read its disk.
fn view(world: &World<Node>, node: NodeId) -> Option<MemberView<'_>> {
    match world.machine(node)? {
        Node::Replica(replica) => replica.group().map(|group| MemberView::of(world.now(), group)),
        Node::Client(_) => None,
    }
}

/// What must be true of replicas at any time.
trait Invariant {
    /// Looks at a replica after an event; `None` while it is down.
    fn observe(&mut self, node: NodeId, view: Option<MemberView<'_>>) -> Result<(), Breach>;
}

struct Always<I> {
    replicas: Vec<NodeId>,
    invariant: I,
}

impl<I: Invariant> Promise<Node> for Always<I> {
    fn step(&mut self, world: &World<Node>) -> Result<(), Breach> {
        let mut reached = world.reached().iter().filter(|node| self.replicas.contains(node));
        reached.try_for_each(|&node| self.invariant.observe(node, view(world, node)))
    }
}

/// The promise `stable-leader`, which is about a world that was healed.
struct StableLeaderWatch {
    replicas: Vec<NodeId>,
    stable: stability::StableLeader,
}

impl Promise<Node> for StableLeaderWatch {
    fn step(&mut self, world: &World<Node>) -> Result<(), Breach> {
        self.replicas.iter().try_for_each(|&node| match view(world, node) {
            Some(view) => self.stable.observe(world.now(), node, world.is_healed(node), view),
            None => Ok(()),
        })
    }
}

#[cfg(test)]
mod tests {
    use machine::DiskId;
    use raft::{Entry, Payload};

    use super::*;

    /// An entry of this term that says this.
    pub(super) fn entry(term: Term, says: u64) -> Entry {
        Entry { term, payload: Payload::Command(says.to_le_bytes().to_vec().into()) }
    }

    /// A log with entries of these terms; each says its index.
    pub(super) fn log(terms: &[Term]) -> Log {
        let mut log = Log::default();
        (1..).zip(terms).for_each(|(index, term)| log.append(entry(*term, index)));
        log
    }

    /// A follower that has committed and applied nothing.
    pub(super) fn at(node: u32, term: Term, log: &Log) -> MemberView<'_> {
        let member = Member { node: NodeId(node), disk: DiskId(7) };
        MemberView { member, term, leads: false, log, commit: 0, applied: 0, now: Time(0) }
    }

    impl MemberView<'_> {
        pub(super) fn leading(self) -> Self {
            MemberView { leads: true, ..self }
        }

        pub(super) fn committed(self, commit: Index) -> Self {
            MemberView { commit, ..self }
        }

        pub(super) fn applied(self, applied: Index) -> Self {
            MemberView { commit: applied, applied, ..self }
        }
    }
}
