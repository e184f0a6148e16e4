//! A database in the place of the shards.

use std::error::Error;
use std::sync::Arc;

use futures_util::future::BoxFuture;

use crate::{Call, Reply};

/// Keeps the links instead of the shards, and answers the calls that a shard answers.
pub trait Database: Send + Sync {
    /// What a shard would reply; none where nobody can know what came of the call.
    fn answer(&self, wanted: Call) -> BoxFuture<'_, Option<Reply>>;
}

/// Connects when it is awaited, which the server does before it makes any folder.
pub type Opening = BoxFuture<'static, Result<Arc<dyn Database>, OpenError>>;

/// Why a database is not used. It was left as it was.
pub type OpenError = Box<dyn Error + Send + Sync>;
