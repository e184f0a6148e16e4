//! Short links: made, followed, counted.
//!
//! # The law
//!
//! A link that was acknowledged resolves until its owner deletes it, and no code ever means two links. A
//! redirect waits for nothing that it does not need: not for the click to be counted, and not for the
//! store when the cache has a fresh copy.
//!
//! # One redirect, file by file
//!
//! 1. `server/front.rs` takes the request. `server/redirect.rs` reads it: the code, the domain
//!    (`server/site.rs`), the visitor's device and referrer (`server/visitor.rs`), and a hash in the place
//!    of the address, by which visitors are counted (`server/salt.rs`).
//! 2. `server/ask.rs` sends it to the instance as `Ask::Visit` (`message.rs`), with another hash, by which
//!    the client is limited. It asks in the session of its connection, with the node of `host` that has
//!    the instance.
//! 3. `instance.rs` takes the message, and `instance/visit.rs` answers it from `instance/cache.rs`.
//! 4. Without a copy in the cache, the visitor joins a read of the link that is under way. Where there is
//!    none, the client's token bucket pays for one (`instance/limiter.rs`), `ring.rs` says which shard has
//!    the link, and a `Call::Get` goes there as one of the open calls of `resilience`: to another process
//!    over the links of `host`, as the bytes of `message/bytes.rs`.
//! 5. `shard.rs` has the call wait while the link (`link.rs`, by its `link/key.rs`) is being changed (the
//!    per-key queue of `resilience`), looks whether the link is here (`shard/growth/ownership.rs`) and
//!    reads it from its store (the crate `bitcask`); `link/codec.rs` decodes it.
//! 6. The reply comes back through `instance.rs` to `instance/visit.rs`, which logs a click for each who
//!    waits (`analytics/clicks.rs`), answers them, and keeps a copy in the cache unless it is outdated
//!    already.
//! 7. Back in `server/redirect.rs`, `server/reply.rs` makes the answer an HTTP response.
//!
//! # One creation
//!
//! The crate `shortener-api` reads and checks the request. `instance/create.rs` picks a code:
//! `instance/numbers.rs` has leased numbers, and `link/code.rs` turns a number into a code. `shard.rs`
//! stores the link if the code is free.
//!
//! # Read last
//!
//! `analytics/` counts clicks after the redirect. The rest of `shard/growth/` moves links when a shard
//! joins, and `server/shards.rs` starts one; `server/cluster.rs` says who is where over several processes.
//! `sentence.rs` writes messages as sentences, for diagrams. Everything else is a crate of its own:
//! `shortener-scenarios` (the simulated world), `shortener-api`, `shortener-page`, `shortener-postgres`,
//! `shortener-transfer`, `shortener-capacity`, and `shortener-service`, which puts them together.
//!
//! The case study, with measurements, is the README of the crate.
#![doc = include_str!("../README.md")]

mod link;
mod message;

mod instance;
mod ring;

mod shard;

mod analytics;

mod mechanism;
mod sentence;

#[cfg(feature = "server")]
pub mod server;

pub use analytics::click::{Click, Device};
pub use analytics::clicks::{Batch, ClickLog, ClickTuning, Clicks, LoggedClick};
pub use analytics::stats::{LinkStats, Visitors};
pub use analytics::tally::{RoundLimits, Tally};
pub use bitcask::{INDEX_BYTES, Limits};
pub use instance::cache::Freshness;
pub use instance::limiter::Rate;
pub use instance::numbers::Codes;
pub use instance::{Instance, MAX_SEARCH_BYTES, Settings};
pub use link::code::{CODE_LENGTH, CODES, Permutation};
pub use link::codec::{decode_link, encode_link};
pub use link::key::{Key, LinkId, MAX_CODE_BYTES, MAX_DOMAIN_BYTES, is_code};
pub use link::names::{
    InvalidLink, MAX_TAG_BYTES, MAX_TAGS, MAX_TITLE_BYTES, MAX_URL_BYTES, check_code, check_edit,
    check_new,
};
pub use link::{Edit, Link, Named, NewLink, RedirectStatus};
pub use mechanism::Mechanism;
pub use message::bytes::{get_message, put_message};
pub use message::{
    Action, Answer, Ask, Call, Cursor, Handover, Message, Note, Op, Range, Reply, Shortener, Timer,
    Which, Why, Wish,
};
pub use ring::{BadShards, MAX_SHARDS, RingPhase, Roster};
pub use shard::{MAX_PAGE_LINKS, RANGE, Shard};
