//! Every scenario at its first seeds: a mistake in a broker shows here, before the long sweeps.

#[test]
fn every_scenario_keeps_all_promises_at_its_first_seeds() {
    let log = log_scenarios::registered();
    for scenario in log.scenarios() {
        for seed in 0..25 {
            let run = log.run(scenario.name, seed, &[]).unwrap();
            assert_eq!(run.report.violations, [], "{} at seed {seed}", scenario.name);
        }
    }
}
