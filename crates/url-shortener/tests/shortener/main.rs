//! The parts of the shortener by themselves, in worlds that break them.

mod click_log;
mod conformance;
mod direct;
mod fence;
mod front;
mod growth;
mod links;
mod moved;
mod service;
mod store;
mod tally;
