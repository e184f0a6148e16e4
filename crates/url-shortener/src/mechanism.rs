//! The switches: which protections the service has, and what each is for.

use machine::{Mechanism as Info, Switches};

/// A protective mechanism. Its place in [`MECHANISMS`] is its place in [`Switches`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is explained in MECHANISMS")]
pub enum Mechanism {
    SingleFlight,
    NegativeCache,
    RateLimit,
    RangeLease,
    CacheExpiry,
    ClickDedup,
    FlushBeforeAck,
    ConditionalCreate,
    RingFence,
    CatchUp,
    KeepRemovals,
}

impl Mechanism {
    /// Is it on?
    pub fn on(self, switches: Switches) -> bool {
        switches.on(self as usize)
    }
}

/// All of them, in the order of [`Mechanism`].
pub const MECHANISMS: &[Info] = &[
    Info {
        name: "single-flight",
        about: "visits of a link that is being read wait for that read, rather than read too",
    },
    Info {
        name: "negative-cache",
        about: "an instance remembers for a while that there is no link under a code",
    },
    Info {
        name: "rate-limit",
        about: "what a client asks of the store is paid for from a bucket of tokens of its own",
    },
    Info {
        name: "range-lease",
        about: "an instance makes codes of numbers that a shard leased to it, and to nobody else",
    },
    Info {
        name: "cache-expiry",
        about: "a copy in a cache is used for a bounded time, by the monotonic clock",
    },
    Info {
        name: "click-dedup",
        about: "the tally keeps how much of each log it has counted, in one batch with the counts",
    },
    Info { name: "flush-before-ack", about: "a shard answers when what it answers for is durable" },
    Info { name: "conditional-create", about: "a shard keeps a new link only where there is none" },
    Info {
        name: "ring-fence",
        about: "a shard that has ceded links to one that joins answers for them no more",
    },
    Info {
        name: "catch-up",
        about: "a shard that joins answers for a link when it has all that its former shard knew of it",
    },
    Info {
        name: "keep-removals",
        about: "while a shard gives links away its log says which were removed, for the one that follows it",
    },
];
