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

use host::{
    Access, Addresses, Folder, Listening, Neighbours, Node, ServeError, Server, SharedFolder,
};
use machine::{NodeId, Switches};
use raft::server::{count_note, watch_leader};
use raft::{Group, Groups, Tuning};
use tokio::time::sleep;

use crate::message::Note;
use crate::replica::{Limits, Replica};
use crate::status::ClientAddresses;
use front::FrontEnd;
use owner::FolderOwner;

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
    let mut server = Server::open(access)?;
    let all_here = matches!(local, LocalReplicas::All(..)) || replicas.len() == 1;
    let is_here = |id| match local {
        LocalReplicas::All(..) => true,
        LocalReplicas::One(one, _) => id == one,
    };
    let mut here = Vec::new();
    for replica in replicas.iter_mut().filter(|replica| is_here(replica.id)) {
        let clients = server.listen(replica.clients.unwrap_or(ANY_PORT))?;
        let nodes = replica.nodes.map(|address| server.listen(address)).transpose()?;
        replica.clients = Some(clients.1);
        replica.nodes = nodes.as_ref().map(|(_, address)| *address);
        here.push((replica.id, clients, nodes));
    }
    let addresses = replicas.iter().filter_map(|one| Some((one.id, one.clients?))).collect();
    let addresses: ClientAddresses = Arc::new(addresses);
    for ((me, clients, nodes), folder) in here.into_iter().zip(folders(&local, &replicas)?) {
        let node = boot(&mut server, me, &replicas, &folder, nodes);
        let (addresses, exposure) = (addresses.clone(), access.exposure);
        let routes = FrontEnd { me, node, addresses, exposure }.routes();
        // A leader hands over first: until then it sends whoever asks to its successor.
        server.clients(clients, vec![routes], |stopping| stopping.stopped);
    }
    let watched = server.nodes.clone();
    let ready = async |addresses| {
        let leads = |replica: &Replica| replica.group().is_some_and(Group::leads);
        let led = || watched.nodes().iter().any(|node| node.look(leads).unwrap_or(false));
        while all_here && !led() {
            sleep(LOOK_AGAIN).await;
        }
        ready(addresses);
    };
    server.serve("a replica", ready)
}

/// Opens the folders of the replicas that run here, once the one that they are in is ours.
fn folders(local: &LocalReplicas, replicas: &[ReplicaConfig]) -> Result<Vec<Folder>, ServeError> {
    let first = Groups::first_files();
    match local {
        LocalReplicas::All(data, replace) => {
            let whole = SharedFolder::open::<FolderOwner>(data, &[], replace)?;
            let ids = replicas.iter().map(|replica| replica.id.0);
            let part = |id| whole.part(&format!("n{id}"), FolderOwner::Node { node: id }, &first);
            Ok(ids.map(part).collect::<Result<_, _>>()?)
        }
        LocalReplicas::One(NodeId(node), data) => {
            Ok(vec![Folder::open(data, FolderOwner::Node { node: *node }, &first)?])
        }
    }
}

const ANY_PORT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
/// While nobody leads.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// Boots a replica, one of these, which takes those of higher numbers where it listens for nodes.
fn boot(
    server: &mut Server<Replica>,
    me: NodeId,
    replicas: &[ReplicaConfig],
    folder: &Folder,
    listening: Option<Listening>,
) -> Arc<Node<Replica>> {
    let others = replicas.iter().filter(|replica| replica.id != me);
    let others = others.map(|replica| (replica.id, replica.nodes)).collect();
    let neighbours = Neighbours { me, others, accepts_unlisted: false };
    let founders = replicas.iter().filter(|replica| !replica.spare).map(|replica| replica.id);
    let (tuning, limits) = (Tuning::default(), Limits::default());
    let machine = Replica::new(me, founders.collect(), tuning, limits, Switches::ALL_ON);
    let metrics = server.metrics.clone();
    let noted = move |note| {
        if let Note::Sometimes(name) = note {
            count_note(&metrics, "raft_notes_total", name);
        }
    };
    let node = server.node(machine, folder, Some((neighbours, listening)), noted);
    watch_leader(server, me, &node, Replica::group);
    node
}
