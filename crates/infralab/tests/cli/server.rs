//! A server of a test's own.

#![expect(clippy::disallowed_methods, reason = "a server that says nothing must not hang the test")]

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, ExitStatus};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use crate::client::{Reply, ask, try_ask};
use crate::lab::{Said, command, ended, send_signal};

/// Far longer than a server takes to say anything.
const LONGEST: Duration = Duration::from_secs(60);

/// Killed when the test is over, if it still runs.
#[derive(Debug)]
pub(crate) struct Server {
    /// There until its end is waited for.
    child: Option<Child>,
    /// What it says on stdout.
    lines: Mutex<Receiver<String>>,
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
        let (child, lines) = started(&[&listen, more].concat());
        Server { child: Some(child), lines: lines.into(), address: ([127, 0, 0, 1], 0).into() }
    }

    fn ready(arguments: &[&str]) -> Result<Server, Said> {
        let (mut child, lines) = started(arguments);
        match lines.recv_timeout(LONGEST) {
            Ok(line) => {
                let address = place(&line, "");
                Ok(Server { child: Some(child), lines: lines.into(), address })
            }
            // It closed its stdout, and said nothing there.
            Err(RecvTimeoutError::Disconnected) => Err(ended(child, "what did not start").into()),
            Err(RecvTimeoutError::Timeout) => {
                let _ = child.kill();
                panic!("it neither started nor gave up within {LONGEST:?}: {arguments:?}");
            }
        }
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

    /// How many threads it has.
    pub(crate) fn threads(&self) -> usize {
        let id = self.child.as_ref().unwrap().id();
        std::fs::read_dir(format!("/proc/{id}/task")).unwrap().count()
    }

    /// Bytes of memory that are its own, and no file's.
    pub(crate) fn memory(&self) -> u64 {
        let id = self.child.as_ref().unwrap().id();
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
        1024 * line.trim().trim_end_matches(" kB").parse::<u64>().unwrap()
    }

    /// Where it shows what it counts, as it says once it is ready.
    pub(crate) fn admin(&self) -> SocketAddr {
        let line = self.lines.lock().unwrap().recv_timeout(LONGEST);
        place(&line.expect("it says its admin address, within a minute"), "/metrics")
    }

    /// What it logs, from here on.
    pub(crate) fn log(&mut self) -> Log {
        let child = self.child.as_mut().unwrap();
        Log(lines(child.stderr.take().expect("it is asked once")))
    }

    /// kill -9: nothing is written, nobody is told.
    pub(crate) fn kill(self) {
        self.signal("KILL");
    }

    /// Sends a signal and waits for the end.
    pub(crate) fn signal(mut self, name: &str) -> ExitStatus {
        let child = self.child.take().unwrap();
        send_signal(child.id(), name);
        ended(child, &format!("a server after SIG{name}")).status
    }

    /// Asks it to stop; what it said on stderr until then.
    pub(crate) fn stop(self) -> String {
        send_signal(self.child.as_ref().unwrap().id(), "TERM");
        let (code, said) = self.wait();
        assert_eq!(code, Some(0), "{said}");
        said
    }

    /// Waits until it stops by itself; what it said on stderr, and its status.
    pub(crate) fn wait(mut self) -> (Option<i32>, String) {
        let said = Said::from(ended(self.child.take().unwrap(), "a server that is to stop itself"));
        (said.code, said.stderr)
    }
}

/// Starts a server, whose lines are read to the end, so that it never waits for a reader.
fn started(arguments: &[&str]) -> (Child, Receiver<String>) {
    let mut child = command(arguments).spawn().unwrap();
    let lines = lines(child.stdout.take().unwrap());
    (child, lines)
}

/// All that comes here, line by line. A test that is over reads no more.
fn lines(from: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let lines = BufReader::new(from).lines().map_while(Result::ok);
        lines.for_each(|line| drop(sender.send(line)));
    });
    receiver
}

/// Where it listens: with `http://` for browsers, and for other nodes without.
fn place(line: &str, path: &str) -> SocketAddr {
    let place = line.strip_prefix("listening on ").and_then(|rest| rest.strip_suffix(path));
    let address = place.and_then(|place| place.trim_start_matches("http://").parse().ok());
    address.unwrap_or_else(|| panic!("{line:?} is not where it listens"))
}

/// The lines that a server logs.
pub(crate) struct Log(Receiver<String>);

impl Log {
    /// The next line with these words.
    #[track_caller]
    pub(crate) fn until(&self, words: &str) -> String {
        let mut seen = Vec::new();
        loop {
            match self.0.recv_timeout(LONGEST) {
                Ok(line) if line.contains(words) => return line,
                Ok(line) => seen.push(line),
                Err(why) => panic!("{words:?} is not logged within {LONGEST:?} ({why}): {seen:?}"),
            }
        }
    }

    /// Where it shows what it counts, with `--log info`.
    pub(crate) fn admin(&self) -> SocketAddr {
        let line = self.until("metrics at http://");
        let (_, place) = line.split_once("http://").unwrap();
        place.strip_suffix("/metrics").unwrap().parse().unwrap()
    }

    /// What is left when the server has ended.
    pub(crate) fn rest(self) -> Vec<String> {
        self.0.iter().collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// An id as JSON has it.
pub(crate) fn number(id: &serde_json::Value) -> u64 {
    id.as_str().expect("ids are strings").parse().unwrap()
}
