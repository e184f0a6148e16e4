//! Where a node is put to work: its folder, its inbox, and where its messages go.

use std::sync::Arc;

use host::{Metrics, Node, RunningNodes, SharedFolder};
use machine::{NodeId, Switches};
use tokio::runtime::Handle;

use super::counts::ServerCounts;
use super::delivery::{Delivery, Inboxes, Waiting, drain_inbox};
use super::owner::{FolderOwner, Keepers};
use super::{FIRST_SHARD, MOST_HERE, Member, ServeError};
use crate::{Limits, Roster, Shard};

/// What nodes of one service share.
pub(super) struct NodeStarter {
    pub(super) whole: SharedFolder,
    pub(super) keepers: Keepers,
    pub(super) runtime: Handle,
    pub(super) metrics: Metrics,
    pub(super) inboxes: Inboxes,
    pub(super) waiting: Arc<Waiting>,
    pub(super) running: RunningNodes<Member>,
}

impl NodeStarter {
    /// Starts this machine in the folder of this name.
    ///
    /// # Errors
    /// If the folder cannot be used, or is another's.
    pub(super) fn start(
        &self,
        me: NodeId,
        name: &str,
        machine: Member,
    ) -> Result<Arc<Node<Member>>, ServeError> {
        let folder = self.whole.part(name, FolderOwner::new(name, self.keepers), &[]);
        let folder = folder.map_err(ServeError::Folder)?;
        let (inboxes, waiting) = (self.inboxes.clone(), self.waiting.clone());
        let outside = Delivery { me, inboxes, waiting, counts: ServerCounts::new(&self.metrics) };
        let files = folder.files(&self.metrics);
        let node = Node::start(machine, files, folder.disk(), Arc::new(outside), &self.metrics);
        drain_inbox(node.clone(), self.inboxes.open(me), self.runtime.clone());
        self.running.add(node.clone(), folder);
        Ok(node)
    }

    /// Starts the shard at this place.
    ///
    /// # Errors
    /// If the folder cannot be used, or is another's.
    pub(super) fn shard(&self, place: u32) -> Result<Arc<Node<Member>>, ServeError> {
        let limits = Limits::default();
        let shard = Shard::new(place, self.keepers.roster(), limits, Switches::ALL_ON);
        self.start(NodeId(FIRST_SHARD + place), &folder_of(place), Member::Shard(shard))
    }
}

/// The folder of the shard at this place.
pub(super) fn folder_of(place: u32) -> String {
    format!("shard-{place}")
}

impl Keepers {
    /// Who the shards are, and who may join them. A database is in the place of one.
    pub(super) fn roster(self) -> Roster {
        let (founders, most) = match self {
            Keepers::Shards { founders } => (founders, MOST_HERE),
            Keepers::Database => (1, 1),
        };
        Roster { nodes: (FIRST_SHARD..FIRST_SHARD + most).map(NodeId).collect(), founders }
    }
}
