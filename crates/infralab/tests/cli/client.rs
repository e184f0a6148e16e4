//! The smallest HTTP client that can be surprised.

#![expect(clippy::disallowed_types, reason = "the test is the client")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

/// An answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// In lower case.
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        assert!(self.head.contains("content-type: application/json"), "{self:?}");
        serde_json::from_str(&self.body).unwrap_or_else(|why| panic!("{self:?}: {why}"))
    }

    /// The answer must be a refusal with this status, and say this.
    #[track_caller]
    pub(crate) fn refuses(&self, status: u16, words: &str) {
        assert_eq!(self.status, status, "{self:?}");
        let json = self.json();
        let error = json["error"].as_str().unwrap();
        assert!(error.contains(words), "{words:?} is not in {error:?}");
    }
}

/// Sends these lines as the head of a request and reads the answer to its end.
pub(crate) fn ask(address: SocketAddr, head: &[&str]) -> Reply {
    try_ask(address, head).expect("the server answers")
}

pub(crate) fn try_ask(address: SocketAddr, head: &[&str]) -> std::io::Result<Reply> {
    let mut stream = connect(address)?;
    stream.write_all((head.join("\r\n") + "\r\nConnection: close\r\n\r\n").as_bytes())?;
    reply(stream)
}

/// A connection that waits for nothing for ever.
fn connect(address: SocketAddr) -> std::io::Result<TcpStream> {
    let patience = Duration::from_secs(20);
    let stream = TcpStream::connect_timeout(&address, patience)?;
    stream.set_read_timeout(Some(patience))?;
    stream.set_write_timeout(Some(patience))?;
    Ok(stream)
}

/// Sends these bytes and leaves the connection open.
pub(crate) fn begin(address: SocketAddr, bytes: &str) -> TcpStream {
    let mut stream = connect(address).unwrap();
    stream.write_all(bytes.as_bytes()).unwrap();
    stream
}

/// Reads the answer to its end.
pub(crate) fn reply(mut stream: TcpStream) -> std::io::Result<Reply> {
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    Ok(Reply { status, head: head.to_lowercase(), body: body.to_owned() })
}

/// Sends a request with a body and reads the answer to its end.
pub(crate) fn send(
    address: SocketAddr,
    request: &str,
    headers: &str,
    body: &str,
) -> std::io::Result<Reply> {
    let mut stream = connect(address)?;
    let length = body.len();
    let text = format!(
        "{request} HTTP/1.1\r\nHost: {address}\r\nContent-Length: {length}\r\n{headers}Connection: \
         close\r\n\r\n{body}"
    );
    stream.write_all(text.as_bytes())?;
    reply(stream)
}
