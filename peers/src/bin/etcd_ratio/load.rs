//! So many clients, each of which puts one value after the other for a few seconds.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::protocols::{Client, Protocol};

/// Does not count.
const WARM_UP: Duration = Duration::from_secs(1);
const LASTS: Duration = Duration::from_secs(4);
/// No client puts more, whatever the time.
const MOST: usize = 200_000;

/// What came of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measured {
    pub(crate) per_second: f64,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
}

/// Puts until the time is over.
#[expect(clippy::disallowed_methods, reason = "a comparison measures time")]
pub(crate) fn measure(protocol: Protocol, leader: SocketAddr, clients: usize) -> Measured {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let mut latencies: Vec<Duration> = runtime.expect("a thread").block_on(async {
        let began = Instant::now();
        let running: Vec<_> = (0..clients)
            .map(|number| tokio::spawn(put_all(protocol, leader, number, began)))
            .collect();
        let mut all = Vec::new();
        for client in running {
            all.extend(client.await.expect("a client that goes on"));
        }
        all
    });
    latencies.sort();
    let at = |part: usize| latencies[latencies.len() * part / 100].as_secs_f64() * 1e3;
    let per_second = latencies.len() as f64 / LASTS.as_secs_f64();
    Measured { per_second, p50_ms: at(50), p99_ms: at(99) }
}

/// The latencies of those that count.
#[expect(clippy::disallowed_methods, reason = "a comparison measures time")]
async fn put_all(
    protocol: Protocol,
    leader: SocketAddr,
    number: usize,
    began: Instant,
) -> Vec<Duration> {
    let mut client = Client::connect(protocol, leader).await;
    let value = [b'x'; 100];
    let mut latencies = Vec::new();
    for put in 0..MOST {
        let key = format!("client-{number:02}-{:03}", put % 1000);
        let asked = Instant::now();
        client.put(key.as_bytes(), &value).await;
        let (now, counts) = (began.elapsed(), WARM_UP..WARM_UP + LASTS);
        if counts.contains(&now) {
            latencies.push(asked.elapsed());
        } else if now > counts.end {
            break;
        }
    }
    latencies
}
