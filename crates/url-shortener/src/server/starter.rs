//! Starts nodes: each gets a folder, and a place among the nodes of this process.

use std::sync::Arc;

use host::{LocalNodes, Metrics, Node, RunningNodes, SharedFolder};
use machine::{NodeId, Switches};
use tokio::runtime::Handle;
use tokio::sync::mpsc::UnboundedSender;

use super::delivery::{Delivery, PendingAnswers};
use super::metrics::ServerMetrics;
use super::owner::{FolderOwner, StoreKind};
use super::{FIRST_SHARD, MAX_SHARDS_PER_PROCESS, Member, ServeError};
use crate::{Limits, Message, Roster, Shard};

/// What nodes of one service share.
pub(super) struct NodeStarter {
    pub(super) whole: SharedFolder,
    pub(super) store_kind: StoreKind,
    pub(super) runtime: Handle,
    pub(super) metrics: Metrics,
    pub(super) local: Arc<LocalNodes<Member>>,
    /// Calls to the first shard, if it is a database.
    pub(super) database: Option<UnboundedSender<Message>>,
    pub(super) pending: Arc<PendingAnswers>,
    pub(super) running: RunningNodes<Member>,
}

impl NodeStarter {
    /// Starts this machine in the folder of this name.
    ///
    /// # Errors
    /// If the folder cannot be used, or belongs to another node.
    pub(super) fn start(
        &self,
        me: NodeId,
        name: &str,
        machine: Member,
    ) -> Result<Arc<Node<Member>>, ServeError> {
        let folder = self.whole.part(name, FolderOwner::new(name, self.store_kind), &[]);
        let folder = folder.map_err(ServeError::Folder)?;
        let (database, pending) = (self.database.clone(), self.pending.clone());
        let outside = Delivery { me, database, pending, counts: ServerMetrics::new(&self.metrics) };
        let disk = (folder.files(&self.metrics), folder.disk());
        let _runtime = self.runtime.enter();
        let node = self.local.start(me, machine, disk, Arc::new(outside), &self.metrics);
        self.running.add(node.clone(), folder);
        Ok(node)
    }

    /// Starts the shard at this place.
    ///
    /// # Errors
    /// If the folder cannot be used, or is another's.
    pub(super) fn shard(&self, place: u32) -> Result<Arc<Node<Member>>, ServeError> {
        let limits = Limits::default();
        let shard = Shard::new(place, self.store_kind.roster(), limits, Switches::ALL_ON);
        self.start(NodeId(FIRST_SHARD + place), &folder_of(place), Member::Shard(shard))
    }
}

/// The folder of the shard at this place.
pub(super) fn folder_of(place: u32) -> String {
    format!("shard-{place}")
}

impl StoreKind {
    /// The shards, and those that may join. A database stands in for one shard.
    pub(super) fn roster(self) -> Roster {
        let (founders, most) = match self {
            StoreKind::Shards { founders } => (founders, MAX_SHARDS_PER_PROCESS),
            StoreKind::Database => (1, 1),
        };
        Roster { nodes: (FIRST_SHARD..FIRST_SHARD + most).map(NodeId).collect(), founders }
    }
}
