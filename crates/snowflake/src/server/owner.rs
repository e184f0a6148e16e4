//! Whose data folder it is.

use serde::{Deserialize, Serialize};

use crate::Layout;

/// One of the servers, and what its promises about the files in the folder depend on.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "system")]
pub(super) enum FolderOwner {
    /// A worker with a number of its own. Another number's, or another layout's, knows nothing of the high-water
    /// mark in the folder.
    #[serde(rename = "snowflake")]
    Worker { worker: u64, layout: Layout },
    /// A worker that leases its number. What it keeps is who it is, so that it gets its number back.
    #[serde(rename = "snowflake with a leased number")]
    Leased {},
    /// The leases of another number of workers are not these.
    #[serde(rename = "the authority of snowflake")]
    Authority { workers: u64 },
    /// One of several authorities votes under its number, so another number's folder has other votes.
    #[serde(rename = "one of several authorities of snowflake")]
    OneOfSeveral { workers: u64, node: u32 },
}

impl host::FolderOwner for FolderOwner {
    const SYSTEMS: &'static [&'static str] = &[
        "snowflake",
        "snowflake with a leased number",
        "the authority of snowflake",
        "one of several authorities of snowflake",
    ];

    fn verb(&self) -> &'static str {
        match self {
            FolderOwner::Worker { .. } => "serve",
            FolderOwner::Leased {} => "serve --authority",
            FolderOwner::Authority { .. } | FolderOwner::OneOfSeveral { .. } => "authority",
        }
    }

    fn with_another_folder(&self) -> &'static str {
        match self {
            FolderOwner::Worker { .. } => "and a worker number never used before with --worker",
            FolderOwner::Leased {} => "(the worker then leases another number)",
            FolderOwner::Authority { .. } => "once no worker holds a lease of this one any more",
            FolderOwner::OneOfSeveral { .. } => "(it then comes back as a new member)",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use host::FolderOwner as _;

    fn worker(worker: u64, layout: &str) -> FolderOwner {
        FolderOwner::Worker { worker, layout: layout.parse().unwrap() }
    }

    #[test]
    fn a_layout_is_its_bits_not_its_name() {
        let spec = "custom:epoch=1288834974657,tick=1ms,timestamp=41,worker=10,sequence=12";
        let (named, spelled) = (worker(3, "twitter"), worker(3, spec));
        assert!(named.is(&spelled) && spelled.is(&named));
        assert!(!named.is(&worker(4, "twitter")) && !named.is(&worker(3, "wide")));
    }

    #[test]
    fn a_folder_says_whose_it_is_and_how_to_use_it() {
        let (name, arguments) = (worker(3, "wide").name(), worker(3, "wide").arguments());
        assert_eq!(name, "snowflake, layout wide, worker 3");
        assert_eq!(arguments, "serve --layout wide --worker 3");
        let one = FolderOwner::OneOfSeveral { workers: 8, node: 1 };
        assert_eq!(one.name(), "one of several authorities of snowflake, node 1, workers 8");
        assert_eq!(one.arguments(), "authority --node 1 --workers 8");
        assert_eq!(FolderOwner::Leased {}.arguments(), "serve --authority");
    }

    #[test]
    fn servers_of_different_kinds_own_different_folders() {
        let authority = |workers| FolderOwner::Authority { workers };
        let several = |workers, node| FolderOwner::OneOfSeveral { workers, node };
        let kinds = [worker(3, "twitter"), FolderOwner::Leased {}, authority(8), authority(9)];
        let council = [several(8, 0), several(8, 1), several(9, 0)];
        let kinds: Vec<_> = kinds.into_iter().chain(council).collect();
        for (at, one) in kinds.iter().enumerate() {
            for (other_at, other) in kinds.iter().enumerate() {
                assert_eq!(one.is(other), at == other_at);
            }
            let text = serde_json::to_string(one).unwrap();
            assert!(serde_json::from_str::<FolderOwner>(&text).unwrap().is(one), "{text}");
        }
    }
}
