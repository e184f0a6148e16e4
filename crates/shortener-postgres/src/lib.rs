//! PostgreSQL in the place of the shards, for who outgrows one machine.
//!
//! The law: it answers the calls of a shard with the same replies, and decides nothing. What it says is
//! stored is committed. If the outcome is unknown there is no reply, as from a shard that crashed.
//!
//! It speaks to servers of this computer only, by a Unix socket or loopback: there is no TLS in it. One
//! that is elsewhere is reached through a tunnel.

mod address;
mod error;
mod passfile;
mod schema;
mod statements;

use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod, Runtime};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_postgres::NoTls;

use error::Trouble;
use futures_util::future::BoxFuture;
use url_shortener::server::{Database, Opening};
use url_shortener::{Call, Reply};

pub use address::Address;
pub use error::{AddressError, OpenError};

/// The most calls that wait at once.
pub const MAX_WAITING_CALLS: usize = 256;
/// The size of the connection pool.
pub const MAX_CONNECTIONS: usize = 16;
/// How long to wait for a new connection.
const CONNECT_TIME: Duration = Duration::from_secs(3);
/// How long to wait for a free connection.
const WAIT_TIME: Duration = Duration::from_secs(2);
/// How long a call may take in all: more than its parts, which the database bounds.
const CALL_TIME: Duration = Duration::from_secs(10);

/// Links in a database.
#[derive(Debug)]
pub struct Postgres {
    pool: Pool,
    places: Semaphore,
}

impl Postgres {
    /// Connects, and makes the tables where there are none.
    ///
    /// # Errors
    /// If the database cannot be reached, or holds what a newer version made. Nothing was changed.
    pub async fn open(address: Address) -> Result<Postgres, OpenError> {
        // The task of a connection notices when it breaks. Testing it before each use would double the
        // round trips.
        let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = Manager::from_config(address.into_config(CONNECT_TIME), NoTls, recycling);
        let pool = Pool::builder(manager)
            .max_size(MAX_CONNECTIONS)
            .wait_timeout(Some(WAIT_TIME))
            .create_timeout(Some(CONNECT_TIME))
            .recycle_timeout(Some(CONNECT_TIME))
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(|error| OpenError::Pool(error.to_string()))?;
        schema::prepare(&mut *pool.get().await.map_err(OpenError::reach)?).await?;
        Ok(Postgres { pool, places: Semaphore::new(MAX_WAITING_CALLS) })
    }

    /// The reply that a shard would give; none if the outcome is unknown.
    pub async fn answer(&self, wanted: Call) -> Option<Reply> {
        let Ok(_place) = self.places.try_acquire() else {
            return Some(Reply::Refused(
                "too many calls wait for the database; nothing changed".into(),
            ));
        };
        match timeout(CALL_TIME, self.carry_out(wanted)).await {
            Ok(Ok(reply)) => Some(reply),
            Ok(Err(trouble)) => {
                tracing::warn!("the database: {trouble}");
                trouble.reply()
            }
            Err(_) => {
                tracing::warn!("the database: a call took more than {CALL_TIME:?}");
                None
            }
        }
    }

    async fn carry_out(&self, wanted: Call) -> Result<Reply, Trouble> {
        let mut client = self.pool.get().await.map_err(Trouble::NoConnection)?;
        let client = &mut *client;
        match wanted {
            Call::PutIfAbsent(key, link) => statements::put_if_absent(client, &key, link).await,
            Call::Get(key) => statements::get(client, &key).await,
            Call::Edit(key, edit) => statements::edit(client, &key, edit).await,
            Call::Remove(key) => statements::remove(client, &key).await,
            Call::Scan { after, limit, search } => {
                statements::scan(client, after, limit, search.as_deref()).await
            }
            Call::Newest { below, limit, search } => {
                statements::newest(client, below, limit, search.as_deref()).await
            }
            Call::LeaseRange => statements::lease_range(client).await,
            // A server with a database has the key of codes itself.
            Call::Join | Call::Handover { .. } | Call::Status | Call::CodeKey => Ok(
                Reply::Refused("the links are in a database, which grows by its own means".into()),
            ),
        }
    }
}

impl Database for Postgres {
    fn answer(&self, wanted: Call) -> BoxFuture<'_, Option<Reply>> {
        Box::pin(Postgres::answer(self, wanted))
    }
}

/// The database at this address, which is connected to when the server starts.
pub fn opening(address: Address) -> Opening {
    Box::pin(async move {
        let database: Arc<dyn Database> = Arc::new(Postgres::open(address).await?);
        Ok(database)
    })
}
