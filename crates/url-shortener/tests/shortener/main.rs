//! The parts of the shortener by themselves, in worlds that break them.

mod click_log;
mod conformance;
mod direct;
mod front;
mod links;
mod store;
mod tally;
