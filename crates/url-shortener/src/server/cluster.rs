//! A service over several processes: who is where, and under which numbers.
//!
//! Each node of a cluster file is a process with an instance and a shard; the first one has the tally and the key
//! that permutes codes, too. A shard has the place of its process among the founders, in order of their numbers,
//! and the spares after them. Its number on links says this place: processes whose files disagree on it do not talk.

use std::net::SocketAddr;

use host::{BadOption, Neighbours, Seat};
use machine::NodeId;

/// The processes of a service.
#[derive(Clone, Debug)]
pub struct Cluster {
    /// The place of this one.
    pub(super) me: u32,
    /// How many of them founded it; the others' shards join later.
    pub(super) founders: u32,
    /// By their places.
    pub(super) processes: Vec<Process>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Process {
    /// Its number in the file.
    pub(super) id: u32,
    /// Where it listens for others.
    pub(super) nodes: SocketAddr,
}

/// Instances have the numbers of their processes, which are below this one.
const SHARDS: u32 = 1_000_000;
/// The highest, so that it dials everybody.
pub(super) const TALLY: NodeId = NodeId(2 * SHARDS);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Instance,
    Shard,
    Tally,
}

fn kind(id: NodeId) -> Kind {
    match id {
        NodeId(..SHARDS) => Kind::Instance,
        TALLY => Kind::Tally,
        _ => Kind::Shard,
    }
}

/// The shard at this place, which is below [`SHARDS`]. Shards dial instances: one that is away is known to be at
/// once, and so is one that is back.
pub(super) fn shard(place: u32) -> NodeId {
    NodeId(SHARDS + place)
}

impl Cluster {
    /// The process that has this seat.
    ///
    /// # Errors
    /// If the file lacks an address, or nobody in it founds the service.
    pub fn of(seat: &Seat) -> Result<Cluster, BadOption> {
        let (mut processes, mut spares) = (Vec::new(), Vec::new());
        for (id, member) in seat.cluster.members() {
            if id.0 >= SHARDS {
                return Err(BadOption(format!("node {}: numbers are below {SHARDS}", id.0)));
            }
            let nodes = seat.cluster.address(id, "nodes", |addresses| addresses.nodes)?;
            let process = Process { id: id.0, nodes };
            if member.spare { &mut spares } else { &mut processes }.push(process);
        }
        let founders = processes.len() as u32;
        if founders == 0 {
            let why = "every node of this cluster is a spare: somebody must begin";
            return Err(BadOption(why.to_owned()));
        }
        processes.extend(spares);
        let me = (0..).zip(&processes).find(|(_, process)| process.id == seat.me.0);
        let (me, _) = me.ok_or_else(|| BadOption("it has no such node".to_owned()))?;
        Ok(Cluster { me, founders, processes })
    }

    /// This one.
    pub(super) fn process(&self) -> Process {
        self.processes[self.me as usize]
    }

    /// Has this process the tally, and the key of codes?
    pub(super) fn is_first(&self) -> bool {
        self.me == 0
    }

    /// With whom in other processes a node of this one speaks: a shard with shards and instances, which speak
    /// with the tally.
    pub(super) fn neighbours(&self, me: NodeId) -> Neighbours {
        let speaks = |other: &NodeId| match (kind(me), kind(*other)) {
            (Kind::Instance, other) => other != Kind::Instance,
            (Kind::Shard, other) => other != Kind::Tally,
            (Kind::Tally, other) => other == Kind::Instance,
        };
        let others = (0..).zip(&self.processes).filter(|(place, _)| *place != self.me);
        let others = others.flat_map(|(place, Process { id, nodes })| {
            let tally = (place == 0).then_some(TALLY);
            let here = [NodeId(*id), shard(place)].into_iter().chain(tally);
            here.filter(speaks).map(|node| (node, Some(*nodes)))
        });
        Neighbours { me, others: others.collect(), accepts_unlisted: false }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn cluster(me: u32) -> Cluster {
        let process = |id| Process { id, nodes: ([127, 0, 0, 1], 7460 + id as u16).into() };
        Cluster { me, founders: 2, processes: [4, 7, 5].map(process).to_vec() }
    }

    /// The tally once dialled shards, which knew of no tally.
    #[test]
    fn whoever_has_a_link_with_another_is_expected_there() {
        let here = |me: u32| {
            let process = cluster(me).process();
            let tally = (me == 0).then_some(TALLY);
            [NodeId(process.id), shard(me)].into_iter().chain(tally)
        };
        let mut pairs = BTreeSet::new();
        for place in 0..3 {
            for me in here(place) {
                let others = cluster(place).neighbours(me).others;
                pairs.extend(others.into_iter().map(|(other, _)| (me, other)));
            }
        }
        assert!(pairs.iter().all(|(one, other)| pairs.contains(&(*other, *one))), "{pairs:?}");
        let of = |me: NodeId| pairs.iter().filter(move |(one, _)| *one == me).map(|(_, id)| *id);
        assert!(of(NodeId(4)).eq([shard(1), shard(2)]), "the tally is beside it");
        assert!(of(NodeId(7)).eq([shard(0), shard(2), TALLY]));
        assert!(of(shard(1)).eq([NodeId(4), NodeId(5), shard(0), shard(2)]));
        assert!(of(TALLY).eq([NodeId(5), NodeId(7)]));
    }
}
