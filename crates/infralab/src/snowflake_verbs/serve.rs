//! `serve` and `authority`: the real servers.

use std::net::SocketAddr;
use std::path::Path;

use host::{Cluster, Neighbours};
use machine::NodeId;
use snowflake::Layout;
use snowflake::server::{self, AUTHORITY, Number, Place, ServeError};

use crate::arguments::ServerArguments;
use crate::exit::{Failure, Outcome};
use crate::serving::{ended, ready};

pub(super) fn serve(place: Place, layout: Layout, number: Number) -> Outcome {
    ended(server::serve(place, layout, number, ready), ServeError::is_argument)
}

pub(super) fn authority(place: Place, workers: u64, cluster: Option<Neighbours>) -> Outcome {
    ended(server::serve_authority(place, workers, cluster, ready), ServeError::is_argument)
}

/// A worker of a cluster: where it is, and who the others are.
pub(super) fn worker_of(
    file: &Path,
    node: u32,
    arguments: &ServerArguments,
) -> Result<(Place, Number), Failure> {
    let (cluster, me) = (read(file)?, NodeId(node));
    if me == AUTHORITY {
        let why = "node 0 of a cluster is its authority: infralab snowflake authority --cluster";
        return Err(Failure::input(why));
    }
    let clients = cluster.address(me, "clients", |addresses| addresses.clients);
    let listen = clients.map_err(Failure::input)?;
    cluster.address(AUTHORITY, "nodes", |addresses| addresses.nodes).map_err(Failure::input)?;
    let number = Number::LeasedAmong(cluster.neighbours(me));
    Ok((place(&cluster, me, listen, arguments)?, number))
}

/// The authority of a cluster.
pub(super) fn authority_of(
    file: &Path,
    arguments: &ServerArguments,
) -> Result<(Place, Neighbours), Failure> {
    let cluster = read(file)?;
    let nodes = cluster.address(AUTHORITY, "nodes", |addresses| addresses.nodes);
    let place = place(&cluster, AUTHORITY, nodes.map_err(Failure::input)?, arguments)?;
    Ok((place, cluster.neighbours(AUTHORITY)))
}

fn read(file: &Path) -> Result<Cluster, Failure> {
    Cluster::read(file, "snowflake").map_err(Failure::input)
}

fn place(
    cluster: &Cluster,
    me: NodeId,
    listen: SocketAddr,
    arguments: &ServerArguments,
) -> Result<Place, Failure> {
    let member = cluster.member(me).map_err(Failure::input)?;
    let admin = arguments.admin.or(member.addresses.admin);
    Ok(Place { listen, admin, exposure: arguments.exposure(), data: member.data.clone() })
}
