//! The switches: each protection can be left out, and a promise breaks without it.

machine::mechanisms! {
    /// What protects the log.
    pub enum Mechanism {
        LeaderEpoch = "leader-epoch":
            "a follower of a new leader asks it where their logs part, by leader epochs, and cuts there (KIP-101)"
            => "Cut before it was fetched again":
            "{node} cut records that were acknowledged, before it had fetched them from the new leader",
        HighWatermark = "high-watermark":
            "consumers of a leader read up to the high watermark, and no further"
            => "Read before it was kept":
            "{node} showed a record that was not on the disks of all in-sync replicas yet",
        ReplicaWatermark = "replica-watermark":
            "consumers of a follower read up to the high watermark that the leader told it"
            => "Read at a follower, and taken back":
            "{node} showed a record that its leader had not called kept yet",
        MinInsync = "min-insync":
            "acks=all is acknowledged only while enough replicas are in sync"
            => "Acknowledged by one alone":
            "{node} acknowledged a record that was on its own disk only",
        CleanElection = "clean-election":
            "only an in-sync or an eligible replica is elected; where none lives the partition waits"
            => "Whoever lives, leads":
            "{node} was elected, and did not have what was acknowledged",
        EligibleLeaders = "eligible-leaders":
            "who leaves an ISR that is below the minimum stays eligible, and who stopped uncleanly is not (KIP-966)"
            => "The last one standing lost its end":
            "{node} was elected again after it had lost what was not flushed",
        IsrCommit = "isr-commit":
            "the ISR counts as the controller has committed it, and whoever is proposed to it counts already"
            => "An ISR of one's own":
            "{node} took a replica out of its ISR by itself, and acknowledged without it",
        IsrEpoch = "isr-epoch":
            "a replica is taken into the ISR only in the broker epoch in which it caught up (KIP-903)"
            => "In sync before its disk was lost":
            "a replica was taken into the ISR that had lost its disk since it caught up",
        DiskIdentity = "disk-identity":
            "a broker that comes back with another disk leaves every ISR"
            => "Back with nothing, and still in sync":
            "{node} came back with an empty disk, and was elected",
        FlushBeforeAck = "flush-before-ack":
            "a replica counts what it has synced, not what it has written"
            => "Acknowledged from memory":
            "a record was acknowledged that no disk had",
        RotIsNotTail = "rot-is-not-tail":
            "a broken batch below what was synced is damage, and no torn tail"
            => "One bit, and all behind it":
            "{node} found a broken batch and cut all behind it as if a crash had torn it",
        Idempotence = "idempotence":
            "a batch of an idempotent producer is appended once, however often it is sent"
            => "Sent twice, appended twice":
            "{node} appended a batch again that it had appended before",
        GenerationFencing = "generation-fencing":
            "who commits an offset names its generation, and an old one is refused"
            => "A commit from the grave":
            "{node} took a commit of a member that had lost its partitions",
        IsrShrink = "isr-shrink":
            "a follower that does not keep up is taken out of the ISR"
            => "Everyone waits for the slowest":
            "nothing was acknowledged while a follower did not keep up",
        ControlledShutdown = "controlled-shutdown":
            "a broker that is to stop has its leaders moved first"
            => "Gone without a word":
            "a broker stopped, and its partitions had no leader until its session was over",
        FetchWakeup = "fetch-wakeup":
            "a fetch that waits is answered when there is something to read"
            => "There, and nobody told":
            "a fetch waited its whole time for a record that was there",
        ReassignmentThrottle = "reassignment-throttle":
            "a replica that is added fetches no faster than it may"
            => "Moving house on one road":
            "producers waited behind the data that moved",
    }
}
