//! `serve`: a cluster, or one node of it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use host::Cluster;
use machine::NodeId;
use raft::server::{self, Here, Plan, Seat};

use super::ServeArguments;
use crate::exit::{Failure, Outcome};
use crate::serving;
use crate::serving::ServerArguments;

pub(super) fn serve(arguments: ServeArguments) -> Outcome {
    let ServeArguments { nodes, listen, data, node_id, cluster, server } = arguments;
    let plan = match node_id.zip(cluster) {
        None => {
            let listen = listen.unwrap_or_else(|| ([127, 0, 0, 1], 7431).into());
            whole(nodes, listen, data.unwrap_or_else(|| "infralab-data/raft".into()), &server)?
        }
        Some((node, file)) => one_of(&file, NodeId(node), listen, data, &server)?,
    };
    server.begin_log();
    serving::ended(server::serve(plan, serving::ready), server::ServeError::is_argument)
}

/// A cluster in this process.
fn whole(
    nodes: u16,
    listen: SocketAddr,
    data: PathBuf,
    arguments: &ServerArguments,
) -> Result<Plan, Failure> {
    let port = |place: u16| match listen.port() {
        0 => Ok(0),
        first => first.checked_add(place).ok_or_else(|| {
            Failure::input(format!("there are no {nodes} ports from {first} on; --listen another"))
        }),
    };
    let mut seats = Vec::new();
    for place in 0..nodes {
        let id = NodeId(place.into());
        let clients = Some(SocketAddr::new(listen.ip(), port(place)?));
        let nodes = Some(SocketAddr::from(([127, 0, 0, 1], 0)));
        seats.push(Seat { id, spare: false, nodes, clients });
    }
    let here = Here::All(data);
    Ok(Plan { seats, here, admin: arguments.admin, exposure: arguments.exposure() })
}

/// One node of the cluster in a file.
fn one_of(
    file: &Path,
    me: NodeId,
    listen: Option<SocketAddr>,
    data: Option<PathBuf>,
    arguments: &ServerArguments,
) -> Result<Plan, Failure> {
    let cluster = Cluster::read(file, "raft").map_err(Failure::input)?;
    let mine = cluster.member(me).map_err(Failure::input)?;
    let highest = cluster.members().map(|(id, _)| id).max();
    let mut seats = Vec::new();
    for (id, member) in cluster.members() {
        if Some(id) != highest {
            cluster.address(id, "nodes", |addresses| addresses.nodes).map_err(Failure::input)?;
        }
        let (spare, nodes) = (member.spare, member.addresses.nodes);
        let clients = match listen.filter(|_| id == me) {
            Some(listen) => listen,
            None => cluster
                .address(id, "clients", |addresses| addresses.clients)
                .map_err(Failure::input)?,
        };
        seats.push(Seat { id, spare, nodes, clients: Some(clients) });
    }
    if seats.iter().all(|seat| seat.spare) {
        return Err(Failure::input("every node of this cluster is a spare: somebody must begin"));
    }
    let here = Here::One(me, data.unwrap_or_else(|| mine.data.clone()));
    let admin = arguments.admin.or(mine.addresses.admin);
    Ok(Plan { seats, here, admin, exposure: arguments.exposure() })
}
