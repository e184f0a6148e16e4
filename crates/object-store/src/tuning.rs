//! Every time and size. A scenario changes nothing but what stands here.

use std::time::Duration;

use crate::words::{Code, Epoch};

/// Times and sizes of a store. All nodes of it must agree on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tuning {
    /// So many bytes at most are kept whole, by the members of the key's group.
    pub small: u32,
    /// Bytes of an object in a stripe.
    pub stripe: u32,
    /// How new puts are cut.
    pub code: Code,
    /// Stripes of a put that are unanswered, at most.
    pub credit: u8,
    /// Keys are spread over so many placement groups.
    pub placement_groups: u16,
    /// A place that is silent for so long is replaced.
    pub place: Duration,
    /// Puts that are under way at a gateway, at most.
    pub most_puts: usize,
    /// The least that a part has which is not the last, in bytes.
    pub least_part: u64,
    /// A member of a group that does not answer for so long is not waited for, and one that has not is asked who leads
    /// before it is handed an entry.
    pub attempt: Duration,
    /// And nobody is asked after so long.
    pub patience: Duration,
    /// Before a member is asked again, where nobody led.
    pub pause: Duration,
    /// Questions that wait in a node, at most.
    pub most_waiting: usize,
    /// Catalogs are synced so often, and logs cut.
    pub checkpoint: Duration,
    /// An epoch of a group lasts so long, or a quarter longer. A put takes no longer than one, and neither does a get.
    pub epoch: Duration,
    /// An upload that nobody ends is aborted after so many epochs.
    pub upload_age: Epoch,
    /// Election timeout of the groups.
    pub election_timeout: Duration,
    /// Entries that stay behind what logs are cut to, for members that are a little late.
    pub keep_entries: u64,
}

const MS: fn(u64) -> Duration = Duration::from_millis;

impl Default for Tuning {
    fn default() -> Tuning {
        Tuning {
            small: 64 << 10,
            stripe: 1 << 20,
            code: Code { data: 4, parity: 2 },
            credit: 2,
            placement_groups: 256,
            place: MS(300),
            most_puts: 64,
            least_part: 5 << 20,
            attempt: MS(500),
            patience: MS(2_000),
            pause: MS(20),
            most_waiting: 1_024,
            checkpoint: MS(1_000),
            epoch: Duration::from_secs(600),
            // A week.
            upload_age: 1_008,
            election_timeout: MS(300),
            keep_entries: 1_000,
        }
    }
}
