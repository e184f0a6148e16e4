//! The door, held to S3 over real sockets, in front of a gateway in memory.

mod bodies;
mod client;
mod fake;
mod hostile;
mod objects;
mod open;
mod pages;
mod signatures;
mod uploads;
