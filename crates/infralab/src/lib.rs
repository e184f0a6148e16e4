//! The command line of the lab: parsing, printing, narration. It decides nothing.

mod arguments;
mod check_verb;
mod exit;
mod grammar;
mod hash_ring_verbs;
mod narrate;
mod progress;
mod raft_verbs;
mod serving;
mod snowflake_verbs;
mod stopwatch;
mod system;
mod text_file;
mod tour;
mod url_shortener_verbs;

pub use arguments::main;

use sim::Registered;

/// Every system of the lab, in the order of the tour.
pub fn systems() -> Vec<Box<dyn Registered>> {
    vec![
        sim::register::<snowflake::Snowflakes>(),
        sim::register::<hash_ring::HashRing>(),
        sim::register::<bitcask::Bitcask>(),
        sim::register::<raft::Consensus>(),
        sim::register::<url_shortener::UrlShortener>(),
    ]
}
