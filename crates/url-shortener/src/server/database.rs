//! A database instead of shards.

use std::error::Error;
use std::sync::Arc;

use futures_util::future::BoxFuture;

use crate::{Call, Reply};

/// Keeps the links, and answers the calls that a shard answers.
pub trait Database: Send + Sync {
    /// The reply that a shard would give; none if the outcome is unknown.
    fn answer(&self, wanted: Call) -> BoxFuture<'_, Option<Reply>>;
}

/// Connects when awaited. The server does that before it makes any folder.
pub type Opening = BoxFuture<'static, Result<Arc<dyn Database>, OpenError>>;

/// Why the database cannot be used. Nothing was changed in it.
pub type OpenError = Box<dyn Error + Send + Sync>;
