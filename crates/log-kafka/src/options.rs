//! The options of the real server, their defaults, and which nodes of a cluster are where.

use std::net::SocketAddr;

use clap::{Args, ValueEnum};
use host::{Addresses, BadOption, Options, Place, Seat, ServeError, number};

use crate::server::{self, Process, ServeConfig};
use replicated_log::tuning::{self, Tuning};

/// Of a server.
#[derive(Clone, Debug, Args)]
pub struct ServeOptions {
    /// How many brokers the cluster in this process has; they take the ports from that of --listen on.
    #[arg(long, value_name = "N", default_value_t = 3, conflicts_with = "cluster")]
    #[arg(value_parser = number::<u16>(1..=31))]
    brokers: u16,
    /// When a broker counts what it has: when it is synced, or when the operating system has it.
    #[arg(long, value_name = "WHEN", value_enum, default_value_t = Flush::Always)]
    flush: Flush,
    /// Begins this node, whose folder in the data folder is gone, anew, such as broker-1.
    #[arg(long, value_name = "NODE")]
    replace: Vec<String>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Flush {
    Always,
    Os,
}

/// Controllers of a cluster in one process: with five two may fail.
const MOST_CONTROLLERS: u16 = 5;

impl Options for ServeOptions {
    const SYSTEM: &'static str = "replicated-log";
    const PORT: u16 = 9092;
    const DATA: &'static str = "infralab-data/replicated-log";
    const SCHEME: &'static str = "";

    type Config = ServeConfig;

    fn config(self, place: Place, _: &mut dyn FnMut(String)) -> Result<ServeConfig, BadOption> {
        let (listen, data) = place.whole::<Self>();
        let flush = match self.flush {
            Flush::Always => tuning::Flush::Always,
            Flush::Os => tuning::Flush::Os,
        };
        let (processes, here) = match &place.seat {
            None => (whole(self.brokers, listen)?, None),
            Some(seat) => (others(seat, place.listen)?, Some(seat.me.0)),
        };
        let tuning = Tuning { flush, ..Tuning::default() };
        let replace = self.replace;
        Ok(ServeConfig { processes, here, data, replace, tuning, access: place.access })
    }

    fn serve(config: ServeConfig, ready: impl FnOnce(Addresses)) -> Result<(), ServeError> {
        server::serve(config, ready)
    }
}

/// A cluster in this process.
fn whole(brokers: u16, listen: SocketAddr) -> Result<Vec<Process>, BadOption> {
    let port = |place: u16| match listen.port() {
        0 => Ok(0),
        first => first.checked_add(place).ok_or_else(|| {
            BadOption(format!("there are no {brokers} ports from {first} on; --listen another"))
        }),
    };
    let process = |place: u16| {
        let clients = SocketAddr::new(listen.ip(), port(place)?);
        let has_controller = place < MOST_CONTROLLERS;
        Ok(Process { id: u32::from(place) + 1, clients, nodes: None, has_controller, rack: None })
    };
    (0..brokers).map(process).collect()
}

/// The processes of the cluster in a file, as one of them knows them.
fn others(seat: &Seat, listen: Option<SocketAddr>) -> Result<Vec<Process>, BadOption> {
    let mut processes = Vec::new();
    for (id, member) in seat.cluster.members() {
        if !server::PROCESSES.contains(&id.0) {
            return Err(BadOption(format!(
                "node {}: processes of a log have numbers from {} to {}",
                id.0,
                server::PROCESSES.start(),
                server::PROCESSES.end()
            )));
        }
        let clients = match listen.filter(|_| id == seat.me) {
            Some(listen) => listen,
            None => seat.cluster.address(id, "clients", |addresses| addresses.clients)?,
        };
        let nodes = Some(seat.cluster.address(id, "nodes", |addresses| addresses.nodes)?);
        let rack = (!member.zone.is_empty()).then(|| member.zone.as_str().into());
        let has_controller = !member.spare;
        processes.push(Process { id: id.0, clients, nodes, has_controller, rack });
    }
    if !processes.iter().any(|process| process.has_controller) {
        let why = "every node of this cluster is a spare: somebody must have a controller";
        return Err(BadOption(why.to_owned()));
    }
    Ok(processes)
}
