//! What the replicated log can do besides the shared verbs.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::net::SocketAddr;

use clap::{Args, Subcommand};
use host::{address, number};
use log_kafka::client::{Client, ClientError, NewTopic, To, reassign};
use log_kafka::options::ServeOptions;
use serde::Serialize;
use serde_json::json;

use crate::exit::{Failure, Outcome};
use crate::results::print_result;
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
    /// Makes, shows, moves and deletes topics of a cluster that runs.
    #[command(
        subcommand,
        after_help = "Examples:
  infralab replicated-log topics create events --partitions 12
  infralab replicated-log topics describe events"
    )]
    Topics(TopicVerb),
    /// Shows groups of consumers, and has them go on from somewhere else.
    #[command(
        subcommand,
        after_help = "Examples:
  infralab replicated-log groups describe billing
  infralab replicated-log groups reset billing --to earliest"
    )]
    Groups(GroupVerb),
}

/// Which cluster, and how to answer.
#[derive(Debug, Args)]
pub(crate) struct ClusterArguments {
    /// A broker of the cluster.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:9092", value_parser = address)]
    server: SocketAddr,
    /// Prints one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TopicVerb {
    /// Makes a topic.
    #[command(after_help = "Examples:
  infralab replicated-log topics create events
  infralab replicated-log topics create events --partitions 12 \\
    --set min.insync.replicas=2 --set retention.bytes=1073741824")]
    Create {
        /// Its name.
        topic: String,
        /// How many it has [default: what the server has for topics that say nothing].
        #[arg(long, value_name = "N", value_parser = number::<u32>(1..=10_000))]
        partitions: Option<u32>,
        /// How many brokers keep each partition [default: as above].
        #[arg(long, value_name = "N", value_parser = number::<u16>(1..=99))]
        replication_factor: Option<u16>,
        /// A setting of the topic: min.insync.replicas, retention.bytes, segment.bytes or
        /// max.message.bytes; may be given more than once.
        #[arg(long = "set", value_name = "NAME=VALUE", value_parser = setting)]
        settings: Vec<(String, String)>,
        #[command(flatten)]
        cluster: ClusterArguments,
    },
    /// Prints all topics, and how many of their partitions lack replicas or a leader.
    #[command(after_help = "Example: infralab replicated-log topics list")]
    List {
        #[command(flatten)]
        cluster: ClusterArguments,
    },
    /// Prints the settings of topics, and who leads and keeps each partition.
    #[command(after_help = "Example: infralab replicated-log topics describe events")]
    Describe {
        /// Their names.
        #[arg(required = true, value_name = "TOPIC")]
        topics: Vec<String>,
        #[command(flatten)]
        cluster: ClusterArguments,
    },
    /// Deletes a topic with all that is in it.
    #[command(after_help = "Example: infralab replicated-log topics delete events")]
    Delete {
        /// Its name.
        topic: String,
        #[command(flatten)]
        cluster: ClusterArguments,
    },
    /// Has other brokers keep partitions of a topic, while clients go on.
    ///
    /// New replicas are added, catch up at a bounded rate, and take the places of the others when all of
    /// them are in sync. `topics describe` shows how far it is: until then a partition has both.
    #[command(after_help = "Example: infralab replicated-log topics reassign events \\
    0=101,102,103 1=102,103,101 --admin 127.0.0.1:9644

The server was started with --admin 127.0.0.1:9644.")]
    Reassign {
        /// Its name.
        topic: String,
        /// Which partition, and who is to keep it; the one that is to lead first.
        #[arg(required = true, value_name = "PARTITION=BROKER,...", value_parser = to_move)]
        replicas: Vec<(u32, Vec<u32>)>,
        /// The admin address of a server of the cluster.
        #[arg(long, value_name = "ADDR", value_parser = address)]
        admin: SocketAddr,
        /// Prints one JSON object.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum GroupVerb {
    /// Prints all groups.
    #[command(after_help = "Example: infralab replicated-log groups list")]
    List {
        #[command(flatten)]
        cluster: ClusterArguments,
    },
    /// Prints who is in a group, and how far behind it is.
    #[command(after_help = "Example: infralab replicated-log groups describe billing")]
    Describe {
        /// Its name.
        group: String,
        #[command(flatten)]
        cluster: ClusterArguments,
    },
    /// Has a group go on from somewhere else. It must have no members meanwhile.
    ///
    /// In all partitions of which it has committed offsets, or in those of one topic.
    #[command(after_help = "Examples:
  infralab replicated-log groups reset billing --to earliest
  infralab replicated-log groups reset billing --to 2026-11-30T12:00:00Z
  infralab replicated-log groups reset billing --to 120 --topic events --partition 0")]
    Reset {
        /// Its name.
        group: String,
        /// earliest, latest, an offset, or a moment: the first record that is not older.
        #[arg(long, value_name = "WHERE")]
        to: To,
        /// Only in this topic, also where the group has committed nothing yet.
        #[arg(long, value_name = "TOPIC")]
        topic: Option<String>,
        /// Only in this partition of it; may be given more than once.
        #[arg(long = "partition", value_name = "N", requires = "topic")]
        #[arg(value_parser = number::<i32>(0..=9_999))]
        partitions: Vec<i32>,
        #[command(flatten)]
        cluster: ClusterArguments,
    },
}

impl LogVerb {
    pub(crate) fn carry_out(self) -> Outcome {
        match self {
            LogVerb::Shared(verb) => verb.carry_out("replicated-log"),
            LogVerb::Serve(serving) => serving.carry_out(),
            LogVerb::Topics(verb) => verb.carry_out(),
            LogVerb::Groups(verb) => verb.carry_out(),
        }
    }
}

impl TopicVerb {
    fn carry_out(self) -> Outcome {
        match self {
            TopicVerb::Create { topic, partitions, replication_factor, settings, cluster } => {
                let new = NewTopic { name: topic, partitions, replication_factor, settings };
                cluster.ask(|client| client.create_topic(&new))
            }
            TopicVerb::List { cluster } => cluster.ask(Client::list_topics),
            TopicVerb::Describe { topics, cluster } => {
                cluster.ask(|client| client.describe_topics(&topics))
            }
            TopicVerb::Delete { topic, cluster } => {
                cluster.ask(|client| client.delete_topic(&topic))
            }
            TopicVerb::Reassign { topic, replicas, admin, json } => {
                let (count, replicas) = (replicas.len(), BTreeMap::from_iter(replicas));
                if replicas.len() < count {
                    return Err(Failure::input("a partition is named twice; nothing was changed"));
                }
                told(json, &reassign(admin, &topic, replicas)?)
            }
        }
    }
}

impl GroupVerb {
    fn carry_out(self) -> Outcome {
        match self {
            GroupVerb::List { cluster } => cluster.ask(Client::list_groups),
            GroupVerb::Describe { group, cluster } => {
                cluster.ask(|client| client.describe_group(&group))
            }
            GroupVerb::Reset { group, to, topic, partitions, cluster } => {
                let of = topic.as_deref().map(|topic| (topic, &partitions[..]));
                cluster.ask(|client| client.reset_group(&group, of, to))
            }
        }
    }
}

impl ClusterArguments {
    fn ask<T: Serialize + Display>(
        self,
        ask: impl FnOnce(&mut Client) -> Result<T, ClientError>,
    ) -> Outcome {
        told(self.json, &ask(&mut Client::new(self.server)?)?)
    }
}

fn told(json: bool, answer: &(impl Serialize + Display)) -> Outcome {
    print_result(json, || json!(answer), || answer.to_string())
}

fn setting(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("a setting is such as retention.bytes=1000")?;
    Ok((name.to_owned(), value.to_owned()))
}

fn to_move(text: &str) -> Result<(u32, Vec<u32>), String> {
    let read = |text: &str| {
        let (partition, brokers) = text.split_once('=')?;
        let brokers: Result<_, _> = brokers.split(',').map(str::parse).collect();
        partition.parse().ok().zip(brokers.ok())
    };
    read(text).ok_or_else(|| format!("a move is such as 0=101,102,103, and {text:?} is not"))
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Failure {
        match error {
            ClientError::Refused(why) => Failure::input(why),
            ClientError::Early(why) => Failure::environment("not yet", why),
            ClientError::Failed { what, why } => Failure::environment(what, why),
        }
    }
}
