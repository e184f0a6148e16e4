//! The door of the object store: S3 for the clients that people have, and the real server.
#![doc = include_str!("../README.md")]

pub mod options;
pub mod server;
pub mod serving;
