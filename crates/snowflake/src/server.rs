//! The real server: a [`Worker`] on this computer's clock and disk, with HTTP in front of it.
//!
//! The law: nothing in here decides. A request becomes [`Message::Mint`](crate::Message::Mint), the
//! worker's answer becomes the response, and what the worker wants done is done by `host`. The same
//! worker, with the same mechanisms on, is what the scenarios judge.
//!
//! It listens on loopback only, because it asks nobody who they are.

mod desk;
mod front;
mod owner;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use host::{Exposure, Folder, FolderError, ListenError, Metrics, Node, Server, http};
use machine::Switches;

use crate::{Layout, TooLarge, Worker, mark};
use desk::Desk;
use front::FrontEnd;
use owner::Owner;

/// What a server is started with.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Where to show what is counted, if anywhere.
    pub admin: Option<SocketAddr>,
    /// Who may reach either.
    pub exposure: Exposure,
    /// Of the ids.
    pub layout: Layout,
    /// The worker number of the ids. No two servers may have the same.
    pub worker: u64,
    /// The data folder; made where there is none.
    pub data: PathBuf,
}

/// Serves until it is told to stop, by SIGINT or SIGTERM. `ready` is called once, with the address,
/// when ids can be minted.
///
/// # Errors
/// If it could not start, or if the worker found that it cannot keep its promises.
pub fn serve(config: Config, ready: impl FnOnce(SocketAddr)) -> Result<(), ServeError> {
    let Config { listen: listen_at, admin, exposure, layout, worker, data } = config;
    let machine = Worker::fixed(layout.clone(), worker, Switches::ALL_ON);
    let machine = machine.map_err(ServeError::Worker)?;
    let runtime = host::runtime().map_err(ServeError::Runtime)?;
    let listen = |address| runtime.block_on(host::listen(address, exposure));
    let (listener, address) = listen(listen_at).map_err(ServeError::Listen)?;
    let admin = admin.map(listen).transpose().map_err(ServeError::Listen)?;

    let folder = Folder::open(&data, Owner::new(worker, &layout), &[mark::first_file()]);
    let folder = folder.map_err(ServeError::Folder)?;
    let metrics = Metrics::default();
    let desk = Arc::new(Desk::new(&metrics));
    let files = folder.files(&metrics);
    let node = Node::start(machine, files, folder.disk(), desk.clone(), &metrics);
    let routes = FrontEnd { node: node.clone(), desk, layout }.routes();
    let routes = http::only_ours(routes, address.ip());
    Server { runtime, node, folder, metrics, admin }
        .run(&["worker"], || ready(address), |stop| http::serve(listener, routes, stop))
        .map_err(|why| ServeError::Halted { why, data })
}

/// Why a server did not start, or stopped by itself.
#[derive(Debug)]
pub enum ServeError {
    /// The layout has no such worker. Nothing was started.
    Worker(TooLarge),
    /// The operating system gave no threads. Nothing was started.
    Runtime(io::Error),
    /// It cannot or must not listen there. Nothing was started.
    Listen(ListenError),
    /// The data folder is in use, or not this server's. It was left as it was.
    Folder(FolderError),
    /// The worker stopped, because it could not have kept its promises. What is in the folder stays
    /// as it is.
    Halted {
        /// The worker's sentence.
        why: String,
        /// The data folder.
        data: PathBuf,
    },
}

impl ServeError {
    /// Is it the arguments that must change, rather than the world?
    pub fn is_argument(&self) -> bool {
        match self {
            ServeError::Worker(_) | ServeError::Listen(ListenError::NotLoopback(_)) => true,
            ServeError::Folder(error) => error.is_other_owner(),
            _ => false,
        }
    }
}

impl fmt::Display for ServeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ServeError::Worker(error) => error.fmt(f),
            ServeError::Runtime(error) => write!(f, "no threads could be started: {error}"),
            ServeError::Listen(error) => error.fmt(f),
            ServeError::Folder(error) => error.fmt(f),
            ServeError::Halted { why, data } => {
                write!(f, "the worker with the data folder {} stopped: {why}", data.display())
            }
        }
    }
}

impl std::error::Error for ServeError {}
