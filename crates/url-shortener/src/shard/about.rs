//! What a shard says about itself, to operators and to instances.

use super::Shard;
use super::growth::ownership::RingState;
use crate::message::Reply;

impl Shard {
    /// The number of keys in its store: its links, copies of ceded links that are not removed yet, and a
    /// few entries about the shard itself.
    pub fn entries(&self) -> usize {
        self.store.keys()
    }

    /// The first shard of a service has the key that permutes its codes. Its host keeps it.
    pub fn with_code_key(self, key: [u8; 16]) -> Shard {
        Shard { code_key: Some(key), ..self }
    }

    /// How it stands.
    pub(super) fn status(&self) -> Reply {
        let RingState { shards, phase } = self.ownership.ring_state();
        Reply::Status { entries: self.entries() as u64, phase: (shards > 0).then_some(phase) }
    }

    /// The key, if it has it.
    pub(super) fn say_code_key(&self) -> Reply {
        let not_here = || Reply::Refused("the key of codes is not this shard's".into());
        self.code_key.map_or_else(not_here, Reply::CodeKey)
    }
}
