//! The switches: which protections snowflake has, and what each is for.

use machine::{Mechanism as Info, Switches};

/// A protective mechanism. Its place in [`MECHANISMS`] is its place in [`Switches`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is explained in MECHANISMS")]
pub enum Mechanism {
    ClockGuard,
    HighWaterMark,
    TimestampCeiling,
    LeaseFencing,
    StopBeforeExpiry,
    SequenceWait,
    GenerationCheck,
    SkewCheck,
    LeaseRecount,
    LeaseGrace,
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
        name: "clock-guard",
        about: "mints nothing below the newest timestamp it has used, however far the wall clock \
                steps back",
    },
    Info {
        name: "high-water-mark",
        about: "keeps a timestamp on disk, raised before it is used; a restart mints above it",
    },
    Info {
        name: "timestamp-ceiling",
        about: "the authority keeps a timestamp for each worker id, raised before it is used; the \
                next holder mints above it",
    },
    Info {
        name: "lease-fencing",
        about: "the authority refuses to renew a lease whose epoch is not the newest",
    },
    Info {
        name: "stop-before-expiry",
        about: "a worker that could not renew its lease stops before it can be given away",
    },
    Info {
        name: "sequence-wait",
        about: "waits for the next tick when the sequence numbers of this one are used up",
    },
    Info {
        name: "generation-check",
        about: "a worker resumed from a snapshot drops the lease it remembers and takes a new one",
    },
    Info {
        name: "skew-check",
        about: "a worker whose wall clock is too far from the authority's does not serve",
    },
    Info {
        name: "lease-recount",
        about: "an authority that boots, or takes over from another, counts every lease as if it had \
                been given just now",
    },
    Info {
        name: "lease-grace",
        about: "the authority waits longer than a lease lasts before it gives the number away, since its \
                clock and the holder's may drift",
    },
];
