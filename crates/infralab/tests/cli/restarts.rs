//! A server stops and another takes its place.

use std::os::unix::process::ExitStatusExt;

use crate::client::{begin, reply};
use crate::lab::Scratch;
use crate::replicas::patiently;
use crate::server::Server;

#[test]
fn killed_and_restarted_at_once_it_mints_above_all_that_it_minted() {
    let scratch = Scratch::new("killed");
    let data = scratch.text("data");
    let mut highest = 0;
    for round in 0..4 {
        let server = Server::start(&data, &[]);
        let ids = server.ids(2000);
        assert!(ids[0] > highest, "round {round}: {} is not above {highest}", ids[0]);
        highest = server.ids(3000)[2999];
        server.kill();
    }
}

#[test]
fn asked_to_stop_it_stops_in_good_order() {
    let scratch = Scratch::new("stopped");
    let data = scratch.text("data");
    for signal in ["TERM", "INT"] {
        let server = Server::start(&data, &[]);
        server.id();
        let status = server.signal(signal);
        assert_eq!((status.code(), status.signal()), (Some(0), None), "SIG{signal}");
    }
}

/// A request that was half sent once held the server up for six seconds, as did a client that asked
/// and then read nothing.
#[test]
fn it_waits_for_no_request_that_is_not_there() {
    let scratch = Scratch::new("half-sent");
    let server = Server::start(&scratch.text("data"), &[]);
    let half = begin(server.address, "GET /id HTTP/1.1\r\nHost: localhost\r\n");
    let idle = begin(server.address, "");
    let whole = format!("GET /ids?count=10000 HTTP/1.1\r\nHost: {}\r\n\r\n", server.address);
    let asked = begin(server.address, &whole);
    assert_eq!(server.id() >> 63, 0, "by now the others were read as well");
    assert_eq!(server.signal("TERM").code(), Some(0));
    let answered = reply(asked).unwrap();
    assert_eq!(answered.json()["ids"].as_array().unwrap().len(), 10_000);
    assert!(reply(half).map_or(true, |reply| reply.status == 0));
    assert!(reply(idle).map_or(true, |reply| reply.status == 0));
}

#[test]
fn a_worker_whose_disk_fails_stops_and_says_so() {
    let scratch = Scratch::new("failing");
    let server = Server::start(&scratch.text("data"), &[]);
    server.id();
    std::fs::rename(scratch.join("data/disk"), scratch.join("data/gone")).unwrap();
    // It serves up to the mark that is durable, and not one id further.
    patiently(|| (!server.try_get("/id").is_ok_and(|reply| reply.status == 200)).then_some(()));
    let (code, stderr) = server.wait();
    assert_eq!(code, Some(4), "{stderr}");
    for words in [
        " ERROR ",
        "the machine halted",
        "infralab: ",
        "the high-water mark cannot be raised",
        "data folder",
    ] {
        assert!(stderr.contains(words), "{words:?} is not in {stderr:?}");
    }
}
