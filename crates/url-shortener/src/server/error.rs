//! Why a server did not start, or stopped by itself.

use std::fmt;
use std::io;

use host::{FolderError, ListenError};

use super::database::OpenError;
use super::site::BadName;

/// Why a server did not start, or stopped by itself.
#[derive(Debug)]
pub enum ServeError {
    /// The operating system gave no threads. Nothing was started.
    Runtime(io::Error),
    /// It cannot or must not listen there. Nothing was started.
    Listen(ListenError),
    /// It cannot be called so. Nothing was started.
    Name(BadName),
    /// A data folder is in use, or another's. It was left as it was.
    Folder(FolderError),
    /// The data folder has another number of shards. It was left as it was.
    Shards {
        /// So many there are.
        here: u32,
    },
    /// The operating system gave no randomness, or the secrets could not be read or written. Nothing
    /// was started.
    Secrets(io::Error),
    /// The database cannot be reached, or is another's. It was left as it was.
    Store(OpenError),
    /// A node stopped, because it could not have kept its promises. What is in its folder stays as it
    /// is.
    Halted(String),
}

impl ServeError {
    /// Is it the arguments that must change, rather than the world?
    pub fn is_argument(&self) -> bool {
        match self {
            ServeError::Listen(ListenError::NotLoopback(_))
            | ServeError::Name(_)
            | ServeError::Shards { .. } => true,
            ServeError::Folder(error) => error.is_other_owner(),
            _ => false,
        }
    }
}

impl fmt::Display for ServeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ServeError::Runtime(error) => write!(f, "no threads could be started: {error}"),
            ServeError::Listen(error @ ListenError::NotLoopback(_)) => {
                write!(f, "{error}, or give it keys with --keys")
            }
            ServeError::Listen(error) => error.fmt(f),
            ServeError::Name(error) => error.fmt(f),
            ServeError::Folder(error) => error.fmt(f),
            ServeError::Shards { here } => write!(
                f,
                "the data folder has --shards {here}; leave that out, and add more while the server \
                 runs, with infralab url-shortener add-shard"
            ),
            ServeError::Secrets(error) => write!(f, "the secrets of the service: {error}"),
            ServeError::Store(error) => error.fmt(f),
            ServeError::Halted(why) => write!(f, "a node stopped: {why}"),
        }
    }
}

impl std::error::Error for ServeError {}
