//! The switches: which protections Raft has, and what each is for.

machine::mechanisms! {
    /// A protective mechanism.
    pub enum Mechanism {
        PreVote = "pre-vote":
            "a node asks whether it could win before it raises its term, so that one that keeps coming back \
             deposes nobody"
            => "Deposed by one who kept coming back":
            "{node} raised its term while it was away, and was followed when it came back",
        CheckQuorum = "check-quorum":
            "a leader that has not heard from a majority for an election timeout steps down"
            => "A leader that nobody hears":
            "a leader that hears from no majority went on leading, and nobody could take its place",
        UpToDateVote = "up-to-date-vote":
            "a vote goes only to a candidate whose log is at least as up to date as the voter's"
            => "Elected without the log":
            "votes went to a node whose log lacks {value}",
        CommitOnlyCurrentTerm = "commit-only-current-term":
            "a leader commits by counting copies only entries of its own term, and older ones with them"
            => "Committed by counting, and undone":
            "copies of an entry of an older term were counted as a commitment, and {value} was replaced later",
        PersistBeforeReply = "persist-before-reply":
            "votes, terms and entries are synced to disk before anybody is told of them"
            => "Promised, and then forgotten":
            "what was promised before it was synced went with the power, and with it {value}",
        ConsistencyCheck = "consistency-check":
            "a follower takes entries only where its log has the leader's entry before them"
            => "Entries with nothing before them":
            "a follower took entries that do not follow on what it has, up to {value}",
        ReadIndex = "read-index":
            "a leader answers a read after a majority has confirmed that it still leads"
            => "A leader that was one no more":
            "{operation} was answered by a leader that did not ask whether it still leads",
        LeaseMargin = "lease-margin":
            "a leader's lease ends a margin for clock drift early, and with a transfer; a node that \
             restarted does not vote while a lease that it forgot may last"
            => "A lease by a clock that drifts":
            "{operation} was answered by a leader whose lease was over by the others' clocks",
        JointConsensus = "joint-consensus":
            "while members change, decisions take a majority of the old and one of the new"
            => "Two majorities that never met":
            "the old members and the new ones decided without each other, and {value} was lost",
        SessionDedup = "session-dedup":
            "a command that a client sent again is answered from memory, not applied again"
            => "Asked once, done twice":
            "a command that a client sent again was applied again, and {operation} saw both",
        DiskIdentity = "disk-identity":
            "a node that lost its disk comes back as a new member, never under its old vote"
            => "The vote of a lost disk":
            "a node that had lost its disk voted as if it knew what it had lost, {value} among it",
        DurableBound = "durable-bound":
            "a boot compares the journal with a bound of what was durable, and refuses less"
            => "Lost files, taken for none":
            "a node took the files that it had lost for never written, and voted without {value}",
        TellLost = "tell-lost":
            "a leader that sees a member lack what its disk has acknowledged says so, and the member stops: its votes \
             may be gone too"
             => "The leader knew better":
             "a node whose disk had lost what it had acknowledged voted without {value}, and nobody told it",
        HelloAgain = "hello-again":
            "a node without a vote says hello again and again until it has one, whatever came of the first \
             time"
            => "Asked once, and never heard":
            "a node that asked once who the members are got no answer, and stays without a vote",
        LeadershipTransfer = "leadership-transfer":
            "a leader that is told to stop has the follower that is furthest campaign at once, and stops when \
             there is a new leader"
            => "Gone without a successor":
            "the leader stopped without a word, and everybody waited for an election",
        WakeOnSilence = "wake-on-silence":
            "a member that rests wakes when its leader's node falls silent, or when it is asked; else nobody \
             misses a leader that is gone"
            => "Asleep while the leader is gone":
            "members at rest missed nobody, and {operation} had no answer",
        SnapshotInPieces = "snapshot-in-pieces":
            "a snapshot is written piece by piece beside the journal, which goes first; else entries wait \
             until it is whole"
            => "A snapshot in the way":
            "entries waited until the whole of a snapshot was written, and with them {operation}",
    }
}
