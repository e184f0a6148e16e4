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

/// The shard at this place. Shards dial instances: one that is away is known to be at once, and so is one that is
/// back.
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
        let is_instance = |id: NodeId| id < shard(0);
        let is_shard = |id: NodeId| !is_instance(id) && id < TALLY;
        let speaks = |other: &NodeId| match is_shard(me) {
            true => *other != TALLY,
            false => is_shard(*other) || is_instance(me) != is_instance(*other),
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
