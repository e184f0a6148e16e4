//! What snowflake can do besides the shared verbs.

mod bench;
mod decode;
mod generate;
mod layouts;
mod serve;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::{Args, Subcommand};
use host::{address, number};
use machine::{Wall, nanos};
use serde_json::json;
use snowflake::server::{Number, Place, Seat};
use snowflake::{Layout, compare};

use crate::exit::{Failure, Outcome, print};
use crate::progress;
use crate::serving::ServerArguments;
use crate::shared_verbs::SharedVerb;
use crate::stopwatch::stopwatch;

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
    #[command(after_help = "Example: infralab snowflake serve --worker 7
  curl http://127.0.0.1:7411/id
  curl http://127.0.0.1:7411/ids?count=100
  curl -H 'Accept: text/plain' http://127.0.0.1:7411/id
  curl http://127.0.0.1:7411/decode/175928847299117063?layout=discord")]
    Serve {
        /// Where to listen: an address of this computer only; port 0 takes a free one.
        #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:7411", value_parser = address)]
        listen: SocketAddr,
        #[command(flatten)]
        minting: Minting,
        /// Leases the worker number from the authority at this address; of several, give all, in
        /// order of their numbers, which must begin with 0.
        #[arg(long, value_name = "ADDR,...", conflicts_with = "worker", value_parser = address)]
        #[arg(value_delimiter = ',')]
        authority: Vec<SocketAddr>,
        /// Leases a number for each of so many threads, none of which waits for another.
        #[arg(long, value_name = "N", requires = "authority", default_value_t = 1)]
        #[arg(value_parser = number::<u16>(1..=256))]
        threads: u16,
        /// The data folder; it belongs to one worker and one layout [default:
        /// infralab-data/snowflake, or with --authority infralab-data/snowflake-leased].
        #[arg(long, value_name = "DIR")]
        data: Option<PathBuf>,
        /// Is a node of the cluster in this file, and leases its number from its authorities.
        #[arg(long, value_name = "FILE", requires = "node")]
        #[arg(conflicts_with_all = ["listen", "worker", "authority", "threads", "data"])]
        cluster: Option<PathBuf>,
        /// Which one.
        #[arg(long, value_name = "N", requires = "cluster")]
        #[arg(value_parser = number::<u32>(0..=u64::from(u32::MAX)))]
        node: Option<u32>,
        #[command(flatten)]
        server: ServerArguments,
    },
    /// Leases worker numbers to servers, so that no two have the same, until it is told to stop.
    ///
    /// One of them is enough as long as its node is up. With --cluster there may be several, of which
    /// a majority is enough: the nodes of the file that have an address for nodes and none for clients.
    #[command(after_help = "Examples:
  infralab snowflake authority
  infralab snowflake serve --authority 127.0.0.1:7410
  infralab snowflake authority --cluster lab.toml --node 2
  infralab snowflake serve --authority 127.0.0.1:7410,127.0.0.1:7420,127.0.0.1:7430")]
    Authority {
        /// Where to listen: an address of this computer only; port 0 takes a free one.
        #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:7410", value_parser = address)]
        listen: SocketAddr,
        /// How many worker numbers there are, from 0 on; the layout must have room for them.
        #[arg(long, value_name = "N", default_value_t = 1024)]
        #[arg(value_parser = number::<u64>(1..=65_536))]
        workers: u64,
        /// The data folder; it belongs to one authority.
        #[arg(long, value_name = "DIR", default_value = "infralab-data/snowflake-authority")]
        data: PathBuf,
        /// Is an authority of the cluster in this file; if there are workers in it, no others are let
        /// in.
        #[arg(long, value_name = "FILE", conflicts_with_all = ["listen", "data"])]
        cluster: Option<PathBuf>,
        /// Which one.
        #[arg(long, value_name = "N", requires = "cluster", default_value_t = 0)]
        #[arg(value_parser = number::<u32>(0..=u64::from(u32::MAX)))]
        node: u32,
        #[command(flatten)]
        server: ServerArguments,
    },
}

/// What ids are made of.
#[derive(Debug, Args)]
pub(crate) struct Minting {
    /// A name that `layouts` lists, or custom:epoch=MS,tick=1ms,timestamp=41,worker=10,sequence=12.
    #[arg(long, default_value = "twitter")]
    layout: String,
    /// The worker number in the ids.
    #[arg(long, value_name = "W", default_value_t = 0)]
    #[arg(value_parser = number::<u64>(0..=u64::MAX))]
    worker: u64,
}

impl SnowflakeVerb {
    pub(crate) fn carry_out(self) -> Outcome {
        match self {
            SnowflakeVerb::Shared(verb) => verb.carry_out("snowflake"),
            SnowflakeVerb::Generate { count, minting } => {
                generate::generate(count, &layout(&minting.layout)?, minting.worker)
            }
            SnowflakeVerb::Decode { ids, layout: name, json } => {
                decode::decode(&ids, &layout(&name)?, json)
            }
            SnowflakeVerb::Layouts { json } => layouts::layouts(json),
            SnowflakeVerb::Compare { seed, json } => compare(seed, json),
            SnowflakeVerb::Bench { json } => bench::bench(json),
            SnowflakeVerb::Serve {
                listen,
                minting,
                authority,
                threads,
                data,
                cluster,
                node,
                server,
            } => {
                let layout = layout(&minting.layout)?;
                let (place, number) = match (authority.is_empty(), cluster.zip(node)) {
                    (_, Some((file, node))) => serve::worker_of(&file, node, &server)?,
                    (false, None) => {
                        let data = data.unwrap_or_else(|| "infralab-data/snowflake-leased".into());
                        (server.place(listen, data), Number::LeasedFrom(authority, threads.into()))
                    }
                    (true, None) => {
                        let data = data.unwrap_or_else(|| "infralab-data/snowflake".into());
                        (server.place(listen, data), Number::Fixed(minting.worker))
                    }
                };
                server.begin_log();
                serve::serve(place, layout, number)
            }
            SnowflakeVerb::Authority { listen, workers, data, cluster, node, server } => {
                let (place, seat) = match cluster {
                    None => (server.place(listen, data), Seat::alone()),
                    Some(file) => serve::authority_of(&file, node, &server)?,
                };
                server.begin_log();
                serve::authority(place, workers, seat)
            }
        }
    }
}

impl ServerArguments {
    /// Where the server is.
    fn place(&self, listen: SocketAddr, data: PathBuf) -> Place {
        Place { listen, admin: self.admin, exposure: self.exposure(), data }
    }
}

/// What the table says, column by column.
const COLUMNS: &str = "\
bits          how many an id has
chars         how many characters its text has
neighbours    of all ids and those that came next, the part that sorts the wrong way round
pairs         of all pairs of ids, that part: 0% is order, 50% is chance
trips/1000    visits to what all minters share, for a thousand ids
ns/id         time on the processor for an id, without what waits for a tick or a server
coordination  what minters must agree on beforehand, or ask for on the way
";

fn compare(seed: u64, json: bool) -> Outcome {
    let (mut stopwatch, busy) = (stopwatch(), progress::busy("measuring every scheme"));
    let rows = compare::compare(seed, &mut stopwatch);
    drop(busy);
    if json {
        return print(&format!("{}\n", json!({"rows": rows})));
    }
    print(&format!("{}\n{COLUMNS}", compare::table(&rows)))
}

fn layout(text: &str) -> Result<Layout, Failure> {
    text.parse().map_err(Failure::input)
}

/// The wall clock.
#[expect(clippy::disallowed_methods, reason = "the command line mints by the clock on the wall")]
fn wall() -> Wall {
    Wall(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, nanos))
}
