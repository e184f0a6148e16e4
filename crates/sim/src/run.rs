//! One run: a plan, carried out in a world, watched by promises.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Once};

use machine::{Machine, NodeId, Switches, Time};
use recording::{Change, Moment, Recorder, Trail};
use serde::Serialize;

use crate::cluster::{Cluster, Shape as _};
use crate::declared::check_faults;
use crate::draft::Draft;
use crate::durations::Durations;
use crate::figures::Figures;
use crate::history::{Counts, Operations, total};
use crate::plan::Step;
use crate::promise::{Breach, Evidence, Measure, Promise, Verdict};
use crate::random::{Purpose, stream};
use crate::refused::Refused;
use crate::scenario::{PlanOf, Scenario, System};
use crate::world::World;

/// A run that will not end is ended after so many events; its verdict is unknown.
pub(crate) const EVENT_BUDGET: u64 = 5_000_000;

/// What a machine that panics breaks, in every system.
pub const NO_PANIC: &str = "no-panic";

/// A promise that did not hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// Its name; `no-panic` where a machine panicked.
    pub promise: String,
    /// When it was found, in the world's time.
    pub at: Time,
    /// After how many events.
    pub events: u64,
    /// How.
    pub why: String,
    /// What of the run that rests on.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<Evidence>,
}

/// What came of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The first violation of each promise that broke, in the order found.
    pub violations: Vec<Violation>,
    /// Why a checker could not tell.
    pub unknown: Vec<String>,
    /// One number over every event: the same seed gives the same.
    pub trace_hash: u64,
    /// How many events there were.
    pub events: u64,
    /// Faults that hit something, by kind.
    pub faults: Counts,
    /// Client operations.
    pub operations: Operations,
    /// Events that must happen sometimes, by name.
    pub sometimes: Counts,
    /// How long operations that ended well took, from a client's beginning to its end.
    pub latency: Durations,
    /// For each fault that is counted in `faults`, how long clients waited in the longest stretch
    /// without a completed operation that overlaps it, from when it was first met; zero where nobody waited.
    pub downtime: Durations,
    /// What the system itself says of it: [`System::figures`].
    pub figures: Figures,
    /// How long the world lasted, in its own time.
    pub virtual_time: Time,
}

impl Report {
    /// The violation of this promise.
    pub fn violation_of(&self, promise: &str) -> Option<&Violation> {
        self.violations.iter().find(|violation| violation.promise == promise)
    }

    /// Did the run come to its end, so that what is not broken was judged? After a panic, or where
    /// the event budget ran out, or a checker could not tell, it was not.
    pub fn is_judged(&self) -> bool {
        self.unknown.is_empty() && self.violation_of(NO_PANIC).is_none()
    }

    /// Did every promise hold, with certainty?
    pub fn is_clean(&self) -> bool {
        self.violations.is_empty() && self.unknown.is_empty()
    }
}

/// The plan that a seed draws.
///
/// # Errors
/// If the plan makes no sense, or a fault is aimed at a role that is not declared.
pub(crate) fn draw<S: System>(scenario: &Scenario<S>, seed: u64) -> Result<PlanOf<S>, Refused> {
    let mut draft = Draft::new(stream(seed, Purpose::Plan, 0));
    (scenario.draw)(&mut draft);
    let plan = draft.finish();
    let lasts = match plan.end {
        Time(0) => Err("the run has no time: say how long it lasts, with Draft::phases".into()),
        _ => plan.validate(),
    };
    lasts.map_err(Refused::BadPlan)?;
    check_faults::<S>(&plan)?;
    Ok(plan)
}

/// The world of a cluster, in which nothing has happened and nothing is wrong: for tests that move a
/// system by hand.
pub fn world_of<S: System>(
    cluster: &Cluster<S::Shape>,
    seed: u64,
    switches: Switches,
) -> World<S::Node> {
    let Cluster { zones, delays, distances, .. } = cluster;
    let whole = cluster.clone();
    let boot = move |node| S::boot(&whole, node, switches);
    let mut world = World::with_distances(seed, zones, *delays, distances, Arc::new(boot));
    world.declare(S::FILTERS);
    world.expect(cluster.shape.numbers() as u32);
    world
}

/// What is kept of a run for people and checkers to look at.
#[derive(Default)]
pub(crate) struct Recording {
    pub(crate) moments: Vec<(Time, Moment)>,
    pub(crate) trails: Vec<Trail>,
    pub(crate) changes: Vec<Change>,
    pub(crate) measures: Vec<(&'static str, Measure)>,
    pub(crate) history: Option<String>,
}

impl Recording {
    fn of<S: System>(world: World<S::Node>, measures: Vec<(&'static str, Measure)>) -> Recording {
        let history = S::history(world.history());
        let Some(recorder) = world.recorder else { return Recording::default() };
        let (moments, mut trails, changes) = recorder.finish();
        // Notes that were made before anybody looked have no moment.
        let noted = moments.iter().zip(&mut trails).rev();
        let noted = noted.filter(|((_, moment), _)| matches!(moment, Moment::Note { .. }));
        for (entry, (_, trail)) in world.history.iter().rev().zip(noted) {
            trail.note = Some(S::note_kind(&entry.note));
        }
        Recording { moments, trails, changes, measures, history }
    }
}

/// Carries out a plan, and records it if asked to.
pub(crate) fn execute<S: System>(
    scenario: &Scenario<S>,
    plan: &PlanOf<S>,
    world_seed: u64,
    switches: Switches,
    record: bool,
) -> (Report, Recording) {
    quietly(|| {
        let (mut report, mut measures) = (Report::default(), Vec::new());
        let mut world = None;
        let ended = catch_unwind(AssertUnwindSafe(|| {
            let world = world.insert(world_of::<S>(&plan.cluster, world_seed, switches));
            world.recorder = record.then(Recorder::default);
            Watch::new(scenario, plan, &mut report, &mut measures).carry_out(world);
        }));
        if let Err(panic) = ended {
            let why = panic.downcast_ref::<String>().cloned();
            let why = why.or_else(|| panic.downcast_ref::<&str>().map(|why| why.to_string()));
            let why = why.unwrap_or_else(|| "a machine panicked".into());
            let (at, events) =
                world.as_ref().map_or((Time(0), 0), |world| (world.now(), world.events()));
            report.violations.push(Violation {
                promise: NO_PANIC.into(),
                at,
                events,
                why: match PANICKED_AT.take() {
                    Some(place) => format!("{why} ({place})"),
                    None => why,
                },
                evidence: Vec::new(),
            });
        }
        let Some(world) = world else { return (report, Recording::default()) };
        report.unknown.extend(undeclared_role::<S>(&world));
        report.unknown.extend(world.error().map(str::to_string));
        let totals = total(world.history(), S::note_kind);
        (report.operations, report.sometimes) = (totals.operations, totals.sometimes);
        report.latency = totals.latency;
        report.downtime = totals.outages.downtimes(world.now(), world.faults_counted());
        report.figures = S::figures(&plan.cluster, &world);
        report.trace_hash = world.trace_hash();
        report.events = world.events();
        report.faults = world.fault_counts().clone();
        report.virtual_time = world.now();
        let recording =
            if record { Recording::of::<S>(world, measures) } else { Recording::default() };
        (report, recording)
    })
}

/// A node that calls itself what the system does not declare: no fault that is aimed at a role hits it.
fn undeclared_role<S: System>(world: &World<S::Node>) -> Option<String> {
    if S::ROLES.is_empty() {
        return None;
    }
    let undeclared = |node| {
        let mut undeclared = None;
        world.see_roles(NodeId(node), &mut |role, _| {
            undeclared = undeclared.or((!S::ROLES.contains(&role)).then_some(role));
        });
        undeclared.map(|role| (node, role))
    };
    let (node, role) = (0..world.len() as u32).find_map(undeclared)?;
    Some(format!("n{node} calls itself {role:?}, which is not among the roles that are declared"))
}

/// A promise, by its name.
type Watched<M> = (&'static str, Box<dyn Promise<M>>);

/// The promises of a run, and what they have found so far.
struct Watch<'a, S: System> {
    scenario: &'a Scenario<S>,
    plan: &'a PlanOf<S>,
    /// Those that have held so far.
    promises: Vec<Watched<S::Node>>,
    /// Those that broke on the way, of a run that is recorded: their numbers are asked for all the same.
    broke: Vec<Watched<S::Node>>,
    /// How many notes they have been shown.
    noted: usize,
    report: &'a mut Report,
    /// By promise, where the run is recorded.
    measures: &'a mut Vec<(&'static str, Measure)>,
}

impl<'a, S: System> Watch<'a, S> {
    fn new(
        scenario: &'a Scenario<S>,
        plan: &'a PlanOf<S>,
        report: &'a mut Report,
        measures: &'a mut Vec<(&'static str, Measure)>,
    ) -> Self {
        let spec = |name: &&str| S::PROMISES.iter().find(|spec| spec.name == *name);
        let specs = scenario.promises.iter().filter_map(spec);
        let promises = specs.map(|spec| (spec.name, (spec.checker)(&plan.cluster))).collect();
        Watch { scenario, plan, promises, broke: Vec::new(), noted: 0, report, measures }
    }

    /// Two phases: safety under faults, then a quorum is healed and must make progress.
    fn carry_out(mut self, world: &mut World<S::Node>) {
        for step in &self.plan.steps {
            match step {
                Step::Join { at, node, zone } => world.join_at(*at, *node, *zone),
                Step::Fault { at, until, fault } => {
                    world.schedule(*at, *until, fault.clone());
                }
                Step::Operation { at, node, operation } => {
                    world.tell_at(*at, *node, S::perform(operation));
                }
            }
        }
        if !self.watch_until(world, self.plan.heal_at) {
            return;
        }
        let healed = (self.scenario.heals)(&self.plan.cluster, world);
        world.heal(&healed);
        self.observe(world);
        if !self.watch_until(world, self.plan.end) {
            return;
        }
        for (name, promise) in &mut self.promises {
            match promise.end(world) {
                Verdict::Held => {}
                Verdict::Broken(why) => broken(self.report, world, name, why),
                Verdict::Unknown(why) => self.report.unknown.push(format!("{name}: {why}")),
            }
        }
        if world.recorder.is_some() {
            for (name, promise) in self.promises.iter().chain(&self.broke) {
                self.measures.extend(promise.measures(world).into_iter().map(|it| (*name, it)));
            }
        }
    }

    /// False where the budget ran out before: what the end would have shown is unknown then.
    fn watch_until(&mut self, world: &mut World<S::Node>, time: Time) -> bool {
        while world.step_inline(time) {
            self.observe(world);
            if world.events() >= EVENT_BUDGET {
                let why = format!("the run was ended after {EVENT_BUDGET} events");
                self.report.unknown.push(why);
                return false;
            }
        }
        world.run_until(time);
        true
    }

    #[inline(always)]
    fn observe(&mut self, world: &mut World<S::Node>) {
        let since = std::mem::replace(&mut self.noted, world.history().len());
        let mut index = 0;
        while let Some((_, promise)) = self.promises.get_mut(index) {
            match promise.observe(world, world.history().of_event(since)) {
                Ok(()) => index += 1,
                Err(why) => self.drop_broken(index, world, why),
            }
        }
    }

    /// A promise that broke is not asked again.
    #[cold]
    fn drop_broken(&mut self, index: usize, world: &mut World<S::Node>, why: Breach) {
        let (name, promise) = self.promises.remove(index);
        broken(self.report, world, name, why);
        if world.recorder.is_some() {
            self.broke.push((name, promise));
        }
    }
}

#[cold]
fn broken<M: Machine>(report: &mut Report, world: &mut World<M>, name: &str, breach: Breach) {
    let Breach { why, evidence } = breach;
    let (at, events) = (world.now(), world.events());
    world.record(|| Moment::Broken { promise: name.to_string(), why: why.clone() });
    report.violations.push(Violation { promise: name.to_string(), at, events, why, evidence });
}

thread_local! {
    static QUIET: Cell<bool> = const { Cell::new(false) };
    /// The file, line and column of the last panic inside.
    static PANICKED_AT: Cell<Option<String>> = const { Cell::new(None) };
}

/// A panic inside is a verdict, so its message is kept off the terminal.
fn quietly<T>(work: impl FnOnce() -> T) -> T {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let loud = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| match QUIET.get() {
            true => PANICKED_AT.set(info.location().map(ToString::to_string)),
            false => loud(info),
        }));
    });
    QUIET.set(true);
    let result = work();
    QUIET.set(false);
    result
}
