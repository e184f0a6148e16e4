//! The real server: an instance, its shards and the tally in one process, with HTTP in front of them.
//!
//! The law: nothing in here decides. A request becomes an [`Ask`](crate::Ask), the instance's answer
//! becomes the response, and what a machine wants done is done by `host`. The same machines, with the
//! same mechanisms on, are what the scenarios judge.
//!
//! It listens on loopback unless it has keys, by which it knows who may make links, or the user insists.

// In the order of a request.
mod front;
mod keys;
mod redirect;
mod salt;
mod site;
mod visitor;

mod ask;
mod delivery;
mod nodes;
mod reply;
mod starter;

mod counts;
mod owner;
mod secret;

// Read last.
mod database;
mod shards;

use std::fmt::Display;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use host::{Addresses, Exposure, ListenError, Metrics, Node, Server, http};
use machine::{Inspection, NodeId, Wall};
use tokio::time::{sleep, timeout};

use crate::{
    ClickTuning, Codes, Freshness, Instance, Rate, Roster, Settings, Shard, Shortener, Tally,
};
use counts::ServerCounts;
use nodes::Nodes;
use salt::Salt;

pub use database::{Database, OpenError, Opening};
pub use front::{Beside, Front, Handler};
pub use host::ServeError;
pub use host::http::HttpReply;
pub use keys::{Keys, MalformedKey};
pub use redirect::code_of;
pub use reply::{refused, unavailable};
pub use shards::{OneShard, Shards};
pub use site::{BadName, Site};

/// What a server is told.
pub struct ServerConfig {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Where to show what is counted, if anywhere.
    pub admin: Option<SocketAddr>,
    /// Who may reach these addresses, where there are no keys.
    pub exposure: Exposure,
    /// The data folder, which is made where there is none.
    pub data: PathBuf,
    /// Who keeps the links.
    pub link_store: LinkStore,
    /// Are picked codes snowflake ids? They are leased numbers otherwise.
    pub snowflakes: bool,
    /// What short links begin with, where that is not the address.
    pub public_url: Option<String>,
    /// Custom domains.
    pub domains: Vec<String>,
    /// Of those who may use the programming interface; everybody may where there are none.
    pub keys: Keys,
    /// So many calls to shards a second one client may cause.
    pub rate: u32,
    /// Is the address that a proxy of this computer names the visitor's?
    pub behind_proxy: bool,
    /// Is a visitor's query appended to where a link leads, unless the link says otherwise?
    pub forward_query: bool,
}

/// Who keeps the links.
pub enum LinkStore {
    /// Shards in this process, each with a folder: so many in a new data folder, one where nothing is
    /// said. Of one that is not new it is what must be there.
    Shards(Option<u16>),
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

const INSTANCE: NodeId = NodeId(0);
const TALLY: NodeId = NodeId(1);
/// And those after it.
const FIRST_SHARD: u32 = 2;
/// Shards in one process, at most.
pub const MOST_HERE: u32 = 64;

/// Links that the cache surely holds.
const CACHED: usize = 100_000;
/// Another instance that shares the store may have changed a link. So long its visitors may see what
/// it was.
const FRESHNESS: Freshness =
    Freshness { links: Duration::from_secs(10), missing: Duration::from_secs(10) };
/// For a shard to reply.
const PATIENCE: Duration = Duration::from_secs(5);
/// For the last clicks to be counted when the server stops, and how often to look.
const LAST_CLICKS: Duration = Duration::from_secs(2);
const LOOK_AGAIN: Duration = Duration::from_millis(5);
/// Clients that are surely remembered.
const CLIENTS: usize = 100_000;

/// Serves until it is told to stop, by SIGINT or SIGTERM: redirects, and what is beside them. `ready` is called once, with its addresses,
/// when it takes requests.
///
/// # Errors
/// If it could not start, or if a node found that it cannot keep its promises.
pub fn serve(
    config: ServerConfig,
    beside: impl FnOnce(Arc<Front>) -> Beside,
    ready: impl FnOnce(Addresses),
) -> Result<(), ServeError> {
    let runtime = host::runtime().map_err(ServeError::Runtime)?;
    // Whoever has keys knows who asks.
    let exposure = if config.keys.is_empty() { config.exposure } else { Exposure::Anyone };
    // Addresses first: what cannot be reached need not touch a folder.
    let listening =
        |address, exposure| runtime.block_on(host::listen(address, exposure)).map_err(unheard);
    let admin = config.admin.map(|address| listening(address, config.exposure)).transpose()?;
    let (listener, address) = listening(config.listen, exposure)?;
    let site = Site::new(address, config.public_url.as_deref(), &config.domains);
    let site = Arc::new(site.map_err(ServeError::arguments)?);
    let metrics = Metrics::default();
    let nodes = Nodes::new(
        (&config.data, config.link_store),
        (config.snowflakes, config.rate),
        runtime.handle(),
        &metrics,
    )?;
    let salt = Salt::open(&config.data).map_err(no_secrets)?;
    let (instance, running) = (nodes.instance.clone(), nodes.running());
    let front = Arc::new(Front {
        nodes,
        site,
        keys: config.keys,
        salt,
        behind_proxy: config.behind_proxy,
        forward_query: config.forward_query,
        counts: ServerCounts::new(&metrics),
    });
    let routes = front::routes(front.clone(), beside(front));
    let booted = |shown: &Inspection| shown.state != "reads its disk";
    let shown = admin.as_ref().map(|(_, address)| *address);
    let listens = Addresses { clients: Some(address), admin: shown, nodes: None };
    let server = Server { runtime, nodes: running, metrics, admin };
    let ready = || ready(listens);
    let work = |stop| async move {
        let why = http::serve(listener, routes, stop).await;
        let _ = timeout(LAST_CLICKS, drained(&instance)).await;
        why
    };
    server.run(booted, ready, work).map_err(halted)
}

/// Where there are keys to be had, the sentence names them.
fn unheard(error: ListenError) -> ServeError {
    match error {
        ListenError::NotLoopback(_) => {
            ServeError::arguments(format_args!("{error}, or give it keys with --keys"))
        }
        error => ServeError::Listen(error),
    }
}

fn no_secrets(error: io::Error) -> ServeError {
    ServeError::environment(format_args!("the secrets of the service: {error}"))
}

fn halted(why: impl Display) -> ServeError {
    ServeError::Halted(format!("a node stopped: {why}"))
}

/// Ends when every click is counted: a server that is stopped well owes none. Those of one that is not
/// are on its disk, but for the last few milliseconds'.
async fn drained(instance: &Node<Member>) {
    let owes = |member: &Member| match member {
        Member::Instance(instance) => !instance.clicks().is_drained(),
        _ => false,
    };
    while instance.look(owes).unwrap_or(false) {
        sleep(LOOK_AGAIN).await;
    }
}

/// What the wall clock shows.
#[expect(clippy::disallowed_methods, reason = "links of real people end by a real clock")]
pub fn now() -> Wall {
    // A clock before 1970 is as wrong as one that shows 1970.
    Wall(0) + SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// How the instance works.
fn settings(shards: Roster, codes: Codes, rate: u32) -> Settings {
    Settings {
        shards,
        tally: TALLY,
        codes,
        cached: CACHED,
        freshness: FRESHNESS,
        patience: PATIENCE,
        // Where nothing else is said, a bulk request goes through at once.
        rate: Rate { per_second: rate, burst: rate.saturating_mul(2) },
        clients: CLIENTS,
        clicks: ClickTuning::default(),
    }
}
