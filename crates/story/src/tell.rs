//! A run that broke a promise becomes a story: it is run again with everything on.

use std::collections::BTreeMap;

use machine::MechanismInfo;
use sim::{Refused, Registered, RunRecord, SavedRun, Violation};

use crate::rows::{choose, lay_out, told};
use crate::words::{sentences, title};
use crate::{Compared, Part, Parting, Reason, Row, Side, Step, Story};

/// So many turning points are numbered.
const STEPS: usize = 9;

/// The promise that a story of this run is about: the one that the mechanism is there for, if it broke, and
/// otherwise the first that did.
pub fn promise_of(system: &dyn Registered, ran: &RunRecord) -> Option<String> {
    let violations = &ran.report.violations;
    let known = system.witnesses().iter().filter(|witness| {
        ran.saved.without == [witness.mechanism] && ran.saved.scenario == witness.scenario
    });
    let mut known = known.map(|witness| witness.promise);
    let of_witness = known.find(|promise| ran.report.violation_of(promise).is_some());
    let first = || Some(violations.first()?.promise.clone());
    of_witness.map(str::to_owned).or_else(first)
}

/// The story of a run that broke a promise, in so many rows at most; none where nothing broke.
///
/// # Errors
/// If the run cannot be repeated.
pub fn tell(
    system: &dyn Registered,
    ran: &RunRecord,
    rows: usize,
) -> Result<Option<Story>, Refused> {
    let promise = promise_of(system, ran);
    let violation = promise.and_then(|promise| ran.report.violation_of(&promise));
    let Some(violation) = violation else { return Ok(None) };
    let saved = &ran.saved;
    let with = match saved.without.is_empty() {
        true => None,
        false => Some(system.replay(&SavedRun { without: Vec::new(), ..saved.clone() })?),
    };
    Ok(Some(compose(system, ran, with.as_ref(), violation, rows)))
}

fn compose(
    system: &dyn Registered,
    ran: &RunRecord,
    with: Option<&RunRecord>,
    violation: &Violation,
    most: usize,
) -> Story {
    let is_left_out = |it: &&MechanismInfo| ran.saved.without.iter().any(|name| name == it.name);
    let left_out: Vec<MechanismInfo> =
        system.mechanisms().iter().filter(is_left_out).copied().collect();
    let chosen = choose(ran, with, violation, most);
    let mut rows = lay_out(ran, &chosen);
    let parting = chosen.parting.map(|(a, b)| Parting {
        a: told(ran, a, Reason::Parting),
        b: b.zip(with).map(|(b, with)| told(with, b, Reason::Different)),
    });
    let steps = steps(&mut rows, &parting);
    let nodes = parts(ran, &rows, &parting);
    let saved = &ran.saved;
    let without: String = saved.without.iter().map(|name| format!(" without {name}")).collect();
    let promise = system.promises().into_iter().map(|promise| promise.name);
    let promise = promise.chain([sim::NO_PANIC]).find(|name| *name == violation.promise);
    Story {
        title: title(&left_out, violation),
        run: format!(
            "{} {}{without}, world seed {}",
            saved.system, saved.scenario, saved.world_seed
        ),
        promise: promise.unwrap_or_default(),
        sentences: sentences(system, ran, &left_out, violation, &chosen),
        remarks: remarks(system, ran, with, violation),
        steps,
        rows,
        parting,
        table: table(ran, with, violation),
        idle: ran.nodes.len().saturating_sub(nodes.len()),
        nodes,
        without: side(ran),
        with: with.map(side),
    }
}

fn side(ran: &RunRecord) -> Side {
    let broken = ran.report.violations.iter();
    Side {
        without: ran.saved.without.clone(),
        trace_hash: ran.saved.trace_hash.clone(),
        moments: ran.moments.len(),
        broken: broken.map(|violation| violation.promise.clone()).collect(),
    }
}

/// Numbers the turning points: the break, the parting and what the verdict names come first, then faults.
fn steps(rows: &mut [Row], parting: &Option<Parting>) -> Vec<Step> {
    let mut order: Vec<(Reason, usize)> = Vec::new();
    for (place, row) in rows.iter().enumerate() {
        if let Row::Told(told) = row
            && told.why <= Reason::Fault
        {
            order.push((told.why, place));
        }
    }
    order.sort();
    let mut places: Vec<usize> = order.into_iter().take(STEPS).map(|(_, place)| place).collect();
    places.sort_unstable();
    let mut steps = Vec::new();
    for place in places {
        let Row::Told(told) = &mut rows[place] else { continue };
        let parts = parting.as_ref().filter(|parting| parting.a.event == told.event);
        steps.push(Step {
            event: told.event,
            node: (told.nodes.len() == 1).then(|| told.nodes[0]),
            title: told.text.clone(),
            why: told.why,
            instead: parts.and_then(|parting| Some(parting.b.as_ref()?.text.clone())),
        });
        told.step = Some(steps.len());
    }
    steps
}

/// Who is named by a row, in order of number.
fn parts(ran: &RunRecord, rows: &[Row], parting: &Option<Parting>) -> Vec<Part> {
    let mut counts: BTreeMap<u32, usize> = BTreeMap::new();
    let shown = rows.iter().filter_map(|row| match row {
        Row::Told(told) => Some(told),
        Row::Folded(_) => None,
    });
    let other = parting.iter().filter_map(|parting| parting.b.as_ref());
    for told in shown.chain(other) {
        // Everybody may be cut off from everybody: that makes nobody a part of the story.
        let few = if told.nodes.len() <= 4 { &told.nodes[..] } else { &[] };
        for node in few.iter().chain(&told.from) {
            *counts.entry(*node).or_default() += 1;
        }
    }
    let part = |(id, rows): (u32, usize)| {
        let whole = ran.nodes.get(id as usize).cloned().unwrap_or_default();
        let name = whole.split_once(' ').map_or(whole.as_str(), |(_, name)| name).to_owned();
        Part { id, name, rows }
    };
    counts.into_iter().map(part).collect()
}

/// What else is to be known.
fn remarks(
    system: &dyn Registered,
    ran: &RunRecord,
    with: Option<&RunRecord>,
    violation: &Violation,
) -> Vec<String> {
    let mut remarks = Vec::new();
    let others = ran.report.violations.iter().filter(|other| other.promise != violation.promise);
    let others: Vec<_> = others.map(|other| other.promise.as_str()).collect();
    if !others.is_empty() {
        remarks.push(format!("Broken as well: {}.", others.join(", ")));
    }
    let kept = system.witnesses().iter().find(|it| ran.saved.without == [it.mechanism]);
    if let Some(kept) = kept.filter(|kept| kept.promise != violation.promise) {
        let (mechanism, promise) = (kept.mechanism, kept.promise);
        remarks.push(format!("{mechanism} is there for {promise}, which holds in this run."));
    }
    if let Some(with) = with.filter(|with| !with.report.is_clean()) {
        let broken: Vec<_> = with.report.violations.iter().map(|it| it.promise.as_str()).collect();
        let also = if broken.is_empty() { "nobody can tell".into() } else { broken.join(", ") };
        remarks.push(format!("With everything on this run is not clean either: {also}."));
    }
    remarks
}

/// The numbers that this promise judges, side by side.
fn table(ran: &RunRecord, with: Option<&RunRecord>, violation: &Violation) -> Vec<Compared> {
    let of = |ran: &RunRecord| -> Vec<sim::Measure> {
        let judged = ran.measures.iter().filter(|(promise, _)| *promise == violation.promise);
        judged.map(|(_, measure)| measure.clone()).collect()
    };
    let others = with.map(of).unwrap_or_default();
    let compare = |measure: sim::Measure| {
        let other = others.iter().find(|other| other.label == measure.label);
        Compared {
            without: measure.value,
            with: other.map(|other| other.value),
            courses: [measure.course, other.map(|other| other.course.clone()).unwrap_or_default()],
            until: measure.until.0,
            label: measure.label,
        }
    };
    of(ran).into_iter().map(compare).collect()
}
