//! One more shard while links are made, changed and followed: nobody is turned away, nothing is lost, and
//! it goes on after a kill -9.

#![expect(clippy::disallowed_methods, reason = "clients come at the same time")]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use crate::client::send;
use crate::lab::{Scratch, lab, refused};
use crate::links::{follow, make, say, shortener};
use crate::replicas::patiently;
use crate::server::Server;

/// So many links are there before.
const LINKS: usize = 3_000;

fn alias(number: usize) -> String {
    format!("link-{number}")
}

/// Makes them, a thousand at a time.
fn fill(server: &Server) {
    for first in (0..LINKS).step_by(1_000) {
        let link = |number| json!({"alias": alias(number), "url": "https://a.example/before"});
        let links: Vec<_> = (first..first + 1_000).map(link).collect();
        assert_eq!(say(server, "POST /api/links/bulk", &json!({ "links": links })).status, 200);
    }
}

/// Where each link of all pages leads, and that none is there twice.
pub(crate) fn listed(server: &Server) -> BTreeMap<String, String> {
    let (mut links, mut after) = (BTreeMap::new(), String::new());
    loop {
        let reply = server.get(&format!("/api/links?limit=1000{after}"));
        assert_eq!(reply.status, 200, "{reply:?}");
        let page = reply.json();
        for link in page["links"].as_array().unwrap() {
            let text = |name: &str| link[name].as_str().unwrap().to_owned();
            assert_eq!(links.insert(text("code"), text("url")), None, "{link} is there twice");
        }
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => return links,
        }
    }
}

/// What each shard's store has, once all have settled.
pub(crate) fn settled(server: &Server) -> Vec<u64> {
    let shards = patiently(|| {
        let shards = server.get("/api/shards").json();
        (shards["settled"] == true).then_some(shards)
    });
    let shards = shards["shards"].as_array().unwrap().iter();
    shards.map(|shard| shard["entries"].as_u64().unwrap()).collect()
}

#[test]
fn a_shard_is_added_under_load_and_nobody_notices() {
    let scratch = Scratch::new("growing");
    let server = shortener(&scratch, &["--shards", "2", "--rate", "1000000"]);
    fill(&server);
    let (over, address) = (AtomicBool::new(false), server.address);
    let url = format!("http://{address}");
    // Each changes, follows and makes links of its own, and tells what it made of them.
    let owner = |part: usize| {
        let mut known = BTreeMap::new();
        let say = |request: &str, body: Value, status| {
            let reply = send(address, request, "", &body.to_string()).unwrap();
            assert_eq!(reply.status, status, "{request}: {reply:?}");
        };
        for round in 0.. {
            let number = (part + 3 * round) % LINKS;
            let (code, to) = (alias(number), format!("https://a.example/{part}-{round}"));
            say(&format!("PATCH /api/links/{code}"), json!({ "url": to }), 200);
            say(&format!("GET /{code}"), Value::Null, 302);
            known.insert(code, to.clone());
            let new = format!("new-{part}-{round}");
            say("POST /api/links", json!({"alias": new, "url": to}), 201);
            if round % 2 == 0 {
                say(&format!("DELETE /api/links/{new}"), Value::Null, 204);
            } else {
                known.insert(new, to);
            }
            if over.load(Ordering::Relaxed) {
                break;
            }
        }
        known
    };
    let known = std::thread::scope(|scope| {
        let owners: Vec<_> = (0..3).map(|part| scope.spawn(move || owner(part))).collect();
        for shards in 3..=4 {
            let said = lab(&["url-shortener", "add-shard", "--server", &url]);
            assert_eq!((said.code, said.stdout.lines().count()), (Some(0), shards), "{said:?}");
        }
        over.store(true, Ordering::Relaxed);
        owners.into_iter().flat_map(|owner| owner.join().unwrap()).collect::<BTreeMap<_, _>>()
    });
    let mut all: BTreeMap<_, _> =
        (0..LINKS).map(|number| (alias(number), "https://a.example/before".to_owned())).collect();
    all.extend(known);
    assert_eq!(listed(&server), all);
    let entries = settled(&server);
    let share = all.len() as u64 / 4;
    assert!(entries.iter().all(|entries| (share / 2..share * 2).contains(entries)), "{entries:?}");
    assert!(entries.iter().sum::<u64>() < all.len() as u64 + 20, "copies are left: {entries:?}");

    assert!(server.signal("TERM").success());
    let data = scratch.text("data");
    let serve = ["url-shortener", "serve", "--listen", "127.0.0.1:0", "--data", &data, "--shards"];
    for none in ["1", "5"] {
        refused(&[&serve[..], &[none]].concat(), 2, &["--shards 4"]);
    }
    // Who began with two need not change how the server is started.
    for shards in ["2", "3", "4"] {
        let server = Server::run(&[&serve[..], &[shards]].concat());
        assert_eq!(listed(&server), all);
        assert_eq!(settled(&server), entries);
        let said = server.stop();
        assert_eq!(said.contains("there are 4 shards by now"), shards != "4", "{shards}: {said}");
    }
}

#[test]
fn a_change_of_the_ring_goes_on_after_kill_9() {
    let scratch = Scratch::new("growing-killed");
    let server = shortener(&scratch, &["--rate", "1000000"]);
    fill(&server);
    make(&server, &json!({"alias": "x", "url": "https://b.example/"}));
    let all = listed(&server);
    assert_eq!(say(&server, "POST /api/shards", &Value::Null).status, 202);
    server.kill();
    let server = shortener(&scratch, &[]);
    assert_eq!(follow(&server, "/x"), (302, "https://b.example/".to_owned()));
    let entries = settled(&server);
    assert_eq!(entries.len(), 2);
    assert!(entries.iter().all(|entries| *entries > LINKS as u64 / 4), "{entries:?}");
    assert_eq!(listed(&server), all);
}

/// All nodes of a process share them: it had three for each of its shards.
#[test]
fn sixty_four_shards_take_no_more_threads_than_one() {
    let threads = |shards: &str| {
        let scratch = Scratch::new(&format!("shards-{shards}"));
        let (data, listen) = (scratch.text("data"), "127.0.0.1:0");
        let serve = ["url-shortener", "serve", "--listen", listen, "--data", &data];
        let server = Server::run(&[&serve[..], &["--shards", shards]].concat());
        make(&server, &json!({"url": "https://a.example"}));
        server.threads()
    };
    let cores = std::thread::available_parallelism().unwrap().get();
    for shards in ["1", "64"] {
        let count = threads(shards);
        assert!(count <= cores + 16, "{count} threads with {shards} shards on {cores} cores");
    }
}
