//! The nodes at work: the instance, the tally and the shards.

use std::path::Path;
use std::sync::Arc;

use host::{Folder, Metrics, Node, RunningNodes, SharedFolder};
use machine::{Input, NodeId, Switches};
use tokio::runtime::Handle;
use tokio::sync::Mutex;
use tokio::sync::mpsc::UnboundedReceiver;

use super::database::Database;
use super::delivery::{Addressed, Inboxes, Waiting};
use super::owner::{FolderOwner, Keepers};
use super::starter::{NodeStarter, folder_of};
use super::{
    FIRST_SHARD, INSTANCE, LinkStore, MOST_HERE, Member, ServeError, TALLY, halted, no_secrets,
    secret, settings,
};
use crate::{Codes, Cursor, Instance, Limits, Message, Tally};

/// What is kept beside the folders of nodes: the key of codes and that of visitors, and what a crash may
/// leave of either.
const BESIDE: &[&str] = &["codes.key", "codes.new", "visitors.json", "visitors.new"];

/// All who are at work.
pub(super) struct Nodes {
    pub(super) starter: NodeStarter,
    pub(super) instance: Arc<Node<Member>>,
    pub(super) tally: Arc<Node<Member>>,
    /// By their places. Whoever adds one has the lock.
    pub(super) shards: Mutex<Vec<Arc<Node<Member>>>>,
}

impl Nodes {
    /// Opens all folders, and starts the nodes.
    ///
    /// # Errors
    /// If a folder or the database cannot be used, or is another's.
    pub(super) fn new(
        (data, link_store): (&Path, LinkStore),
        (snowflakes, rate): (bool, u32),
        runtime: &Handle,
        metrics: &Metrics,
    ) -> Result<Nodes, ServeError> {
        let (keepers, here) = keepers(data, &link_store)?;
        // Before any folder is made: one that cannot be reached leaves nothing behind.
        let database = match link_store {
            LinkStore::Shards(_) => None,
            LinkStore::Database(opening) => {
                Some(runtime.block_on(opening).map_err(ServeError::environment)?)
            }
        };
        let whole = SharedFolder::open::<FolderOwner>(data, BESIDE).map_err(ServeError::Folder)?;
        let is_new = !data.join("instance").exists();
        let secret = secret::of_codes(data, is_new).map_err(no_secrets)?;
        let codes = if snowflakes { Codes::Snowflake } else { Codes::Leased(secret) };
        let settings = settings(keepers.roster(), codes, rate);
        let instance = Instance::new(settings, Switches::ALL_ON);
        let instance = instance.map_err(halted)?;
        let tally = Tally::new(Limits::default(), Switches::ALL_ON);
        let starter = NodeStarter {
            whole,
            keepers,
            runtime: runtime.clone(),
            metrics: metrics.clone(),
            inboxes: Inboxes::default(),
            waiting: Arc::default(),
            running: RunningNodes::new(Vec::new(), Vec::new()),
        };
        let instance = starter.start(INSTANCE, "instance", Member::Instance(instance))?;
        let tally = starter.start(TALLY, "tally", Member::Tally(tally))?;
        let shards = (0..here).map(|place| starter.shard(place)).collect::<Result<_, _>>()?;
        if let Some(database) = database {
            let inbox = starter.inboxes.open(NodeId(FIRST_SHARD));
            runtime.spawn(ask(database, instance.clone(), inbox));
        }
        Ok(Nodes { starter, instance, tally, shards: Mutex::new(shards) })
    }

    pub(super) fn waiting(&self) -> &Waiting {
        &self.starter.waiting
    }

    pub(super) fn running(&self) -> RunningNodes<Member> {
        self.starter.running.clone()
    }

    /// Can a list go on there? Only we give cursors out, and only for shards that are here.
    pub(super) fn can_go_on(&self, cursor: &Cursor) -> bool {
        cursor.shard < cursor.shards && self.has_shards(cursor.shards as usize)
    }

    /// Are there so many?
    pub(super) fn has_shards(&self, count: usize) -> bool {
        let last = (FIRST_SHARD as usize + count).saturating_sub(1);
        count == 0 || u32::try_from(last).is_ok_and(|last| self.starter.inboxes.has(NodeId(last)))
    }
}

/// Who keeps the links of this folder, and how many shards there are: as many as have a folder, those that
/// were founded at least. Who says how many there were before one was added need not learn of it.
fn keepers(data: &Path, wanted: &LinkStore) -> Result<(Keepers, u32), ServeError> {
    let owner = Folder::owner::<FolderOwner>(&data.join("instance")).map_err(ServeError::Folder)?;
    let known = owner.map(|owner| owner.keepers);
    let (founders, wanted) = match (known, wanted) {
        // Where that is not who has kept them, the folders will say so.
        (_, LinkStore::Database(_)) => return Ok((Keepers::Database, 0)),
        (Some(Keepers::Shards { founders }), LinkStore::Shards(wanted)) => (founders, *wanted),
        (_, LinkStore::Shards(wanted)) => (u32::from(wanted.unwrap_or(1)), *wanted),
    };
    let has_joined = |place: &u32| data.join(folder_of(*place)).is_dir();
    let here = founders + (founders..MOST_HERE).take_while(has_joined).count() as u32;
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
    Ok((Keepers::Shards { founders }, here))
}

/// Hands a database what is said to the shard in whose place it is.
async fn ask(
    database: Arc<dyn Database>,
    instance: Arc<Node<Member>>,
    mut inbox: UnboundedReceiver<Addressed>,
) {
    while let Some((_, message)) = inbox.recv().await {
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
