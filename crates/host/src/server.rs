//! The life of a server: from a machine that boots to one that is asked to stop.
//!
//! The law: it says that it is ready when its machine is; it stops by itself only if its machine
//! does; and nobody else may open its folders before its last write is over.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use machine::{Inspection, Machine};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use crate::admin;
use crate::folder::Folder;
use crate::http;
use crate::metrics::Metrics;
use crate::node::Node;
use crate::shutdown::asked_to_stop;

/// Ends when the server is to stop: well, because it was asked to, or with the sentence of a machine
/// that halted.
pub type Stop = Pin<Box<dyn Future<Output = Result<(), String>> + Send>>;

/// What a server stands on.
pub struct Server<M: Machine> {
    /// Threads for the connections.
    pub runtime: Runtime,
    /// The machine, or one for each thread.
    pub nodes: Vec<Arc<Node<M>>>,
    /// Their data folders.
    pub folders: Vec<Folder>,
    /// What is counted, and where it is shown.
    pub metrics: Metrics,
    /// Where what is counted is shown.
    pub admin: Option<(TcpListener, SocketAddr)>,
}

/// Threads for connections.
///
/// # Errors
/// If the operating system gives none.
pub fn runtime() -> io::Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()
}

impl<M: Machine> Server<M> {
    /// Waits until all machines are ready, calls `ready`, and does `work` until it is time to stop.
    ///
    /// # Errors
    /// With the sentence of the machine that halted.
    pub fn run<W: Future<Output = Result<(), String>>>(
        self,
        is_ready: impl Fn(&Inspection) -> bool + Send + 'static,
        ready: impl FnOnce(),
        work: impl FnOnce(Stop) -> W,
    ) -> Result<(), String> {
        let Server { runtime, nodes, folders, metrics, admin } = self;
        let served = runtime.block_on(async {
            let asked = asked_to_stop().map_err(|error| error.to_string())?;
            let mut asked = Box::pin(asked);
            if let Some((listener, address)) = admin {
                tracing::info!("metrics at http://{address}/metrics");
                let shown = nodes.clone();
                let inspect = move || shown.iter().map(|node| node.inspect()).collect();
                let routes = admin::admin(metrics, inspect, address.ip());
                tokio::spawn(http::serve(listener, routes, std::future::pending::<()>()));
            }
            let waiting = nodes.clone();
            let all_ready = move || waiting.iter().try_for_each(|node| node.until(&is_ready));
            tokio::select! {
                () = &mut asked => return Ok(()),
                all_ready = tokio::task::spawn_blocking(all_ready) => {
                    all_ready.map_err(|error| error.to_string())??;
                }
            }
            ready();
            let halting = first_halt(nodes.clone());
            work(Box::pin(async move {
                tokio::select! {
                    () = asked => Ok(()),
                    why = halting => Err(why),
                }
            }))
            .await
        });
        // In this order: nobody may open the folder before the last write to it is over.
        runtime.shutdown_background();
        nodes.iter().for_each(|node| node.stop());
        drop(folders);
        served
    }
}

/// Ends when one of the machines has stopped by itself, with its sentence.
async fn first_halt<M: Machine>(nodes: Vec<Arc<Node<M>>>) -> String {
    let mut halts: JoinSet<_> =
        nodes.into_iter().map(|node| async move { node.halt().await }).collect();
    match halts.join_next().await {
        Some(Ok(why)) => why,
        _ => "nothing is left that could halt".to_owned(),
    }
}
