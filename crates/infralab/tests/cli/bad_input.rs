//! What is wrong with the arguments is said in a sentence with the way out, and the status is 2.

use crate::lab::{Scratch, lab, refused};

#[test]
fn ids_that_are_none() {
    let long = "9".repeat(5_000);
    let decode = |id| ["snowflake", "decode", id];
    refused(&decode("12a"), 2, &["a decimal number", "\"12a\""]);
    refused(&decode(""), 2, &["empty"]);
    refused(&decode("+5"), 2, &["a decimal number"]);
    refused(&decode("18446744073709551616"), 2, &["at most 18446744073709551615"]);
    refused(&decode(&long), 2, &["longer"]);
    refused(&decode("18446744073709551615"), 2, &["layout twitter", "--layout"]);
    refused(&["snowflake", "decode"], 2, &["<ID>"]);
    refused(&["snowflake", "decode", "1", "x"], 2, &["\"x\""]);
}

#[test]
fn layouts_that_are_none() {
    let data = Scratch::new("bad-layouts");
    let folder = data.text("data");
    for verb in [
        &["snowflake", "decode", "1"][..],
        &["snowflake", "generate"],
        &["snowflake", "serve", "--data", &folder],
    ] {
        let with = |layout| [verb, &["--layout", layout]].concat();
        refused(&with("tvitter"), 2, &["twitter, discord", "custom:epoch="]);
        refused(&with("custom:epoch=0,tick=1ms,timestamp=41,worker=10"), 2, &["needs sequence"]);
        refused(&with("custom:tick=0ms"), 2, &["1ms"]);
    }
    assert!(!data.join("data").exists(), "nothing is made for a server that cannot start");
}

#[test]
fn workers_that_do_not_fit() {
    let data = Scratch::new("bad-workers");
    let folder = data.text("data");
    let sentence = ["worker 1024", "the largest is 1023"];
    refused(&["snowflake", "generate", "--worker", "1024"], 2, &sentence);
    let serve = ["snowflake", "serve", "--listen", "127.0.0.1:0", "--worker", "1024"];
    refused(&[&serve[..], &["--data", &folder]].concat(), 2, &sentence);
    refused(&["snowflake", "generate", "--worker", "-1"], 2, &["-1"]);
    refused(&["snowflake", "generate", "--layout", "mastodon", "--worker", "1"], 2, &["is 0"]);
}

#[test]
fn numbers_that_are_none() {
    refused(&["snowflake", "generate", "-n", "0"], 2, &["--count", "1.."]);
    refused(&["snowflake", "generate", "-n", "many"], 2, &["many"]);
    refused(&["snowflake", "compare", "--seed", "x"], 2, &["--seed"]);
    refused(&["snowflake", "run", "overload", "--seed", "18446744073709551616"], 2, &["--seed"]);
    refused(&["snowflake", "sweep", "overload", "--seeds", "0"], 2, &["--seeds"]);
    refused(&["snowflake", "bench", "fast"], 2, &["fast"]);
}

#[test]
fn scenarios_and_mechanisms_that_are_none() {
    for verb in ["run", "sweep"] {
        refused(&["snowflake", verb, "nope"], 2, &["\"nope\"", "overload", "clock-step-back"]);
        let without = ["snowflake", verb, "overload", "--without", "nope"];
        refused(&without, 2, &["\"nope\"", "clock-guard"]);
    }
}

#[test]
fn addresses_that_are_none_or_can_be_reached_from_elsewhere() {
    let data = Scratch::new("bad-addresses");
    let folder = data.text("data");
    let listen = |address: &str| {
        let serve = ["snowflake", "serve", "--data", &folder, "--listen", address];
        serve.map(str::to_owned)
    };
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:80"] {
        let arguments = listen(address);
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        refused(&arguments, 2, &[address, "127.0.0.1", "proxy", "--open-to-anyone"]);
    }
    let nonsense = listen("here");
    let nonsense: Vec<_> = nonsense.iter().map(String::as_str).collect();
    refused(&nonsense, 2, &["--listen", "127.0.0.1:7411", "\"here\""]);
    assert!(!data.join("data").exists());
}

#[test]
fn verbs_that_are_none() {
    refused(&["snowfake"], 2, &["snowfake"]);
    refused(&["snowflake", "mint"], 2, &["mint"]);
    refused(&["snowflake"], 2, &[""]);
}

#[test]
fn every_verb_has_an_example() {
    let verbs = ["demo", "scenarios", "run", "sweep", "generate", "decode", "layouts", "compare"];
    for verb in verbs.into_iter().chain(["bench", "serve", "authority"]) {
        let said = lab(&["snowflake", verb, "--help"]);
        assert_eq!(said.code, Some(0));
        let example = format!("infralab snowflake {verb}");
        let (_, examples) = said.stdout.rsplit_once("Example").unwrap_or_default();
        assert!(examples.contains(&example), "{verb} --help ends without an example");
    }
}
