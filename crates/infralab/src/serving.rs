//! What all servers share on the command line: their options, the lines when they are ready, and how they
//! end.

use std::io::{self, Write};
use std::marker::PhantomData;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use host::{Access, Addresses, BadOption, Exposure, Options, Place, Seat, address, number};
use rustix::process::{Signal, getpid, kill_process};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::exit::{Failure, Found, Outcome, warn};

/// `serve`: the options of a system's server, and what every server is told.
#[derive(Debug, Args)]
pub(crate) struct Serving<O: Args + Options> {
    #[command(flatten)]
    place: PlaceArguments<O>,
    #[command(flatten)]
    options: O,
    #[command(flatten)]
    server: ServerArguments,
}

impl<O: Args + Options> Serving<O> {
    /// Serves until it is told to stop.
    pub(crate) fn carry_out(self) -> Outcome {
        let Serving { place, options, server } = self;
        let place = place.place(server.exposure()).map_err(Failure::input)?;
        let config = options.config(place, &mut |said| warn(&said)).map_err(Failure::input)?;
        server.begin_log();
        if server.until_stdin_ends {
            stop_with_stdin();
        }
        match O::serve(config, ready::<O>) {
            Ok(()) => Ok(Found::Held),
            Err(error) if error.is_argument() => Err(Failure::input(error)),
            Err(error) => Err(Failure::Environment(error.to_string())),
        }
    }
}

/// Where a server is: all nodes in this process, or one of a cluster.
#[derive(Debug, Args)]
struct PlaceArguments<O: Options> {
    #[arg(long, value_name = "DIR", help = data_help::<O>())]
    data: Option<PathBuf>,
    #[arg(long, value_name = "ADDR", value_parser = address, help = listen_help::<O>())]
    listen: Option<SocketAddr>,
    /// Shows what is counted at this address: /metrics for Prometheus, /health for people.
    #[arg(long, value_name = "ADDR", value_parser = address)]
    admin: Option<SocketAddr>,
    /// Is this node of the cluster in the file, and no other node is in this process.
    #[arg(long, value_name = "N", requires = "cluster")]
    #[arg(value_parser = number::<u32>(0..=u64::from(u32::MAX)))]
    node: Option<u32>,
    /// Which nodes there are, and where.
    #[arg(long, value_name = "FILE", requires = "node")]
    cluster: Option<PathBuf>,
    #[arg(skip)]
    of: PhantomData<fn(O)>,
}

fn data_help<O: Options>() -> String {
    format!("The data folder [default: {}, or what the cluster file says]", O::DATA)
}

fn listen_help<O: Options>() -> String {
    format!(
        "Where to listen; port 0 takes a free one [default: 127.0.0.1:{}, or what the cluster file says]",
        O::PORT
    )
}

impl<O: Options> PlaceArguments<O> {
    fn place(self, exposure: Exposure) -> Result<Place, BadOption> {
        let PlaceArguments { data, listen, admin, node, cluster, .. } = self;
        let mut place = Place { listen, data, seat: None, access: Access { admin, exposure } };
        match node.zip(cluster) {
            Some((node, file)) => Seat::take::<O>(node, &file, &mut place).map(|()| place),
            None => Ok(place),
        }
    }
}

/// What else all servers are told.
#[derive(Debug, Args)]
struct ServerArguments {
    /// Listens where others can reach it too, although it asks nobody who they are.
    #[arg(long)]
    open_to_anyone: bool,
    /// What to log on stderr: off, error, warn, info, debug or trace.
    #[arg(long, value_name = "LEVEL", default_value = "warn")]
    log: LevelFilter,
    /// Stops when its standard input ends: a pipe does with whoever holds its other end, even if that is killed.
    #[arg(long)]
    until_stdin_ends: bool,
}

impl ServerArguments {
    /// Who may reach the server.
    fn exposure(&self) -> Exposure {
        if self.open_to_anyone { Exposure::Anyone } else { Exposure::Loopback }
    }

    /// From here on what servers log goes to stderr.
    fn begin_log(&self) {
        let lines = tracing_subscriber::fmt::layer()
            .with_writer(std::io::stderr)
            .with_ansi(false)
            // A closed stderr is no failure.
            .log_internal_errors(false);
        // To s3s it is an error of the server's whenever it refuses a client anything.
        let wanted = Targets::new().with_default(self.log).with_target("s3s", LevelFilter::OFF);
        tracing_subscriber::registry().with(lines).with(wanted).init();
    }
}

/// Tells this process to stop, as any other may, when its standard input ends.
#[expect(
    clippy::disallowed_methods,
    reason = "it waits for whoever started the server, and for no machine"
)]
fn stop_with_stdin() {
    std::thread::spawn(|| {
        // An input that cannot be read has ended.
        let _ = io::copy(&mut io::stdin(), &mut io::sink());
        if let Err(why) = kill_process(getpid(), Signal::TERM) {
            warn(&format!("the standard input has ended, and this server goes on: {why}"));
        }
    });
}

/// Scripts wait for the first of these lines: where clients go, or, where none do, other nodes. A browser
/// can go where it begins with `http://`.
fn ready<O: Options>(addresses: Addresses) {
    let Addresses { nodes, clients, admin } = addresses;
    let nodes = nodes.map(|address| address.to_string());
    let clients = clients.map(|address| format!("{}{address}", O::SCHEME));
    let admin = admin.map(|address| format!("http://{address}/metrics"));
    let mut out = std::io::stdout().lock();
    for address in clients.or(nodes).into_iter().chain(admin) {
        // A closed stdout is no failure.
        let _ = writeln!(out, "listening on {address}").and_then(|()| out.flush());
    }
}
