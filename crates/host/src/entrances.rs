//! What a server serves: nodes, each with its links, and clients.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use doors::http;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use machine::{Inspection, Machine, Protocol};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::cluster::Addresses;
use crate::codec::Codec;
use crate::folder::Folder;
use crate::links::{Links, Neighbours};
use crate::node::Node;
use crate::server::{ServeError, Server, Stop, Stopping};

/// Listens, at this address.
pub type Listening = (TcpListener, SocketAddr);

/// Where clients and other nodes come in, once the server is ready.
pub(crate) type Entrance =
    Box<dyn FnOnce(Stopping) -> BoxFuture<'static, Result<(), String>> + Send>;

impl<M: Machine> Server<M>
where
    <M::Protocol as Protocol>::Message: Codec,
{
    /// Boots a machine on the disk in this folder; what it notes goes to `noted`. It has links with its neighbours,
    /// if any, of whom some may dial it. Those are taken until the machines have stopped: they need their links for
    /// that.
    pub fn node(
        &mut self,
        machine: M,
        folder: &Folder,
        neighbours: Option<(Neighbours, Option<Listening>)>,
        noted: impl Fn(<M::Protocol as Protocol>::Note) + Send + Sync + 'static,
    ) -> Arc<Node<M>> {
        let (runtime, metrics) = (self.runtime.handle().clone(), &self.metrics);
        let links = neighbours.map(|(all, dialled)| (Links::new(all, runtime, metrics), dialled));
        let linked = links.as_ref().map(|(links, dialled)| {
            let address = dialled.as_ref().map(|(_, address)| *address);
            (links, address)
        });
        if let Some((_, address)) = linked {
            self.addresses.nodes = self.addresses.nodes.or(address);
        }
        let node = self.boot(machine, folder, linked, noted);
        self.nodes.add(node.clone(), folder.clone());
        if let Some((links, dialled)) = links {
            self.opens(move |Stopping { stopped, .. }| async move {
                match dialled {
                    Some((listener, _)) => links.accept(listener, stopped).await,
                    None => {
                        let why = stopped.await;
                        links.close().await;
                        why
                    }
                }
            });
        }
        node
    }

    /// Answers clients by these routes, until `closes` ends: when the server is asked to stop, or when its machines
    /// have stopped. Whichever thread is free answers; where there are several routes, each has a thread, whose
    /// connections it keeps.
    pub fn clients(
        &mut self,
        (listener, address): Listening,
        routes: Vec<Router>,
        closes: fn(Stopping) -> Stop,
    ) {
        self.addresses.clients.get_or_insert(address);
        let service = |routes| http::Tower::new(http::reject_foreign_hosts(routes, address.ip()));
        let mut services: Vec<_> = routes.into_iter().map(service).collect();
        self.opens(move |stopping| async move {
            let (door, stop) = (http::Door::default(), closes(stopping));
            match services.pop() {
                Some(only) if services.is_empty() => http::serve(listener, &door, only, stop).await,
                last => {
                    services.extend(last);
                    http::serve_on_threads(listener, &door, services, stop).await
                }
            }
        });
    }

    /// Serves its nodes and its clients until it is told to stop, once all machines are ready. `ready` is called then,
    /// with where they come in, and may go on meanwhile.
    ///
    /// # Errors
    /// If a machine halted, or the system gives no threads: `who` stopped then, such as "a replica".
    pub fn serve(
        mut self,
        who: &str,
        ready: impl AsyncFnOnce(Addresses),
    ) -> Result<(), ServeError> {
        let (entrances, addresses) = (std::mem::take(&mut self.entrances), self.addresses);
        let open = async |stopping: Stopping| {
            let open = entrances.into_iter().map(|entrance| entrance(stopping.clone()));
            let open: JoinSet<_> = open.collect();
            tokio::select! {
                _ = stopping.stopped => {}
                () = ready(addresses) => {}
            }
            open.join_all().await.into_iter().collect()
        };
        let served = self.run(Inspection::is_ready, || (), open);
        served.map_err(|why| ServeError::Halted(format!("{who} stopped: {why}")))
    }

    fn opens<F: Future<Output = Result<(), String>> + Send + 'static>(
        &mut self,
        entrance: impl FnOnce(Stopping) -> F + Send + 'static,
    ) {
        self.entrances.push(Box::new(move |stopping| entrance(stopping).boxed()));
    }
}
