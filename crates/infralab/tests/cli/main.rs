//! The command line as its users meet it: the real binary, its output, its exit status, its server.

mod bad_input;
mod bad_places;
mod browser;
mod checks;
mod client;
mod council;
mod database;
mod folders;
mod growing;
mod ids;
mod lab;
mod leasing;
mod links;
mod links_kept;
mod measures;
mod openapi;
mod page;
mod places;
mod refusals;
mod replicas;
mod restarts;
mod runs;
mod server;
mod serving;
mod transfers;
mod webdriver;
