//! Addresses to listen at: of this computer only, unless the user insists.

use std::fmt;
use std::io;
use std::net::SocketAddr;

use tokio::net::TcpListener;

/// Who can reach a server that asks nobody who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exposure {
    /// Programs on this computer.
    Loopback,
    /// Whoever can send to the address: the user insists.
    Anyone,
}

impl Exposure {
    /// May this address be one of the server, or one that it is told to speak with?
    pub fn allows(self, address: SocketAddr) -> bool {
        self == Exposure::Anyone || address.ip().is_loopback()
    }
}

/// Listens; port 0 takes a free one. Gives the address with the port that was taken.
///
/// # Errors
/// If the address may not be used, or cannot be. Nothing was started.
pub async fn listen(
    address: SocketAddr,
    exposure: Exposure,
) -> Result<(TcpListener, SocketAddr), ListenError> {
    if !exposure.allows(address) {
        return Err(ListenError::NotLoopback(address));
    }
    let taken = |error| ListenError::Port(address, error);
    let listener = TcpListener::bind(address).await.map_err(taken)?;
    let bound = listener.local_addr().map_err(taken)?;
    Ok((listener, bound))
}

/// Why a server does not listen.
#[derive(Debug)]
pub enum ListenError {
    /// The address can be reached from elsewhere, and nobody insisted. Nothing was started.
    NotLoopback(SocketAddr),
    /// The address is taken, or not this computer's. Nothing was started.
    Port(SocketAddr, io::Error),
}

impl fmt::Display for ListenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ListenError::NotLoopback(address) => write!(
                f,
                "{address} can be reached from elsewhere, and this server asks nobody who they are; \
                 listen on 127.0.0.1:{} and put a proxy that does in front of it, or insist with \
                 --open-to-anyone",
                address.port()
            ),
            ListenError::Port(address, error) => {
                write!(f, "cannot listen on {address}: {error}; give another with --listen")
            }
        }
    }
}

impl std::error::Error for ListenError {}
