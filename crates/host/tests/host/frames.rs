//! A protocol of lines at a door: requests one behind the other, answers in their order.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use host::framed::{self, Framed, MOST_UNDER_WAY, Refusal};
use host::{Budget, Door, Places, Session, Visitor};
use machine::Parts;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::clerk::{Open, Paper, part};

/// One line a frame.
struct Lines;

impl Framed for Lines {
    type Ask = Bytes;
    type Answer = Bytes;
    const LONGEST: usize = 100_000;

    fn length(&self, begins: &[u8]) -> Result<Option<usize>, Refusal> {
        Ok(begins.iter().position(|byte| *byte == b'\n').map(|at| at + 1))
    }

    fn decode(&self, frame: Bytes) -> Result<Bytes, Refusal> {
        match &frame[..] {
            b"nonsense\n" => Err(Refusal(Bytes::from_static(b"what?\n"))),
            _ => Ok(frame),
        }
    }

    fn encode(&self, answer: Bytes, out: &mut Parts) {
        out.push(Bytes::from_static(b"> "));
        out.push(answer);
    }
}

struct Served {
    address: SocketAddr,
    office: Arc<Open>,
    budget: Budget,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<()>,
}

const BUDGET: u32 = 1 << 20;

impl Served {
    async fn new() -> Served {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let office = Arc::new(Open::new());
        let door = Door { places: Places::new(8), budget: Budget::new(BUDGET) };
        let (asked, budget) = (office.clone(), door.budget.clone());
        let answers = move |visitor: Visitor, line: Bytes| {
            let office = asked.clone();
            async move { answer(&office, &visitor, line).await }
        };
        let serving = tokio::spawn(async move {
            let _ = framed::serve(listener, &door, Arc::new(Lines), answers, stopped).await;
        });
        Served { address, office, budget, stop, serving }
    }

    async fn visit(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    async fn stop(self) {
        self.stop.send(()).unwrap();
        soon(self.serving).await.unwrap();
        assert_eq!(self.budget.left(), u64::from(BUDGET), "all is given back");
    }
}

async fn answer(office: &Open, visitor: &Visitor, line: Bytes) -> Result<Option<Bytes>, Refusal> {
    Ok(match &line[..] {
        b"never\n" => return Err(Refusal(Bytes::from_static(b"sorry\n"))),
        b"quiet\n" => None,
        b"later\n" => {
            let session = Session::of(visitor, &office.0);
            let mut answers = session.ask(|token| Paper::Later { token });
            part(answers.next().await).map(|_| line)
        }
        b"much\n" => Some(Bytes::from_static(&[b'm'; 256 << 10])),
        _ => Some(line),
    })
}

async fn soon<T>(what: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(30), what).await.expect("it comes soon")
}

async fn says(stream: &mut TcpStream, expected: &str) {
    let mut said = vec![0; expected.len()];
    soon(stream.read_exact(&mut said)).await.unwrap();
    assert_eq!(String::from_utf8_lossy(&said), expected);
}

async fn rest(stream: &mut TcpStream) -> String {
    let mut said = Vec::new();
    let _ = soon(stream.read_to_end(&mut said)).await;
    String::from_utf8_lossy(&said).into_owned()
}

async fn until(is_so: impl Fn() -> bool) {
    soon(async {
        while !is_so() {
            sleep(Duration::from_millis(2)).await;
        }
    })
    .await;
}

fn on_threads(test: impl Future<Output = ()>) {
    host::runtime().unwrap().block_on(test);
}

#[test]
fn answers_come_in_the_order_of_the_requests_and_some_have_none() {
    on_threads(async {
        let served = Served::new().await;
        let mut stream = served.visit().await;
        stream.write_all(b"later\nquiet\none\nlater\nqui").await.unwrap();
        until(|| served.office.look(|clerk| clerk.owes()) == 2).await;
        served.office.go(true, 64);
        says(&mut stream, "> later\n> one\n> later\n").await;
        stream.write_all(b"et\ntwo\n").await.unwrap();
        says(&mut stream, "> two\n").await;
        served.office.look(|clerk| assert_eq!(clerk.askers[0], clerk.askers[1], "one session"));
        served.stop().await;
    });
}

#[test]
fn a_connection_with_many_requests_under_way_is_not_read() {
    on_threads(async {
        let served = Served::new().await;
        let mut stream = served.visit().await;
        stream.write_all("later\n".repeat(2 * MOST_UNDER_WAY).as_bytes()).await.unwrap();
        until(|| served.office.look(|clerk| clerk.owes()) == MOST_UNDER_WAY).await;
        let mut other = served.visit().await;
        other.write_all(b"one\n").await.unwrap();
        says(&mut other, "> one\n").await;
        assert_eq!(served.office.look(|clerk| clerk.owes()), MOST_UNDER_WAY);
        served.office.go(true, 64);
        until(|| served.office.look(|clerk| clerk.owes()) == MOST_UNDER_WAY).await;
        served.office.go(true, 64);
        says(&mut stream, &"> later\n".repeat(2 * MOST_UNDER_WAY)).await;
        served.stop().await;
    });
}

#[test]
fn a_reader_that_takes_nothing_is_not_read_and_then_closed() {
    on_threads(async {
        let served = Served::new().await;
        let mut stream = served.visit().await;
        // 250 MiB of answers.
        let asked = "much\n".repeat(1000);
        stream.write_all(asked.as_bytes()).await.unwrap();
        // Others are served meanwhile.
        let mut other = served.visit().await;
        other.write_all(b"one\n").await.unwrap();
        says(&mut other, "> one\n").await;
        // The system's buffers hold some of it; the rest never comes.
        sleep(Duration::from_secs(11)).await;
        assert!(rest(&mut stream).await.len() < 64 << 20);
        served.stop().await;
    });
}

#[test]
fn a_frame_that_is_too_long_or_means_nothing_ends_its_connection_behind_earlier_answers() {
    on_threads(async {
        let served = Served::new().await;
        let mut stream = served.visit().await;
        stream.write_all(b"later\nnonsense\none\n").await.unwrap();
        until(|| served.office.look(|clerk| clerk.owes()) == 1).await;
        served.office.go(true, 64);
        assert_eq!(rest(&mut stream).await, "> later\nwhat?\n");
        let mut stream = served.visit().await;
        stream.write_all(b"one\n").await.unwrap();
        let _ = stream.write_all(&[b'x'; 2 * Lines::LONGEST]).await;
        let said = rest(&mut stream).await;
        assert!(said.is_empty() || said == "> one\n", "{said}");
        served.stop().await;
    });
}

#[test]
fn an_answer_that_cannot_be_given_ends_its_connection_behind_earlier_ones() {
    on_threads(async {
        let served = Served::new().await;
        let mut stream = served.visit().await;
        stream.write_all(b"later\nnever\none\nlater\n").await.unwrap();
        until(|| served.office.look(|clerk| clerk.owes()) == 2).await;
        served.office.go(true, 64);
        assert_eq!(rest(&mut stream).await, "> later\nsorry\n", "nobody takes one for another");
        served.stop().await;
    });
}

/// In the middle of a frame, and with an answer owed.
#[test]
fn the_machine_is_told_of_who_hangs_up() {
    on_threads(async {
        let served = Served::new().await;
        let mut stream = served.visit().await;
        stream.write_all(b"later\nla").await.unwrap();
        until(|| served.office.look(|clerk| clerk.owes()) == 1).await;
        assert_eq!(served.office.look(|clerk| clerk.resets.len()), 0);
        drop(stream);
        until(|| served.office.look(|clerk| clerk.resets == clerk.askers)).await;
        served.stop().await;
    });
}

#[test]
fn who_has_said_all_gets_the_answers_all_the_same() {
    on_threads(async {
        let served = Served::new().await;
        let mut stream = served.visit().await;
        stream.write_all(b"one\nmuch\ntwo\n").await.unwrap();
        stream.shutdown().await.unwrap();
        let said = rest(&mut stream).await;
        assert!(said.starts_with("> one\n> mm") && said.ends_with("m> two\n"), "{}", said.len());
        served.stop().await;
    });
}

/// Nobody can tell how long a line is before its end is there.
#[test]
fn what_comes_of_a_frame_of_no_known_length_is_paid_for() {
    on_threads(async {
        let served = Served::new().await;
        let mut stream = served.visit().await;
        let line = [&[b'x'; 90_000][..], b"\n"].concat();
        stream.write_all(&line[..80_000]).await.unwrap();
        until(|| served.budget.left() <= u64::from(BUDGET) - 80_000).await;
        stream.write_all(&line[80_000..]).await.unwrap();
        let mut said = vec![0; 90_003];
        soon(stream.read_exact(&mut said)).await.unwrap();
        until(|| served.budget.left() == u64::from(BUDGET)).await;
        // Where there is nothing left of it no more is read.
        let kept = served.budget.take(u64::from(BUDGET)).unwrap();
        stream.write_all(b"one\n").await.unwrap();
        sleep(Duration::from_millis(50)).await;
        drop(kept);
        says(&mut stream, "> one\n").await;
        served.stop().await;
    });
}

#[test]
fn a_frame_waits_for_its_bytes_of_the_budget_and_gives_them_back() {
    on_threads(async {
        let served = Served::new().await;
        let mut streams = Vec::new();
        for _ in 0..8 {
            let mut stream = served.visit().await;
            let line = [&[b'x'; 90_000][..], b"\n"].concat();
            stream.write_all(&line).await.unwrap();
            streams.push(stream);
        }
        for stream in &mut streams {
            let mut said = vec![0; 90_003];
            soon(stream.read_exact(&mut said)).await.unwrap();
        }
        until(|| served.budget.left() == u64::from(BUDGET)).await;
        let kept = served.budget.take(u64::from(BUDGET)).unwrap();
        streams[0].write_all(b"one\n").await.unwrap();
        sleep(Duration::from_millis(50)).await;
        drop(kept);
        says(&mut streams[0], "> one\n").await;
        drop(streams);
        served.stop().await;
    });
}
