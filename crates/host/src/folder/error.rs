//! Why a data folder cannot be used.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// Why a data folder cannot be used. Nothing in it was changed.
#[derive(Debug)]
pub struct FolderError {
    path: PathBuf,
    /// What a server with another folder needs besides.
    anew: &'static str,
    what: Wrong,
}

#[derive(Debug)]
pub(super) enum Wrong {
    /// It cannot be made, read or written.
    Unusable(io::Error),
    /// Another server has it.
    Locked,
    /// There are files, but none that says whose.
    NotOurs,
    /// The format file, or the list of nodes, is damaged.
    Malformed(&'static str, String),
    /// Another version of this program made it.
    OtherFormat { theirs: u64, ours: u32 },
    /// It was made for another system.
    OtherSystem(String),
    /// It has the folders of all nodes of a process of this system in it, and is none of those.
    Shared(String),
    /// It is that of one node, and not of all.
    OneNode(String),
    /// It was made for another server.
    OtherOwner { name: String, arguments: String },
    /// A file that every such folder has is gone.
    Lost(String),
    /// A node that it had is gone.
    Gone(String),
    /// A node that is to begin anew is there.
    NotGone(String),
    /// It never had the node that is to begin anew.
    NoNode { name: String, known: String },
}

impl FolderError {
    pub(super) fn new(path: &Path, anew: &'static str, what: Wrong) -> FolderError {
        FolderError { path: path.to_owned(), anew, what }
    }

    /// Does it lie with the arguments: was the folder made for another server?
    pub fn is_other_owner(&self) -> bool {
        matches!(
            self.what,
            Wrong::OtherOwner { .. }
                | Wrong::OtherSystem(_)
                | Wrong::Shared(_)
                | Wrong::OneNode(_)
                | Wrong::NotGone(_)
                | Wrong::NoNode { .. }
        )
    }
}

impl From<io::Error> for Wrong {
    fn from(error: io::Error) -> Wrong {
        Wrong::Unusable(error)
    }
}

impl fmt::Display for FolderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let FolderError { path, anew, what } = self;
        let anew = if anew.is_empty() { String::new() } else { format!(" {anew}") };
        write!(f, "the data folder {} ", path.display())?;
        match what {
            Wrong::Unusable(error) => {
                write!(f, "cannot be used: {error}; give another one with --data")
            }
            Wrong::Locked => write!(
                f,
                "belongs to a server that is running; stop that one, or give another folder with \
                 --data{anew}"
            ),
            Wrong::NotOurs => write!(
                f,
                "has other files in it and was left as it is; give a new or empty one with --data"
            ),
            Wrong::Malformed(file, why) => write!(
                f,
                "has a damaged {file} and was left as it is ({why}); restore that file, or \
                 give a new folder with --data{anew}"
            ),
            Wrong::OtherFormat { theirs, ours } => write!(
                f,
                "has format {theirs}, and this version knows only {ours}; it was left as it is: \
                 use the version that made it"
            ),
            Wrong::OtherSystem(system) => write!(
                f,
                "was made for {system}, and was left as it is; give another folder with --data"
            ),
            Wrong::Shared(system) => write!(
                f,
                "was made for all nodes of {system} in one process, and was left as it is; give one of \
                 the folders in it, or another, with --data"
            ),
            Wrong::OneNode(name) => write!(
                f,
                "was made for {name}, alone, and was left as it is; give another folder with --data"
            ),
            Wrong::OtherOwner { name, arguments } => write!(
                f,
                "was made for {name}, and was left as it is; use {arguments}, or give another \
                 folder with --data"
            ),
            Wrong::Lost(file) => write!(
                f,
                "has lost its file {file}, without which it could break what it promised, and \
                 was left as it is; restore that file, or give a new folder with --data{anew}"
            ),
            Wrong::Gone(node) => write!(
                f,
                "has lost the folder {node} of one of its nodes, without which it could break what it \
                 promised, and was left as it is; restore that folder, or begin the node anew, without all \
                 that it kept, with --replace {node}"
            ),
            Wrong::NotGone(node) => write!(
                f,
                "still has the folder {node}, which was left as it is; move it away if the node is to begin \
                 anew, or leave out --replace {node}"
            ),
            Wrong::NoNode { name, known } => write!(
                f,
                "never had a node {name}, and was left as it is; of its nodes ({known}) one that is gone can \
                 be begun anew with --replace"
            ),
        }
    }
}

impl std::error::Error for FolderError {}
