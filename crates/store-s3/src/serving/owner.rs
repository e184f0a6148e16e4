//! Whose data folder it is.

use serde::{Deserialize, Serialize};

/// A node of a store. What is in the folder is that of its number; of which store it is, the node knows.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "system")]
pub(super) enum FolderOwner {
    #[serde(rename = "object-store")]
    Node { node: u32 },
}

impl host::FolderOwner for FolderOwner {
    const SYSTEMS: &'static [&'static str] = &["object-store"];

    fn with_another_folder(&self) -> &'static str {
        "(the node then comes back as a new one)"
    }
}
