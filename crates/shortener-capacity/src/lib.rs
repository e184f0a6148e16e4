//! How large a service of short links must be.
//!
//! `workload.rs` draws visits. `direct.rs` runs the machines without a simulated world, so that only
//! their own work is measured. `capacity.rs` estimates from that the hardware for any number of links.
#![doc = include_str!("../README.md")]

pub mod bench;
mod capacity;
mod direct;
mod workload;

pub use capacity::{CacheSettings, Demand, Estimate, Hardware, Measurements, Traffic};
pub use direct::Direct;
pub use workload::Zipf;
