//! Groups of consumers, by Kafka's classic protocol: which member has which partitions, and how far the group has read.
//!
//! `group.rs` is one group: members join it, its leader assigns, and each generation ends when somebody comes or goes.
//! `coordinator.rs` has all groups of the partitions of `__consumer_offsets` that a broker leads; it loads them from
//! there when the broker begins to lead, and keeps there what it answers.

mod coordinator;
mod group;

pub use coordinator::{Coordinator, GroupEvent, GroupTuning, partition_of};
