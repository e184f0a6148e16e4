//! The status of the shards, and adding one: from here or, over several processes, from any of them.
//!
//! The law: a shard is told to join only when all others have settled, so at most one change of the ring
//! is under way. Progress is on the disks: after a crash at any moment, adding a shard again continues
//! the same join.

use serde::{Deserialize, Serialize};

use super::MAX_SHARDS_PER_PROCESS;
use super::front::Front;
use super::owner::StoreKind;
use crate::{Answer, Ask};

/// The status of the shards.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShardsStatus {
    /// Is no change of the ring under way?
    pub settled: bool,
    /// By their places; empty if a database keeps the links.
    pub shards: Vec<ShardStatus>,
}

/// The status of one shard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShardStatus {
    /// Its place.
    pub shard: u32,
    /// The number of keys in its store: its links, copies of ceded links that are not removed yet, and a
    /// few entries about the shard itself.
    pub entries: u64,
    /// `settled`; `donating`, `ceded` or `cleaning` while another joins; `joining`; or `stopped`, while it does not
    /// answer.
    pub state: String,
}

impl Front {
    /// The status of the shards.
    pub async fn shards(&self) -> ShardsStatus {
        let (mut shards, mut on_ring) = (Vec::new(), self.nodes.founders());
        for place in (0..).take_while(|place| self.nodes.has_shard(*place)) {
            let (entries, state) = match self.ask_as_operator(Ask::Shard(place)).await {
                Answer::Shard { entries, phase: Some(phase), shards } => {
                    on_ring = on_ring.max(shards);
                    (entries, phase.word())
                }
                _ if place < on_ring => (0, "stopped"),
                // One that may join, and was not told to.
                _ => break,
            };
            shards.push(ShardStatus { shard: place, entries, state: state.to_owned() });
        }
        ShardsStatus { settled: shards.iter().all(|shard| shard.state == "settled"), shards }
    }

    /// Adds a shard. Returns the status of the shards once it was told to join.
    ///
    /// # Errors
    /// If no shard can join now, with the reason.
    pub async fn add_shard(&self) -> Result<ShardsStatus, String> {
        let _adding = self.nodes.adding.lock().await;
        let ShardsStatus { shards, .. } = self.shards().await;
        if let Some(ShardStatus { shard, state, .. }) =
            shards.iter().find(|shard| shard.state != "settled")
        {
            return Err(format!("shard {shard} is {state}; add another when all have settled"));
        }
        let place = shards.len() as u32;
        self.prepare(place)?;
        match self.ask_as_operator(Ask::Join(place)).await {
            Answer::Agreed => Ok(self.shards().await),
            Answer::Unavailable(why) => {
                let which = self.nodes.cluster.as_ref().map_or("the new shard".to_owned(), |all| {
                    let id = all.processes[place as usize].id;
                    format!("node {id} of the cluster file, whose shard is the next one,")
                });
                Err(format!("{which} did not join: {why}; ask again when it runs"))
            }
            _ => Err("the new shard gave no answer that is known here".to_owned()),
        }
    }

    /// The next shard may be told to join: a new one in this process, or that of another process.
    fn prepare(&self, place: u32) -> Result<(), String> {
        if self.nodes.store_kind == StoreKind::Database {
            return Err("the links are in a database, which grows by its own means".to_owned());
        }
        if self.nodes.has_shard(place) {
            return Ok(());
        }
        if self.nodes.cluster.is_some() {
            let way = "add one with a higher number and spare = true to the file, start it, and start the \
                       others again with that file";
            return Err(format!("all nodes of the cluster file have joined; {way}"));
        }
        if place == MAX_SHARDS_PER_PROCESS {
            return Err(format!(
                "there are {MAX_SHARDS_PER_PROCESS} shards, and no more in one process"
            ));
        }
        // This makes folders and reads a disk.
        tokio::task::block_in_place(|| {
            let node = self.nodes.boot_shard(place, None).map_err(|error| error.to_string())?;
            node.until(|shown| shown.state != "reads its disk")
        })
    }
}
