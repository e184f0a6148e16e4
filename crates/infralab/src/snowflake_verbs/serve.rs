//! `serve`: the real server.

use std::io::Write;
use std::net::SocketAddr;

use snowflake::server::{self, Config};

use crate::exit::{Failure, Found, Outcome};

pub(super) fn serve(config: Config) -> Outcome {
    let ready = |address: SocketAddr| {
        let mut out = std::io::stdout().lock();
        // Nobody need listen for it.
        let _ = writeln!(out, "listening on {address}").and_then(|()| out.flush());
    };
    match server::serve(config, ready) {
        Ok(()) => Ok(Found::Held),
        Err(error) if error.is_argument() => Err(Failure::input(error)),
        Err(error) => Err(Failure::Environment(error.to_string())),
    }
}
