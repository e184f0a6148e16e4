//! The contract of every system in the lab.
//!
//! # The law
//!
//! A [`Machine`] owns state and nothing else. It is handed an [`Input`] together with the time, and
//! answers with [`Outputs`]. It never reads a clock, a socket, a file, a global or a random number
//! that it was not handed, and never iterates a map whose order is not fixed. It is `Clone`, so a
//! world can step back, branch and explore.
//!
//! Whoever drives a machine (the simulated world or the real one) keeps four promises in return:
//!
//! 1. [`Input::Start`] comes first, once, after every boot; nothing survives a crash but the disk.
//! 2. Disk operations end in the order in which they were asked for, and none that was asked for
//!    before a crash ever ends after it.
//! 3. A timer fires no earlier than asked, by the machine's monotonic clock, and at most once for
//!    each time it was set.
//! 4. A message may be lost, late or (a datagram) doubled and out of order; it is never altered.

mod checkpoint;
mod disk;
mod machine;
mod memory;
mod outputs;
mod switches;
mod time;

pub use checkpoint::{Checkpoint, CheckpointError};
pub use disk::{DiskAnswer, DiskCommand, DiskError, DiskId, DiskResult, FileName};
pub use machine::{Generation, Input, Inspection, Link, Machine, NodeId, Now, Protocol, Random};
pub use memory::MemoryDisk;
pub use outputs::{Output, Outputs};
pub use switches::{MechanismInfo, Switches};
pub use time::{Time, Wall, nanos};
