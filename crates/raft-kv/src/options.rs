//! The options of the real server, their defaults, and which node of a cluster is where.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use host::{Access, Addresses, BadOption, Options, Place, Seat, ServeError, number};
use machine::NodeId;

use crate::server::{self, LocalReplicas, ReplicaConfig, ServeConfig};

/// Of a server.
#[derive(Clone, Debug, Args)]
pub struct ServeOptions {
    /// How many nodes the cluster in this process has; they take the ports from that of --listen on, and a
    /// folder each in the data folder.
    #[arg(long, value_name = "N", default_value_t = 3, conflicts_with = "cluster")]
    #[arg(value_parser = number::<u16>(1..=31))]
    nodes: u16,
    /// Begins this node, whose folder in the data folder is gone, anew, such as n1.
    #[arg(long, value_name = "NODE", conflicts_with = "cluster")]
    replace: Vec<String>,
}

impl Options for ServeOptions {
    const SYSTEM: &'static str = "raft";
    const PORT: u16 = 7431;
    const DATA: &'static str = "infralab-data/raft";

    type Config = ServeConfig;

    fn config(self, place: Place, _: &mut dyn FnMut(String)) -> Result<ServeConfig, BadOption> {
        let (listen, data) = place.whole::<Self>();
        match place.seat {
            None => {
                let local = LocalReplicas::All(data, self.replace);
                whole(self.nodes, listen, local, place.access)
            }
            Some(seat) => one_of(seat, place.listen, data, place.access),
        }
    }

    fn serve(config: ServeConfig, ready: impl FnOnce(Addresses)) -> Result<(), ServeError> {
        server::serve(config, ready)
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
    Ok(ServeConfig { replicas, local, access })
}

/// One node of the cluster in a file.
fn one_of(
    Seat { me, cluster }: Seat,
    listen: Option<SocketAddr>,
    data: PathBuf,
    access: Access,
) -> Result<ServeConfig, BadOption> {
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
    Ok(ServeConfig { replicas, local: LocalReplicas::One(me, data), access })
}
