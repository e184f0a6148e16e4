//! `serve` and `authority`: the real servers.

use std::io::Write;
use std::net::SocketAddr;

use snowflake::Layout;
use snowflake::server::{self, Number, Place, ServeError};

use crate::exit::{Failure, Found, Outcome};

pub(super) fn serve(place: Place, layout: Layout, number: Number) -> Outcome {
    ended(server::serve(place, layout, number, ready))
}

pub(super) fn authority(place: Place, workers: u64) -> Outcome {
    ended(server::serve_authority(place, workers, ready))
}

fn ready(address: SocketAddr) {
    let mut out = std::io::stdout().lock();
    // Nobody need listen for it.
    let _ = writeln!(out, "listening on {address}").and_then(|()| out.flush());
}

fn ended(served: Result<(), ServeError>) -> Outcome {
    match served {
        Ok(()) => Ok(Found::Held),
        Err(error) if error.is_argument() => Err(Failure::input(error)),
        Err(error) => Err(Failure::Environment(error.to_string())),
    }
}
