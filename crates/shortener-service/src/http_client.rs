//! A server that runs, asked by HTTP.
//!
//! The law: whoever is told to come back later does so, for a while. What is no link or no code is the
//! server's to refuse.

mod ask_error;
mod connection;
mod export;
mod import;
mod path;

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use hyper::{Method, Uri};
use serde::de::DeserializeOwned;

use crate::key_file;
use path::link_path;
use shortener_api::{CreateRequest, LinkJson, ShardStatus, ShardsStatus};

pub use ask_error::AskError;
pub use connection::{Answer, HttpClient};
pub use export::Exported;
pub use import::Imported;

/// Holds a key, where `--key-file` names none.
const KEY: &str = "INFRALAB_API_KEY";
const SHARDS: &str = "/api/shards";
/// How often to look whether a shard has its share.
const DRAIN_POLL: Duration = Duration::from_millis(200);

/// Which server, and who asks.
#[derive(Clone, Debug, Args)]
pub struct ClientOptions {
    /// The server, which runs: `infralab url-shortener serve`.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:7441")]
    server: Uri,
    /// Holds a key, for a server that asks for one [default: the variable INFRALAB_API_KEY].
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
}

impl ClientOptions {
    /// A client of this server, which will be connected when it is asked first. `warn` is told what its
    /// user should know.
    ///
    /// # Errors
    /// If there is no such server, or the file has no key in it.
    pub fn client(&self, warn: &mut dyn FnMut(String)) -> Result<HttpClient, AskError> {
        let wrong = || {
            AskError::Refused(format!(
                "--server is such as http://127.0.0.1:7441, and {} is not; a server that speaks \
                 HTTPS is reached through a tunnel",
                self.server
            ))
        };
        let is_plain = self.server.scheme_str().is_none_or(|scheme| scheme == "http");
        let is_bare = matches!(self.server.path(), "" | "/") && self.server.query().is_none();
        let authority =
            self.server.authority().filter(|_| is_plain && is_bare).ok_or_else(wrong)?;
        HttpClient::new(authority.to_string(), self.key(warn)?)
    }

    fn key(&self, warn: &mut dyn FnMut(String)) -> Result<Option<String>, AskError> {
        let Some(file) = &self.key_file else { return Ok(std::env::var(KEY).ok()) };
        let text = key_file::read(file, warn).map_err(AskError::Refused)?;
        let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let key = lines.find(|line| !line.starts_with('#'));
        let none = || AskError::Refused(format!("{} has no key in it", file.display()));
        key.map(|key| Some(key.to_owned())).ok_or_else(none)
    }
}

impl HttpClient {
    /// Makes a link.
    ///
    /// # Errors
    /// If it was not made, or nobody knows.
    pub fn shorten(&mut self, wanted: &CreateRequest) -> Result<Answer<LinkJson>, AskError> {
        self.ask(Method::POST, "/api/links", Some(wanted))?.whole()
    }

    /// Finds a link.
    ///
    /// # Errors
    /// If there is none, or no answer.
    pub fn expand(
        &mut self,
        code: &str,
        domain: Option<&str>,
    ) -> Result<Answer<LinkJson>, AskError> {
        self.get(&link_path(code, domain))
    }

    /// Adds a shard, and waits until it has its share of the links. `joins` is told whenever the shard that
    /// joins has come further.
    ///
    /// # Errors
    /// If none can be added, or there is no answer.
    pub fn add_shard(
        &mut self,
        mut joins: impl FnMut(&ShardStatus),
    ) -> Result<Answer<ShardsStatus>, AskError> {
        let mut answer: Answer<ShardsStatus> =
            self.ask(Method::POST, SHARDS, None::<&()>)?.whole()?;
        let mut seen = None;
        while !answer.value.settled {
            let joining = answer.value.shards.iter().find(|shard| shard.state == "joining");
            let now = joining.map(|shard| (shard.shard, shard.entries));
            if let Some(shard) = joining.filter(|_| now != seen) {
                joins(shard);
            }
            seen = now;
            self.pause(DRAIN_POLL);
            answer = self.get(SHARDS)?;
        }
        Ok(answer)
    }

    fn get<T: DeserializeOwned>(&mut self, path: &str) -> Result<Answer<T>, AskError> {
        self.ask(Method::GET, path, None::<&()>)?.whole()
    }
}
