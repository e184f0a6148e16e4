//! The real world, held to the promises that machines rely on.

mod disks;
mod hostile;
mod links;
mod nodes;
mod scratch;
mod talker;
