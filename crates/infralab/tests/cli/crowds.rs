//! A broker, and clients that are many, slow, or half gone: it serves the others, in bounded memory.

#![expect(clippy::disallowed_methods, reason = "slow clients take their time")]

use std::io::{Read, Write};
use std::net::Shutdown;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::kafka::{API_VERSIONS, Body, FETCH, Kafka, METADATA, frame};
use crate::lab::Scratch;
use crate::server::Server;

const MIB: u64 = 1 << 20;

fn broker(scratch: &Scratch) -> Server {
    let serve = ["replicated-log", "serve", "--brokers", "1", "--listen", "127.0.0.1:0"];
    Server::run(&[&serve[..], &["--data", &scratch.text("data"), "--flush", "os"]].concat())
}

fn is_served(server: &Server) {
    assert_eq!(Kafka::at(server.address).produce("served", 1, 1_000, 10), 0);
}

/// Waits until the topic that is asked for is there.
fn make(server: &Server, topic: &str) {
    let asked = Body::default().int(1).text(topic).raw(&[1]);
    crate::replicas::patiently(|| {
        Kafka::at(server.address).ask(METADATA, &asked);
        (Kafka::at(server.address).produce(topic, 1, 1_000, 10) == 0).then_some(())
    });
}

/// Where the system lets a process have fewer files there are as many as it does, and that is told.
#[test]
fn five_thousand_idle_clients_keep_their_connections() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    // The server has what this process has, too.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let count = 5_000_u64.min(limit / 8 * 3 - 8) as usize;
    if count < 5_000 {
        eprintln!("{count} connections: no more with {limit} files");
    }
    let scratch = Scratch::new("crowd-idle");
    let server = broker(&scratch);
    let before = server.memory();
    let ask = |kafka: &mut Kafka| kafka.ask(API_VERSIONS, &Body::default()).take_short();
    let mut idle: Vec<_> = (0..count).map(|_| Kafka::at(server.address)).collect();
    idle.iter_mut().for_each(|kafka| assert_eq!(ask(kafka), 0));
    let grown = server.memory().saturating_sub(before);
    assert!(grown < 64 * MIB, "{count} connections have {grown} bytes");
    idle.iter_mut().for_each(|kafka| assert_eq!(ask(kafka), 0, "none was closed"));
}

/// They ask for sixteen megabytes each, and take none.
#[test]
fn slow_readers_cost_no_more_memory_than_there_is_for_them() {
    let scratch = Scratch::new("crowd-slow");
    let server = broker(&scratch);
    make(&server, "served");
    make(&server, "long");
    let mut kafka = Kafka::at(server.address);
    for _ in 0..16 {
        assert_eq!(kafka.produce("long", 1, 1_000, 1_000_000), 0);
    }
    let fetch = |offset: i32| {
        let part = Body::default().int(1).text("long").int(1).int(0).int(0).int(offset);
        let whole = Body::default().int(-1).int(1_000).int(1).int(16 << 20).raw(&[0]);
        frame(FETCH, &whole.raw(&part.int(16 << 20).0))
    };
    // The first batch is small: from the second on.
    let asked = fetch(1).repeat(20);
    let mut slow = Vec::new();
    for _ in 0..100 {
        let mut kafka = Kafka::at(server.address);
        kafka.0.write_all(&asked).unwrap();
        slow.push(kafka);
    }
    let mut most = 0;
    for _ in 0..40 {
        most = most.max(server.memory());
        is_served(&server);
        std::thread::sleep(Duration::from_millis(100));
    }
    assert!(most < 512 * MIB, "{most} bytes");
    // They did ask for much: who had to go for the others is told by the end of the connection.
    let begins = slow.iter_mut().filter_map(|kafka| {
        let mut length = [0; 4];
        kafka.0.read_exact(&mut length).ok().map(|()| u32::from_be_bytes(length))
    });
    assert!(begins.max() > Some(1_000_000));
}

#[test]
fn who_is_half_gone_or_never_ends_is_not_waited_for() {
    let scratch = Scratch::new("crowd-half");
    let server = broker(&scratch);
    make(&server, "served");
    let begun = |bytes: &[u8]| {
        let mut kafka = Kafka::at(server.address);
        kafka.0.write_all(bytes).unwrap();
        kafka
    };
    // No frame is so long, or has a length below zero.
    for impossible in [[0x7F, 0xFF, 0xFF, 0xFF], [0xFF; 4]] {
        assert!(begun(&impossible).answer().is_none());
    }
    // Who ends its sending half has said all, and gets what it asked for.
    let mut half = begun(&frame(API_VERSIONS, &Body::default()));
    half.0.shutdown(Shutdown::Write).unwrap();
    assert_eq!(half.answer().unwrap().take_short(), 0);
    assert!(half.answer().is_none());
    // Half a frame, and nothing more.
    let mut never: Vec<_> = (0..100).map(|_| begun(&[0, 16, 0, 0, 0, 3])).collect();
    never.extend((0..100).map(|_| begun(&[0, 0])));
    let before = server.memory();
    is_served(&server);
    assert!(never.iter_mut().all(|kafka| kafka.answer().is_none()), "they are closed");
    assert!(server.memory() < before + 64 * MIB, "memory comes with the bytes");
    is_served(&server);
}
