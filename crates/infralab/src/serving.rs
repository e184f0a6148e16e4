//! How a server says that it is ready, and how it ends.

use std::fmt::Display;
use std::io::Write;

use host::Addresses;

use crate::exit::{Failure, Found, Outcome};

/// Scripts wait for the first of these lines: where clients go, or, where none do, other nodes. A browser
/// can go where it begins with `http://`.
pub(crate) fn ready(addresses: Addresses) {
    let Addresses { nodes, clients, admin } = addresses;
    let nodes = nodes.map(|address| address.to_string());
    let clients = clients.map(|address| format!("http://{address}"));
    let admin = admin.map(|address| format!("http://{address}/metrics"));
    let mut out = std::io::stdout().lock();
    for place in clients.or(nodes).into_iter().chain(admin) {
        // Nobody need listen for it.
        let _ = writeln!(out, "listening on {place}").and_then(|()| out.flush());
    }
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
