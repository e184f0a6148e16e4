//! What hash-ring can do besides the shared verbs.

use std::fs;
use std::io::{BufRead, BufReader, stdin};
use std::iter;
use std::path::{Path, PathBuf};

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand};
use hash_ring::lookup::{BadList, KeyLines, Lookup, read_nodes};
use hash_ring::{Algorithm, Nodes, compare, plot, table};
use host::number;
use serde_json::json;

use crate::clock::stopwatch;
use crate::exit::{Failure, Outcome};
use crate::progress::with_spinner;
use crate::results::{print_lines, print_pieces, print_result, save_to};
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
  infralab hash-ring locate --replicas 3 --nodes nodes.txt --keys keys.txt
  seq 1000 | infralab hash-ring locate --algorithm jump --raw-hash \\
    --nodes nodes.txt --keys -

nodes.txt, with names, weights and zones:
  cache-1
  cache-2 2.5
  cache-3 1 ams
  cache-4 1 ams/rack-7")]
    Locate(LocateArguments),
    /// Measures every algorithm: how even, how much moves when a node comes or goes, how fast, how
    /// large.
    #[command(after_help = compare_help())]
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
            HashRingVerb::Locate(arguments) => locate(&arguments),
            HashRingVerb::Compare(arguments) => compare(&arguments),
        }
    }
}

/// Their names, which the help lists.
fn algorithms() -> impl TypedValueParser<Value = Algorithm> {
    let names = Algorithm::ALL.iter().map(|algorithm| algorithm.name());
    PossibleValuesParser::new(names)
        .map(|name| Algorithm::named(&name).expect("one of these names was given"))
}

/// What the table says, column by column.
const COLUMNS: &str = "\
fullest / mean      the keys of the fullest node, in averages; chance alone makes it more than 1
standard deviation  of the numbers of keys, in averages
comes, goes         of all keys, those that move when a node comes or goes; x1.00 is as few as can be
for nothing         of the keys that move, those that neither leave a node that goes nor reach one that comes
look-up             time for a key, its hashing left out
build               time to begin with a list of nodes
B/node              bytes of memory for each node
";

/// How to use it, and what it says.
fn compare_help() -> String {
    format!(
        "Example: infralab hash-ring compare --nodes 1000 --plot compare.svg\n\nColumns:\n{COLUMNS}"
    )
}

fn compare(arguments: &CompareArguments) -> Outcome {
    let CompareArguments { nodes, keys, seed, json, plot } = arguments;
    let measure = || compare::compare(*nodes, *keys, *seed, &mut stopwatch());
    let rows = with_spinner("measuring every algorithm", measure).map_err(Failure::input)?;
    let list = Nodes::numbered(*nodes).map_err(Failure::input)?.bytes() as f64 / f64::from(*nodes);
    let object = || {
        json!({
            "nodes": nodes, "keys": keys, "seed": seed, "rows": rows,
            "list_of_nodes_bytes_per_node": list,
        })
    };
    let text = || {
        let table = table::table(&rows);
        format!(
            "{table}\n{COLUMNS}\nThe list of nodes, which all of them need, is not counted: {list:.0} bytes a node.\n"
        )
    };
    let found = print_result(*json, object, text)?;
    // After the results: a file that cannot be written must not cost them.
    if let Some(file) = plot {
        save_to(file, &plot::plot(&rows))?;
    }
    Ok(found)
}

fn locate(arguments: &LocateArguments) -> Outcome {
    let LocateArguments { algorithm, nodes: file, replicas, raw_hash, .. } = arguments;
    let refuse = |why: BadList| Failure::input(format!("{}: {why}", file.display()));
    let nodes = read_nodes(open(file)?).map_err(refuse)?;
    let count = nodes.count();
    if *replicas as usize > count {
        return Err(Failure::input(format!(
            "--replicas {replicas} takes as many nodes, and {} has {count}; name more there or ask for fewer",
            file.display(),
        )));
    }
    let lookup = Lookup::new(*algorithm, nodes, *replicas as usize, *raw_hash);
    let mut lookup = lookup.map_err(Failure::input)?;
    // Where it can be known beforehand, a bad line in the middle does not cost half a result.
    if can_be_read_twice(&arguments.keys) {
        let mut keys = Keys::open(arguments)?;
        while keys.next(&lookup)?.is_some() {}
    }
    let mut keys = Keys::open(arguments)?;
    if !arguments.json {
        let mut line = || -> Result<Option<String>, Failure> {
            let Some(hash) = keys.next(&lookup)? else { return Ok(None) };
            Ok(Some(format!("{}\t{}", keys.lines.key(), lookup.nodes(hash).join(","))))
        };
        return print_lines(iter::from_fn(|| line().transpose()));
    }
    // Key by key, so that the object fits in memory however many there are.
    let head = json!({
        "algorithm": algorithm.name(), "nodes": count, "replicas": replicas, "raw_hash": raw_hash,
    });
    let head = format!("{},\"keys\":[", head.to_string().trim_end_matches('}'));
    let mut between = "";
    let mut answer = || -> Result<Option<String>, Failure> {
        let Some(hash) = keys.next(&lookup)? else { return Ok(None) };
        let answer = json!({"key": keys.lines.key(), "nodes": lookup.nodes(hash)});
        Ok(Some(format!("{}{answer}", std::mem::replace(&mut between, ","))))
    };
    let answers = iter::from_fn(|| answer().transpose());
    print_pieces(iter::once(Ok(head)).chain(answers).chain(iter::once(Ok("]}\n".to_owned()))))
}

/// The keys that the user named.
struct Keys {
    lines: KeyLines<Box<dyn BufRead>>,
    shown: String,
    may_have_tabs: bool,
}

impl Keys {
    fn open(arguments: &LocateArguments) -> Result<Keys, Failure> {
        let file = &arguments.keys;
        let (from, shown): (Box<dyn BufRead>, _) = if is_standard_input(file) {
            (Box::new(stdin().lock()), "standard input".to_owned())
        } else {
            let from = BufReader::with_capacity(1 << 16, open(file)?);
            (Box::new(from), file.display().to_string())
        };
        Ok(Keys { lines: KeyLines::new(from), shown, may_have_tabs: arguments.json })
    }

    /// The hash of the next key, if there is one.
    fn next(&mut self, lookup: &Lookup) -> Result<Option<u64>, Failure> {
        let (shown, lines) = (&self.shown, &mut self.lines);
        let refuse = |line: u64, why: &dyn std::fmt::Display| {
            Failure::input(format!("{shown}: line {line}: {why}"))
        };
        if !lines.advance().map_err(|why| refuse(lines.number(), &why))? {
            return Ok(None);
        }
        if !self.may_have_tabs && lines.key().contains('\t') {
            let why =
                "the key has a tab in it, and would seem to end there; --json tells them apart";
            return Err(refuse(lines.number(), &why));
        }
        lookup.hash(lines.key()).map(Some).map_err(|why| refuse(lines.number(), &why))
    }
}

/// Whether a second look finds the same: not so at standard input or in a pipe.
fn can_be_read_twice(file: &Path) -> bool {
    !is_standard_input(file) && fs::metadata(file).is_ok_and(|about| about.is_file())
}

/// Opens a file that the user named.
#[expect(clippy::disallowed_types, reason = "no machine reads it, but the command line")]
fn open(file: &Path) -> Result<fs::File, Failure> {
    fs::File::open(file).map_err(|why| Failure::input(format!("{}: {why}", file.display())))
}

fn is_standard_input(file: &Path) -> bool {
    file.as_os_str() == "-"
}
