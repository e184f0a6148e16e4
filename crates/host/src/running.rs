//! The nodes of a server, with their data folders: those that it began with, and those that came later.
//!
//! The law: who comes when the server has stopped is stopped at once, and folders are given back when the
//! last write of their nodes is over.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use machine::{GRACE, Machine};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::folder::Folder;
use crate::node::Node;

/// Nodes at work. Clones share them.
pub struct RunningNodes<M: Machine>(Arc<Shared<M>>);

struct Shared<M: Machine> {
    /// None when the server has stopped.
    at_work: Mutex<Option<AtWork<M>>>,
    came: Notify,
}

struct AtWork<M: Machine> {
    nodes: Vec<Arc<Node<M>>>,
    folders: Vec<Folder>,
}

impl<M: Machine> Clone for RunningNodes<M> {
    fn clone(&self) -> Self {
        RunningNodes(self.0.clone())
    }
}

impl<M: Machine> Default for RunningNodes<M> {
    fn default() -> Self {
        let at_work = Mutex::new(Some(AtWork { nodes: Vec::new(), folders: Vec::new() }));
        RunningNodes(Arc::new(Shared { at_work, came: Notify::new() }))
    }
}

impl<M: Machine> RunningNodes<M> {
    /// One more is at work, in this folder, if no other has that.
    pub fn add(&self, node: Arc<Node<M>>, folder: impl Into<Option<Folder>>) {
        match &mut *self.at_work() {
            Some(at_work) => {
                at_work.nodes.push(node);
                at_work.folders.extend(folder.into());
            }
            None => node.stop(),
        }
        self.0.came.notify_one();
    }

    /// All of them, in the order in which they came.
    pub fn nodes(&self) -> Vec<Arc<Node<M>>> {
        self.at_work().iter().flat_map(|at_work| at_work.nodes.clone()).collect()
    }

    /// Ends when one of them has stopped by itself, with its sentence.
    pub(crate) async fn first_halt(&self) -> String {
        loop {
            let mut halts: JoinSet<_> =
                self.nodes().into_iter().map(|node| async move { node.halt().await }).collect();
            tokio::select! {
                Some(Ok(why)) = halts.join_next() => return why,
                () = self.0.came.notified() => {}
            }
        }
    }

    /// Tells all of them to stop, and waits until they have: each when those before it have, which may need it for
    /// that; all when they had the grace of one.
    ///
    /// # Errors
    /// With the sentence of one that halted.
    pub(crate) async fn stop_in_good_order(&self) -> Result<(), String> {
        let mut stopping = JoinSet::new();
        let mut patience = std::pin::pin!(sleep(GRACE));
        for node in self.nodes() {
            let told = node.clone();
            stopping.spawn(async move { told.stop_in_good_order().await });
            if !patience.is_elapsed() {
                tokio::select! {
                    _ = node.until_over() => {}
                    () = &mut patience => {}
                }
            }
        }
        stopping.join_all().await.into_iter().collect()
    }

    /// Stops all of them, and gives their folders back.
    pub(crate) fn stop(&self) {
        let at_work = self.at_work().take();
        at_work.iter().flat_map(|at_work| &at_work.nodes).for_each(|node| node.stop());
    }

    fn at_work(&self) -> MutexGuard<'_, Option<AtWork<M>>> {
        // Lists are whole between any two calls on them.
        self.0.at_work.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
