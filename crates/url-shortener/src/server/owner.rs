//! The owner file of a data folder.

use bytes::Bytes;
use journal::{BOUND, Bound};
use serde::{Deserialize, Serialize};

const SYSTEM: &str = "url-shortener";

/// Who keeps the links.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum StoreKind {
    /// Shards, of which this many are founders.
    Shards {
        founders: u32,
    },
    /// Shards in a process each, of which this is that of this node.
    Process {
        founders: u32,
        node: u32,
    },
    Database,
}

/// A node of the service.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct FolderOwner {
    system: String,
    /// Such as `shard-0`.
    node: String,
    #[serde(rename = "keepers")]
    pub(super) store_kind: StoreKind,
    /// Its disk began with a bound. Those of earlier versions get one that takes over what is there.
    #[serde(default)]
    bound: bool,
}

impl FolderOwner {
    pub(super) fn new(node: impl Into<String>, store_kind: StoreKind) -> FolderOwner {
        FolderOwner { system: SYSTEM.to_owned(), node: node.into(), store_kind, bound: true }
    }
}

impl host::FolderOwner for FolderOwner {
    const SYSTEMS: &'static [&'static str] = &[SYSTEM];

    fn is(&self, other: &FolderOwner) -> bool {
        (&self.system, &self.node, self.store_kind)
            == (&other.system, &other.node, other.store_kind)
    }

    fn stands_for(&self, file: &str) -> Option<Bytes> {
        (!self.bound && file == BOUND).then(Bound::taking_over)
    }

    fn name(&self) -> String {
        format!("{}, {}", self.system, self.node)
    }

    fn arguments(&self) -> String {
        match self.store_kind {
            StoreKind::Shards { .. } => "it without --store and --cluster".to_owned(),
            StoreKind::Process { founders, node } => {
                format!("--node {node}, and --cluster with {founders} nodes that are no spares")
            }
            StoreKind::Database => "--store, with a database".to_owned(),
        }
    }

    fn with_another_folder(&self) -> &'static str {
        "(export the links and import them there)"
    }
}
