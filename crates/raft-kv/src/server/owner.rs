//! Whose data folder it is.

use serde::{Deserialize, Serialize};

/// A node of a cluster. The votes and entries in the folder are those of its number.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "system")]
pub(super) enum FolderOwner {
    #[serde(rename = "raft")]
    Node { node: u32 },
}

impl host::FolderOwner for FolderOwner {
    const SYSTEMS: &'static [&'static str] = &["raft"];

    fn with_another_folder(&self) -> &'static str {
        "(the node then comes back as a new member)"
    }
}
