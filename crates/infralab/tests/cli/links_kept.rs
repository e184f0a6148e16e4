//! What was acknowledged outlives the process: links, and clicks, each once.

#![expect(clippy::disallowed_methods, reason = "clients come at the same time")]

use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::json;

use crate::client::send;
use crate::lab::{Scratch, refused};
use crate::links::{counted, follow, make, say, shortener};
use crate::replicas::patiently;
use crate::server::Server;

#[test]
fn kill_9_under_load_loses_no_acknowledged_link_and_miscounts_no_acknowledged_click() {
    let scratch = Scratch::new("killed");
    let server = shortener(&scratch, &["--shards", "2"]);
    make(&server, &json!({"url": "https://a.example", "alias": "hot"}));
    let (visits, address) = (AtomicU64::new(0), server.address);
    let create = |client: usize| {
        let mut kept = Vec::new();
        for number in 0.. {
            let alias = format!("c{client}-{number}");
            let body = json!({"url": format!("https://a.example/{alias}"), "alias": alias});
            match send(address, "POST /api/links", "", &body.to_string()) {
                Ok(reply) if reply.status == 201 => kept.push(alias),
                _ => break,
            }
        }
        kept
    };
    let visit = || loop {
        visits.fetch_add(1, Ordering::Relaxed);
        match send(address, "GET /hot", "", "") {
            Ok(reply) if reply.status == 302 => {}
            _ => break,
        }
    };
    let (kept, below) = std::thread::scope(|scope| {
        let creators: Vec<_> = (0..3).map(|client| scope.spawn(move || create(client))).collect();
        let _visitors: Vec<_> = (0..3).map(|_| scope.spawn(visit)).collect();
        let below = patiently(|| {
            let stats = server.get("/api/links/hot/stats").json();
            stats["log"]["acknowledged"].as_u64().filter(|below| *below >= 200)
        });
        server.kill();
        let kept = creators.into_iter().flat_map(|creator| creator.join().unwrap());
        (kept.collect::<Vec<_>>(), below)
    });
    assert!(kept.len() > 10, "there was a load");

    let server = shortener(&scratch, &["--shards", "2"]);
    for alias in &kept {
        let target = format!("https://a.example/{alias}");
        assert_eq!(follow(&server, &format!("/{alias}")), (302, target), "{alias} is lost");
    }
    let clicks = counted(&server, "hot", below)["clicks"].as_u64().unwrap();
    let visits = visits.into_inner();
    assert!((below..=visits).contains(&clicks), "{below} <= {clicks} <= {visits}");
    // Codes of leased numbers go on behind those that were given out.
    make(&server, &json!({"url": "https://b.example"}));
}

#[test]
fn clicks_that_are_acknowledged_are_counted_exactly_once() {
    let scratch = Scratch::new("once");
    let mut clicks = 0;
    for boot in 0..3 {
        let server = shortener(&scratch, &[]);
        if boot == 0 {
            make(&server, &json!({"url": "https://a.example", "alias": "x"}));
        }
        for _ in 0..50 {
            assert_eq!(follow(&server, "/x").0, 302);
            clicks += 1;
        }
        patiently(|| {
            let stats = server.get("/api/links/x/stats").json();
            (stats["log"]["acknowledged"] == 50).then_some(())
        });
        server.kill();
    }
    let server = shortener(&scratch, &[]);
    assert_eq!(counted(&server, "x", clicks)["clicks"], clicks);
    // Whatever else would be sent again comes before what is clicked now.
    assert_eq!(follow(&server, "/x").0, 302);
    assert_eq!(counted(&server, "x", clicks + 1)["clicks"], clicks + 1);
}

#[test]
fn a_server_that_stops_well_takes_its_folder_up_again() {
    let scratch = Scratch::new("again");
    let server = shortener(&scratch, &["--shards", "2"]);
    let code = make(&server, &json!({"url": "https://a.example"}))["code"].clone();
    let path = format!("/{}", code.as_str().unwrap());
    (0..5).for_each(|_| assert_eq!(follow(&server, &path).0, 302));
    let (data, listen) = (scratch.text("data"), ["url-shortener", "serve", "--listen"]);
    let again =
        |shards| [&listen[..], &["127.0.0.1:0", "--data", &data, "--shards", shards]].concat();
    refused(&again("2"), 4, &["a server that is running"]);
    assert!(server.signal("TERM").success());
    refused(&again("3"), 2, &["--shards 2"]);
    let server = Server::run(&again("2"));
    let stats = server.get(&format!("/api/links{path}/stats")).json();
    assert_eq!(stats["clicks"], 5, "it owed none when it stopped");
    assert_eq!(follow(&server, &path).0, 302);
    assert_eq!(say(&server, "POST /api/links", &json!({"url": "https://b.example"})).status, 201);
    drop(server);
    std::fs::remove_file(scratch.join("data/codes.key")).unwrap();
    refused(&again("2"), 4, &["codes.key"]);
}

/// It started without a word once, and handed out codes again that it had handed out before.
#[test]
fn a_shard_that_lost_a_segment_or_the_end_of_one_does_not_start() {
    let scratch = Scratch::new("lost-segment");
    let server = shortener(&scratch, &[]);
    for number in 0..20 {
        make(&server, &json!({"url": "https://a.example", "alias": format!("c{number}")}));
    }
    assert!(server.signal("TERM").success());
    let data = scratch.text("data");
    let serve = ["url-shortener", "serve", "--listen", "127.0.0.1:0", "--data", &data];
    let segment = scratch.join("data/shard-0/disk/segment-1");
    let bytes = std::fs::read(&segment).unwrap();
    std::fs::remove_file(&segment).unwrap();
    let gone = format!("segment-1 is gone, with {} bytes", bytes.len());
    refused(&serve, 4, &[&gone, "restore the folder"]);
    for left in [0, bytes.len() / 2, bytes.len() - 1] {
        std::fs::write(&segment, &bytes[..left]).unwrap();
        let cut = format!("segment-1 ends at {left}, and was synced up to {}", bytes.len());
        refused(&serve, 4, &[&cut, "restore the folder"]);
    }
    std::fs::write(&segment, &bytes).unwrap();
    let server = Server::run(&serve);
    assert_eq!(follow(&server, "/c19"), (302, "https://a.example/".to_owned()));
}

/// Its disks began without bounds, and its folders say so: they are as a version made them that had none.
#[test]
fn a_folder_of_a_version_without_bounds_is_taken_over_as_it_is() {
    let scratch = Scratch::new("no-bound");
    let server = shortener(&scratch, &[]);
    make(&server, &json!({"url": "https://a.example", "alias": "old"}));
    server.kill();
    let part = |node: &str, file: &str| scratch.join(&format!("data/{node}/{file}"));
    for node in ["instance", "tally", "shard-0"] {
        std::fs::remove_file(part(node, "disk/bound")).unwrap();
        let text = std::fs::read_to_string(part(node, "format.json")).unwrap();
        let mut format: serde_json::Value = serde_json::from_str(&text).unwrap();
        format["owner"].as_object_mut().unwrap().remove("bound").expect("it says so");
        std::fs::write(part(node, "format.json"), format.to_string()).unwrap();
    }
    let data = scratch.text("data");
    let serve = ["url-shortener", "serve", "--listen", "127.0.0.1:0", "--data", &data];
    let server = Server::run(&serve);
    assert_eq!(follow(&server, "/old").0, 302);
    assert!(server.signal("TERM").success());
    for node in ["instance", "tally", "shard-0"] {
        let bound = std::fs::read(part(node, "disk/bound")).unwrap();
        std::fs::remove_file(part(node, "disk/bound")).unwrap();
        refused(&serve, 4, &[node, "has lost its file disk/bound"]);
        std::fs::write(part(node, "disk/bound"), bound).unwrap();
    }
    std::fs::remove_file(part("shard-0", "disk/segment-1")).unwrap();
    refused(&serve, 4, &["segment-1 is gone"]);
}
