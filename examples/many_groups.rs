//! A thousand groups on three nodes, with real sockets and disks, beside one group: how many commands a second
//! they commit, and what they cost while nobody asks anything.
//!
//! Each node is a machine that only counts what its groups have committed. All three run in this process, and
//! speak over TCP on loopback.
//!
//! `cargo run --release --example many_groups`

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use bytes::Bytes;
use host::{Codec, Encoder, Files, Links, Malformed, Metrics, Neighbours, Node, Outside, SESSIONS};
use journal::{Journal, JournalOp, JournalTimer};
use machine::{
    DiskId, Embeds, Input, Inspection, Link, Machine, NodeId, Now, Outputs, Protocol, Switches,
};
use raft::{Envelope, Event, Group, GroupId, Groups, GroupsOp, GroupsTimer, Payload, Tuning};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

const NODES: [NodeId; 3] = [NodeId(0), NodeId(1), NodeId(2)];
/// So many commands wait at any time.
const WAITING: u32 = 256;
const BUSY: Duration = Duration::from_secs(5);
const IDLE: Duration = Duration::from_secs(20);

#[derive(Clone, Debug)]
struct Words;

#[derive(Clone, Debug, Hash)]
enum Message {
    Raft(Envelope),
    Put(GroupId, Bytes),
}

/// What a node says of a group that it leads.
#[derive(Clone, Debug, Hash)]
enum Note {
    Leads(GroupId),
    Committed(GroupId),
    Other,
}

impl Protocol for Words {
    type Message = Message;
    type Timer = GroupsTimer;
    type Op = GroupsOp;
    type Note = Note;

    fn weight(message: &Message) -> u32 {
        match message {
            Message::Raft(envelope) => Groups::weight(envelope),
            Message::Put(..) => 0,
        }
    }
}

impl Embeds<Groups> for Words {
    fn message(envelope: Envelope) -> Message {
        Message::Raft(envelope)
    }
    fn timer(timer: GroupsTimer) -> GroupsTimer {
        timer
    }
    fn op(op: GroupsOp) -> GroupsOp {
        op
    }
    fn note(_: &'static str) -> Note {
        Note::Other
    }
}

impl Embeds<Journal> for Words {
    fn timer(timer: JournalTimer) -> GroupsTimer {
        GroupsTimer::Journal(timer)
    }
    fn op(op: JournalOp) -> GroupsOp {
        GroupsOp::Journal(op)
    }
}

impl Codec for Message {
    const PROTOCOL: &'static str = "many-groups";
    const VERSION: u32 = 1;
    const LONGEST: usize = Envelope::LONGEST;

    fn encode(&self, out: &mut Encoder) {
        if let Message::Raft(envelope) = self {
            envelope.encode(out);
        }
    }

    fn decode(bytes: Bytes) -> Result<Message, Malformed> {
        Envelope::decode(bytes).map(Message::Raft)
    }
}

/// A node with groups that keep nothing.
#[derive(Clone)]
struct Counter(Groups);

impl Counter {
    fn new(id: NodeId, count: u32) -> Counter {
        let tuning = Tuning { rests: true, ..Tuning::default() };
        let mut groups = Groups::new(id, tuning, Switches::ALL_ON);
        (0..count).for_each(|group| groups.will_found(GroupId(group), NODES));
        Counter(groups)
    }
}

impl Machine for Counter {
    type Protocol = Words;

    fn handle(&mut self, now: &mut Now<'_>, input: Input<Words>, out: &mut Outputs<Words>) {
        let Counter(groups) = self;
        match input {
            Input::Start { disk } => groups.start(disk, out),
            Input::Message { from, message: Message::Raft(envelope) } => {
                groups.message(from, envelope, now);
            }
            Input::Message { message: Message::Put(group, command), .. } => {
                let led = groups.propose(group, command, now);
                led.expect("the groups are asked where they are led, and nothing fails here");
            }
            Input::Timer(timer) => groups.timer(timer, now, out),
            Input::Disk { op, result } => groups.disk(op, result, now, out),
            Input::LinkReset { peer } => groups.link_reset(peer, now),
            Input::Writable { peer, link } => groups.writable(peer, link),
            Input::Stop => {}
        }
        loop {
            if let Some((group, event)) = groups.next_event() {
                if let Event::Leads { .. } = event {
                    out.note(Note::Leads(group));
                }
            } else if let Some((group, _, entry)) = groups.next_committed() {
                let leads = groups.group(group).is_some_and(Group::leads);
                if leads && let Payload::Command(_) = entry.payload {
                    out.note(Note::Committed(group));
                }
            } else {
                break;
            }
        }
        groups.flush(now, out);
    }

    fn inspect(&self) -> Inspection {
        let resting = self.0.all().filter(|(_, group)| group.is_resting()).count();
        Inspection { role: "counter", state: format!("{resting} groups rest") }
    }
}

/// The nodes, and what they note.
struct Cluster {
    nodes: Vec<Arc<Node<Counter>>>,
    noted: Receiver<(NodeId, Note)>,
    leaders: Vec<NodeId>,
}

struct Outer(NodeId, Arc<Links<Counter>>, Sender<(NodeId, Note)>);

impl Outside<Words> for Outer {
    fn deliver(&self, to: NodeId, message: Message, link: Link) {
        self.1.send(to, &message, link);
    }
    fn noted(&self, note: Note) {
        let _ = self.2.send((self.0, note));
    }
    fn halted(&self, why: &str) {
        panic!("{:?} stopped: {why}", self.0);
    }
}

impl Cluster {
    /// Boots them, and waits until each group has a leader.
    fn boot(runtime: &Runtime, data: &Path, groups: u32) -> Cluster {
        let bind = |_| runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a free port");
        let listeners: Vec<_> = NODES.iter().map(bind).collect();
        let address = |listener: &TcpListener| listener.local_addr().expect("it is bound");
        let addresses: Vec<_> = NODES.into_iter().zip(listeners.iter().map(address)).collect();
        let (sends, noted) = channel();
        let boot = |(me, listener): (NodeId, TcpListener)| {
            let others = addresses.iter().filter(|(id, _)| *id != me);
            let others = others.map(|(id, address)| (*id, Some(*address))).collect();
            let neighbours = Neighbours { me, others, accepts_unlisted: false };
            let metrics = Metrics::default();
            let links = Links::new(neighbours, runtime.handle().clone(), &metrics);
            let outside = Arc::new(Outer(me, links.clone(), sends.clone()));
            let folder = data.join(format!("n{}", me.0));
            std::fs::create_dir_all(&folder).expect("a folder for a node");
            for (name, bytes) in Groups::first_files() {
                std::fs::write(folder.join(&*name), bytes).expect("a file of a new disk");
            }
            let files = Files::new(folder, &metrics);
            let disk = DiskId(u64::from(me.0) + 1);
            let node = Node::start(Counter::new(me, groups), files, disk, outside, &metrics);
            links.join(&node, None);
            runtime.spawn(links.accept(listener, std::future::pending::<()>()));
            node
        };
        let nodes = NODES.into_iter().zip(listeners).map(boot).collect();
        let leaders = vec![NodeId(u32::MAX); groups as usize];
        let mut cluster = Cluster { nodes, noted, leaders };
        while cluster.leaders.contains(&NodeId(u32::MAX)) {
            cluster.hear();
        }
        cluster
    }

    /// The next group that committed a command, if that is what is noted next.
    fn hear(&mut self) -> Option<GroupId> {
        match self.noted.recv().expect("the nodes are there") {
            (node, Note::Leads(group)) => self.leaders[group.0 as usize] = node,
            (_, Note::Committed(group)) => return Some(group),
            (_, Note::Other) => {}
        }
        None
    }

    fn put(&self, group: GroupId) {
        let message = Message::Put(group, Bytes::from_static(&[7; 100]));
        let leader = self.leaders[group.0 as usize];
        self.nodes[leader.0 as usize].input(Input::Message { from: SESSIONS, message });
    }

    /// Each command that is committed is followed by another, to the next group.
    fn busy(&mut self) -> f64 {
        let count = self.leaders.len() as u32;
        (0..WAITING).for_each(|number| self.put(GroupId(number % count)));
        let (begun, mut done, mut next) = (now(), 0_u32, WAITING);
        while begun.elapsed() < BUSY {
            if self.hear().is_some() {
                (done, next) = (done + 1, next + 1);
                self.put(GroupId(next % count));
            }
        }
        let rate = f64::from(done) / begun.elapsed().as_secs_f64();
        let mut waiting = WAITING;
        while waiting > 0 {
            waiting -= u32::from(self.hear().is_some());
        }
        rate
    }

    /// What this process uses of one core while nobody asks anything.
    #[expect(clippy::disallowed_methods, reason = "this is a program, not a machine")]
    fn idle(&self) -> f64 {
        std::thread::sleep(Duration::from_secs(3));
        let (begun, before) = (now(), processor_time());
        std::thread::sleep(IDLE);
        let used = processor_time() - before;
        used.as_secs_f64() / begun.elapsed().as_secs_f64()
    }
}

#[expect(clippy::disallowed_methods, reason = "it is what is measured")]
fn now() -> Instant {
    Instant::now()
}

/// Of this process, as Linux counts it, in ticks of 10 ms.
fn processor_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("this is Linux");
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or("").split_whitespace().collect();
    let ticks = |at: usize| fields[at].parse::<u32>().expect("a number");
    Duration::from_millis(10) * (ticks(11) + ticks(12))
}

fn main() {
    let runtime = host::runtime().expect("there are threads");
    let data: PathBuf = std::env::temp_dir().join(format!("many-groups-{}", std::process::id()));
    for groups in [1, 1_000] {
        let begun = now();
        let mut cluster = Cluster::boot(&runtime, &data.join(groups.to_string()), groups);
        let elected = begun.elapsed().as_secs_f64();
        let rate = cluster.busy();
        let idle = 100.0 * cluster.idle();
        let resting = cluster.nodes.iter().filter_map(|node| node.inspect());
        let resting: Vec<String> = resting.map(|shown| shown.state).collect();
        println!("{groups} groups: all led after {elected:.1} s, {rate:.0} commands/s");
        println!("    idle: {idle:.2}% of one core for three nodes ({})", resting.join(", "));
    }
    let _ = std::fs::remove_dir_all(data);
}
