//! The options of the real server, their defaults, and the files that they name.

use std::fmt::Display;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, ValueEnum};
use host::{Addresses, BadOption, Options, Place, Seat, number};

use crate::key_file::{self, without_mark};
use shortener_api::{Api, BlockList};
use shortener_postgres::Address;
use url_shortener::server::{
    self, Cluster, Front, Handler, Keys, LinkStore, OtherRoutes, ServeError, ServerConfig,
};

/// Holds keys, one a line, besides those of `--keys`.
const KEYS: &str = "INFRALAB_API_KEYS";
/// In bytes. More than that is another file.
const MAX_BLOCK_LIST_BYTES: u64 = 256 << 20;

/// Of a server.
#[derive(Clone, Debug, Args)]
pub struct ServeOptions {
    /// Begins this node, whose folder in the data folder is gone, anew, without all that it kept: instance, tally,
    /// or a shard such as shard-1.
    #[arg(long, value_name = "NODE")]
    replace: Vec<String>,
    /// How many shards keep the links of a new data folder, one by default. Later ones are added while
    /// it runs: `add-shard`; then this may stay as it was.
    #[arg(long, value_name = "N", conflicts_with = "cluster")]
    #[arg(value_parser = number::<u16>(1..=u64::from(server::MAX_SHARDS_PER_PROCESS)))]
    shards: Option<u16>,
    /// Keeps the links in this database instead: postgres://USER@HOST/NAME, on this computer. Its
    /// password comes from PGPASSWORD or the file that PGPASSFILE names.
    #[arg(long, value_name = "URL", conflicts_with_all = ["shards", "cluster"])]
    store: Option<String>,
    /// What the codes that it picks are made of.
    #[arg(long, value_name = "KIND", default_value = "leased")]
    codes: CodeKind,
    /// What short links begin with, where others reach the service by a name, such as https://sho.rt.
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
    /// A custom domain that points at the service; may be given more than once.
    #[arg(long = "domain", value_name = "D")]
    domains: Vec<String>,
    /// Domains and addresses to which no link may lead, one a line.
    #[arg(long, value_name = "FILE")]
    block_list: Option<PathBuf>,
    /// Keys, one a line, of those who may make and see links.
    #[arg(long, value_name = "FILE")]
    keys: Option<PathBuf>,
    /// So many calls to shards a second one client may cause, and twice as many at once; a browser that
    /// only follows links that others follow too causes none.
    #[arg(long, value_name = "N", default_value_t = 1000)]
    #[arg(value_parser = number::<u32>(1..=1_000_000))]
    rate: u32,
    /// Takes the last address of X-Forwarded-For for the visitor's, where a proxy on this computer
    /// says it.
    #[arg(long)]
    behind_proxy: bool,
    /// Appends what stands behind a ? in a short link to where it leads, unless the link says otherwise.
    #[arg(long)]
    forward_query: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum CodeKind {
    /// Leased numbers, permuted: seven letters that say neither which come next nor how many there are.
    Leased,
    /// Snowflake ids: eleven letters that say when the link was made, and sort by it.
    Snowflake,
}

/// What a server is told, and to where no link of it may lead.
pub struct ServiceConfig {
    server: ServerConfig,
    blocked: BlockList,
}

impl Options for ServeOptions {
    const SYSTEM: &'static str = "url-shortener";
    const PORT: u16 = 7441;
    const DATA: &'static str = "infralab-data/url-shortener";

    type Config = ServiceConfig;

    fn config(
        self,
        place: Place,
        warn: &mut dyn FnMut(String),
    ) -> Result<ServiceConfig, BadOption> {
        let blocked = match self.block_list {
            None => BlockList::default(),
            Some(file) => BlockList::parse(&read(&file)?).map_err(|why| wrong(&file, why))?,
        };
        let (mut listen, data) = place.whole::<Self>();
        if let (None, Some(Seat { me, cluster })) = (place.listen, &place.seat) {
            listen = cluster.address(*me, "clients", |addresses| addresses.clients)?;
        }
        let server = ServerConfig {
            listen,
            data,
            replace: self.replace,
            access: place.access,
            link_store: match (self.store, &place.seat) {
                (None, None) => LinkStore::Shards(self.shards),
                (None, Some(seat)) => LinkStore::Cluster(Cluster::of(seat)?),
                (Some(url), _) => LinkStore::Database(shortener_postgres::opening(database(&url)?)),
            },
            snowflakes: self.codes == CodeKind::Snowflake,
            public_url: self.public_url,
            domains: self.domains,
            keys: all_keys(self.keys.as_deref(), warn)?,
            rate: self.rate,
            behind_proxy: self.behind_proxy,
            forward_query: self.forward_query,
        };
        Ok(ServiceConfig { server, blocked })
    }

    fn serve(config: ServiceConfig, ready: impl FnOnce(Addresses)) -> Result<(), ServeError> {
        let ServiceConfig { server: config, blocked } = config;
        server::serve(config, other_routes(blocked), ready)
    }
}

/// The programming interface and the pages, which share what may not be led to.
fn other_routes(blocked: BlockList) -> impl FnOnce(Arc<Front>) -> OtherRoutes {
    move |front| {
        let api = Arc::new(Api::new(front, blocked));
        let routes = shortener_page::routes(api.clone());
        let other: Handler = Box::new(move |request| {
            let api = api.clone();
            Box::pin(async move { api.respond(request).await })
        });
        OtherRoutes { routes, other, leads_nowhere: shortener_page::leads_nowhere }
    }
}

/// Not read with the other options: who is told what is wrong with one is shown it, and there may be a
/// password in this one.
fn database(url: &str) -> Result<Address, BadOption> {
    let environment = |name: &str| std::env::var(name).ok();
    Address::parse(url, environment).map_err(|why| BadOption(format!("--store: {why}")))
}

/// Those of the file and those of the environment.
fn all_keys(file: Option<&Path>, warn: &mut dyn FnMut(String)) -> Result<Keys, BadOption> {
    let of_file = match file {
        None => Keys::default(),
        Some(file) => {
            let text = key_file::read(file, warn).map_err(BadOption)?;
            let keys = Keys::parse(&text).map_err(|why| wrong(file, why))?;
            match keys.is_empty() {
                // Whoever names a file wants keys to be asked for.
                true => return Err(wrong(file, "there is no key in it")),
                false => keys,
            }
        }
    };
    let of_environment = match std::env::var(KEYS) {
        Ok(text) => Keys::parse(&text).map_err(|why| BadOption(format!("{KEYS}, {why}")))?,
        Err(_) => Keys::default(),
    };
    Ok(of_file.and(of_environment))
}

fn read(file: &Path) -> Result<String, BadOption> {
    let length = fs::metadata(file).map_err(|error| wrong(file, error))?.len();
    if length > MAX_BLOCK_LIST_BYTES {
        return Err(wrong(file, format_args!("it has more than {MAX_BLOCK_LIST_BYTES} bytes")));
    }
    fs::read_to_string(file).map(without_mark).map_err(|error| wrong(file, error))
}

fn wrong(file: &Path, why: impl Display) -> BadOption {
    BadOption(format!("{}: {why}", file.display()))
}
