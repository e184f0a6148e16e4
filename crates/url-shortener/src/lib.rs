//! Short links: made, followed, counted.
//!
//! # The law
//!
//! A link that was acknowledged resolves until its owner takes it away, and no code ever means two
//! links. A redirect waits for nothing that it does not need: not for the click to be counted, and not
//! for the store where a fresh enough copy is at hand.
//!
//! # One redirect, file by file
//!
//! 1. `server/front.rs` takes the request, and `server/redirect.rs` reads it: the code, the domain (`server/site.rs`), what
//!    the visitor came with (`server/visitor.rs`) and who it is without an address (`server/salt.rs`).
//! 2. `server/ask.rs` hands it to the instance as a `message.rs`: `Ask::Visit`.
//! 3. `instance.rs` takes it, and `instance/visit.rs` answers it: from `instance/cache.rs`, and the redirect leaves.
//! 4. Where there is no copy the client pays (`instance/limiter.rs`), `ring.rs` says which shard has the link, and
//!    `calls.rs` keeps the question until the reply. `server/delivery.rs` carries messages between nodes.
//! 5. `shard.rs` waits for its turn at the link (`shard/queue.rs`), reads it from its store (the crate `bitcask`), and
//!    `link/codec.rs` makes a link of the bytes.
//! 6. The reply goes back through `instance.rs` to `instance/visit.rs`, into the cache and to all who wait;
//!    `analytics/clicks.rs` logs the click.
//! 7. `server/reply.rs` makes it a response.
//!
//! # One creation
//!
//! The crate `shortener-api` reads and checks what is wanted. `instance/create.rs` picks a code: `instance/numbers.rs` has
//! leased numbers, and `link/code.rs` makes a code of one. `shard.rs` stores the link if nothing is there.
//!
//! # Read last
//!
//! `analytics/` counts clicks after the redirect. `shard/growth/` moves links when a shard joins, and `server/shards.rs`
//! starts one. `scenario/`, `promise/`, `client.rs` and `shape.rs` are the simulated world. What else is served stands
//! on this crate: `shortener-api`, `shortener-page`, `shortener-postgres`, `shortener-transfer`, `shortener-capacity`.
//!
//! The case study, with what was measured, is the README of the crate.
#![doc = include_str!("../README.md")]

mod link;
mod message;

mod instance;
mod ring;

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
    Action, Answer, Ask, Call, Click, Cursor, Device, Handover, Message, Note, Op, Range, Reply,
    Shortener, Timer, Which, Why, Wish,
};
pub use ring::{BadShards, Roster};
pub use scenario::UrlShortener;
pub use shape::Node;
pub use shard::{LONGEST_PAGE, MOST_SHARDS, RANGE, RingPhase, Shard};
