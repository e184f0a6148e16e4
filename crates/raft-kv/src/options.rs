//! The options of the real server, their defaults, and which node of a cluster is where.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::Args;
use host::{Access, Addresses, BadOption, Cluster, Options, address, number};
use machine::NodeId;

use crate::server::{self, LocalReplicas, ReplicaConfig, ServeConfig, ServeError};

/// Of a server.
#[derive(Clone, Debug, Args)]
pub struct ServeOptions {
    /// How many nodes the cluster in this process has.
    #[arg(long, value_name = "N", default_value_t = 3)]
    #[arg(value_parser = number::<u16>(1..=31))]
    nodes: u16,
    /// Where to listen for clients [default: 127.0.0.1:7431, or what the cluster file says]. The
    /// other nodes in this process take the ports after it; port 0 takes free ones.
    #[arg(long, value_name = "ADDR", value_parser = address)]
    listen: Option<SocketAddr>,
    /// The data folder [default: infralab-data/raft, or what the cluster file says]. In it each node
    /// of a cluster in this process has one of its own.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Is this node of the cluster in the file.
    #[arg(long, value_name = "N", requires = "cluster", conflicts_with = "nodes")]
    #[arg(value_parser = number::<u32>(0..=u64::from(u32::MAX)))]
    node_id: Option<u32>,
    /// Which nodes there are, and where.
    #[arg(long, value_name = "FILE", requires = "node_id")]
    cluster: Option<PathBuf>,
    /// Begins this node, whose folder in the data folder is gone, anew, such as n1.
    #[arg(long, value_name = "NODE", conflicts_with = "cluster")]
    replace: Vec<String>,
}

impl Options for ServeOptions {
    type Config = ServeConfig;
    type Error = ServeError;

    fn config(self, access: Access, _: &mut dyn FnMut(String)) -> Result<ServeConfig, BadOption> {
        let ServeOptions { nodes, listen, data, node_id, cluster, replace } = self;
        match node_id.zip(cluster) {
            None => {
                let listen = listen.unwrap_or_else(|| ([127, 0, 0, 1], 7431).into());
                let data = data.unwrap_or_else(|| "infralab-data/raft".into());
                whole(nodes, listen, LocalReplicas::All(data, replace), access)
            }
            Some((node, file)) => one_of(&file, NodeId(node), listen, data, access),
        }
    }

    fn serve(config: ServeConfig, ready: impl FnOnce(Addresses)) -> Result<(), ServeError> {
        server::serve(config, ready)
    }

    fn is_argument(error: &ServeError) -> bool {
        error.is_argument()
    }
}

/// A cluster in this process.
fn whole(
    nodes: u16,
    listen: SocketAddr,
    local: LocalReplicas,
    access: Access,
) -> Result<ServeConfig, BadOption> {
    let port = |place: u16| match listen.port() {
        0 => Ok(0),
        first => first.checked_add(place).ok_or_else(|| {
            BadOption(format!("there are no {nodes} ports from {first} on; --listen another"))
        }),
    };
    let mut replicas = Vec::new();
    for place in 0..nodes {
        let id = NodeId(place.into());
        let clients = Some(SocketAddr::new(listen.ip(), port(place)?));
        let nodes = Some(SocketAddr::from(([127, 0, 0, 1], 0)));
        replicas.push(ReplicaConfig { id, spare: false, nodes, clients });
    }
    Ok(ServeConfig { replicas, local, admin: access.admin, exposure: access.exposure })
}

/// One node of the cluster in a file.
fn one_of(
    file: &Path,
    me: NodeId,
    listen: Option<SocketAddr>,
    data: Option<PathBuf>,
    access: Access,
) -> Result<ServeConfig, BadOption> {
    let cluster = Cluster::read(file, "raft")?;
    let mine = cluster.member(me)?;
    let highest = cluster.members().map(|(id, _)| id).max();
    let mut replicas = Vec::new();
    for (id, member) in cluster.members() {
        if Some(id) != highest {
            cluster.address(id, "nodes", |addresses| addresses.nodes)?;
        }
        let (spare, nodes) = (member.spare, member.addresses.nodes);
        let clients = match listen.filter(|_| id == me) {
            Some(listen) => listen,
            None => cluster.address(id, "clients", |addresses| addresses.clients)?,
        };
        replicas.push(ReplicaConfig { id, spare, nodes, clients: Some(clients) });
    }
    if replicas.iter().all(|replica| replica.spare) {
        return Err(BadOption(
            "every node of this cluster is a spare: somebody must begin".to_owned(),
        ));
    }
    let local = LocalReplicas::One(me, data.unwrap_or_else(|| mine.data.clone()));
    let admin = access.admin.or(mine.addresses.admin);
    Ok(ServeConfig { replicas, local, admin, exposure: access.exposure })
}
