//! What a server's admin address is asked: partitions are to move.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// The path, for a POST.
pub(crate) const MOVES: &str = "/reassign";

/// Partitions of a topic are to be kept by these brokers, in the place of those that do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reassign {
    /// Which topic.
    pub topic: String,
    /// Of each partition that moves; the one that is to lead first.
    pub replicas: BTreeMap<u32, Vec<u32>>,
}

impl fmt::Display for Reassign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (partition, replicas) in &self.replicas {
            let replicas: Vec<_> = replicas.iter().map(u32::to_string).collect();
            writeln!(f, "{} {partition}: moves to {}", self.topic, replicas.join(","))?;
        }
        Ok(())
    }
}
