//! What the replicated log can do besides the shared verbs.

use clap::Subcommand;
use log_kafka::options::ServeOptions;

use crate::exit::Outcome;
use crate::serving::Serving;
use crate::shared_verbs::SharedVerb;

#[derive(Debug, Subcommand)]
pub(crate) enum LogVerb {
    #[command(flatten)]
    Shared(SharedVerb),
    /// Keeps topics for whoever speaks Kafka's protocol, until it is told to stop (SIGINT or SIGTERM).
    ///
    /// A cluster in this process, brokers on consecutive ports, or, with --node and --cluster, one
    /// process of the cluster in a file: a broker (its number and 100), and a controller unless the
    /// file says `spare = true`. In the file each node needs an address `clients` and one for `nodes`;
    /// its `zone` is the rack. Topics are made when somebody asks for them.
    #[command(after_help = "Examples:
  infralab replicated-log serve
  kcat -b 127.0.0.1:9092 -P -t events -X acks=all
  kcat -b 127.0.0.1:9092 -C -t events -o beginning -e
  infralab replicated-log serve --node 1 --cluster cluster.toml --flush os")]
    Serve(Serving<ServeOptions>),
}

impl LogVerb {
    pub(crate) fn carry_out(self) -> Outcome {
        match self {
            LogVerb::Shared(verb) => verb.carry_out("replicated-log"),
            LogVerb::Serve(serving) => serving.carry_out(),
        }
    }
}
