//! Why a server did not start, or stopped by itself.

use std::fmt;
use std::io;
use std::path::PathBuf;

use host::{FolderError, ListenError};

use crate::{MOST_WORKERS, OutOfYears, TooLarge};

/// Why a server did not start, or stopped by itself.
#[derive(Debug)]
pub enum ServeError {
    /// The layout has no such worker. Nothing was started.
    Worker(TooLarge),
    /// Nothing can be minted with the layout now. Nothing was started.
    Layout(OutOfYears),
    /// Several authorities cannot lease out so many numbers. Nothing was started.
    Workers(u64),
    /// The operating system gave no threads. Nothing was started.
    Runtime(io::Error),
    /// It cannot or must not listen there. Nothing was started.
    Listen(ListenError),
    /// The data folder is in use, or not this server's. It was left as it was.
    Folder(FolderError),
    /// The machine stopped, because it could not have kept its promises. What is in the folder stays
    /// as it is.
    Halted {
        /// What it was.
        who: &'static str,
        /// Its sentence.
        why: String,
        /// The data folder.
        data: PathBuf,
    },
}

impl ServeError {
    /// Is it the arguments that must change, rather than the world?
    pub fn is_argument(&self) -> bool {
        match self {
            ServeError::Worker(_)
            | ServeError::Layout(_)
            | ServeError::Workers(_)
            | ServeError::Listen(ListenError::NotLoopback(_)) => true,
            ServeError::Folder(error) => error.is_other_owner(),
            _ => false,
        }
    }
}

impl fmt::Display for ServeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ServeError::Worker(error) => error.fmt(f),
            ServeError::Layout(error) => {
                write!(f, "{error}: set the clock, or name another layout with --layout")
            }
            ServeError::Workers(workers) => write!(
                f,
                "several authorities lease out at most {MOST_WORKERS} worker numbers, not \
                 {workers}: their table is one command of their log; use --workers {MOST_WORKERS}"
            ),
            ServeError::Runtime(error) => write!(f, "no threads could be started: {error}"),
            ServeError::Listen(error) => error.fmt(f),
            ServeError::Folder(error) => error.fmt(f),
            ServeError::Halted { who, why, data } => {
                write!(f, "the {who} with the data folder {} stopped: {why}", data.display())
            }
        }
    }
}

impl std::error::Error for ServeError {}
