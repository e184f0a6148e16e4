//! The switches: which protections the service has, and what each is for.

use bitcask::Mechanism as OfStore;
use machine::Switches;

machine::mechanisms! {
    /// A protective mechanism.
    pub enum Mechanism {
        SingleFlight = "single-flight":
            "visits of a link that is being read wait for that read, rather than read too"
            => "Everybody reads by himself":
            "each visit read {value} from the store, though that was being read",
        NegativeCache = "negative-cache":
            "an instance remembers for a while that there is no link under a code"
            => "Not there, and asked for again":
            "{value} was looked for again, a moment after it was not there",
        RateLimit = "rate-limit":
            "what a client asks of the store is paid for from a bucket of tokens of its own"
            => "One client for all":
            "the store was asked for one client more than its share",
        RangeLease = "range-lease":
            "an instance makes codes of numbers that a shard leased to it, and to nobody else"
            => "Two who count alike":
            "two instances made codes of the same numbers, and {value} was one of them",
        CacheExpiry = "cache-expiry": "a copy in a cache is used for a bounded time, by the monotonic clock"
            => "A copy that never ages":
            "an instance led a visitor by a copy that was too old",
        ClickDedup = "click-dedup":
            "the tally keeps how much of each log it has counted, in one batch with the counts"
            => "One click, counted twice":
            "the tally counted clicks that it had counted before",
        FlushBeforeAck = "flush-before-ack": "a shard answers when what it answers for is durable"
            => "Acknowledged, and not kept":
            "a shard answered before its disk did, and forgot what it had said of {value}",
        ConditionalCreate = "conditional-create": "a shard keeps a new link only where there is none"
            => "The later one wins":
            "a shard put a new link over one that was there, under {value}",
        RingFence = "ring-fence": "a shard that has ceded links to one that joins answers for them no more"
            => "Two who answer for it":
            "a shard went on answering for {value}, which it had ceded",
        CatchUp = "catch-up":
            "a shard that joins answers for a link when it has all that its former shard knew of it"
            => "Answered too soon":
            "a shard that joined answered for links of which it had not heard everything",
        KeepRemovals = "keep-removals":
            "while a shard gives links away its log says which were removed, for the one that follows it"
            => "Back from the dead":
            "a shard that joined heard of links, and not of their removal",
    }
}

impl Mechanism {
    /// The switches of a store that does without these where they are off.
    pub(crate) fn of_store(which: &[(Mechanism, OfStore)], switches: Switches) -> Switches {
        let off = which.iter().filter(|(mechanism, _)| !mechanism.on(switches));
        off.fold(Switches::ALL_ON, |all, (_, of_store)| all.without(*of_store as usize))
    }
}
