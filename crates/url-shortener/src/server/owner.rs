//! Whose data folder it is.

use serde::{Deserialize, Serialize};

/// A node of the service.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Owner {
    system: String,
    /// Such as `shard-0`.
    node: String,
    /// Who keeps the links that it knows of, as arguments.
    keeper: String,
}

impl Owner {
    pub(super) fn new(node: impl Into<String>, keeper: impl Into<String>) -> Owner {
        Owner { system: "url-shortener".to_owned(), node: node.into(), keeper: keeper.into() }
    }
}

impl host::Owner for Owner {
    fn is(&self, other: &Owner) -> bool {
        (&self.system, &self.node, &self.keeper) == (&other.system, &other.node, &other.keeper)
    }

    fn name(&self) -> String {
        format!("{}, {}", self.system, self.node)
    }

    fn arguments(&self) -> String {
        self.keeper.clone()
    }

    fn with_another_folder(&self) -> &'static str {
        "(export the links and import them there)"
    }
}
