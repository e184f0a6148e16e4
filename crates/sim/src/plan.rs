//! The plan of a run: how large the cluster is, which faults come when, and what clients do.
//!
//! It is drawn first (`draft.rs`) and executed then, so that any subset of its steps is a plan too: that
//! is what makes shrinking possible.

use machine::{NodeId, Time};
use serde::{Deserialize, Serialize};

use crate::cluster::{Cluster, Shape};
use crate::fault::{Fault, LONGEST_NS};

const MOST_STEPS: usize = 100_000;
/// Faults are looked at together whenever one of them begins or ends.
const MOST_FAULTS: usize = 2_000;
/// Links that faults name, and cells of the matrix of cuts that flapping rewrites, in all: some
/// seconds of work.
const MOST_LINKS: u64 = 1_000_000;
const MOST_REWRITTEN: u64 = 2_000_000_000;

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
}

impl<O, C: Shape> Plan<O, C> {
    /// Refuses a plan that no [`crate::Draft`] could have drawn: it may come from an untrusted file.
    ///
    /// # Errors
    /// A sentence that names the first thing that is wrong.
    pub fn validate(&self) -> Result<(), String> {
        self.cluster.validate()?;
        let nodes = self.cluster.zones.len() as u32;
        if self.steps.len() > MOST_STEPS {
            return Err(format!("a plan has at most {MOST_STEPS} steps"));
        }
        if self.heal_at > self.end || self.end.0 > LONGEST_NS {
            return Err("a run heals before it ends, and ends within a day".into());
        }
        let (mut faults, mut links, mut rewritten) = (0, 0u64, 0u64);
        for step in &self.steps {
            match step {
                Step::Fault { at, until, fault } => {
                    faults += 1;
                    links = links.saturating_add(fault.links());
                    let flaps = fault.flaps(until.since(*at));
                    // The least that it costs to look at all faults anew.
                    let cells = (u64::from(nodes) * u64::from(nodes)).max(1_000);
                    rewritten = rewritten.saturating_add(flaps.saturating_mul(cells));
                    if faults > MOST_FAULTS || links > MOST_LINKS || rewritten > MOST_REWRITTEN {
                        return Err("the faults are more work than a plan may make".into());
                    }
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
            }
        }
        Ok(())
    }
}
