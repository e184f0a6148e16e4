//! Doors with visitors that are many, slow or large: others are served, and little is kept of them.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use doors::http::{self, Door, Tower};
use doors::{Budget, Places};
use futures_util::future::BoxFuture;
use http_body_util::{BodyExt, Full};
use hyper::body::Frame;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

/// Longer than anything in here takes, and shorter than the server waits for a client.
const PATIENCE: Duration = Duration::from_secs(20);
const KIB: usize = 1 << 10;

/// A door, and what has it stopped.
struct Served {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<()>,
}

async fn serve(door: Door, routes: Router) -> Served {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let serving =
        async move { drop(http::serve(listener, &door, Tower::new(routes), stopped).await) };
    Served { address, stop, serving: tokio::spawn(serving) }
}

impl Served {
    async fn stop(self) {
        self.stop.send(()).unwrap();
        soon(self.serving).await.unwrap();
    }

    /// A connection from an address of this computer.
    async fn visit(&self, from: u8) -> TcpStream {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((Ipv4Addr::new(127, 0, 0, from), 0).into()).unwrap();
        soon(socket.connect(self.address)).await.unwrap()
    }

    async fn get(&self, from: u8, path: &str) -> String {
        ask(&mut self.visit(from).await, path).await
    }
}

async fn soon<T>(what: impl Future<Output = T>) -> T {
    timeout(PATIENCE, what).await.expect("it comes soon")
}

/// What is answered, up to the end of the connection.
async fn ask(stream: &mut TcpStream, path: &str) -> String {
    let head = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    rest(stream).await
}

async fn rest(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    // One that is closed in the middle has told what it had to tell.
    let _ = soon(stream.read_to_end(&mut text)).await;
    String::from_utf8_lossy(&text).into_owned()
}

fn on_threads(test: impl Future<Output = ()>) {
    tokio::runtime::Runtime::new().unwrap().block_on(test);
}

fn small_door(places: usize) -> Door {
    Door { places: Places::new(places), budget: Budget::new(1 << 20) }
}

fn hello() -> Router {
    Router::new().route("/", get(async || "hello"))
}

/// The incident: 5,000 idle sockets of one visitor kept everybody else out for 26 s.
#[test]
fn idle_connections_of_one_address_keep_no_other_out() {
    on_threads(async {
        let served = serve(small_door(16), hello()).await;
        let mut idle = Vec::new();
        for _ in 0..100 {
            idle.push(served.visit(1).await);
        }
        assert!(served.get(2, "/").await.ends_with("hello"));
        assert!(served.get(1, "/").await.ends_with("hello"), "its own address waits a moment");
        served.stop().await;
    });
}

/// The incident: 700 visitors that sent a header or a body byte by byte kept everybody out for good.
#[test]
fn slow_requests_of_one_address_keep_no_other_out() {
    let takes_all = async |request: Request| {
        let (parts, body) = request.into_parts();
        http::body(&parts, body, 1000)
            .await
            .map_err(|bad| bad.reply())
            .map(|body| body.len().to_string())
    };
    on_threads(async {
        let routes = hello().route("/put", post(takes_all));
        let served = serve(small_door(16), routes).await;
        let mut slow = Vec::new();
        for number in 0..40 {
            let mut stream = served.visit(1).await;
            let begins = match number % 2 {
                0 => "GET / HTTP/1.1\r\nhost: localhost\r\nx: ",
                _ => "POST /put HTTP/1.1\r\nhost: localhost\r\ncontent-length: 900\r\n\r\n",
            };
            slow.push(tokio::spawn(async move {
                let _ = stream.write_all(begins.as_bytes()).await;
                while stream.write_all(b"x").await.is_ok() {
                    sleep(Duration::from_millis(10)).await;
                }
            }));
        }
        for _ in 0..20 {
            assert!(served.get(2, "/").await.ends_with("hello"));
        }
        slow.iter().for_each(JoinHandle::abort);
        served.stop().await;
    });
}

/// A body without an end, and how much of it was asked for.
struct Endless(Arc<AtomicU64>);
impl hyper::body::Body for Endless {
    type Data = Bytes;
    type Error = Infallible;
    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.fetch_add(64 * KIB as u64, Ordering::Relaxed);
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&[7; 64 * KIB])))))
    }
}

fn endless(asked: &Arc<AtomicU64>) -> Router {
    let asked = asked.clone();
    let answer = move || {
        let asked = asked.clone();
        async move { Body::new(Endless(asked)).into_response() }
    };
    Router::new().route("/", get(async || "hello")).route("/endless", get(answer))
}

#[test]
fn readers_that_take_nothing_keep_no_other_out_and_what_they_wait_for_is_not_made() {
    on_threads(async {
        let asked = Arc::new(AtomicU64::new(0));
        let served = serve(small_door(4), endless(&asked)).await;
        let mut silent = Vec::new();
        for _ in 0..4 {
            let mut stream = served.visit(1).await;
            stream.write_all(b"GET /endless HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
            soon(stream.read_u8()).await.unwrap();
            silent.push(stream);
        }
        assert!(served.get(2, "/").await.ends_with("hello"));
        // The system's buffers take some megabytes for each.
        assert!(asked.load(Ordering::Relaxed) < 64 << 20);
        drop(silent);
        served.stop().await;
    });
}

/// Twelve bodies of 256 KiB each, where a mebibyte may be kept.
#[test]
fn large_bodies_that_come_together_have_one_budget() {
    on_threads(async {
        let (go, took) = (Arc::new(Semaphore::new(0)), Arc::new(AtomicU64::new(0)));
        let (wait, count) = (go.clone(), took.clone());
        let takes_all = move |request: Request| {
            let (wait, count) = (wait.clone(), count.clone());
            async move {
                let (parts, body) = request.into_parts();
                let body = http::body(&parts, body, 256 * KIB).await.map_err(|bad| bad.reply())?;
                count.fetch_add(1, Ordering::Relaxed);
                wait.acquire().await.unwrap().forget();
                Ok::<_, http::HttpReply>(body.len().to_string())
            }
        };
        let door = small_door(64);
        let budget = door.budget.clone();
        let served = serve(door, Router::new().route("/", post(takes_all))).await;
        let mut visits = Vec::new();
        for _ in 0..12 {
            let mut stream = served.visit(1).await;
            visits.push(tokio::spawn(async move {
                let head = "POST / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
                            content-length: 262144\r\n\r\n";
                stream.write_all(head.as_bytes()).await.unwrap();
                // Who is refused need not send it all.
                let _ = stream.write_all(&[7; 256 * KIB]).await;
                rest(&mut stream).await
            }));
        }
        soon(async {
            while took.load(Ordering::Relaxed) < 4 {
                sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
        assert_eq!(budget.left(), 0);
        let refused = served.visit(1).await;
        let refused = post_bytes(refused, 10).await;
        assert!(
            refused.starts_with("HTTP/1.1 503") && refused.contains("retry-after: 1"),
            "{refused}"
        );
        go.add_permits(12);
        let mut answers = Vec::new();
        for visit in visits {
            answers.push(soon(visit).await.unwrap());
        }
        let ok = answers.iter().filter(|answer| answer.ends_with("262144")).count();
        assert!((4..12).contains(&ok), "{answers:?}");
        assert_eq!(budget.left(), 1 << 20, "all is given back");
        assert!(post_bytes(served.visit(1).await, 10).await.ends_with("10"));
        served.stop().await;
    });
}

async fn post_bytes(mut stream: TcpStream, length: usize) -> String {
    let head = format!(
        "POST / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let _ = stream.write_all(&vec![7; length]).await;
    rest(&mut stream).await
}

/// A client of HTTP/2 that begins with its preface.
async fn http2(served: &Served) -> hyper::client::conn::http2::SendRequest<Body> {
    let stream = TokioIo::new(served.visit(1).await);
    let connected = hyper::client::conn::http2::handshake(TokioExecutor::new(), stream);
    let (sender, connection) = soon(connected).await.unwrap();
    tokio::spawn(connection);
    soon(async {
        let mut sender = sender;
        sender.ready().await.unwrap();
        sender
    })
    .await
}

fn request(path: &str, body: impl Into<Body>) -> Request {
    Request::builder()
        .method("POST")
        .uri(format!("http://localhost{path}"))
        .body(body.into())
        .unwrap()
}

/// Answers with what comes, as it comes.
async fn echo(request: Request) -> Response {
    Response::new(request.into_body())
}

#[test]
fn streams_of_http2_go_side_by_side_and_a_slow_reader_holds_up_no_other() {
    on_threads(async {
        let asked = Arc::new(AtomicU64::new(0));
        let count = asked.clone();
        let answer = move || {
            let count = count.clone();
            async move { Body::new(Endless(count)).into_response() }
        };
        let routes = Router::new().route("/echo", post(echo)).route("/endless", post(answer));
        let served = serve(Door::default(), routes).await;
        let mut client = http2(&served).await;
        // One whose body stays open, and one that is read slowly.
        let (give, given) = tokio::sync::mpsc::channel::<Bytes>(1);
        let open = Body::new(Given(given));
        let talk = soon(client.send_request(request("/echo", open))).await.unwrap();
        let slow = soon(client.send_request(request("/endless", Body::empty()))).await.unwrap();
        let mut quick = Vec::new();
        for number in 0..100_usize {
            let mut client = client.clone();
            quick.push(tokio::spawn(async move {
                let body = vec![number as u8; 1000 * number];
                client.ready().await.unwrap();
                let answer = client.send_request(request("/echo", body.clone())).await.unwrap();
                assert!(answer.into_body().collect().await.unwrap().to_bytes() == body);
            }));
        }
        for one in quick {
            soon(one).await.unwrap();
        }
        assert!(asked.load(Ordering::Relaxed) < 4 << 20, "what nobody reads is not made");
        let mut talk = talk.into_body();
        for word in ["one", "two"] {
            give.send(Bytes::from(word)).await.unwrap();
            let frame = soon(talk.frame()).await.unwrap().unwrap();
            assert_eq!(
                frame.into_data().unwrap(),
                word,
                "an answer begins before its request ends"
            );
        }
        drop((give, slow));
        served.stop().await;
    });
}

/// A body that a test gives piece by piece.
struct Given(tokio::sync::mpsc::Receiver<Bytes>);
impl hyper::body::Body for Given {
    type Data = Bytes;
    type Error = Infallible;
    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(cx).map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes))))
    }
}

/// More than the budget has, as a stream: frames are given back as they are dropped.
#[test]
fn a_long_body_that_is_read_as_a_stream_needs_little_of_the_budget() {
    on_threads(async {
        let count = async |request: Request| {
            let (mut body, mut bytes) = (request.into_body(), 0);
            while let Some(frame) = body.frame().await {
                bytes += frame.unwrap().into_data().map_or(0, |data| data.len());
            }
            bytes.to_string()
        };
        let keep = async |request: Request| {
            let (mut body, mut kept) = (request.into_body(), Vec::new());
            loop {
                match body.frame().await {
                    Some(Ok(frame)) => kept.push(frame),
                    Some(Err(why)) => return why.to_string(),
                    None => return "all".to_owned(),
                }
            }
        };
        let door = small_door(4);
        let budget = door.budget.clone();
        let routes = Router::new().route("/", post(count)).route("/keep", post(keep));
        let served = serve(door, routes).await;
        assert!(post_bytes(served.visit(1).await, 8 << 20).await.ends_with("8388608"));
        let mut client = http2(&served).await;
        let body = Body::new(Full::new(Bytes::from(vec![7; 4 << 20])));
        let answer = soon(client.send_request(request("/keep", body))).await.unwrap();
        let why = soon(answer.into_body().collect()).await.unwrap().to_bytes();
        assert!(why.starts_with(b"the server has no memory left"), "{why:?}");
        drop(client);
        served.stop().await;
        assert_eq!(budget.left(), 1 << 20);
    });
}

/// What hyper answers by itself is given a body. What a service answers is not touched, whatever it looks like.
#[test]
fn an_answer_that_looks_like_one_of_hypers_arrives_as_it_is() {
    const LOOKS: &str = "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n";
    on_threads(async {
        let streamed = async || {
            let (give, given) = tokio::sync::mpsc::channel(1);
            give.send(Bytes::from(LOOKS.trim_end())).await.unwrap();
            Body::new(Given(given))
        };
        let whole = async || LOOKS;
        let routes = Router::new().route("/whole", get(whole)).route("/streamed", get(streamed));
        let served = serve(small_door(4), routes).await;
        assert!(served.get(1, "/whole").await.ends_with(LOOKS));
        let streamed = served.get(1, "/streamed").await;
        assert!(streamed.ends_with(&format!("{}\r\n0\r\n\r\n", LOOKS.trim_end())), "{streamed}");
        let bad = served.get(1, "/ b").await;
        assert!(bad.contains(r#"{"error":"this is not a request of HTTP/1.1"#), "{bad}");
        served.stop().await;
    });
}

/// Notes that it was dropped.
struct Dropped(Arc<Semaphore>);
impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.add_permits(1);
    }
}

/// A handler that begins, and is dropped before it answers.
fn never(
    began: &Arc<Semaphore>,
    dropped: &Arc<Semaphore>,
) -> impl Fn() -> BoxFuture<'static, ()> + Clone + Send + Sync + 'static {
    let (begin, drops) = (began.clone(), dropped.clone());
    move || {
        let (begin, dropped) = (begin.clone(), Dropped(drops.clone()));
        Box::pin(async move {
            begin.add_permits(1);
            std::future::pending::<()>().await;
            drop(dropped);
        })
    }
}

#[test]
fn what_was_asked_is_dropped_when_its_client_hangs_up() {
    on_threads(async {
        let (began, dropped) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
        let never = never(&began, &dropped);
        let served = serve(small_door(4), Router::new().route("/", get(never))).await;
        let mut stream = served.visit(1).await;
        stream.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
        soon(began.acquire()).await.unwrap().forget();
        assert_eq!(dropped.available_permits(), 0);
        drop(stream);
        soon(dropped.acquire()).await.unwrap().forget();
        served.stop().await;
    });
}

/// Its connection has nothing under way then: the place of one that is idle is another's to take.
#[test]
fn a_stream_of_http2_that_is_given_up_is_under_way_no_longer() {
    on_threads(async {
        let (began, dropped) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
        let never = never(&began, &dropped);
        let served = serve(small_door(1), hello().route("/never", post(never))).await;
        let mut client = http2(&served).await;
        let asked = client.send_request(request("/never", Body::empty()));
        tokio::select! {
            _ = asked => panic!("it is never answered"),
            began = soon(began.acquire()) => began.unwrap().forget(),
        }
        soon(dropped.acquire()).await.unwrap().forget();
        assert!(served.get(2, "/").await.ends_with("hello"));
        served.stop().await;
    });
}

#[test]
fn a_door_that_stops_answers_in_full_what_was_asked() {
    on_threads(async {
        let (go, began) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
        let (wait, begin) = (go.clone(), began.clone());
        let slowly = move || {
            let (wait, begin) = (wait.clone(), begin.clone());
            async move {
                begin.add_permits(1);
                wait.acquire().await.unwrap().forget();
                "in full"
            }
        };
        let served = serve(small_door(4), Router::new().route("/", get(slowly))).await;
        let mut stream = served.visit(1).await;
        let _idle = served.visit(1).await;
        let asked = tokio::spawn(async move { ask(&mut stream, "/").await });
        soon(began.acquire()).await.unwrap().forget();
        let stopping = tokio::spawn(served.stop());
        sleep(Duration::from_millis(20)).await;
        go.add_permits(1);
        assert!(soon(asked).await.unwrap().ends_with("in full"));
        soon(stopping).await.unwrap();
    });
}
