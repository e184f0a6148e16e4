//! What all servers share on the command line: their options, the lines when they are ready, and how they
//! end.

use std::io::Write;
use std::net::SocketAddr;

use clap::Args;
use host::{Access, Addresses, Exposure, Options, address};
use tracing_subscriber::filter::LevelFilter;

use crate::exit::{Failure, Found, Outcome, warn};

/// `serve`: the options of a system's server, and what every server is told.
#[derive(Debug, Args)]
pub(crate) struct Serving<O: Args> {
    #[command(flatten)]
    options: O,
    #[command(flatten)]
    server: ServerArguments,
}

impl<O: Args + Options> Serving<O> {
    /// Serves until it is told to stop.
    pub(crate) fn carry_out(self) -> Outcome {
        let Serving { options, server } = self;
        let access = Access { admin: server.admin, exposure: server.exposure() };
        let config = options.config(access, &mut |said| warn(&said)).map_err(Failure::input)?;
        server.begin_log();
        match O::serve(config, ready) {
            Ok(()) => Ok(Found::Held),
            Err(error) if O::is_argument(&error) => Err(Failure::input(error)),
            Err(error) => Err(Failure::Environment(error.to_string())),
        }
    }
}

/// The options of all servers.
#[derive(Debug, Args)]
struct ServerArguments {
    /// Shows what is counted at this address: /metrics for Prometheus, /health for people.
    #[arg(long, value_name = "ADDR", value_parser = address)]
    admin: Option<SocketAddr>,
    /// Listens where others can reach it too, although it asks nobody who they are.
    #[arg(long)]
    open_to_anyone: bool,
    /// What to log on stderr: off, error, warn, info, debug or trace.
    #[arg(long, value_name = "LEVEL", default_value = "warn")]
    log: LevelFilter,
}

impl ServerArguments {
    /// Who may reach the server.
    fn exposure(&self) -> Exposure {
        if self.open_to_anyone { Exposure::Anyone } else { Exposure::Loopback }
    }

    /// From here on what servers log goes to stderr.
    fn begin_log(&self) {
        tracing_subscriber::fmt()
            .with_writer(std::io::stderr)
            .with_max_level(self.log)
            .with_ansi(false)
            // A closed stderr is no failure.
            .log_internal_errors(false)
            .init();
    }
}

/// Scripts wait for the first of these lines: where clients go, or, where none do, other nodes. A browser
/// can go where it begins with `http://`.
fn ready(addresses: Addresses) {
    let Addresses { nodes, clients, admin } = addresses;
    let nodes = nodes.map(|address| address.to_string());
    let clients = clients.map(|address| format!("http://{address}"));
    let admin = admin.map(|address| format!("http://{address}/metrics"));
    let mut out = std::io::stdout().lock();
    for address in clients.or(nodes).into_iter().chain(admin) {
        // A closed stdout is no failure.
        let _ = writeln!(out, "listening on {address}").and_then(|()| out.flush());
    }
}
