//! The real server: an instance, its shards and the tally in one process, with HTTP in front of them.
//!
//! The law: nothing in here decides. A request becomes an [`Ask`](crate::Ask), the instance's answer
//! becomes the response, and what a machine wants done is done by `host`. The same machines, with the
//! same mechanisms on, are what the scenarios judge.
//!
//! It listens on loopback unless it has keys, by which it knows who may make links, or the user insists.

mod api;
mod counts;
mod error;
mod front;
mod keys;
mod owner;
mod page;
pub mod postgres;
mod redirect;
mod salt;
mod secret;
mod switchboard;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use host::{Exposure, Folder, Metrics, Node, Server, http};
use machine::{Input, Inspection, NodeId, Switches};
use tokio::runtime::Runtime;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{sleep, timeout};

use crate::{
    ClickTuning, Freshness, Instance, Limits, Message, Rate, Roster, Settings, Shard, Shortener,
    Tally,
};
use counts::Counts;
use front::Front;
use owner::Owner;
use postgres::Postgres;
use salt::Salt;
use switchboard::{Desks, Lines, Said, Switchboard, listen};

pub use crate::site::{BadName, Site};
pub use crate::target::{Blocked, MalformedList, Targets};
pub use error::ServeError;
pub use keys::{Keys, MalformedKey};

/// What a server is told.
#[derive(Debug)]
pub struct Plan {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Where to show what is counted, if anywhere.
    pub admin: Option<SocketAddr>,
    /// Who may reach these addresses, where there are no keys.
    pub exposure: Exposure,
    /// The data folder, which is made where there is none.
    pub data: PathBuf,
    /// Who keeps the links.
    pub keeper: Keeper,
    /// What short links begin with, where that is not the address.
    pub public_url: Option<String>,
    /// Custom domains.
    pub domains: Vec<String>,
    /// To what nobody is led.
    pub blocked: Blocked,
    /// Of those who may use the programming interface; everybody may where there are none.
    pub keys: Keys,
    /// So many calls to shards a second one client may cause.
    pub rate: u32,
    /// Is the address that a proxy of this computer names the visitor's?
    pub behind_proxy: bool,
}

/// Who keeps the links.
#[derive(Clone, Debug)]
pub enum Keeper {
    /// So many shards in this process, each with a folder.
    Shards(u16),
    /// A database.
    Postgres(Box<postgres::Address>),
}

sim::nodes! {
    /// A node of the service.
    pub(super) enum Member: Shortener {
        Instance(Instance),
        Shard(Shard),
        Tally(Tally),
    }
}

const INSTANCE: NodeId = NodeId(0);
const TALLY: NodeId = NodeId(1);
/// And those after it.
const FIRST_SHARD: u32 = 2;

/// Links that the cache surely holds.
const CACHED: usize = 100_000;
/// Another instance that shares the store may have changed a link. So long its visitors may see what
/// it was.
const FRESHNESS: Freshness =
    Freshness { links: Duration::from_secs(10), missing: Duration::from_secs(10) };
/// For a shard to reply.
const PATIENCE: Duration = Duration::from_secs(5);
/// For the last clicks to be counted when the server stops, and how often to look.
const LAST_CLICKS: Duration = Duration::from_secs(2);
const LOOK_AGAIN: Duration = Duration::from_millis(5);
/// Clients that are surely remembered.
const CLIENTS: usize = 100_000;

/// Serves until it is told to stop, by SIGINT or SIGTERM. `ready` is called once, with its address,
/// when it takes requests.
///
/// # Errors
/// If it could not start, or if a node found that it cannot keep its promises.
pub fn serve(plan: Plan, ready: impl FnOnce(SocketAddr)) -> Result<(), ServeError> {
    let runtime = host::runtime().map_err(ServeError::Runtime)?;
    // Whoever has keys knows who asks.
    let exposure = if plan.keys.is_empty() { plan.exposure } else { Exposure::Anyone };
    // Addresses first: what cannot be reached need not touch a folder.
    let listening = |address, exposure| {
        runtime.block_on(host::listen(address, exposure)).map_err(ServeError::Listen)
    };
    let admin = plan.admin.map(|address| listening(address, plan.exposure)).transpose()?;
    let (listener, address) = listening(plan.listen, exposure)?;
    let site = Site::new(address, plan.public_url.as_deref(), &plan.domains);
    let site = Arc::new(site.map_err(ServeError::Name)?);
    let metrics = Metrics::default();
    let staffed = Staffed::new(&plan, &runtime, &metrics)?;
    let salt = Salt::open(&plan.data).map_err(ServeError::Secrets)?;
    let instance = staffed.nodes[0].clone();
    let front = Arc::new(Front {
        instance: staffed.nodes[0].clone(),
        tally: staffed.nodes[1].clone(),
        desks: staffed.desks,
        targets: Targets::new(site.clone(), plan.blocked),
        site,
        keys: plan.keys,
        salt,
        behind_proxy: plan.behind_proxy,
        counts: Counts::new(&metrics),
        bulks: Front::bulks(),
    });
    let routes = front.routes();
    let Staffed { nodes, folders, .. } = staffed;
    let booted = |shown: &Inspection| shown.state != "reads its disk";
    let server = Server { runtime, nodes, folders, metrics, admin };
    let ready = || ready(address);
    let work = |stop| async move {
        let why = http::serve(listener, routes, stop).await;
        let _ = timeout(LAST_CLICKS, drained(&instance)).await;
        why
    };
    server.run(booted, ready, work).map_err(ServeError::Halted)
}

/// Ends when every click is counted: a server that is stopped well owes none. Those of one that is not
/// are on its disk, but for the last few milliseconds'.
async fn drained(instance: &Node<Member>) {
    let owes = |member: &Member| match member {
        Member::Instance(instance) => !instance.clicks().is_drained(),
        _ => false,
    };
    while instance.look(owes).unwrap_or(false) {
        sleep(LOOK_AGAIN).await;
    }
}

/// The nodes at work, and their folders.
struct Staffed {
    /// The instance, the tally, and the shards.
    nodes: Vec<Arc<Node<Member>>>,
    folders: Vec<Folder>,
    desks: Arc<Desks>,
}

impl Staffed {
    fn new(plan: &Plan, runtime: &Runtime, metrics: &Metrics) -> Result<Staffed, ServeError> {
        let is_new = !plan.data.join("instance").exists();
        let secret = secret::of_codes(&plan.data, is_new).map_err(ServeError::Secrets)?;
        let (keeper, shards, database) = match &plan.keeper {
            Keeper::Shards(shards) => (format!("--shards {shards}"), *shards, None),
            Keeper::Postgres(address) => {
                let database = runtime.block_on(Postgres::open((**address).clone()));
                let database = database.map_err(ServeError::Store)?;
                ("--store, with a database".to_owned(), 1, Some(Arc::new(database)))
            }
        };
        let shards: Vec<NodeId> =
            (0..u32::from(shards)).map(|place| NodeId(FIRST_SHARD + place)).collect();
        let mut members = members(&shards, secret, plan.rate)?;
        if database.is_some() {
            members.truncate(2);
        }
        let (lines, mut ends) = Lines::new([INSTANCE, TALLY].into_iter().chain(shards));
        let desks = Arc::new(Desks::default());
        let mut staffed = Staffed { nodes: Vec::new(), folders: Vec::new(), desks };
        for (me, name, machine) in members {
            let folder = open(&plan.data, &name, &keeper)?;
            let (lines, desks) = (lines.clone(), staffed.desks.clone());
            let outside = Switchboard { me, lines, desks, counts: Counts::new(metrics) };
            let files = folder.files(metrics);
            let node = Node::start(machine, files, folder.disk(), Arc::new(outside), metrics);
            if let Some(line) = ends.remove(&me) {
                listen(node.clone(), line, runtime.handle().clone());
            }
            staffed.nodes.push(node);
            staffed.folders.push(folder);
        }
        if let Some((database, line)) = database.zip(ends.remove(&NodeId(FIRST_SHARD))) {
            runtime.spawn(ask(database, staffed.nodes[0].clone(), line));
        }
        Ok(staffed)
    }
}

/// The machines of all nodes: the instance, the tally, and the shards.
fn members(
    shards: &[NodeId],
    secret: [u8; 16],
    rate: u32,
) -> Result<Vec<(NodeId, String, Member)>, ServeError> {
    let settings = Settings {
        shards: Roster::of(shards.to_vec()),
        tally: TALLY,
        secret,
        cached: CACHED,
        freshness: FRESHNESS,
        patience: PATIENCE,
        // A bulk request goes through at once.
        rate: Rate { per_second: rate, burst: rate.saturating_mul(2).max(4000) },
        clients: CLIENTS,
        clicks: ClickTuning::default(),
    };
    let instance = Instance::new(settings, Switches::ALL_ON);
    let instance = instance.map_err(|error| ServeError::Halted(error.to_string()))?;
    let tally = Tally::new(Limits::default(), Switches::ALL_ON);
    let mut members = vec![
        (INSTANCE, "instance".to_owned(), Member::Instance(instance)),
        (TALLY, "tally".to_owned(), Member::Tally(tally)),
    ];
    members.extend(shards.iter().zip(0..).map(|(id, place)| {
        let shard =
            Shard::new(place, Roster::of(shards.to_vec()), Limits::default(), Switches::ALL_ON);
        (*id, format!("shard-{place}"), Member::Shard(shard))
    }));
    Ok(members)
}

fn open(data: &Path, name: &str, keeper: &str) -> Result<Folder, ServeError> {
    Folder::open(&data.join(name), Owner::new(name, keeper), &[]).map_err(ServeError::Folder)
}

/// Hands a database what is said to the shard in whose place it is.
async fn ask(
    database: Arc<Postgres>,
    instance: Arc<Node<Member>>,
    mut line: UnboundedReceiver<Said>,
) {
    while let Some((_, message)) = line.recv().await {
        let Message::Call { call, wanted } = message else { continue };
        let (database, instance) = (database.clone(), instance.clone());
        tokio::spawn(async move {
            if let Some(reply) = database.answer(wanted).await {
                let message = Message::Reply { call, shards: 1, reply };
                instance.input(Input::Message { from: NodeId(FIRST_SHARD), message });
            }
        });
    }
}
