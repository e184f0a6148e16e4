//! The two signals that ask a server to stop.

use std::io;

use tokio::signal::unix::{SignalKind, signal};

/// Ends at the first SIGINT or SIGTERM from here on.
///
/// # Errors
/// If the operating system does not let us hear them.
pub(crate) fn asked_to_stop() -> io::Result<impl Future<Output = ()>> {
    let (mut interrupt, mut terminate) =
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        tracing::info!("asked to stop");
    })
}
