//! The life of a stream: one connection, read and written until either ends it.

use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use machine::{Input, Machine};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::timeout;

use super::frame::{Frames, HEARTBEAT};
use super::peer::Peer;
use super::{FLUSH_DEADLINE, Links, Message, PEER_TIMEOUT};
use crate::codec::Codec;

/// Who has nothing to say says so.
const HEARTBEAT_EVERY: Duration = Duration::from_secs(1);
/// For a peer to take a batch.
const WRITE_TIMEOUT: Duration = Duration::from_secs(5);

impl<M: Machine> Links<M>
where
    Message<M>: Codec,
{
    /// The life of a stream.
    pub(super) async fn carry(&self, peer: &Arc<Peer>, mut frames: Frames<TcpStream>, claim: u64) {
        if peer.is_broken() {
            // Of a stream before this one.
            self.tell(peer.id);
        }
        self.counts.up.one();
        tracing::info!("the link with {:?} is up", peer.id);
        frames.set_longest(Message::<M>::LONGEST);
        let (mut frames, mut writer) = frames.split();
        let why = tokio::select! {
            why = self.read(peer, &mut frames) => why,
            why = self.write(peer, &mut writer) => why,
            () = self.stopped() => {
                let _ = timeout(FLUSH_DEADLINE, self.write_rest(peer, &mut writer)).await;
                "the server stops".to_owned()
            }
        };
        self.counts.up.less(1);
        peer.release(claim);
        tracing::info!("the link with {:?} is down: {why}", peer.id);
        if peer.has_lost() {
            self.tell(peer.id);
        }
    }

    async fn read(&self, peer: &Peer, frames: &mut Frames<OwnedReadHalf>) -> String {
        loop {
            // Whoever does not take what is said, or says more than the disk can take, waits.
            peer.room().await;
            let Some(node) = self.node.get().and_then(Weak::upgrade) else {
                return "the machine is gone".to_owned();
            };
            node.room().await;
            let frame = match timeout(PEER_TIMEOUT, frames.next()).await {
                Err(_) => return "nothing came in time".to_owned(),
                Ok(Err(error)) => return error.to_string(),
                Ok(Ok(frame)) if frame.is_empty() => continue,
                Ok(Ok(frame)) => frame,
            };
            peer.came();
            self.counts.received.one();
            match Message::<M>::decode(frame) {
                Err(error) => return format!("it sent what is no message: {error}"),
                Ok(message) => {
                    if !node.input(Input::Message { from: peer.id, message }) {
                        return "the machine has stopped".to_owned();
                    }
                }
            }
        }
    }

    async fn write(&self, peer: &Peer, writer: &mut OwnedWriteHalf) -> String {
        loop {
            let batch = match peer.take_batch() {
                None => return "the stream broke".to_owned(),
                Some(batch) if !batch.is_empty() => {
                    self.counts.sent.one();
                    batch
                }
                Some(_) => match timeout(HEARTBEAT_EVERY, peer.wake.notified()).await {
                    Ok(()) => continue,
                    Err(_) => Bytes::from_static(&HEARTBEAT),
                },
            };
            match timeout(WRITE_TIMEOUT, writer.write_all(&batch)).await {
                Err(_) => return "it took nothing in time".to_owned(),
                Ok(Err(error)) => return error.to_string(),
                Ok(Ok(())) => peer.written(),
            }
        }
    }

    async fn write_rest(&self, peer: &Peer, writer: &mut OwnedWriteHalf) -> std::io::Result<()> {
        while let Some(batch) = peer.take_batch().filter(|batch| !batch.is_empty()) {
            writer.write_all(&batch).await?;
        }
        writer.shutdown().await
    }
}
