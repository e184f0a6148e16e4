//! The real world, held to the promises that machines rely on.

#[macro_use]
mod wait;

mod clerk;
mod companies;
mod disks;
mod folders;
mod frames;
mod hostile;
mod links;
mod locals;
mod nodes;
mod raw;
mod scratch;
mod services;
mod sessions;
mod stall;
mod talker;
