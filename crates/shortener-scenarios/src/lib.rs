//! The simulated world of the `url-shortener`.
#![doc = include_str!("../README.md")]

mod scenario;

mod shape;
mod user;

mod promise;

pub use scenario::{UrlShortener, registered};
pub use shape::{Node, Shape};
pub use user::User;
