//! The server, asked rightly and wrongly.

#![expect(clippy::disallowed_methods, reason = "clients come at the same time")]

use std::collections::BTreeSet;

use crate::client::ask;
use crate::lab::{Scratch, lab};
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
    post.refuses(405, "GET");
    assert!(post.head.contains("\r\nallow: get"), "{post:?}");
    let long = server.get(&format!("/{}", "x".repeat(40_000)));
    assert!(matches!(long.status, 414 | 431), "{long:?}");
    assert!(server.id() > 0, "it still serves");
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
    get("localhost", "Origin: http://evil.example").refuses(403, "pages of this computer");
    get("localhost", "Origin: null").refuses(403, "pages of this computer");
    assert_eq!(get("localhost", "Origin: http://localhost:3000").status, 200);
}
