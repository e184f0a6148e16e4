//! The life of a pair of connections, the stream and the bulk lane beside it: either one's end is the end of both.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use machine::Machine;
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::oneshot;
use tokio::task::{JoinError, JoinSet};
use tokio::time::timeout;

use super::frame::Frames;
use super::lane::{Carried, End, Lane};
use super::peer::{BulkConnection, Claim, Peer};
use super::{FLUSH_DEADLINE, Links, Message};
use crate::codec::Codec;

/// The door needed the place of a connection for another.
const GIVEN_AWAY: &str = "its place was given away";

impl<M: Machine> Links<M>
where
    Message<M>: Codec,
{
    /// Carries a peer on these two connections, of which the second may come later, until either of them ends or
    /// `given_away` does.
    pub(super) async fn carry(
        self: &Arc<Self>,
        peer: &Arc<Peer>,
        claim: Claim,
        stream: Frames<TcpStream>,
        bulk: impl Future<Output = Result<BulkConnection, String>> + Send + 'static,
        given_away: impl Future,
    ) {
        // Of what was lost before this pair the machine hears before it begins.
        self.reset(peer).await;
        self.counts.up.one();
        tracing::info!("the link with {:?} is up", peer.id);
        let why = self.run(peer, claim, stream, bulk, given_away).await;
        self.counts.up.less(1);
        tracing::info!("the link with {:?} is down: {why}", peer.id);
        self.lose(peer, claim).await;
    }

    /// The pair of this claim is over, or never began: the machine hears of what it lost.
    pub(super) async fn lose(&self, peer: &Arc<Peer>, claim: Claim) {
        peer.release(claim);
        self.reset(peer).await;
    }

    /// Each in a task of its own, so that none waits for another. When this ends all of them have ended: nothing
    /// of this pair is handed to the machine any more.
    async fn run(
        self: &Arc<Self>,
        peer: &Arc<Peer>,
        claim: Claim,
        stream: Frames<TcpStream>,
        bulk: impl Future<Output = Result<BulkConnection, String>> + Send + 'static,
        given_away: impl Future,
    ) -> String {
        let carried = |lane| Carried { peer: peer.clone(), claim, lane };
        let (mut reading, mut writing) = (JoinSet::new(), JoinSet::new());
        let (frames, writer) = halves::<M>(stream);
        reading.spawn(self.clone().read(carried(Lane::Stream), frames));
        writing.spawn(self.clone().write(carried(Lane::Stream), writer));
        let (links, carried) = (self.clone(), carried(Lane::Bulk));
        let has_both = Arc::new(AtomicBool::new(false));
        let bulk_came = has_both.clone();
        reading.spawn(async move {
            let (bulk, open) = match bulk.await {
                Ok(connection) => connection,
                Err(why) => return End::Broken(format!("there is no bulk lane: {why}")),
            };
            bulk_came.store(true, Ordering::Relaxed);
            let (frames, writer) = halves::<M>(bulk);
            tokio::select! {
                end = links.clone().read(carried.clone(), frames) => end,
                why = links.write(carried, writer) => End::Broken(why),
                () = closed(open) => End::Broken(GIVEN_AWAY.to_owned()),
            }
        });
        let panicked = |error: JoinError| End::Broken(error.to_string());
        let end = tokio::select! {
            Some(end) = reading.join_next() => end.unwrap_or_else(panicked),
            Some(why) = writing.join_next() => why.map_or_else(panicked, End::Broken),
            _ = given_away => End::Broken(GIVEN_AWAY.to_owned()),
            () = self.stopped() => {
                let _ = timeout(FLUSH_DEADLINE, peer.drained()).await;
                End::Broken("the server stops".to_owned())
            }
        };
        let why = match end {
            End::Broken(why) => why,
            End::Closed => {
                // What the other end sent on the other lane before it closed that too is still on its way.
                if has_both.load(Ordering::Relaxed) {
                    let _ = timeout(FLUSH_DEADLINE, reading.join_next()).await;
                }
                "the other end closed it".to_owned()
            }
        };
        reading.shutdown().await;
        writing.shutdown().await;
        why
    }
}

/// Ends when whoever accepted the connection no longer waits for its end.
async fn closed(open: Option<oneshot::Sender<()>>) {
    match open {
        Some(mut open) => open.closed().await,
        None => std::future::pending().await,
    }
}

/// What is read and what is written.
fn halves<M: Machine>(mut frames: Frames<TcpStream>) -> (Frames<OwnedReadHalf>, OwnedWriteHalf)
where
    Message<M>: Codec,
{
    frames.set_longest(Message::<M>::LONGEST);
    frames.split()
}
