//! The systems of the lab.

use sim::Registered;

use crate::exit::Failure;

/// Every system of the lab, in the order of the tour.
pub fn systems() -> Vec<Box<dyn Registered>> {
    vec![
        snowflake::registered(),
        cache_fleet::registered(),
        journal::registered(),
        bitcask::registered(),
        raft_kv::registered(),
        shortener_scenarios::registered(),
        log_scenarios::registered(),
        store_scenarios::registered(),
    ]
}

/// The one of this name.
pub(crate) fn system(name: &str) -> Result<Box<dyn Registered>, Failure> {
    let found = systems().into_iter().find(|system| system.name() == name);
    found.ok_or_else(|| Failure::input(format!("there is no system {name:?} in this lab")))
}
