//! The real server.

pub mod postgres;
