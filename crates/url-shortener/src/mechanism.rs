//! The switches: which protections the service has, and what each is for.

use bitcask::Mechanism as OfStore;
use machine::Switches;

machine::mechanisms! {
    /// A protective mechanism.
    pub enum Mechanism {
        SingleFlight = "single-flight":
            "visits of a link that is being read wait for that read, rather than read too",
        NegativeCache = "negative-cache":
            "an instance remembers for a while that there is no link under a code",
        RateLimit = "rate-limit":
            "what a client asks of the store is paid for from a bucket of tokens of its own",
        RangeLease = "range-lease":
            "an instance makes codes of numbers that a shard leased to it, and to nobody else",
        CacheExpiry = "cache-expiry": "a copy in a cache is used for a bounded time, by the monotonic clock",
        ClickDedup = "click-dedup":
            "the tally keeps how much of each log it has counted, in one batch with the counts",
        FlushBeforeAck = "flush-before-ack": "a shard answers when what it answers for is durable",
        ConditionalCreate = "conditional-create": "a shard keeps a new link only where there is none",
        RingFence = "ring-fence": "a shard that has ceded links to one that joins answers for them no more",
        CatchUp = "catch-up":
            "a shard that joins answers for a link when it has all that its former shard knew of it",
        KeepRemovals = "keep-removals":
            "while a shard gives links away its log says which were removed, for the one that follows it",
    }
}

impl Mechanism {
    /// The switches of a store that does without these where they are off.
    pub(crate) fn of_store(which: &[(Mechanism, OfStore)], switches: Switches) -> Switches {
        let off = which.iter().filter(|(mechanism, _)| !mechanism.on(switches));
        off.fold(Switches::ALL_ON, |all, (_, of_store)| all.without(*of_store as usize))
    }
}
