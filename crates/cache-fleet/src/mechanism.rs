//! The switches: which protections the fleet has, and what each is for.

use machine::{Mechanism as Info, Switches};

/// A protective mechanism. Its place in [`MECHANISMS`] is its place in [`Switches`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is explained in MECHANISMS")]
pub enum Mechanism {
    ConsistentHashing,
    VirtualNodes,
    Weighting,
    BoundedLoad,
    ReplicaSpread,
    RequestCoalescing,
    RetryBudget,
    CircuitBreaker,
    Jitter,
    CallWindow,
    Deadline,
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
        name: "consistent-hashing",
        about: "keys are placed on a ring, rather than by the remainder of a division",
    },
    Info { name: "virtual-nodes", about: "a cache has 160 points on the ring rather than one" },
    Info { name: "weighting", about: "a cache has points on the ring by what it can carry" },
    Info {
        name: "bounded-load",
        about: "a request that finds its cache at the bound walks on along the ring",
    },
    Info { name: "replica-spread", about: "copies go to caches in different zones" },
    Info {
        name: "request-coalescing",
        about: "requests for a key that is being read wait for that read, rather than read too",
    },
    Info {
        name: "retry-budget",
        about: "retries are paid for by requests, ten of which earn one retry",
    },
    Info {
        name: "circuit-breaker",
        about: "a cache that timed out three times in a row is not called, but for a probe now and \
                then",
    },
    Info { name: "jitter", about: "the wait before a retry is drawn from zero to its ceiling" },
    Info {
        name: "call-window",
        about: "nor is a cache called of whose last 20 calls ten failed, or ten took more than 20 ms",
    },
    Info {
        name: "deadline",
        about: "a read says how long its front will wait, and the database drops it from its line when \
                that is over",
    },
];
