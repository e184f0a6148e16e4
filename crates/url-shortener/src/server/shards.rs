//! How the shards of this process stand, and how one more of them joins.
//!
//! The law: a shard is told to join when all others have settled, so one change of the ring is under way at
//! most. What the disks say survives a crash at any moment: whoever asks again goes on where it stopped.

use std::sync::Arc;

use host::{FRONT_END, Node};
use machine::Input;
use tokio::time::timeout;

use super::nodes::Nodes;
use super::owner::Keepers;
use super::{MOST_HERE, Member, PATIENCE};
use crate::{Call, Message, Reply};
use serde::{Deserialize, Serialize};

/// How the shards stand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shards {
    /// Is no change of the ring under way?
    pub settled: bool,
    /// By their places; none where a database keeps the links.
    pub shards: Vec<OneShard>,
}

/// A shard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OneShard {
    /// Its place.
    pub shard: u32,
    /// What its store finds by keys: its links, copies that are not yet taken away, and a few notes of its own.
    pub entries: u64,
    /// `settled`; `donating`, `ceded` or `cleaning` while another joins; `joining`; `new` before that;
    /// `booting` or `stopped`.
    pub state: String,
}

impl Nodes {
    /// How the shards stand.
    pub(super) async fn shards(&self) -> Shards {
        stand(&self.shards.lock().await)
    }

    /// One more shard joins; how they stand when it was told.
    ///
    /// # Errors
    /// With a sentence, if none can join now.
    pub(super) async fn add_shard(&self) -> Result<Shards, String> {
        let mut shards = self.shards.lock().await;
        let joins = self.next(&mut shards)?;
        let place = self.waiting().replies.wait();
        let message = Message::Call { call: place.token, wanted: Call::Join };
        joins.input(Input::Message { from: FRONT_END, message });
        match timeout(PATIENCE, place.answer()).await {
            Ok(Some(Reply::Agreed)) => Ok(stand(&shards)),
            Ok(Some(Reply::Refused(why))) => Err(format!("the new shard says: {why}; ask again")),
            _ => Err("the new shard did not answer in time; ask again".to_owned()),
        }
    }

    /// The shard that joins next: one that was made and not told yet, or a new one.
    fn next(&self, shards: &mut Vec<Arc<Node<Member>>>) -> Result<Arc<Node<Member>>, String> {
        let known = stand(shards).shards;
        if let Some(place) = known.iter().position(|shard| shard.state != "settled") {
            let OneShard { shard, state, .. } = &known[place];
            return match state.as_str() {
                "new" => Ok(shards[place].clone()),
                _ => Err(format!("shard {shard} is {state}; add another when all have settled")),
            };
        }
        if self.starter.keepers == Keepers::Database {
            return Err("the links are in a database, which grows by its own means".to_owned());
        }
        let place = shards.len() as u32;
        if place == MOST_HERE {
            return Err(format!("there are {MOST_HERE} shards, and no more in one process"));
        }
        // Folders are made, and a disk is read.
        let node = tokio::task::block_in_place(|| {
            let node = self.starter.shard(place).map_err(|error| error.to_string())?;
            node.until(|shown| shown.state != "reads its disk").map(|()| node)
        })?;
        shards.push(node.clone());
        Ok(node)
    }
}

fn stand(shards: &[Arc<Node<Member>>]) -> Shards {
    let one = |(shard, node): (u32, &Arc<Node<Member>>)| {
        let looked = node.look(|member| match member {
            Member::Shard(shard) => Some((shard.entries() as u64, shard.ring_state())),
            _ => None,
        });
        let (entries, state) = looked.flatten().unwrap_or((0, "stopped"));
        OneShard { shard, entries, state: state.to_owned() }
    };
    let shards: Vec<OneShard> = (0..).zip(shards).map(one).collect();
    Shards { settled: shards.iter().all(|shard| shard.state == "settled"), shards }
}
