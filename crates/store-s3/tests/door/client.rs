//! A client that signs as S3's do (AWS's signature of version 4), and can do it wrongly.

use std::fmt::Write as _;
use std::net::SocketAddr;

use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub(crate) const KEY: (&str, &str) = ("ANNA", "0123456789abcdef");
pub(crate) const OTHERS: (&str, &str) = ("BERT", "fedcba9876543210");

/// A request that is not signed yet.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: &'static str,
    /// As it is sent.
    pub(crate) path: String,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// What is signed for the body, where that is not its hash.
    pub(crate) payload: Option<String>,
}

/// What was answered.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(its, _)| its == name);
        found.map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The text of the first element of this name.
    pub(crate) fn element(&self, name: &str) -> Option<String> {
        self.elements(name).into_iter().next()
    }

    /// The texts of all elements of this name.
    pub(crate) fn elements(&self, name: &str) -> Vec<String> {
        let (opens, closes) = (format!("<{name}>"), format!("</{name}>"));
        let text = self.text();
        let all = text.split(&opens).skip(1).filter_map(|rest| rest.split_once(&closes));
        all.map(|(text, _)| text.to_owned()).collect()
    }

    /// The status, and the code of an error.
    pub(crate) fn said(&self) -> (u16, String) {
        (self.status, self.element("Code").unwrap_or_default())
    }
}

impl Request {
    pub(crate) fn new(method: &'static str, path: &str) -> Request {
        let (query, headers, body) = Default::default();
        Request { method, path: path.to_owned(), query, headers, body, payload: None }
    }

    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Request {
        self.body = body.into();
        self
    }

    pub(crate) fn header(mut self, name: &str, value: impl Into<String>) -> Request {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    pub(crate) fn query(mut self, name: &str, value: impl Into<String>) -> Request {
        self.query.push((name.to_owned(), value.into()));
        self
    }

    pub(crate) fn payload(mut self, payload: &str) -> Request {
        self.payload = Some(payload.to_owned());
        self
    }

    /// Signed in a header, at this time.
    pub(crate) fn signed(mut self, (key, secret): (&str, &str), time: &str) -> Request {
        let hash = self.payload.clone().unwrap_or_else(|| hex(&Sha256::digest(&self.body)));
        self.headers.push(("host".to_owned(), "127.0.0.1".to_owned()));
        self.headers.push(("x-amz-date".to_owned(), time.to_owned()));
        self.headers.push(("x-amz-content-sha256".to_owned(), hash.clone()));
        let names = self.names();
        let scope = format!("{}/us-east-1/s3/aws4_request", &time[..8]);
        let signature = self.signature(secret, time, &scope, &hash, &names);
        let header = format!(
            "AWS4-HMAC-SHA256 Credential={key}/{scope}, SignedHeaders={names}, Signature={signature}"
        );
        self.headers.push(("authorization".to_owned(), header));
        self
    }

    /// Signed in the query, for so many seconds from this time on.
    pub(crate) fn presigned(
        mut self,
        (key, secret): (&str, &str),
        time: &str,
        seconds: u32,
    ) -> Request {
        self.headers.push(("host".to_owned(), "127.0.0.1".to_owned()));
        let names = self.names();
        let scope = format!("{}/us-east-1/s3/aws4_request", &time[..8]);
        for (name, value) in [
            ("X-Amz-Algorithm", "AWS4-HMAC-SHA256"),
            ("X-Amz-Credential", &format!("{key}/{scope}")),
            ("X-Amz-Date", time),
            ("X-Amz-Expires", &seconds.to_string()),
            ("X-Amz-SignedHeaders", &names),
        ] {
            self.query.push((name.to_owned(), value.to_owned()));
        }
        let signature = self.signature(secret, time, &scope, "UNSIGNED-PAYLOAD", &names);
        self.query.push(("X-Amz-Signature".to_owned(), signature));
        self
    }

    fn names(&self) -> String {
        let mut names: Vec<_> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        names.join(";")
    }

    fn signature(&self, secret: &str, time: &str, scope: &str, hash: &str, names: &str) -> String {
        let mut headers: Vec<_> = self.headers.iter().collect();
        headers.sort();
        let headers: String =
            headers.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
        let (method, path, query) = (self.method, &self.path, self.query_text());
        let canonical = format!("{method}\n{path}\n{query}\n{headers}\n{names}\n{hash}");
        let hashed = hex(&Sha256::digest(canonical));
        let text = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{hashed}");
        let mut key = format!("AWS4{secret}").into_bytes();
        for part in scope.split('/') {
            key = hmac(&key, part.as_bytes());
        }
        hex(&hmac(&key, text.as_bytes()))
    }

    fn query_text(&self) -> String {
        let mut pairs: Vec<_> = self
            .query
            .iter()
            .map(|(name, value)| format!("{}={}", encoded(name), encoded(value)))
            .collect();
        pairs.sort();
        pairs.join("&")
    }

    /// The head of it, and its body.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let query = self.query_text();
        let target =
            if query.is_empty() { self.path.clone() } else { format!("{}?{query}", self.path) };
        let mut head = format!("{} {target} HTTP/1.1\r\n", self.method);
        let has = |name: &str| self.headers.iter().any(|(its, _)| its == name);
        for (name, value) in &self.headers {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        if !has("content-length") && !has("transfer-encoding") {
            let _ = write!(head, "content-length: {}\r\n", self.body.len());
        }
        head.push_str("connection: close\r\n\r\n");
        [head.as_bytes(), &self.body].concat()
    }

    pub(crate) async fn send(&self, to: SocketAddr) -> Answer {
        exchange(to, &self.bytes()).await
    }
}

/// Sends these bytes, and reads an answer.
pub(crate) async fn exchange(to: SocketAddr, bytes: &[u8]) -> Answer {
    let mut stream = TcpStream::connect(to).await.unwrap();
    // Who is refused early need not take the rest.
    let _ = stream.write_all(bytes).await;
    let mut all = Vec::new();
    let _ = stream.read_to_end(&mut all).await;
    answer(&all)
}

fn answer(all: &[u8]) -> Answer {
    let end = all.windows(4).position(|four| four == b"\r\n\r\n");
    let end = end.unwrap_or_else(|| panic!("no answer: {}", String::from_utf8_lossy(all)));
    let head = String::from_utf8(all[..end].to_vec()).unwrap();
    if head.starts_with("HTTP/1.1 100 ") {
        return answer(&all[end + 4..]);
    }
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers = lines.map(|line| {
        let (name, value) = line.split_once(": ").unwrap();
        (name.to_ascii_lowercase(), value.to_owned())
    });
    Answer { status, headers: headers.collect(), body: all[end + 4..].to_vec() }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// As signatures write a part of a query.
pub(crate) fn encoded(text: &str) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~".contains(byte);
    text.bytes().fold(String::new(), |mut all, byte| {
        match plain(&byte) {
            true => all.push(byte.into()),
            false => drop(write!(all, "%{byte:02X}")),
        }
        all
    })
}

fn hmac(key: &[u8], text: &[u8]) -> Vec<u8> {
    let mut padded = [0; 64];
    padded[..key.len()].copy_from_slice(key);
    let pad = |with: u8| padded.map(|byte| byte ^ with);
    let inner = Sha256::new().chain_update(pad(0x36)).chain_update(text).finalize();
    Sha256::new().chain_update(pad(0x5c)).chain_update(inner).finalize().to_vec()
}
