//! The bytes of a request, counted under s3s, and compared where nobody else can.
//!
//! The law: of a body no more is held at a time than [`MOST_HELD`]. s3s reads a signed chunk as a whole before it
//! hands on a byte of it, and its length is the client's to say, up to 4 GiB; so they are counted here, where they come
//! from the connection, and are given back when the last slice of them is dropped. Who has more is refused, and its
//! connection is closed. A body that s3s reads as a whole is XML: what is said of it is compared here, since s3s compares
//! nothing and hands on what it has read.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::BoxError;
use axum::body::{Body, HttpBody};
use bytes::Bytes;
use futures_util::StreamExt;
use host::Budget;
use hyper::HeaderMap;
use hyper::body::{Frame, SizeHint};
use object_store::sums::{Algorithm, Summing};
use s3s::{S3Error, S3Result, s3_error};
use tokio::runtime::Handle;
use tokio::time::timeout;

use super::claims::{Adding, Claims};

/// Of one body: the largest chunk that a client of the field sends (8 MiB, a part as a whole), and what is cut into
/// stripes meanwhile.
pub(super) const MOST_HELD: u32 = 11 << 20;

/// Of a body of XML: 10,000 parts, each with its ETag and the longest checksum, and some room.
pub(super) const LONGEST_XML: usize = 4 << 20;
/// Of a body that was refused, so much is read and forgotten, and for so long.
const MOST_DRAINED: usize = 64 << 20;
const DRAIN_TIME: Duration = Duration::from_secs(5);

/// What became of the body of a request; among its extensions.
#[derive(Clone, Debug, Default)]
pub(super) struct Fate(Arc<AtomicU8>);

const WHOLE: u8 = 0;
const TOO_MUCH: u8 = 1;
const NO_ROOM: u8 = 2;
const BROKEN: u8 = 3;
const UNTRUE: u8 = 4;
const LONG: u8 = 5;

impl Fate {
    /// Why there is no more of it, where s3s does not know.
    pub(super) fn error(&self) -> Option<S3Error> {
        match self.0.load(Ordering::Relaxed) {
            WHOLE => None,
            TOO_MUCH => Some(s3_error!(
                EntityTooLarge,
                "a chunk of the body has more than 8 MiB; send smaller ones"
            )),
            NO_ROOM => Some(s3_error!(
                SlowDown,
                "the server has no memory left for this body; nothing was stored; send it again in a moment"
            )),
            UNTRUE => Some(s3_error!(
                BadDigest,
                "the bytes that came are others than the request says; nothing was done"
            )),
            LONG => Some(s3_error!(
                MaxMessageLengthExceeded,
                "XML has at most {LONGEST_XML} bytes here"
            )),
            _ => Some(s3_error!(
                IncompleteBody,
                "the body ended before it was whole; nothing was stored"
            )),
        }
    }

    fn is(&self, fate: u8) {
        self.0.store(fate, Ordering::Relaxed);
    }
}

/// A body of XML: how much of it there may still be, what is said of it, and what it sums up to.
pub(super) struct Xml {
    left: usize,
    claims: Claims,
    adding: Adding,
    /// The SHA-256 that the signature covers, and what the bytes have.
    signed: Option<(Vec<u8>, Summing)>,
}

impl Xml {
    pub(super) fn of(headers: &HeaderMap) -> S3Result<Xml> {
        let claims = Claims::of(headers)?;
        let signed = headers.get("x-amz-content-sha256").and_then(|digest| hex(digest.as_bytes()));
        let adding = Adding::new(claims.algorithm());
        let signed = signed.map(|digest| (digest, Summing::new(Algorithm::Sha256)));
        Ok(Xml { left: LONGEST_XML, claims, adding, signed })
    }

    /// These come next; false where they are too many.
    fn add(&mut self, bytes: &[u8]) -> bool {
        self.adding.add(bytes);
        self.signed.iter_mut().for_each(|(_, sum)| sum.add(bytes));
        let left = self.left.checked_sub(bytes.len());
        self.left = left.unwrap_or(0);
        left.is_some()
    }

    /// That was all: is it what was said?
    fn holds(self) -> bool {
        let is_signed = self.signed.is_none_or(|(digest, sum)| *sum.end().value == digest);
        is_signed && self.claims.hold(&self.adding.end()).is_ok()
    }
}

fn hex(digits: &[u8]) -> Option<Vec<u8>> {
    let (pairs, []) = digits.as_chunks::<2>() else { return None };
    let byte = |pair: &[u8; 2]| u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok();
    pairs.iter().map(byte).collect()
}

/// A body of which so much is held and no more. What nobody wants of it is read all the same, for a while: a client that
/// sends what it has before it listens hears why it was refused, and not that the connection broke.
pub(super) struct Held {
    body: Body,
    /// Nobody has asked for any of it, and its client sends it only then.
    is_awaited: bool,
    xml: Option<Xml>,
    budget: Budget,
    fate: Fate,
}

impl Held {
    /// `is_awaited`: its client waits for `100 Continue`.
    pub(super) fn new(body: Body, is_awaited: bool, xml: Option<Xml>, fate: Fate) -> Held {
        Held { body, is_awaited, xml, budget: Budget::new(MOST_HELD), fate }
    }

    /// It has ended: is it what it was said to be?
    fn end(&mut self) -> Option<Result<Frame<Bytes>, BoxError>> {
        let holds = self.xml.take().is_none_or(Xml::holds);
        (!holds).then(|| {
            self.fate.is(UNTRUE);
            Err("the bytes of this body are others than its headers say".into())
        })
    }
}

impl HttpBody for Held {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        self.is_awaited = false;
        let Some(frame) = ready!(Pin::new(&mut self.body).poll_frame(cx)) else {
            return Poll::Ready(self.end());
        };
        let frame = match frame {
            Ok(frame) => frame,
            Err(why) => {
                let has_no_room = is_out_of_memory(&why);
                self.fate.is(if has_no_room { NO_ROOM } else { BROKEN });
                return Poll::Ready(Some(Err(why.into())));
            }
        };
        // Trailers of HTTP are nothing that S3 knows.
        let Ok(bytes) = frame.into_data() else { return Poll::Ready(self.end()) };
        if self.xml.as_mut().is_some_and(|xml| !xml.add(&bytes)) {
            self.fate.is(LONG);
            return Poll::Ready(Some(Err("this body of XML is too long".into())));
        }
        // The last bytes: s3s compares one of the sums itself, and does not tell which of them is wrong.
        if self.body.is_end_stream()
            && let Some(untrue) = self.end()
        {
            return Poll::Ready(Some(untrue));
        }
        let Some(taken) = self.budget.take(bytes.len() as u64) else {
            self.fate.is(TOO_MUCH);
            return Poll::Ready(Some(Err("more of this body is held than may be".into())));
        };
        Poll::Ready(Some(Ok(Frame::data(taken.hold(bytes)))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if self.is_awaited || self.body.is_end_stream() {
            return;
        }
        let mut rest = std::mem::take(&mut self.body).into_data_stream();
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(timeout(DRAIN_TIME, async move {
                let mut read = 0;
                while let Some(Ok(bytes)) = rest.next().await
                    && read < MOST_DRAINED
                {
                    read += bytes.len();
                }
            }));
        }
    }
}

/// Had the server's budget nothing left for it?
fn is_out_of_memory(why: &(dyn std::error::Error + 'static)) -> bool {
    let mut next = Some(why);
    while let Some(why) = next {
        let io = why.downcast_ref::<std::io::Error>();
        if io.is_some_and(|io| io.kind() == std::io::ErrorKind::OutOfMemory) {
            return true;
        }
        next = why.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::stream;

    const STEP: usize = 1 << 20;

    /// A body of so many mebibytes, in steps of one.
    fn held(steps: usize) -> (s3s::Body, Fate) {
        let steps = (0..steps).map(|_| Ok::<_, BoxError>(Bytes::from(vec![7; STEP])));
        let fate = Fate::default();
        let body = Held::new(Body::from_stream(stream::iter(steps)), false, None, fate.clone());
        (s3s::Body::http_body_unsync(body), fate)
    }

    fn run<T>(work: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(work)
    }

    #[test]
    fn of_a_body_that_is_used_as_it_comes_any_length_is_taken() {
        let (mut body, fate) = held(40);
        let taken = run(async {
            let mut taken = 0;
            while let Some(bytes) = body.next().await {
                taken += bytes.unwrap().len();
            }
            taken
        });
        assert_eq!(taken, 40 * STEP);
        assert!(fate.error().is_none());
    }

    #[test]
    fn who_lets_more_of_it_lie_than_may_be_held_gets_no_more() {
        let (mut body, fate) = held(40);
        let kept = run(async {
            let mut kept = Vec::new();
            while let Some(Ok(bytes)) = body.next().await {
                kept.push(bytes);
            }
            kept
        });
        assert_eq!(kept.len(), MOST_HELD as usize / STEP);
        assert_eq!(fate.error().unwrap().code(), &s3s::S3ErrorCode::EntityTooLarge);
    }

    #[test]
    fn a_server_without_memory_says_so_and_a_broken_connection_is_something_else() {
        for (why, code) in [
            (std::io::ErrorKind::OutOfMemory, s3s::S3ErrorCode::SlowDown),
            (std::io::ErrorKind::ConnectionReset, s3s::S3ErrorCode::IncompleteBody),
        ] {
            let steps = stream::iter([Err::<Bytes, _>(std::io::Error::from(why))]);
            let fate = Fate::default();
            let mut body = s3s::Body::http_body_unsync(Held::new(
                Body::from_stream(steps),
                false,
                None,
                fate.clone(),
            ));
            assert!(run(body.next()).unwrap().is_err());
            assert_eq!(fate.error().unwrap().code(), &code);
        }
    }
}
