//! The load: so many connections, each with one request under way. The answers have no body, so one
//! is over at the first empty line; nothing else of it is read.

#![expect(clippy::disallowed_methods, reason = "a comparison measures time")]

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// What came of a round.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measured {
    pub(crate) count: usize,
    pub(crate) per_second: f64,
    /// What the one who answered worked for each.
    pub(crate) processor_us: f64,
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
}

/// Follows the link for so long.
pub(crate) fn measure(address: SocketAddr, connections: usize, time: Duration) -> Measured {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("there is a thread").block_on(async {
        let mut clients = JoinSet::new();
        let began = Instant::now();
        for _ in 0..connections {
            clients.spawn(client(address, began + time));
        }
        let mut waits = clients.join_all().await.concat();
        let took = began.elapsed();
        waits.sort_unstable();
        let at = |share: f64| waits[(waits.len() as f64 * share) as usize].as_secs_f64() * 1e6;
        Measured {
            count: waits.len(),
            processor_us: 0.0,
            per_second: waits.len() as f64 / took.as_secs_f64(),
            p50_us: at(0.5),
            p99_us: at(0.99),
        }
    })
}

async fn client(address: SocketAddr, until: Instant) -> Vec<Duration> {
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    stream.set_nodelay(true).expect("it is a TCP stream");
    let request = format!(
        "GET /page HTTP/1.1\r\nHost: {address}\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64; \
         rv:128.0) Gecko/20100101 Firefox/128.0\r\nAccept: */*\r\nReferer: \
         https://news.example/item?id=1\r\n\r\n"
    );
    let mut waits = Vec::new();
    let mut answer = [0; 1024];
    loop {
        let began = Instant::now();
        if began >= until {
            return waits;
        }
        stream.write_all(request.as_bytes()).await.expect("it reads");
        let mut read = 0;
        while !answer[..read].ends_with(b"\r\n\r\n") {
            let more = stream.read(&mut answer[read..]).await.expect("it answers");
            assert!(more > 0, "it closed the connection");
            read += more;
        }
        assert!(
            answer.starts_with(b"HTTP/1.1 302"),
            "{}",
            String::from_utf8_lossy(&answer[..read])
        );
        waits.push(began.elapsed());
    }
}
