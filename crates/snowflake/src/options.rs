//! The options of the real servers, their defaults, and which node of a cluster is what.

use std::error::Error;
use std::net::SocketAddr;
use std::time::Duration;

use clap::Args;
use host::{
    Addresses, BadOption, Cluster, ClusterError, Member, Neighbours, Options, Place, Seat,
    ServeError, ServerConfig, address, number, wall,
};
use machine::{NodeId, Wall};

use crate::server::{self, AUTHORITY, Number};
use crate::{Layout, LayoutError, MOST_WORKERS, Mint};

/// What ids are made of.
#[derive(Clone, Debug, Args)]
pub struct Minting {
    /// A name that `layouts` lists, or custom:epoch=MS,tick=1ms,timestamp=41,worker=10,sequence=12.
    #[arg(long, default_value = "twitter")]
    layout: String,
    /// The worker number in the ids [default: 0].
    #[arg(long, value_name = "W", value_parser = number::<u64>(0..=u64::MAX))]
    worker: Option<u64>,
}

impl Minting {
    /// The layout of this name, if it has timestamps for now.
    ///
    /// # Errors
    /// If there is none, or if it has not.
    fn layout(&self, now: Wall) -> Result<Layout, BadOption> {
        let layout: Layout = self.layout.parse().map_err(bad::<LayoutError>)?;
        layout.has_room_at(now).map_err(|why| {
            BadOption(format!("{why}: set the clock, or name another layout with --layout"))
        })?;
        Ok(layout)
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
        let layout = self.layout(clock())?;
        Mint::new(&layout, self.worker.unwrap_or(0), count, clock, sleep).map_err(bad)
    }
}

fn bad<E: Error>(why: E) -> BadOption {
    BadOption(why.to_string())
}

/// Of a server that mints.
#[derive(Clone, Debug, Args)]
pub struct ServeOptions {
    #[command(flatten)]
    minting: Minting,
    /// Leases the worker number from the authority at this address; of several, give all, in
    /// order of their numbers, which must begin with 0.
    #[arg(long, value_name = "ADDR,...", conflicts_with_all = ["worker", "cluster"])]
    #[arg(value_delimiter = ',', value_parser = address)]
    authority: Vec<SocketAddr>,
    /// Leases a number for each of so many threads, none of which waits for another.
    #[arg(long, value_name = "N", requires = "authority", default_value_t = 1)]
    #[arg(value_parser = number::<u16>(1..=256))]
    threads: u16,
}

/// Of a server that leases worker numbers out.
#[derive(Clone, Debug, Args)]
pub struct AuthorityOptions {
    /// How many worker numbers there are, from 0 on; the layout must have room for them.
    #[arg(long, value_name = "N", default_value_t = WORKERS)]
    #[arg(value_parser = number::<u64>(1..=65_536))]
    workers: u64,
}

/// What twitter's layout has room for.
const WORKERS: u64 = 1024;

/// What a process serves.
#[derive(Clone, Debug)]
pub enum ServeConfig {
    /// Ids of this layout, with a number from there.
    Worker(ServerConfig, Layout, Number),
    /// Leases of so many numbers, of these authorities.
    Authority(ServerConfig, u64, Vec<NodeId>, Neighbours),
}

impl ServeConfig {
    fn serve(self, ready: impl FnOnce(Addresses)) -> Result<(), ServeError> {
        match self {
            ServeConfig::Worker(place, layout, number) => {
                server::serve(place, layout, number, ready)
            }
            ServeConfig::Authority(place, workers, authorities, neighbours) => {
                server::serve_authority(place, workers, authorities, neighbours, ready)
            }
        }
    }
}

impl Options for ServeOptions {
    const SYSTEM: &'static str = "snowflake";
    const PORT: u16 = 7411;
    const DATA: &'static str = "infralab-data/snowflake";

    type Config = ServeConfig;

    fn config(self, place: Place, _: &mut dyn FnMut(String)) -> Result<ServeConfig, BadOption> {
        let ServeOptions { minting, authority, threads } = self;
        let layout = minting.layout(wall())?;
        if place.seat.is_some() {
            return match minting.worker {
                None => in_cluster::<Self>(place, layout, WORKERS),
                Some(_) => Err(BadOption(
                    "--worker cannot be used with --cluster: its authorities give the numbers"
                        .to_owned(),
                )),
            };
        }
        let number = match authority.is_empty() {
            true => Number::Fixed(minting.worker.unwrap_or(0)),
            false => {
                let numbers = (AUTHORITY.0..).map(NodeId);
                let from = numbers.zip(authority.into_iter().map(Some)).collect();
                Number::Leased(from, None, threads.into())
            }
        };
        let (listen, mut data) = place.whole::<Self>();
        if place.data.is_none() && matches!(number, Number::Leased(..)) {
            // Whose it is differs from that of one with a number of its own.
            data.as_mut_os_string().push("-leased");
        }
        let place = ServerConfig { listen, data, access: place.access };
        Ok(ServeConfig::Worker(place, layout, number))
    }

    fn serve(config: ServeConfig, ready: impl FnOnce(Addresses)) -> Result<(), ServeError> {
        config.serve(ready)
    }
}

impl Options for AuthorityOptions {
    const SYSTEM: &'static str = "snowflake";
    const PORT: u16 = 7410;
    const DATA: &'static str = "infralab-data/snowflake-authority";

    type Config = ServeConfig;

    fn config(self, place: Place, _: &mut dyn FnMut(String)) -> Result<ServeConfig, BadOption> {
        if place.seat.is_some() {
            let config = in_cluster::<Self>(place, Layout::twitter(), self.workers)?;
            return match config {
                ServeConfig::Worker(_, _, Number::Leased(_, Some(me), _)) => {
                    Err(BadOption(format!(
                        "node {} of this cluster has an address for clients, so it is a worker: infralab \
                     snowflake serve does what it is for",
                        me.0
                    )))
                }
                config => Ok(config),
            };
        }
        let (listen, data) = place.whole::<Self>();
        let place = ServerConfig { listen, data, access: place.access };
        // It is the only one, for whoever asks.
        let all = Neighbours { me: AUTHORITY, others: Vec::new(), accepts_unlisted: true };
        Ok(ServeConfig::Authority(place, self.workers, vec![AUTHORITY], all))
    }

    fn serve(config: ServeConfig, ready: impl FnOnce(Addresses)) -> Result<(), ServeError> {
        config.serve(ready)
    }
}

/// A node of a cluster: an authority, or a worker that leases its number from those. Where no workers are listed,
/// whoever asks is one.
fn in_cluster<O: Options>(
    place: Place,
    layout: Layout,
    workers: u64,
) -> Result<ServeConfig, BadOption> {
    let (_, data) = place.whole::<O>();
    let Place { listen, seat: Some(Seat { me, cluster }), access, .. } = place else {
        return Err(BadOption("there is no cluster".to_owned()));
    };
    let authorities = authorities(&cluster)?;
    let leases = authorities.contains(&me);
    let listen = match (listen, leases) {
        (Some(listen), _) => listen,
        (None, true) => cluster.address(me, "nodes", |addresses| addresses.nodes)?,
        (None, false) => cluster.address(me, "clients", |addresses| addresses.clients)?,
    };
    let place = ServerConfig { listen, data, access };
    if !leases {
        let from = |&id: &NodeId| Ok((id, cluster.member(id)?.addresses.nodes));
        let from = authorities.iter().map(from).collect::<Result<_, ClusterError>>()?;
        return Ok(ServeConfig::Worker(place, layout, Number::Leased(from, Some(me), 1)));
    }
    if authorities.len() > 1 && workers > MOST_WORKERS {
        return Err(BadOption(format!(
            "several authorities lease out at most {MOST_WORKERS} worker numbers, not {workers}: their table \
             is one command of their log; use --workers {MOST_WORKERS}"
        )));
    }
    let accepts_unlisted = cluster.members().count() == authorities.len();
    let neighbours = Neighbours { accepts_unlisted, ..cluster.neighbours(me) };
    Ok(ServeConfig::Authority(place, workers, authorities, neighbours))
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
