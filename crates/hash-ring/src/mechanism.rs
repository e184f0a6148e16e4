//! The switches: which protections the fleet has, and what each is for.

machine::mechanisms! {
    /// A protective mechanism.
    pub enum Mechanism {
        ConsistentHashing = "consistent-hashing":
            "keys are placed on a ring, rather than by the remainder of a division",
        VirtualNodes = "virtual-nodes": "a cache has 160 points on the ring rather than one",
        Weighting = "weighting": "a cache has points on the ring by what it can carry",
        BoundedLoad = "bounded-load": "a request that finds its cache at the bound walks on along the ring",
        ReplicaSpread = "replica-spread": "copies go to caches in different zones",
        RequestCoalescing = "request-coalescing":
            "requests for a key that is being read wait for that read, rather than read too",
        RetryBudget = "retry-budget": "retries are paid for by requests, ten of which earn one retry",
        CircuitBreaker = "circuit-breaker":
            "a cache that timed out three times in a row is not called, but for a probe now and then",
        Jitter = "jitter": "the wait before a retry is drawn from zero to its ceiling",
        CallWindow = "call-window":
            "nor is a cache called of whose last 20 calls ten failed, or ten took more than 20 ms",
        Deadline = "deadline":
            "a read says how long its front will wait, and the database drops it from its line when that is \
             over",
    }
}
