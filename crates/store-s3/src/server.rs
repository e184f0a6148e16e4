//! The real server: S3 in front of a gateway.

mod access;
mod asker;
mod buckets;
mod budget;
mod claims;
mod copying;
mod front;
mod headers;
mod listing;
mod multipart;
mod objects;
mod store;
mod transfer;
mod upload;

pub use access::KeyPairs;
pub use front::Front;
