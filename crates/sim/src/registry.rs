//! The registry: every system behind one trait object, for the command line, the tour and the tests.

use std::marker::PhantomData;

use machine::{MechanismInfo, NodeId, Switches, Time};
use recording::{Change, Moment, Trail};
use serde::Serialize;

use crate::declared::{check_faults, check_scenario, check_system};
use crate::fault::FaultKind;
use crate::plan::Step;
use crate::promise::Measure;
use crate::random::{Purpose, stream};
use crate::refused::Refused;
use crate::replay::{SavedRun, VERSION};
use crate::run::{EVENT_BUDGET, Recording, Report, draw, execute};
use crate::scenario::{PlanOf, PromiseInfo, PromiseSpec, Scenario, System, Witness};
use crate::shrink::shrink;
use crate::sweep::{Seeds, SweepReport, sweep};
use rand::Rng;

/// A system whose types are erased.
pub trait Registered: Send + Sync {
    /// The system's name.
    fn name(&self) -> &'static str;
    /// What it is, in one sentence.
    fn about(&self) -> &'static str;
    /// Its protective mechanisms.
    fn mechanisms(&self) -> &'static [MechanismInfo];
    /// What it promises.
    fn promises(&self) -> Vec<PromiseInfo>;
    /// Its scenarios; the first is the demo.
    fn scenarios(&self) -> Vec<ScenarioInfo>;
    /// The kinds of fault that it says it survives.
    fn survives(&self) -> &'static [FaultKind];
    /// For every mechanism, a seed at which a promise breaks without it.
    fn witnesses(&self) -> &'static [Witness];

    /// Runs what a seed draws.
    ///
    /// # Errors
    /// If there is no such scenario or mechanism.
    fn run(&self, scenario: &str, seed: u64, without: &[String]) -> Result<RunRecord, Refused>;

    /// Runs a saved run again.
    ///
    /// # Errors
    /// If there is no such scenario or mechanism, or the plan makes no sense.
    fn replay(&self, saved: &SavedRun) -> Result<RunRecord, Refused>;

    /// Runs a saved run's plan in other worlds, and counts those that are clean.
    ///
    /// # Errors
    /// As [`Registered::replay`].
    fn clean_rerolls(&self, saved: &SavedRun, worlds: u64) -> Result<u64, Refused>;

    /// Runs many seeds; `progress` is told how many are done and how many violations were found.
    ///
    /// # Errors
    /// If there is no such scenario or mechanism.
    fn sweep(
        &self,
        scenario: &str,
        seeds: Seeds,
        without: &[String],
        progress: &(dyn Fn(u64, u64) + Sync),
    ) -> Result<SweepReport, Refused>;

    /// Shrinks what a seed draws to the shortest plan that breaks this promise.
    ///
    /// # Errors
    /// If there is no such scenario or mechanism, or the promise holds at this seed.
    fn shrink(
        &self,
        scenario: &str,
        seed: u64,
        without: &[String],
        promise: &str,
    ) -> Result<Counterexample, Refused>;
}

/// A scenario whose types are erased.
#[derive(Clone, Debug, Serialize)]
pub struct ScenarioInfo {
    /// In kebab-case.
    pub name: &'static str,
    /// What happens and within which bounds.
    pub about: &'static str,
    /// The promises that it checks.
    pub promises: &'static [&'static str],
    /// Mechanisms that are off in it whatever is asked for, since they would hide those it tests.
    pub leaves_out: &'static [&'static str],
    /// What its default sweep must reach.
    #[serde(skip)]
    pub reaches: &'static [(&'static str, u64)],
    /// How many seeds its default sweep has.
    pub seeds: u64,
}

impl ScenarioInfo {
    fn of<S: System>(scenario: &Scenario<S>) -> ScenarioInfo {
        ScenarioInfo {
            name: scenario.name,
            about: scenario.about,
            promises: scenario.promises,
            leaves_out: scenario.leaves_out,
            reaches: scenario.reaches,
            seeds: scenario.seeds,
        }
    }
}

/// A run with all that is needed to show it and to run it again.
#[derive(Clone, Debug)]
pub struct RunRecord {
    /// What came of it.
    pub report: Report,
    /// What happened, in order.
    pub moments: Vec<(Time, Moment)>,
    /// What led to each moment, in the same order.
    pub trails: Vec<Trail>,
    /// How the fields of nodes' states changed.
    pub changes: Vec<Change>,
    /// The numbers that promises judged, each with the promise's name.
    pub measures: Vec<(&'static str, Measure)>,
    /// Its clients' operations, for checkers of histories: [`System::history`].
    pub history: Option<String>,
    /// The nodes' names.
    pub nodes: Vec<String>,
    /// The run as a file.
    pub saved: SavedRun,
}

/// The smallest plan that shrinking found in which the promise still breaks.
#[derive(Clone, Debug)]
pub struct Counterexample {
    /// The short run.
    pub ran: RunRecord,
    /// Steps before and after.
    pub steps: (usize, usize),
    /// How many runs it took.
    pub runs: usize,
}

/// Puts a system into the registry.
pub fn register<S: System>() -> Box<dyn Registered> {
    Box::new(Erased::<S>(PhantomData))
}

struct Erased<S>(PhantomData<fn() -> S>);

impl<S: System> Erased<S> {
    fn scenario(&self, name: &str) -> Result<Scenario<S>, Refused> {
        let mut all = S::scenarios();
        check_system(&all)?;
        match all.iter().position(|scenario| scenario.name == name) {
            Some(index) => check_scenario(all.swap_remove(index)),
            None => {
                let known = all.iter().map(|scenario| scenario.name).collect();
                Err(Refused::UnknownScenario(name.into(), known))
            }
        }
    }

    /// The switches of a scenario, with these mechanisms off besides.
    fn switches(&self, scenario: &Scenario<S>, without: &[String]) -> Result<Switches, Refused> {
        let all = S::MECHANISMS;
        let mut switches = Switches::ALL_ON;
        for name in scenario.leaves_out.iter().copied().chain(without.iter().map(String::as_str)) {
            match all.iter().position(|mechanism| mechanism.name == name) {
                Some(index) => switches = switches.without(index),
                None => {
                    let known = all.iter().map(|mechanism| mechanism.name).collect();
                    return Err(Refused::UnknownMechanism(name.into(), known));
                }
            }
        }
        Ok(switches)
    }

    fn show(
        &self,
        scenario: &Scenario<S>,
        plan: &PlanOf<S>,
        world_seed: u64,
        without: &[String],
    ) -> Result<RunRecord, Refused> {
        let switches = self.switches(scenario, without)?;
        let (report, recording) = execute(scenario, plan, world_seed, switches, true);
        let Recording { moments, trails, changes, measures, history } = recording;
        let ids = (0..plan.nodes()).map(NodeId);
        let nodes = ids.map(|id| S::node_name(&plan.cluster, id)).collect();
        let saved = SavedRun {
            version: VERSION.into(),
            system: S::NAME.into(),
            scenario: scenario.name.into(),
            world_seed,
            without: without.to_vec(),
            trace_hash: format!("{:016x}", report.trace_hash),
            plan: serde_json::to_value(plan).map_err(|why| Refused::BadPlan(why.to_string()))?,
        };
        Ok(RunRecord { report, moments, trails, changes, measures, history, nodes, saved })
    }

    fn plan(&self, saved: &SavedRun) -> Result<PlanOf<S>, Refused> {
        if saved.system != S::NAME {
            return Err(Refused::BadPlan(format!("it is one of {:?}", saved.system)));
        }
        let plan: PlanOf<S> = serde_json::from_value(saved.plan.clone())
            .map_err(|why| Refused::BadPlan(why.to_string()))?;
        plan.validate().map_err(Refused::BadPlan)?;
        let work = plan.steps.iter().map(|step| match step {
            Step::Operation { operation, .. } => S::work(operation),
            Step::Fault { .. } | Step::Join { .. } => 0,
        });
        if work.fold(0, u64::saturating_add) > EVENT_BUDGET {
            return Err(Refused::BadPlan(
                "its operations are more work than a run may take".into(),
            ));
        }
        check_faults::<S>(&plan)?;
        Ok(plan)
    }
}

impl<S: System> Registered for Erased<S> {
    fn name(&self) -> &'static str {
        S::NAME
    }

    fn about(&self) -> &'static str {
        S::ABOUT
    }

    fn mechanisms(&self) -> &'static [MechanismInfo] {
        S::MECHANISMS
    }

    fn promises(&self) -> Vec<PromiseInfo> {
        let info = |spec: &PromiseSpec<S::Node, S::Shape>| PromiseInfo {
            name: spec.name,
            about: spec.about,
        };
        S::PROMISES.iter().map(info).collect()
    }

    fn scenarios(&self) -> Vec<ScenarioInfo> {
        S::scenarios().iter().map(ScenarioInfo::of).collect()
    }

    fn survives(&self) -> &'static [FaultKind] {
        S::SURVIVES
    }

    fn witnesses(&self) -> &'static [Witness] {
        S::WITNESSES
    }

    fn run(&self, scenario: &str, seed: u64, without: &[String]) -> Result<RunRecord, Refused> {
        let scenario = self.scenario(scenario)?;
        self.show(&scenario, &draw(&scenario, seed)?, seed, without)
    }

    fn replay(&self, saved: &SavedRun) -> Result<RunRecord, Refused> {
        let scenario = self.scenario(&saved.scenario)?;
        self.show(&scenario, &self.plan(saved)?, saved.world_seed, &saved.without)
    }

    fn clean_rerolls(&self, saved: &SavedRun, worlds: u64) -> Result<u64, Refused> {
        let scenario = self.scenario(&saved.scenario)?;
        let switches = self.switches(&scenario, &saved.without)?;
        let plan = self.plan(saved)?;
        let mut reroll = stream(saved.world_seed, Purpose::Reroll, 0);
        let clean =
            |_: &u64| execute(&scenario, &plan, reroll.next_u64(), switches, false).0.is_clean();
        Ok((0..worlds).filter(clean).count() as u64)
    }

    fn sweep(
        &self,
        scenario: &str,
        seeds: Seeds,
        without: &[String],
        progress: &(dyn Fn(u64, u64) + Sync),
    ) -> Result<SweepReport, Refused> {
        let scenario = self.scenario(scenario)?;
        let switches = self.switches(&scenario, without)?;
        let mut report = sweep(&scenario, seeds, switches, progress)?;
        report.judge(&ScenarioInfo::of(&scenario), without);
        Ok(report)
    }

    fn shrink(
        &self,
        scenario: &str,
        seed: u64,
        without: &[String],
        promise: &str,
    ) -> Result<Counterexample, Refused> {
        let scenario = self.scenario(scenario)?;
        let switches = self.switches(&scenario, without)?;
        let plan = draw(&scenario, seed)?;
        let shrunk = shrink(&scenario, &plan, seed, switches, promise)
            .ok_or_else(|| Refused::Holds(promise.into()))?;
        let ran = self.show(&scenario, &shrunk.plan, shrunk.world_seed, without)?;
        let steps = (plan.steps.len(), shrunk.plan.steps.len());
        Ok(Counterexample { ran, steps, runs: shrunk.runs })
    }
}
