//! A fleet of caches in front of a database, and the mechanisms that keep it up.
//!
//! # The law
//!
//! Every request that a user makes is answered or fails, once. Which caches keep a key follows from the
//! key and the caches in the fleet, so that all fronts that know the same caches agree without a message.
//! A cache keeps nothing over a restart; only the database knows every key, and it cannot serve them all.
//!
//! # Reading order
//!
//! One read through the fleet, file by file:
//!
//! 1. `message.rs`: the protocol. `shape.rs`: who is there.
//! 2. `open_loop.rs`: users come to a front, as often as they want to.
//! 3. `front.rs`: one request's path. `router.rs` places its key with the crate `hash-ring`.
//! 4. `cache.rs`: a cache looks for the key. `worker_pool.rs` is its queue, and the database's.
//! 5. `reads.rs`: what no cache has is read from the database: joined, tried again, given up.
//! 6. `database.rs`: it serves a hundred reads in a second, and turns the others away.
//!
//! Around them: `mechanism.rs` (what can be left out), `promise.rs` (what must hold), `scenario.rs` (what
//! goes wrong) and `sentence.rs` (how diagrams word it).
#![doc = include_str!("../README.md")]

mod message;
mod shape;

mod open_loop;

mod front;
mod router;

mod cache;
mod worker_pool;

mod reads;

mod database;

mod mechanism;
mod promise;
mod scenario;
mod sentence;

pub use cache::Cache;
pub use database::Database;
pub use front::Front;
pub use mechanism::Mechanism;
pub use message::{Attempt, Browse, CallOutcome, Fleet, Message, Note, Order, Timer};
pub use router::Member;
pub use scenario::{CacheFleet, registered};
pub use shape::Server;
