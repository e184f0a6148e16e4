//! The server, asked rightly and wrongly.

#![expect(
    clippy::disallowed_methods,
    reason = "clients come at the same time, and a mark is ahead of the clock"
)]

use std::collections::BTreeSet;
use std::net::{Shutdown, SocketAddr};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use machine::Checkpoint;
use snowflake::Snowflake;

use crate::client::{Reply, ask, begin, reply};
use crate::lab::{Scratch, lab};
use crate::replicas::patiently;
use crate::server::Server;

#[test]
fn ids_are_minted_for_whoever_asks() {
    let scratch = Scratch::new("minting");
    let server = Server::start(&scratch.text("data"), &["--worker", "9"]);
    let first = server.id();
    let ids = server.ids(1000);
    assert_eq!(ids.len(), 1000);
    assert!(first < ids[0] && ids.windows(2).all(|pair| pair[0] < pair[1]));
    assert!(ids.iter().all(|id| id >> 12 & 0x3ff == 9));
    assert_eq!(server.ids(10_000).len(), 10_000, "more than two ticks have room for");

    let text = server.get_with("/ids?count=3", "Accept: text/plain");
    assert!(text.head.contains("content-type: text/plain"), "{text:?}");
    assert!(text.head.contains("cache-control: no-store"), "{text:?}");
    let ids: Vec<u64> = text.body.lines().map(|line| line.parse().unwrap()).collect();
    assert_eq!(ids.len(), 3);
    let one = server.get_with("/id", "Accept: text/plain").body;
    assert!(one.trim_end().parse::<u64>().unwrap() > ids[2]);
}

#[test]
fn clients_who_come_at_the_same_time_share_no_id() {
    let scratch = Scratch::new("together");
    let server = Server::start(&scratch.text("data"), &[]);
    let all: Vec<u64> = std::thread::scope(|scope| {
        let client = || (0..20).flat_map(|round| server.ids(1 + round * 100)).collect::<Vec<_>>();
        let clients: Vec<_> = (0..4).map(|_| scope.spawn(client)).collect();
        clients.into_iter().flat_map(|client| client.join().unwrap()).collect()
    });
    let distinct: BTreeSet<_> = all.iter().collect();
    assert_eq!((distinct.len(), all.len()), (4 * 19_020, 4 * 19_020));
}

#[test]
fn decode_answers_what_the_command_prints() {
    let scratch = Scratch::new("decoding");
    let server = Server::start(&scratch.text("data"), &["--layout", "discord"]);
    let said = lab(&["snowflake", "decode", "175928847299117063", "--layout", "discord", "--json"]);
    let own = server.get("/decode/175928847299117063");
    assert_eq!(own.body, said.stdout.trim_end());
    assert_eq!(server.get("/decode/175928847299117063?layout=discord").body, own.body);
    assert_ne!(server.get("/decode/175928847299117063?layout=twitter").body, own.body);
    let text = server.get_with("/decode/175928847299117063", "Accept: text/plain");
    let said = lab(&["snowflake", "decode", "175928847299117063", "--layout", "discord"]);
    assert_eq!(text.body, said.stdout);
}

#[test]
fn wrong_requests_get_a_sentence() {
    let scratch = Scratch::new("wrong");
    let server = Server::start(&scratch.text("data"), &[]);
    server.get("/ids?count=0").refuses(400, "from 1 to 10000");
    server.get("/ids?count=10001").refuses(400, "from 1 to 10000");
    server.get("/ids?count=99999999999").refuses(400, "99999999999");
    server.get("/ids?count=ten").refuses(400, "\"ten\"");
    server.get("/ids?count=-1").refuses(400, "\"-1\"");
    server.get("/ids").refuses(400, "/ids?count=100");
    server.get("/ids?count=1&count=2").refuses(400, "twice");
    server.get("/ids?count=1&worker=3").refuses(400, "\"worker\"");
    server.get("/id?count=1").refuses(400, "no parameter");
    server.get("/decode/12a").refuses(400, "a decimal number");
    server.get("/decode/18446744073709551616").refuses(400, "at most");
    server.get("/decode/18446744073709551615").refuses(400, "layout twitter");
    server.get("/decode/1?layout=tvitter").refuses(400, "twitter, discord");
    server.get("/decode/%ff%fe").refuses(400, "decimal number");
    server.get("/").refuses(404, "/ids?count=N");
    server.get("/decode/").refuses(404, "/decode/ID");
    server.get("/decode/1/2").refuses(404, "/decode/ID");
    let host = format!("Host: {}", server.address);
    let post = ask(server.address, &["POST /id HTTP/1.1", &host, "Content-Length: 0"]);
    post.refuses(405, "GET, HEAD");
    assert!(post.head.contains("\r\nallow: get, head"), "{post:?}");
    let head = ask(server.address, &["HEAD /id HTTP/1.1", &host]);
    assert_eq!((head.status, head.body.as_str()), (200, ""), "{head:?}");
    server.get(&format!("/{}", "x".repeat(40_000))).refuses(431, "16384 bytes");
    ask(server.address, &["GET /id HTTP/9.9", &host]).refuses(400, "HTTP/1.1");
    ask(server.address, &["\u{1}\u{2}", &host]).refuses(400, "HTTP/1.1");
    assert!(server.id() > 0, "it still serves");
}

#[test]
fn who_has_said_all_gets_an_answer_all_the_same() {
    let scratch = Scratch::new("half-closed");
    let server = Server::start(&scratch.text("data"), &[]);
    let request = format!("GET /ids?count=10000 HTTP/1.1\r\nHost: {}\r\n\r\n", server.address);
    let stream = begin(server.address, &request);
    stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(reply(stream).unwrap().json()["ids"].as_array().unwrap().len(), 10_000);
}

#[test]
fn what_is_counted_is_shown_on_an_address_of_its_own() {
    let scratch = Scratch::new("admin");
    let server = Server::start(&scratch.text("data"), &["--admin", "127.0.0.1:0"]);
    let admin = server.admin();
    server.ids(300);
    let get =
        |path: &str| ask(admin, &[&format!("GET {path} HTTP/1.1"), &format!("Host: {admin}")]);
    let metrics = get("/metrics");
    assert!(metrics.head.contains("content-type: text/plain; version=0.0.4"), "{metrics:?}");
    for line in ["snowflake_minted_total 300", "# TYPE host_disk_syncs_total counter"] {
        assert!(metrics.body.lines().any(|found| found == line), "{line} is not in {metrics:?}");
    }
    assert_eq!(get("/health").body, "worker: worker 0\n");
    get("/id").refuses(404, "/metrics");
    ask(admin, &["GET /metrics HTTP/1.1", "Host: evil.example"]).refuses(421, "localhost");
    assert_eq!(server.get("/metrics").status, 404, "not where everybody asks");
}

/// As an operator looks at a server.
pub(crate) fn look(admin: SocketAddr, path: &str) -> Reply {
    ask(admin, &[&format!("GET {path} HTTP/1.1"), "Host: localhost"])
}

/// Is this line among the metrics?
pub(crate) fn counts(admin: SocketAddr, line: &str) -> bool {
    look(admin, "/metrics").body.lines().any(|found| found == line)
}

/// A worker whose clock was set back by three seconds while it was away, that is, whose mark is so far ahead.
#[test]
fn a_worker_that_mints_nothing_says_so_when_it_begins_and_when_it_ends() {
    let scratch = Scratch::new("stopped");
    let data = scratch.text("data");
    Server::start(&data, &[]).kill();
    let mark = SystemTime::now().duration_since(UNIX_EPOCH).unwrap() + Duration::from_secs(3);
    let mark = (mark.as_nanos() as u64).to_le_bytes();
    std::fs::write(scratch.join("data/disk/mark"), Checkpoint::<Snowflake>::sealed(&mark)).unwrap();
    let mut server = Server::start(&data, &["--admin", "127.0.0.1:0", "--log", "info"]);
    let log = server.log();
    let admin = log.admin();
    server.get("/id").refuses(503, "went back behind");
    server.get("/id").refuses(503, "went back behind");
    log.until(
        "WARN snowflake::server::counts: a worker mints nothing until its wall clock, which is 2.",
    );
    let health = look(admin, "/health");
    assert_eq!(health.status, 503, "{health:?}");
    assert!(health.body.starts_with("refusing: worker 0: the wall clock went back"), "{health:?}");
    assert!(counts(admin, "snowflake_stopped_workers 1"));
    assert!(counts(admin, "snowflake_notes_total{note=\"stopped\"} 1"));
    // Nobody asks it, since it is not well, and it comes back all the same.
    log.until("a worker mints again, after ");
    patiently(|| (look(admin, "/health").status == 200).then_some(()));
    assert_eq!(look(admin, "/health").body, "worker: worker 0\n");
    assert!(counts(admin, "snowflake_stopped_workers 0"));
    assert!(counts(admin, "snowflake_clock_stepped_back_ms_total 0"), "the mark is no step");
    assert!(server.id() > 0);
    assert_eq!(server.signal("TERM").code(), Some(0));
    let more: Vec<_> = log.rest().into_iter().filter(|line| line.contains("WARN")).collect();
    assert_eq!(more, [""; 0], "one line when it begins, and one when it ends");
}

#[test]
fn pages_from_elsewhere_are_turned_away() {
    let scratch = Scratch::new("elsewhere");
    let server = Server::start(&scratch.text("data"), &[]);
    let get = |host: &str, header: &str| {
        ask(server.address, &["GET /id HTTP/1.1", &format!("Host: {host}"), header])
    };
    for ours in ["localhost", "LOCALHOST:9", "127.0.0.1", "[::1]:7411"] {
        assert_eq!(get(ours, "Accept: */*").status, 200, "{ours}");
    }
    for foreign in ["evil.example", "evil.example:7411", "127.0.0.1.evil.example", ""] {
        get(foreign, "Accept: */*").refuses(421, "localhost");
    }
    ask(server.address, &["GET /id HTTP/1.1", "Accept: */*"]).refuses(421, "localhost");
    ask(server.address, &["GET http://evil.example/id HTTP/1.1", "Host: localhost"])
        .refuses(421, "localhost");
    for page in ["http://evil.example", "null", "http://localhost:3000"] {
        get("localhost", &format!("Origin: {page}")).refuses(403, "pages of this server");
    }
    assert_eq!(get("localhost", "Origin: http://localhost").status, 200);
}
