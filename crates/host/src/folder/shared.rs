//! The data folder of several nodes of one process: it belongs to one system, the whole of it, and each
//! node has a folder in it.
//!
//! ```text
//! lock          held by the server that runs
//! format.json   which format, and whose files these are
//! nodes.json    all nodes that ever had a folder in it
//! n0/ n1/ ...   the nodes' folders
//! ```
//!
//! The law: as that of a node's folder; nobody else may open it before the last write to any folder in it is over;
//! and a node whose folder is gone does not begin anew before the operator says so.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::error::Wrong;
use super::format::{self, Said};
use super::nodes::{self, Nodes};
use super::{FirstFile, Folder, FolderError, FolderOwner, LOCK, is_new, lock, make};

/// A folder with a folder for each node, which is ours until this and the last of those are dropped.
#[derive(Clone, Debug)]
pub struct SharedFolder {
    path: PathBuf,
    nodes: Arc<Mutex<Nodes>>,
    _lock: Arc<File>,
}

impl SharedFolder {
    /// Opens the folder, or makes it. One that only has folders of this system's nodes in it, and what
    /// these servers keep beside them under the names of `beside`, is taken over: it was made before
    /// whole folders said whose they are. The nodes of `replace` have lost their folders, and are to begin anew.
    ///
    /// # Errors
    /// If it cannot be used, is in use, or is another's, or has lost a node's folder. Nothing in it was changed.
    pub fn open<O: FolderOwner>(
        path: &Path,
        beside: &[&str],
        replace: &[String],
    ) -> Result<SharedFolder, FolderError> {
        let at_fault = |what| FolderError::new(path, "", what);
        make(path).map_err(|error| at_fault(error.into()))?;
        // Ask before touching it, and again when nobody else can: it may have been begun meanwhile.
        is_marked::<O>(path, beside)?;
        let lock = lock(path).map_err(at_fault)?;
        let is_marked = is_marked::<O>(path, beside)?;
        let nodes = begin::<O>(path, is_marked, replace).map_err(at_fault)?;
        let nodes = Arc::new(Mutex::new(nodes));
        Ok(SharedFolder { path: path.to_owned(), nodes, _lock: Arc::new(lock) })
    }

    /// Opens a node's folder in it, or makes it.
    ///
    /// # Errors
    /// As [`Folder::open`].
    pub fn part<O: FolderOwner>(
        &self,
        name: &str,
        owner: O,
        first: &[FirstFile],
    ) -> Result<Folder, FolderError> {
        let folder = Folder::open(&self.path.join(name), owner, first)?;
        let mut nodes = self.nodes.lock().unwrap_or_else(PoisonError::into_inner);
        if nodes.insert(name.to_owned()) {
            let listed = nodes::put(&self.path, &nodes);
            listed.map_err(|error| FolderError::new(&self.path, "", error.into()))?;
        }
        drop(nodes);
        Ok(Folder { _shared: Some(self.clone()), ..folder })
    }
}

/// All nodes that it ever had. A new folder, or one from before there were lists, is marked when it has one.
fn begin<O: FolderOwner>(path: &Path, is_marked: bool, replace: &[String]) -> Result<Nodes, Wrong> {
    let listed = match nodes::read(path)? {
        None if is_marked => return Err(Wrong::Lost(nodes::FILE.to_owned())),
        listed => listed,
    };
    let is_listed = listed.is_some();
    let nodes = listed.map_or_else(|| nodes::found(path), Ok)?;
    nodes::check(path, &nodes, replace)?;
    if !is_listed {
        nodes::put(path, &nodes)?;
    }
    if !is_marked {
        format::put_shared(path, O::SYSTEMS.first().copied().unwrap_or_default())?;
    }
    Ok(nodes)
}

/// Does it say that it is this system's, with a list of its nodes? One that says nothing must be new, or have
/// nothing of others' in it.
fn is_marked<O: FolderOwner>(path: &Path, beside: &[&str]) -> Result<bool, FolderError> {
    let at_fault = |what| FolderError::new(path, "", what);
    match format::read::<O>(path).map_err(at_fault)? {
        Some(Said::Shared { lists_nodes, .. }) => return Ok(lists_nodes),
        Some(Said::Node { owner, .. }) => return Err(at_fault(Wrong::OneNode(owner.name()))),
        None => {}
    }
    let entries = fs::read_dir(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let mut entries = entries.map_err(|error| at_fault(error.into()))?;
    entries.sort_unstable_by_key(fs::DirEntry::file_name);
    let mut has_others = false;
    for entry in entries {
        let (name, part) = (entry.file_name(), entry.path());
        let ours = [LOCK, format::TEMPORARY, nodes::FILE, nodes::TEMPORARY];
        if ours.iter().chain(beside).any(|known| name == *known) {
            continue;
        }
        // Whose a part is says more than that there are other files too.
        let theirs = |what| FolderError::new(&part, "", what);
        has_others |= !part.is_dir()
            || format::read::<O>(&part).map_err(theirs)?.is_none()
                && !is_new(&part, &[]).map_err(|error| theirs(error.into()))?;
    }
    if has_others { Err(at_fault(Wrong::NotOurs)) } else { Ok(false) }
}
