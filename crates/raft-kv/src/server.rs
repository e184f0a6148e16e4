//! The real servers: replicas with HTTP in front of them, all of a cluster in one process or one of
//! them.
//!
//! The law: nothing in here decides. A request becomes a [`Message::Request`](crate::Message), the
//! replica's answer becomes the response, and what a machine wants done is done by `host`. The same
//! machines, with the same mechanisms on, are what the scenarios judge.
//!
//! They listen on loopback unless the user insists, because they ask nobody who they are.

mod codec;
mod delivery;
mod front;
mod owner;
mod status;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use host::{
    Addresses, Exposure, Folder, FolderError, Links, Metrics, Neighbours, Node, RunningNodes,
    Server, SharedFolder, Stop, Stopping, http,
};
use machine::{Inspection, NodeId, Switches};
use raft::server::watch_leader;
use raft::{Group, Tuning};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::replica::{Limits, Replica};
use delivery::Delivery;
use front::FrontEnd;
use owner::FolderOwner;
use status::ClientAddresses;

pub use host::ServeError;

/// One replica of a cluster.
#[derive(Clone, Debug)]
pub struct ReplicaConfig {
    /// Its number.
    pub id: NodeId,
    /// Is it no member before the others take it in?
    pub spare: bool,
    /// Where it listens for nodes with higher numbers, if for any.
    pub nodes: Option<SocketAddr>,
    /// Where it listens for clients.
    pub clients: Option<SocketAddr>,
}

/// A cluster, and which of its replicas run in this process.
#[derive(Clone, Debug)]
pub struct ServeConfig {
    /// All of them.
    pub replicas: Vec<ReplicaConfig>,
    /// Those that run here.
    pub local: LocalReplicas,
    /// Where to show what is counted, if anywhere.
    pub admin: Option<SocketAddr>,
    /// Who may reach any of these addresses.
    pub exposure: Exposure,
}

/// Which replicas run in a process, and where their data is. Folders are made where there are none.
#[derive(Clone, Debug)]
pub enum LocalReplicas {
    /// All of them, each with a folder in this one, which is theirs alone. Of these nodes, by the names of their
    /// folders, those are gone, and begin anew.
    All(PathBuf, Vec<String>),
    /// This one, with this folder.
    One(NodeId, PathBuf),
}

/// Serves the replicas that run here until it is told to stop, by SIGINT or SIGTERM. `ready` is called
/// once, with the address for clients of the first of them and where it shows what is counted, when it takes
/// requests; where all run here, when one of them leads.
///
/// # Errors
/// If it could not start, or if a replica found that it cannot keep its promises.
pub fn serve(config: ServeConfig, ready: impl FnOnce(Addresses)) -> Result<(), ServeError> {
    let runtime = host::runtime().map_err(ServeError::Runtime)?;
    let ServeConfig { mut replicas, local, admin, exposure } = config;
    let listening = |address| {
        let listening = runtime.block_on(host::listen(address, exposure));
        listening.map_err(ServeError::Listen)
    };
    // Addresses first: what cannot be reached need not touch a folder.
    let admin = admin.map(listening).transpose()?;
    let mut listeners = Vec::new();
    let all_here = matches!(local, LocalReplicas::All(..)) || replicas.len() == 1;
    let local_ids: Vec<_> = match &local {
        LocalReplicas::All(..) => replicas.iter().map(|replica| replica.id).collect(),
        LocalReplicas::One(id, _) => vec![*id],
    };
    for &id in &local_ids {
        let replica = replicas.iter_mut().find(|replica| replica.id == id);
        let unlisted = || ServeError::arguments(format_args!("the cluster has no node {}", id.0));
        let replica = replica.ok_or_else(unlisted)?;
        let clients = listening(replica.clients.unwrap_or(ANY_PORT))?;
        let nodes = replica.nodes.map(listening).transpose()?;
        replica.clients = Some(clients.1);
        replica.nodes = nodes.as_ref().map(|(_, address)| *address);
        listeners.push((id, Listeners { clients, nodes: nodes.map(|(listener, _)| listener) }));
    }
    let metrics = Metrics::default();
    let folders = open(&local, &local_ids).map_err(ServeError::Folder)?;
    let (mut nodes, mut running) = (Vec::new(), Vec::new());
    for ((id, listeners), folder) in listeners.into_iter().zip(&folders) {
        let one =
            RunningReplica::new(id, listeners, &replicas, exposure, folder, &runtime, &metrics);
        nodes.push(one.node.clone());
        running.push(one);
    }
    let (watched, shown) = (nodes.clone(), admin.as_ref().map(|(_, address)| *address));
    let work = |Stopping { stopped, .. }| async move {
        let clients = running.first().map(|one| one.listeners.clients.1);
        let ready = async {
            while all_here && !watched.iter().any(leads) {
                sleep(LOOK_AGAIN).await;
            }
            ready(Addresses { clients, admin: shown, nodes: None });
        };
        run_until_stopped(running, ready, stopped).await
    };
    let booted = |shown: &Inspection| shown.role != "booting";
    let nodes = RunningNodes::new(nodes, folders);
    let server = Server { runtime, nodes, metrics, admin };
    let halted = |why| ServeError::Halted(format!("a replica stopped: {why}"));
    server.run(booted, || (), work).map_err(halted)
}

/// Opens the folders of these replicas, once the one that they are in is ours.
fn open(local: &LocalReplicas, local_ids: &[NodeId]) -> Result<Vec<Folder>, FolderError> {
    match local {
        LocalReplicas::All(data, replace) => {
            let whole = SharedFolder::open::<FolderOwner>(data, &[], replace)?;
            let part = |id: &NodeId| whole.part(&format!("n{}", id.0), FolderOwner::new(id.0), &[]);
            local_ids.iter().map(part).collect()
        }
        LocalReplicas::One(id, data) => Ok(vec![Folder::open(data, FolderOwner::new(id.0), &[])?]),
    }
}

const ANY_PORT: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);
/// While nobody leads.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// Where a replica is reached.
struct Listeners {
    clients: (TcpListener, SocketAddr),
    nodes: Option<TcpListener>,
}

/// A replica at work, and the ways that lead to it.
struct RunningReplica {
    node: Arc<Node<Replica>>,
    links: Arc<Links<Replica>>,
    routes: Router,
    listeners: Listeners,
}

impl RunningReplica {
    fn new(
        id: NodeId,
        listeners: Listeners,
        replicas: &[ReplicaConfig],
        exposure: Exposure,
        folder: &Folder,
        runtime: &Runtime,
        metrics: &Metrics,
    ) -> RunningReplica {
        let others = replicas.iter().filter(|replica| replica.id != id);
        let others = others.map(|replica| (replica.id, replica.nodes)).collect();
        let neighbours = Neighbours { me: id, others, accepts_unlisted: false };
        let links = Links::new(neighbours, runtime.handle().clone(), metrics);
        let outside = Delivery { links: links.clone(), metrics: metrics.clone() };
        let founders =
            replicas.iter().filter(|replica| !replica.spare).map(|replica| replica.id).collect();
        let (tuning, limits) = (Tuning::default(), Limits::default());
        let machine = Replica::new(id, founders, tuning, limits, Switches::ALL_ON);
        let files = folder.files(metrics);
        let node = Node::start(machine, files, folder.disk(), Arc::new(outside), metrics);
        links.join(&node, listeners.nodes.as_ref().and_then(|nodes| nodes.local_addr().ok()));
        runtime.spawn(watch_leader(id, Arc::downgrade(&node), Replica::group, metrics.clone()));
        let addresses =
            replicas.iter().filter_map(|replica| Some((replica.id, replica.clients?))).collect();
        let addresses: ClientAddresses = Arc::new(addresses);
        let routes = FrontEnd { me: id, node: node.clone(), addresses, exposure }.routes();
        let routes = http::reject_foreign_hosts(routes, listeners.clients.1.ip());
        RunningReplica { node, links, routes, listeners }
    }
}

/// Takes connections until the machines have stopped, of which a leader hands over first: until then it sends
/// whoever asks to its successor. Then clients are let finish, and the links end.
async fn run_until_stopped(
    running: Vec<RunningReplica>,
    ready: impl Future<Output = ()>,
    stopped: Stop,
) -> Result<(), String> {
    let mut doors = JoinSet::new();
    for RunningReplica { links, routes, listeners, .. } in running {
        let (clients, stop) = (listeners.clients.0, stopped.clone());
        doors.spawn(async move {
            http::serve(clients, &http::Door::default(), http::Tower::new(routes), stop).await
        });
        let stop = stopped.clone();
        match listeners.nodes {
            Some(listener) => doors.spawn(links.accept(listener, stop)),
            None => doors.spawn(async move {
                let why = stop.await;
                links.close().await;
                why
            }),
        };
    }
    tokio::select! {
        _ = stopped => {}
        () = ready => {}
    }
    doors.join_all().await.into_iter().collect()
}

fn leads(node: &Arc<Node<Replica>>) -> bool {
    let leads = |replica: &Replica| replica.group().is_some_and(Group::leads);
    node.look(leads).unwrap_or(false)
}
