//! `check`, on histories that others recorded.

use crate::lab::{Scratch, json, lab, refused};

const GOOD: &str = "\
INFO  jepsen.util - :nemesis\t:info\t:start\tnil\n\
INFO  jepsen.util - 0\t:invoke\t:read\tnil\n\
INFO  jepsen.util - 1\t:invoke\t:write\t4\n\
INFO  jepsen.util - 0\t:ok\t:read\tnil\n\
INFO  jepsen.util - 1\t:info\t:write\t:timed-out\n\
INFO  jepsen.util - 2\t:invoke\t:cas\t[4 2]\n\
INFO  jepsen.util - 2\t:ok\t:cas\t[4 2]\n";

const BAD: &str = "\
{\"process\":0,\"type\":\"invoke\",\"f\":\"put\",\"key\":\"k\",\"value\":\"\\u001b[31m\"}\n\
{\"process\":0,\"type\":\"ok\",\"f\":\"put\",\"key\":\"k\",\"value\":\"\\u001b[31m\"}\n\
{\"process\":1,\"type\":\"invoke\",\"f\":\"get\",\"key\":\"k\",\"value\":null}\n\
{\"process\":1,\"type\":\"ok\",\"f\":\"get\",\"key\":\"k\",\"value\":\"\"}\n";

#[test]
fn the_last_line_is_the_verdict_and_the_status_says_it_too() {
    let scratch = Scratch::new("check");
    let (good, bad) = (scratch.text("good.log"), scratch.text("bad.json"));
    let svg = scratch.text("bad.svg");
    std::fs::write(&good, GOOD).unwrap();
    std::fs::write(&bad, BAD).unwrap();
    let said = lab(&["check", "--model", "cas-register", &good]);
    assert_eq!((said.code, said.stdout.lines().last()), (Some(0), Some("linearizable")));
    let said = lab(&["check", &bad, "--model", "kv", "--svg", &svg]);
    assert_eq!((said.code, said.stdout.lines().last()), (Some(1), Some("not linearizable")));
    assert!(said.stdout.contains("process 1    get \"k\" -> \"\""), "{}", said.stdout);
    assert!(!said.stdout.contains('\u{1b}'), "what others wrote does not steer the terminal");
    assert!(std::fs::read_to_string(&svg).unwrap().starts_with("<svg "));
}

#[test]
fn one_object_for_programs() {
    let scratch = Scratch::new("check-json");
    let file = scratch.text("bad.json");
    std::fs::write(&file, BAD).unwrap();
    let said = lab(&["check", "--model", "kv", &file, "--json"]);
    let told: serde_json::Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!((said.code, &told["verdict"]), (Some(1), &"not linearizable".into()));
    assert_eq!((&told["operations"], &told["open"]), (&2.into(), &0.into()));
    assert_eq!(told["failure"]["stuck"]["invoked"], 3);
    assert_eq!(told["failure"]["prefix"][0]["returned"], 2);
    std::fs::write(&file, GOOD).unwrap();
    assert_eq!(json(&["check", "--model", "cas-register", &file, "--json"])["open"], 1);
}

#[test]
fn time_that_runs_out_is_unknown() {
    let scratch = Scratch::new("check-time");
    let file = scratch.text("good.log");
    std::fs::write(&file, GOOD).unwrap();
    let said = lab(&["check", "--model", "cas-register", &file, "--timeout", "0"]);
    assert_eq!((said.code, said.stdout.lines().last()), (Some(3), Some("unknown")), "{said:?}");
}

#[test]
fn what_is_no_history_is_refused_by_its_line() {
    let scratch = Scratch::new("check-bad");
    let file = scratch.text("history");
    let refuse = |bytes: &[u8], words: &[&str]| {
        std::fs::write(&file, bytes).unwrap();
        refused(&["check", "--model", "cas-register", &file], 2, words);
    };
    refuse(b"", &["no operation"]);
    refuse(format!("{GOOD}INFO  jepsen.util - 7\t:invoke\t:sing\tnil\n").as_bytes(), &["line 8"]);
    refuse(b"{:process 0, :type :invoke, :f :read}\n\xff\n", &["line 2", "UTF-8"]);
    refuse(BAD.as_bytes(), &["line 2", "a register knows read, write and cas"]);
    refused(&["check", "--model", "cas-register", &scratch.text("missing")], 2, &["missing"]);
    refused(&["check", &file], 2, &["--model"]);
    refused(&["check", "--model", "stack", &file], 2, &["cas-register", "kv"]);
    refused(&["check", "--model", "kv", &file, "--timeout=-1"], 2, &["no number of seconds"]);
}
