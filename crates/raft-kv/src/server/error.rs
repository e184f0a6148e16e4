//! Why a server did not start, or stopped by itself.

use std::fmt;
use std::io;

use host::{FolderError, ListenError};
use machine::NodeId;

/// Why a server did not start, or stopped by itself.
#[derive(Debug)]
pub enum ServeError {
    /// The operating system gave no threads. Nothing was started.
    Runtime(io::Error),
    /// It cannot or must not listen there. Nothing was started.
    Listen(ListenError),
    /// A data folder is in use, or not this node's. It was left as it was.
    Folder(FolderError),
    /// A replica stopped, because it could not have kept its promises. What is in its folder stays as
    /// it is.
    Halted(String),
    /// This node is on no list of nodes. Nothing was started.
    Unlisted(NodeId),
}

impl ServeError {
    /// Is it the arguments that must change, rather than the world?
    pub fn is_argument(&self) -> bool {
        match self {
            ServeError::Listen(ListenError::NotLoopback(_)) | ServeError::Unlisted(_) => true,
            ServeError::Folder(error) => error.is_other_owner(),
            _ => false,
        }
    }
}

impl fmt::Display for ServeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ServeError::Runtime(error) => write!(f, "no threads could be started: {error}"),
            ServeError::Listen(error) => error.fmt(f),
            ServeError::Folder(error) => error.fmt(f),
            ServeError::Halted(why) => write!(f, "a replica stopped: {why}"),
            ServeError::Unlisted(node) => write!(f, "the cluster has no node {}", node.0),
        }
    }
}

impl std::error::Error for ServeError {}
