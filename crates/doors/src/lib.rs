//! How the world outside reaches a server: connections accepted, bounded and timed, and what is spoken on them.
#![doc = include_str!("../README.md")]

mod accept;
mod budget;
mod client;
pub mod framed;
pub mod http;
mod listen;
mod threads;
mod visitor;

pub use accept::{Activity, Door, Places, accept, drain};
pub use budget::{Budget, Taken};
pub use client::{Client, FetchError, FetchLimits, Fetched};
pub use listen::{Exposure, ListenError, listen};
pub use visitor::Visitor;
