//! The nodes of this process: an instance, shards, and the tally; each gets a folder, and links with nodes of other
//! processes, where there are some.

use std::path::Path;
use std::sync::Arc;

use host::{Company, Folder, Metrics, Node, Server, SharedFolder};
use machine::{Machine, NodeId, Switches};
use tokio::sync::Mutex;

use super::cluster::{Cluster, TALLY, shard};
use super::database::stands_in;
use super::metrics::ServerMetrics;
use super::owner::{FolderOwner, StoreKind};
use super::{
    LinkStore, MAX_SHARDS_PER_PROCESS, Member, ServeError, code_key, halted, secrets_error,
    settings,
};
use crate::{Codes, Cursor, Instance, Limits, Roster, Shard, Tally};

/// Files beside the folders of nodes: the key of codes, the key of visitors, and temporary files that a
/// crash may leave.
const BESIDE: &[&str] = &["codes.key", "codes.new", "visitors.json", "visitors.new"];

/// The nodes that run here, and what they share.
pub(super) struct Nodes {
    whole: SharedFolder,
    pub(super) store_kind: StoreKind,
    /// Where this process is one of several.
    pub(super) cluster: Option<Cluster>,
    pub(super) company: Arc<Company<Member>>,
    metrics: Metrics,
    /// Held while a shard is added.
    pub(super) adding: Mutex<()>,
}

impl Nodes {
    /// Opens all folders and starts the nodes, of which the instance is given back too.
    ///
    /// # Errors
    /// If a folder or the database cannot be used, or belongs to another service.
    pub(super) fn start(
        (data, replace, link_store): (&Path, &[String], LinkStore),
        (snowflakes, rate): (bool, u32),
        server: &Server<Member>,
    ) -> Result<(Nodes, Arc<Node<Member>>), ServeError> {
        let runtime = server.runtime.handle();
        let (store_kind, here) = store_kind(data, &link_store)?;
        // Before any folder is made: if the database cannot be reached, nothing is left behind.
        let (cluster, database) = match link_store {
            LinkStore::Shards(_) => (None, None),
            LinkStore::Cluster(cluster) => (Some(cluster), None),
            LinkStore::Database(opening) => {
                (None, Some(runtime.block_on(opening).map_err(ServeError::environment)?))
            }
        };
        let whole = SharedFolder::open::<FolderOwner>(data, BESIDE, replace)?;
        let is_first = cluster.as_ref().is_none_or(Cluster::is_first);
        let is_new = !data.join("instance").exists();
        let key = is_first.then(|| code_key::of_codes(data, is_new)).transpose();
        let key = key.map_err(secrets_error)?;
        let services = database.into_iter().map(|database| stands_in(database, runtime));
        let company = Arc::new(Company::new(server, services.collect()));
        let metrics = server.metrics.clone();
        let adding = Mutex::default();
        let nodes = Nodes { whole, store_kind, cluster, company, metrics, adding };
        let (me, places) = match &nodes.cluster {
            None => (0, 0..here),
            Some(cluster) => (cluster.process().id, cluster.me..cluster.me + 1),
        };
        let codes = match key {
            _ if snowflakes => Codes::Snowflake,
            Some(key) => Codes::Leased(key),
            None => Codes::LeasedWithKey,
        };
        let settings = settings(nodes.roster(), codes, rate);
        let instance = Instance::new(settings, Switches::ALL_ON).map_err(halted)?;
        let instance = nodes.boot(NodeId(me), "instance", Member::Instance(instance))?;
        if is_first {
            let tally = Tally::new(Limits::default(), Switches::ALL_ON);
            nodes.boot(TALLY, "tally", Member::Tally(tally))?;
        }
        for place in places {
            nodes.boot_shard(place, key)?;
        }
        Ok((nodes, instance))
    }

    /// Boots the shard at this place; the first one may be given the key of codes.
    ///
    /// # Errors
    /// If the folder cannot be used, or is another's.
    pub(super) fn boot_shard(
        &self,
        place: u32,
        key: Option<[u8; 16]>,
    ) -> Result<Arc<Node<Member>>, ServeError> {
        let machine = Shard::new(place, self.roster(), Limits::default(), Switches::ALL_ON);
        let machine = match key.filter(|_| place == 0) {
            Some(key) => machine.with_code_key(key),
            None => machine,
        };
        self.boot(shard(place), &folder_of(place), Member::Shard(machine))
    }

    /// Boots this machine in the folder of this name.
    fn boot(
        &self,
        me: NodeId,
        name: &str,
        machine: Member,
    ) -> Result<Arc<Node<Member>>, ServeError> {
        let owner = FolderOwner::new(name, self.store_kind);
        let folder = self.whole.part(name, owner, &machine.first_files())?;
        let neighbours = self.cluster.as_ref().map(|cluster| cluster.neighbours(me));
        let (counts, name) = (ServerMetrics::new(&self.metrics), name.to_owned());
        let noted = move |note| counts.note(&name, &note);
        Ok(self.company.boot(me, machine, folder, neighbours, noted))
    }

    /// How many shards the service began with; none where a database keeps the links.
    pub(super) fn founders(&self) -> u32 {
        match self.store_kind {
            StoreKind::Shards { founders } | StoreKind::Process { founders, .. } => founders,
            StoreKind::Database => 0,
        }
    }

    /// The shards, and those that may join. A database stands in for one shard.
    fn roster(&self) -> Roster {
        let (founders, most) = match (self.store_kind, &self.cluster) {
            (StoreKind::Database, _) => (1, 1),
            (StoreKind::Shards { founders }, _) => (founders, MAX_SHARDS_PER_PROCESS),
            (StoreKind::Process { founders, .. }, cluster) => {
                (founders, cluster.iter().map(|cluster| cluster.processes.len() as u32).sum())
            }
        };
        Roster { nodes: (0..most).map(shard).collect(), founders }
    }

    /// Can a list go on at this cursor? Valid cursors name only shards of this service.
    pub(super) fn can_go_on(&self, cursor: &Cursor) -> bool {
        cursor.shard < cursor.shards && self.has_shards(cursor.shards as usize)
    }

    /// Are there this many shards?
    pub(super) fn has_shards(&self, count: usize) -> bool {
        let last = u32::try_from(count).map(|count| count.checked_sub(1));
        last.is_ok_and(|last| last.is_none_or(|last| self.has_shard(last)))
    }

    /// Is there a shard at this place, here or in another process, or the database?
    pub(super) fn has_shard(&self, place: u32) -> bool {
        let elsewhere = self.cluster.as_ref().map_or(0, |cluster| cluster.processes.len());
        let is_database = self.store_kind == StoreKind::Database && place == 0;
        // A cursor may say any number, and not every one is a place.
        let is_here = place < MAX_SHARDS_PER_PROCESS && self.company.has(shard(place));
        is_database || (place as usize) < elsewhere || is_here
    }
}

/// Who keeps the links of this folder, and how many shards there are in this process: the founders, and all that have
/// joined since. `--shards` may still give the number from before a shard joined.
fn store_kind(data: &Path, wanted: &LinkStore) -> Result<(StoreKind, u32), ServeError> {
    let owner = Folder::owner::<FolderOwner>(&data.join("instance"))?;
    let known = owner.map(|owner| owner.store_kind);
    let (founders, wanted) = match (known, wanted) {
        // If others kept the links before, opening the folders fails.
        (_, LinkStore::Database(_)) => return Ok((StoreKind::Database, 0)),
        (_, LinkStore::Cluster(cluster)) => {
            let (founders, node) = (cluster.founders, cluster.process().id);
            return Ok((StoreKind::Process { founders, node }, 1));
        }
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

/// The folder of the shard at this place.
fn folder_of(place: u32) -> String {
    format!("shard-{place}")
}
