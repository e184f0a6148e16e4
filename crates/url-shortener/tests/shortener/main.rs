//! The parts of the shortener by themselves, in worlds that break them.

mod click_log;
mod copies;
mod durable;
mod fence;
mod front;
mod growth;
mod hand;
mod link_bytes;
mod links;
mod service;
#[cfg(feature = "server")]
mod site;
mod tally;
