//! For how long nobody is answered when the leader of three processes on loopback goes, because it was told
//! to (SIGTERM) or killed (SIGKILL).

#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "what is measured is real processes, in real time"
)]

use std::fmt::{self, Write as _};
use std::io::{BufRead, BufReader, Read, Result, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde::Serialize;

const NODES: usize = 3;
/// A node that has not answered by then is asked again, or another is.
const ANSWER_WITHIN: Duration = Duration::from_millis(100);
const PAUSE: Duration = Duration::from_millis(1);
/// An election takes less, on any machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long nobody was answered, round by round, the shortest first.
#[derive(Clone, Debug, Serialize)]
pub struct Gaps {
    told_ms: Vec<f64>,
    killed_ms: Vec<f64>,
}

/// Measures so many rounds. `serve` is the command that serves the node of this number of the cluster in
/// this file, and prints a line when it takes requests.
///
/// # Errors
/// If the processes could not be started, or nobody answered for half a minute.
pub fn stops(rounds: u32, serve: impl Fn(usize, &Path) -> Command) -> Result<Gaps> {
    let (mut told, mut killed) = (Vec::new(), Vec::new());
    let mut cluster = Cluster::start(serve)?;
    for _ in 0..rounds {
        told.push(cluster.gap("-TERM")?);
        killed.push(cluster.gap("-KILL")?);
    }
    Ok(Gaps { told_ms: ms(told), killed_ms: ms(killed) })
}

/// In order.
fn ms(mut gaps: Vec<Duration>) -> Vec<f64> {
    gaps.sort_unstable();
    gaps.into_iter().map(|gap| (gap.as_secs_f64() * 1e4).round() / 10.0).collect()
}

impl fmt::Display for Gaps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "without an answer, of three processes, when their leader is")?;
        for (how, gaps) in [("told to stop", &self.told_ms), ("killed", &self.killed_ms)] {
            let (median, longest) = (gaps[gaps.len() / 2], gaps[gaps.len() - 1]);
            writeln!(f, "{how:<14} {median:>7.1} ms at the median {longest:>7.1} ms at most")?;
        }
        writeln!(f, "the median of {} rounds", self.told_ms.len())
    }
}

/// Three processes, ended when it is dropped, and their folder, which is gone then.
struct Cluster<S> {
    serve: S,
    folder: PathBuf,
    clients: Vec<SocketAddr>,
    processes: Vec<Child>,
}

impl<S: Fn(usize, &Path) -> Command> Cluster<S> {
    fn start(serve: S) -> Result<Cluster<S>> {
        let folder = std::env::temp_dir().join(format!("raft-stops-{}", std::process::id()));
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

    fn boot(&self, id: usize) -> Result<Child> {
        let mut command = (self.serve)(id, &self.folder.join("lab.toml"));
        command.stdin(Stdio::null()).stderr(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn()?;
        if let Some(stdout) = child.stdout.take() {
            BufReader::new(stdout).read_line(&mut String::new())?;
        }
        Ok(child)
    }

    /// The time from the last answer of a leader that is sent this signal to the first of another. The
    /// client asks again at once, and always one node after the other.
    fn gap(&mut self, signal: &str) -> Result<Duration> {
        // Whoever was started last has to have caught up.
        sleep(Duration::from_secs(1));
        let (leader, _) = self.until(|_| true)?;
        let mut last = Instant::now();
        let process = self.processes[leader].id().to_string();
        let mut sent = Command::new("kill").args([signal, &process]).spawn()?;
        while self.put(leader) {
            last = Instant::now();
        }
        let (_, answered) = self.until(|id| id != leader)?;
        sent.wait()?;
        self.processes[leader].wait()?;
        self.processes[leader] = self.boot(leader)?;
        Ok(answered - last)
    }

    /// Until one of these answers: which, and when.
    fn until(&self, counts: impl Fn(usize) -> bool) -> Result<(usize, Instant)> {
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            for id in (0..NODES).filter(|id| counts(*id)) {
                if self.put(id) {
                    return Ok((id, Instant::now()));
                }
            }
            sleep(PAUSE);
        }
        Err(std::io::Error::other("nobody answered for half a minute"))
    }

    /// Was it written here?
    fn put(&self, id: usize) -> bool {
        let address = self.clients[id];
        let answer = || -> Result<String> {
            let mut stream = TcpStream::connect_timeout(&address, ANSWER_WITHIN)?;
            stream.set_read_timeout(Some(ANSWER_WITHIN))?;
            let head = format!("PUT /kv/a HTTP/1.1\r\nHost: {address}\r\nContent-Length: 1\r\n");
            stream.write_all(format!("{head}Connection: close\r\n\r\nv").as_bytes())?;
            let mut text = String::new();
            stream.read_to_string(&mut text)?;
            Ok(text)
        };
        answer().is_ok_and(|text| text.starts_with("HTTP/1.1 200"))
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
