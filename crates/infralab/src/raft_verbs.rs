//! What raft can do besides the shared verbs.

use std::path::Path;
use std::process::Command;

use clap::Subcommand;
use host::number;
use raft_kv::LONGEST_VALUE;
use raft_kv::bench::bench;
use raft_kv::options::ServeOptions;
use raft_kv::steady::{Puts, steady};
use raft_kv::stops::stops;
use serde_json::json;

use crate::clock::stopwatch;
use crate::exit::{Failure, Outcome};
use crate::progress::with_spinner;
use crate::results::print_result;
use crate::serving::Serving;
use crate::shared_verbs::SharedVerb;

#[derive(Debug, Subcommand)]
pub(crate) enum RaftVerb {
    #[command(flatten)]
    Shared(SharedVerb),
    /// Keeps keys and values for whoever asks by HTTP, until it is told to stop (SIGINT or SIGTERM).
    ///
    /// A cluster in this process, each node with a data folder and addresses of its own, or, with
    /// --node and --cluster, one node of the cluster in a file. Any node may be asked: one that
    /// does not lead answers 307, with the leader's address. A leader that is told to stop hands over
    /// first. In the file each node needs an address `clients`, and one for `nodes` if there are nodes
    /// with higher numbers; one with `spare = true` is no member before PUT /members makes it one. A
    /// node of which the others have no line in their files comes with its addresses, as in the last
    /// example; its own file lists the others, and itself as a spare.
    #[command(after_help = "Examples:
  infralab raft serve
  infralab raft serve --node 1 --cluster cluster.toml
  curl -L -X PUT --data-binary @photo.jpg http://127.0.0.1:7431/kv/photo
  curl -L http://127.0.0.1:7431/kv/photo?read=lease
  curl -L -X PUT -H 'Idempotency-Key: 7' -d paid http://127.0.0.1:7431/kv/order
  curl -L -X POST -d ', again' http://127.0.0.1:7431/kv/order/append
  curl -L -X POST -d '{\"from\":\"a\",\"to\":null}' http://127.0.0.1:7431/kv/order/cas
  curl -L 'http://127.0.0.1:7431/kv?start=a&end=b&limit=10'
  curl http://127.0.0.1:7431/status
  curl -L -X POST -d '{\"to\":2}' http://127.0.0.1:7431/transfer
  curl -L -X PUT -d '{\"members\":[0,1]}' http://127.0.0.1:7431/members
  curl -L -X PUT -d '{\"members\":[0,1,3],\"addresses\":{\"3\":
    {\"nodes\":\"127.0.0.1:7443\",\"clients\":\"127.0.0.1:7434\"}}}' \
    http://127.0.0.1:7431/members")]
    Serve(Serving<ServeOptions>),
    /// Measures what three replicas commit in the simulated world, on one core of this computer; or of three
    /// processes on loopback how long nobody is answered, with --stops when their leader goes, with --steady while
    /// nothing fails.
    #[command(after_help = "Examples:
  infralab raft bench --json
  infralab raft bench --stops 10
  infralab raft bench --steady 60 --value-bytes 131072 --keys 1000")]
    Bench {
        /// So many times tells the one that leads to stop (SIGTERM), and so many times kills it. A round
        /// takes some seconds.
        #[arg(long, value_name = "ROUNDS", value_parser = number::<u32>(1..=1000))]
        stops: Option<u32>,
        /// Puts one value after the other for so long, in a store that holds all keys.
        #[arg(long, value_name = "SECONDS", conflicts_with = "stops")]
        #[arg(value_parser = number::<u64>(1..=86_400))]
        steady: Option<u64>,
        /// Of each value.
        #[arg(long, value_name = "BYTES", default_value = "1024", requires = "steady")]
        #[arg(value_parser = number::<usize>(0..=LONGEST_VALUE as u64))]
        value_bytes: usize,
        /// How many keys there are. The values of all are in the memory of each process.
        #[arg(long, value_name = "NUMBER", default_value = "1000", requires = "steady")]
        #[arg(value_parser = number::<u64>(1..=10_000_000))]
        keys: u64,
        /// Prints one JSON object.
        #[arg(long)]
        json: bool,
    },
}

impl RaftVerb {
    pub(crate) fn carry_out(self) -> Outcome {
        match self {
            RaftVerb::Shared(verb) => verb.carry_out("raft"),
            RaftVerb::Serve(serving) => serving.carry_out(),
            RaftVerb::Bench { stops: Some(rounds), json, .. } => {
                let gaps = stops(rounds, serve_one()?).map_err(failed)?;
                print_result(json, || json!(gaps), || gaps.to_string())
            }
            RaftVerb::Bench { steady: Some(seconds), value_bytes, keys, json, .. } => {
                let puts = Puts { seconds, value_bytes, keys };
                let serve = serve_one()?;
                let seen = with_spinner("putting", || steady(puts, serve)).map_err(failed)?;
                print_result(json, || json!(seen), || seen.to_string())
            }
            RaftVerb::Bench { json, .. } => {
                let commits =
                    with_spinner("committing in the simulated world", || bench(stopwatch()));
                print_result(json, || json!(commits), || commits.to_string())
            }
        }
    }
}

fn failed(error: std::io::Error) -> Failure {
    Failure::environment("the cluster that is measured failed", error)
}

/// The command that serves one node of the cluster in a file.
fn serve_one() -> Result<impl Fn(usize, &Path) -> Command, Failure> {
    let program = std::env::current_exe().map_err(failed)?;
    Ok(move |id: usize, file: &Path| {
        let mut command = Command::new(&program);
        command.args(["raft", "serve", "--until-stdin-ends", "--node", &id.to_string()]);
        command.arg("--cluster").arg(file);
        command
    })
}
