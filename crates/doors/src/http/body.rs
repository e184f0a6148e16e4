//! The body of a request, as a whole.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use axum::body::{Body, HttpBody, to_bytes};
use axum::http::StatusCode;
use axum::http::request::Parts;
use bytes::Bytes;
use http_body_util::LengthLimitError;
use tokio::time::timeout;

use super::HttpReply;
use super::exchange::Allowance;

/// For a client to send a body.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// All of the body of this request, of at most so many bytes. One that says that it is longer is not waited
/// for. It has its bytes of the server's budget before any is read.
///
/// # Errors
/// With the status and the sentence for who sent it. Nothing was done.
pub async fn body(parts: &Parts, body: Body, most: usize) -> Result<Bytes, BadBody> {
    let size = body.size_hint();
    if size.lower() > most as u64 {
        return Err(BadBody::Long { most });
    }
    if body.is_end_stream() {
        return Ok(Bytes::new());
    }
    let allowance = parts.extensions.get::<Allowance>();
    let taken = allowance.map(|allowance| {
        let length = size.exact().unwrap_or(most as u64);
        allowance.whole(length).ok_or(BadBody::NoRoom)
    });
    let taken = taken.transpose()?;
    match timeout(BODY_TIMEOUT, to_bytes(body, most)).await {
        Ok(Ok(body)) => Ok(match taken {
            Some(mut taken) => taken.split(body.len() as u64).hold(body),
            None => body,
        }),
        Ok(Err(why)) if why.source().is_some_and(|why| why.is::<LengthLimitError>()) => {
            Err(BadBody::Long { most })
        }
        Ok(Err(_)) => Err(BadBody::Malformed),
        Err(_) => Err(BadBody::Late),
    }
}

/// Why there is no body. Nothing was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadBody {
    /// It has more bytes than may be.
    Long {
        /// So many.
        most: usize,
    },
    /// It is not what its headers say, or ended too early.
    Malformed,
    /// It did not come in time.
    Late,
    /// The bodies of other requests have all the memory that there is for bodies.
    NoRoom,
}

impl BadBody {
    /// As HTTP says it.
    pub fn status(self) -> StatusCode {
        match self {
            BadBody::Long { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            BadBody::Malformed => StatusCode::BAD_REQUEST,
            BadBody::Late => StatusCode::REQUEST_TIMEOUT,
            BadBody::NoRoom => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// The reply to who sent it.
    pub fn reply(self) -> HttpReply {
        let reply = HttpReply::error(self.status().as_u16(), self);
        if self == BadBody::NoRoom { reply.retry_after(1) } else { reply }
    }
}

impl fmt::Display for BadBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BadBody::Long { most } => write!(f, "a body has at most {most} bytes here"),
            BadBody::Malformed => write!(
                f,
                "the body is not what its headers say, such as chunks of the lengths that they name; \
                 nothing was done"
            ),
            BadBody::Late => write!(f, "the body did not come in time; nothing was done"),
            BadBody::NoRoom => write!(
                f,
                "the server has no memory left for this body; nothing was done; send it again in a moment"
            ),
        }
    }
}

impl Error for BadBody {}
