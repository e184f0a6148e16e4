//! The switches: each protection can be left out, and a promise breaks without it.

machine::mechanisms! {
    /// What protects the store.
    pub enum Mechanism {
        WriteQuorum = "write-quorum":
            "a put is named when all its shards are durable, or nobody is left to ask and one more is than its bytes need"
            => "Named too soon":
            "a put was named when its bytes could just be read, and no disk more had them",
        ZoneSpread = "zone-spread":
            "no zone has more shards of a put than there is parity"
            => "All in one zone":
            "the loss of one zone would take more shards of {operation} than it can lose",
        Handoff = "handoff":
            "a place that is silent is replaced by another node"
            => "Nobody else was asked":
            "{operation} was refused, for places that were gone with their zone",
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
        MultipartFence = "multipart-fence":
            "it is kept what an upload became, and a Complete that comes again changes nothing"
            => "Put back what was overwritten":
            "{operation} was asked to complete again, and what had been put since was gone",
        GcFence = "gc-fence":
            "a put that began two epochs ago is refused when its commit is applied"
            => "Named after it was collected":
            "a commit that was late named bytes that had been deleted since nothing named them",
        ReadPin = "read-pin":
            "bytes that were an object's stay for a whole epoch after it went"
            => "Deleted while they were read":
            "bytes were deleted as soon as nothing named them, and somebody had begun to read them",
    }
}
