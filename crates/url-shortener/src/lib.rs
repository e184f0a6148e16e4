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

mod link;
mod message;

mod instance;
mod ring;

mod calls;
mod generations;

mod shard;

mod analytics;

mod mechanism;
mod sentence;

mod client;
mod promise;
mod scenario;
mod shape;

#[cfg(feature = "server")]
pub mod server;

pub use analytics::clicks::{Batch, ClickLog, ClickOp, ClickTuning, Clicks, LoggedClick};
pub use analytics::stats::{LinkStats, Visitors};
pub use analytics::tally::{Rounds, Tally};
pub use bitcask::{INDEX_BYTES, Limits};
pub use client::User;
pub use generations::Generations;
pub use instance::cache::Freshness;
pub use instance::limiter::Rate;
pub use instance::numbers::Codes;
pub use instance::{Instance, LONGEST_SEARCH, Settings};
pub use link::code::{CODE_LENGTH, CODES, Permutation};
pub use link::codec::{decode_link, encode_link};
pub use link::key::{Key, LONGEST_CODE, LONGEST_DOMAIN, LinkId};
pub use link::names::{
    LONGEST_TAG, LONGEST_TITLE, LONGEST_URL, MOST_TAGS, Unfit, check_code, check_edit, check_new,
    is_code,
};
pub use link::{Edit, Link, Named, NewLink, RedirectStatus};
pub use mechanism::Mechanism;
pub use message::{
    Answer, Ask, Call, Click, Cursor, Deed, Device, Handover, Message, Note, Op, Range, Reply,
    Shortener, Timer, Which, Why, Wish,
};
pub use ring::{BadShards, Roster};
pub use scenario::UrlShortener;
pub use shape::Node;
pub use shard::{LONGEST_PAGE, MOST_SHARDS, RANGE, RingPhase, Shard};
