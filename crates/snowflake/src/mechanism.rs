//! The switches: which protections snowflake has, and what each is for.

machine::mechanisms! {
    /// A protective mechanism.
    pub enum Mechanism {
        ClockGuard = "clock-guard":
            "mints nothing below the newest timestamp it has used, however far the wall clock steps back",
        HighWaterMark = "high-water-mark":
            "keeps a timestamp on disk, raised before it is used; a restart mints above it",
        TimestampCeiling = "timestamp-ceiling":
            "the authority keeps a timestamp for each worker id, raised before it is used; the next holder \
             mints above it",
        LeaseFencing = "lease-fencing":
            "the authority refuses to renew a lease whose epoch is not the newest",
        StopBeforeExpiry = "stop-before-expiry":
            "a worker that could not renew its lease stops before it can be given away",
        SequenceWait = "sequence-wait":
            "waits for the next tick when the sequence numbers of this one are used up",
        GenerationCheck = "generation-check":
            "a worker resumed from a snapshot drops the lease it remembers and takes a new one",
        SkewCheck = "skew-check": "a worker whose wall clock is too far from the authority's does not serve",
        LeaseRecount = "lease-recount":
            "an authority that boots, or takes over from another, counts every lease as if it had been given \
             just now",
        LeaseGrace = "lease-grace":
            "the authority waits longer than a lease lasts before it gives the number away, since its clock \
             and the holder's may drift",
    }
}
