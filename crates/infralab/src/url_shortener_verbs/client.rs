//! A server that runs, asked by HTTP.

use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use clap::Args;
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, RETRY_AFTER};
use hyper::{Method, Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};
use tokio::time::{sleep, timeout};

use super::key_file;
use crate::exit::Failure;

/// Holds a key, where `--key-file` names none.
const KEY: &str = "INFRALAB_API_KEY";
/// For one answer.
const PATIENCE: Duration = Duration::from_secs(30);
/// In bytes: a thousand links of the greatest lengths.
const LONGEST_ANSWER: usize = 16 << 20;
/// Who is told to come back later does so as often.
const ATTEMPTS: u32 = 100;

/// Which server, and who asks.
#[derive(Clone, Debug, Args)]
pub(crate) struct Server {
    /// The server, which runs: `infralab url-shortener serve`.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:7441")]
    server: Uri,
    /// Holds a key, for a server that asks for one [default: the variable INFRALAB_API_KEY].
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
}

/// A connection to it.
pub(super) struct Client {
    runtime: Runtime,
    authority: String,
    key: Option<String>,
    sender: Option<SendRequest<Full<Bytes>>>,
}

/// What it answered.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    body: Bytes,
}

impl Server {
    /// Will be connected when it is asked first.
    pub(super) fn client(&self) -> Result<Client, Failure> {
        let wrong = || {
            Failure::input(format!(
                "--server is such as http://127.0.0.1:7441, and {} is not; a server that speaks \
                 HTTPS is reached through a tunnel",
                self.server
            ))
        };
        let is_plain = self.server.scheme_str().is_none_or(|scheme| scheme == "http");
        let is_bare = matches!(self.server.path(), "" | "/") && self.server.query().is_none();
        let authority =
            self.server.authority().filter(|_| is_plain && is_bare).ok_or_else(wrong)?;
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Failure::environment("cannot start", error))?;
        let authority = authority.to_string();
        Ok(Client { runtime, authority, key: self.key()?, sender: None })
    }

    fn key(&self) -> Result<Option<String>, Failure> {
        let Some(file) = &self.key_file else { return Ok(std::env::var(KEY).ok()) };
        let text = key_file::read(file)?;
        let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let key = lines.find(|line| !line.starts_with('#'));
        let none = || Failure::input(format!("{} has no key in it", file.display()));
        key.map(|key| Some(key.to_owned())).ok_or_else(none)
    }
}

impl Client {
    /// Asks, and asks again when it is told to come back later.
    pub(super) fn ask(
        &mut self,
        method: Method,
        path: &str,
        body: Option<&impl Serialize>,
    ) -> Result<Answer, Failure> {
        let body = match body {
            Some(body) => serde_json::to_vec(body).map_err(Failure::input)?,
            None => Vec::new(),
        };
        let body = Bytes::from(body);
        for _ in 0..ATTEMPTS {
            let (answer, wait) = self.once(&method, path, body.clone())?;
            match wait.filter(|_| answer.status == StatusCode::TOO_MANY_REQUESTS) {
                Some(wait) => self.pause(Duration::from_secs(wait.min(60))),
                None => return Ok(answer),
            }
        }
        Err(Failure::environment("the server", "it says again and again: too many requests"))
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
    ) -> Result<(Answer, Option<u64>), Failure> {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, &self.authority)
            .header(CONTENT_TYPE, "application/json");
        if let Some(key) = &self.key {
            request = request.header(AUTHORIZATION, format!("Bearer {key}"));
        }
        let request = request.body(Full::new(body)).map_err(Failure::input)?;
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
            let body = Limited::new(body, LONGEST_ANSWER).collect().await;
            let body = body.map_err(|error| error.to_string())?.to_bytes();
            Ok::<_, String>((sender, Answer { status: parts.status, body }, wait))
        };
        // A time-out begins on the runtime.
        let asked = self.runtime.block_on(async { timeout(PATIENCE, talk).await });
        let lost = |why: String| Failure::environment(format!("the server at {authority}"), why);
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

impl Answer {
    /// What was wanted; otherwise its sentence. A server that is overloaded or stopping is the
    /// world's fault, everything else is the input's.
    pub(super) fn wanted<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        if self.status.is_success() {
            let read = serde_json::from_slice(&self.body);
            return read.map_err(|why| Failure::environment("the server answered otherwise", why));
        }
        let said: Option<Value> = serde_json::from_slice(&self.body).ok();
        let said = said.as_ref().and_then(|said| said["error"].as_str());
        let said = said.unwrap_or("it gave no reason");
        match self.status.is_server_error() {
            true => Err(Failure::environment(format!("the server said {}", self.status), said)),
            false => Err(Failure::input(said)),
        }
    }

    /// As text.
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}
