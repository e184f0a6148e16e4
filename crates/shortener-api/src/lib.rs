//! The programming interface of the `url-shortener`: requests and answers in JSON.
//!
//! ```text
//! POST   /api/links        {"url":"https://example.com","alias":"x","domain":"go.example",
//!                           "expires_at":"2030-01-01T00:00:00Z","title":"X","tags":["a"],
//!                           "status":302}    201 and the link; 409 where the alias is taken
//! POST   /api/links/bulk   {"links":[...]}   a result for each
//! GET    /api/links[?limit=&after=&search=&clicks=true]
//! GET    /api/links/CODE[?domain=D]          the link
//! PATCH  /api/links/CODE   {"title":null}    the link as it is then; null clears
//! DELETE /api/links/CODE                     204
//! GET    /api/links/CODE/stats               what was counted
//! GET    /api/shards                         how the shards stand
//! POST   /api/shards                         202: one more joins; 409 while another does
//! anything else                              {"error":"a sentence"}
//! ```
//!
//! 503 to a change means that the outcome is unknown. Reading the link tells.

mod cursor;
mod link_body;
mod link_json;
mod reply;
mod request;
mod serve;
mod stats_json;
mod target;
mod timestamp;

pub use cursor::{parse_positions, positions};
pub use link_body::{
    BulkRequest, BulkResult, BulkResults, CreateRequest, EditRequest, InvalidRequest,
    MAX_BULK_LINKS,
};
pub use link_json::{LinkJson, ListPage};
pub use serve::{Api, read_body};
pub use stats_json::{Bucket, LogPosition, Referrer, StatsJson};
pub use target::{BlockList, MalformedBlockList, RefusedTarget, Targets, with_scheme};
pub use timestamp::Timestamp;
pub use url_shortener::server::{ShardStatus, ShardsStatus};

/// The OpenAPI document of the interface.
pub const OPENAPI: &str = include_str!("../openapi.json");
