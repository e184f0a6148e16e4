//! Whose data folder it is.

use serde::{Deserialize, Serialize};

use crate::Layout;

const WORKER: &str = "snowflake";
const LEASED: &str = "snowflake with a leased number";
const AUTHORITY: &str = "the authority of snowflake";
const REPLICATED_AUTHORITY: &str = "one of several authorities of snowflake";

/// One of the servers, and what its promises about the files in the folder depend on.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct FolderOwner {
    system: String,
    /// What a server with another number mints knows nothing of the high-water mark in the folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    worker: Option<u64>,
    /// And so it is with another layout.
    #[serde(skip_serializing_if = "Option::is_none")]
    layout: Option<String>,
    /// The leases of another number of workers are not these.
    #[serde(skip_serializing_if = "Option::is_none")]
    workers: Option<u64>,
    /// One of several authorities votes under its number, so another number's folder has other votes.
    #[serde(skip_serializing_if = "Option::is_none")]
    node: Option<u32>,
}

impl FolderOwner {
    /// A worker with a number of its own.
    pub(super) fn worker(worker: u64, layout: &Layout) -> FolderOwner {
        let (worker, layout) = (Some(worker), Some(layout.to_string()));
        FolderOwner { system: WORKER.to_owned(), worker, layout, workers: None, node: None }
    }

    /// A worker that leases its number. What it keeps is who it is, so that it gets its number back.
    pub(super) fn leased() -> FolderOwner {
        FolderOwner {
            system: LEASED.to_owned(),
            worker: None,
            layout: None,
            workers: None,
            node: None,
        }
    }

    /// An authority over so many workers.
    pub(super) fn authority(workers: u64) -> FolderOwner {
        let (system, workers) = (AUTHORITY.to_owned(), Some(workers));
        FolderOwner { system, worker: None, layout: None, workers, node: None }
    }

    /// One of several authorities over so many workers.
    pub(super) fn replicated_authority(workers: u64, node: u32) -> FolderOwner {
        let (system, workers, node) = (REPLICATED_AUTHORITY.to_owned(), Some(workers), Some(node));
        FolderOwner { system, worker: None, layout: None, workers, node }
    }

    /// The same bits, whether or not one of the two says them by a name.
    fn has_layout_of(&self, other: &FolderOwner) -> bool {
        let parsed = |owner: &FolderOwner| owner.layout.as_ref()?.parse::<Layout>().ok();
        match (parsed(self), parsed(other)) {
            (Some(ours), Some(theirs)) => ours.is_the_same_as(&theirs),
            _ => self.layout == other.layout,
        }
    }
}

impl host::FolderOwner for FolderOwner {
    const SYSTEMS: &'static [&'static str] = &[WORKER, LEASED, AUTHORITY, REPLICATED_AUTHORITY];

    fn is(&self, other: &FolderOwner) -> bool {
        let key =
            |owner: &FolderOwner| (owner.system.clone(), owner.worker, owner.workers, owner.node);
        key(self) == key(other) && self.has_layout_of(other)
    }

    fn name(&self) -> String {
        let mut name = self.system.clone();
        if let (Some(worker), Some(layout)) = (self.worker, &self.layout) {
            name += &format!(", worker {worker}, layout {layout}");
        }
        if let Some(workers) = self.workers {
            name += &format!(", over {workers} workers");
        }
        if let Some(node) = self.node {
            name += &format!(", node {node}");
        }
        name
    }

    fn arguments(&self) -> String {
        match (self.worker, &self.layout, self.workers) {
            (Some(worker), Some(layout), _) => {
                format!("serve --worker {worker} --layout {layout}")
            }
            (_, _, Some(workers)) => {
                let node = self.node.map(|node| format!(" --node {node}")).unwrap_or_default();
                format!("authority --workers {workers}{node}")
            }
            _ => "serve --authority".to_owned(),
        }
    }

    fn with_another_folder(&self) -> &'static str {
        match self.system.as_str() {
            LEASED => "(the worker then leases another number)",
            REPLICATED_AUTHORITY => "(it then comes back as a new member)",
            AUTHORITY => "once no worker holds a lease of this one any more",
            _ => "and a worker number never used before with --worker",
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

    #[test]
    fn servers_of_different_kinds_own_different_folders() {
        let worker = FolderOwner::worker(3, &Layout::twitter());
        let council = [
            FolderOwner::replicated_authority(8, 0),
            FolderOwner::replicated_authority(8, 1),
            FolderOwner::replicated_authority(9, 0),
        ];
        let kinds =
            [worker, FolderOwner::leased(), FolderOwner::authority(8), FolderOwner::authority(9)];
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
