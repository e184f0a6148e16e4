//! The shard in the key: the database shard that stores a row names it.

use machine::Wall;

use super::{About, Scheme};
use crate::error::NotNow;
use crate::layout::Layout;

/// Instagram's ids, as the function in "Sharding & IDs at Instagram" (2011) makes them: the insert is
/// a round trip anyway, so the name costs none. Its sequence is the shard's own counter modulo 1024
/// and guards nothing: 1025 ids in a millisecond collide, and a clock that goes back may.
#[derive(Clone, Debug)]
pub struct Shards {
    layout: Layout,
    counters: Vec<u64>,
}

impl Shards {
    /// With this many shards.
    pub fn new(shards: usize) -> Shards {
        let layout = Layout::named("instagram").expect("it is in the list");
        Shards { layout, counters: vec![0; shards] }
    }
}

impl Scheme for Shards {
    fn about(&self) -> About {
        let coordination = "a shard number each, in the schema";
        About { name: "shard in the key", bits: self.layout.bits(), coordination }
    }

    fn mint(&mut self, worker: usize, now: Wall, _random: u128) -> Result<u128, NotNow> {
        let epoch = self.layout.epoch();
        let Some(millis) = now.millis().checked_sub(epoch.millis()) else {
            return Err(NotNow::BeforeEpoch { epoch });
        };
        self.counters[worker] += 1;
        let sequence = self.counters[worker] & self.layout.max_sequence();
        let id = self.layout.encode(millis, worker as u64, sequence);
        id.map(|id| u128::from(id.0)).map_err(|_| NotNow::LayoutExhausted)
    }
}
