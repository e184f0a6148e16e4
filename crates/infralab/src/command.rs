//! The grammar: `infralab <system> <verb>`, the same in every system.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use clap_complete::Shell;

use crate::check_verb::{CheckArguments, HISTORIES};
use crate::exit::{Failure, Outcome};
use crate::grammar;
use crate::hash_ring_verbs::HashRingVerb;
use crate::log_verbs::LogVerb;
use crate::merge::{MergeArguments, merge};
use crate::raft_verbs::RaftVerb;
use crate::replay::{ReplayArguments, replay};
use crate::shared_verbs::{SharedVerb, SweepAllArguments, sweep_all};
use crate::snowflake_verbs::SnowflakeVerb;
use crate::store_verbs::StoreVerb;
use crate::tour::tour;
use crate::url_shortener_verbs::UrlShortenerVerb;

/// A lab of infrastructure systems: run them, break them, and see which promise each mechanism
/// keeps.
///
/// Without arguments it gives the tour: every system, its promises, and what breaks without each
/// mechanism.
#[derive(Debug, Parser)]
#[command(name = "infralab", version, max_term_width = 80)]
#[command(after_help = "Example: infralab snowflake demo")]
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
    /// Appending to files that lose nothing in silence.
    #[command(
        subcommand,
        after_help = "Example: infralab journal sweep lost-files --without durable-bound"
    )]
    Journal(SharedVerb),
    /// A store of keys and values on one disk: a log, and an index into it in memory.
    #[command(
        subcommand,
        after_help = "Example: infralab bitcask sweep bit-rot --without entry-checksum"
    )]
    Bitcask(SharedVerb),
    /// Consensus, and a replicated key-value store on it.
    #[command(subcommand, after_help = "Example: infralab raft demo")]
    Raft(RaftVerb),
    /// A partitioned, replicated log that Kafka clients use unchanged.
    #[command(subcommand, after_help = "Example: infralab replicated-log demo")]
    ReplicatedLog(LogVerb),
    /// An erasure-coded object store over zones that S3 clients use unchanged.
    #[command(subcommand, after_help = "Example: infralab object-store demo")]
    ObjectStore(StoreVerb),
    /// Short links: made, followed and counted by a sharded service, with a page in the browser.
    #[command(subcommand, after_help = "Example: infralab url-shortener serve")]
    UrlShortener(UrlShortenerVerb),
    /// Says whether a history that somebody recorded is linearizable.
    #[command(after_help = HISTORIES)]
    Check(CheckArguments),
    /// Runs a saved run again; another version's is refused.
    #[command(after_help = "Example: infralab replay broken.json")]
    Replay(ReplayArguments),
    /// Runs every scenario of every system over many seeds, as `infralab SYSTEM sweep SCENARIO` runs one.
    #[command(after_help = "Examples:
  infralab sweep
  infralab sweep --seeds 100000 --shard 2/4 --json > 2.json
  infralab merge 1.json 2.json 3.json 4.json")]
    Sweep(SweepAllArguments),
    /// Joins the shares of a sweep, which `sweep --shard I/N --json` printed, into one verdict.
    #[command(after_help = "Example:
  infralab raft sweep leader-crash --shard 1/2 --json > 1.json
  infralab raft sweep leader-crash --shard 2/2 --json > 2.json
  infralab merge 1.json 2.json")]
    Merge(MergeArguments),
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
        None => tour(),
        Some(Verb::Snowflake(verb)) => verb.carry_out(),
        Some(Verb::HashRing(verb)) => verb.carry_out(),
        Some(Verb::Journal(verb)) => verb.carry_out("journal"),
        Some(Verb::Bitcask(verb)) => verb.carry_out("bitcask"),
        Some(Verb::Raft(verb)) => verb.carry_out(),
        Some(Verb::ReplicatedLog(verb)) => verb.carry_out(),
        Some(Verb::ObjectStore(verb)) => verb.carry_out(),
        Some(Verb::UrlShortener(verb)) => verb.carry_out(),
        Some(Verb::Check(arguments)) => arguments.carry_out(),
        Some(Verb::Replay(arguments)) => replay(&arguments),
        Some(Verb::Sweep(arguments)) => sweep_all(&arguments),
        Some(Verb::Merge(arguments)) => merge(&arguments),
        Some(Verb::Completions { shell }) => grammar::completions(shell, grammar),
        Some(Verb::Man { folder }) => grammar::manual(&folder, grammar),
    }
}
