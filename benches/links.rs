//! Messages of 1 MiB from one machine to another over loopback, beside a bare pair of sockets in the same run.
//!
//! Between the two machines no byte of a payload is copied, but for what comes in one read with the header of its
//! message (8 KiB at most, under 1%): the sender's memory is given to the system in a vectored write, and the
//! system fills memory that the receiver keeps, and that is used again when nobody keeps it any more. The bare pair
//! copies none either, and reads into the same memory again and again. The system itself copies twice, for both.
//!
//! `cargo bench --bench links`

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use bytes::{BufMut, Bytes};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use host::{Codec, Encoder, Files, Links, Malformed, Metrics, Neighbours, Node, Outside, SESSIONS};
use machine::{DiskId, Input, Link, Machine, NodeId, Now, Outputs, Protocol, Window};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;

const SIZE: usize = 1 << 20;
/// Moved at a time.
const MESSAGES: u32 = 256;
const LOW: NodeId = NodeId(1);
const HIGH: NodeId = NodeId(2);

#[derive(Clone, Debug)]
struct Words;

impl Protocol for Words {
    type Message = Message;
    type Timer = ();
    type Op = ();
    type Note = ();

    fn weight(message: &Message) -> u32 {
        match message {
            Message::Move(_) => 0,
            Message::Piece(bytes) => 1 + bytes.len() as u32,
        }
    }
}

#[derive(Clone, Debug, Hash)]
enum Message {
    /// Of the bench: move so many pieces.
    Move(u32),
    Piece(Bytes),
}

impl Codec for Message {
    const PROTOCOL: &'static str = "bench";
    const VERSION: u32 = 1;
    const LONGEST: usize = 2 << 20;

    fn encode(&self, out: &mut Encoder) {
        out.put_u8(0);
        if let Message::Piece(bytes) = self {
            out.put_shared(bytes);
        }
    }

    fn decode(bytes: Bytes) -> Result<Message, Malformed> {
        if bytes.is_empty() {
            Err(Malformed("it is empty"))
        } else {
            Ok(Message::Piece(bytes.slice(1..)))
        }
    }
}

/// Sends pieces as there is room, or notes each time that all have come.
#[derive(Clone)]
struct Mover {
    piece: Bytes,
    left: u32,
    came: u32,
    window: Window,
}

impl Machine for Mover {
    type Protocol = Words;

    fn handle(&mut self, _: &mut Now<'_>, input: Input<Words>, out: &mut Outputs<Words>) {
        match input {
            Input::Message { message: Message::Move(pieces), .. } => self.left += pieces,
            Input::Message { message: Message::Piece(piece), .. } => {
                assert_eq!(piece.len(), SIZE);
                self.came += 1;
                if self.came.is_multiple_of(MESSAGES) {
                    out.note(());
                }
            }
            Input::Writable { peer, link } => self.window.writable(peer, link),
            Input::LinkReset { peer } => panic!("the link with {peer:?} broke"),
            _ => {}
        }
        while self.left > 0 && self.window.has_room(LOW, Link::Bulk) {
            self.left -= 1;
            let piece = Message::Piece(self.piece.clone());
            self.window.sent(LOW, Link::Bulk, Words::weight(&piece));
            out.bulk(LOW, piece);
        }
    }
}

struct Outer(Arc<Links<Mover>>, Sender<()>);

impl Outside<Words> for Outer {
    fn deliver(&self, to: NodeId, message: Message, link: Link) {
        self.0.send(to, &message, link);
    }
    fn noted(&self, (): ()) {
        let _ = self.1.send(());
    }
    fn halted(&self, why: &str) {
        panic!("a mover never halts: {why}");
    }
}

/// Two nodes that are connected.
struct Pair {
    _low: Arc<Node<Mover>>,
    high: Arc<Node<Mover>>,
    done: Receiver<()>,
}

impl Pair {
    fn new(runtime: &Runtime) -> Pair {
        let listener =
            runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("some port is free");
        let address = listener.local_addr().expect("it is bound");
        let (finished, done) = channel();
        let node = |me, other, finished| {
            let (others, metrics) = (vec![(other, Some(address))], Metrics::default());
            let neighbours = Neighbours { me, others, accepts_unlisted: false };
            let links = Links::new(neighbours, runtime.handle().clone(), &metrics);
            let piece = Bytes::from(vec![7; SIZE]);
            let machine = Mover { piece, left: 0, came: 0, window: Window::default() };
            let outside = Arc::new(Outer(links.clone(), finished));
            let files = Files::new(".".into(), &metrics);
            let node = Node::start(machine, files, DiskId(0), outside, &metrics);
            links.join(&node, None);
            (node, links)
        };
        let (low, links) = node(LOW, HIGH, finished.clone());
        runtime.spawn(links.accept(listener, std::future::pending::<()>()));
        let (high, _) = node(HIGH, LOW, finished);
        let pair = Pair { _low: low, high, done };
        pair.transfer();
        pair
    }

    fn transfer(&self) {
        self.high.input(Input::Message { from: SESSIONS, message: Message::Move(MESSAGES) });
        self.done.recv().expect("both nodes are there");
    }
}

/// Two sockets, and a task that writes and one that reads.
struct Bare {
    go: tokio::sync::mpsc::UnboundedSender<()>,
    done: Receiver<()>,
}

impl Bare {
    fn new(runtime: &Runtime) -> Bare {
        let (go, mut told) = tokio::sync::mpsc::unbounded_channel();
        let (finished, done) = channel();
        let (mut sends, mut takes) = runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("some port is free");
            let address = listener.local_addr().expect("it is bound");
            let sends = TcpStream::connect(address).await.expect("it listens");
            let (takes, _) = listener.accept().await.expect("somebody dialled");
            sends.set_nodelay(true).expect("it is open");
            (sends, takes)
        });
        runtime.spawn(async move {
            let piece = vec![7; SIZE];
            while told.recv().await.is_some() {
                for _ in 0..MESSAGES {
                    sends.write_all(&piece).await.expect("the other end reads");
                }
            }
        });
        runtime.spawn(async move {
            let mut piece = vec![0; SIZE];
            loop {
                for _ in 0..MESSAGES {
                    if takes.read_exact(&mut piece).await.is_err() {
                        return;
                    }
                }
                let _ = finished.send(());
            }
        });
        let bare = Bare { go, done };
        bare.transfer();
        bare
    }

    fn transfer(&self) {
        self.go.send(()).expect("the writer is there");
        self.done.recv().expect("the reader is there");
    }
}

fn links(criterion: &mut Criterion) {
    let runtime = host::runtime().expect("there are threads");
    let (pair, bare) = (Pair::new(&runtime), Bare::new(&runtime));
    let mut group = criterion.benchmark_group("links");
    group.throughput(Throughput::Bytes(u64::from(MESSAGES) * SIZE as u64));
    group.bench_function("bare sockets", |bench| bench.iter(|| bare.transfer()));
    group.bench_function("machines", |bench| bench.iter(|| pair.transfer()));
    group.finish();
    ratio(&pair, &bare);
}

/// One beside the other, in turn, so that whatever else the computer does is on both: the median of the ratios.
fn ratio(pair: &Pair, bare: &Bare) {
    const ROUNDS: usize = 41;
    #[expect(clippy::disallowed_methods, reason = "it is what is measured")]
    let time = |transfer: &dyn Fn()| {
        let begun = Instant::now();
        transfer();
        begun.elapsed()
    };
    let rounds = (0..ROUNDS).map(|_| (time(&|| bare.transfer()), time(&|| pair.transfer())));
    let rounds: Vec<_> = rounds.collect();
    let median = |mut values: Vec<f64>| {
        values.sort_by(f64::total_cmp);
        values[ROUNDS / 2]
    };
    let rate = |time: Duration| f64::from(MESSAGES) / time.as_secs_f64();
    println!(
        "machines move {:.0} MiB/s, bare sockets {:.0}; the median ratio of {ROUNDS} rounds is {:.2}",
        median(rounds.iter().map(|(_, machines)| rate(*machines)).collect()),
        median(rounds.iter().map(|(bare, _)| rate(*bare)).collect()),
        median(
            rounds
                .iter()
                .map(|(bare, machines)| bare.as_secs_f64() / machines.as_secs_f64())
                .collect()
        ),
    );
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10);
    targets = links
}

criterion_main!(benches);
