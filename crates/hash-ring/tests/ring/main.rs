//! What placements promise, as tests.

mod anchor;
mod balance;
mod bounded;
mod comparison;
mod fleets;
mod golden;
mod maglev;
mod movement;
mod nodes;
mod replicas;
