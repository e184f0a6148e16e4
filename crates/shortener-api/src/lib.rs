//! HTTP: the texts of requests, and the texts of answers.
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
//! 503 to a change says that nobody knows whether it was made: a look at the link tells.

mod counted;
mod cursor;
mod reply;
mod request;
mod serve;
mod shown;
mod target;
mod wanted;
mod when;

pub use counted::{Bucket, Counted, LogPosition, Referrer};
pub use cursor::{parse_positions, positions};
pub use serve::{Api, read_body};
pub use shown::{ListPage, Shown};
pub use target::{Blocked, MalformedList, Refused, Targets, with_scheme};
pub use url_shortener::server::{OneShard, Shards};
pub use wanted::{Bulk, Changes, MOST_AT_ONCE, Outcome, Outcomes, Wanted, Wrong};
pub use when::When;

/// What the interface understands, for programs: an OpenAPI document.
pub const OPENAPI: &str = include_str!("../openapi.json");
