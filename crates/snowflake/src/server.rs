//! The real servers: a [`Worker`] with HTTP in front of it, and the [`Authority`] that leases out
//! worker numbers, or one of several.
//!
//! The law: nothing in here decides. A request becomes [`Message::Mint`](crate::Message::Mint), the
//! worker's answer becomes the response, and what a machine wants done is done by `host`. The same
//! machines, with the same mechanisms on, are what the scenarios judge.
//!
//! They listen on loopback unless the user insists, because they ask nobody who they are.

mod counts;
mod minted;

mod front;
mod owner;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::Router;
use host::{Access, Addresses, Folder, Links, Neighbours, Node, Server, Stopping, UNLISTED, http};
use machine::{DiskId, Inspection, Machine, NodeId, Switches, Wall, nanos};
use raft::server::watch_leader;
use raft::{Group, Groups, Replicated};
use tokio::net::TcpListener;

use crate::{
    Authority, Layout, MOST_WORKERS, Snowflake, Worker, authority, mark, replicated_authority,
};
use counts::NoteCounts;
use front::FrontEnd;
use minted::MintCounts;
use owner::FolderOwner;

pub use host::ServeError;

/// The lowest number: workers dial.
pub const AUTHORITY: NodeId = NodeId(0);

/// Where a server is, whatever it is.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The data folder; made where there is none.
    pub data: PathBuf,
    /// Who may reach it, and where to show what is counted.
    pub access: Access,
}

/// Where a worker has its number from.
#[derive(Clone, Debug)]
pub enum Number {
    /// From the operator. No two servers may have the same.
    Fixed(u64),
    /// From the authority at this address, or from several, in order of their numbers, which begin
    /// with [`AUTHORITY`]; as leases: one for each of so many threads.
    LeasedFrom(Vec<SocketAddr>, usize),
    /// From these authorities of a cluster, as a lease.
    LeasedAmong(Vec<NodeId>, Neighbours),
}

/// An authority among its like.
#[derive(Clone, Debug)]
pub struct AuthorityConfig {
    /// All of them, this one too. Several act as one, as long as a majority is up.
    pub authorities: Vec<NodeId>,
    /// Everybody whom it knows.
    pub neighbours: Neighbours,
}

impl AuthorityConfig {
    /// The only one, for whoever asks.
    pub fn alone() -> AuthorityConfig {
        let neighbours = Neighbours { me: AUTHORITY, others: Vec::new(), accepts_unlisted: true };
        AuthorityConfig { authorities: vec![AUTHORITY], neighbours }
    }
}

/// Mints ids for whoever asks by HTTP, until it is told to stop, by SIGINT or SIGTERM. `ready` is
/// called once, with its addresses, when ids can be minted.
///
/// # Errors
/// If it could not start, or if the worker found that it cannot keep its promises.
pub fn serve(
    place: ServerConfig,
    layout: Layout,
    number: Number,
    ready: impl FnOnce(Addresses),
) -> Result<(), ServeError> {
    layout.has_room_at(wall()).map_err(|error| {
        let then = "set the clock, or name another layout with --layout";
        ServeError::arguments(format_args!("{error}: {then}"))
    })?;
    let leased = |from| Worker::leased(layout.clone(), from, Switches::ALL_ON);
    match number {
        Number::Fixed(worker) => {
            let machine = Worker::fixed(layout.clone(), worker, Switches::ALL_ON);
            let machine = machine.map_err(ServeError::arguments)?;
            let first = [mark::first_file()];
            let setup = Setup::<Worker>::open(place, FolderOwner::worker(worker, &layout), &first)?;
            let workers = vec![setup.worker(machine, layout, None)];
            setup.serve(workers, "worker", ready)
        }
        Number::LeasedFrom(addresses, threads) => {
            let setup = Setup::<Worker>::open(place, FolderOwner::Leased {}, &[])?;
            let numbers = (AUTHORITY.0..).map(NodeId);
            let others: Vec<_> = numbers.zip(addresses.into_iter().map(Some)).collect();
            let pending = |thread| {
                let me = own_number(setup.folder.disk(), thread);
                let authorities = others.iter().map(|(id, _)| *id).collect();
                let neighbours = Neighbours { me, others: others.clone(), accepts_unlisted: false };
                setup.worker(leased(authorities), layout.clone(), Some(neighbours))
            };
            let workers = (0..threads).map(pending).collect();
            setup.serve(workers, "holder", ready)
        }
        Number::LeasedAmong(authorities, neighbours) => {
            let setup = Setup::<Worker>::open(place, FolderOwner::Leased {}, &[])?;
            let workers = vec![setup.worker(leased(authorities), layout.clone(), Some(neighbours))];
            setup.serve(workers, "holder", ready)
        }
    }
}

/// Leases out the worker numbers from 0 up to, and without, `workers`, until it is told to stop.
/// `ready` is called once, with its addresses, when the leases are read; of several authorities, when
/// this one has read what it remembers, whether or not the others are up.
///
/// # Errors
/// If it could not start, or if the authority found that it cannot keep its promises.
pub fn serve_authority(
    place: ServerConfig,
    workers: u64,
    seat: AuthorityConfig,
    ready: impl FnOnce(Addresses),
) -> Result<(), ServeError> {
    let AuthorityConfig { authorities, neighbours } = seat;
    if authorities.len() > 1 {
        if workers > MOST_WORKERS {
            return Err(ServeError::arguments(format_args!(
                "several authorities lease out at most {MOST_WORKERS} worker numbers, not \
                 {workers}: their table is one command of their log; use --workers {MOST_WORKERS}"
            )));
        }
        let me = neighbours.me;
        let owner = FolderOwner::OneOfSeveral { workers, node: me.0 };
        let setup = Setup::<Replicated<_>>::open(place, owner, &Groups::first_files())?;
        let machine = replicated_authority(me, authorities, workers, Switches::ALL_ON);
        let booted = |shown: &Inspection| shown.role != "booting";
        return setup.lease_out(machine, neighbours, Some(Replicated::group), booted, ready);
    }
    let first = [authority::first_file()];
    let setup = Setup::<Authority>::open(place, FolderOwner::Authority { workers }, &first)?;
    let machine = Authority::new(workers, Switches::ALL_ON);
    let is_ready = |shown: &Inspection| shown.role == "authority";
    setup.lease_out(machine, neighbours, None, is_ready, ready)
}

/// What a server stands on before its machine is there.
struct Setup<M: Machine> {
    server: Server<M>,
    listener: TcpListener,
    address: SocketAddr,
    folder: Folder,
    data: PathBuf,
}

impl<M: Machine<Protocol = Snowflake>> Setup<M> {
    fn open(
        ServerConfig { listen, data, access }: ServerConfig,
        owner: FolderOwner,
        first: &[host::FirstFile],
    ) -> Result<Setup<M>, ServeError> {
        let server = Server::open(access)?;
        let (listener, address) = server.listen(listen)?;
        let folder = Folder::open(&data, owner, first)?;
        Ok(Setup { server, listener, address, folder, data })
    }

    fn boot(
        &self,
        machine: M,
        neighbours: Option<Neighbours>,
        listens: Option<SocketAddr>,
    ) -> Running<M> {
        let Server { runtime, metrics, .. } = &self.server;
        let links = neighbours.map(|all| Links::new(all, runtime.handle().clone(), metrics));
        let counts = NoteCounts::new(metrics);
        let linked = links.as_ref().map(|links| (links, listens));
        let noted = move |note| counts.noted(&note);
        (self.server.boot(machine, &self.folder, linked, noted), links)
    }

    /// Serves an authority, or one of several, once it is ready. Of several, the leader of a `group` acts.
    fn lease_out(
        self,
        machine: M,
        neighbours: Neighbours,
        group: Option<fn(&M) -> Option<&Group>>,
        is_ready: impl Fn(&Inspection) -> bool + Clone + Send + Sync + 'static,
        ready: impl FnOnce(Addresses),
    ) -> Result<(), ServeError> {
        let (me, nodes) = (neighbours.me, Some(self.address));
        let (node, links) = self.boot(machine, Some(neighbours), nodes);
        let Setup { server, listener, folder, data, .. } = self;
        if let Some(group) = group {
            let watched = (Arc::downgrade(&node), group, server.metrics.clone());
            server.runtime.spawn(watch_leader(me, watched.0, watched.1, watched.2));
        }
        server.nodes.add(node, folder);
        let listens = Addresses { nodes, ..server.addresses() };
        let work = |Stopping { stopped, .. }| async move {
            match links {
                Some(links) => links.accept(listener, stopped).await,
                None => stopped.await,
            }
        };
        server
            .run(is_ready, || ready(listens), work)
            .map_err(|why| halted("authority", &data, &why))
    }
}

impl Setup<Worker> {
    /// A worker, and the paths that lead to it.
    fn worker(&self, machine: Worker, layout: Layout, neighbours: Option<Neighbours>) -> Router {
        let (node, _) = self.boot(machine, neighbours, None);
        self.server.nodes.add(node.clone(), None);
        let counts = MintCounts::new(layout.clone(), &self.server.metrics);
        let routes = FrontEnd { node, counts, layout }.routes();
        http::reject_foreign_hosts(routes, self.address.ip())
    }

    /// Serves ids once all workers have this role: one shared by all threads, or one for each.
    fn serve(
        self,
        routes: Vec<Router>,
        role: &'static str,
        ready: impl FnOnce(Addresses),
    ) -> Result<(), ServeError> {
        // The folder is ours until the last write of all workers is over.
        let Setup { server, listener, address, folder: _folder, data } = self;
        let listens = Addresses { clients: Some(address), ..server.addresses() };
        let mut services: Vec<_> = routes.into_iter().map(http::Tower::new).collect();
        let work = |Stopping { asked, .. }| async move {
            let door = http::Door::default();
            match services.pop() {
                Some(only) if services.is_empty() => {
                    http::serve(listener, &door, only, asked).await
                }
                last => {
                    services.extend(last);
                    http::serve_on_threads(listener, &door, services, asked).await
                }
            }
        };
        server
            .run(move |shown: &Inspection| shown.role == role, || ready(listens), work)
            .map_err(|why| halted("worker", &data, &why))
    }
}

/// A machine at work, and its links.
type Running<M> = (Arc<Node<M>>, Option<Arc<Links<M>>>);

#[expect(clippy::disallowed_methods, reason = "a server that could mint nothing is not started")]
fn wall() -> Wall {
    Wall(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, nanos))
}

/// The number of a node that is on no list, from the identity of its disk and its thread: the same
/// after every restart, so that the authority knows whom it has given what. Two in 2^30 have the same; of
/// these the second is not let in.
fn own_number(disk: DiskId, thread: usize) -> NodeId {
    let numbers = UNLISTED.len() as u64;
    let place = (disk.0 % numbers + thread as u64) % numbers;
    NodeId(UNLISTED.start + place as u32)
}

fn halted(who: &str, data: &Path, why: &str) -> ServeError {
    let data = data.display();
    ServeError::Halted(format!("the {who} with the data folder {data} stopped: {why}"))
}
