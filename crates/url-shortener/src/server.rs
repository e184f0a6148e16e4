//! The real server: an instance, shards and the tally, all of them in one process or each shard in one of its own, with
//! HTTP in front of them.
//!
//! The law: the server decides nothing. A request becomes an [`Ask`](crate::Ask), the instance's answer
//! becomes the response, and `host` carries out what a machine asks for. The scenarios check the same
//! machines with the same mechanisms on.
//!
//! It listens on loopback only, unless it has API keys or the operator insists.

// In the order of a request.
mod front;
mod keys;
mod redirect;
mod salt;
mod site;
mod visitor;

mod ask;
mod cluster;
mod codec;
mod nodes;
mod reply;

mod code_key;
mod metrics;
mod owner;

// Read last.
mod database;
mod shards;

use std::fmt::Display;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::FutureExt;
use host::{Access, Addresses, Exposure, ListenError, Server, Stopping, http};
use machine::{Inspection, Wall};

use crate::{
    ClickTuning, Codes, Freshness, Instance, Rate, Roster, Settings, Shard, Shortener, Tally,
};
use cluster::TALLY;
use metrics::ServerMetrics;
use nodes::Nodes;
use salt::Salt;

pub use cluster::Cluster;
pub use database::{Database, OpenError, Opening};
pub use front::{Asker, Front, Handler, OtherRoutes};
pub use host::ServeError;
pub use host::http::HttpReply;
pub use keys::{Keys, MalformedKey};
pub use redirect::code_of;
pub use reply::{refused, unavailable};
pub use shards::{ShardStatus, ShardsStatus};
pub use site::{BadName, Site};

/// The settings of a server.
pub struct ServerConfig {
    /// Where it listens.
    pub listen: SocketAddr,
    /// The data folder. It is made if it does not exist.
    pub data: PathBuf,
    /// Nodes, by the names of their folders, that are gone and begin anew.
    pub replace: Vec<String>,
    /// Where to serve metrics, and who may reach these addresses, if there are no keys.
    pub access: Access,
    /// Who keeps the links.
    pub link_store: LinkStore,
    /// Are picked codes snowflake ids, rather than leased numbers?
    pub snowflakes: bool,
    /// What short links begin with, if not with the address.
    pub public_url: Option<String>,
    /// Custom domains.
    pub domains: Vec<String>,
    /// The keys that open the programming interface. Without any, it is open to all.
    pub keys: Keys,
    /// How many calls to shards one client may cause a second.
    pub rate: u32,
    /// Does a proxy on this computer name the visitor's address?
    pub behind_proxy: bool,
    /// Is a visitor's query appended to the target, unless the link says otherwise?
    pub forward_query: bool,
}

/// Who keeps the links.
pub enum LinkStore {
    /// Shards in this process, each with a folder. A new data folder gets this many, or one. In an
    /// existing folder, this many must be there.
    Shards(Option<u16>),
    /// A shard in this process, and others in the other processes of the service.
    Cluster(Cluster),
    /// A database.
    Database(Opening),
}

sim::nodes! {
    /// A node of the service.
    pub(super) enum Member: Shortener {
        Instance(Instance),
        Shard(Shard),
        Tally(Tally),
    }
}

/// The most shards in one process.
pub const MAX_SHARDS_PER_PROCESS: u32 = 64;

/// The number of links that the cache holds at least.
const CACHED: usize = 100_000;
/// How long visitors may see an old link, after another instance with the same shards changed it.
const FRESHNESS: Freshness =
    Freshness { links: Duration::from_secs(10), missing: Duration::from_secs(10) };
/// How long to wait for a shard.
const PATIENCE: Duration = Duration::from_secs(5);
/// The number of clients whose limits are kept at least.
const CLIENTS: usize = 100_000;

/// Serves redirects, and what `other_routes` adds, until SIGINT or SIGTERM. `ready` is called once, with
/// the addresses, when the server takes requests.
///
/// # Errors
/// If the server could not start, or if a node halted.
pub fn serve(
    config: ServerConfig,
    other_routes: impl FnOnce(Arc<Front>) -> OtherRoutes,
    ready: impl FnOnce(Addresses),
) -> Result<(), ServeError> {
    let server = Server::open(config.access).map_err(or_with_keys)?;
    // With keys, it is safe to listen to everyone.
    let exposure = if config.keys.is_empty() { config.access.exposure } else { Exposure::Anyone };
    let listening = server.runtime.block_on(host::listen(config.listen, exposure));
    let (listener, address) = listening.map_err(|error| or_with_keys(error.into()))?;
    let cluster = match &config.link_store {
        LinkStore::Cluster(cluster) => Some(server.listen(cluster.process().nodes)?),
        _ => None,
    };
    let site = Site::new(address, config.public_url.as_deref(), &config.domains);
    let site = Arc::new(site.map_err(ServeError::arguments)?);
    let (nodes, instance) = Nodes::start(
        (&config.data, &config.replace, config.link_store),
        (config.snowflakes, config.rate),
        &server,
    )?;
    let company = nodes.company.clone();
    let salt = Salt::open(&config.data).map_err(secrets_error)?;
    let front = Arc::new(Front {
        nodes,
        instance,
        site,
        keys: config.keys,
        salt,
        behind_proxy: config.behind_proxy,
        forward_query: config.forward_query,
        counts: ServerMetrics::new(&server.metrics),
    });
    let routes = front::routes(front.clone(), other_routes(front));
    let booted = |shown: &Inspection| shown.state != "reads its disk";
    let nodes = cluster.as_ref().map(|(_, address)| *address);
    let listens = Addresses { clients: Some(address), nodes, ..server.addresses() };
    let ready = || ready(listens);
    let work = |Stopping { asked, stopped }| async move {
        let (door, service) = (http::Door::default(), http::Tower::new(routes));
        let served = http::serve(listener, &door, service, asked);
        let Some((listener, _)) = cluster else { return served.await };
        let served = served.boxed().shared();
        // What was asked is answered before the nodes are told to stop, and those need their links until then.
        let (answered, stopped) = (served.clone(), async { served.await.and(stopped.await) });
        tokio::join!(answered, company.accept(listener, stopped)).0
    };
    server.run(booted, ready, work).map_err(halted)
}

/// The error also names `--keys` as a way out.
fn or_with_keys(error: ServeError) -> ServeError {
    match error {
        ServeError::Listen(ListenError::NotLoopback(_)) => {
            ServeError::arguments(format_args!("{error}, or give it keys with --keys"))
        }
        error => error,
    }
}

fn secrets_error(error: io::Error) -> ServeError {
    ServeError::environment(format_args!("the secrets of the service: {error}"))
}

fn halted(why: impl Display) -> ServeError {
    ServeError::Halted(format!("a node stopped: {why}"))
}

/// The time of the wall clock.
#[expect(clippy::disallowed_methods, reason = "links of real people end by a real clock")]
pub fn now() -> Wall {
    // A clock before 1970 is as wrong as one that shows 1970.
    Wall(0) + SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// The settings of the instance.
fn settings(shards: Roster, codes: Codes, rate: u32) -> Settings {
    Settings {
        shards,
        tally: TALLY,
        codes,
        cached: CACHED,
        freshness: FRESHNESS,
        patience: PATIENCE,
        // With the default rate, a full bulk request goes through at once.
        rate: Rate { per_second: rate, burst: rate.saturating_mul(2) },
        clients: CLIENTS,
        clicks: ClickTuning::default(),
    }
}
