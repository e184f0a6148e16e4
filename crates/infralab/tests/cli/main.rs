//! The command line as its users meet it: the real binary, its output, its exit status, its server.

mod bad_input;
mod checks;
mod client;
mod ids;
mod lab;
mod measures;
mod refusals;
mod restarts;
mod runs;
mod server;
mod serving;
