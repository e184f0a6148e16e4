//! What raft can do besides the shared verbs.

mod bench;
mod serve;
mod stops;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use host::{address, number};

use crate::exit::Outcome;
use crate::serving::ServerArguments;
use crate::shared_verbs::SharedVerb;

#[derive(Debug, Subcommand)]
pub(crate) enum RaftVerb {
    #[command(flatten)]
    Shared(SharedVerb),
    /// Keeps keys and values for whoever asks by HTTP, until it is told to stop (SIGINT or SIGTERM).
    ///
    /// A cluster in this process, each node with a data folder and addresses of its own, or, with
    /// --node-id and --cluster, one node of the cluster in a file. Any node may be asked: one that
    /// does not lead answers 307, with the leader's address. A leader that is told to stop hands over to
    /// a node in another process first. In the file each node needs an address
    /// `clients`, and one for `nodes` if there are nodes with higher numbers; one with `spare = true`
    /// is no member before PUT /members makes it one.
    #[command(after_help = "Examples:
  infralab raft serve
  infralab raft serve --node-id 1 --cluster cluster.toml
  curl -L -X PUT --data-binary @photo.jpg http://127.0.0.1:7431/kv/photo
  curl -L http://127.0.0.1:7431/kv/photo?read=lease
  curl -L -X PUT -H 'Idempotency-Key: order-7' -d paid http://127.0.0.1:7431/kv/order-7
  curl -L -X POST -d ', again' http://127.0.0.1:7431/kv/order-7/append
  curl -L -X POST -d '{\"from\":\"a\",\"to\":null}' http://127.0.0.1:7431/kv/order-7/cas
  curl -L 'http://127.0.0.1:7431/kv?start=a&end=b&limit=10'
  curl http://127.0.0.1:7431/status
  curl -L -X POST -d '{\"to\":2}' http://127.0.0.1:7431/transfer
  curl -L -X PUT -d '{\"members\":[0,1,2,3]}' http://127.0.0.1:7431/members")]
    Serve(ServeArguments),
    /// Measures what three replicas commit in the simulated world, on one core of this computer; or, with
    /// --stops, for how long nobody is answered when a leader goes.
    #[command(after_help = "Examples:
  infralab raft bench --json
  infralab raft bench --stops 10")]
    Bench {
        /// Starts three processes on loopback, and so many times tells the one that leads to stop
        /// (SIGTERM), and so many times kills it. A round takes some seconds.
        #[arg(long, value_name = "ROUNDS", value_parser = number::<u32>(1..=1000))]
        stops: Option<u32>,
        /// Prints one JSON object.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Args)]
pub(crate) struct ServeArguments {
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
    #[command(flatten)]
    server: ServerArguments,
}

impl RaftVerb {
    pub(crate) fn carry_out(self) -> Outcome {
        match self {
            RaftVerb::Shared(verb) => verb.carry_out("raft"),
            RaftVerb::Serve(arguments) => serve::serve(arguments),
            RaftVerb::Bench { stops: None, json } => bench::bench(json),
            RaftVerb::Bench { stops: Some(rounds), json } => stops::stops(rounds, json),
        }
    }
}
