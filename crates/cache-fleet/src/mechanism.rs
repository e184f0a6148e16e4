//! The switches: which protections the fleet has, and what each is for.

machine::mechanisms! {
    /// A protective mechanism.
    pub enum Mechanism {
        ConsistentHashing = "consistent-hashing":
            "keys are placed on a ring, rather than by the remainder of a division"
            => "One cache more, and every key moves":
            "keys whose caches had stayed were placed anew, {value} among them",
        VirtualNodes = "virtual-nodes": "a cache has 160 points on the ring rather than one"
            => "A ring that chance cut":
            "one point a cache cut the ring into unequal parts, and {value} has the largest",
        Weighting = "weighting": "a cache has points on the ring by what it can carry"
            => "The small one carries as much":
            "keys were placed whatever a cache can carry, and {value} got too many",
        BoundedLoad = "bounded-load": "a request that finds its cache at the bound walks on along the ring"
            => "Everybody at one door":
            "all requests for a hot key went to one cache, beyond its bound",
        ReplicaSpread = "replica-spread": "copies go to caches in different zones"
            => "All copies under one roof":
            "the copies of a key went to caches of one zone",
        RequestCoalescing = "request-coalescing":
            "requests for a key that is being read wait for that read, rather than read too"
            => "A stampede":
            "each request for a key that was being read read it too",
        RetryBudget = "retry-budget": "retries are paid for by requests, ten of which earn one retry"
            => "A storm that feeds itself":
            "retries made the load that made the retries, and it outlived its cause",
        CircuitBreaker = "circuit-breaker":
            "a cache that timed out three times in a row is not called, but for a probe now and then"
            => "Waiting for the dead":
            "a front waited again for a cache that it knew to be silent",
        Jitter = "jitter": "the wait before a retry is drawn from zero to its ceiling"
            => "All at once again":
            "those who had failed together tried again together",
        CallWindow = "call-window":
            "nor is a cache called of whose last 20 calls ten failed, or ten took more than 20 ms"
            => "Slow, and never quite silent":
            "a cache that is slow and not silent was called on and on",
        Deadline = "deadline":
            "a read says how long its front will wait, and the database drops it from its line when that is \
             over"
            => "Work for nobody":
            "the database worked off reads for which nobody waited any more",
    }
}
