//! What hash-ring can do besides the shared verbs.

mod compare;
mod keys;
mod locate;

use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand};
use hash_ring::Algorithm;
use host::number;

use crate::exit::Outcome;
use crate::shared_verbs::SharedVerb;

#[derive(Debug, Subcommand)]
pub(crate) enum HashRingVerb {
    #[command(flatten)]
    Shared(SharedVerb),
    /// Says which node keeps each key: a line `key<TAB>node[,node]` for each line of the key file.
    ///
    /// A key is hashed as the algorithm has it: by XXH3, for ketama by MD5. The bounded ring takes
    /// each key as one request, and they all stay.
    #[command(after_help = "Examples:
  infralab hash-ring locate --algorithm maglev --nodes nodes.txt --keys keys.txt
  infralab hash-ring locate --algorithm ring --nodes nodes.txt --keys keys.txt --replicas 3
  seq 1000 | infralab hash-ring locate --algorithm jump --nodes nodes.txt --keys - --raw-hash

nodes.txt, with names, weights and zones:
  cache-1
  cache-2 2.5
  cache-3 1 ams
  cache-4 1 ams/rack-7")]
    Locate(LocateArguments),
    /// Measures every algorithm: how even, how much moves when a node comes or goes, how fast, how
    /// large.
    #[command(after_help = compare::help())]
    Compare(CompareArguments),
}

#[derive(Debug, Args)]
pub(crate) struct LocateArguments {
    /// How keys are placed.
    #[arg(long, value_parser = algorithms())]
    algorithm: Algorithm,
    /// The nodes: `name[ weight[ zone]]` a line; 1 where there is no weight.
    #[arg(long, value_name = "FILE")]
    nodes: PathBuf,
    /// The keys, one a line; `-` reads them from standard input.
    #[arg(long, value_name = "FILE")]
    keys: PathBuf,
    /// Takes each key for its own hash: a decimal number below 2^64. jump's bucket i is the i-th node
    /// of the file; the two rings, range, maglev, anchor and directory look at the upper bits first,
    /// ketama at the lower 32 alone.
    #[arg(long)]
    raw_hash: bool,
    /// How many nodes for each key, in different zones and racks as far as there are some.
    #[arg(long, value_name = "N", default_value_t = 1)]
    #[arg(value_parser = number::<u32>(1..=u64::from(u32::MAX)))]
    replicas: u32,
    /// Prints one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct CompareArguments {
    /// How many, all of the same weight.
    #[arg(long, value_name = "N", default_value_t = 100)]
    #[arg(value_parser = number::<u32>(2..=100_000))]
    nodes: u32,
    /// How many are placed.
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    #[arg(value_parser = number::<u64>(1..=1_000_000_000))]
    keys: u64,
    /// Draws the keys.
    #[arg(long, default_value_t = 1, value_parser = number::<u64>(0..=u64::MAX))]
    seed: u64,
    /// Prints one JSON object.
    #[arg(long)]
    json: bool,
    /// Draws the table: how full the fullest node is, and how many keys move.
    #[arg(long, value_name = "FILE.svg")]
    plot: Option<PathBuf>,
}

impl HashRingVerb {
    pub(crate) fn carry_out(self) -> Outcome {
        match self {
            HashRingVerb::Shared(verb) => verb.carry_out("hash-ring"),
            HashRingVerb::Locate(arguments) => locate::locate(&arguments),
            HashRingVerb::Compare(arguments) => compare::compare(&arguments),
        }
    }
}

/// Their names, which the help lists.
fn algorithms() -> impl TypedValueParser<Value = Algorithm> {
    let names = Algorithm::ALL.iter().map(|algorithm| algorithm.name());
    PossibleValuesParser::new(names)
        .map(|name| Algorithm::named(&name).expect("one of these names was given"))
}
