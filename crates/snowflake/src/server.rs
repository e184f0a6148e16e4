//! The real servers: a [`Worker`] with HTTP in front of it, and the [`Authority`] that leases out
//! worker numbers, or one of several.
//!
//! The law: nothing in here decides. A request becomes [`Message::Mint`](crate::Message::Mint), the
//! worker's answer becomes the response, and what a machine wants done is done by `host`. The same
//! machines, with the same mechanisms on, are what the scenarios judge.
//!
//! They listen on loopback unless the user insists, because they ask nobody who they are.

mod counts;
mod front;
mod owner;

use std::net::SocketAddr;
use std::sync::Arc;

use host::{Addresses, FirstFile, Folder, Neighbours, ServeError, Server, ServerConfig, unlisted};
use machine::{Machine, NodeId, Switches};
use raft::server::watch_leader;
use raft::{Group, Groups, Replicated};

use crate::{Authority, Layout, Snowflake, Worker, authority, mark, replicated_authority};
use counts::Counts;
use front::FrontEnd;
use owner::FolderOwner;

/// The lowest number: workers dial.
pub const AUTHORITY: NodeId = NodeId(0);

/// Where a worker has its number from.
#[derive(Clone, Debug)]
pub enum Number {
    /// From the operator. No two servers may have the same.
    Fixed(u64),
    /// Leased from these authorities, for each of so many threads. Who has no number in a cluster is to them
    /// what its disk says.
    Leased(Vec<(NodeId, Option<SocketAddr>)>, Option<NodeId>, usize),
}

/// Mints ids for whoever asks by HTTP, until it is told to stop, by SIGINT or SIGTERM. `ready` is
/// called once, with its addresses, when ids can be minted.
///
/// # Errors
/// If it could not start, or if the worker found that it cannot keep its promises.
pub fn serve(
    ServerConfig { listen, data, access }: ServerConfig,
    layout: Layout,
    number: Number,
    ready: impl FnOnce(Addresses),
) -> Result<(), ServeError> {
    let mut server = Server::open(access)?;
    let listening = server.listen(listen)?;
    let mut workers = Vec::new();
    let folder = match number {
        Number::Fixed(worker) => {
            let machine = Worker::fixed(layout.clone(), worker, Switches::ALL_ON);
            workers.push((machine.map_err(ServeError::arguments)?, None));
            let owner = FolderOwner::Worker { worker, layout: layout.clone() };
            Folder::open(&data, owner, &[mark::first_file()])?
        }
        Number::Leased(others, me, threads) => {
            let folder = Folder::open(&data, FolderOwner::Leased {}, &[])?;
            for thread in 0..threads {
                let authorities = others.iter().map(|(id, _)| *id).collect();
                let machine = Worker::leased(layout.clone(), authorities, Switches::ALL_ON);
                let me = me.unwrap_or_else(|| unlisted(folder.disk(), thread));
                let all = Neighbours { me, others: others.clone(), accepts_unlisted: false };
                workers.push((machine, Some((all, None))));
            }
            folder
        }
    };
    let front = |(machine, neighbours)| {
        let counts = Arc::new(Counts::new(&server.metrics));
        let noting = counts.clone();
        let node = server.node(machine, &folder, neighbours, move |note| noting.noted(&note));
        FrontEnd { node, counts, layout: layout.clone() }.routes()
    };
    let routes = workers.into_iter().map(front).collect();
    server.clients(listening, routes, |stopping| stopping.asked);
    let who = format!("the worker with the data folder {}", data.display());
    server.serve(&who, async |at| ready(at))
}

/// Leases out the worker numbers from 0 up to, and without, `workers`, until it is told to stop, as the only one of
/// `authorities` or as one of several, which act as one as long as a majority is up and have
/// [`MOST_WORKERS`](crate::MOST_WORKERS) at most. `ready` is called once, with its addresses, when the leases are
/// read; of several, when this one has read what it remembers.
///
/// # Errors
/// If it could not start, or if the authority found that it cannot keep its promises.
pub fn serve_authority(
    place: ServerConfig,
    workers: u64,
    authorities: Vec<NodeId>,
    neighbours: Neighbours,
    ready: impl FnOnce(Addresses),
) -> Result<(), ServeError> {
    if authorities.len() == 1 {
        let (owner, first) = (FolderOwner::Authority { workers }, [authority::first_file()]);
        let machine = Authority::new(workers, Switches::ALL_ON);
        return lease_out(place, (owner, &first), machine, neighbours, None, ready);
    }
    let owner = FolderOwner::OneOfSeveral { workers, node: neighbours.me.0 };
    let machine = replicated_authority(neighbours.me, authorities, workers, Switches::ALL_ON);
    let group = Some(Replicated::group as _);
    lease_out(place, (owner, &Groups::first_files()), machine, neighbours, group, ready)
}

/// Serves an authority, or one of several, of which the leader of a `group` acts.
fn lease_out<M: Machine<Protocol = Snowflake>>(
    ServerConfig { listen, data, access }: ServerConfig,
    (owner, first): (FolderOwner, &[FirstFile]),
    machine: M,
    neighbours: Neighbours,
    group: Option<fn(&M) -> Option<&Group>>,
    ready: impl FnOnce(Addresses),
) -> Result<(), ServeError> {
    let mut server = Server::open(access)?;
    let listening = server.listen(listen)?;
    let folder = Folder::open(&data, owner, first)?;
    let (me, counts) = (neighbours.me, Counts::new(&server.metrics));
    let linked = Some((neighbours, Some(listening)));
    let node = server.node(machine, &folder, linked, move |note| counts.noted(&note));
    if let Some(group) = group {
        watch_leader(&server, me, &node, group);
    }
    let who = format!("the authority with the data folder {}", data.display());
    server.serve(&who, async |at| ready(at))
}
