//! The real world, held to the promises that machines rely on.

#[macro_use]
mod wait;

mod disks;
mod doors;
mod folders;
mod hostile;
mod links;
mod locals;
mod nodes;
mod scratch;
mod talker;
