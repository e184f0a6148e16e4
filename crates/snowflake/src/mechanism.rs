//! The switches: which protections snowflake has, and what each is for.

machine::mechanisms! {
    /// A protective mechanism.
    pub enum Mechanism {
        ClockGuard = "clock-guard":
            "mints nothing below the newest timestamp it has used, however far the wall clock steps back"
            => "Back in time, and the same ids again":
            "a worker minted by a clock that had stepped back, and {value} came again",
        HighWaterMark = "high-water-mark":
            "keeps a timestamp on disk, raised before it is used; a restart mints above it"
            => "Restarted into the past":
            "a worker that restarted behind its former clock began where it had been, and {value} came again",
        TimestampCeiling = "timestamp-ceiling":
            "the authority keeps a timestamp for each worker id, raised before it is used; the next holder \
             mints above it"
            => "The next holder was behind":
            "the next holder of the worker id has a clock that is behind, and {value} came again",
        LeaseFencing = "lease-fencing":
            "the authority refuses to renew a lease whose epoch is not the newest"
            => "Renewed for one, given to another":
            "a lease that had been given away was renewed, and {value} came from both holders",
        StopBeforeExpiry = "stop-before-expiry":
            "a worker that could not renew its lease stops before it can be given away"
            => "Minting on a lease that is over":
            "a worker that could not renew went on, and {value} came from it and from the next holder",
        SequenceWait = "sequence-wait":
            "waits for the next tick when the sequence numbers of this one are used up"
            => "More ids than a tick has numbers":
            "a worker began the numbers of one tick anew, and {value} came again",
        GenerationCheck = "generation-check":
            "a worker resumed from a snapshot drops the lease it remembers and takes a new one"
            => "Two of one memory":
            "a worker resumed from a snapshot went on with the lease that it remembered, and {value} came again",
        SkewCheck = "skew-check": "a worker whose wall clock is too far from the authority's does not serve"
            => "A worker in another time":
            "a worker whose clock is too far behind served all the same, and {value} is too small",
        LeaseRecount = "lease-recount":
            "an authority that boots, or takes over from another, counts every lease as if it had been given \
             just now"
            => "Leases that were forgotten":
            "an authority that booted gave away a worker id whose holder still minted, and {value} came from both",
        LeaseGrace = "lease-grace":
            "the authority waits longer than a lease lasts before it gives the number away, since its clock \
             and the holder's may drift"
            => "Over for one, and not for the other":
            "a worker id was given away while its holder's clock still allowed it to mint, and {value} came from both",
    }
}
