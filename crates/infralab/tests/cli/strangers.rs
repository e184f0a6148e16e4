//! Whoever means ill, or nothing in particular: pages of others, made-up texts, bodies that are none.
//! What holds for one server holds for all.

#![expect(clippy::disallowed_methods, reason = "a refusal that takes seconds is none")]

use std::time::{Duration, Instant};

use serde_json::json;

use crate::client::{Reply, begin, reply, send};
use crate::lab::{Scratch, lab};
use crate::links::{make, say, shortener};
use crate::server::Server;

/// A replicated store of one node: what it does alone all do.
fn raft(scratch: &Scratch) -> Server {
    let data = scratch.text("raft");
    Server::run(&["raft", "serve", "--nodes", "1", "--listen", "127.0.0.1:0", "--data", &data])
}

fn chunked(server: &Server, request: &str, chunks: &str) -> Reply {
    let (address, kind) = (server.address, "Transfer-Encoding: chunked\r\nConnection: close");
    reply(begin(
        address,
        &format!("{request} HTTP/1.1\r\nHost: {address}\r\n{kind}\r\n\r\n{chunks}"),
    ))
    .unwrap()
}

/// A page on another port of this computer once made links: `text/plain` asks nobody first.
#[test]
fn a_page_of_another_port_changes_nothing() {
    let scratch = Scratch::new("other-port");
    let shortener = shortener(&scratch, &[]);
    let raft = raft(&scratch);
    let link = |alias: &str| json!({"url": "https://a.example", "alias": alias}).to_string();
    for (server, request, body, done) in [
        (&shortener, "POST /api/links", link("x"), 201),
        (&raft, "PUT /kv/x", "value".to_owned(), 200),
    ] {
        let own = format!("Origin: http://{}\r\n", server.address);
        let ask = |headers: &str, body: &str| send(server.address, request, headers, body).unwrap();
        let port = server.address.port();
        let plain = "Content-Type: text/plain\r\n";
        for elsewhere in [
            "Origin: http://127.0.0.1:3000".to_owned(),
            format!("Origin: http://localhost:{port}"),
            "Origin: null".to_owned(),
            "Sec-Fetch-Site: same-site\r\nSec-Fetch-Mode: no-cors".to_owned(),
            "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate".to_owned(),
            format!("{own}Origin: http://127.0.0.1:3000"),
        ] {
            let reply = ask(&format!("{plain}{elsewhere}\r\n"), &body);
            reply.refuses(403, "only pages of this ser");
        }
        // Curl says none of it, and a page of the server's own says what it is.
        assert_eq!(ask("", &body).status, done, "{request}");
        let own = format!("{own}Sec-Fetch-Site: same-origin\r\n");
        let reply = ask(&own, &body.replace("\"x\"", "\"y\""));
        assert_eq!(reply.status, done, "{reply:?}");
    }
    let looks = "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate";
    assert_eq!(shortener.get_with("/links", looks).status, 200, "one may follow a link to a page");
    assert_eq!(shortener.get_with("/x", "Origin: https://evil.example").status, 302);
}

#[test]
fn a_body_that_is_none_is_a_bad_request() {
    let scratch = Scratch::new("malformed-chunks");
    let shortener = shortener(&scratch, &[]);
    let raft = raft(&scratch);
    for (server, request, most) in
        [(&shortener, "POST /api/links", 64 << 10), (&raft, "PUT /kv/a", 1 << 20)]
    {
        for chunks in ["no number\r\nx\r\n0\r\n\r\n", "5\r\nabc\r\nxyz\r\n0\r\n\r\n"] {
            chunked(server, request, chunks).refuses(400, "not what its headers say");
        }
        let long = format!("{:x}\r\n{}\r\n0\r\n\r\n", most + 1, "x".repeat(most + 1));
        chunked(server, request, &long).refuses(413, "at most");
    }
    let whole = "1c\r\n{\"url\":\"https://a.example/\"}\r\n0\r\n\r\n";
    assert_eq!(chunked(&shortener, "POST /api/links", whole).status, 201);
}

/// A cursor that nobody gave out once waited for a shard that there is not, five seconds, and said 503.
#[test]
fn a_made_up_cursor_is_refused_at_once() {
    let scratch = Scratch::new("cursors");
    let server = shortener(&scratch, &["--shards", "2"]);
    make(&server, &json!({"url": "https://a.example"}));
    let began = Instant::now();
    for cursor in
        ["3.2.", "64.63.7", "64.1.0", "1024.0.", "4294967295.1.", "4294967295.4294967294.1"]
    {
        server.get(&format!("/api/links?after={cursor}")).refuses(400, "no list of this service");
        let page = server.get(&format!("/links?after={cursor}"));
        assert_eq!(page.status, 400, "{cursor}");
    }
    let last = server.get("/api/links?after=2.1.18446744073709551615");
    assert_eq!(last.json()["links"], json!([]));
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
}

#[test]
fn a_stranger_is_not_repeated_at_length() {
    let scratch = Scratch::new("repeated");
    let shortener = shortener(&scratch, &[]);
    let raft = raft(&scratch);
    let snowflake = Server::start(&scratch.text("snowflake"), &[]);
    let long = "%22x".repeat(3_000);
    for server in [&shortener, &raft, &snowflake] {
        for path in
            ["", "api/", "api/links/", "kv/a/", "decode/", "?", "id?", "ids?count=", "kv?read="]
        {
            let reply = server.get(&format!("/{path}{long}"));
            let repeated = reply.body.matches('x').count();
            assert!(repeated < 100, "{path}: {repeated} times");
        }
    }
    let body = json!({"x".repeat(30_000): 1});
    for (server, request) in [
        (&shortener, "POST /api/links"),
        (&shortener, "PATCH /api/links/x"),
        (&raft, "POST /kv/a/cas"),
        (&raft, "PUT /members"),
    ] {
        let reply = say(server, request, &body);
        assert!(reply.status == 400 && reply.body.len() < 1_000, "{request}: {reply:?}");
    }
}

#[test]
fn keys_that_others_can_read_are_told_of() {
    use std::os::unix::fs::PermissionsExt;
    let scratch = Scratch::new("open-keys");
    let (keys, data) = (scratch.text("keys"), scratch.join("data"));
    std::fs::write(&keys, "0123456789abcdef0123\n").unwrap();
    let mode = |file: &std::path::Path, mode| {
        std::fs::set_permissions(file, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    mode(keys.as_ref(), 0o640);
    let server = shortener(&scratch, &["--keys", &keys]);
    let url = format!("http://{}", server.address);
    let expand = ["url-shortener", "expand", "none", "--server", &url, "--key-file", &keys];
    let said = lab(&expand);
    assert!(said.stderr.contains(&format!("chmod 600 {keys}")), "{said:?}");
    let said = server.stop();
    assert!(said.contains(&format!("others can read {keys}; ")), "{said}");
    assert!(!said.contains("codes.key"), "those of the service are its own: {said}");
    mode(keys.as_ref(), 0o600);
    mode(&data.join("codes.key"), 0o644);
    let said = shortener(&scratch, &["--keys", &keys]).stop();
    assert!(said.contains("codes.key") && !said.contains(&format!("read {keys}")), "{said}");
}
