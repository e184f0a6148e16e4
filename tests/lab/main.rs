//! What crosses crates: every system of the registry is held to the same tests.

mod determinism;
mod histories;
mod honesty;
mod laws;
mod licences;
mod mutants;
mod parity;
mod stops;
mod stories;
mod tidy;
