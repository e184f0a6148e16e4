//! Whose data folder it is.

use serde::{Deserialize, Serialize};

const RAFT: &str = "raft";

/// A node of a cluster. The votes and entries in the folder are those of its number.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct FolderOwner {
    system: String,
    node: u32,
}

impl FolderOwner {
    pub(super) fn new(node: u32) -> FolderOwner {
        FolderOwner { system: RAFT.to_owned(), node }
    }
}

impl host::FolderOwner for FolderOwner {
    const SYSTEMS: &'static [&'static str] = &[RAFT];

    fn is(&self, other: &FolderOwner) -> bool {
        (&self.system, self.node) == (&other.system, other.node)
    }

    fn name(&self) -> String {
        format!("{}, node {}", self.system, self.node)
    }

    fn arguments(&self) -> String {
        format!("--node {}", self.node)
    }

    fn with_another_folder(&self) -> &'static str {
        "(the node then comes back as a new member)"
    }
}
