//! A database instead of shards.

use std::error::Error;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use host::{Called, Service, ServiceLimits};
use machine::NodeId;
use tokio::runtime::Handle;

use super::cluster::shard;
use super::{Member, PATIENCE};
use crate::{Call, Message, Reply};

/// More calls to a database than this are not even begun.
const MOST_CALLS: usize = 1024;

/// Keeps the links, and answers the calls that a shard answers.
pub trait Database: Send + Sync {
    /// The reply that a shard would give; none if the outcome is unknown.
    fn answer(&self, wanted: Call) -> BoxFuture<'_, Option<Reply>>;
}

/// Connects when awaited. The server does that before it makes any folder.
pub type Opening = BoxFuture<'static, Result<Arc<dyn Database>, OpenError>>;

/// Why the database cannot be used. Nothing was changed in it.
pub type OpenError = Box<dyn Error + Send + Sync>;

/// The database as the shard that it stands in for.
pub(super) fn stands_in(database: Arc<dyn Database>, runtime: &Handle) -> (NodeId, Called<Member>) {
    let answer = move |message: Message| {
        let database = database.clone();
        async move {
            let Message::Call { call, wanted } = message else { return None };
            let reply = database.answer(wanted).await?;
            Some(Message::Reply { call, shards: 1, reply })
        }
    };
    let unanswered = |message: &Message| match message {
        Message::Call { call, .. } => Some(Message::Unanswered { call: *call }),
        _ => None,
    };
    let limits = ServiceLimits { under_way: MOST_CALLS, patience: PATIENCE };
    let service = Service::new(shard(0), limits, runtime.clone(), answer, unanswered);
    (shard(0), Box::new(move |from, message| service.call(from, message)))
}
