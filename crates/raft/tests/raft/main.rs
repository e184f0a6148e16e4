//! The consensus by itself, embedded in a machine that only appends to lists.

mod chaos;
mod cluster;
mod disks;
mod groups;
mod layers;
mod lists;
mod losses;
mod members;
mod replay;
mod replicated;
mod rest;
mod transcripts;
