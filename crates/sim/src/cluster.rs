//! The cluster of a run: who is in it, in which zones, and how far apart.

use std::fmt::{Debug, Display};
use std::ops::RangeInclusive;

use machine::NodeId;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::conditions::{Delays, Distance};
use crate::fault::{LONGEST_NS, Target};

/// No node has a higher number: each takes memory from the start.
pub(crate) const MOST_NODES: u64 = 100_000;
/// They are looked through for every message.
const MOST_DISTANCES: usize = 256;

/// How large a cluster is and who is in it: a system's own type, drawn with each plan and saved with it.
///
/// The law: nodes are numbered in the order of [`Shape::members`] and then of [`Shape::joins`], so a node's number
/// says what it is.
pub trait Shape:
    Clone + Debug + PartialEq + Serialize + DeserializeOwned + Send + Sync + 'static
{
    /// What the nodes are (`worker`, `client`), in the order of their numbers, and how many there are of
    /// each.
    fn members(&self) -> Vec<(&'static str, u64)>;

    /// Refuses sizes that no scenario draws: a plan may come from an untrusted file. That there are as
    /// many members as nodes, and at most 100,000, is checked before.
    ///
    /// # Errors
    /// A sentence that names the first size that is wrong; [`within`] writes it.
    fn validate(&self) -> Result<(), String> {
        Ok(())
    }

    /// How many nodes there are.
    fn nodes(&self) -> u64 {
        self.members().iter().fold(0, |nodes, (_, count)| nodes.saturating_add(*count))
    }

    /// Nodes that are not there from the start, and join where the plan says so: what they are, and how many of
    /// each. Their numbers follow those of the members.
    fn joins(&self) -> Vec<(&'static str, u64)> {
        Vec::new()
    }

    /// How many numbers there are: of nodes, and of those that may join.
    fn numbers(&self) -> u64 {
        self.joins().iter().fold(self.nodes(), |nodes, (_, count)| nodes.saturating_add(*count))
    }

    /// The nodes that are such members, or may join as such; none where nobody is.
    fn ids(&self, member: &str) -> Vec<NodeId> {
        let (mut first, mut ids) = (0, Vec::new());
        for (name, count) in self.members().into_iter().chain(self.joins()) {
            if name == member {
                ids.extend((first..first + count as u32).map(NodeId));
            }
            first += count as u32;
        }
        ids
    }

    /// The same as targets of faults.
    fn targets(&self, member: &str) -> Vec<Target> {
        self.ids(member).into_iter().map(Target::from).collect()
    }

    /// What a node is; empty where it is not in the cluster.
    fn member(&self, node: NodeId) -> &'static str {
        let mut end = 0;
        let covers = |&(_, count): &(_, u64)| {
            end += count;
            u64::from(node.0) < end
        };
        self.members().into_iter().chain(self.joins()).find(covers).map_or("", |(name, _)| name)
    }
}

/// The simplest cluster: a server, which is n0, and so many clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OneServer {
    /// How many clients there are.
    pub clients: u64,
}

impl Shape for OneServer {
    fn members(&self) -> Vec<(&'static str, u64)> {
        vec![("server", 1), ("client", self.clients)]
    }
}

/// Refuses a size outside of its range, in a sentence that names it.
///
/// # Errors
/// If it is outside.
pub fn within<T: PartialOrd + Display>(
    name: &str,
    size: T,
    range: RangeInclusive<T>,
) -> Result<(), String> {
    match range.contains(&size) {
        true => Ok(()),
        false => Err(format!("{name} is from {} to {}, not {size}", range.start(), range.end())),
    }
}

/// The nodes of a run, as the scenario drew them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cluster<C> {
    /// The zone of each node; their count is the size of the cluster.
    pub zones: Vec<u8>,
    /// Who is who, and what else the scenario drew.
    pub shape: C,
    /// How long messages travel.
    pub delays: Delays,
    /// Those zones that are not so far apart.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub distances: Vec<Distance>,
}

impl<C: Shape> Cluster<C> {
    /// All in one zone.
    pub fn new(shape: C, delays: Delays) -> Self {
        let zones = vec![0; shape.nodes() as usize];
        Cluster { zones, shape, delays, distances: Vec::new() }
    }

    /// Refuses a cluster that no scenario draws.
    pub(crate) fn validate(&self) -> Result<(), String> {
        let Cluster { zones, shape, delays, distances } = self;
        within("the number of nodes", zones.len() as u64, 1..=MOST_NODES)?;
        let (nodes, members) = (zones.len() as u64, shape.nodes());
        if nodes != members {
            return Err(format!("a cluster of this shape has {members} nodes, not {nodes}"));
        }
        within("the numbers of nodes", shape.numbers(), 1..=MOST_NODES)?;
        shape.validate()?;
        within("the number of distances", distances.len(), 0..=MOST_DISTANCES)?;
        let all = distances.iter().map(|distance| &distance.delays).chain([delays]);
        let mut wrong = all.filter(|it| it.least_ns > it.most_ns || it.most_ns > LONGEST_NS);
        if wrong.next().is_some() {
            return Err("the least delay is not above the most, nor that above a day".into());
        }
        Ok(())
    }
}
