//! Shards, as JSON shows them.

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
