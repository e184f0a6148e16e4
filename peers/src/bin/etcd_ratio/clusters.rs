//! Three processes, and who leads them.

#![expect(clippy::disallowed_types, reason = "a comparison has sockets")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

/// Between two looks, and how many there are: half a minute.
const PAUSE: Duration = Duration::from_millis(50);
const LOOKS: usize = 600;

/// Ended when it is dropped.
pub(crate) struct Cluster {
    processes: Vec<Child>,
    clients: Vec<SocketAddr>,
    is_etcd: bool,
}

impl Cluster {
    pub(crate) fn infralab(program: &str, folder: &Path) -> Cluster {
        std::fs::create_dir_all(folder).expect("a folder for the data");
        let (nodes, clients) = (free(), free());
        let node = |id: usize| {
            let (nodes, clients) = (nodes[id], clients[id]);
            format!(
                "[[node]]\nid = {id}\ndata = \"n{id}\"\naddresses = {{ nodes = \"{nodes}\", \
                 clients = \"{clients}\" }}\n"
            )
        };
        let text: String = (0..3).map(node).collect();
        let file = folder.join("cluster.toml");
        std::fs::write(&file, format!("system = \"raft\"\n{text}")).expect("a cluster file");
        let start = |id: usize| {
            let mut command = Command::new(program);
            command.args(["raft", "serve", "--node", &id.to_string(), "--cluster"]).arg(&file);
            let mut child = command.stdout(Stdio::piped()).spawn().expect("infralab is there");
            let stdout = child.stdout.take().expect("it is piped");
            let mut line = String::new();
            BufReader::new(stdout).read_line(&mut line).expect("it says that it listens");
            assert!(line.starts_with("listening on http://"), "{line:?}");
            child
        };
        Cluster { processes: (0..3).map(start).collect(), clients, is_etcd: false }
    }

    pub(crate) fn etcd(folder: &Path) -> Cluster {
        std::fs::create_dir_all(folder).expect("a folder for the data");
        let (peers, clients) = (free(), free());
        let all: Vec<_> = (0..3).map(|id| format!("n{id}=http://{}", peers[id])).collect();
        let start = |id: usize| {
            let (peer, client) =
                (format!("http://{}", peers[id]), format!("http://{}", clients[id]));
            let mut command = Command::new("etcd");
            command
                .args(["--name", &format!("n{id}"), "--data-dir"])
                .arg(folder.join(format!("n{id}")));
            command.args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer]);
            command.args(["--listen-client-urls", &client, "--advertise-client-urls", &client]);
            command.args(["--initial-cluster", &all.join(","), "--initial-cluster-state", "new"]);
            command.args(["--logger", "zap", "--log-level", "error"]);
            command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("etcd is there")
        };
        Cluster { processes: (0..3).map(start).collect(), clients, is_etcd: true }
    }

    /// Where the leader listens for clients, once there is one.
    #[expect(clippy::disallowed_methods, reason = "an election takes its time")]
    pub(crate) fn leader(&self) -> SocketAddr {
        for _ in 0..LOOKS {
            match self.clients.iter().find(|client| self.leads(**client)) {
                Some(leader) => return *leader,
                None => std::thread::sleep(PAUSE),
            }
        }
        panic!("nobody was elected within half a minute")
    }

    fn leads(&self, client: SocketAddr) -> bool {
        if self.is_etcd {
            let status = ask(client, "POST /v3/maintenance/status", "{}").unwrap_or_default();
            status["leader"].is_string() && status["leader"] == status["header"]["member_id"]
        } else {
            ask(client, "GET /status", "").unwrap_or_default()["role"] == "leader"
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for process in &mut self.processes {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

/// Three addresses that were free a moment ago.
fn free() -> Vec<SocketAddr> {
    let listeners: Vec<_> =
        (0..3).map(|_| TcpListener::bind("127.0.0.1:0").expect("a free port")).collect();
    listeners.iter().map(|listener| listener.local_addr().expect("it is bound")).collect()
}

fn ask(address: SocketAddr, request: &str, body: &str) -> Option<Value> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    let length = body.len();
    let head = format!("{request} HTTP/1.1\r\nHost: {address}\r\nContent-Length: {length}\r\n");
    stream.write_all(format!("{head}Connection: close\r\n\r\n{body}").as_bytes()).ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    serde_json::from_str(text.split_once("\r\n\r\n")?.1).ok()
}
