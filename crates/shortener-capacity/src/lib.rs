//! How large a service of short links must be.
//!
//! `workload.rs` draws what visitors want, `direct.rs` runs the machines without a world, so that what is measured
//! is their own work, and `capacity.rs` makes a bill of that for any number of links.
#![doc = include_str!("../README.md")]

pub mod bench;
mod capacity;
mod direct;
mod workload;

pub use capacity::{Bill, Copies, Crowd, Hardware, Measured, Wanted};
pub use direct::Direct;
pub use workload::Zipf;
