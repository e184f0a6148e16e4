//! The switches: which protections Raft has, and what each is for.

use machine::{Mechanism as Info, Switches};

/// A protective mechanism. Its place in [`MECHANISMS`] is its place in [`Switches`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is explained in MECHANISMS")]
pub enum Mechanism {
    PreVote,
    CheckQuorum,
    UpToDateVote,
    CommitOnlyCurrentTerm,
    PersistBeforeReply,
    ConsistencyCheck,
    ReadIndex,
    LeaseMargin,
    JointConsensus,
    SessionDedup,
    DiskIdentity,
    HelloAgain,
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
        name: "pre-vote",
        about: "a node asks whether it could win before it raises its term, so that one that keeps \
                coming back deposes nobody",
    },
    Info {
        name: "check-quorum",
        about: "a leader that has not heard from a majority for an election timeout steps down",
    },
    Info {
        name: "up-to-date-vote",
        about: "a vote goes only to a candidate whose log is at least as up to date as the voter's",
    },
    Info {
        name: "commit-only-current-term",
        about: "a leader commits by counting copies only entries of its own term, and older ones \
                with them",
    },
    Info {
        name: "persist-before-reply",
        about: "votes, terms and entries are synced to disk before anybody is told of them",
    },
    Info {
        name: "consistency-check",
        about: "a follower takes entries only where its log has the leader's entry before them",
    },
    Info {
        name: "read-index",
        about: "a leader answers a read after a majority has confirmed that it still leads",
    },
    Info {
        name: "lease-margin",
        about: "a leader's lease ends a margin for clock drift early, and with a transfer; a node \
                that restarted does not vote while a lease that it forgot may last",
    },
    Info {
        name: "joint-consensus",
        about: "while members change, decisions take a majority of the old and one of the new",
    },
    Info {
        name: "session-dedup",
        about: "a command that a client sent again is answered from memory, not applied again",
    },
    Info {
        name: "disk-identity",
        about: "a node that lost its disk comes back as a new member, never under its old vote",
    },
    Info {
        name: "hello-again",
        about: "a node without a vote says hello again and again until it has one, whatever came of the \
                first time",
    },
];
