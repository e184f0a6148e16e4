//! The script on sockets and files, with an authority that can be killed.

#![expect(clippy::disallowed_methods, reason = "the real world has clocks and takes time")]

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use host::{
    Access, Addresses, Exposure, Files, Links, Metrics, Neighbours, Node, Outside, SESSIONS,
    ServerConfig, UNLISTED,
};
use machine::{DiskId, Input, Link, NodeId};
use snowflake::server::serve_authority;
use snowflake::{Message, Snowflake};
use tokio::runtime::Runtime;

use super::World;
use super::asker::{AUTHORITY, Asker, heard};

/// Tells the process that it is to be the authority, where its files are and where to listen.
const ASKED: &str = "PARITY_AUTHORITY";
const PROCESS: &str = "parity::an_authority_in_a_process_of_its_own";

pub(super) fn serve_if_asked() {
    let Ok(asked) = std::env::var(ASKED) else { return };
    let (listen, data) = asked.split_once(' ').unwrap();
    let (listen, data) = (listen.parse().unwrap(), data.into());
    let access = Access { admin: None, exposure: Exposure::Loopback };
    let place = ServerConfig { listen, data, access };
    let ready = |at: Addresses| println!("\nlistening on {}", at.nodes.expect("it talks to nodes"));
    let neighbours = Neighbours { me: AUTHORITY, others: Vec::new(), accepts_unlisted: true };
    serve_authority(place, 2, vec![AUTHORITY], neighbours, ready).unwrap();
}

pub(super) struct Real {
    folder: PathBuf,
    authority: Process,
    askers: Vec<RealAsker>,
    _runtime: Runtime,
    bound: (Instant, Duration),
    late: bool,
}

/// Longer than anything here takes on any machine.
const PATIENCE: Duration = Duration::from_secs(60);

fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "waited {PATIENCE:?} in vain until {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

struct Process {
    child: Child,
    address: SocketAddr,
}

struct RealAsker {
    node: Arc<Node<Asker>>,
    metrics: Metrics,
}

struct Mouth(Arc<Links<Asker>>);

impl Outside<Snowflake> for Mouth {
    fn deliver(&self, to: NodeId, message: Message, link: Link) {
        self.0.send(to, &message, link);
    }
    fn halted(&self, why: &str) {
        panic!("an asker never halts: {why}");
    }
}

impl Real {
    pub(super) fn new() -> Self {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
        let folder = folder.join(format!("parity-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        let authority = Process::start("127.0.0.1:0", &folder).expect("some port is free");
        let runtime = host::runtime().unwrap();
        let asker = |id| RealAsker::new(NodeId(UNLISTED.start + id), authority.address, &runtime);
        let askers: Vec<_> = (1..=3).map(asker).collect();
        let bound = (Instant::now(), Duration::MAX);
        let world = Real { folder, authority, askers, _runtime: runtime, bound, late: false };
        world.connected();
        world
    }

    pub(super) fn was_late(&self) -> bool {
        self.late
    }

    fn asker(&self, asker: u32) -> &RealAsker {
        &self.askers[asker as usize - 1]
    }

    /// Waits until all askers have a link.
    fn connected(&self) {
        for asker in &self.askers {
            wait_until("an asker has its link", || {
                asker.metrics.gauge("host_links_up", "").get() != 0
            });
        }
    }
}

impl Process {
    /// None where it could not listen there.
    fn start(listen: &str, folder: &Path) -> Option<Process> {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([PROCESS, "--exact", "--nocapture"])
            .env(ASKED, format!("{listen} {}", folder.display()))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let address = |line: String| line.strip_prefix("listening on ")?.parse().ok();
        // Where it cannot listen it says so, and its output ends.
        let (sender, said) = channel();
        std::thread::spawn(move || sender.send(lines.map_while(Result::ok).find_map(address)));
        let said = said.recv_timeout(PATIENCE);
        if !matches!(said, Ok(Some(_))) {
            let _ = child.kill();
            child.wait().unwrap();
        }
        let address = said.expect("the authority listens, or says that it cannot");
        address.map(|address| Process { child, address })
    }

    /// Nothing is written, and nobody is told.
    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl RealAsker {
    fn new(me: NodeId, authority: SocketAddr, runtime: &Runtime) -> Self {
        let others = vec![(AUTHORITY, Some(authority))];
        let neighbours = Neighbours { me, others, accepts_unlisted: false };
        let metrics = Metrics::default();
        let links = Links::new(neighbours, runtime.handle().clone(), &metrics);
        let files = Files::new(".".into(), &metrics);
        let outside = Arc::new(Mouth(links.clone()));
        let node = Node::start(Asker::default(), files, DiskId(0), outside, &metrics);
        links.join(&node, None);
        RealAsker { node, metrics }
    }

    fn heard(&self) -> Vec<String> {
        self.node.inspect().map(|shown| heard(&shown)).unwrap_or_default()
    }

    fn next(&self, before: usize) -> String {
        wait_until("the asker hears something", || self.heard().len() > before);
        self.heard().swap_remove(before)
    }
}

impl World for Real {
    fn ask(&mut self, asker: u32, message: Message) -> String {
        let asker = self.asker(asker);
        let before = asker.heard().len();
        assert!(asker.node.input(Input::Message { from: SESSIONS, message }));
        asker.next(before)
    }

    fn crash(&mut self) -> Vec<String> {
        let before: Vec<_> = self.askers.iter().map(|asker| asker.heard().len()).collect();
        self.authority.kill();
        self.askers.iter().zip(before).map(|(asker, before)| asker.next(before)).collect()
    }

    /// At the same address, where the askers dial it by themselves. For a moment another process may
    /// have the port for a connection of its own.
    fn restart(&mut self) {
        let address = self.authority.address.to_string();
        let start = || Process::start(&address, &self.folder);
        self.authority = std::iter::repeat_with(start).take(50).flatten().next().unwrap();
        self.connected();
    }

    fn wait(&mut self, time: Duration) {
        self.within(Duration::MAX);
        std::thread::sleep(time);
    }

    fn within(&mut self, bound: Duration) {
        let (began, before) = std::mem::replace(&mut self.bound, (Instant::now(), bound));
        self.late |= began.elapsed() > before;
    }
}

impl Drop for Real {
    fn drop(&mut self) {
        self.askers.iter().for_each(|asker| asker.node.stop());
        let _ = self.authority.child.kill();
        let _ = self.authority.child.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
