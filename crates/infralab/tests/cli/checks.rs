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
    assert!(said.stdout.contains("moments are lines of the file"), "{}", said.stdout);
    assert!(said.stdout.contains("process 1    get \"k\" -> \"\""), "{}", said.stdout);
    assert!(!said.stdout.contains('\u{1b}'), "what others wrote does not steer the terminal");
    assert!(std::fs::read_to_string(&svg).unwrap().starts_with("<svg "));
}

#[test]
fn a_value_in_a_file_does_not_change_the_direction_of_the_text() {
    let scratch = Scratch::new("check-direction");
    let file = scratch.text("read.edn");
    let read = "{:process 0, :type :invoke, :f :read, :value nil}
{:process 0, :type :ok, :f :read, :value \"\u{202e}4\"}
";
    std::fs::write(&file, read).unwrap();
    let said = lab(&["check", "--model", "cas-register", &file]);
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.stdout.contains("\"\u{fffd}4\"") && !said.stdout.contains('\u{202e}'), "{said:?}");
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
    assert_eq!(
        (&told["failure"]["stuck"]["invoked"], &told["moments"]),
        (&3.into(), &"lines".into())
    );
    assert_eq!(told["failure"]["prefix"][0]["returned"], 2);
    std::fs::write(&file, format!("\u{FEFF}{GOOD}")).unwrap();
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
    refuse(b"hello", &["line 1", "it is no operation"]);
    refuse(format!("{GOOD}INFO  jepsen.util - 7\t:invoke\t:sing\tnil\n").as_bytes(), &["line 8"]);
    refuse(b"{:process 0, :type :invoke, :f :read}\n\xff\n", &["line 2", "UTF-8"]);
    refuse(BAD.as_bytes(), &["line 1", "a register knows read, write and cas"]);
    refuse(b"0 :invoke :read [1 nil]", &["line 1", "say --independent"]);
    refuse("0 :invoke :\u{1b}[31m nil".as_bytes(), &["line 1", "knows read, write and cas"]);
    refused(&["check", "--model", "cas-register", &scratch.text("missing")], 2, &["missing"]);
    refused(&["check", &file], 2, &["--model"]);
    refused(&["check", "--model", "stack", &file], 2, &["cas-register", "kv", "multi-register"]);
    refused(&["check", "--model", "kv", &file, "--timeout=-1"], 2, &["no number of seconds"]);
    refused(&["check", "--model", "cas-register", &file, "--initial", "[1"], 2, &["too early"]);
    refused(&["check", "--model", "mutex", &file, "--initial", "1"], 2, &["begin free or empty"]);
}

/// A history of each model, with what must be said of it; the options come after the model.
const MODELS: [(&str, &str, bool); 15] = [
    ("cas-register", "", true),
    ("cas-register", "0 :invoke :read nil\r\n0 :ok :read nil\r\n", true),
    ("cas-register", "0 :invoke :read nil\n0 :ok :read 0", false),
    ("cas-register --initial 0", "0 :invoke :read nil\n0 :ok :read 0", true),
    ("cas-register --independent", "0 :invoke :read [7 nil]\n0 :ok :read [7 nil]", true),
    (
        "kv --initial \"a\"",
        "{:process 1 :type :invoke :f :get :key 1} \
                              {:process 1 :type :ok :f :get :key 1 :value \"a\"}",
        true,
    ),
    ("mutex", "0 :invoke :acquire nil\n0 :ok :acquire nil", true),
    ("mutex", "0 :invoke :release nil\n0 :ok :release nil", false),
    ("set", "0 :invoke :add 1\n1 :invoke :read nil\n1 :ok :read #{1}", true),
    ("set", "1 :invoke :read nil\n1 :ok :read #{1}", false),
    (
        "queue",
        "0 :invoke :enqueue 1\n0 :ok :enqueue 1\n0 :invoke :dequeue nil\n0 :ok :dequeue 1",
        true,
    ),
    (
        "fifo-queue",
        "0 :invoke :enqueue 1\n0 :ok :enqueue 1\n0 :invoke :enqueue 2\n0 :ok :enqueue 2\n\
                    0 :invoke :dequeue nil\n0 :ok :dequeue 2",
        false,
    ),
    (
        "unordered-queue",
        "0 :invoke :enqueue 1\n0 :ok :enqueue 1\n0 :invoke :enqueue 2\n\
                         0 :ok :enqueue 2\n0 :invoke :dequeue nil\n0 :ok :dequeue 2",
        true,
    ),
    ("multi-register", "0 :invoke :txn [[:r :x nil]]\n0 :ok :txn [[:r :x 0]]", false),
    ("multi-register --initial 0", "0 :invoke :txn [[:r :x nil]]\n0 :ok :txn [[:r :x 0]]", true),
];

#[test]
fn each_model_has_a_say() {
    let scratch = Scratch::new("check-models");
    let file = scratch.text("history");
    for (model, history, holds) in MODELS {
        std::fs::write(&file, history).unwrap();
        let mut arguments = vec!["check", &file, "--model"];
        arguments.extend(model.split(' '));
        let said = lab(&arguments);
        let (code, word) = if holds { (0, "linearizable") } else { (1, "not linearizable") };
        assert_eq!(
            (said.code, said.stdout.lines().last()),
            (Some(code), Some(word)),
            "{model}: {said:?}"
        );
    }
}

#[test]
fn events_that_share_a_line_are_counted() {
    let scratch = Scratch::new("check-shared");
    let file = scratch.text("history");
    std::fs::write(&file, format!("[{}]", BAD.trim().replace('\n', ","))).unwrap();
    let said = lab(&["check", "--model", "kv", &file]);
    assert_eq!(said.code, Some(1));
    assert!(said.stdout.contains("moments are events of the file"), "{}", said.stdout);
    assert!(said.stdout.contains("3 to 4        process 1"), "{}", said.stdout);
}

#[test]
fn help_shows_each_form_and_an_example_of_each_model() {
    let said = lab(&["check", "--help"]);
    for model in
        ["cas-register", "kv", "mutex", "set", "queue", "unordered-queue", "multi-register"]
    {
        assert!(said.stdout.contains(&format!("infralab check --model {model} ")), "{model}");
    }
    // What is shown as a line of a history is one.
    let scratch = Scratch::new("check-help");
    let file = scratch.text("history");
    let forms = [
        "INFO  jepsen",
        "INFO [2024",
        "2024-01-01 12:00:00,000{",
        "0 :invoke",
        "{:process",
        "{\"process",
    ];
    for form in forms {
        let line = said.stdout.lines().find_map(|line| line.find(form).map(|at| &line[at..]));
        let line = line.unwrap_or_else(|| panic!("{form}"));
        std::fs::write(&file, line).unwrap();
        let said = lab(&["check", "--model", "cas-register", &file]);
        let ends = !line.contains("invoke");
        assert_eq!(said.code, Some(if ends { 2 } else { 0 }), "{line}: {said:?}");
        assert_eq!(said.stderr.contains("ends what it has not begun"), ends, "{line}: {said:?}");
    }
}
