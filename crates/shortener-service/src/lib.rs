//! The url-shortener put together, and a client of one that runs.
#![doc = include_str!("../README.md")]

pub mod http_client;
mod key_file;
pub mod options;
