//! The running nodes: the instance, the tally and the shards.

use std::path::Path;
use std::sync::Arc;

use host::{Folder, Node, Server, Service, ServiceLimits, SharedFolder};
use machine::{NodeId, Switches};
use tokio::runtime::Handle;
use tokio::sync::Mutex;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::database::Database;
use super::owner::{FolderOwner, StoreKind};
use super::starter::{NodeStarter, folder_of};
use super::{
    FIRST_SHARD, INSTANCE, LinkStore, MAX_SHARDS_PER_PROCESS, Member, PATIENCE, ServeError, TALLY,
    code_key, halted, secrets_error, settings,
};
use crate::{Codes, Cursor, Instance, Limits, Message, Tally};

/// Files beside the folders of nodes: the key of codes, the key of visitors, and temporary files that a
/// crash may leave.
const BESIDE: &[&str] = &["codes.key", "codes.new", "visitors.json", "visitors.new"];

/// More calls to a database than this are not even begun.
const MOST_CALLS: usize = 1024;

/// The running nodes.
pub(super) struct Nodes {
    pub(super) starter: NodeStarter,
    pub(super) instance: Arc<Node<Member>>,
    pub(super) tally: Arc<Node<Member>>,
    /// By their places. The lock is held while one is added.
    pub(super) shards: Mutex<Vec<Arc<Node<Member>>>>,
}

impl Nodes {
    /// Opens all folders and starts the nodes.
    ///
    /// # Errors
    /// If a folder or the database cannot be used, or belongs to another service.
    pub(super) fn new(
        (data, replace, link_store): (&Path, &[String], LinkStore),
        (snowflakes, rate): (bool, u32),
        server: &Server<Member>,
    ) -> Result<Nodes, ServeError> {
        let runtime = server.runtime.handle();
        let (store_kind, here) = store_kind(data, &link_store)?;
        // Before any folder is made: if the database cannot be reached, nothing is left behind.
        let database = match link_store {
            LinkStore::Shards(_) => None,
            LinkStore::Database(opening) => {
                Some(runtime.block_on(opening).map_err(ServeError::environment)?)
            }
        };
        let whole =
            SharedFolder::open::<FolderOwner>(data, BESIDE, replace).map_err(ServeError::Folder)?;
        let is_new = !data.join("instance").exists();
        let secret = code_key::of_codes(data, is_new).map_err(secrets_error)?;
        let codes = if snowflakes { Codes::Snowflake } else { Codes::Leased(secret) };
        let settings = settings(store_kind.roster(), codes, rate);
        let instance = Instance::new(settings, Switches::ALL_ON);
        let instance = instance.map_err(halted)?;
        let tally = Tally::new(Limits::default(), Switches::ALL_ON);
        let (calls, asked) = unbounded_channel();
        let starter = NodeStarter {
            whole,
            store_kind,
            runtime: runtime.clone(),
            metrics: server.metrics.clone(),
            local: Arc::default(),
            database: database.is_some().then_some(calls),
            running: server.nodes.clone(),
        };
        let instance = starter.start(INSTANCE, "instance", Member::Instance(instance))?;
        let tally = starter.start(TALLY, "tally", Member::Tally(tally))?;
        let shards = (0..here).map(|place| starter.shard(place)).collect::<Result<_, _>>()?;
        if let Some(database) = database {
            stand_in(database, &instance, asked, runtime);
        }
        Ok(Nodes { starter, instance, tally, shards: Mutex::new(shards) })
    }

    /// Can a list go on at this cursor? Valid cursors name only shards of this process.
    pub(super) fn can_go_on(&self, cursor: &Cursor) -> bool {
        cursor.shard < cursor.shards && self.has_shards(cursor.shards as usize)
    }

    /// Is this one of them, or the database?
    fn has_shard(&self, id: NodeId) -> bool {
        let is_database = self.starter.store_kind == StoreKind::Database;
        self.starter.local.has(id) || (is_database && id == NodeId(FIRST_SHARD))
    }

    /// Are there this many shards?
    pub(super) fn has_shards(&self, count: usize) -> bool {
        let last = (FIRST_SHARD as usize + count).saturating_sub(1);
        count == 0 || u32::try_from(last).is_ok_and(|last| self.has_shard(NodeId(last)))
    }
}

/// Who keeps the links of this folder, and how many shards there are: the founders, and all that have
/// joined since. `--shards` may still give the number from before a shard joined.
fn store_kind(data: &Path, wanted: &LinkStore) -> Result<(StoreKind, u32), ServeError> {
    let owner = Folder::owner::<FolderOwner>(&data.join("instance")).map_err(ServeError::Folder)?;
    let known = owner.map(|owner| owner.store_kind);
    let (founders, wanted) = match (known, wanted) {
        // If shards kept the links before, opening the folders fails.
        (_, LinkStore::Database(_)) => return Ok((StoreKind::Database, 0)),
        (Some(StoreKind::Shards { founders }), LinkStore::Shards(wanted)) => (founders, *wanted),
        (_, LinkStore::Shards(wanted)) => (u32::from(wanted.unwrap_or(1)), *wanted),
    };
    let has_joined = |place: &u32| data.join(folder_of(*place)).is_dir();
    let here = founders + (founders..MAX_SHARDS_PER_PROCESS).take_while(has_joined).count() as u32;
    let wanted = wanted.map_or(here, u32::from);
    if !(founders..=here).contains(&wanted) {
        return Err(ServeError::arguments(format_args!(
            "the data folder has --shards {here}; leave that out, and add more while the server \
             runs, with infralab url-shortener add-shard"
        )));
    }
    if wanted < here {
        tracing::warn!(
            "there are {here} shards by now, and all of them serve; --shards {wanted} is how many there \
             were before, and may be left out"
        );
    }
    Ok((StoreKind::Shards { founders }, here))
}

/// Hands the database the calls to the shard that it replaces.
fn stand_in(
    database: Arc<dyn Database>,
    instance: &Arc<Node<Member>>,
    mut calls: UnboundedReceiver<Message>,
    runtime: &Handle,
) {
    let answer = move |message: Message| {
        let database = database.clone();
        async move {
            let Message::Call { call, wanted } = message else { return None };
            let reply = database.answer(wanted).await?;
            Some(Message::Reply { call, shards: 1, reply })
        }
    };
    let limits = ServiceLimits { under_way: MOST_CALLS, patience: PATIENCE };
    let unanswered = |message: &Message| match message {
        Message::Call { call, .. } => Some(Message::Unanswered { call: *call }),
        _ => None,
    };
    let runtime_of_calls = runtime.clone();
    let service = Service::new(NodeId(FIRST_SHARD), limits, runtime_of_calls, answer, unanswered);
    let instance = Arc::downgrade(instance);
    runtime.spawn(async move {
        while let Some(message) = calls.recv().await {
            service.call(&instance, message);
        }
    });
}
