//! `generate`, `decode` and `layouts`.

use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;

use crate::lab::{Said, Scratch, command, ended, json, lab, refused};

#[test]
fn decode_prints_these_bytes() {
    let discord = ["snowflake", "decode", "175928847299117063", "--layout", "discord"];
    let said = lab(&discord);
    assert_eq!(said.code, Some(0));
    assert_eq!(
        said.stdout,
        "175928847299117063  2016-04-30T11:18:25.796Z  worker 1  process 0  sequence 7\n"
    );
    let said = lab(&[&discord[..], &["--json"]].concat());
    assert_eq!(
        said.stdout,
        concat!(
            r#"{"ids":[{"id":"175928847299117063","layout":"discord","timestamp_ms":1462015105796,"#,
            r#""time":"2016-04-30T11:18:25.796Z","fields":{"worker":1,"process":0,"sequence":7}}]}"#,
            "\n"
        )
    );
}

#[test]
fn decode_takes_several_ids_and_layouts_of_ones_own() {
    let own = "custom:epoch=0,tick=1s,timestamp=40,machine=8,sequence=16";
    let decoded = json(&["snowflake", "decode", "16777216", "0", "--layout", own, "--json"]);
    let ids = decoded["ids"].as_array().unwrap();
    assert_eq!(ids.len(), 2);
    assert_eq!(ids[0]["time"], "1970-01-01T00:00:01.000Z");
    assert_eq!(ids[0]["fields"]["machine"], 0);
    assert_eq!(ids[1]["id"], "0");
}

#[test]
fn generated_ids_are_distinct_go_up_and_carry_the_worker() {
    let said = lab(&["snowflake", "generate", "-n", "20000", "--worker", "77"]);
    assert_eq!((said.code, said.stderr.as_str()), (Some(0), ""));
    let ids: Vec<u64> = said.stdout.lines().map(|line| line.parse().unwrap()).collect();
    assert_eq!(ids.len(), 20_000);
    assert!(ids.windows(2).all(|pair| pair[0] < pair[1]));
    assert!(ids.iter().all(|id| id >> 12 & 0x3ff == 77));
}

#[test]
fn runs_one_after_the_other_give_different_ids() {
    // Ticks of a second: without a wait at the end the second run would begin the first one's again.
    let slow = "custom:epoch=0,tick=1s,timestamp=40,worker=8,sequence=8";
    let id = || lab(&["snowflake", "generate", "--layout", slow]).stdout;
    let (first, second) = (id(), id());
    assert!(first.trim().parse::<u64>().unwrap() < second.trim().parse().unwrap());
}

#[test]
fn what_is_generated_can_be_decoded_through_a_pipe() {
    let ids = lab(&["snowflake", "generate", "-n", "3", "--layout", "discord"]).stdout;
    let decode = ["snowflake", "decode", "-", "--layout", "discord"];
    let mut child = command(&decode).stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(ids.as_bytes()).unwrap();
    let output = String::from_utf8(ended(child, "decode").stdout).unwrap();
    let first: Vec<_> = output.lines().map(|line| line.split(' ').next().unwrap()).collect();
    assert_eq!(first, ids.lines().collect::<Vec<_>>());
}

#[test]
fn whoever_stops_reading_has_read_enough() {
    let mut child = command(&["snowflake", "generate", "-n", "100000000"]).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.next().unwrap().unwrap().parse::<u64>().is_ok());
    drop(lines);
    let said = Said::from(ended(child, "whose lines nobody reads"));
    assert_eq!((said.code, said.stderr.as_str()), (Some(0), ""));
}

#[test]
fn every_layout_that_is_listed_can_be_named() {
    let listed = json(&["snowflake", "layouts", "--json"]);
    let layouts = listed["layouts"].as_array().unwrap();
    assert!(layouts.len() >= 6);
    for layout in layouts {
        let name = layout["name"].as_str().unwrap();
        let decoded = json(&["snowflake", "decode", "0", "--layout", name, "--json"]);
        assert_eq!(decoded["ids"][0]["time"], layout["begins"], "{name}");
    }
    let text = lab(&["snowflake", "layouts"]).stdout;
    assert!(text.contains("twitter    2010-11-04 to 2080-07-10    tick 1ms"), "{text}");
}

/// A server that could refuse every request and answer none must not be started.
#[test]
fn a_layout_that_has_no_timestamp_for_now_mints_nothing_and_decodes() {
    let scratch = Scratch::new("out-of-years");
    let folder = scratch.text("data");
    let later = "custom:epoch=7258118400000,tick=1ms,timestamp=41,worker=10,sequence=12";
    let ended =
        ["layout baidu", "ended at 2024-11-20T13:24:16.000Z", "the clock shows", "--layout"];
    let begins = ["begin at 2200-01-01T00:00:00.000Z", "the clock shows", "--layout"];
    let serve = ["snowflake", "serve", "--listen", "127.0.0.1:0", "--data", &folder];
    let leased = [&serve[..], &["--authority", "127.0.0.1:9"]].concat();
    for verb in [&["snowflake", "generate"][..], &serve, &leased] {
        refused(&[verb, &["--layout", "baidu"]].concat(), 2, &ended);
        refused(&[verb, &["--layout", later]].concat(), 2, &begins);
    }
    assert!(!scratch.join("data").exists(), "nothing is made for a server that cannot mint");
    let decoded = json(&["snowflake", "decode", "1", "--layout", "baidu", "--json"]);
    assert_eq!(decoded["ids"][0]["time"], "2016-05-19T16:00:00.000Z");
}
