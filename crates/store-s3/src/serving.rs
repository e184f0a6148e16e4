//! The real server: the nodes of a store in one process, with S3 in front of them.
//!
//! The law: nothing in here decides. A request becomes questions to a node, its answers become the response, and what a
//! machine wants done is done by `host`. The same machines, with the same mechanisms on, are what scenarios judge.

mod owner;

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use host::{
    Access, Addresses, LocalNodes, Node, Outside, ServeError, Server, SharedFolder, Stopping,
    secret,
};
use machine::{Inspection, Link, Machine, NodeId, Switches};
use object_store::cluster::Cluster;
use object_store::message::{Message, ObjectStore};
use object_store::store::Store;
use object_store::tuning::Tuning;

use crate::server::{Front, KeyPairs};
use owner::FolderOwner;

/// Beside the nodes' folders: the pair that was drawn.
const KEYS: &str = "s3.keys";

/// A store in this process.
#[derive(Clone, Debug)]
pub struct ServeConfig {
    /// Who is there.
    pub cluster: Cluster,
    /// Times and sizes.
    pub tuning: Tuning,
    /// Who may ask; drawn where nobody is named.
    pub keys: Option<KeyPairs>,
    /// Where S3's clients come in.
    pub listen: SocketAddr,
    /// The data folder, made where there is none.
    pub data: PathBuf,
    /// Who may reach it, and where to show what is counted.
    pub access: Access,
}

/// Serves until it is told to stop, by SIGINT or SIGTERM. `ready` is called once, with the address for clients, when the
/// nodes have read their disks.
///
/// # Errors
/// If it could not start, or if a node found that it cannot keep its promises.
pub fn serve(config: ServeConfig, ready: impl FnOnce(Addresses)) -> Result<(), ServeError> {
    let server: Server<Store> = Server::open(config.access)?;
    let (listener, clients) = server.listen(config.listen)?;
    let whole = SharedFolder::open::<FolderOwner>(&config.data, &[KEYS], &[])?;
    let keys = match &config.keys {
        Some(keys) => keys.clone(),
        None => drawn(&config.data.join(KEYS)).map_err(ServeError::environment)?,
    };
    let local = Arc::new(LocalNodes::default());
    let ids = config.cluster.zones.keys();
    let booted = ids.map(|id| boot(&config, &server, &local, &whole, *id));
    let gateways = booted.collect::<Result<Vec<_>, _>>()?;
    let front = Front::new(gateways, Arc::new(keys), config.tuning);
    let front = front.map_err(ServeError::arguments)?;
    let listens = Addresses { clients: Some(clients), ..server.addresses() };
    let work = |Stopping { asked, .. }| async move {
        ready(listens);
        front.serve(listener, asked).await
    };
    let served = server.run(Inspection::is_ready, || (), work);
    served.map_err(|why| ServeError::Halted(format!("a node stopped: {why}")))
}

fn boot(
    config: &ServeConfig,
    server: &Server<Store>,
    local: &Arc<LocalNodes<Store>>,
    whole: &SharedFolder,
    id: NodeId,
) -> Result<Arc<Node<Store>>, ServeError> {
    let machine = Store::new(id, config.cluster.clone(), config.tuning, Switches::ALL_ON);
    let owner = FolderOwner::Node { node: id.0 };
    let folder = whole.part(&format!("node-{}", id.0), owner, &machine.first_files())?;
    let disk = (folder.files(&server.metrics), folder.disk());
    let _runtime = server.runtime.enter();
    let node = local.start(id, machine, disk, Arc::new(Nobody), &server.metrics);
    server.nodes.add(node.clone(), folder);
    Ok(node)
}

/// Who is outside of the process: what is said before a node has booted is lost, as it is when one is away.
struct Nobody;

impl Outside<ObjectStore> for Nobody {
    fn deliver(&self, _: NodeId, _: Message, _: Link) {}
}

/// The keys in this file. Where there is none a pair is drawn, kept there, and shown this once.
fn drawn(file: &Path) -> io::Result<KeyPairs> {
    let parse = |text: &str| {
        let why = |why| io::Error::other(format!("{}: {why}", file.display()));
        KeyPairs::parse(text).map_err(why)
    };
    if let Some(kept) = secret::read(file)? {
        return parse(&String::from_utf8_lossy(&kept));
    }
    let pair = KeyPairs::draw()?;
    secret::write(file, pair.as_bytes())?;
    let mut words = pair.split_whitespace().skip(1);
    let (key, secret) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    tracing::warn!(
        "a key pair was made: AWS_ACCESS_KEY_ID={key} AWS_SECRET_ACCESS_KEY={secret}; it is kept in {}",
        file.display()
    );
    parse(&pair)
}
