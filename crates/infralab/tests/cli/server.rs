//! A server of a test's own.

#![expect(clippy::disallowed_methods, reason = "a server that says nothing must not hang the test")]

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, Command, ExitStatus};
use std::sync::mpsc::channel;
use std::time::Duration;

use crate::client::{Reply, ask, try_ask};
use crate::lab::{Said, command};

/// Killed when the test is over, if it still runs.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Server {
    /// Starts one on a free port; what it said where it would not start.
    pub(crate) fn try_start(data: &str, more: &[&str]) -> Result<Server, Said> {
        let listen = ["snowflake", "serve", "--listen", "127.0.0.1:0", "--data", data];
        Server::ready(&[&listen, more].concat())
    }

    /// An authority that leases worker numbers.
    pub(crate) fn authority(data: &str, listen: &str, more: &[&str]) -> Server {
        let arguments = ["snowflake", "authority", "--listen", listen, "--data", data];
        Server::run(&[&arguments, more].concat())
    }

    /// Any server.
    pub(crate) fn run(arguments: &[&str]) -> Server {
        Server::ready(arguments).unwrap_or_else(|said| panic!("{said:?}"))
    }

    /// One that need not be ready yet, at no address that it would tell.
    pub(crate) fn spawn(data: &str, more: &[&str]) -> Server {
        let listen = ["snowflake", "serve", "--listen", "127.0.0.1:0", "--data", data];
        let child = command(&[&listen, more].concat()).spawn().unwrap();
        Server { child, address: ([127, 0, 0, 1], 0).into() }
    }

    fn ready(arguments: &[&str]) -> Result<Server, Said> {
        let mut child = command(arguments).spawn().unwrap();
        let stdout = child.stdout.take().unwrap();
        let (sender, line) = channel();
        std::thread::spawn(move || {
            let mut line = String::new();
            let read = BufReader::new(stdout).read_line(&mut line);
            let _ = sender.send(read.map(|_| line));
        });
        let Ok(line) = line.recv_timeout(Duration::from_secs(60)) else {
            let _ = child.kill();
            panic!("the server neither started nor gave up within a minute");
        };
        let line = line.unwrap();
        if line.is_empty() {
            return Err(Said { stdout: line, ..child.wait_with_output().unwrap().into() });
        }
        let address = line.strip_prefix("listening on ").and_then(|rest| rest.strip_suffix('\n'));
        let address = address.and_then(|address| address.parse().ok());
        let address = address.unwrap_or_else(|| panic!("{line:?} is not where it listens"));
        Ok(Server { child, address })
    }

    pub(crate) fn start(data: &str, more: &[&str]) -> Server {
        Server::try_start(data, more).unwrap_or_else(|said| panic!("{said:?}"))
    }

    /// A request as an ordinary client sends it, with one more header line.
    pub(crate) fn get_with(&self, path: &str, header: &str) -> Reply {
        let (request, host) = (format!("GET {path} HTTP/1.1"), format!("Host: {}", self.address));
        ask(self.address, &[&request, &host, header])
    }

    pub(crate) fn get(&self, path: &str) -> Reply {
        self.get_with(path, "Accept: */*")
    }

    /// As `get`, where the server may be gone.
    pub(crate) fn try_get(&self, path: &str) -> std::io::Result<Reply> {
        let (request, host) = (format!("GET {path} HTTP/1.1"), format!("Host: {}", self.address));
        try_ask(self.address, &[&request, &host])
    }

    pub(crate) fn id(&self) -> u64 {
        let reply = self.get("/id");
        number(&reply.json()["id"])
    }

    pub(crate) fn ids(&self, count: u32) -> Vec<u64> {
        let reply = self.get(&format!("/ids?count={count}"));
        reply.json()["ids"].as_array().unwrap().iter().map(number).collect()
    }

    /// Where it shows what it counts, as it logs with `--log info`.
    pub(crate) fn admin(&mut self) -> SocketAddr {
        let lines = BufReader::new(self.child.stderr.take().expect("it is asked once")).lines();
        let address = |line: String| {
            let (_, rest) = line.split_once("http://")?;
            rest.strip_suffix("/metrics")?.parse().ok()
        };
        lines.map(Result::unwrap).find_map(address).expect("it logs its admin address")
    }

    /// kill -9: nothing is written, nobody is told.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Sends a signal and waits for the end.
    pub(crate) fn signal(mut self, name: &str) -> ExitStatus {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &id]).status().unwrap().success());
        self.child.wait().unwrap()
    }

    /// Waits until it stops by itself; what it said on stderr, and its status.
    pub(crate) fn wait(mut self) -> (Option<i32>, String) {
        let status = self.child.wait().unwrap();
        let mut text = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut text).unwrap();
        (status.code(), text)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An id as JSON has it.
pub(crate) fn number(id: &serde_json::Value) -> u64 {
    id.as_str().expect("ids are strings").parse().unwrap()
}
