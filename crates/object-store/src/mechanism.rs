//! The switches: each protection can be left out, and a promise breaks without it.

machine::mechanisms! {
    /// What protects the store.
    pub enum Mechanism {
        FlushBeforeAck = "flush-before-ack":
            "what is acknowledged was synced on the disks that count"
            => "Acknowledged from memory":
            "what was acknowledged went with the power",
        MetadataConsensus = "metadata-consensus":
            "a read of the catalog is answered by a member that knows that it leads"
            => "A catalog of the past":
            "{operation} was answered by a member that did not know what had been committed since",
        ConditionalWrite = "conditional-write":
            "the conditions of a change are judged when it is applied"
            => "Both were the first":
            "{operation} was judged by what was there before another change",
    }
}
