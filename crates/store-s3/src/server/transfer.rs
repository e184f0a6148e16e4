//! Bytes on their way: from an upload to the gateway, and from the gateway to an answer.
//!
//! The law: bounded memory both ways. A small object is in memory as a whole; of a larger one there are two stripes at
//! a time, and of such transfers [`MOST_TRANSFERS`](super::store::MOST_TRANSFERS) in a server: who is one too many is
//! told to come later.

use std::collections::VecDeque;
use std::ops::Range;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use machine::Machine;
use object_store::answer::{Answer, Go, Stored};
use object_store::ask::{Ask, Commit, Place};
use object_store::conditions::Conditions;
use object_store::erasure::Codec;
use object_store::error::Refusal;
use object_store::message::ObjectStore;
use object_store::row::{Content, Extent, Kept};
use object_store::stripe::Seal;
use object_store::words::{Code, Name, PutId};
use s3s::dto::StreamingBlob;
use s3s::stream::{ByteStream, RemainingLength};
use s3s::{S3Error, S3Result, StdError, s3_error};
use tokio::sync::OwnedSemaphorePermit;

use super::asker::{Asked, Asker, refused, unexpected};
use super::claims::Sums;
use super::store::Store;
use super::upload::Upload;

/// So many stripes are read ahead of who takes them.
const AHEAD: usize = 2;

impl<M: Machine<Protocol = ObjectStore>> Store<M> {
    /// Puts an upload there.
    pub(super) async fn put(
        &self,
        asker: &Asker<M>,
        upload: Upload,
        place: Place,
        headers: Vec<(Name, Name)>,
        conditions: Conditions,
    ) -> S3Result<Stored> {
        let size = upload.length();
        let sent = match size <= u64::from(self.tuning.small) {
            true => small(upload, size).await?,
            false => self.large(asker, upload, &place).await?,
        };
        let Sums { etag, checksum } = sent.sums;
        let commit = Box::new(Commit { place, size, etag, checksum, headers, conditions });
        let ask = match sent.bytes {
            Sent::Here(body) => Ask::Small { commit, body },
            Sent::As(put) => Ask::End { put, commit },
        };
        match asker.ask(ask).await? {
            Answer::Stored(stored) => Ok(stored),
            other => Err(unexpected(other)),
        }
    }

    /// Sends an upload stripe by stripe. It is durable nowhere before it ends.
    async fn large(
        &self,
        asker: &Asker<M>,
        mut upload: Upload,
        place: &Place,
    ) -> S3Result<Uploaded> {
        let _permit = self.permit()?;
        let go = match asker.ask(Ask::Begin { place: place.clone() }).await? {
            Answer::Go(go) => go,
            other => return Err(unexpected(other)),
        };
        let sent = match self.send(asker, &mut upload, place, go).await {
            Ok(()) => upload.end().await,
            Err(why) => Err(why),
        };
        match sent {
            Ok(sums) => Ok(Uploaded { sums, bytes: Sent::As(go.put) }),
            Err(why) => {
                // What was wrong counts, and not whether it is forgotten at once.
                let _ = asker.ask(Ask::Abort { put: go.put }).await;
                Err(why)
            }
        }
    }

    async fn send(
        &self,
        asker: &Asker<M>,
        upload: &mut Upload,
        place: &Place,
        go: Go,
    ) -> S3Result<()> {
        let codec = self.codec(go.code)?;
        let seal = Seal::new(&place.bucket, &place.key, go.put);
        let mut unanswered = VecDeque::new();
        let mut sent = Ok(());
        for number in 0.. {
            if unanswered.len() >= usize::from(go.credit.max(1))
                && let Some(first) = unanswered.pop_front()
            {
                sent = taken(first).await;
            }
            let next = match sent {
                Ok(()) => upload.next(go.stripe as usize).await,
                Err(_) => break,
            };
            let stripe = match next {
                Ok(Some(stripe)) => stripe,
                Ok(None) => break,
                Err(why) => {
                    sent = Err(why);
                    break;
                }
            };
            let pieces = seal.cut(&codec, number, &stripe);
            unanswered.push_back(asker.send(Ask::Stripe { put: go.put, number, pieces }));
        }
        // Also those of a put that failed: who drops an answer ends the session.
        for asked in unanswered {
            sent = sent.and(taken(asked).await);
        }
        sent
    }

    /// These bytes of an object, of which the first are there before this ends.
    pub(super) async fn body(
        &self,
        asker: &Asker<M>,
        place: (Name, Name),
        content: Content,
        came_along: Option<Bytes>,
        bytes: Range<u64>,
    ) -> S3Result<StreamingBlob> {
        let left = bytes.end - bytes.start;
        if let Some(whole) = came_along {
            let part = slice(&whole, &bytes).ok_or_else(cut_short)?;
            return Ok(s3s::Body::from(part).into());
        }
        if bytes.is_empty() {
            return Ok(s3s::Body::empty().into());
        }
        let permit = self.permit()?;
        let (asker, codec) = (asker.clone(), self.codec(self.tuning.code)?);
        let read = move |of| read(asker.clone(), codec.clone(), place.clone(), of);
        let mut stripes = stream::iter(stripes(content.extents, bytes)).map(read).buffered(AHEAD);
        // What cannot be read at all is an error in S3's words, and no answer that breaks off.
        let first = stripes.next().await.unwrap_or_else(|| Err(cut_short()))?;
        let all = stream::iter([Ok(first)]).chain(stripes);
        let all = all.map_ok(|slices| stream::iter(slices.into_iter().map(Ok))).try_flatten();
        Ok(StreamingBlob::new(Download { all: Mutex::new(Box::pin(all)), left, _permit: permit }))
    }

    /// One that is at hand is not computed anew.
    fn codec(&self, code: Code) -> S3Result<Codec> {
        match self.codec.code() == code {
            true => Ok(self.codec.clone()),
            false => Codec::new(code).map_err(S3Error::internal_error),
        }
    }

    fn permit(&self) -> S3Result<OwnedSemaphorePermit> {
        let why = "as many transfers are under way as may be; nothing was done; ask again later";
        self.transfers.clone().try_acquire_owned().map_err(|_| s3_error!(SlowDown, "{why}"))
    }
}

/// What was sent, and sums up to.
struct Uploaded {
    sums: Sums,
    bytes: Sent,
}

enum Sent {
    /// They are here as a whole.
    Here(Bytes),
    /// They are where they belong, under this name.
    As(PutId),
}

/// All of a small upload.
async fn small(mut upload: Upload, size: u64) -> S3Result<Uploaded> {
    let most = usize::try_from(size).unwrap_or(usize::MAX).max(1);
    let bytes = upload.next(most).await?.unwrap_or_default();
    Ok(Uploaded { sums: upload.end().await?, bytes: Sent::Here(bytes) })
}

/// The gateway has taken this stripe.
async fn taken<M: Machine<Protocol = ObjectStore>>(asked: Asked<M>) -> S3Result<()> {
    match asked.answer().await? {
        Answer::Taken => Ok(()),
        other => Err(unexpected(other)),
    }
}

/// What is wanted of a stripe.
#[derive(Clone, Debug, PartialEq, Eq)]
struct StripeOf {
    extent: Extent,
    stripe: u64,
    /// Of its bytes.
    bytes: Range<u64>,
}

/// What is to be read for these bytes of an object, in order.
fn stripes(extents: Vec<Extent>, bytes: Range<u64>) -> impl Iterator<Item = StripeOf> + Send {
    let mut begins = 0;
    let of_extent = move |extent: Extent| {
        let (first, end) = (begins, begins + extent.length);
        begins = end;
        let wanted = bytes.start.max(first)..bytes.end.min(end);
        let length = match extent.kept {
            Kept::Whole => extent.length,
            Kept::Shards(shards) => u64::from(shards.stripe),
        };
        let length = length.max(1);
        let inside = wanted.start.saturating_sub(first)..wanted.end.saturating_sub(first);
        let is_wanted = inside.start < inside.end;
        let numbers = match is_wanted {
            true => inside.start / length..inside.end.div_ceil(length),
            false => 0..0,
        };
        numbers.map(move |stripe| {
            let at = stripe * length;
            let bytes = inside.start.max(at) - at..inside.end.min(at + length) - at;
            StripeOf { extent: extent.clone(), stripe, bytes }
        })
    };
    extents.into_iter().flat_map(of_extent)
}

/// Reads what is wanted of a stripe: pieces that are what they were sealed as, and others for those that are not.
async fn read<M: Machine<Protocol = ObjectStore>>(
    asker: Asker<M>,
    codec: Codec,
    (bucket, key): (Name, Name),
    of: StripeOf,
) -> S3Result<Vec<Bytes>> {
    let StripeOf { extent, stripe, bytes } = of;
    let mut bad = 0;
    loop {
        let (bucket, key) = (bucket.clone(), key.clone());
        let seal = Seal::new(&bucket, &key, extent.put);
        let ask = Ask::Read { bucket, key, extent: extent.clone(), stripe, bad };
        let pieces = match asker.ask(ask).await? {
            Answer::Whole(whole) => {
                return slice(&whole, &bytes).map(|part| vec![part]).ok_or_else(cut_short);
            }
            Answer::Pieces(pieces) => pieces,
            other => return Err(unexpected(other)),
        };
        let Kept::Shards(shards) = extent.kept else { return Err(cut_short()) };
        let codec = match codec.code() == shards.code {
            true => codec.clone(),
            false => Codec::new(shards.code).map_err(S3Error::internal_error)?,
        };
        let length = shards.stripe_length(extent.length, stripe);
        match seal.join(&codec, stripe, length, &pieces) {
            Ok(slices) => return Ok(cut(slices, &bytes)),
            // Each time there are more that are known not to serve.
            Err(found) if found & !bad != 0 => bad |= found,
            Err(_) => return Err(refused(Refusal::Unreadable)),
        }
    }
}

/// These bytes of what lies in slices.
fn cut(slices: Vec<Bytes>, bytes: &Range<u64>) -> Vec<Bytes> {
    let mut begins = 0;
    let wanted = slices.into_iter().filter_map(|slice| {
        let (first, end) = (begins, begins + slice.len() as u64);
        begins = end;
        let (from, to) = (bytes.start.clamp(first, end), bytes.end.clamp(first, end));
        let part = slice.slice((from - first) as usize..(to - first) as usize);
        (!part.is_empty()).then_some(part)
    });
    wanted.collect()
}

fn slice(whole: &Bytes, part: &Range<u64>) -> Option<Bytes> {
    let start = usize::try_from(part.start).ok()?;
    let end = usize::try_from(part.end).ok().filter(|end| *end <= whole.len())?;
    (start <= end).then(|| whole.slice(start..end))
}

fn cut_short() -> S3Error {
    s3_error!(InternalError, "the object has fewer bytes than its row says")
}

/// Bytes of an object on their way to a client. Its connection is broken off where they cannot be had.
struct Download {
    // A body is shared between threads, and never at the same time.
    all: Mutex<Pin<Box<dyn Stream<Item = S3Result<Bytes>> + Send>>>,
    left: u64,
    _permit: OwnedSemaphorePermit,
}

impl Stream for Download {
    type Item = Result<Bytes, StdError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let all = self.all.get_mut().unwrap_or_else(PoisonError::into_inner);
        let next = ready!(all.as_mut().poll_next(cx));
        if let Some(Ok(bytes)) = &next {
            self.left = self.left.saturating_sub(bytes.len() as u64);
        }
        Poll::Ready(next.map(|bytes| bytes.map_err(|why| Box::new(why) as StdError)))
    }
}

impl ByteStream for Download {
    fn remaining_length(&self) -> RemainingLength {
        RemainingLength::new_exact(usize::try_from(self.left).unwrap_or(usize::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use object_store::row::Shards;
    use proptest::prelude::*;

    fn extent((seq, (length, stripe)): (u32, (u64, Option<u32>))) -> Extent {
        let put = PutId { group: 0, epoch: 0, nonce: 0, seq };
        let kept = stripe.map_or(Kept::Whole, |stripe| {
            let code = Code { data: 4, parity: 2 };
            Kept::Shards(Shards { code, stripe, layout: 0, missing: 0 })
        });
        Extent { put, part: 0, length, kept }
    }

    proptest! {
        /// Each byte of an object is its place.
        #[test]
        fn what_is_read_are_the_bytes_that_are_wanted(
            extents in prop::collection::vec((0..40_u64, prop::option::of(1..9_u32)), 0..5),
            ends in (0..200_u64, 0..200_u64),
        ) {
            let size: u64 = extents.iter().map(|(length, _)| length).sum();
            let bytes = ends.0.min(ends.1).min(size)..ends.0.max(ends.1).min(size);
            let extents: Vec<_> = (0..).zip(extents).map(extent).collect();
            let mut read = Vec::new();
            for of in stripes(extents.clone(), bytes.clone()) {
                prop_assert!(of.bytes.start < of.bytes.end);
                let begins: u64 = extents.iter().take_while(|one| **one != of.extent).map(|one| one.length).sum();
                let stripe = match of.extent.kept {
                    Kept::Whole => 0,
                    Kept::Shards(shards) => {
                        prop_assert!(of.bytes.end <= u64::from(shards.stripe_length(of.extent.length, of.stripe)));
                        of.stripe * u64::from(shards.stripe)
                    }
                };
                read.extend(of.bytes.map(|byte| begins + stripe + byte));
            }
            prop_assert_eq!(read, bytes.collect::<Vec<_>>());
        }
    }
}
