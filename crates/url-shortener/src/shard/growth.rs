//! A shard joins the ring. Read this last: a redirect needs none of it while the ring does not change.
//!
//! `ownership.rs` says which shard answers for a link meanwhile, `joiner.rs` copies the links that the
//! new shard gets, and `donor.rs` hands them over.

pub(super) mod donor;
pub(super) mod joiner;
pub(super) mod ownership;
