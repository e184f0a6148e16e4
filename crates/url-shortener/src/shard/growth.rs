//! A shard joins: read last, since no redirect needs it while the ring stays as it is.
//!
//! `tenure.rs` says who answers for a link meanwhile, `joiner.rs` asks for the links of the new shard's share, and
//! `donor.rs` gives them away.

pub(super) mod donor;
pub(super) mod joiner;
pub(super) mod tenure;
