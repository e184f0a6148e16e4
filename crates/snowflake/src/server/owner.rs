//! Whose data folder it is.

use serde::{Deserialize, Serialize};

use crate::Layout;

const WORKER: &str = "snowflake";
const LEASED: &str = "snowflake with a leased number";
const AUTHORITY: &str = "the authority of snowflake";
const ONE_OF_SEVERAL: &str = "one of several authorities of snowflake";

/// One of the servers, and what its promises about the files in the folder depend on.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "system")]
pub(super) enum FolderOwner {
    /// A worker with a number of its own. Another number's, or another layout's, knows nothing of the high-water
    /// mark in the folder.
    #[serde(rename = "snowflake")]
    Worker { worker: u64, layout: String },
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

impl FolderOwner {
    /// A worker with a number of its own.
    pub(super) fn worker(worker: u64, layout: &Layout) -> FolderOwner {
        FolderOwner::Worker { worker, layout: layout.to_string() }
    }
}

impl host::FolderOwner for FolderOwner {
    const SYSTEMS: &'static [&'static str] = &[WORKER, LEASED, AUTHORITY, ONE_OF_SEVERAL];

    fn is(&self, other: &FolderOwner) -> bool {
        use FolderOwner::Worker;
        let (Worker { worker, layout }, Worker { worker: theirs, layout: their_layout }) =
            (self, other)
        else {
            return self == other;
        };
        // The same bits, whether or not one of the two says them by a name.
        let same = match (layout.parse::<Layout>(), their_layout.parse::<Layout>()) {
            (Ok(ours), Ok(theirs)) => ours.is_the_same_as(&theirs),
            _ => layout == their_layout,
        };
        same && worker == theirs
    }

    fn name(&self) -> String {
        match self {
            FolderOwner::Worker { worker, layout } => {
                format!("{WORKER}, worker {worker}, layout {layout}")
            }
            FolderOwner::Leased {} => LEASED.to_owned(),
            FolderOwner::Authority { workers } => format!("{AUTHORITY}, over {workers} workers"),
            FolderOwner::OneOfSeveral { workers, node } => {
                format!("{ONE_OF_SEVERAL}, over {workers} workers, node {node}")
            }
        }
    }

    fn arguments(&self) -> String {
        match self {
            FolderOwner::Worker { worker, layout } => {
                format!("serve --worker {worker} --layout {layout}")
            }
            FolderOwner::Leased {} => "serve --authority".to_owned(),
            FolderOwner::Authority { workers } => format!("authority --workers {workers}"),
            FolderOwner::OneOfSeveral { workers, node } => {
                format!("authority --workers {workers} --node {node}")
            }
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

    #[test]
    fn a_layout_is_its_bits_not_its_name() {
        let spec = "custom:epoch=1288834974657,tick=1ms,timestamp=41,worker=10,sequence=12";
        let spelled: Layout = spec.parse().unwrap();
        let (named, spelled) =
            (FolderOwner::worker(3, &Layout::twitter()), FolderOwner::worker(3, &spelled));
        assert!(named.is(&spelled) && spelled.is(&named));
        assert!(!named.is(&FolderOwner::worker(4, &Layout::twitter())));
        assert!(!named.is(&FolderOwner::worker(3, &Layout::wide())));
    }

    fn authority(workers: u64) -> FolderOwner {
        FolderOwner::Authority { workers }
    }

    fn several(workers: u64, node: u32) -> FolderOwner {
        FolderOwner::OneOfSeveral { workers, node }
    }

    #[test]
    fn servers_of_different_kinds_own_different_folders() {
        let worker = FolderOwner::worker(3, &Layout::twitter());
        let council = [several(8, 0), several(8, 1), several(9, 0)];
        let kinds = [worker, FolderOwner::Leased {}, authority(8), authority(9)];
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
