//! Short links: made, followed, counted.
//!
//! # The law
//!
//! A link that was acknowledged resolves until its owner takes it away, and no code ever means two
//! links. A redirect waits for nothing that it does not need: not for the click to be counted, and not
//! for the store where a fresh enough copy is at hand.
//!
//! The case study, with what was measured, is the README of the crate.
#![doc = include_str!("../README.md")]

mod key;
mod link;
mod message;

mod code;
mod codec;
mod names;
mod numbers;
mod punycode;
mod ring;

mod generations;

mod cache;
mod calls;
mod limiter;

mod clicks;
mod instance;

mod shard;

mod stats;
mod tally;

mod mechanism;
mod sentence;

mod client;
mod promise;
mod scenario;
mod shape;

pub mod bench;
pub mod capacity;
mod direct;
mod workload;

#[cfg(feature = "server")]
pub mod http_client;
#[cfg(feature = "server")]
mod key_file;
#[cfg(feature = "server")]
pub mod options;
#[cfg(feature = "server")]
pub mod server;
#[cfg(feature = "server")]
mod site;
#[cfg(feature = "server")]
mod target;
#[cfg(feature = "server")]
pub mod transfer;
#[cfg(feature = "server")]
pub mod wire;

pub use bitcask::{INDEX_BYTES, Limits};
pub use cache::Freshness;
pub use clicks::{Batch, ClickLog, ClickOp, ClickTuning, Clicks, LoggedClick};
pub use client::User;
pub use code::{CODE_LENGTH, CODES, Permutation};
pub use codec::{decode_link, encode_link};
pub use direct::Direct;
pub use instance::{Instance, LONGEST_SEARCH, Settings};
pub use key::{Key, LONGEST_CODE, LONGEST_DOMAIN, LinkId};
pub use limiter::Rate;
pub use link::{Edit, Link, Named, NewLink, RedirectStatus};
pub use mechanism::Mechanism;
pub use message::{
    Answer, Ask, Call, Click, Cursor, Deed, Device, Handover, Message, Note, Op, Range, Reply,
    Shortener, Timer, Which, Why, Wish,
};
pub use names::{LONGEST_TAG, LONGEST_TITLE, LONGEST_URL, MOST_TAGS, check_code};
pub use numbers::Codes;
pub use ring::{BadShards, Roster};
pub use scenario::UrlShortener;
pub use shape::Node;
pub use shard::{LONGEST_PAGE, MOST_SHARDS, RANGE, RingPhase, Shard};
pub use stats::{LinkStats, Visitors};
pub use tally::{Rounds, Tally};
pub use workload::Zipf;
