//! One lane of a pair: a connection that is read and written until either ends it.
//!
//! The law: the machine is handed what came, in order, and the peer is given credit for it then and not before.
//! A stream is over when no whole frame came for [`PEER_TIMEOUT`], and when its peer takes nothing; bulk may
//! stall for as long as the stream beside it lives.

use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::{BufMut, Bytes};
use machine::codec::{Malformed, Reader};
use machine::{Input, Link, Machine};
use tokio::io::AsyncWriteExt;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::timeout;

use super::frame::{BEAT, FrameError, Frames, Kind, frame};
use super::peer::{Claim, Peer};
use super::{Links, Message, PEER_TIMEOUT, weight};
use crate::codec::Codec;

/// Who has nothing to say says so.
const BEAT_EVERY: Duration = Duration::from_secs(1);
/// For a peer to take a batch of a stream.
const WRITE_TIMEOUT: Duration = Duration::from_secs(5);
/// Of a credit: the lane and the pair.
const CREDIT_BYTES: usize = 1 + 8;

/// The lanes of a pair, each a connection of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lane {
    Stream,
    Bulk,
}

impl Lane {
    /// In the order of their bytes.
    pub(super) const ALL: [Lane; 2] = [Lane::Stream, Lane::Bulk];

    /// How machines call it.
    pub(super) fn link(self) -> Link {
        match self {
            Lane::Stream => Link::Stream,
            Lane::Bulk => Link::Bulk,
        }
    }

    /// The frame that gives credit for what came on this lane of a pair.
    pub(super) fn credit(self, pair: u64) -> Bytes {
        let frame = frame(Kind::Credit, CREDIT_BYTES, |out| {
            out.put_u8(self as u8);
            out.put_u64_le(pair);
        });
        frame.unwrap_or_default().joined()
    }
}

/// The lane, and the pair, that credit is for.
fn read_credit(body: &[u8]) -> Result<(Lane, u64), Malformed> {
    Reader::whole(body, |reader| {
        Ok((Lane::ALL[usize::from(reader.take_below(2)?)], reader.take_u64()?))
    })
}

/// Why no more is read from a lane.
#[derive(Debug)]
pub(super) enum End {
    /// The other end closed it, between two frames.
    Closed,
    Broken(String),
}

/// A lane that is carried.
#[derive(Clone, Debug)]
pub(super) struct Carried {
    pub(super) peer: Arc<Peer>,
    pub(super) claim: Claim,
    pub(super) lane: Lane,
}

impl<M: Machine> Links<M>
where
    Message<M>: Codec,
{
    /// Hands the machine what comes, until there is no more: why.
    pub(super) async fn read(
        self: Arc<Self>,
        carried: Carried,
        mut frames: Frames<OwnedReadHalf>,
    ) -> End {
        loop {
            let next = match carried.lane {
                Lane::Stream => timeout(PEER_TIMEOUT, frames.next()).await,
                Lane::Bulk => match timeout(BEAT_EVERY, frames.next()).await {
                    Err(_) => {
                        frames.rest();
                        continue;
                    }
                    next => next,
                },
            };
            let taken = match next {
                Err(_) => return End::Broken("nothing came in time".to_owned()),
                Ok(Err(FrameError::Closed)) => return End::Closed,
                Ok(Err(error)) => return End::Broken(error.to_string()),
                Ok(Ok((Kind::Beat, _))) => continue,
                Ok(Ok((Kind::Credit, body))) => self.take_credit(&carried, &body),
                Ok(Ok((Kind::Message, body))) => self.take_message(&carried, body),
            };
            if let Err(why) = taken {
                return End::Broken(why);
            }
        }
    }

    fn take_message(&self, carried: &Carried, body: Bytes) -> Result<(), String> {
        let length = body.len();
        let message = Message::<M>::decode(body)
            .map_err(|error| format!("it sent what is no message: {error}"))?;
        let weight = weight::<M>(&message, length);
        carried.peer.came(carried.claim, carried.lane, weight)?;
        self.counts.received.one();
        let Carried { peer, claim, lane } = carried.clone();
        let input = Input::Message { from: peer.id, message };
        self.hand(move || peer.handed(claim, lane, weight), input)
    }

    fn take_credit(&self, carried: &Carried, body: &[u8]) -> Result<(), String> {
        let credit = read_credit(body).map_err(|error| format!("it gave no credit: {error}"))?;
        let (lane, pair) = credit;
        if carried.lane != Lane::Stream || pair != carried.claim.pair {
            return Err("it gave credit for another connection".to_owned());
        }
        let Carried { peer, claim, .. } = carried.clone();
        let input = Input::Writable { peer: peer.id, link: lane.link() };
        self.hand(move || peer.credited(claim, lane), input)
    }

    /// Hands the machine an input; what is to be done at the same moment is done with it.
    fn hand(
        &self,
        with: impl FnOnce() + Send + 'static,
        input: Input<M::Protocol>,
    ) -> Result<(), String> {
        let node = self.node.get().and_then(Weak::upgrade).ok_or("the machine is gone")?;
        let taken = node.input_after(with, input);
        if taken { Ok(()) } else { Err("the machine has stopped".to_owned()) }
    }

    /// Writes what waits, until that fails or the pair is broken: why.
    pub(super) async fn write(
        self: Arc<Self>,
        carried: Carried,
        mut writer: OwnedWriteHalf,
    ) -> String {
        let Carried { peer, claim, lane } = carried;
        loop {
            let mut batch = match peer.take_batch(claim, lane) {
                Err(why) => return why.to_owned(),
                Ok(batch) if !batch.is_empty() => {
                    self.counts.sent.one();
                    batch
                }
                Ok(_) if lane == Lane::Bulk => {
                    peer.to_write(lane).await;
                    continue;
                }
                Ok(mut empty) => match timeout(BEAT_EVERY, peer.to_write(lane)).await {
                    Ok(()) => continue,
                    Err(_) => {
                        empty.push(Bytes::from_static(&BEAT));
                        empty
                    }
                },
            };
            let written = match lane {
                Lane::Stream => timeout(WRITE_TIMEOUT, writer.write_all_buf(&mut batch)).await,
                Lane::Bulk => Ok(writer.write_all_buf(&mut batch).await),
            };
            match written {
                Err(_) => return "it took nothing in time".to_owned(),
                Ok(Err(error)) => return error.to_string(),
                Ok(Ok(())) => {}
            }
        }
    }
}
