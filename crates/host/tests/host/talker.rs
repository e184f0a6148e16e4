//! A node that says what it is told to say, and remembers what it hears.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, BufMut, Bytes};
use host::{
    Codec, Encoder, Files, Links, Malformed, Metrics, Neighbours, Node, Outside, Places, SESSIONS,
};
use machine::{DiskCommand, DiskId, Input, Link, Machine, NodeId, Now, Outputs, Protocol, Window};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::oneshot::{self, error::RecvError};
use tokio::task::JoinHandle;

use crate::scratch::quiet_device;
use crate::wait::within;

#[derive(Clone, Debug)]
pub(crate) struct Talk;

impl Protocol for Talk {
    type Message = Word;
    type Timer = ();
    type Op = ();
    type Note = ();

    fn weight(word: &Word) -> u32 {
        match word {
            Word::Bytes(bytes) => 1 + bytes.len() as u32,
            // It claims less than its bytes.
            _ => 0,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Word {
    /// Heard, and remembered.
    Number(u64),
    /// Answered with so many bytes.
    Give(u32),
    /// Counted.
    Bytes(Bytes),
    /// Of the tests: say these numbers.
    Say { to: u32, numbers: Range<u64>, link: Link },
    /// Of the tests: send these.
    Pour(Pour),
    /// Of the tests: this one is there.
    Meet { peer: u32, address: SocketAddr },
    /// Of the tests: ask the disk for so much.
    Flood(u32),
}

/// So many messages of so many bytes, all at once or as there is room.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Pour {
    pub(crate) to: u32,
    pub(crate) link: Link,
    pub(crate) messages: u32,
    pub(crate) bytes: usize,
    pub(crate) waits: bool,
}

impl Codec for Word {
    const PROTOCOL: &'static str = "talk";
    const VERSION: u32 = 3;
    const LONGEST: usize = 5 << 20;

    fn encode(&self, out: &mut Encoder) {
        match self {
            Word::Number(number) => {
                out.put_u8(b'n');
                out.put_u64_le(*number);
            }
            Word::Give(bytes) => {
                out.put_u8(b'g');
                out.put_u32_le(*bytes);
            }
            Word::Bytes(bytes) => {
                out.put_u8(b'b');
                out.put_shared(bytes);
            }
            _ => unreachable!("only the test says that"),
        }
    }

    fn decode(mut bytes: Bytes) -> Result<Word, Malformed> {
        let none = |_| Malformed("it is no word");
        match bytes.try_get_u8().map_err(none)? {
            b'n' if bytes.len() == 8 => Ok(Word::Number(bytes.get_u64_le())),
            b'g' if bytes.len() == 4 => Ok(Word::Give(bytes.get_u32_le() % 100_000)),
            b'b' => Ok(Word::Bytes(bytes)),
            _ => Err(Malformed("it is no word")),
        }
    }
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Talker {
    heard: BTreeMap<NodeId, Vec<u64>>,
    pub(crate) given: u64,
    pub(crate) resets: u64,
    /// Ends of what the disk was asked for.
    pub(crate) synced: u32,
    /// Of each message of bytes that came, its first and how many there were.
    pub(crate) poured: Vec<(u8, usize)>,
    window: Window,
    waiting: VecDeque<Pour>,
}

impl Talker {
    /// The numbers that came from this node, in order.
    pub(crate) fn heard_from(&self, from: u32) -> Vec<u64> {
        self.heard.get(&NodeId(from)).cloned().unwrap_or_default()
    }

    fn pour(&mut self, out: &mut Outputs<Talk>) {
        while let Some(pour) = self.waiting.front_mut() {
            let to = NodeId(pour.to);
            if pour.messages == 0 {
                self.waiting.pop_front();
                continue;
            }
            if pour.waits && !self.window.has_room(to, pour.link) {
                return;
            }
            pour.messages -= 1;
            // They are counted down.
            let word = Word::Bytes(vec![pour.messages as u8; pour.bytes].into());
            self.window.sent(to, pour.link, Talk::weight(&word));
            match pour.link {
                Link::Bulk => out.bulk(to, word),
                Link::Stream => out.send(to, word),
                Link::Datagram => out.datagram(to, word),
            }
        }
    }
}

impl Machine for Talker {
    type Protocol = Talk;

    fn handle(&mut self, _: &mut Now<'_>, input: Input<Talk>, out: &mut Outputs<Talk>) {
        match input {
            Input::Message { message: Word::Say { to, numbers, link }, .. } => {
                for number in numbers.map(Word::Number) {
                    match link {
                        Link::Datagram => out.datagram(NodeId(to), number),
                        Link::Stream => out.send(NodeId(to), number),
                        Link::Bulk => out.bulk(NodeId(to), number),
                    }
                }
            }
            Input::Message { message: Word::Meet { peer, address }, .. } => {
                out.meet(NodeId(peer), address);
            }
            Input::Message { message: Word::Flood(operations), .. } => {
                (0..operations).for_each(|_| {
                    out.disk(DiskCommand::Sync { file: "nothing".into(), data_only: false }, ());
                })
            }
            Input::Disk { .. } => self.synced += 1,
            Input::Message { message: Word::Pour(pour), .. } => self.waiting.push_back(pour),
            Input::Message { from, message: Word::Number(number) } => {
                self.heard.entry(from).or_default().push(number);
            }
            Input::Message { message: Word::Bytes(bytes), .. } => {
                self.poured.push((bytes.first().copied().unwrap_or_default(), bytes.len()));
            }
            Input::Message { from, message: Word::Give(bytes) } => {
                self.given += 1;
                out.send(from, Word::Bytes(vec![7; bytes as usize].into()));
            }
            Input::LinkReset { peer } => {
                self.resets += 1;
                self.window.reset(peer);
            }
            Input::Writable { peer, link } => self.window.writable(peer, link),
            _ => {}
        }
        self.pour(out);
    }
}

struct Mouth(Arc<Links<Talker>>);

impl Outside<Talk> for Mouth {
    fn deliver(&self, to: NodeId, message: Word, link: Link) {
        self.0.send(to, &message, link);
    }
    fn met(&self, peer: NodeId, address: SocketAddr) {
        self.0.meet(peer, address);
    }
    fn halted(&self, why: &str) {
        panic!("a talker never halts: {why}");
    }
}

/// Takes connections until it is told to stop.
type Accepting = JoinHandle<Result<(), RecvError>>;

/// A node on threads of its own.
pub(crate) struct Speaker {
    node: Arc<Node<Talker>>,
    pub(crate) beside: Option<Arc<Node<Talker>>>,
    pub(crate) metrics: Metrics,
    pub(crate) address: SocketAddr,
    pub(crate) places: Places,
    stop: Option<(oneshot::Sender<()>, Accepting)>,
    runtime: Option<Runtime>,
}

impl Speaker {
    /// Listens on a free port, or on this one.
    pub(crate) fn start(me: u32, listen: &str, others: &[(u32, SocketAddr)]) -> Speaker {
        Speaker::start_as(&[me], Some(listen), others, (true, 1000))
    }

    /// Two nodes at one address: the second is `beside` the first.
    pub(crate) fn start_two(both: [u32; 2], listen: &str) -> Speaker {
        Speaker::start_as(&both, Some(listen), &[], (true, 1000))
    }

    /// One whose door has so many places.
    pub(crate) fn start_with_places(me: u32, places: usize) -> Speaker {
        Speaker::start_as(&[me], Some("127.0.0.1:0"), &[], (true, places))
    }

    /// One that takes no connection from those it does not know.
    pub(crate) fn start_among(me: u32, others: &[(u32, SocketAddr)]) -> Speaker {
        Speaker::start_as(&[me], Some("127.0.0.1:0"), others, (false, 1000))
    }

    /// One that listens nowhere as far as anybody is told, and knows nobody yet.
    pub(crate) fn start_alone(me: u32) -> Speaker {
        Speaker::start_as(&[me], None, &[], (false, 1000))
    }

    fn start_as(
        ids: &[u32],
        listen: Option<&str>,
        others: &[(u32, SocketAddr)],
        (accepts_unlisted, places): (bool, usize),
    ) -> Speaker {
        let runtime = host::runtime().unwrap();
        let listener = runtime.block_on(TcpListener::bind(listen.unwrap_or("127.0.0.1:0")));
        let listener = listener.unwrap();
        let address = listener.local_addr().unwrap();
        let others: Vec<_> =
            others.iter().map(|&(id, address)| (NodeId(id), Some(address))).collect();
        let metrics = Metrics::default();
        let boot = |me: &u32| {
            let neighbours =
                Neighbours { me: NodeId(*me), others: others.clone(), accepts_unlisted };
            let links = Links::new(neighbours, runtime.handle().clone(), &metrics);
            let files = Files::new(quiet_device(), &metrics);
            let outside = Arc::new(Mouth(links.clone()));
            let node = Node::start(Talker::default(), files, DiskId(0), outside, &metrics);
            links.join(&node, listen.and(Some(address)));
            (node, links)
        };
        let (mut nodes, links): (Vec<_>, Vec<_>) = ids.iter().map(boot).unzip();
        let (node, beside) = (nodes.remove(0), nodes.pop());
        let (stop, stopped) = oneshot::channel();
        let places = Places::new(places);
        let door = places.clone();
        let accepting =
            runtime.spawn(async move { Links::accept_in(&links, &door, listener, stopped).await });
        let (stop, runtime) = (Some((stop, accepting)), Some(runtime));
        Speaker { node, beside, metrics, address, places, stop, runtime }
    }

    pub(crate) fn say(&self, to: u32, numbers: Range<u64>) {
        self.say_on(Link::Stream, to, numbers);
    }

    pub(crate) fn say_on(&self, link: Link, to: u32, numbers: Range<u64>) {
        self.tell(Word::Say { to, numbers, link });
    }

    pub(crate) fn meet(&self, peer: u32, address: SocketAddr) {
        self.tell(Word::Meet { peer, address });
    }

    pub(crate) fn pour(&self, to: u32, link: Link, messages: u32, bytes: usize) {
        self.tell(Word::Pour(Pour { to, link, messages, bytes, waits: false }));
    }

    /// As there is room for it.
    pub(crate) fn pour_slowly(&self, to: u32, link: Link, messages: u32, bytes: usize) {
        self.tell(Word::Pour(Pour { to, link, messages, bytes, waits: true }));
    }

    pub(crate) fn tell(&self, message: Word) {
        assert!(self.node.input(Input::Message { from: SESSIONS, message }));
    }

    pub(crate) fn look<T>(&self, at: impl FnOnce(&Talker) -> T) -> T {
        self.node.look(at).unwrap()
    }

    /// The numbers that came from this node, in order.
    pub(crate) fn heard(&self, from: u32) -> Vec<u64> {
        self.look(|talker| talker.heard_from(from))
    }

    /// Does this while the machine is busy.
    pub(crate) fn while_busy(&self, work: impl FnOnce()) {
        self.look(|_| work());
    }

    pub(crate) fn given(&self) -> u64 {
        self.look(|talker| talker.given)
    }

    pub(crate) fn resets(&self) -> u64 {
        self.look(|talker| talker.resets)
    }

    pub(crate) fn counter(&self, name: &'static str) -> u64 {
        self.metrics.counter(name, "").get()
    }

    pub(crate) fn links_up(&self) -> u64 {
        self.metrics.gauge("host_links_up", "").get()
    }

    /// Stops in good order, as a server does: what waits is sent, and then the process ends.
    pub(crate) fn stop(mut self) {
        let (stop, accepting) = self.stop.take().unwrap();
        let _ = stop.send(());
        until!(accepting.is_finished());
        self.kill();
    }

    /// Stops as a process does that is killed: its sockets are closed by its system.
    pub(crate) fn kill(mut self) {
        self.runtime.take().unwrap().shutdown_timeout(Duration::from_secs(10));
    }
}

impl Drop for Speaker {
    fn drop(&mut self) {
        for node in self.beside.take().into_iter().chain([self.node.clone()]) {
            within("the node stops", move || node.stop());
        }
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
