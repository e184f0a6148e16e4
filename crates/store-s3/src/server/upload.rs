//! The body of a put, from the connection to stripes: counted, summed up, and compared with what is said of it.
//!
//! The law: an upload ends well only if it has as many bytes as it said before the first, and everything that its client
//! says of them is true ([`Claims`]). Whatever is wrong, it is S3's error, before anything has a name.

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use hyper::StatusCode;
use object_store::sums::Algorithm;
use s3s::dto::StreamingBlob;
use s3s::stream::ByteStream;
use s3s::{S3Error, S3ErrorCode, S3Request, S3Result, StdError, TrailingHeaders, s3_error};
use tokio::task::{JoinHandle, spawn_blocking};

use super::asker::custom;
use super::budget::Fate;
use super::claims::{Adding, Claims, Sums};

/// The most bytes of a put.
const LONGEST: u64 = 5 << 30;
/// More bytes than these are summed up beside whatever else is done with them.
const AT_ONCE: usize = 64 << 10;

/// A body that arrives.
pub(super) struct Upload {
    blob: StreamingBlob,
    /// As its client said before the first byte.
    length: u64,
    come: u64,
    /// Of the last frame, what was not asked for.
    rest: Bytes,
    claims: Claims,
    trailers: Option<TrailingHeaders>,
    fate: Fate,
    adding: Work,
}

enum Work {
    Here(Box<Adding>),
    Beside(JoinHandle<Box<Adding>>),
    Over,
}

impl Upload {
    /// The body of this request. None of it was asked for yet: what is refused here costs its client nothing.
    pub(super) fn of<T>(
        request: &mut S3Request<T>,
        blob: Option<StreamingBlob>,
    ) -> S3Result<Upload> {
        let blob = blob.unwrap_or_else(|| s3s::Body::empty().into());
        let trailers = request.trailing_headers.take();
        // s3s takes `aws-chunked` apart, and the length is that of what is left.
        let header = match trailers {
            Some(_) => "x-amz-decoded-content-length",
            None => "content-length",
        };
        let said = request.headers.get(header).and_then(|value| value.to_str().ok()?.parse().ok());
        let known = || blob.remaining_length().exact().map(|length| length as u64);
        let length = said.or_else(known).ok_or(S3ErrorCode::MissingContentLength)?;
        if length > LONGEST {
            return Err(s3_error!(EntityTooLarge, "a put has at most 5 GiB; put it in parts"));
        }
        let claims = Claims::of(&request.headers)?;
        let fate = request.extensions.get().cloned().unwrap_or_default();
        let adding = Work::Here(Box::new(Adding::new(claims.algorithm())));
        Ok(Upload { blob, length, come: 0, rest: Bytes::new(), claims, trailers, fate, adding })
    }

    /// These bytes of ours, of which one checksum may be wanted: a copy.
    pub(super) fn copied(blob: StreamingBlob, length: u64, algorithm: Option<Algorithm>) -> Upload {
        Upload {
            blob,
            length,
            come: 0,
            rest: Bytes::new(),
            claims: Claims::default(),
            trailers: None,
            fate: Fate::default(),
            adding: Work::Here(Box::new(Adding::new(algorithm))),
        }
    }

    /// How many bytes there will be.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// The next bytes, so many and fewer only at the end; none behind it.
    pub(super) async fn next(&mut self, most: usize) -> S3Result<Option<Bytes>> {
        let mut gathered = BytesMut::new();
        while gathered.len() < most {
            if self.rest.is_empty() && !self.read().await? {
                break;
            }
            let missing = most - gathered.len();
            if gathered.is_empty() {
                if self.rest.len() >= missing {
                    // A slice of what was read: nothing is copied.
                    let whole = self.rest.split_to(missing);
                    return self.added(whole).await.map(Some);
                }
                let left = self.length - self.come + self.rest.len() as u64;
                gathered.reserve(missing.min(usize::try_from(left).unwrap_or(missing)));
            }
            let part = self.rest.split_to(missing.min(self.rest.len()));
            gathered.extend_from_slice(&part);
        }
        match gathered.is_empty() {
            true => Ok(None),
            false => self.added(gathered.freeze()).await.map(Some),
        }
    }

    /// All came, and was asked for: what it sums up to, if everything that was said of it is true.
    pub(super) async fn end(mut self) -> S3Result<Sums> {
        // Behind the last byte there may be a signature, and trailers.
        if !self.rest.is_empty() || self.read().await? || self.come != self.length {
            return Err(other_length());
        }
        let trailers = self.trailers.take().and_then(|trailers| trailers.take());
        let claims = std::mem::take(&mut self.claims).and(trailers.as_ref())?;
        let sums = self.adding().await?.end();
        claims.hold(&sums).map(|()| sums)
    }

    /// Reads some bytes; false behind the last.
    async fn read(&mut self) -> S3Result<bool> {
        while self.rest.is_empty() {
            let Some(frame) = self.blob.next().await else { return Ok(false) };
            // What breaks off a copy is known; what breaks off a body is to be found out.
            let known =
                |why: StdError| why.downcast().map_or_else(|why| self.why(&why), |why| *why);
            self.rest = frame.map_err(known)?;
            self.come += self.rest.len() as u64;
            if self.come > self.length {
                return Err(other_length());
            }
        }
        Ok(true)
    }

    /// Adds these up; many of them on a thread beside, while the caller goes on with them.
    async fn added(&mut self, bytes: Bytes) -> S3Result<Bytes> {
        let mut adding = self.adding().await?;
        self.adding = if bytes.len() > AT_ONCE {
            let bytes = bytes.clone();
            Work::Beside(spawn_blocking(move || {
                adding.add(&bytes);
                adding
            }))
        } else {
            adding.add(&bytes);
            Work::Here(adding)
        };
        Ok(bytes)
    }

    async fn adding(&mut self) -> S3Result<Box<Adding>> {
        match std::mem::replace(&mut self.adding, Work::Over) {
            Work::Here(adding) => Ok(adding),
            Work::Beside(beside) => beside.await.map_err(S3Error::internal_error),
            Work::Over => Err(s3_error!(InternalError, "the sums of a body went with an error")),
        }
    }

    /// Why the body broke off. s3s tells its own reasons in words alone.
    fn why(&self, why: &StdError) -> S3Error {
        let said = why.to_string();
        let is = |what: &str| said.ends_with(what);
        match self.fate.error() {
            Some(error) => error,
            None if is("Sha256Mismatch") => custom(
                "XAmzContentSHA256Mismatch",
                StatusCode::BAD_REQUEST,
                "the bytes that came are others than x-amz-content-sha256 says; nothing was stored",
            ),
            None if is("SignatureMismatch") => s3_error!(
                SignatureDoesNotMatch,
                "the signature of a chunk is not that of its bytes; nothing was stored"
            ),
            None if is("Incomplete") || is("LengthMismatch") => other_length(),
            None => s3_error!(
                InvalidRequest,
                "the body is not what its headers say; nothing was stored"
            ),
        }
    }
}

fn other_length() -> S3Error {
    s3_error!(
        IncompleteBody,
        "the body has not as many bytes as the request said; nothing was stored"
    )
}
