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
//! The second half is what placement is for: a fleet of caches in front of a database ([`Front`],
//! [`Cache`], [`Database`]), simulated, with the mechanisms that keep it up and what breaks without each
//! ([`HashRing`]).
//!
//! The case study, with what was measured, is the README of the crate.
#![doc = include_str!("../README.md")]

mod error;
mod hash;
mod nodes;
mod places;

mod placement;
mod replicas;

mod continuum;

mod anchor;
mod bounded;
mod directory;
mod jump;
mod ketama;
mod maglev;
mod modulo;
mod range;
mod rendezvous;
mod ring;

mod algorithm;
pub mod compare;
pub mod lookup;
mod plot;
mod table;

pub use algorithm::Algorithm;
pub use anchor::Anchor;
pub use bounded::BoundedRing;
pub use directory::Directory;
pub use error::{FileError, LineError, Refused};
pub use hash::hash;
pub use jump::{Jump, jump};
pub use ketama::Ketama;
pub use maglev::Maglev;
pub use modulo::Modulo;
pub use nodes::{Node, NodeIndex, Nodes};
pub use placement::Placement;
pub use range::Range;
pub use rendezvous::Rendezvous;
pub use ring::Ring;

mod crowd;
mod message;
mod reads;
mod router;
mod sentence;
mod service;

mod cache;
mod database;
mod front;

mod mechanism;
mod promise;
mod scenario;
mod shape;

pub use cache::Cache;
pub use database::Database;
pub use front::Front;
pub use mechanism::Mechanism;
pub use message::{Attempt, Browse, Fleet, Message, Note, Order, Outcome, Timer};
pub use router::Member;
pub use scenario::HashRing;
pub use shape::Server;
