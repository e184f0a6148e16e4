//! The options of a server: what a system's own options become, and values in words. Whoever parses them
//! (a command line, a test) need not know what they mean.

use std::error::Error;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use doors::Exposure;
use machine::NodeId;

use crate::cluster::{Addresses, Cluster, ClusterError, Member};
use crate::server::ServeError;

/// Options that a server can be started with, besides its [`Place`].
pub trait Options {
    /// Its name in cluster files.
    const SYSTEM: &'static str;
    /// Where it listens, on loopback, if nobody says where.
    const PORT: u16;
    /// Its data folder, if nobody names one.
    const DATA: &'static str;
    /// What the address of clients begins with, as it is shown: a browser can go where that is `http://`.
    const SCHEME: &'static str = "http://";

    /// What they come to: addresses, folders, and who is who.
    type Config;

    /// Reads what they name (a file of keys) and makes one configuration of it. Nothing is started. `warn` is told
    /// what the operator should know.
    ///
    /// # Errors
    /// If they contradict each other, or name what cannot be used.
    fn config(self, place: Place, warn: &mut dyn FnMut(String)) -> Result<Self::Config, BadOption>;

    /// Serves until it is told to stop. `ready` is called once, with its addresses, when it serves.
    ///
    /// # Errors
    /// If it could not start, or had to stop.
    fn serve(config: Self::Config, ready: impl FnOnce(Addresses)) -> Result<(), ServeError>;
}

/// Where a server is, as whoever starts it says, in the same words for every system.
#[derive(Clone, Debug)]
pub struct Place {
    /// Where it listens, if that was said.
    pub listen: Option<SocketAddr>,
    /// Its data folder, if that was said.
    pub data: Option<PathBuf>,
    /// Which node of which cluster it is; else all nodes are in this process.
    pub seat: Option<Seat>,
    /// Who may reach it, and who watches it.
    pub access: Access,
}

/// One node of a cluster.
#[derive(Clone, Debug)]
pub struct Seat {
    /// Its number.
    pub me: NodeId,
    /// All of them.
    pub cluster: Cluster,
}

impl Place {
    /// The place of a process with all nodes in it.
    pub fn whole<O: Options>(&self) -> (SocketAddr, PathBuf) {
        let listen = self.listen.unwrap_or_else(|| (Ipv4Addr::LOCALHOST, O::PORT).into());
        (listen, self.data.clone().unwrap_or_else(|| O::DATA.into()))
    }
}

impl Seat {
    /// The node of this number of the cluster in a file. What the file says of its addresses and its folder counts
    /// where `place` says nothing.
    ///
    /// # Errors
    /// If the file cannot be read, or has no such node.
    pub fn take<O: Options>(me: u32, file: &Path, place: &mut Place) -> Result<(), BadOption> {
        let (me, cluster) = (NodeId(me), Cluster::read(file, O::SYSTEM)?);
        let Member { data, addresses, .. } = cluster.member(me)?;
        place.data.get_or_insert_with(|| data.clone());
        place.access.admin = place.access.admin.or(addresses.admin);
        place.seat = Some(Seat { me, cluster });
        Ok(())
    }
}

/// Where a server is, now that all is said.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// Where it listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The data folder; made where there is none.
    pub data: PathBuf,
    /// Who may reach it, and where to show what is counted.
    pub access: Access,
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
