//! The same seed is the same run: in one process, in any other, and in any build profile.

use std::fmt::Write;

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/traces.txt");
const SEEDS: std::ops::Range<u64> = 0..4;

/// The hash over every event, of some seeds of every scenario.
fn traces() -> String {
    let mut lines = format!("version {}\n", sim::VERSION);
    for system in infralab::systems() {
        for info in system.scenarios() {
            for seed in SEEDS {
                let ran = system.run(info.name, seed, &[]).unwrap();
                let (name, scenario) = (system.name(), info.name);
                let hash = ran.saved.trace_hash;
                writeln!(lines, "{name} {scenario} --seed {seed} {hash}").unwrap();
            }
        }
    }
    lines
}

#[test]
fn twice_in_one_process() {
    assert_eq!(traces(), traces());
}

/// The file was written by another process, in another profile. Where a change is meant to change
/// runs, write it anew: `GOLDEN=write cargo test --release --test lab another_process`.
#[test]
fn in_another_process_and_profile() {
    let recorded = std::fs::read_to_string(GOLDEN).unwrap();
    if std::env::var("GOLDEN").is_ok_and(|what| what == "write") && recorded != traces() {
        let traces = traces();
        // New scenarios change no run that was there before.
        let kept = recorded.lines().all(|line| traces.lines().any(|now| now == line));
        let raised = recorded.lines().next() != traces.lines().next();
        assert!(
            kept || raised,
            "runs have changed: raise sim::VERSION, so that older files are refused"
        );
        return std::fs::write(GOLDEN, traces).unwrap();
    }
    assert_eq!(traces(), recorded, "the same seeds are other runs than they were");
}

#[test]
fn another_seed_is_another_run() {
    let traces = traces();
    let mut hashes: Vec<_> =
        traces.lines().skip(1).filter_map(|line| line.rsplit(' ').next()).collect();
    let all = hashes.len();
    hashes.sort_unstable();
    hashes.dedup();
    assert_eq!(hashes.len(), all);
}

#[test]
fn a_saved_run_is_the_same_run() {
    for system in infralab::systems() {
        for info in system.scenarios() {
            let ran = system.run(info.name, 3, &[]).unwrap();
            let file = ran.saved.to_json();
            let again = system.replay(&sim::SavedRun::parse(file.as_bytes()).unwrap()).unwrap();
            assert_eq!(again.report, ran.report, "{}", info.name);
            assert_eq!(again.moments, ran.moments, "{}", info.name);
        }
    }
}
