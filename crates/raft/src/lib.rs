//! Raft consensus (Ongaro and Ousterhout 2014), as a part of other machines.
//!
//! # The law
//!
//! What was committed in one term is in the log of every leader of a later one. It holds as long as a
//! majority of members keeps what its disk synced, and comes back with the disk or as another member.
//! Clocks are trusted for one thing only, and only within [`DRIFT_BOUND_PPM`]: reads by lease.
//!
//! # The files, in the order in which a proposal meets them
//!
//! 1. `groups.rs`: the owner hands its inputs to [`Groups`], and proposes a command to one of them.
//! 2. `group.rs` is one member of one group, in the words of the paper's figure 2; `group/leading.rs`
//!    appends the command to the log (`log.rs`), and notes that there is something to write (`effects.rs`).
//! 3. `groups/carry_out.rs` ends the input. It has the leader send what each follower lacks, as far as
//!    `group/progress.rs` knows it, in messages of `rpc.rs`, of which `codec.rs` has the bytes. Meanwhile
//!    `journal.rs` appends the command to the files of the journal, as the bytes of `record.rs`, and holds back
//!    what may only leave when it is durable.
//! 4. On a follower the message comes in by `groups.rs` and `group.rs` again; `group/following.rs` appends
//!    it, and answers when its own journal has it.
//! 5. The answer comes in likewise. `group/commit.rs`: a majority has it, so it is committed, and
//!    [`Groups::next_committed`] gives it to the owner. `sessions.rs` has the owner apply it once, and
//!    `growth.rs` says when its state is to take the place of the log.
//! 6. Then the owner freezes its state, and gives it piece by piece (`groups/snapshots.rs`), as
//!    `snapshot_files.rs` writes it beside the journal, and knows each piece again by its checksum
//!    (`checksums.rs`). When the file is whole the journal names it, and its oldest segments
//!    (`journal/segments.rs`) may go.
//!
//! What there is besides: who leads (`group/election.rs`), reads (`group/reads.rs`), snapshots
//! (`group/snapshots.rs`), rest (`group/rest.rs`, `groups/beats.rs`), groups that begin and end
//! (`groups/lifecycle.rs`), who takes part (`member.rs`, `reconfiguration.rs`, `group/membership.rs`), a
//! restart (`groups/recovery.rs`), a disk that lost what it had (`groups/losses.rs`), a log as the disk of a machine that
//! knows nothing of it (`replicated.rs`), and the switches (`mechanism.rs`) and sizes (`tuning.rs`).
#![doc = include_str!("../README.md")]

mod groups;

mod group;
mod log;

mod checksums;
mod codec;
mod effects;
mod journal;
mod record;
mod rpc;
mod snapshot_files;
mod words;

mod growth;
mod sessions;

mod member;
mod reconfiguration;
mod replicated;

mod mechanism;
mod tuning;

#[cfg(feature = "server")]
pub mod server;

pub use effects::Event;
pub use group::{
    ChangeRefused, Consistency, Group, KnownDisks, Leadership, NotLeader, Role, TransferRefused,
    Votes,
};
pub use groups::Groups;
pub use growth::Growth;
pub use log::{Log, Snapshot, SnapshotFile};
pub use mechanism::Mechanism;
pub use member::{Address, Configuration, MOST_MEMBERS, Member};
pub use replicated::Replicated;
pub use rpc::{
    AppendEntries, Appended, Entry, Envelope, GroupId, Index, InstallSnapshot, LONGEST_COMMAND,
    Payload, RequestVote, Rpc, Term,
};
pub use sessions::{CommandOutcome, MOST_SESSIONS, NotApplied, Session, Sessions};
pub use tuning::{DRIFT_BOUND_PPM, Tuning};
pub use words::{GroupsOp, GroupsTimer, Owner};
