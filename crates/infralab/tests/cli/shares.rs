//! A sweep in shares, as on many machines, and what joins them.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::lab::{Scratch, command, ended, lab, refused};

/// Runs a sweep in four processes at once, and gives the files of what they printed.
fn in_four(scratch: &Scratch, sweep: &[&str]) -> Vec<PathBuf> {
    let run = |number: usize| {
        let shard = format!("{number}/4");
        let share = [sweep, &["--shard", &shard, "--json", "--jobs", "1"]].concat();
        command(&share).spawn().unwrap()
    };
    let running: Vec<_> = (1..=4).map(run).collect();
    let finished = running.into_iter().zip(1..).map(|(process, number)| {
        let file = scratch.join(&format!("{number}.json"));
        std::fs::write(&file, ended(process, &format!("share {number}")).stdout).unwrap();
        file
    });
    finished.collect()
}

/// All that does not depend on how quick this computer is.
fn without_times(text: &str) -> Value {
    let mut all: Value = serde_json::from_str(text).unwrap();
    let fields = all.as_object_mut().unwrap();
    assert!(fields.remove("elapsed_s").is_some() && fields.remove("events_per_s").is_some());
    all
}

fn merge(files: &[PathBuf]) -> Vec<&str> {
    ["merge", "--json"].into_iter().chain(files.iter().map(|file| file.to_str().unwrap())).collect()
}

/// As many seeds as the scenario asks for, so that what must be reached is judged, and in no share.
#[test]
fn four_shares_say_what_one_sweep_says() {
    for (more, code) in [(&["--without", "session-dedup"][..], 1), (&[], 0)] {
        let scratch = Scratch::new("shares");
        let sweep = [&["raft", "sweep", "leader-crash", "--first-seed", "7"], more].concat();
        let files = in_four(&scratch, &sweep);
        let (one, joined) = (lab(&[&sweep[..], &["--json"]].concat()), lab(&merge(&files)));
        assert_eq!((one.code, joined.code), (Some(code), Some(code)), "{}", joined.stderr);
        assert_eq!(without_times(&joined.stdout), without_times(&one.stdout));
        let first = std::fs::read_to_string(&files[0]).unwrap();
        assert_ne!(without_times(&first)["events"], without_times(&one.stdout)["events"]);
    }
}

#[test]
fn in_which_order_mechanisms_are_left_out_makes_no_other_sweep() {
    let scratch = Scratch::new("orders");
    let sweep = ["bitcask", "sweep", "bit-rot", "--seeds", "4", "--json"];
    let (one, other) = (["--without", "flush-before-ack"], ["--without", "entry-checksum"]);
    let share = |number: &str, without: [[&str; 2]; 2]| {
        let shard = format!("{number}/2");
        let said = lab(&[&sweep[..], &["--shard", &shard], &without.concat()].concat());
        let file = scratch.join(number);
        std::fs::write(&file, said.stdout).unwrap();
        file
    };
    let files = [share("1", [one, other]), share("2", [other, one])];
    let (joined, whole) = (lab(&merge(&files)), lab(&[&sweep[..], &other, &one].concat()));
    assert_eq!(joined.code, Some(1), "{}", joined.stderr);
    assert_eq!(without_times(&joined.stdout), without_times(&whole.stdout));
}

#[test]
fn what_must_be_reached_is_judged_over_all_shares() {
    let scratch = Scratch::new("reached");
    let files = in_four(&scratch, &["journal", "sweep", "lost-files"]);
    assert_eq!(lab(&merge(&files)).code, Some(0));
    for file in &files {
        let mut share: Value =
            serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
        share["share"]["report"]["faults"] = json!({});
        std::fs::write(file, share.to_string()).unwrap();
    }
    let said = lab(&merge(&files));
    assert_eq!(said.code, Some(3), "{}", said.stderr);
    let shortfalls = &without_times(&said.stdout)["shortfalls"];
    assert!(!shortfalls.as_array().unwrap().is_empty(), "{}", said.stdout);
}

#[test]
fn what_are_not_all_shares_of_one_sweep_is_refused() {
    let scratch = Scratch::new("wrong-shares");
    let files = in_four(&scratch, &["journal", "sweep", "lost-files", "--seeds", "8"]);
    let some =
        |which: &[usize]| -> Vec<PathBuf> { which.iter().map(|at| files[*at].clone()).collect() };
    refused(&merge(&some(&[0, 1, 3])), 2, &["1 of 4 shares", "--shard 3/4"]);
    // Nothing is judged, though of another sweep all shares are there.
    let other = Scratch::new("other-shares");
    let all = in_four(&other, &["bitcask", "sweep", "compaction", "--seeds", "4"]);
    refused(&merge(&[&all[..], &some(&[0, 1, 3])].concat()), 2, &["1 of 4 shares"]);
    refused(&merge(&some(&[0, 1, 1, 2])), 2, &["share 2/4", "too"]);
    let text = std::fs::read_to_string(&files[0]).unwrap();
    let share: Value = serde_json::from_str(&text).unwrap();
    let refuses = |change: &dyn Fn(&mut Value), why: &str| {
        let (mut share, file) = (share.clone(), scratch.join("changed.json"));
        change(&mut share);
        std::fs::write(&file, share.to_string()).unwrap();
        refused(&merge(&[&[file][..], &some(&[1, 2, 3])].concat()), 2, &["changed.json", why]);
    };
    refuses(&|all| all["share"]["version"] = json!("0.0.0"), "0.0.0");
    refuses(&|all| all["share"]["shard"]["number"] = json!(0), "no share 0/4");
    refuses(&|all| all["share"]["shard"] = json!({"number": 1, "of": 0}), "no share 1/0");
    refuses(&|all| all["share"]["shard"]["of"] = json!(9), "8 seeds have no 9 shares");
    refuses(&|all| all["share"]["report"]["seeds"] = json!(3), "has 3 seeds");
    refuses(
        &|all| all["share"]["report"]["latency"]["counts"] = json!([[u64::MAX, 1]]),
        "durations",
    );
    refuses(&|all| all["share"] = Value::Null, "--shard");
    refuses(&|all| *all = json!([]), "changed.json");
    // Nor does a stranger's file steer the terminal, or what is pasted from it.
    let named = |change: &dyn Fn(&mut Value)| {
        let (mut shares, changed) =
            (Vec::new(), ["a", "b", "c", "d"].map(|name| scratch.join(name)));
        for (file, to) in files.iter().zip(&changed) {
            let mut share: Value =
                serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
            change(&mut share);
            std::fs::write(to, share.to_string()).unwrap();
            shares.push(to.clone());
        }
        let said = lab(&merge(&shares)[..]);
        assert_eq!((said.code, said.stdout.as_str()), (Some(2), ""), "{}", said.stderr);
        assert!(said.stderr.contains("which is nothing in this system"), "{}", said.stderr);
        assert!(!said.stderr.contains('\u{1b}'), "{:?}", said.stderr);
    };
    let breach = json!([{"seed": 0, "promise": "\u{1b}[2J", "events": 1}]);
    named(&|all| all["share"]["report"]["violations"] = breach.clone());
    named(&|all| all["share"]["report"]["faults"] = json!({"\u{1b}[2J": 1}));
    named(&|all| all["share"]["report"]["sometimes"] = json!({"a\nb": 1}));
    let figures = json!({"counts": {"\u{1b}[2J": 1}, "shares": {}, "times": {}});
    named(&|all| all["share"]["report"]["figures"] = figures.clone());
    named(&|all| all["without"] = json!(["$(rm -r .)"]));
    for wrong in ["", "{", "{}"] {
        let file = scratch.join("wrong.json");
        std::fs::write(&file, wrong).unwrap();
        refused(&merge(&[file]), 2, &["wrong.json"]);
    }
    refused(&["merge", "nowhere.json"], 2, &["nowhere.json"]);
    refused(&["raft", "sweep", "leader-crash", "--shard", "5/4"], 2, &["I/N"]);
    refused(
        &["raft", "sweep", "leader-crash", "--seeds", "3", "--shard", "1/4"],
        2,
        &["no 4 shares"],
    );
}

/// A share, as a script of `deploy/` runs it: bash, with the binary on its path.
fn deployed(arguments: &[&str], variables: &[(&str, &str)]) {
    let binaries = Path::new(env!("CARGO_BIN_EXE_infralab")).parent().unwrap();
    let path = format!("{}:{}", binaries.display(), std::env::var("PATH").unwrap());
    let mut bash = Command::new("bash");
    bash.args(arguments).env("PATH", path).env("SEEDS", "2").envs(variables.iter().copied());
    let status = ended(bash.spawn().unwrap(), "a script of deploy/").status;
    assert!(status.success(), "{arguments:?}: {status}");
}

#[test]
fn the_scripts_of_deploy_run_a_share_of_every_scenario_each() {
    let scratch = Scratch::new("deploy");
    let deploy = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy");
    let job = std::fs::read_to_string(deploy.join("kubernetes.yaml")).unwrap();
    let script =
        job.split_once("            - |\n").unwrap().1.split_once("          env:").unwrap().0;
    let shares = [scratch.join("job"), scratch.join("array")];
    std::fs::create_dir(&shares[0]).unwrap();
    let script = script.replace("/shares", shares[0].to_str().unwrap());
    deployed(&["-c", &script], &[("JOB_COMPLETION_INDEX", "0"), ("SHARES", "2")]);
    deployed(&["-c", &script], &[("JOB_COMPLETION_INDEX", "1"), ("SHARES", "2")]);
    for task in ["5", "6"] {
        let array = [("SLURM_ARRAY_TASK_ID", task), ("SLURM_ARRAY_TASK_MIN", "5")];
        let more = [("SLURM_ARRAY_TASK_COUNT", "2"), ("SHARES", shares[1].to_str().unwrap())];
        deployed(&[deploy.join("slurm.sh").to_str().unwrap()], &[array, more].concat());
    }
    let joined = shares.map(|folder| {
        let said = lab(&merge(&[folder.join("1.json"), folder.join("2.json")]));
        assert_eq!(said.code, Some(0), "{}", said.stderr);
        said.stdout.lines().map(without_times).collect::<Vec<_>>()
    });
    assert_eq!(joined[0], joined[1]);
    let scenarios =
        infralab::systems().iter().map(|system| system.scenarios().len()).sum::<usize>();
    assert_eq!(joined[0].len(), scenarios);
}
