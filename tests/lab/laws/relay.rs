//! What lies between two nodes of the real lab: it hands on what it reads, unless the script holds it up.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::{Notify, watch};
use tokio::time::sleep;

/// Handed on at once.
const CHUNK: usize = 16 << 10;

/// What is done to every connection.
#[derive(Clone, Copy, Debug, Default)]
struct Weather {
    cut: bool,
    /// In bytes a second.
    rate: Option<u32>,
}

/// One connection through it.
#[derive(Debug, Default)]
struct Line {
    carried: AtomicU64,
    broken: Notify,
}

/// Where the node with the higher number dials the one with the lower number.
#[derive(Debug)]
pub(super) struct Relay {
    pub(super) address: SocketAddr,
    target: watch::Sender<Option<SocketAddr>>,
    weather: watch::Sender<Weather>,
    lines: Arc<Mutex<Vec<Arc<Line>>>>,
}

impl Relay {
    pub(super) fn new(runtime: &Runtime) -> Relay {
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let (target, weather) = (watch::Sender::new(None), watch::Sender::new(Weather::default()));
        let lines = Arc::new(Mutex::new(Vec::new()));
        let relay = Relay { address: listener.local_addr().unwrap(), target, weather, lines };
        let (target, weather) = (relay.target.subscribe(), relay.weather.subscribe());
        runtime.spawn(accept(listener, target, weather, relay.lines.clone()));
        relay
    }

    /// Where the node listens that is dialled through it.
    pub(super) fn leads_to(&self, target: Option<SocketAddr>) {
        self.target.send_replace(target);
    }

    pub(super) fn cut(&self) {
        self.weather.send_modify(|weather| weather.cut = true);
    }

    pub(super) fn slow(&self, rate: u32) {
        self.weather.send_modify(|weather| weather.rate = Some(rate));
    }

    pub(super) fn heal(&self) {
        self.weather.send_replace(Weather::default());
    }

    /// Breaks the connection that has carried most.
    pub(super) fn break_one(&self) {
        let lines = self.lines.lock().unwrap();
        let most = lines.iter().max_by_key(|line| line.carried.load(Ordering::Relaxed));
        most.expect("there is a connection").broken.notify_one();
    }
}

async fn accept(
    listener: TcpListener,
    target: watch::Receiver<Option<SocketAddr>>,
    weather: watch::Receiver<Weather>,
    lines: Arc<Mutex<Vec<Arc<Line>>>>,
) {
    while let Ok((dialled, _)) = listener.accept().await {
        let Some(target) = *target.borrow() else { continue };
        let (weather, lines) = (weather.clone(), lines.clone());
        tokio::spawn(async move {
            let Ok(other) = TcpStream::connect(target).await else { return };
            let line = Arc::new(Line::default());
            lines.lock().unwrap().push(line.clone());
            carry(dialled, other, &weather, &line).await;
            lines.lock().unwrap().retain(|other| !Arc::ptr_eq(other, &line));
        });
    }
}

/// Until one end closes it, or the script breaks it; then both ends are closed.
async fn carry(one: TcpStream, other: TcpStream, weather: &watch::Receiver<Weather>, line: &Line) {
    let _ = (one.set_nodelay(true), other.set_nodelay(true));
    let ((one_reads, one_writes), (other_reads, other_writes)) =
        (one.into_split(), other.into_split());
    tokio::select! {
        () = pump(one_reads, other_writes, weather.clone(), line) => {}
        () = pump(other_reads, one_writes, weather.clone(), line) => {}
        () = line.broken.notified() => {}
    }
}

async fn pump(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut weather: watch::Receiver<Weather>,
    line: &Line,
) {
    let mut chunk = vec![0; CHUNK];
    loop {
        let read = from.read(&mut chunk).await.unwrap_or(0);
        // Neither bytes nor the end of them pass while the link is cut.
        let Ok(now) = weather.wait_for(|weather| !weather.cut).await.map(|now| *now) else {
            return;
        };
        if read == 0 {
            return;
        }
        if let Some(rate) = now.rate {
            sleep(Duration::from_secs(1) * read as u32 / rate).await;
        }
        line.carried.fetch_add(read as u64, Ordering::Relaxed);
        if to.write_all(&chunk[..read]).await.is_err() {
            return;
        }
    }
}
