//! The lab on sockets, files and this computer's clocks.

#![expect(clippy::disallowed_methods, reason = "the real world has threads and takes time")]

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use host::{Folder, FolderOwner, Links, Metrics, Neighbours, Node, Outside, SESSIONS};
use machine::{Input, Link, Machine, NodeId};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use super::probe::{Act, Probe, Seen, Word, Words};
use super::relay::Relay;
use super::{Lab, PATIENCE, Ruined};

const NODES: u32 = 3;

pub(super) struct Real {
    folder: PathBuf,
    /// By the higher number and the lower one, which is dialled.
    relays: BTreeMap<(u32, u32), Relay>,
    processes: BTreeMap<u32, Process>,
    /// What each noted, boot after boot.
    logs: Vec<Log>,
    paused: BTreeMap<u32, Sender<()>>,
    between: Option<Runtime>,
}

type Log = Arc<Mutex<Vec<Seen>>>;

/// A node that runs.
struct Process {
    node: Arc<Node<Probe>>,
    metrics: Metrics,
    runtime: Runtime,
    _folder: Folder,
}

/// Whose the folders are.
#[derive(PartialEq, Serialize, Deserialize)]
struct Whose {
    system: String,
}

const LAWS: &str = "laws";

impl FolderOwner for Whose {
    const SYSTEMS: &'static [&'static str] = &[LAWS];
    fn name(&self) -> String {
        LAWS.to_owned()
    }
    fn arguments(&self) -> String {
        String::new()
    }
    fn with_another_folder(&self) -> &'static str {
        ""
    }
}

struct Mouth {
    links: Arc<Links<Probe>>,
    log: Log,
}

impl Outside<Words> for Mouth {
    fn deliver(&self, to: NodeId, message: Word, link: Link) {
        self.links.send(to, &message, link);
    }
    fn noted(&self, note: Seen) {
        self.log.lock().unwrap().push(note);
    }
}

impl Process {
    fn start(
        me: u32,
        path: &Path,
        others: Vec<(NodeId, Option<SocketAddr>)>,
        log: Log,
    ) -> Result<(Process, SocketAddr), String> {
        let first = Probe::default().first_files();
        let folder = Folder::open(path, Whose { system: LAWS.to_owned() }, &first)
            .map_err(|error| error.to_string())?;
        let runtime = host::runtime().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let metrics = Metrics::default();
        let neighbours = Neighbours { me: NodeId(me), others, accepts_unlisted: false };
        let links = Links::new(neighbours, runtime.handle().clone(), &metrics);
        let outside = Arc::new(Mouth { links: links.clone(), log });
        let node =
            Node::start(Probe::default(), folder.files(&metrics), folder.disk(), outside, &metrics);
        links.join(&node, Some(address));
        runtime.spawn(links.accept(listener, std::future::pending::<()>()));
        Ok((Process { node, metrics, runtime, _folder: folder }, address))
    }

    /// Its sockets are closed by its system, and nothing more is written.
    fn kill(self) {
        self.runtime.shutdown_timeout(Duration::from_secs(10));
        self.node.stop();
    }
}

impl Real {
    pub(super) fn new(law: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("laws-{law}"));
        let _ = std::fs::remove_dir_all(&folder);
        let between = host::runtime().unwrap();
        let pairs = (0..NODES).flat_map(|low| (low + 1..NODES).map(move |high| (high, low)));
        let relays = pairs.map(|pair| (pair, Relay::new(&between))).collect();
        let logs = (0..NODES).map(|_| Log::default()).collect();
        let (processes, paused) = (BTreeMap::new(), BTreeMap::new());
        let mut real = Real { folder, relays, processes, logs, paused, between: Some(between) };
        (0..NODES).for_each(|node| real.begin(node).unwrap());
        real.wait_until("all have their links", |real| (0..NODES).all(|node| real.is_linked(node)));
        real
    }

    fn begin(&mut self, me: u32) -> Result<(), String> {
        let dialled = |other| self.relays.get(&(me, other)).map(|relay| relay.address);
        let others =
            (0..NODES).filter(|other| *other != me).map(|other| (NodeId(other), dialled(other)));
        let path = self.folder.join(format!("n{me}"));
        let (process, address) =
            Process::start(me, &path, others.collect(), self.logs[me as usize].clone())?;
        for ((_, low), relay) in &self.relays {
            if *low == me {
                relay.leads_to(Some(address));
            }
        }
        self.processes.insert(me, process);
        Ok(())
    }

    /// With all that run.
    fn is_linked(&self, node: u32) -> bool {
        let up = self.processes[&node].metrics.gauge("host_links_up", "").get();
        up >= self.processes.len() as u64 - 1
    }

    fn relay(&self, a: u32, b: u32) -> &Relay {
        &self.relays[&(a.max(b), a.min(b))]
    }
}

impl Lab for Real {
    fn tell(&mut self, node: u32, acts: &[Act]) {
        let message = Word::Do(acts.to_vec());
        self.processes[&node].node.input(Input::Message { from: SESSIONS, message });
    }

    fn log(&self, node: u32) -> Vec<Seen> {
        self.logs[node as usize].lock().unwrap().clone()
    }

    fn is_up(&self, node: u32) -> bool {
        self.processes.contains_key(&node)
    }

    fn kill(&mut self, node: u32) {
        for ((_, low), relay) in &self.relays {
            if *low == node {
                relay.leads_to(None);
            }
        }
        self.processes.remove(&node).expect("it runs").kill();
    }

    fn restart(&mut self, node: u32) -> Result<(), String> {
        self.begin(node)?;
        self.wait_until("it has its links again", |real| real.is_linked(node));
        Ok(())
    }

    fn stop(&mut self, node: u32) {
        let Process { node, runtime, .. } = &self.processes[&node];
        let node = node.clone();
        runtime.spawn(async move { node.stop_in_good_order().await });
    }

    /// Somebody looks into it, and is slow about it.
    fn pause(&mut self, node: u32) {
        let (resume, resumed) = channel();
        let (begun, begins) = channel();
        let paused = self.processes[&node].node.clone();
        std::thread::spawn(move || {
            paused.look(|_| {
                let _ = begun.send(());
                let _ = resumed.recv();
            })
        });
        begins.recv().unwrap();
        self.paused.insert(node, resume);
    }

    fn resume(&mut self, node: u32) {
        self.paused.remove(&node);
    }

    fn cut(&mut self, a: u32, b: u32) {
        self.relay(a, b).cut();
    }

    fn heal(&mut self, a: u32, b: u32) {
        self.relay(a, b).heal();
    }

    fn slow(&mut self, a: u32, b: u32, rate: u32) {
        self.relay(a, b).slow(rate);
    }

    fn reset(&mut self, a: u32, b: u32) {
        self.relay(a, b).break_one();
    }

    /// In the place of the file is what cannot be synced, or what cannot be replaced by a file or removed as one.
    fn ruin(&mut self, node: u32, file: Ruined) {
        let path = self.folder.join(format!("n{node}/disk")).join(&*file.file());
        match file {
            Ruined::Sync => std::os::unix::fs::symlink("/dev/null", path).unwrap(),
            Ruined::Name => std::fs::create_dir(path).unwrap(),
        }
    }

    fn go_on(&mut self) {
        std::thread::sleep(Duration::from_millis(1));
        // A server ends when its machine has.
        let over = self.processes.iter().filter(|(_, process)| process.node.is_over());
        let over: Vec<_> = over.map(|(node, _)| *node).collect();
        over.into_iter().for_each(|node| self.kill(node));
    }

    fn settle(&mut self) {
        (0..300).for_each(|_| self.go_on());
    }

    fn patience(&self) -> u32 {
        PATIENCE.as_millis() as u32
    }
}

impl Drop for Real {
    fn drop(&mut self) {
        self.paused.clear();
        std::mem::take(&mut self.processes).into_values().for_each(Process::kill);
        if let Some(between) = self.between.take() {
            between.shutdown_background();
        }
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
