//! A node that says what it is told to say, and remembers what it hears.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use host::{Codec, Files, Links, Malformed, Metrics, Neighbours, Node, Outside, SESSIONS};
use machine::{DiskId, Input, Inspection, Link, Machine, NodeId, Now, Outputs, Protocol};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

use crate::wait::within;

#[derive(Clone, Debug)]
pub(crate) struct Talk;

impl Protocol for Talk {
    type Message = Word;
    type Timer = ();
    type Op = ();
    type Note = ();
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Word {
    /// Heard, and remembered.
    Number(u64),
    /// Answered with so many bytes.
    Give(u32),
    Bytes(Bytes),
    /// Of the tests: say these numbers.
    Say {
        to: u32,
        numbers: std::ops::Range<u64>,
        datagrams: bool,
    },
}

impl Codec for Word {
    const PROTOCOL: &'static str = "talk";
    const VERSION: u32 = 3;
    const LONGEST: usize = 100_000;

    fn encode(&self, out: &mut BytesMut) {
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
                out.put_slice(bytes);
            }
            Word::Say { .. } => unreachable!("only the test says that"),
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
struct Talker {
    heard: BTreeMap<NodeId, Vec<u64>>,
    given: u64,
    resets: u64,
}

impl Machine for Talker {
    type Protocol = Talk;

    fn handle(&mut self, _: &mut Now<'_>, input: Input<Talk>, out: &mut Outputs<Talk>) {
        match input {
            Input::Message { message: Word::Say { to, numbers, datagrams }, .. } => {
                let to = NodeId(to);
                for number in numbers.map(Word::Number) {
                    if datagrams { out.datagram(to, number) } else { out.send(to, number) }
                }
            }
            Input::Message { from, message: Word::Number(number) } => {
                self.heard.entry(from).or_default().push(number);
            }
            Input::Message { from, message: Word::Give(bytes) } => {
                self.given += 1;
                out.send(from, Word::Bytes(vec![7; bytes as usize].into()));
            }
            Input::LinkReset { .. } => self.resets += 1,
            _ => {}
        }
    }

    /// `from:number,number from:number | given | resets`
    fn inspect(&self) -> Inspection {
        let heard = self.heard.iter().map(|(from, numbers)| {
            let numbers: Vec<_> = numbers.iter().map(u64::to_string).collect();
            format!("{}:{}", from.0, numbers.join(","))
        });
        let heard: Vec<_> = heard.collect();
        let state = format!("{}|{}|{}", heard.join(" "), self.given, self.resets);
        Inspection { role: "talker", state }
    }
}

struct Mouth(Arc<Links<Talker>>);

impl Outside<Talk> for Mouth {
    fn deliver(&self, to: NodeId, message: Word, link: Link) {
        self.0.send(to, &message, link);
    }
    fn halted(&self, why: &str) {
        panic!("a talker never halts: {why}");
    }
}

/// A node on threads of its own.
pub(crate) struct Speaker {
    node: Arc<Node<Talker>>,
    pub(crate) metrics: Metrics,
    pub(crate) address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    runtime: Option<Runtime>,
}

impl Speaker {
    /// Listens on a free port, or on this one.
    pub(crate) fn start(me: u32, listen: &str, others: &[(u32, SocketAddr)]) -> Speaker {
        Speaker::start_as(me, listen, others, true)
    }

    /// One that takes no connection from those it does not know.
    pub(crate) fn start_among(me: u32, others: &[(u32, SocketAddr)]) -> Speaker {
        Speaker::start_as(me, "127.0.0.1:0", others, false)
    }

    fn start_as(
        me: u32,
        listen: &str,
        others: &[(u32, SocketAddr)],
        accepts_unlisted: bool,
    ) -> Speaker {
        let runtime = host::runtime().unwrap();
        let listener = runtime.block_on(TcpListener::bind(listen)).unwrap();
        let address = listener.local_addr().unwrap();
        let others = others.iter().map(|&(id, address)| (NodeId(id), Some(address))).collect();
        let neighbours = Neighbours { me: NodeId(me), others, accepts_unlisted };
        let metrics = Metrics::default();
        let links = Links::new(neighbours, runtime.handle().clone(), &metrics);
        let files = Files::new(".".into(), &metrics);
        let outside = Arc::new(Mouth(links.clone()));
        let node = Node::start(Talker::default(), files, DiskId(0), outside, &metrics);
        links.join(&node);
        let (stop, stopped) = oneshot::channel();
        runtime.spawn(links.accept(listener, stopped));
        let (stop, runtime) = (Some(stop), Some(runtime));
        Speaker { node, metrics, address, stop, runtime }
    }

    pub(crate) fn say(&self, to: u32, numbers: std::ops::Range<u64>) {
        self.tell(Word::Say { to, numbers, datagrams: false });
    }

    pub(crate) fn say_by_datagram(&self, to: u32, numbers: std::ops::Range<u64>) {
        self.tell(Word::Say { to, numbers, datagrams: true });
    }

    fn tell(&self, message: Word) {
        assert!(self.node.input(Input::Message { from: SESSIONS, message }));
    }

    fn part(&self, part: usize) -> String {
        let shown = self.node.inspect().unwrap().state;
        shown.split('|').nth(part).unwrap().to_owned()
    }

    /// The numbers that came from this node, in order.
    pub(crate) fn heard(&self, from: u32) -> Vec<u64> {
        let from = format!("{from}:");
        let all = self.part(0);
        let numbers = all.split(' ').find_map(|heard| heard.strip_prefix(&from));
        let numbers = numbers.unwrap_or_default().split(',');
        numbers.filter_map(|number| number.parse().ok()).collect()
    }

    pub(crate) fn given(&self) -> u64 {
        self.part(1).parse().unwrap()
    }

    pub(crate) fn resets(&self) -> u64 {
        self.part(2).parse().unwrap()
    }

    pub(crate) fn links_up(&self) -> u64 {
        self.metrics.gauge("host_links_up", "").get()
    }

    /// Stops in good order: what waits is sent.
    pub(crate) fn stop(mut self) {
        let _ = self.stop.take().unwrap().send(());
        until!(self.links_up() == 0);
    }

    /// Stops as a process does that is killed: its sockets are closed by its system.
    pub(crate) fn kill(mut self) {
        self.runtime.take().unwrap().shutdown_timeout(Duration::from_secs(10));
    }
}

impl Drop for Speaker {
    fn drop(&mut self) {
        let node = self.node.clone();
        within("the node stops", move || node.stop());
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
