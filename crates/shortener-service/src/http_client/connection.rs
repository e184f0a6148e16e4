//! One connection to a server, and one question after the other on it.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, RETRY_AFTER};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};
use tokio::time::{sleep, timeout};

use super::ask_error::AskError;

/// For one answer.
const PATIENCE: Duration = Duration::from_secs(30);
/// In bytes: a thousand links of the greatest lengths.
const MAX_ANSWER_BYTES: usize = 16 << 20;
/// Who is told to come back later does so as often.
const ATTEMPTS: u32 = 100;
/// And waits no longer than this between two of them.
const MAX_PAUSE_SECONDS: u64 = 60;

/// Asks a server, over one connection.
pub struct HttpClient {
    runtime: Runtime,
    authority: String,
    key: Option<String>,
    sender: Option<SendRequest<Full<Bytes>>>,
}

/// What it answered.
#[derive(Clone, Debug)]
pub struct Answer<T> {
    /// What it says.
    pub value: T,
    /// Its words.
    pub text: String,
}

/// An answer as it came.
pub(super) struct Reply {
    pub(super) status: StatusCode,
    body: Bytes,
}

impl HttpClient {
    /// Will be connected when it is asked first.
    pub(super) fn new(authority: String, key: Option<String>) -> Result<HttpClient, AskError> {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| AskError::failed("cannot start", error))?;
        Ok(HttpClient { runtime, authority, key, sender: None })
    }

    /// Asks, and asks again when it is told to come back later.
    pub(super) fn ask(
        &mut self,
        method: Method,
        path: &str,
        body: Option<&impl Serialize>,
    ) -> Result<Reply, AskError> {
        let body = match body {
            Some(body) => serde_json::to_vec(body).map_err(AskError::refused)?,
            None => Vec::new(),
        };
        let body = Bytes::from(body);
        for _ in 0..ATTEMPTS {
            let (answer, wait) = self.once(&method, path, body.clone())?;
            match wait.filter(|_| answer.status == StatusCode::TOO_MANY_REQUESTS) {
                Some(wait) => self.pause(Duration::from_secs(wait.min(MAX_PAUSE_SECONDS))),
                None => return Ok(answer),
            }
        }
        Err(AskError::failed("the server", "it says again and again: too many requests"))
    }

    /// Waits a moment, because the server is busy.
    pub(super) fn pause(&self, time: Duration) {
        self.runtime.block_on(async { sleep(time).await });
    }

    fn once(
        &mut self,
        method: &Method,
        path: &str,
        body: Bytes,
    ) -> Result<(Reply, Option<u64>), AskError> {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, &self.authority)
            .header(CONTENT_TYPE, "application/json");
        if let Some(key) = &self.key {
            request = request.header(AUTHORIZATION, format!("Bearer {key}"));
        }
        let request = request.body(Full::new(body)).map_err(AskError::refused)?;
        let (authority, sender) = (self.authority.clone(), self.sender.take());
        let talk = async {
            let mut sender = match sender.filter(|sender| !sender.is_closed()) {
                Some(sender) => sender,
                None => connect(&authority).await?,
            };
            sender.ready().await.map_err(|error| error.to_string())?;
            let answer = sender.send_request(request).await.map_err(|error| error.to_string())?;
            let (parts, body) = answer.into_parts();
            let wait = parts.headers.get(RETRY_AFTER);
            let wait = wait.and_then(|wait| wait.to_str().ok()?.parse().ok());
            let body = Limited::new(body, MAX_ANSWER_BYTES).collect().await;
            let body = body.map_err(|error| error.to_string())?.to_bytes();
            Ok::<_, String>((sender, Reply { status: parts.status, body }, wait))
        };
        // A time-out begins on the runtime.
        let asked = self.runtime.block_on(async { timeout(PATIENCE, talk).await });
        let lost = |why: String| AskError::failed(format!("the server at {authority}"), why);
        let (sender, answer, wait) =
            asked.map_err(|_| lost("there was no answer in time".to_owned()))?.map_err(lost)?;
        self.sender = Some(sender);
        Ok((answer, wait))
    }
}

async fn connect(authority: &str) -> Result<SendRequest<Full<Bytes>>, String> {
    let address = match authority.rsplit_once(':') {
        Some((_, port)) if port.parse::<u16>().is_ok() => authority.to_owned(),
        _ => format!("{authority}:80"),
    };
    let stream = TcpStream::connect(address).await;
    let stream = stream.map_err(|error| {
        format!("{error}; is it running? infralab url-shortener serve starts one")
    })?;
    // Where it is refused answers are only later.
    let _ = stream.set_nodelay(true);
    let (sender, connection) =
        handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
    tokio::spawn(connection);
    Ok(sender)
}

impl Reply {
    /// What was wanted; otherwise its sentence.
    pub(super) fn wanted<T: DeserializeOwned>(&self) -> Result<T, AskError> {
        if self.status.is_success() {
            let read = serde_json::from_slice(&self.body);
            return read.map_err(|why| AskError::failed("the server answered otherwise", why));
        }
        let said: Option<Value> = serde_json::from_slice(&self.body).ok();
        let said = said.as_ref().and_then(|said| said["error"].as_str());
        let said = said.unwrap_or("it gave no reason");
        match self.status.is_server_error() {
            true => Err(AskError::failed(format!("the server said {}", self.status), said)),
            false => Err(AskError::Refused(said.to_owned())),
        }
    }

    /// The same, with its words.
    pub(super) fn whole<T: DeserializeOwned>(&self) -> Result<Answer<T>, AskError> {
        let text = || String::from_utf8_lossy(&self.body).into_owned();
        Ok(Answer { value: self.wanted()?, text: text() })
    }
}
