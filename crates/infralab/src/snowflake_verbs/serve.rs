//! `serve` and `authority`: the real servers.

use std::net::SocketAddr;
use std::path::Path;

use host::{Cluster, Member, Neighbours};
use machine::NodeId;
use snowflake::Layout;
use snowflake::server::{self, AUTHORITY, Number, Place, Seat, ServeError};

use crate::exit::{Failure, Outcome};
use crate::serving::ServerArguments;
use crate::serving::{ended, ready};

pub(super) fn serve(place: Place, layout: Layout, number: Number) -> Outcome {
    ended(server::serve(place, layout, number, ready), ServeError::is_argument)
}

pub(super) fn authority(place: Place, workers: u64, seat: Seat) -> Outcome {
    ended(server::serve_authority(place, workers, seat, ready), ServeError::is_argument)
}

/// A worker of a cluster: where it is, and who the others are.
pub(super) fn worker_of(
    file: &Path,
    node: u32,
    arguments: &ServerArguments,
) -> Result<(Place, Number), Failure> {
    let (cluster, me) = (read(file)?, NodeId(node));
    let authorities = authorities(&cluster)?;
    if authorities.contains(&me) {
        return Err(Failure::input(format!(
            "node {node} of this cluster leases worker numbers out: infralab snowflake authority \
             --cluster {} --node {node}",
            file.display()
        )));
    }
    let clients = cluster.address(me, "clients", |addresses| addresses.clients);
    let listen = clients.map_err(Failure::input)?;
    let number = Number::LeasedAmong(authorities, cluster.neighbours(me));
    Ok((place(&cluster, me, listen, arguments)?, number))
}

/// An authority of a cluster. Where no workers are listed, whoever asks is one.
pub(super) fn authority_of(
    file: &Path,
    node: u32,
    arguments: &ServerArguments,
) -> Result<(Place, Seat), Failure> {
    let (cluster, me) = (read(file)?, NodeId(node));
    let authorities = authorities(&cluster)?;
    cluster.member(me).map_err(Failure::input)?;
    if !authorities.contains(&me) {
        return Err(Failure::input(format!(
            "node {node} of this cluster has an address for clients, so it is a worker: infralab \
             snowflake serve --cluster {} --node {node}",
            file.display()
        )));
    }
    let nodes = cluster.address(me, "nodes", |addresses| addresses.nodes);
    let place = place(&cluster, me, nodes.map_err(Failure::input)?, arguments)?;
    let strangers = cluster.members().count() == authorities.len();
    let neighbours = Neighbours { strangers, ..cluster.neighbours(me) };
    Ok((place, Seat { authorities, neighbours }))
}

/// Who leases numbers out: node 0, and whoever listens for nodes and not for clients.
fn authorities(cluster: &Cluster) -> Result<Vec<NodeId>, Failure> {
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
        cluster.address(id, "nodes", |addresses| addresses.nodes).map_err(Failure::input)?;
    }
    match authorities.last().zip(workers.first()) {
        Some((last, first)) if last > first => Err(Failure::input(format!(
            "in this cluster the authority {} has a higher number than the worker {}; workers dial, \
             so theirs must be the higher ones",
            last.0, first.0
        ))),
        _ => Ok(authorities),
    }
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
