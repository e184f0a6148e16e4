//! The consensus by itself, embedded in a machine that only appends to lists; and under the store.

mod chaos;
mod cluster;
mod disks;
mod groups;
mod leases;
mod lists;
mod members;
mod replicas;
mod replicated;
mod transcripts;
