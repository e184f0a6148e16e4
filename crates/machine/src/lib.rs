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
//!
//! # A machine, moved by hand
//!
//! A counter that answers no count before it is on its disk:
//!
//! ```
//! use machine::*;
//! use rand::SeedableRng;
//!
//! #[derive(Clone, Debug)]
//! struct Words;
//! impl Protocol for Words {
//!     type Message = u64;
//!     type Timer = ();
//!     type Op = Written;
//!     type Note = ();
//! }
//!
//! /// What to do when a count is on the disk: answer it.
//! #[derive(Clone, Debug, Hash)]
//! struct Written { answer: u64, to: NodeId }
//!
//! #[derive(Clone)]
//! struct Counter(u64);
//!
//! impl Machine for Counter {
//!     type Protocol = Words;
//!     fn handle(&mut self, _: &mut Now<'_>, input: Input<Words>, out: &mut Outputs<Words>) {
//!         match input {
//!             Input::Message { from, .. } => {
//!                 self.0 += 1;
//!                 let bytes = self.0.to_le_bytes().to_vec().into();
//!                 let replace = DiskCommand::Replace { file: "count".into(), bytes };
//!                 out.disk(replace, Written { answer: self.0, to: from });
//!             }
//!             Input::Disk { op, result: Ok(_) } => out.send(op.to, op.answer),
//!             Input::Disk { .. } => out.halt("the disk failed"),
//!             _ => {}
//!         }
//!     }
//! }
//!
//! // A world in which the time stands still and nothing fails.
//! let (mut counter, mut disk) = (Counter(0), MemoryDisk::default());
//! let (time, wall, generation) = (Time(0), Wall(0), Generation(0));
//! let mut random = Random::seed_from_u64(1);
//! let mut answers = Vec::new();
//! let mut next = Some(Input::Message { from: NodeId(7), message: 0 });
//! while let Some(input) = next.take() {
//!     let mut out = Outputs::default();
//!     counter.handle(&mut Now { time, wall, generation, random: &mut random }, input, &mut out);
//!     for output in out.drain() {
//!         match output {
//!             Output::Disk { command, op } => {
//!                 next = Some(Input::Disk { op, result: disk.perform(*command) });
//!             }
//!             Output::Send { to, message, .. } => answers.push((to, message)),
//!             _ => {}
//!         }
//!     }
//! }
//! assert_eq!(answers, [(NodeId(7), 1)]);
//! ```

mod checkpoint;
pub mod codec;
mod disk;
mod embedding;
mod machine;
mod memory;
mod outputs;
mod protocol;
mod switches;
mod time;

pub use checkpoint::{Checkpoint, CheckpointError, CheckpointOp};
pub use disk::{DiskAnswer, DiskCommand, DiskError, DiskId, DiskResult, FileName};
pub use embedding::{Embeds, Separates};
pub use machine::{Generation, Input, Inspection, Machine, Now, Random};
pub use memory::MemoryDisk;
pub use outputs::{Output, Outputs};
pub use protocol::{Link, NodeId, Protocol};
pub use switches::{MechanismInfo, Switches};
pub use time::{Time, Wall, nanos};
