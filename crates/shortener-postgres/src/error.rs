//! Errors of addresses, of connecting, and of calls.

use std::fmt;
use std::path::PathBuf;

use deadpool_postgres::PoolError;
use tokio_postgres::error::{Severity, SqlState};

use url_shortener::Reply;

/// The format of the tables that this version makes and knows.
pub(crate) const SCHEMA_VERSION: i32 = 1;

/// Why an address of a database is not taken. Nothing was connected to.
#[derive(Debug)]
pub enum AddressError {
    /// It is not of the form.
    Unreadable(String),
    /// It has a password in it.
    Password,
    /// This host is not this computer.
    Elsewhere(String),
    /// It asks for TLS.
    Tls,
    /// The file that `PGPASSFILE` names is of no use.
    PassFile(PathBuf, String),
}

/// Why a database is not used.
#[derive(Debug)]
pub enum OpenError {
    /// The pool could not be built.
    Pool(String),
    /// It cannot be reached, or does not let us in. Nothing changed.
    Reach(String),
    /// The tables could not be made or read. Nothing changed.
    Tables(String),
    /// The tables are of this version, which a newer lab made. Nothing changed.
    Newer(i32),
}

/// Why a call has no proper reply.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// Nothing was sent.
    NoConnection(PoolError),
    /// A statement, or its answer, failed.
    Statement(tokio_postgres::Error),
}

impl Trouble {
    /// The reply, if it is known that nothing changed.
    pub(crate) fn reply(&self) -> Option<Reply> {
        let error = match self {
            Trouble::NoConnection(_) => {
                return Some(Reply::Refused(
                    "the database cannot be reached; nothing changed".into(),
                ));
            }
            Trouble::Statement(error) => error,
        };
        // A statement that the server refused is rolled back. If the connection breaks, the outcome is
        // unknown.
        match error.as_db_error() {
            Some(said) if said.parsed_severity() == Some(Severity::Error) => {
                Some(Reply::Refused(if *said.code() == SqlState::DISK_FULL {
                    "the disk of the database is full; nothing changed".into()
                } else {
                    "the database turned the call down; nothing changed".into()
                }))
            }
            None if is_unreadable(error) => Some(Reply::Refused(
                "the link in the database cannot be read; nothing changed".into(),
            )),
            _ => None,
        }
    }
}

/// Was a row read that is not a valid link?
fn is_unreadable(error: &tokio_postgres::Error) -> bool {
    error.code().is_none() && error.to_string().starts_with("error deserializing")
}

impl From<tokio_postgres::Error> for Trouble {
    fn from(error: tokio_postgres::Error) -> Self {
        Trouble::Statement(error)
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Trouble::NoConnection(error) => write!(f, "there is no connection: {}", reason(error)),
            Trouble::Statement(error) => write!(f, "{}", whole(error)),
        }
    }
}

impl OpenError {
    pub(crate) fn reach(error: PoolError) -> OpenError {
        OpenError::Reach(reason(&error))
    }
}

impl From<tokio_postgres::Error> for OpenError {
    fn from(error: tokio_postgres::Error) -> Self {
        OpenError::Tables(whole(&error))
    }
}

fn reason(error: &PoolError) -> String {
    match error {
        PoolError::Backend(error) => whole(error),
        PoolError::Timeout(_) => "it did not come in time".to_owned(),
        other => other.to_string(),
    }
}

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AddressError::Unreadable(why) => write!(
                f,
                "this is not the address of a database ({why}); write it as \
                 postgres://USER@localhost:5432/DATABASE"
            ),
            AddressError::Password => write!(
                f,
                "everyone on this computer can read a password in an argument; leave it out, and \
                 put it into PGPASSWORD or into the file that PGPASSFILE names"
            ),
            AddressError::Elsewhere(host) => write!(
                f,
                "{host} is another computer, and there is no TLS to it; reach it through a tunnel \
                 that ends at localhost or at a Unix socket"
            ),
            AddressError::Tls => write!(
                f,
                "there is no TLS to a database; it has to be on this computer, or at the end of a \
                 tunnel"
            ),
            AddressError::PassFile(file, why) => write!(f, "{}: {why}", file.display()),
        }
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OpenError::Pool(why) => write!(f, "no connections can be pooled: {why}"),
            OpenError::Reach(why) => {
                write!(f, "the database cannot be reached: {why}; nothing changed")
            }
            OpenError::Tables(why) => {
                write!(f, "the tables of the database are of no use: {why}; nothing changed")
            }
            OpenError::Newer(version) => write!(
                f,
                "a newer version made the tables of the database (format {version}, and this one \
                 knows {}); nothing changed",
                SCHEMA_VERSION
            ),
        }
    }
}

impl std::error::Error for AddressError {}
impl std::error::Error for OpenError {}

/// An error of the driver with its cause, which it leaves out of its own words.
pub(crate) fn whole(error: &tokio_postgres::Error) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}
