//! What snowflake can do besides the shared verbs.

use std::io::stdin;

use clap::Subcommand;
use host::number;
use serde_json::json;
use snowflake::compare::{self, COLUMNS};
use snowflake::options::{AuthorityOptions, Minting, ServeOptions};
use snowflake::wire::{decoded_json, decoded_text};
use snowflake::{Decoded, Layout, bench, catalogue, decode_text};

use crate::clock::{sleep, stopwatch, wall};
use crate::exit::{Failure, Outcome};
use crate::progress::with_spinner;
use crate::results::{print, print_lines, print_result};
use crate::serving::Serving;
use crate::shared_verbs::SharedVerb;

#[derive(Debug, Subcommand)]
pub(crate) enum SnowflakeVerb {
    #[command(flatten)]
    Shared(SharedVerb),
    /// Prints ids, one a line.
    ///
    /// Waits for the next tick when one is used up, and for the end of the last one, so that runs
    /// one after the other give different ids. Nothing else is remembered: runs at the same time
    /// need different workers, and `serve` is for clocks that may go back.
    #[command(after_help = "Example: infralab snowflake generate -n 3 --worker 7")]
    Generate {
        /// How many.
        #[arg(short = 'n', long = "count", value_name = "N", default_value_t = 1)]
        #[arg(value_parser = number::<u64>(1..=u64::MAX))]
        count: u64,
        #[command(flatten)]
        minting: Minting,
    },
    /// Takes ids apart.
    #[command(after_help = "Examples:
  infralab snowflake decode 175928847299117063 --layout discord
  infralab snowflake generate -n 3 | infralab snowflake decode -")]
    Decode {
        /// The ids; `-` reads them from standard input, one a line.
        #[arg(required = true, value_name = "ID")]
        ids: Vec<String>,
        /// The layout they were minted with; an id does not say.
        #[arg(long, default_value = "twitter")]
        layout: String,
        /// Prints one JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Lists the layouts that have a name.
    #[command(after_help = "Example: infralab snowflake layouts")]
    Layouts {
        /// Prints one JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Measures snowflakes against the other ways to name things: size, order, coordination.
    #[command(after_help = format!("Example: infralab snowflake compare\n\nColumns:\n{COLUMNS}"))]
    Compare {
        /// Draws all that is random.
        #[arg(long, default_value_t = 1, value_parser = number::<u64>(0..=u64::MAX))]
        seed: u64,
        /// Prints one JSON object.
        #[arg(long)]
        json: bool,
    },
    /// A quick measurement of speed; criterion has the careful ones.
    #[command(after_help = "Example: infralab snowflake bench --json")]
    Bench {
        /// Prints one JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Mints ids for whoever asks by HTTP, until it is told to stop (SIGINT or SIGTERM).
    ///
    /// A mark in the data folder keeps ids apart across restarts and clocks that go back. No two
    /// servers may have the same worker number; with `--authority` they are given different ones.
    #[command(after_help = "Examples:
  infralab snowflake serve --worker 7
  infralab snowflake serve --node 3 --cluster lab.toml
  curl http://127.0.0.1:7411/id
  curl http://127.0.0.1:7411/ids?count=100
  curl -H 'Accept: text/plain' http://127.0.0.1:7411/id
  curl http://127.0.0.1:7411/decode/175928847299117063?layout=discord")]
    Serve(Serving<ServeOptions>),
    /// Leases worker numbers to servers, so that no two have the same, until it is told to stop.
    ///
    /// One of them is enough as long as its node is up. With --cluster there may be several, of which
    /// a majority is enough: the nodes of the file that have an address for nodes and none for clients.
    /// `serve --cluster` serves them as well, over 1024 numbers.
    #[command(after_help = "Examples:
  infralab snowflake authority
  infralab snowflake serve --authority 127.0.0.1:7410
  infralab snowflake authority --node 2 --cluster lab.toml
  infralab snowflake serve \\
    --authority 127.0.0.1:7410,127.0.0.1:7420,127.0.0.1:7430")]
    Authority(Serving<AuthorityOptions>),
}

impl SnowflakeVerb {
    pub(crate) fn carry_out(self) -> Outcome {
        match self {
            SnowflakeVerb::Shared(verb) => verb.carry_out("snowflake"),
            SnowflakeVerb::Generate { count, minting } => generate(count, &minting),
            SnowflakeVerb::Decode { ids, layout, json } => {
                decode(&ids, &layout.parse().map_err(Failure::input)?, json)
            }
            SnowflakeVerb::Layouts { json } => {
                let layouts = catalogue();
                print_result(json, || json!(layouts), || layouts.to_string())
            }
            SnowflakeVerb::Compare { seed, json } => {
                let compare = || compare::compare(seed, &mut stopwatch());
                let rows = with_spinner("measuring every scheme", compare);
                let table = || format!("{}\n{COLUMNS}", compare::table(&rows));
                print_result(json, || json!({"rows": rows}), table)
            }
            SnowflakeVerb::Bench { json } => {
                let speed = with_spinner("minting", || bench::bench(wall, stopwatch()));
                let speed = speed.map_err(|error| Failure::environment(error, "set the clock"))?;
                print_result(json, || json!(speed), || speed.to_string())
            }
            SnowflakeVerb::Serve(serving) => serving.carry_out(),
            SnowflakeVerb::Authority(serving) => serving.carry_out(),
        }
    }
}

fn generate(count: u64, minting: &Minting) -> Outcome {
    let mut ids = minting.mint(count, wall, sleep).map_err(Failure::input)?;
    let refused = |not_now: snowflake::NotNow| Failure::Environment(not_now.to_string());
    let found = print_lines(ids.by_ref().map(|id| Ok(id.map_err(refused)?.0)))?;
    ids.wait_for_the_next_tick();
    Ok(found)
}

fn decode(ids: &[String], layout: &Layout, json: bool) -> Outcome {
    let decoded: Box<dyn Iterator<Item = Result<Decoded, Failure>>> = if ids == ["-"] {
        let unread = |error| Failure::environment("cannot read ids", error);
        let lines = stdin().lines().map(move |line| line.map_err(unread));
        Box::new(lines.map(|line| decode_text(line?.trim_end(), layout).map_err(Failure::input)))
    } else {
        let all: Result<Vec<_>, _> = ids.iter().map(|id| decode_text(id, layout)).collect();
        Box::new(all.map_err(Failure::input)?.into_iter().map(Ok))
    };
    if json {
        return print(&(decoded_json(&decoded.collect::<Result<Vec<_>, _>>()?) + "\n"));
    }
    // As they come: there may be more of them than fit in memory.
    print_lines(decoded.map(|decoded| Ok(decoded_text(&decoded?))))
}
