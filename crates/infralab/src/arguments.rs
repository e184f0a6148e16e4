//! The grammar: `infralab <system> <verb>`, the same in every system.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use clap_complete::Shell;
use host::Exposure;
use tracing_subscriber::filter::LevelFilter;

use crate::check_verb::{CheckArguments, HISTORIES};
use crate::exit::{Failure, Outcome};
use crate::grammar::{self, number};
use crate::hash_ring_verbs::HashRingVerb;
use crate::raft_verbs::RaftVerb;
use crate::snowflake_verbs::SnowflakeVerb;
use crate::url_shortener_verbs::UrlShortenerVerb;
use crate::{narrate, system, tour};

/// A lab of infrastructure systems: run them, break them, and see which promise each mechanism
/// keeps.
///
/// Without arguments it gives the tour: every system, its promises, and what breaks without each
/// mechanism.
#[derive(Debug, Parser)]
#[command(name = "infralab", version, after_help = "Example: infralab snowflake demo")]
struct Command {
    #[command(subcommand)]
    verb: Option<Verb>,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Unique 64-bit ids, sortable by time, minted without coordination.
    #[command(subcommand, after_help = "Example: infralab snowflake generate -n 3")]
    Snowflake(SnowflakeVerb),
    /// Which node keeps a key: consistent hashing, its rivals, and what they cost.
    #[command(subcommand, after_help = "Example: infralab hash-ring compare")]
    HashRing(HashRingVerb),
    /// A store of keys and values on one disk: a log, and an index into it in memory.
    #[command(
        subcommand,
        after_help = "Example: infralab bitcask sweep bit-rot --without entry-checksum"
    )]
    Bitcask(SharedVerb),
    /// Consensus, and a replicated key-value store on it.
    #[command(subcommand, after_help = "Example: infralab raft demo")]
    Raft(RaftVerb),
    /// Short links: made, followed and counted by a sharded service, with a page in the browser.
    #[command(subcommand, after_help = "Example: infralab url-shortener serve")]
    UrlShortener(UrlShortenerVerb),
    /// Says whether a history that somebody recorded is linearizable.
    #[command(after_help = HISTORIES)]
    Check(CheckArguments),
    /// Runs a saved run again; another version's is refused.
    #[command(after_help = "Example: infralab replay broken.json")]
    Replay {
        /// What `run --save` or `sweep --shrink --save` wrote.
        file: PathBuf,
        /// Prints one JSON object.
        #[arg(long)]
        json: bool,
        /// Prints the run as a space-time diagram, its last rows at most.
        #[arg(long, value_name = "ROWS", num_args = 0..=1, default_missing_value = "60")]
        #[arg(value_parser = number::<usize>(0..=1_000_000))]
        #[arg(conflicts_with = "json")]
        diagram: Option<usize>,
    },
    /// Prints what a shell reads to complete commands.
    #[command(after_help = "Examples:
  infralab completions bash > ~/.local/share/bash-completion/completions/infralab
  infralab completions zsh > ~/.zfunc/_infralab
  infralab completions fish > ~/.config/fish/completions/infralab.fish")]
    Completions {
        /// Which shell.
        shell: Shell,
    },
    /// Writes a manual page for each verb.
    #[command(
        after_help = "Example: infralab man ~/.local/share/man/man1 && man infralab-raft-serve"
    )]
    Man {
        /// The folder; it is made if it is not there.
        folder: PathBuf,
    },
}

/// The verbs that all systems share. Each has examples of its own system (`grammar.rs`).
#[derive(Debug, Subcommand)]
pub(crate) enum SharedVerb {
    /// A narrated run of the simulated world.
    Demo {
        /// Draws the plan and everything that happens.
        #[arg(long, default_value_t = 1, value_parser = number::<u64>(0..=u64::MAX))]
        seed: u64,
    },
    /// Lists failure scenarios, promises and mechanisms.
    Scenarios {
        /// Prints one JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Runs one scenario at one seed and checks its promises.
    ///
    /// Latency is that of operations that ended well. The downtime of a fault is how long
    /// clients waited in the longest stretch without a completed operation that overlaps it.
    Run(RunArguments),
    /// Runs a scenario over many seeds, on all cores.
    ///
    /// Latency and downtime are as `run --help` explains them, over all seeds.
    Sweep(SweepArguments),
}

/// What all real servers are told.
#[derive(Debug, Args)]
pub(crate) struct ServerArguments {
    /// Shows what is counted at this address: /metrics for Prometheus, /health for people.
    #[arg(long, value_name = "ADDR", value_parser = address)]
    pub(crate) admin: Option<SocketAddr>,
    /// Listens where others can reach it too, although it asks nobody who they are.
    #[arg(long)]
    pub(crate) open_to_anyone: bool,
    /// What to log on stderr: off, error, warn, info, debug or trace.
    #[arg(long, value_name = "LEVEL", default_value = "warn")]
    pub(crate) log: LevelFilter,
}

/// An address to listen at.
pub(crate) fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| format!("an address is such as 127.0.0.1:7411, and {text:?} is not"))
}

impl ServerArguments {
    /// Who may reach the server.
    pub(crate) fn exposure(&self) -> Exposure {
        if self.open_to_anyone { Exposure::Anyone } else { Exposure::Loopback }
    }

    /// From here on what servers log goes to stderr.
    pub(crate) fn begin_log(&self) {
        tracing_subscriber::fmt()
            .with_writer(std::io::stderr)
            .with_max_level(self.log)
            .with_ansi(false)
            // Nobody need listen.
            .log_internal_errors(false)
            .init();
    }
}

#[derive(Debug, Args)]
pub(crate) struct RunArguments {
    /// Its name, as `scenarios` lists it.
    pub(crate) scenario: String,
    /// Draws the plan and everything that happens.
    #[arg(long, default_value_t = 1, value_parser = number::<u64>(0..=u64::MAX))]
    pub(crate) seed: u64,
    /// Leaves a mechanism out; may be given more than once.
    #[arg(long, value_name = "MECHANISM")]
    pub(crate) without: Vec<String>,
    /// Writes the run to a file that `infralab replay` reads.
    #[arg(long, value_name = "FILE")]
    pub(crate) save: Option<PathBuf>,
    /// Writes the clients' operations to a file that `infralab check` and Jepsen's tools read (EDN).
    #[arg(long, value_name = "FILE")]
    pub(crate) history: Option<PathBuf>,
    /// Prints one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
    /// Prints the run as a space-time diagram, its last rows at most.
    #[arg(long, value_name = "ROWS", num_args = 0..=1, default_missing_value = "60")]
    #[arg(value_parser = number::<usize>(0..=1_000_000))]
    #[arg(conflicts_with = "json")]
    pub(crate) diagram: Option<usize>,
}

#[derive(Debug, Args)]
pub(crate) struct SweepArguments {
    /// Its name, as `scenarios` lists it.
    pub(crate) scenario: String,
    /// How many seeds; by default as many as the scenario says.
    #[arg(long, value_parser = number::<u64>(1..=100_000_000))]
    pub(crate) seeds: Option<u64>,
    /// The first one; the others follow.
    #[arg(long, default_value_t = 0, value_parser = number::<u64>(0..=u64::MAX))]
    pub(crate) first_seed: u64,
    /// Threads; by default one for each core.
    #[arg(long, value_parser = number::<u16>(1..=1024))]
    pub(crate) jobs: Option<u16>,
    /// Leaves a mechanism out; may be given more than once.
    #[arg(long, value_name = "MECHANISM")]
    pub(crate) without: Vec<String>,
    /// Shrinks the first violation to the shortest history that still breaks the promise.
    #[arg(long)]
    pub(crate) shrink: bool,
    /// Writes the shrunk run to a file that `infralab replay` reads.
    #[arg(long, value_name = "FILE", requires = "shrink")]
    pub(crate) save: Option<PathBuf>,
    /// Prints one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Parses the arguments, does what they say, and gives the exit status.
pub fn main() -> ExitCode {
    let grammar = grammar::complete(Command::command());
    let matches = grammar.clone().try_get_matches();
    let command = match matches.and_then(|matches| Command::from_arg_matches(&matches)) {
        Ok(command) => command,
        // Not a failure but --help or --version.
        Err(told) if !told.use_stderr() => told.exit(),
        Err(error) => {
            let text = error.render().to_string();
            anstream::eprint!("infralab: {}", text.strip_prefix("error: ").unwrap_or(&text));
            return Failure::Input(text).code();
        }
    };
    match carry_out(command, grammar) {
        Ok(found) => found.into(),
        Err(failure) => {
            anstream::eprintln!("infralab: {failure}");
            failure.code()
        }
    }
}

fn carry_out(command: Command, grammar: clap::Command) -> Outcome {
    match command.verb {
        None => tour::tour(),
        Some(Verb::Snowflake(verb)) => verb.carry_out(),
        Some(Verb::HashRing(verb)) => verb.carry_out(),
        Some(Verb::Bitcask(verb)) => verb.carry_out("bitcask"),
        Some(Verb::Raft(verb)) => verb.carry_out(),
        Some(Verb::UrlShortener(verb)) => verb.carry_out(),
        Some(Verb::Check(arguments)) => arguments.carry_out(),
        Some(Verb::Replay { file, json, diagram }) => system::replay(&file, json, diagram),
        Some(Verb::Completions { shell }) => grammar::completions(shell, grammar),
        Some(Verb::Man { folder }) => grammar::manual(&folder, grammar),
    }
}

impl SharedVerb {
    pub(crate) fn carry_out(self, system: &str) -> Outcome {
        let rooms = crate::systems();
        let room = rooms
            .iter()
            .find(|room| room.name() == system)
            .ok_or_else(|| Failure::input(format!("there is no system {system}")))?;
        match self {
            SharedVerb::Demo { seed } => narrate::demo(room.as_ref(), seed),
            SharedVerb::Scenarios { json } => system::scenarios(room.as_ref(), json),
            SharedVerb::Run(arguments) => system::run(room.as_ref(), &arguments),
            SharedVerb::Sweep(arguments) => system::sweep(room.as_ref(), &arguments),
        }
    }
}
