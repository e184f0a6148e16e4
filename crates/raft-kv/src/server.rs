//! The real servers: replicas with HTTP in front of them, all of a cluster in one process or one of
//! them.
//!
//! The law: nothing in here decides. A request becomes a [`Message::Request`](crate::Message), the
//! replica's answer becomes the response, and what a machine wants done is done by `host`. The same
//! machines, with the same mechanisms on, are what the scenarios judge.
//!
//! They listen on loopback unless the user insists, because they ask nobody who they are.

mod front;
mod owner;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use host::{
    Access, Addresses, Exposure, Folder, Links, Neighbours, Node, Server, SharedFolder, Stop,
    Stopping, http,
};
use machine::{Inspection, NodeId, Switches};
use raft::server::{count_note, watch_leader};
use raft::{Group, Groups, Tuning};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::message::Note;
use crate::replica::{Limits, Replica};
use crate::status::ClientAddresses;
use front::FrontEnd;
use owner::FolderOwner;

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
    /// Who may reach any of these addresses, and where to show what is counted.
    pub access: Access,
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
    let ServeConfig { mut replicas, local, access } = config;
    let server = Server::open(access)?;
    let all_here = matches!(local, LocalReplicas::All(..)) || replicas.len() == 1;
    let is_here = |id| match local {
        LocalReplicas::All(..) => true,
        LocalReplicas::One(one, _) => id == one,
    };
    let mut listeners = Vec::new();
    for replica in replicas.iter_mut().filter(|replica| is_here(replica.id)) {
        let (clients, address) = server.listen(replica.clients.unwrap_or(ANY_PORT))?;
        let nodes = replica.nodes.map(|address| server.listen(address)).transpose()?;
        replica.clients = Some(address);
        replica.nodes = nodes.as_ref().map(|(_, address)| *address);
        listeners.push((replica.clone(), clients, nodes.map(|(listener, _)| listener)));
    }
    let mut running = Vec::new();
    for ((me, clients, nodes), folder) in listeners.into_iter().zip(folders(&local, &replicas)?) {
        let (node, links, routes) = boot(&server, &me, &replicas, &folder, access.exposure);
        server.nodes.add(node, folder);
        running.push(RunningReplica { links, routes, clients, nodes });
    }
    let first = replicas.iter().find(|replica| is_here(replica.id));
    let clients = first.and_then(|replica| replica.clients);
    let (addresses, watched) = (Addresses { clients, ..server.addresses() }, server.nodes.clone());
    let work = |Stopping { stopped, .. }| async move {
        let ready = async {
            let leads = |replica: &Replica| replica.group().is_some_and(Group::leads);
            let led = || watched.nodes().iter().any(|node| node.look(leads).unwrap_or(false));
            while all_here && !led() {
                sleep(LOOK_AGAIN).await;
            }
            ready(addresses);
        };
        run_until_stopped(running, ready, stopped).await
    };
    let booted = |shown: &Inspection| shown.role != "booting";
    let halted = |why| ServeError::Halted(format!("a replica stopped: {why}"));
    server.run(booted, || (), work).map_err(halted)
}

/// Opens the folders of the replicas that run here, once the one that they are in is ours.
fn folders(local: &LocalReplicas, replicas: &[ReplicaConfig]) -> Result<Vec<Folder>, ServeError> {
    let first = Groups::first_files();
    match local {
        LocalReplicas::All(data, replace) => {
            let whole = SharedFolder::open::<FolderOwner>(data, &[], replace)?;
            let ids = replicas.iter().map(|replica| replica.id.0);
            let part = |id| whole.part(&format!("n{id}"), FolderOwner::new(id), &first);
            Ok(ids.map(part).collect::<Result<_, _>>()?)
        }
        LocalReplicas::One(id, data) => {
            Ok(vec![Folder::open(data, FolderOwner::new(id.0), &first)?])
        }
    }
}

const ANY_PORT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
/// While nobody leads.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// The ways that lead to a replica at work.
struct RunningReplica {
    links: Arc<Links<Replica>>,
    routes: Router,
    clients: TcpListener,
    nodes: Option<TcpListener>,
}

type Booted = (Arc<Node<Replica>>, Arc<Links<Replica>>, Router);

/// Boots a replica, one of these.
fn boot(
    server: &Server<Replica>,
    me: &ReplicaConfig,
    replicas: &[ReplicaConfig],
    folder: &Folder,
    exposure: Exposure,
) -> Booted {
    let others = replicas.iter().filter(|replica| replica.id != me.id);
    let others = others.map(|replica| (replica.id, replica.nodes)).collect();
    let neighbours = Neighbours { me: me.id, others, accepts_unlisted: false };
    let (runtime, metrics) = (server.runtime.handle(), &server.metrics);
    let links = Links::new(neighbours, runtime.clone(), metrics);
    let founders = replicas.iter().filter(|replica| !replica.spare).map(|replica| replica.id);
    let (tuning, limits) = (Tuning::default(), Limits::default());
    let machine = Replica::new(me.id, founders.collect(), tuning, limits, Switches::ALL_ON);
    let counted = metrics.clone();
    let noted = move |note| {
        if let Note::Sometimes(name) = note {
            count_note(&counted, "raft_notes_total", name);
        }
    };
    let node = server.boot(machine, folder, Some((&links, me.nodes)), noted);
    runtime.spawn(watch_leader(me.id, Arc::downgrade(&node), Replica::group, metrics.clone()));
    let addresses: ClientAddresses =
        Arc::new(replicas.iter().filter_map(|one| Some((one.id, one.clients?))).collect());
    let routes = FrontEnd { me: me.id, node: node.clone(), addresses, exposure }.routes();
    let own = me.clients.unwrap_or(ANY_PORT).ip();
    (node, links, http::reject_foreign_hosts(routes, own))
}

/// Takes connections until the machines have stopped, of which a leader hands over first: until then it sends
/// whoever asks to its successor. Then clients are let finish, and the links end.
async fn run_until_stopped(
    running: Vec<RunningReplica>,
    ready: impl Future<Output = ()>,
    stopped: Stop,
) -> Result<(), String> {
    let mut doors = JoinSet::new();
    for RunningReplica { links, routes, clients, nodes } in running {
        let stop = stopped.clone();
        doors.spawn(async move {
            http::serve(clients, &http::Door::default(), http::Tower::new(routes), stop).await
        });
        let stop = stopped.clone();
        match nodes {
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
