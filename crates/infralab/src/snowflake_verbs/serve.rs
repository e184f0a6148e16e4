//! `serve`: the real server.

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;

use snowflake::Layout;
use snowflake::server::{self, Config, ServeError};

use crate::exit::{Failure, Found, Outcome};

pub(super) fn serve(listen: SocketAddr, layout: Layout, worker: u64, data: PathBuf) -> Outcome {
    let ready = |address: SocketAddr| {
        let mut out = std::io::stdout().lock();
        // Nobody need listen for it.
        let _ = writeln!(out, "listening on {address}").and_then(|()| out.flush());
    };
    match server::serve(Config { listen, layout, worker, data }, ready) {
        Ok(()) => Ok(Found::Held),
        Err(error) => Err(failure(&error)),
    }
}

/// Is it the arguments or the world that must change?
fn failure(error: &ServeError) -> Failure {
    let arguments = match error {
        ServeError::NotLoopback(_) | ServeError::Worker(_) => true,
        ServeError::Folder(error) => error.is_other_owner(),
        ServeError::Runtime(_) | ServeError::Port(..) | ServeError::Halted { .. } => false,
    };
    if arguments {
        return Failure::input(error);
    }
    Failure::Environment(error.to_string())
}
