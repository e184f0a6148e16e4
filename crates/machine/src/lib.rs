//! The contract of every system in the lab.
//!
//! # The law
//!
//! A [`Machine`] owns state and nothing else. It is handed an [`Input`] together with the time, and
//! answers with [`Outputs`]. It never reads a clock, a socket, a file, a global or a random number
//! that it was not handed, and never iterates a map whose order is not fixed. It is `Clone`, so a
//! world can step back, branch and explore.
//!
//! Whoever drives a machine (the simulated world or the real one) keeps these laws in return. Both are run
//! through the same script for each of them (`tests/lab/laws`).
//!
//! 1. [`Input::Start`] is the first input of a boot. Nothing that was asked for before a crash ends after
//!    it, and nothing survives one but the disk. Inputs come one at a time; what one of them asks for is carried
//!    out in order, and nothing after [`Output::Halt`].
//! 2. A timer fires once for each time it was set, never early on the machine's monotonic clock; of two
//!    that are due at the same time the one that was set first.
//! 3. What arrives on a lane ([`Link::Stream`], [`Link::Bulk`]) between two [`Input::LinkReset`]s of a peer
//!    is a beginning of what was sent on it, in order. The two lanes of a pair are not ordered with each
//!    other. A reset ends both; what is sent after it is told goes on new ones.
//! 4. *Outstanding* on a lane, in one direction, is the weight of what was sent, of each message [`LIGHTEST`]
//!    at least, less the credit that the peer's driver gave: [`CREDIT`] for each so much that the peer's machine was
//!    handed. It never exceeds [`WINDOW`]: a send that would exceed it, or that is heavier than [`LONGEST`], resets
//!    the pair.
//! 5. [`Input::Writable`] is told for each such credit. Who stops sending at half a window, as [`Window`]
//!    does, is never reset for what it sent.
//! 6. A datagram ([`Link::Datagram`]) of at most [`DATAGRAM`] is lost, doubled, overtaken, or arrives. A
//!    heavier one is an error of the machine, and never does. No message is ever altered.
//! 7. A message to a node that is neither listed, nor met ([`Output::Meet`]), nor connected is answered by a reset; a
//!    datagram is lost. In the simulated world whoever is there is listed.
//! 8. Changes and syncs of one file end in the order in which they were asked for; see [`DiskCommand`]. When a
//!    process dies, each file shows a beginning of its changes that were in flight, each file by itself. When the
//!    power goes, any of the changes that were not synced are there, whole or in part.
//! 9. [`DiskError::Full`]: the operation did nothing. [`DiskError::Failed`]: it happened, in part or as a whole, or
//!    not at all. After a failed sync, replacement or deletion only a halt of that input is carried out, and a
//!    machine that does not halt is halted.
//! 10. A new disk holds [`Machine::first_files`] before the first start. One that is gone later is not put back.
//! 11. [`Input::Stop`] comes at most once in a boot. The node ends at [`Output::Stopped`], of which nothing that
//!     follows is carried out, or as a process that dies: [`GRACE`] later if it has not answered.
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
//!                 let parts = self.0.to_le_bytes().to_vec().into();
//!                 let replace = DiskCommand::Replace { file: "count".into(), parts };
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
mod folder;
mod machine;
mod memory;
mod outputs;
mod parts;
mod protocol;
mod switches;
mod time;
mod window;

pub use checkpoint::{Checkpoint, CheckpointError, CheckpointOp};
pub use disk::{DiskAnswer, DiskCommand, DiskError, DiskId, DiskResult, FileName};
pub use embedding::{Embeds, Separates};
pub use folder::Folder;
pub use machine::{Field, FieldValue, GRACE, Generation, Input, Inspection, Machine, Now, Random};
pub use memory::MemoryDisk;
pub use outputs::{Output, Outputs};
pub use parts::Parts;
pub use protocol::{Link, NodeId, Protocol, Routine};
pub use switches::{MechanismInfo, Switches};
pub use time::{Time, Wall, nanos};
pub use window::{CREDIT, DATAGRAM, LIGHTEST, LONGEST, WINDOW, Window};
