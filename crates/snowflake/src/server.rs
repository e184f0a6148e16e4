//! The real server: a [`Worker`] on this computer's clock and disk, with HTTP in front of it.
//!
//! The law: nothing in here decides. A request becomes [`Message::Mint`](crate::Message::Mint), the
//! worker's answer becomes the response, and what the worker wants done is done: see `node.rs` for
//! clocks, timers and disk, `front.rs` for requests, `connections.rs` for sockets. The same worker,
//! with the same mechanisms on, is what the scenarios judge.
//!
//! It listens on loopback only, because it asks nobody who they are.

mod connections;
mod files;
mod folder;
mod front;
mod node;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use machine::Switches;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};

use crate::{Layout, TooLarge, Worker};
use folder::{Folder, Owner};
use front::{Desk, FrontEnd};
use node::Node;

pub use folder::FolderError;

/// What a server is started with.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
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
    if !config.listen.ip().is_loopback() {
        return Err(ServeError::NotLoopback(config.listen));
    }
    let Config { listen, layout, worker, data } = config;
    let machine = Worker::fixed(layout.clone(), worker, Switches::ALL_ON);
    let machine = machine.map_err(ServeError::Worker)?;
    let runtime = Builder::new_multi_thread().enable_all().build().map_err(ServeError::Runtime)?;
    let listener = runtime.block_on(TcpListener::bind(listen));
    let (listener, address) = listener
        .and_then(|listener| listener.local_addr().map(|address| (listener, address)))
        .map_err(|error| ServeError::Port(listen, error))?;

    let owner = Owner { system: "snowflake".to_owned(), worker, layout: layout.to_string() };
    let folder = Folder::open(&data, owner).map_err(ServeError::Folder)?;
    let desk = Arc::new(Desk::default());
    let node = Node::start(machine, folder.files(), folder.disk(), desk.clone());
    let front = FrontEnd { node: node.clone(), desk, layout, bound: address.ip() };
    let served = node
        .until(|shown| shown.role == "worker")
        .and_then(|()| answer(&runtime, listener, front, || ready(address)));
    // In this order: nobody may open the folder before the last write to it is over.
    runtime.shutdown_background();
    node.stop();
    drop(folder);
    served.map_err(|why| ServeError::Halted { why, data })
}

/// Answers requests until the user or the worker has had enough; the worker says why.
fn answer(
    runtime: &Runtime,
    listener: TcpListener,
    front: FrontEnd,
    ready: impl FnOnce(),
) -> Result<(), String> {
    runtime.block_on(async {
        let asked = connections::asked_to_stop().map_err(|error| error.to_string())?;
        let (desk, routes) = (front.desk.clone(), front.routes());
        ready();
        let stop = async {
            tokio::select! {
                () = asked => Ok(()),
                why = desk.halt() => Err(why),
            }
        };
        connections::accept(listener, routes, stop).await
    })
}

/// Why a server did not start, or stopped by itself.
#[derive(Debug)]
pub enum ServeError {
    /// The address can be reached from elsewhere. Nothing was started.
    NotLoopback(SocketAddr),
    /// The layout has no such worker. Nothing was started.
    Worker(TooLarge),
    /// The operating system gave no threads. Nothing was started.
    Runtime(io::Error),
    /// The address is taken, or not this computer's. Nothing was started.
    Port(SocketAddr, io::Error),
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

impl fmt::Display for ServeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ServeError::NotLoopback(address) => write!(
                f,
                "{address} can be reached from elsewhere, and this server asks nobody who they are; \
                 listen on 127.0.0.1:{} and put a proxy that does in front of it",
                address.port()
            ),
            ServeError::Worker(error) => error.fmt(f),
            ServeError::Runtime(error) => write!(f, "no threads could be started: {error}"),
            ServeError::Port(address, error) => {
                write!(f, "cannot listen on {address}: {error}; give another with --listen")
            }
            ServeError::Folder(error) => error.fmt(f),
            ServeError::Halted { why, data } => {
                write!(f, "the worker with the data folder {} stopped: {why}", data.display())
            }
        }
    }
}

impl std::error::Error for ServeError {}
