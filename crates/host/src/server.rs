//! The life of a server: from a machine that boots to one that is asked to stop.
//!
//! The law: it says that it is ready when its machine is; it stops by itself only if its machine
//! does; whichever way it ends, its machines are told to, and have [`machine::GRACE`] for that; and nobody else
//! may open its folders before its last write is over.

use std::fmt::{self, Display};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use doors::{Exposure, ListenError, http, listen};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use machine::{Inspection, Machine, Protocol};
use tokio::runtime::Runtime;

use crate::admin::{self, AdminExtension};
use crate::cluster::Addresses;
use crate::codec::Codec;
use crate::company::Around;
use crate::entrances::{Entrance, Listening};
use crate::folder::{Folder, FolderError};
use crate::links::Links;
use crate::metrics::Metrics;
use crate::node::Node;
use crate::options::Access;
use crate::running::RunningNodes;
use crate::shutdown::asked_to_stop;

type Message<M> = <<M as Machine>::Protocol as Protocol>::Message;
type Note<M> = <<M as Machine>::Protocol as Protocol>::Note;

/// Ends well, because the server was asked to stop, or with the sentence of a machine that halted.
pub type Stop = Shared<BoxFuture<'static, Result<(), String>>>;

/// When a server is to stop.
#[derive(Clone, Debug)]
pub struct Stopping {
    /// It is to stop now: doors close, and what was asked is answered.
    pub asked: Stop,
    /// Its machines have stopped: for what they need for that, such as links. Who waits for it has them told at once,
    /// before the doors close.
    pub stopped: Stop,
}

/// What a server stands on.
pub struct Server<M: Machine> {
    /// Threads for the connections.
    pub runtime: Runtime,
    /// Its nodes.
    pub nodes: RunningNodes<M>,
    /// What is counted.
    pub metrics: Metrics,
    /// What this system has besides, where that is shown.
    pub extension: AdminExtension,
    /// Where that is shown.
    admin: Option<Listening>,
    exposure: Exposure,
    pub(crate) addresses: Addresses,
    /// Where others come in when it serves.
    pub(crate) entrances: Vec<Entrance>,
}

/// Threads for connections.
///
/// # Errors
/// If the operating system gives none.
pub fn runtime() -> io::Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()
}

impl<M: Machine> Server<M> {
    /// Without nodes yet. Addresses come first: what cannot be reached need not touch a folder.
    ///
    /// # Errors
    /// If there are no threads, or nobody can watch it there.
    pub fn open(Access { admin, exposure }: Access) -> Result<Server<M>, ServeError> {
        let runtime = runtime().map_err(ServeError::Runtime)?;
        let (nodes, metrics) = (RunningNodes::default(), Metrics::default());
        let (addresses, entrances) = (Addresses::default(), Vec::new());
        let extension = AdminExtension::default();
        let mut server = Server {
            runtime,
            nodes,
            metrics,
            extension,
            admin: None,
            exposure,
            addresses,
            entrances,
        };
        server.admin = admin.map(|admin| server.listen(admin)).transpose()?;
        server.addresses.admin = server.admin.as_ref().map(|(_, address)| *address);
        Ok(server)
    }

    /// Listens for whoever may reach it.
    ///
    /// # Errors
    /// If it cannot or must not.
    pub fn listen(&self, address: SocketAddr) -> Result<Listening, ServeError> {
        Ok(self.runtime.block_on(listen(address, self.exposure))?)
    }

    /// Where it shows what is counted, and where its first clients and nodes come in.
    pub fn addresses(&self) -> Addresses {
        self.addresses
    }

    /// Boots a machine on the disk in this folder: what it says to other processes goes over these links, of which
    /// `listens` is the address, and what it notes to `noted`.
    pub(crate) fn boot(
        &self,
        machine: M,
        folder: &Folder,
        links: Option<(&Arc<Links<M>>, Option<SocketAddr>)>,
        noted: impl Fn(Note<M>) + Send + Sync + 'static,
    ) -> Arc<Node<M>>
    where
        Message<M>: Codec,
    {
        let _runtime = self.runtime.enter();
        let outside = Arc::new(Around::links(links.map(|(links, _)| links.clone()), noted));
        let files = folder.files(&self.metrics);
        let node = Node::start(machine, files, folder.disk(), outside, &self.metrics);
        if let Some((links, listens)) = links {
            links.join(&node, listens);
        }
        node
    }

    /// Waits until all machines are ready, calls `ready`, and does `work` until it is time to stop; then the
    /// machines are told to, if they were not yet. A machine that is not ready, or no longer, is not well at the
    /// admin address.
    ///
    /// # Errors
    /// With the sentence of the machine that halted.
    pub fn run<W: Future<Output = Result<(), String>>>(
        self,
        is_ready: impl Fn(&Inspection) -> bool + Clone + Send + Sync + 'static,
        ready: impl FnOnce(),
        work: impl FnOnce(Stopping) -> W,
    ) -> Result<(), String> {
        let Server { runtime, nodes, metrics, extension, admin, .. } = self;
        let served = runtime.block_on(async {
            let mut asked = asked_to_stop().map_err(|error| error.to_string())?.boxed().shared();
            if let Some((listener, address)) = admin {
                tracing::info!("metrics at http://{address}/metrics");
                let shown = nodes.clone();
                let inspect = move || shown.nodes().iter().map(|node| node.inspect()).collect();
                let (well, bound) = (is_ready.clone(), address.ip());
                let routes = admin::admin(metrics, inspect, well, bound, extension);
                let serving = async move {
                    let (door, never) = (http::Door::default(), std::future::pending::<()>());
                    http::serve(listener, &door, http::Tower::new(routes), never).await;
                };
                tokio::spawn(serving);
            }
            let waiting = nodes.nodes();
            let all_ready = move || waiting.iter().try_for_each(|node| node.until(&is_ready));
            tokio::select! {
                () = &mut asked => return nodes.stop_in_good_order().await,
                all_ready = tokio::task::spawn_blocking(all_ready) => {
                    all_ready.map_err(|error| error.to_string())??;
                }
            }
            ready();
            let halting = nodes.clone();
            let asked = async move {
                tokio::select! {
                    () = asked => Ok(()),
                    why = halting.first_halt() => Err(why),
                }
            };
            let (asked, ending) = (asked.boxed().shared(), nodes.clone());
            let why = asked.clone();
            let stopped = async move { why.await.and(ending.stop_in_good_order().await) };
            let stopping = Stopping { asked, stopped: stopped.boxed().shared() };
            work(stopping.clone()).await.and(stopping.stopped.await)
        });
        // In this order: nobody may open the folder before the last write to it is over.
        runtime.shutdown_background();
        nodes.stop();
        served
    }
}

/// Why a server did not start, or stopped by itself.
#[derive(Debug)]
pub enum ServeError {
    /// The operating system gave no threads. Nothing was started.
    Runtime(io::Error),
    /// It cannot or must not listen there. Nothing was started.
    Listen(ListenError),
    /// A data folder is in use, or not this server's. It was left as it was.
    Folder(FolderError),
    /// The arguments cannot be carried out, and this is why. Nothing was started.
    Arguments(String),
    /// Something else that it needs is not to be had, and this is why. It was left as it was.
    Environment(String),
    /// A machine stopped, because it could not have kept its promises. What is in its folder stays as it is.
    Halted(String),
}

impl From<ListenError> for ServeError {
    fn from(error: ListenError) -> ServeError {
        ServeError::Listen(error)
    }
}

impl From<FolderError> for ServeError {
    fn from(error: FolderError) -> ServeError {
        ServeError::Folder(error)
    }
}

impl ServeError {
    /// The arguments cannot be carried out.
    pub fn arguments(why: impl Display) -> ServeError {
        ServeError::Arguments(why.to_string())
    }

    /// Something that is no argument is not to be had.
    pub fn environment(why: impl Display) -> ServeError {
        ServeError::Environment(why.to_string())
    }

    /// Is it the arguments that must change, rather than the world?
    pub fn is_argument(&self) -> bool {
        match self {
            ServeError::Listen(ListenError::NotLoopback(_)) | ServeError::Arguments(_) => true,
            ServeError::Folder(error) => error.is_other_owner(),
            _ => false,
        }
    }
}

impl Display for ServeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ServeError::Runtime(error) => write!(f, "no threads could be started: {error}"),
            ServeError::Listen(error) => error.fmt(f),
            ServeError::Folder(error) => error.fmt(f),
            ServeError::Arguments(why) | ServeError::Environment(why) | ServeError::Halted(why) => {
                f.write_str(why)
            }
        }
    }
}

impl std::error::Error for ServeError {}
