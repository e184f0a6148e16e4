//! The real world, held to the promises that machines rely on.

mod disks;
mod nodes;
mod scratch;
