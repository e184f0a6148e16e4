//! Which node keeps a key, decided by hashing alone: no table to ask, no message to send.
//!
//! # The law
//!
//! A [`Placement`] gives every key one of its nodes, and two placements of the same kind that saw the
//! same nodes come and go agree on every key, on any machine and in any build. Its callers agree on
//! three things, then, and on nothing else: the algorithm, the nodes, and the order in which nodes
//! came and went where the algorithm remembers it ([`Anchor`], [`Range`], [`Directory`]).
//!
//! A key is its 64-bit hash, spread evenly: [`Placement::hash`] makes one of bytes. The algorithms
//! mostly look at the upper bits of it, so small numbers are no hashes.
//!
//! What tells the algorithms apart is what a change costs and how even the load is:
//!
//! | | only keys of the node that came or went move | load | weights | a look-up costs |
//! |---|---|---|---|---|
//! | [`Ring`] | yes | uneven by a third | yes | one search |
//! | [`Ketama`] | as long as the weights leave the points alone | uneven by a third | yes | one search |
//! | [`Jump`] | yes, but only the last node can go | even | no | ln(nodes) steps |
//! | [`Rendezvous`] | yes | even | yes | a look at every node |
//! | [`Maglev`] | almost | even | yes | one look in a table |
//! | [`Anchor`] | yes | even | no | a step or two |
//! | [`BoundedRing`] | yes, but for requests that were sent on | bounded, whatever the keys | yes | a walk |
//! | [`Modulo`] | no: nearly all keys move | even | no | a division |
//! | [`Range`] | yes | uneven by two after changes | yes | one search |
//! | [`Directory`] | yes | even | yes | one look in a table that someone must keep |
//!
//! There is no clock, no randomness, no global and no map without an order in here.
//!
//! # Reading order
//!
//! One look-up by the ring, file by file:
//!
//! 1. `nodes.rs`: who is there, by name, weight and zone. `error.rs` has what is refused.
//! 2. `placement.rs`: the trait, that is, what can be asked.
//! 3. `hash.rs`: a key's bytes become its hash.
//! 4. `ring.rs`: the points of the nodes on the circle, and `continuum.rs`: the search among them.
//! 5. `replicas.rs`: the nodes of further copies; `racks.rs` knows which zones and racks they share.
//!
//! Then the other nine algorithms, in any order, a file each; `bounded.rs` stands on the ring, `ketama.rs`
//! on the continuum. Last comes what compares them: `algorithm.rs` names all ten, `compare.rs` measures
//! them, `table.rs` and `plot.rs` print what it found.
//!
//! A system that stands on this library is the crate `cache-fleet`. The case study, with what was
//! measured, is the README below.
#![doc = include_str!("../README.md")]

mod error;
mod nodes;
mod placement;

mod hash;

mod continuum;
mod ring;

mod racks;
mod replicas;

mod anchor;
mod bounded;
mod directory;
mod jump;
mod ketama;
mod maglev;
mod modulo;
mod range;
mod rendezvous;

mod algorithm;
pub mod compare;
pub mod lookup;
pub mod plot;
pub mod table;

pub use algorithm::Algorithm;
pub use anchor::Anchor;
pub use bounded::BoundedRing;
pub use directory::Directory;
pub use error::{FileError, LineError, Refused};
pub use hash::{hash, scale};
pub use jump::{Jump, jump};
pub use ketama::Ketama;
pub use maglev::Maglev;
pub use modulo::Modulo;
pub use nodes::{Node, NodeIndex, Nodes};
pub use placement::Placement;
pub use range::Range;
pub use rendezvous::Rendezvous;
pub use ring::Ring;
