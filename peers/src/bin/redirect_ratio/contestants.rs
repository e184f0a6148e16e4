//! Who answers: processes, ended when they are dropped.

#![expect(clippy::disallowed_types, reason = "a comparison asks over sockets")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, LOCATION};
use host::{Exposure, http};

/// The word by which this program is told to be the bare responder.
pub(crate) const BARE: &str = "bare";
/// Of a second, as Linux counts processor time.
const TICKS: u64 = 100;
/// Where the link leads.
const TARGET: &str = "https://example.com/a/page";

/// Somebody who answers.
pub(crate) struct Contestant {
    process: Child,
    address: SocketAddr,
}

impl Contestant {
    /// The service, with one link.
    pub(crate) fn shortener(infralab: &str, folder: &Path) -> Contestant {
        let mut command = Command::new(infralab);
        command.args(["url-shortener", "serve", "--listen", "127.0.0.1:0", "--data"]).arg(folder);
        let contestant = Contestant::start(command);
        let link = format!("{{\"url\":\"{TARGET}\",\"alias\":\"page\"}}");
        let mut stream = TcpStream::connect(contestant.address).expect("it listens");
        let request = format!(
            "POST /api/links HTTP/1.1\r\nHost: {}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{link}",
            contestant.address,
            link.len()
        );
        stream.write_all(request.as_bytes()).expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
        contestant
    }

    /// The same stack, and nothing on it.
    pub(crate) fn bare() -> Contestant {
        let mut command = Command::new(std::env::current_exe().expect("this program has a path"));
        command.arg(BARE);
        Contestant::start(command)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// How long processors have worked for it so far: what others do on this machine does not count.
    pub(crate) fn processor_time(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.process.id()));
        let stat = stat.expect("it runs, on Linux");
        // Its name, in parentheses, may have blanks in it.
        let (_, fields) = stat.rsplit_once(')').expect("it has a name");
        let ticks = |at: usize| fields.split_whitespace().nth(at)?.parse::<u64>().ok();
        let ticks = ticks(11).zip(ticks(12)).map(|(user, system)| user + system);
        Duration::from_millis(ticks.expect("there are times") * 1000 / TICKS)
    }

    fn start(mut command: Command) -> Contestant {
        let mut process = command.stdout(Stdio::piped()).spawn().expect("it starts");
        let mut line = String::new();
        let stdout = process.stdout.take().expect("it is piped");
        BufReader::new(stdout).read_line(&mut line).expect("it speaks");
        let address =
            line.trim().strip_prefix("listening on http://").and_then(|text| text.parse().ok());
        Contestant { process, address: address.unwrap_or_else(|| panic!("{line:?}")) }
    }
}

impl Drop for Contestant {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Answers each request with the same redirect, until it is ended.
pub(crate) fn serve_bare() {
    let answer =
        || async { (StatusCode::FOUND, [(CACHE_CONTROL, "no-store"), (LOCATION, TARGET)]) };
    let runtime = host::runtime().expect("there are threads");
    runtime.block_on(async {
        let any_port = ([127, 0, 0, 1], 0).into();
        let (listener, address) =
            host::listen(any_port, Exposure::Loopback).await.expect("there is a port");
        println!("listening on http://{address}");
        let routes = Router::new().fallback(answer);
        let never = std::future::pending::<()>();
        http::serve(listener, &http::Door::default(), http::Tower::new(routes), never).await;
    });
}
