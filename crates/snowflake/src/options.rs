//! The options of the real servers, their defaults, and which node of a cluster is what.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use host::{Access, Addresses, BadOption, Cluster, Member, Neighbours, Options, address, number};
use machine::{NodeId, Wall};

use crate::server::{self, AUTHORITY, AuthorityConfig, Number, ServeError, ServerConfig};
use crate::{Layout, LayoutError, Mint};

/// What ids are made of.
#[derive(Clone, Debug, Args)]
pub struct Minting {
    /// A name that `layouts` lists, or custom:epoch=MS,tick=1ms,timestamp=41,worker=10,sequence=12.
    #[arg(long, default_value = "twitter")]
    layout: String,
    /// The worker number in the ids.
    #[arg(long, value_name = "W", default_value_t = 0)]
    #[arg(value_parser = number::<u64>(0..=u64::MAX))]
    worker: u64,
}

impl Minting {
    /// The layout of this name.
    ///
    /// # Errors
    /// If there is none.
    fn layout(&self) -> Result<Layout, LayoutError> {
        self.layout.parse()
    }

    /// So many ids by this clock; `sleep` is how to wait for the next tick.
    ///
    /// # Errors
    /// If there is no such layout, or if it has no such worker or no timestamps for this time.
    pub fn mint<C, S>(&self, count: u64, clock: C, sleep: S) -> Result<Mint<C, S>, BadOption>
    where
        C: Fn() -> Wall,
        S: Fn(Duration),
    {
        let layout = self.layout().map_err(|why| BadOption(why.to_string()))?;
        let now = clock();
        let ids = Mint::new(&layout, self.worker, count, clock, sleep);
        let ids = ids.map_err(|why| BadOption(why.to_string()))?;
        layout.has_room_at(now).map_err(|why| {
            BadOption(format!("{why}: set the clock, or name another layout with --layout"))
        })?;
        Ok(ids)
    }
}

/// Of a server that mints.
#[derive(Clone, Debug, Args)]
pub struct ServeOptions {
    /// Where to listen: an address of this computer only; port 0 takes a free one.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:7411", value_parser = address)]
    listen: SocketAddr,
    #[command(flatten)]
    minting: Minting,
    /// Leases the worker number from the authority at this address; of several, give all, in
    /// order of their numbers, which must begin with 0.
    #[arg(long, value_name = "ADDR,...", conflicts_with = "worker", value_parser = address)]
    #[arg(value_delimiter = ',')]
    authority: Vec<SocketAddr>,
    /// Leases a number for each of so many threads, none of which waits for another.
    #[arg(long, value_name = "N", requires = "authority", default_value_t = 1)]
    #[arg(value_parser = number::<u16>(1..=256))]
    threads: u16,
    /// The data folder; it belongs to one worker and one layout [default:
    /// infralab-data/snowflake, or with --authority infralab-data/snowflake-leased].
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Is a node of the cluster in this file, and leases its number from its authorities.
    #[arg(long, value_name = "FILE", requires = "node")]
    #[arg(conflicts_with_all = ["listen", "worker", "authority", "threads", "data"])]
    cluster: Option<PathBuf>,
    /// Which one.
    #[arg(long, value_name = "N", requires = "cluster")]
    #[arg(value_parser = number::<u32>(0..=u64::from(u32::MAX)))]
    node: Option<u32>,
}

/// Of a server that leases worker numbers out.
#[derive(Clone, Debug, Args)]
pub struct AuthorityOptions {
    /// Where to listen: an address of this computer only; port 0 takes a free one.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:7410", value_parser = address)]
    listen: SocketAddr,
    /// How many worker numbers there are, from 0 on; the layout must have room for them.
    #[arg(long, value_name = "N", default_value_t = 1024)]
    #[arg(value_parser = number::<u64>(1..=65_536))]
    workers: u64,
    /// The data folder; it belongs to one authority.
    #[arg(long, value_name = "DIR", default_value = "infralab-data/snowflake-authority")]
    data: PathBuf,
    /// Is an authority of the cluster in this file; if there are workers in it, no others are let
    /// in.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["listen", "data"])]
    cluster: Option<PathBuf>,
    /// Which one.
    #[arg(long, value_name = "N", requires = "cluster", default_value_t = 0)]
    #[arg(value_parser = number::<u32>(0..=u64::from(u32::MAX)))]
    node: u32,
}

impl Options for ServeOptions {
    type Config = (ServerConfig, Layout, Number);
    type Error = ServeError;

    fn config(self, access: Access, _: &mut dyn FnMut(String)) -> Result<Self::Config, BadOption> {
        let ServeOptions { listen, minting, authority, threads, data, cluster, node } = self;
        let layout = minting.layout().map_err(|why| BadOption(why.to_string()))?;
        let data = |default: &str| data.unwrap_or_else(|| default.into());
        let (place, number) = match (authority.is_empty(), cluster.zip(node)) {
            (_, Some((file, node))) => worker_of(&file, NodeId(node), access)?,
            (false, None) => (
                place(listen, data("infralab-data/snowflake-leased"), access),
                Number::LeasedFrom(authority, threads.into()),
            ),
            (true, None) => (
                place(listen, data("infralab-data/snowflake"), access),
                Number::Fixed(minting.worker),
            ),
        };
        Ok((place, layout, number))
    }

    fn serve(config: Self::Config, ready: impl FnOnce(Addresses)) -> Result<(), ServeError> {
        let (place, layout, number) = config;
        server::serve(place, layout, number, ready)
    }

    fn is_argument(error: &ServeError) -> bool {
        error.is_argument()
    }
}

impl Options for AuthorityOptions {
    type Config = (ServerConfig, u64, AuthorityConfig);
    type Error = ServeError;

    fn config(self, access: Access, _: &mut dyn FnMut(String)) -> Result<Self::Config, BadOption> {
        let AuthorityOptions { listen, workers, data, cluster, node } = self;
        let (place, seat) = match cluster {
            None => (place(listen, data, access), AuthorityConfig::alone()),
            Some(file) => authority_of(&file, NodeId(node), access)?,
        };
        Ok((place, workers, seat))
    }

    fn serve(config: Self::Config, ready: impl FnOnce(Addresses)) -> Result<(), ServeError> {
        let (place, workers, seat) = config;
        server::serve_authority(place, workers, seat, ready)
    }

    fn is_argument(error: &ServeError) -> bool {
        error.is_argument()
    }
}

fn place(listen: SocketAddr, data: PathBuf, access: Access) -> ServerConfig {
    ServerConfig { listen, admin: access.admin, exposure: access.exposure, data }
}

/// A worker of a cluster: where it is, and who the others are.
fn worker_of(file: &Path, me: NodeId, access: Access) -> Result<(ServerConfig, Number), BadOption> {
    let cluster = read(file)?;
    let authorities = authorities(&cluster)?;
    if authorities.contains(&me) {
        let (node, file) = (me.0, file.display());
        return Err(BadOption(format!(
            "node {node} of this cluster leases worker numbers out: infralab snowflake authority \
             --cluster {file} --node {node}"
        )));
    }
    let listen = cluster.address(me, "clients", |addresses| addresses.clients)?;
    let number = Number::LeasedAmong(authorities, cluster.neighbours(me));
    Ok((place_in(&cluster, me, listen, access)?, number))
}

/// An authority of a cluster. Where no workers are listed, whoever asks is one.
fn authority_of(
    file: &Path,
    me: NodeId,
    access: Access,
) -> Result<(ServerConfig, AuthorityConfig), BadOption> {
    let cluster = read(file)?;
    let authorities = authorities(&cluster)?;
    cluster.member(me)?;
    if !authorities.contains(&me) {
        let (node, file) = (me.0, file.display());
        return Err(BadOption(format!(
            "node {node} of this cluster has an address for clients, so it is a worker: infralab \
             snowflake serve --cluster {file} --node {node}"
        )));
    }
    let listen = cluster.address(me, "nodes", |addresses| addresses.nodes)?;
    let place = place_in(&cluster, me, listen, access)?;
    let accepts_unlisted = cluster.members().count() == authorities.len();
    let neighbours = Neighbours { accepts_unlisted, ..cluster.neighbours(me) };
    Ok((place, AuthorityConfig { authorities, neighbours }))
}

/// Who leases numbers out: node 0, and whoever listens for nodes and not for clients.
fn authorities(cluster: &Cluster) -> Result<Vec<NodeId>, BadOption> {
    let leases = |id, member: &Member| {
        let addresses = member.addresses;
        id == AUTHORITY || addresses.nodes.is_some() && addresses.clients.is_none()
    };
    let (mut authorities, mut workers) = (Vec::new(), Vec::new());
    for (id, member) in cluster.members() {
        if leases(id, member) { &mut authorities } else { &mut workers }.push(id);
    }
    if authorities.is_empty() {
        authorities.push(AUTHORITY);
    }
    for &id in &authorities {
        cluster.address(id, "nodes", |addresses| addresses.nodes)?;
    }
    match authorities.last().zip(workers.first()) {
        Some((last, first)) if last > first => Err(BadOption(format!(
            "in this cluster the authority {} has a higher number than the worker {}; workers dial, \
             so theirs must be the higher ones",
            last.0, first.0
        ))),
        _ => Ok(authorities),
    }
}

fn read(file: &Path) -> Result<Cluster, BadOption> {
    Ok(Cluster::read(file, "snowflake")?)
}

fn place_in(
    cluster: &Cluster,
    me: NodeId,
    listen: SocketAddr,
    access: Access,
) -> Result<ServerConfig, BadOption> {
    let member = cluster.member(me)?;
    let admin = access.admin.or(member.addresses.admin);
    Ok(place(listen, member.data.clone(), Access { admin, ..access }))
}
