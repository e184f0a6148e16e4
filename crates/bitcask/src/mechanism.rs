//! The switches: which protections a store has, and what each is for.

machine::mechanisms! {
    /// A protective mechanism.
    pub enum Mechanism {
        FlushBeforeAck = "flush-before-ack": "a batch is synced before it is said to be durable"
            => "Said to be durable":
            "a batch was said to be durable before it was synced, and the power took {value}",
        DurableBound = "durable-bound": "a boot compares the segments with a bound of what was durable, and refuses less"
            => "A lost segment, taken for none":
            "a boot took the segment that was lost for one that never was, and {value} with it",
        EntryChecksum = "entry-checksum": "a read compares the checksum of the entry before it believes it"
            => "Believed as it was read":
            "a read believed what had rotted on the disk, under {value}",
    }
}
