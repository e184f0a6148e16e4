//! For promises: what a disk may lose without a word.
//!
//! The limit of a bound is the second before a crash: what became durable after it was written last it does not
//! know. All else that is lost with a file must be told.

use std::time::Duration;

use machine::{Machine, NodeId, Time};
use sim::{FileChange, World};

use crate::bound::BOUND;

/// A bound is raised a second after a file has grown, at the latest; a write of it takes time too.
const LATEST: Duration = Duration::from_millis(1_100);

/// Watches the disk of a node, after every event.
#[derive(Clone, Debug)]
pub struct Unseen {
    node: NodeId,
    /// How many changes of its files were looked at.
    looked_at: u64,
    /// When its bound was synced last. The next write was begun later, so it has what was durable then.
    synced: Time,
    /// The bound that is on the disk has all that was durable at this time.
    known: Time,
}

impl Unseen {
    /// Of this node.
    pub fn of(node: NodeId) -> Unseen {
        Unseen { node, looked_at: 0, synced: Time(0), known: Time(0) }
    }

    /// If its disk has lost a file, or the end of one, since the last look: of what became durable up to this time,
    /// nothing may be missing unseen.
    pub fn lost<M: Machine>(&mut self, world: &World<M>) -> Option<Time> {
        let (now, mut lost) = (world.now(), None);
        for (file, change) in world.changed_files(self.node, self.looked_at) {
            match change {
                FileChange::Synced if file == BOUND => {
                    self.known = std::mem::replace(&mut self.synced, now);
                }
                FileChange::Lost => {
                    let latest = u64::try_from(LATEST.as_nanos()).unwrap_or(u64::MAX);
                    lost = Some(self.known.max(Time(now.0.saturating_sub(latest))));
                }
                _ => {}
            }
        }
        self.looked_at = world.file_changes(self.node);
        lost
    }
}
