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
    refused(&["snowflake", "generate", "-n", "0"], 2, &["--count", "from 1 to"]);
    refused(&["snowflake", "generate", "-n", "many"], 2, &["many"]);
    refused(&["snowflake", "compare", "--seed", "x"], 2, &["--seed"]);
    refused(&["snowflake", "run", "overload", "--seed", "18446744073709551616"], 2, &["--seed"]);
    refused(&["snowflake", "sweep", "overload", "--seeds", "0"], 2, &["--seeds"]);
    refused(&["snowflake", "bench", "fast"], 2, &["fast"]);
}

/// `--seed -1` was once answered with `tip: to pass '-1' as a value, use '-- -1'`, which helps nobody.
#[test]
fn numbers_below_zero_are_told_what_they_may_be() {
    let seed = "'--seed <SEED>': it is a whole number from 0 to 18446744073709551615";
    for (arguments, sentence) in [
        (&["snowflake", "run", "overload", "--seed", "-1"][..], seed),
        (&["raft", "demo", "--seed", "-1"], seed),
        (&["hash-ring", "compare", "--seed", "-1"], seed),
        (&["raft", "sweep", "power-loss", "--seeds", "-5"], "from 1 to 100000000"),
        (&["raft", "sweep", "power-loss", "--first-seed", "-5"], "from 0 to"),
        (&["raft", "sweep", "power-loss", "--jobs", "-2"], "from 1 to 1024"),
        (&["raft", "serve", "--nodes", "-3"], "from 1 to 31"),
        (&["snowflake", "generate", "-n", "-3"], "from 1 to"),
        (&["snowflake", "decode", "-5"], "a decimal number"),
        (&["url-shortener", "serve", "--rate", "-1"], "'-1' for '--rate"),
    ] {
        let said = lab(arguments);
        assert_eq!(said.code, Some(2), "{said:?}");
        said.complains(&[sentence]);
        assert!(!said.stderr.contains("tip:"), "{said:?}");
    }
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
fn every_verb_has_an_example_of_its_own_system() {
    for system in infralab::systems().iter().map(|system| system.name()) {
        for verb in verbs(&[system]) {
            let said = lab(&[system, &verb, "--help"]);
            assert_eq!(said.code, Some(0));
            let example = format!("infralab {system} {verb}");
            let (_, examples) = said.stdout.split_once("Example").unwrap_or_default();
            assert!(examples.contains(&example), "{system} {verb} --help ends without an example");
            let others = infralab::systems().into_iter().filter(|other| other.name() != system);
            for other in others {
                let strange = format!("infralab {} ", other.name());
                assert!(!said.stdout.contains(&strange), "{system} {verb}: {}", said.stdout);
            }
        }
    }
}

#[test]
fn every_server_is_told_where_it_is_in_the_same_words() {
    let place = |of: &[&str]| -> Vec<String> {
        let help = lab(&[of, &["--help"][..]].concat()).stdout;
        assert!(help.lines().all(|line| line.chars().count() <= 80), "{help}");
        let options = help.lines().map(str::trim).filter(|line| line.starts_with("--"));
        let words = options.map(|line| line.split("  ").next().unwrap().to_owned());
        words.take_while(|option| option != "--open-to-anyone").collect()
    };
    let whole = ["--data <DIR>", "--listen <ADDR>", "--admin <ADDR>"];
    let one = ["--node <N>", "--cluster <FILE>"];
    let snowflake = [["snowflake", "serve"], ["snowflake", "authority"]];
    for verb in snowflake.into_iter().chain([["raft", "serve"], ["url-shortener", "serve"]]) {
        assert_eq!(place(&verb)[..5], [&whole[..], &one].concat(), "{verb:?}");
    }
}

/// The verbs that the help lists.
fn verbs(of: &[&str]) -> Vec<String> {
    let help = lab(&[of, &["--help"][..]].concat()).stdout;
    let (_, commands) = help.split_once("Commands:\n").unwrap();
    let lines = commands.lines().take_while(|line| !line.is_empty());
    let words = lines.filter_map(|line| line.strip_prefix("  ")?.split(' ').next());
    words.filter(|word| !word.is_empty() && *word != "help").map(str::to_owned).collect()
}

#[test]
fn what_the_examples_name_is_there() {
    for system in infralab::systems() {
        for verb in ["run", "sweep"] {
            let help = lab(&[system.name(), verb, "--help"]).stdout;
            let (_, examples) = help.split_once("Example").unwrap();
            let examples: Vec<_> =
                examples.lines().filter(|line| line.contains("infralab")).collect();
            assert!(!examples.is_empty(), "{help}");
            for example in examples {
                let mut words = example.split_whitespace().skip_while(|word| *word != verb).skip(1);
                let (scenario, rest) = (words.next().unwrap(), words.collect::<Vec<_>>());
                assert!(system.scenarios().iter().any(|info| info.name == scenario), "{example}");
                let without = rest.iter().position(|word| *word == "--without");
                let mechanism = without.map(|at| rest[at + 1]);
                let is_there = |name| system.mechanisms().iter().any(|info| info.name == name);
                assert!(mechanism.is_none_or(is_there), "{example}");
            }
        }
    }
}

#[test]
fn shells_and_manuals_know_every_verb() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let said = lab(&["completions", shell]);
        assert_eq!((said.code, said.stderr.as_str()), (Some(0), ""));
        for word in ["url-shortener", "add-shard", "--first-seed", "completions"] {
            assert!(said.stdout.contains(word.trim_start_matches('-')), "{shell} has no {word}");
        }
    }
    refused(&["completions", "tcsh"], 2, &["tcsh", "bash"]);
    let scratch = Scratch::new("manual");
    let folder = scratch.text("man1");
    assert_eq!(lab(&["man", &folder]).code, Some(0));
    for system in infralab::systems().iter().map(|system| system.name()) {
        for verb in verbs(&[system]) {
            let page = scratch.join("man1").join(format!("infralab-{system}-{verb}.1"));
            let page = std::fs::read_to_string(page).unwrap_or_else(|why| panic!("{verb}: {why}"));
            assert!(page.contains(".TH") && page.contains("Example"), "{system} {verb}: {page}");
        }
    }
    let nowhere = scratch.text("man1/infralab.1/no");
    refused(&["man", &nowhere], 4, &[&nowhere]);
}
