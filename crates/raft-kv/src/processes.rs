//! Three processes on loopback that serve one cluster, for what is measured of them.

#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "what is measured is real processes, in real time"
)]

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Error, ErrorKind, Read, Result, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

pub(crate) const NODES: usize = 3;
const PAUSE: Duration = Duration::from_millis(1);
/// An election takes less, on any machine.
const PATIENCE: Duration = Duration::from_secs(30);
/// More than any answer that is read here.
const LONGEST_ANSWER: usize = 64 << 10;

/// Three processes, ended when it is dropped, and their folder, which is gone then.
pub(crate) struct Cluster<S> {
    serve: S,
    pub(crate) folder: PathBuf,
    pub(crate) clients: Vec<SocketAddr>,
    pub(crate) processes: Vec<Child>,
}

impl<S: Fn(usize, &Path) -> Command> Cluster<S> {
    /// `serve` is the command that serves the node of this number of the cluster in this file, prints a line when
    /// it takes requests, and stops when its standard input ends: this process may be killed before it can end them.
    pub(crate) fn start(serve: S) -> Result<Cluster<S>> {
        let folder = std::env::temp_dir().join(format!("raft-bench-{}", std::process::id()));
        std::fs::create_dir_all(&folder)?;
        let mut cluster = Cluster { serve, folder, clients: free()?, processes: Vec::new() };
        let mut text = "system = \"raft\"\n".to_owned();
        for (id, (nodes, clients)) in free()?.iter().zip(&cluster.clients).enumerate() {
            let addresses = format!("{{ nodes = \"{nodes}\", clients = \"{clients}\" }}");
            let _ =
                writeln!(text, "[[node]]\nid = {id}\ndata = \"n{id}\"\naddresses = {addresses}");
        }
        std::fs::write(cluster.folder.join("lab.toml"), text)?;
        for id in 0..NODES {
            let process = cluster.boot(id)?;
            cluster.processes.push(process);
        }
        Ok(cluster)
    }

    pub(crate) fn boot(&self, id: usize) -> Result<Child> {
        let mut command = (self.serve)(id, &self.folder.join("lab.toml"));
        command.stdin(Stdio::piped()).stderr(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn()?;
        if let Some(stdout) = child.stdout.take() {
            BufReader::new(stdout).read_line(&mut String::new())?;
        }
        Ok(child)
    }

    /// Until one of these answers a put: which, and when.
    pub(crate) fn until(
        &self,
        counts: impl Fn(usize) -> bool,
        patience: Duration,
    ) -> Result<(usize, Instant)> {
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            for id in (0..NODES).filter(|id| counts(*id)) {
                if self.put(id, patience) {
                    return Ok((id, Instant::now()));
                }
            }
            sleep(PAUSE);
        }
        Err(Error::other("nobody answered for half a minute"))
    }

    /// Was it written here, within this time?
    pub(crate) fn put(&self, id: usize, patience: Duration) -> bool {
        let put = || Connection::open(self.clients[id], patience)?.ask("PUT", "/kv/a", b"v");
        put().is_ok_and(|answer| answer.status == 200)
    }
}

/// A connection to one of them, over which one request goes after the other.
pub(crate) struct Connection {
    address: SocketAddr,
    stream: TcpStream,
}

/// What was answered.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

impl Connection {
    /// Whoever does not answer within this time is given up.
    pub(crate) fn open(address: SocketAddr, patience: Duration) -> Result<Connection> {
        let stream = TcpStream::connect_timeout(&address, patience)?;
        stream.set_read_timeout(Some(patience))?;
        stream.set_write_timeout(Some(patience))?;
        stream.set_nodelay(true)?;
        Ok(Connection { address, stream })
    }

    pub(crate) fn ask(&mut self, method: &str, path: &str, body: &[u8]) -> Result<Answer> {
        let (address, length) = (self.address, body.len());
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {address}\r\nContent-Length: {length}\r\n\r\n"
        );
        self.stream.write_all(&[head.as_bytes(), body].concat())?;
        let mut read = Vec::new();
        let end = loop {
            if let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") {
                break end + 4;
            }
            self.more(&mut read)?;
        };
        let head = String::from_utf8_lossy(&read[..end]).to_ascii_lowercase();
        let strange = || Error::new(ErrorKind::InvalidData, format!("answered {head:?}"));
        let status = head.get(9..12).and_then(|digits| digits.parse().ok()).ok_or_else(strange)?;
        let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
        let length: usize = length.and_then(|text| text.trim().parse().ok()).ok_or_else(strange)?;
        let mut body = read.split_off(end);
        while body.len() < length {
            self.more(&mut body)?;
        }
        Ok(Answer { status, body })
    }

    fn more(&mut self, read: &mut Vec<u8>) -> Result<()> {
        let mut some = [0; 4096];
        match self.stream.read(&mut some)? {
            0 => Err(ErrorKind::UnexpectedEof.into()),
            _ if read.len() > LONGEST_ANSWER => Err(ErrorKind::InvalidData.into()),
            count => {
                read.extend_from_slice(&some[..count]);
                Ok(())
            }
        }
    }
}

impl<S> Drop for Cluster<S> {
    fn drop(&mut self) {
        for process in &mut self.processes {
            let _ = process.kill();
            let _ = process.wait();
        }
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Addresses that were free a moment ago.
fn free() -> Result<Vec<SocketAddr>> {
    let listeners = (0..NODES).map(|_| TcpListener::bind("127.0.0.1:0"));
    listeners.collect::<Result<Vec<_>>>()?.iter().map(TcpListener::local_addr).collect()
}
