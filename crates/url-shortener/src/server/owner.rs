//! Whose data folder it is.

use serde::{Deserialize, Serialize};

const SYSTEM: &str = "url-shortener";

/// Who keeps the links.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Keepers {
    /// Shards, so many at first.
    Shards {
        founders: u32,
    },
    Database,
}

/// A node of the service.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct FolderOwner {
    system: String,
    /// Such as `shard-0`.
    node: String,
    pub(super) keepers: Keepers,
}

impl FolderOwner {
    pub(super) fn new(node: impl Into<String>, keepers: Keepers) -> FolderOwner {
        FolderOwner { system: SYSTEM.to_owned(), node: node.into(), keepers }
    }
}

impl host::FolderOwner for FolderOwner {
    const SYSTEMS: &'static [&'static str] = &[SYSTEM];

    fn is(&self, other: &FolderOwner) -> bool {
        (&self.system, &self.node, self.keepers) == (&other.system, &other.node, other.keepers)
    }

    fn name(&self) -> String {
        format!("{}, {}", self.system, self.node)
    }

    fn arguments(&self) -> String {
        match self.keepers {
            Keepers::Shards { .. } => "it without --store".to_owned(),
            Keepers::Database => "--store, with a database".to_owned(),
        }
    }

    fn with_another_folder(&self) -> &'static str {
        "(export the links and import them there)"
    }
}
