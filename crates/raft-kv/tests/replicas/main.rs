//! The store as its clients see it, and what its leader's lease rests on.

mod clients;
mod leases;
