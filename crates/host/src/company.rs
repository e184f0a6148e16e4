//! The nodes of one process that speak with each other, with outside services and, where the process is one of
//! several, with nodes of the others: all of them at one address.
//!
//! The law: as that of links, whoever it is that a node speaks with. What is said to one whom nobody knows is lost.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use machine::{Link, Machine, NodeId, Protocol};
use tokio::net::TcpListener;
use tokio::runtime::Handle;

use crate::codec::Codec;
use crate::folder::Folder;
use crate::links::{Links, Neighbours};
use crate::local::LocalNodes;
use crate::metrics::Metrics;
use crate::node::{Node, Outside};
use crate::running::RunningNodes;
use crate::server::Server;

type Message<M> = <<M as Machine>::Protocol as Protocol>::Message;
type Note<M> = <<M as Machine>::Protocol as Protocol>::Note;

/// How an outside service is called, such as a [`Service`](crate::Service): by this node, with this message.
pub type Called<M> = Box<dyn Fn(&Weak<Node<M>>, Message<M>) + Send + Sync>;

/// Nodes of one process.
pub struct Company<M: Machine> {
    runtime: Handle,
    metrics: Metrics,
    running: RunningNodes<M>,
    local: Arc<LocalNodes<M>>,
    services: Arc<BTreeMap<NodeId, Called<M>>>,
    links: Mutex<Vec<Arc<Links<M>>>>,
}

impl<M: Machine> Company<M>
where
    Message<M>: Codec,
{
    /// Of this server, with these services. There are no nodes yet; they may also come while it runs.
    pub fn new(server: &Server<M>, services: BTreeMap<NodeId, Called<M>>) -> Company<M> {
        Company {
            runtime: server.runtime.handle().clone(),
            metrics: server.metrics.clone(),
            running: server.nodes.clone(),
            local: Arc::default(),
            services: Arc::new(services),
            links: Mutex::default(),
        }
    }

    /// Boots a machine under this number on the disk in this folder: it has links with these neighbours, who are in
    /// other processes. What it notes goes to `noted`.
    pub fn boot(
        &self,
        me: NodeId,
        machine: M,
        folder: Folder,
        neighbours: Option<Neighbours>,
        noted: impl Fn(Note<M>) + Send + Sync + 'static,
    ) -> Arc<Node<M>> {
        let _runtime = self.runtime.enter();
        let links = neighbours.map(|all| Links::new(all, self.runtime.clone(), &self.metrics));
        let services = self.services.clone();
        let outside = Arc::new(Around { services, ..Around::links(links.clone(), noted) });
        let disk = (folder.files(&self.metrics), folder.disk());
        let node = self.local.place(me, machine, disk, outside.clone(), &self.metrics);
        outside.node.get_or_init(|| Arc::downgrade(&node));
        node.run();
        if let Some(links) = links {
            links.join(&node, None);
            self.links().push(links);
        }
        self.running.add(node.clone(), folder);
        node
    }

    /// Is there a node of this number in the process?
    pub fn has(&self, id: NodeId) -> bool {
        self.local.has(id)
    }

    /// Takes the connections of other processes until `stop` ends, sends what waits, and gives what `stop` gave.
    pub async fn accept<T>(&self, listener: TcpListener, stop: impl Future<Output = T>) -> T {
        let links = self.links().clone();
        Links::accept_for(&links, listener, stop).await
    }

    fn links(&self) -> MutexGuard<'_, Vec<Arc<Links<M>>>> {
        // A list is whole between any two calls on it.
        self.links.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where the outputs of a node go that are for none of its process.
pub(crate) struct Around<M: Machine, F> {
    /// Known before it is handed anything.
    node: OnceLock<Weak<Node<M>>>,
    services: Arc<BTreeMap<NodeId, Called<M>>>,
    links: Option<Arc<Links<M>>>,
    noted: F,
}

impl<M: Machine, F> Around<M, F> {
    /// Over these links, if any.
    pub(crate) fn links(links: Option<Arc<Links<M>>>, noted: F) -> Around<M, F> {
        Around { node: OnceLock::new(), services: Arc::default(), links, noted }
    }
}

impl<M: Machine, F> Outside<M::Protocol> for Around<M, F>
where
    Message<M>: Codec,
    F: Fn(Note<M>) + Send + Sync + 'static,
{
    fn deliver(&self, to: NodeId, message: Message<M>, link: Link) {
        match (self.services.get(&to).zip(self.node.get()), &self.links) {
            (Some((call, node)), _) => call(node, message),
            (None, Some(links)) => links.send(to, &message, link),
            (None, None) => {}
        }
    }

    fn met(&self, peer: NodeId, address: SocketAddr) {
        if let Some(links) = &self.links {
            links.meet(peer, address);
        }
    }

    fn noted(&self, note: Note<M>) {
        (self.noted)(note);
    }
}
