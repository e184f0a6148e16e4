//! Whose data folder it is.

use serde::{Deserialize, Serialize};

use super::Kind;

/// A node of a cluster. What is in the folder is that of its number; of which cluster it is, the node knows.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "system")]
pub(super) enum FolderOwner {
    #[serde(rename = "replicated-log")]
    Broker { broker: u32 },
    #[serde(rename = "replicated-log controller")]
    Controller { controller: u32 },
}

impl FolderOwner {
    pub(super) fn new(kind: Kind, process: u32) -> FolderOwner {
        match kind {
            Kind::Broker => FolderOwner::Broker { broker: process },
            Kind::Controller => FolderOwner::Controller { controller: process },
        }
    }
}

impl host::FolderOwner for FolderOwner {
    const SYSTEMS: &'static [&'static str] = &["replicated-log", "replicated-log controller"];

    fn with_another_folder(&self) -> &'static str {
        "(the node then comes back as a new one)"
    }
}
