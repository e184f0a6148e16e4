//! The status of the shards in this process, and adding a shard.
//!
//! The law: a shard is told to join only when all others have settled, so at most one change of the ring
//! is under way. Progress is on the disks: after a crash at any moment, adding a shard again continues
//! the same join.

use std::sync::Arc;

use host::{Node, Session};

use super::nodes::Nodes;
use super::owner::StoreKind;
use super::{MAX_SHARDS_PER_PROCESS, Member, PATIENCE};
use crate::{Call, Message, Reply};
use serde::{Deserialize, Serialize};

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
    /// `settled`; `donating`, `ceded` or `cleaning` while another joins; `joining`; `new` before that;
    /// `booting` or `stopped`.
    pub state: String,
}

impl Nodes {
    /// The status of the shards.
    pub(super) async fn shards(&self) -> ShardsStatus {
        status(&self.shards.lock().await)
    }

    /// Adds a shard. Returns the status of the shards once it was told to join.
    ///
    /// # Errors
    /// If no shard can join now, with the reason.
    pub(super) async fn add_shard(&self) -> Result<ShardsStatus, String> {
        let mut shards = self.shards.lock().await;
        let joins = self.next(&mut shards)?;
        let join = |call| Message::Call { call, wanted: Call::Join };
        match Session::new(&joins).ask_once(PATIENCE, join).await {
            Ok(Message::Reply { reply: Reply::Agreed, .. }) => Ok(status(&shards)),
            Ok(Message::Reply { reply: Reply::Refused(why), .. }) => {
                Err(format!("the new shard says: {why}; ask again"))
            }
            _ => Err("the new shard did not answer in time; ask again".to_owned()),
        }
    }

    /// The shard that joins next: a new one, or one that was started before and not told to join.
    fn next(&self, shards: &mut Vec<Arc<Node<Member>>>) -> Result<Arc<Node<Member>>, String> {
        let known = status(shards).shards;
        if let Some(place) = known.iter().position(|shard| shard.state != "settled") {
            let ShardStatus { shard, state, .. } = &known[place];
            return match state.as_str() {
                "new" => Ok(shards[place].clone()),
                _ => Err(format!("shard {shard} is {state}; add another when all have settled")),
            };
        }
        if self.starter.store_kind == StoreKind::Database {
            return Err("the links are in a database, which grows by its own means".to_owned());
        }
        let place = shards.len() as u32;
        if place == MAX_SHARDS_PER_PROCESS {
            return Err(format!(
                "there are {MAX_SHARDS_PER_PROCESS} shards, and no more in one process"
            ));
        }
        // This makes folders and reads a disk.
        let node = tokio::task::block_in_place(|| {
            let node = self.starter.shard(place).map_err(|error| error.to_string())?;
            node.until(|shown| shown.state != "reads its disk").map(|()| node)
        })?;
        shards.push(node.clone());
        Ok(node)
    }
}

fn status(shards: &[Arc<Node<Member>>]) -> ShardsStatus {
    let one = |(shard, node): (u32, &Arc<Node<Member>>)| {
        let looked = node.look(|member| match member {
            Member::Shard(shard) => Some((shard.entries() as u64, shard.ring_status())),
            _ => None,
        });
        let (entries, state) = looked.flatten().unwrap_or((0, "stopped"));
        ShardStatus { shard, entries, state: state.to_owned() }
    };
    let shards: Vec<ShardStatus> = (0..).zip(shards).map(one).collect();
    ShardsStatus { settled: shards.iter().all(|shard| shard.state == "settled"), shards }
}
