//! The options of a server: what a system's own options become, and values in words. Whoever parses them
//! (a command line, a test) need not know what they mean.

use std::error::Error;
use std::fmt;
use std::net::SocketAddr;
use std::ops::RangeInclusive;

use doors::Exposure;

use crate::cluster::{Addresses, ClusterError};

/// Options that a server can be started with.
pub trait Options {
    /// What they come to: addresses, folders, and who is who.
    type Config;
    /// Why the server did not start, or ended.
    type Error: fmt::Display;

    /// Reads what they name (a cluster file, a file of keys) and makes one configuration of it. Nothing is
    /// started. `warn` is told what the operator should know.
    ///
    /// # Errors
    /// If they contradict each other, or name what cannot be used.
    fn config(
        self,
        access: Access,
        warn: &mut dyn FnMut(String),
    ) -> Result<Self::Config, BadOption>;

    /// Serves until it is told to stop. `ready` is called once, with its addresses, when it serves.
    ///
    /// # Errors
    /// If it could not start, or had to stop.
    fn serve(config: Self::Config, ready: impl FnOnce(Addresses)) -> Result<(), Self::Error>;

    /// Do the options have to change before it can be served?
    fn is_argument(error: &Self::Error) -> bool;
}

/// Who may reach a server, and who watches it.
#[derive(Clone, Copy, Debug)]
pub struct Access {
    /// Where to show what is counted, if anywhere.
    pub admin: Option<SocketAddr>,
    /// Who may reach its addresses.
    pub exposure: Exposure,
}

/// Why options cannot be used. Nothing was started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadOption(pub String);

impl fmt::Display for BadOption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for BadOption {}

impl From<ClusterError> for BadOption {
    fn from(error: ClusterError) -> BadOption {
        BadOption(error.to_string())
    }
}

/// An address to listen at, or the sentence that says what one is.
///
/// # Errors
/// If it is none.
pub fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| format!("an address is such as 127.0.0.1:7411, and {text:?} is not"))
}

/// A whole number in this range, or the sentence that says so.
pub fn number<N: TryFrom<u64>>(
    range: RangeInclusive<u64>,
) -> impl Fn(&str) -> Result<N, String> + Clone + Send + Sync + 'static {
    move |text| {
        let number = text.parse().ok().filter(|number| range.contains(number));
        let number = number.and_then(|number| N::try_from(number).ok());
        number.ok_or_else(|| {
            format!("it is a whole number from {} to {}", range.start(), range.end())
        })
    }
}
