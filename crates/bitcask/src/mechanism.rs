//! The switches: which protections a store has, and what each is for.

machine::mechanisms! {
    /// A protective mechanism.
    pub enum Mechanism {
        FlushBeforeAck = "flush-before-ack": "a batch is synced before it is said to be durable",
        DurableBound = "durable-bound": "a boot compares the segments with a bound of what was durable, and refuses less",
        EntryChecksum = "entry-checksum": "a read compares the checksum of the entry before it believes it",
    }
}
