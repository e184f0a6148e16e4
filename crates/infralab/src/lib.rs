//! The command line of the lab: parsing, printing, narration. It decides nothing.

mod check_verb;
mod clock;
mod command;
mod exit;
mod figures;
mod grammar;
mod hash_ring_verbs;
mod left_out;
mod log_verbs;
mod merge;
mod narrate;
mod progress;
mod raft_verbs;
mod replay;
mod rerun;
mod results;
mod run_report;
mod serving;
mod shard;
mod shared_verbs;
mod snowflake_verbs;
mod store_verbs;
mod swept;
mod systems;
mod tour;
mod url_shortener_verbs;
mod view;

pub use command::main;
pub use systems::systems;
