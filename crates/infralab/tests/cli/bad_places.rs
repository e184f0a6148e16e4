//! What `hash-ring` cannot place is said in a sentence with the way out, and the status is 2.

use crate::lab::refused;
use crate::places::{ALGORITHMS, Files};

#[test]
fn nodes_that_are_none() {
    for (nodes, sentence) in [
        (&b""[..], &["there is no node in it", "a name a line"][..]),
        (b"# only a remark\n\n", &["there is no node in it"]),
        (b"a\nb\na\n", &["line 3", "a is there already, in line 1"]),
        (b"a 0\n", &["line 1", "a weighs 0", "1000000000"]),
        (b"a -1\n", &["a weighs -1"]),
        (b"a NaN\n", &["a weighs NaN"]),
        (b"a inf\n", &["a weighs inf"]),
        (b"a heavy\n", &["second word is the weight", "\"heavy\""]),
        (b"a 1 z 9\n", &["`name weight zone`"]),
        (b"a,b\n", &["\"a,b\" is no name"]),
        (b"a\n\xff\xfe\n", &["line 2 is not UTF-8"]),
    ] {
        let files = Files::new("bad-nodes", nodes, "x\n");
        refused(&files.locate("ring", &[]), 2, &[&["nodes.txt: "], sentence].concat());
    }
}

#[test]
fn keys_that_are_none() {
    let long = "x".repeat(1 << 17);
    let raw = ["with --raw-hash a key is a number from 0 to 18446744073709551615"];
    for (keys, more, sentence) in [
        (&b"x\na\tb\n"[..], &[][..], &["line 2", "tab", "--json"][..]),
        (b"x\n\xff\n", &[], &["line 2", "not UTF-8"]),
        (long.as_bytes(), &[], &["line 1", "at most 65536 bytes"]),
        (b"7\nx\n", &["--raw-hash"], &raw),
        (b"-1\n", &["--raw-hash"], &raw),
        (b"+1\n", &["--raw-hash"], &raw),
        (b"1.0\n", &["--raw-hash"], &raw),
        (b"18446744073709551616\n", &["--raw-hash"], &raw),
        (long.as_bytes(), &["--raw-hash"], &["at most 65536 bytes"]),
    ] {
        let files = Files::new("bad-keys", "a\nb\n", keys);
        refused(&files.locate("ring", more), 2, &[&["keys.txt: "], sentence].concat());
    }
}

#[test]
fn files_that_are_not_there() {
    let files = Files::new("no-files", "a\n", "x\n");
    let missing = files.missing();
    for option in ["--nodes", "--keys"] {
        let mut arguments = files.locate("ring", &[]);
        let at = arguments.iter().position(|word| *word == option).unwrap() + 1;
        arguments[at] = &missing;
        refused(&arguments, 2, &[&missing]);
        arguments[at] = env!("CARGO_TARGET_TMPDIR");
        refused(&arguments, 2, &["irectory"]);
    }
    refused(&["hash-ring", "locate", "--algorithm", "ring"], 2, &["--nodes", "--keys"]);
}

#[test]
fn more_copies_than_nodes() {
    let files = Files::new("copies", "a\nb\n", "x\n");
    refused(&files.locate("ring", &["--replicas", "3"]), 2, &["--replicas 3", "has 2", "fewer"]);
    refused(&files.locate("ring", &["--replicas", "0"]), 2, &["--replicas"]);
}

#[test]
fn algorithms_that_are_none_or_have_no_weights() {
    let files = Files::new("weights", "a\nb 2\n", "x\n");
    refused(&files.locate("rnig", &[]), 2, &ALGORITHMS);
    for algorithm in ["jump", "anchor", "modulo"] {
        let sentence = [algorithm, "no weights", "b differs", "all the same"];
        refused(&files.locate(algorithm, &[]), 2, &sentence);
    }
    let heavy = Files::new("heavy", "a 1000000000\n", "x\n");
    refused(&heavy.locate("ring", &[]), 2, &["at most 16777216", "smaller weights"]);
}

#[test]
fn numbers_that_are_none() {
    refused(&["hash-ring", "compare", "--nodes", "1"], 2, &["--nodes", "from 2 to 100000"]);
    refused(&["hash-ring", "compare", "--nodes", "many"], 2, &["many"]);
    refused(&["hash-ring", "compare", "--keys", "0"], 2, &["--keys", "from 1 to"]);
}
