//! What a connection is doing, seen from its bytes.
//!
//! hyper answers a request that it cannot read by itself, with a status and an empty body. Such an
//! answer is the last thing on its connection, and the only one without a `content-type`; here it
//! is given a body that says what was wrong. Once an answer was sent whose own bytes could be taken for
//! one of these, nothing on its connection is touched any more.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_io_timeout::TimeoutStream;

/// The request line and all headers have at most so many bytes.
pub const LONGEST_HEADER: usize = 16 << 10;

/// Is somebody working on an answer, and is the client taking it?
#[derive(Debug, Default)]
pub(super) struct Progress {
    working: AtomicUsize,
    written: AtomicU64,
    /// Something was sent that may look like a bare answer and is none.
    as_it_is: AtomicBool,
    /// Whether the client is still there is to be seen.
    look: AtomicBool,
}

impl Progress {
    /// Somebody is, as long as this is kept.
    pub(super) fn work(progress: &Arc<Progress>) -> Work {
        progress.working.fetch_add(1, Ordering::Relaxed);
        Work(progress.clone())
    }

    /// Has the connection looked for whether its client is still there, when it is flushed next, if somebody
    /// works on an answer. hyper does not read meanwhile.
    pub(super) fn look(&self) {
        self.look.store(self.is_working(), Ordering::Relaxed);
    }

    pub(super) fn is_working(&self) -> bool {
        self.working.load(Ordering::Relaxed) > 0
    }

    /// What is written on the connection of this answer is left as it is from now on.
    pub(super) fn leave_as_it_is(work: &Work) {
        work.0.as_it_is.store(true, Ordering::Relaxed);
    }

    /// Bytes that the client, or its system, has taken.
    pub(super) fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }
}

#[derive(Debug)]
pub(super) struct Work(Arc<Progress>);

impl Drop for Work {
    fn drop(&mut self) {
        self.0.working.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A connection that is watched.
#[derive(Debug)]
pub(super) struct Watched {
    stream: Pin<Box<TimeoutStream<TcpStream>>>,
    progress: Arc<Progress>,
    /// Our answer in the place of a bare one, and how much of it is written.
    own: Option<(Vec<u8>, usize)>,
    /// The client had nothing more to send when we looked last.
    has_said_all: bool,
}

impl Watched {
    pub(super) fn new(stream: TcpStream, write_time: Duration, progress: Arc<Progress>) -> Self {
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(write_time));
        Watched { stream: Box::pin(stream), progress, own: None, has_said_all: false }
    }

    fn write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = ready!(self.stream.as_mut().poll_write(cx, bytes))?;
        self.progress.written.fetch_add(written as u64, Ordering::Relaxed);
        Poll::Ready(Ok(written))
    }

    /// Has the client hung up, or said all long ago?
    fn is_gone(&mut self, cx: &mut Context<'_>) -> bool {
        let stream = self.stream.as_ref().get_ref().get_ref();
        let mut byte = [0];
        let over = match stream.poll_peek(cx, &mut ReadBuf::new(&mut byte)) {
            Poll::Ready(Ok(bytes)) => bytes == 0,
            Poll::Ready(Err(_)) => return true,
            Poll::Pending => false,
        };
        over && std::mem::replace(&mut self.has_said_all, over)
    }

    /// Writes all of our own answer.
    fn write_own(&mut self, cx: &mut Context<'_>, bare: &[u8]) -> Poll<io::Result<()>> {
        let (text, mut done) = self.own.take().unwrap_or_else(|| (with_body(bare), 0));
        while done < text.len() {
            match self.write(cx, &text[done..]) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(written)) => done += written,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => {
                    self.own = Some((text, done));
                    return Poll::Pending;
                }
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.stream.as_mut().poll_read(cx, buffer)
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let as_it_is = self.progress.as_it_is.load(Ordering::Relaxed);
        match bare_answer(bytes).filter(|_| !as_it_is) {
            None => self.write(cx, bytes),
            Some(0) => self.write_own(cx, bytes).map_ok(|()| bytes.len()),
            Some(begins) => self.write(cx, &bytes[..begins]),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.progress.look.swap(false, Ordering::Relaxed) && self.is_gone(cx) {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        self.stream.as_mut().poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream.as_mut().poll_shutdown(cx)
    }
}

/// Where in these bytes the answer without a body begins, if they end with one.
fn bare_answer(bytes: &[u8]) -> Option<usize> {
    if !bytes.ends_with(b"\r\n\r\n") {
        return None;
    }
    let begins =
        bytes.windows(9).rposition(|window| window.starts_with(b"HTTP/1.") && window[8] == b' ')?;
    let head = std::str::from_utf8(&bytes[begins..]).ok()?.to_ascii_lowercase();
    let bare = head.contains("\r\ncontent-length: 0\r\n") && !head.contains("\r\ncontent-type:");
    (bare && head[9..].starts_with('4')).then_some(begins)
}

fn with_body(bare: &[u8]) -> Vec<u8> {
    let head = String::from_utf8_lossy(bare);
    let why = match head.get(9..12) {
        Some("431" | "414") => format!(
            "the request line and the headers are longer than {LONGEST_HEADER} bytes together, or \
             there are too many of them; ask for less at once"
        ),
        _ => "this is not a request of HTTP/1.1; ask as in: GET / HTTP/1.1".to_owned(),
    };
    let body = serde_json::json!({ "error": why }).to_string();
    let length = format!("content-length: {}", body.len());
    let head = head.trim_end().to_ascii_lowercase().replace("content-length: 0", &length);
    let head = head.replacen("http/1.", "HTTP/1.", 1);
    let fixed = "content-type: application/json\r\ncache-control: no-store";
    format!("{head}\r\n{fixed}\r\n\r\n{body}").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BARE: &[u8] =
        b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\ndate: x\r\n\r\n";

    #[test]
    fn an_answer_without_a_body_is_found_behind_others() {
        assert_eq!(bare_answer(BARE), Some(0));
        let ours =
            b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-type: x\r\n\r\nHTTP/1.1 4".to_vec();
        assert_eq!(bare_answer(&[&ours, BARE].concat()), Some(ours.len()));
        assert_eq!(bare_answer(&ours), None);
        let head = b"HTTP/1.1 404 Not Found\r\ncontent-type: x\r\ncontent-length: 0\r\n\r\n";
        assert_eq!(bare_answer(head), None);
        for cut in 0..BARE.len() {
            assert_eq!(bare_answer(&BARE[..cut]), None);
        }
    }

    #[test]
    fn it_is_given_a_sentence() {
        let text = String::from_utf8(with_body(BARE)).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 400 bad request\r\nconnection: close"), "{head}");
        assert!(head.contains(&format!("content-length: {}\r\n", body.len())), "{head}");
        assert!(body.starts_with(r#"{"error":"this is not a request"#), "{body}");
    }
}
