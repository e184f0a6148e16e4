//! How a server says that it is ready, and how it ends.

use std::fmt::Display;
use std::io::Write;
use std::net::SocketAddr;

use crate::exit::{Failure, Found, Outcome};

/// Scripts wait for this line.
pub(crate) fn ready(address: SocketAddr) {
    let mut out = std::io::stdout().lock();
    // Nobody need listen for it.
    let _ = writeln!(out, "listening on {address}").and_then(|()| out.flush());
}

/// Did it end well, or do the arguments have to change, or the world?
pub(crate) fn ended<E: Display>(
    served: Result<(), E>,
    is_argument: impl Fn(&E) -> bool,
) -> Outcome {
    match served {
        Ok(()) => Ok(Found::Held),
        Err(error) if is_argument(&error) => Err(Failure::input(error)),
        Err(error) => Err(Failure::Environment(error.to_string())),
    }
}
