//! The other ways to name things, each small enough to read, behind one trait so that
//! [`compare`](crate::compare) can measure them side by side.
//!
//! Time and randomness are arguments here too. Where real ones would ask a server, the server is a
//! counter in the same struct and the round trips are counted.

mod shards;
mod snowflakes;
mod tickets;
mod ulids;
mod uuids;

use machine::Wall;

use crate::error::NotNow;

pub use shards::Shards;
pub use snowflakes::Snowflakes;
pub use tickets::{Tickets, Twins};
pub use ulids::Ulids;
pub use uuids::{UuidV4, UuidV7};

/// What there is to know about a scheme without running it.
#[derive(Clone, Copy, Debug)]
pub struct About {
    /// What it is called.
    pub name: &'static str,
    /// How many bits an id has.
    pub bits: u32,
    /// What its minters must agree on beforehand, or ask for on the way.
    pub coordination: &'static str,
}

/// A way to mint ids, with all of its workers.
pub trait Scheme {
    /// What it is.
    fn about(&self) -> About;

    /// An id from `worker`, whose clock shows `now` and who drew `random`. Ids of up to 64 bits are
    /// in the low half.
    fn mint(&mut self, worker: usize, now: Wall, random: u128) -> Result<u128, NotNow>;

    /// The text that people would see.
    fn text(&self, id: u128) -> String {
        id.to_string()
    }

    /// How often a worker has asked the authority that all share, so far.
    fn round_trips(&self) -> u64 {
        0
    }
}
