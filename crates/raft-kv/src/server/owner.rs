//! Whose data folder it is.

use serde::{Deserialize, Serialize};

const RAFT: &str = "raft";

/// A node of a cluster. What is in the folder was sworn under its number.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Owner {
    system: String,
    node: u32,
}

impl Owner {
    pub(super) fn new(node: u32) -> Owner {
        Owner { system: RAFT.to_owned(), node }
    }
}

impl host::Owner for Owner {
    const SYSTEMS: &'static [&'static str] = &[RAFT];

    fn is(&self, other: &Owner) -> bool {
        (&self.system, self.node) == (&other.system, other.node)
    }

    fn name(&self) -> String {
        format!("{}, node {}", self.system, self.node)
    }

    fn arguments(&self) -> String {
        format!("--node-id {}", self.node)
    }

    fn with_another_folder(&self) -> &'static str {
        "(the node then comes back as a new member)"
    }
}
