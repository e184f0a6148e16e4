//! The switches: which protections Raft has, and what each is for.

machine::mechanisms! {
    /// A protective mechanism.
    pub enum Mechanism {
        PreVote = "pre-vote":
            "a node asks whether it could win before it raises its term, so that one that keeps coming back \
             deposes nobody",
        CheckQuorum = "check-quorum":
            "a leader that has not heard from a majority for an election timeout steps down",
        UpToDateVote = "up-to-date-vote":
            "a vote goes only to a candidate whose log is at least as up to date as the voter's",
        CommitOnlyCurrentTerm = "commit-only-current-term":
            "a leader commits by counting copies only entries of its own term, and older ones with them",
        PersistBeforeReply = "persist-before-reply":
            "votes, terms and entries are synced to disk before anybody is told of them",
        ConsistencyCheck = "consistency-check":
            "a follower takes entries only where its log has the leader's entry before them",
        ReadIndex = "read-index":
            "a leader answers a read after a majority has confirmed that it still leads",
        LeaseMargin = "lease-margin":
            "a leader's lease ends a margin for clock drift early, and with a transfer; a node that \
             restarted does not vote while a lease that it forgot may last",
        JointConsensus = "joint-consensus":
            "while members change, decisions take a majority of the old and one of the new",
        SessionDedup = "session-dedup":
            "a command that a client sent again is answered from memory, not applied again",
        DiskIdentity = "disk-identity":
            "a node that lost its disk comes back as a new member, never under its old vote",
        DurableBound = "durable-bound":
            "a boot compares the journal with a bound of what was durable, and refuses less",
        TellLost = "tell-lost":
            "a leader that sees a member lack what its disk has acknowledged says so, and the member stops: its votes \
             may be gone too",
        HelloAgain = "hello-again":
            "a node without a vote says hello again and again until it has one, whatever came of the first \
             time",
        LeadershipTransfer = "leadership-transfer":
            "a leader that is told to stop has the follower that is furthest campaign at once, and stops when \
             there is a new leader",
        WakeOnSilence = "wake-on-silence":
            "a member that rests wakes when its leader's node falls silent, or when it is asked; else nobody \
             misses a leader that is gone",
        SnapshotInPieces = "snapshot-in-pieces":
            "a snapshot is written piece by piece beside the journal, which goes first; else entries wait \
             until it is whole",
    }
}
