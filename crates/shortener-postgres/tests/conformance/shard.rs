//! A shard on a real disk.

#![expect(clippy::disallowed_methods, reason = "the real world has clocks and takes time")]

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use host::{Folder, Metrics, Node, Outside};
use machine::{Input, Inspection, Link as Wire, Machine, NodeId, Switches};
use serde::{Deserialize, Serialize};
use url_shortener::{Call, Limits, Message, Reply, Roster, Shard, Shortener};

use super::{Keeper, conforms};

/// Longer than a shard takes on any machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A shard at work.
struct Host {
    path: PathBuf,
    node: Arc<Node<Shard>>,
    replies: Receiver<(u64, Reply)>,
    /// Locked while it is there.
    folder: Option<Folder>,
}

impl Host {
    fn open(path: PathBuf) -> Host {
        let mine = Mine { system: "a test".to_owned() };
        let metrics = Metrics::default();
        let (sender, replies) = channel();
        // So small that segments are sealed and compacted while the list is gone through.
        let shard =
            Shard::new(0, Roster::of(vec![NodeId(1)]), Limits { segment: 4096 }, Switches::ALL_ON);
        let folder = Folder::open(&path, mine, &shard.first_files()).unwrap();
        let (files, disk) = (folder.files(&metrics), folder.disk());
        let node = Node::start(shard, files, disk, Arc::new(Desk(sender)), &metrics);
        let ready = |shown: Inspection| !shown.state.contains("reads its disk");
        let begun = Instant::now();
        while !node.inspect().is_some_and(ready) {
            assert!(begun.elapsed() < PATIENCE, "the shard does not come up");
            std::thread::sleep(Duration::from_millis(1));
        }
        Host { path, node, replies, folder: Some(folder) }
    }
}

impl Keeper for Host {
    fn together(&mut self, calls: Vec<Call>) -> Vec<Reply> {
        let many = calls.len();
        for (call, wanted) in (0..).zip(calls) {
            let message = Message::Call { call, wanted };
            assert!(self.node.input(Input::Message { from: NodeId(9), message }));
        }
        let reply = |_| self.replies.recv_timeout(PATIENCE).expect("a reply");
        let mut replies: Vec<_> = (0..many).map(reply).collect();
        replies.sort_by_key(|(call, _)| *call);
        replies.into_iter().map(|(_, reply)| reply).collect()
    }

    fn reopen(&mut self) {
        self.node.stop();
        self.folder = None;
        *self = Host::open(std::mem::take(&mut self.path));
    }
}

/// Where its replies go.
struct Desk(Sender<(u64, Reply)>);

impl Outside<Shortener> for Desk {
    fn deliver(&self, _: NodeId, message: Message, _: Wire) {
        if let Message::Reply { call, reply, .. } = message {
            // A test that failed waits no longer.
            let _ = self.0.send((call, reply));
        }
    }

    fn halted(&self, why: &str) {
        eprintln!("the shard halted: {why}");
    }
}

/// Whose folder it is.
#[derive(PartialEq, Serialize, Deserialize)]
struct Mine {
    system: String,
}

impl host::FolderOwner for Mine {
    const SYSTEMS: &'static [&'static str] = &["a test"];

    fn name(&self) -> String {
        self.system.clone()
    }

    fn arguments(&self) -> String {
        String::new()
    }

    fn with_another_folder(&self) -> &'static str {
        ""
    }
}

#[test]
fn a_shard_conforms() {
    let name = format!("shard-{}", std::process::id());
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let mut host = Host::open(path.clone());
    conforms(&mut host);
    host.node.stop();
    std::fs::remove_dir_all(path).unwrap();
}
