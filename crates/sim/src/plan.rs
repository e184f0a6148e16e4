//! The plan of a run: how large the cluster is, which faults come when, who joins, and what clients do.
//!
//! It is drawn first (`draft.rs`) and executed then, so that any subset of its steps is a plan too: that
//! is what makes shrinking possible.

use machine::{NodeId, Time};
use serde::{Deserialize, Serialize};

use crate::cluster::{Cluster, Shape};
use crate::fault::{Fault, LONGEST_NS};

const MOST_STEPS: usize = 100_000;
/// Whoever they touch looks through all of them with every message.
const MOST_BETWEEN: usize = 256;
/// Nodes that are looked at, whenever a fault begins, ends or flaps: some seconds of work.
const MOST_WORK: u64 = 2_000_000_000;

/// What will happen in a run, apart from what the world draws as it goes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan<O, C> {
    /// Where it happens.
    pub cluster: Cluster<C>,
    /// When the safety phase ends and a quorum is healed.
    pub heal_at: Time,
    /// When the run ends.
    pub end: Time,
    /// What happens, in the order in which it was drawn.
    pub steps: Vec<Step<O>>,
}

/// One thing that happens.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Step<O> {
    /// A fault holds from one moment to another.
    Fault {
        /// Its beginning.
        at: Time,
        /// Its end.
        until: Time,
        /// What it is.
        fault: Fault,
    },
    /// A client is given an operation.
    Operation {
        /// When.
        at: Time,
        /// Which client.
        node: NodeId,
        /// What.
        operation: O,
    },
    /// A node that was not there from the start is made, and starts.
    Join {
        /// When.
        at: Time,
        /// Which of those that may join.
        node: NodeId,
        /// Where it is.
        zone: u8,
    },
}

impl<O> Step<O> {
    fn fault(&self) -> Option<&Fault> {
        match self {
            Step::Fault { fault, .. } => Some(fault),
            _ => None,
        }
    }
}

impl<O, C: Shape> Plan<O, C> {
    /// Refuses a plan that no [`crate::Draft`] could have drawn: it may come from an untrusted file.
    ///
    /// # Errors
    /// A sentence that names the first thing that is wrong.
    pub fn validate(&self) -> Result<(), String> {
        self.cluster.validate()?;
        if self.steps.len() > MOST_STEPS {
            return Err(format!("a plan has at most {MOST_STEPS} steps"));
        }
        if self.heal_at > self.end || self.end.0 > LONGEST_NS {
            return Err("a run heals before it ends, and ends within a day".into());
        }
        let nodes = self.nodes();
        for step in &self.steps {
            match step {
                Step::Fault { at, until, fault } => {
                    if at > until || until.0 > LONGEST_NS {
                        return Err(format!("\"{fault}\" ends before it begins, or after a day"));
                    }
                    fault.validate(nodes)?;
                }
                Step::Operation { at, node, .. } => {
                    if node.0 >= nodes || at.0 > LONGEST_NS {
                        return Err("an operation is for a node that is not there".into());
                    }
                }
                Step::Join { at, node, .. } => {
                    let may_join = self.cluster.zones.len() as u32..nodes;
                    if !may_join.contains(&node.0) || at.0 > LONGEST_NS {
                        return Err(format!("node {} is not among those that may join", node.0));
                    }
                }
            }
        }
        let faults = || self.steps.iter().filter_map(Step::fault);
        if faults().filter(|fault| fault.is_between()).count() > MOST_BETWEEN {
            return Err(format!(
                "a plan has at most {MOST_BETWEEN} cuts, slow and lossy links and filters of messages"
            ));
        }
        if self.work() > MOST_WORK {
            return Err("the faults are more work than a plan may make".into());
        }
        Ok(())
    }

    /// Nodes are numbered below this: those from the start, and those that may join.
    pub fn nodes(&self) -> u32 {
        self.cluster.shape.numbers() as u32
    }

    /// What carrying out the faults costs, in nodes that are looked at.
    fn work(&self) -> u64 {
        let faults = || {
            self.steps.iter().filter_map(|step| match step {
                Step::Fault { at, until, fault } => Some((fault, until.since(*at))),
                _ => None,
            })
        };
        let nodes = u64::from(self.nodes());
        let aimed: u64 = faults().map(|(fault, _)| fault.aimed(nodes)).sum();
        faults().map(|(fault, lasts)| fault.work(lasts, nodes, aimed)).fold(0, u64::saturating_add)
    }
}
