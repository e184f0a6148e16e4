//! The body of a request, as a whole.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use axum::body::{Body, HttpBody, to_bytes};
use axum::http::StatusCode;
use bytes::Bytes;
use http_body_util::LengthLimitError;
use tokio::time::timeout;

/// For a client to send a body.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// All of a body, of at most so many bytes. One that says that it is longer is not waited for.
///
/// # Errors
/// With the status and the sentence for who sent it. Nothing was done.
pub async fn body(body: Body, most: usize) -> Result<Bytes, BadBody> {
    if body.size_hint().lower() > most as u64 {
        return Err(BadBody::Long { most });
    }
    if body.is_end_stream() {
        return Ok(Bytes::new());
    }
    match timeout(BODY_TIMEOUT, to_bytes(body, most)).await {
        Ok(Ok(body)) => Ok(body),
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
}

impl BadBody {
    /// As HTTP says it.
    pub fn status(self) -> StatusCode {
        match self {
            BadBody::Long { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            BadBody::Malformed => StatusCode::BAD_REQUEST,
            BadBody::Late => StatusCode::REQUEST_TIMEOUT,
        }
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
        }
    }
}

impl Error for BadBody {}
