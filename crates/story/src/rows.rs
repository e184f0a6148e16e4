//! Which rows are told, and why.

use std::collections::{BTreeMap, BTreeSet};

use sim::{Evidence, Moment, NoteKind, OUTSIDE, RunRecord, Violation};

use crate::aligned::{instead, is_worth_a_row, only_in};
use crate::folded::{folded, is_gap};
use crate::{Mark, Reason, Row, Told};

/// How far back causes are told, of each row.
const CAUSES: usize = 3;

/// What was chosen of a run.
pub(crate) struct Chosen {
    /// By the moment's number, in order.
    pub(crate) rows: BTreeMap<usize, Reason>,
    /// The moment at which the run parts from the other one, and what happened there in that.
    pub(crate) parting: Option<(usize, Option<usize>)>,
    /// What the verdict names, the most telling first.
    pub(crate) evidence: Vec<usize>,
}

/// Chooses so many rows at most, counts of what lies between them included.
pub(crate) fn choose(
    run: &RunRecord,
    other: Option<&RunRecord>,
    violation: &Violation,
    most: usize,
) -> Chosen {
    let end = breaks_at(run, violation);
    let evidence = evidence(run, violation, end);
    let only = other.map_or_else(Vec::new, |other| only_in(run, &other.moments));
    let only: Vec<usize> = only.into_iter().filter(|&number| number < end).collect();
    let begins = evidence.iter().min().copied().unwrap_or(end);
    let parting = only.iter().find(|&&number| number >= begins).or(only.last()).copied();
    let parting = other.map(|_| parting.unwrap_or(end));

    let mut table = Table { run, most, rows: BTreeMap::new() };
    table.add(end, Reason::Break);
    if let Some(parting) = parting.filter(|&parting| parting != end) {
        table.add(parting, Reason::Parting);
    }
    evidence.iter().for_each(|&number| table.add(number, Reason::Evidence));
    // What happens after the last thing that the verdict names led to nothing that it names.
    let last = evidence.iter().chain(parting.as_ref()).max().copied().unwrap_or(end);
    let last = if evidence.is_empty() { end } else { last };
    // What was done comes before what it did.
    let begins = |number: &usize| matches!(run.moments[*number].1, Moment::FaultBegins { .. });
    let (begun, rest): (Vec<usize>, Vec<usize>) = faults(run, end).into_iter().partition(begins);
    nearest(begun, last).for_each(|number| table.add(number, Reason::Fault));
    nearest(rest, last).for_each(|number| table.add(number, Reason::Fault));
    let told: Vec<usize> = table.rows.keys().copied().collect();
    let leads_to_it: BTreeSet<usize> = causes(run, &told, usize::MAX).collect();
    let (led, beside): (Vec<usize>, Vec<usize>) =
        only.into_iter().filter(|&number| number <= last).partition(|it| leads_to_it.contains(it));
    led.into_iter().for_each(|number| table.add(number, Reason::Different));
    requests(run, violation, end).for_each(|number| table.add(number, Reason::Cause));
    nearest(operations(run, end, &leads_to_it), last)
        .for_each(|number| table.add(number, Reason::Operation));
    nearest(beside, last).for_each(|number| table.add(number, Reason::Different));
    let told: Vec<usize> = table.rows.keys().copied().collect();
    causes(run, &told, CAUSES).for_each(|number| table.add(number, Reason::Cause));

    let parting = parting.map(|a| (a, other.and_then(|other| instead(run, a, end, other))));
    Chosen { rows: table.rows, parting, evidence }
}

/// The moment at which the promise was found broken; the last one where nobody recorded it.
fn breaks_at(run: &RunRecord, violation: &Violation) -> usize {
    let breaks = |(_, moment): &(machine::Time, Moment)| matches!(moment, Moment::Broken { promise, .. } if *promise == violation.promise);
    let found = run.moments.iter().position(breaks);
    found.unwrap_or(run.moments.len().saturating_sub(1))
}

/// What the verdict names, the most telling first; and what its own event did, if that was judged at once.
fn evidence(run: &RunRecord, violation: &Violation, end: usize) -> Vec<usize> {
    let mut found = Vec::new();
    let mut add = |number: usize| {
        if number < end && !found.contains(&number) {
            found.push(number);
        }
    };
    for evidence in &violation.evidence {
        let named = (0..end).filter(|&number| names(run, evidence, number));
        let (shown, quiet): (Vec<usize>, Vec<usize>) =
            named.partition(|&number| is_worth_a_row(&run.moments[number].1));
        // What a timer or a disk led to is told by that, where nothing else happened.
        let quiet = quiet.last().copied().filter(|_| shown.is_empty());
        shown.into_iter().chain(quiet).for_each(&mut add);
    }
    // What is judged at the end of a run is judged by no event.
    if let Some(((at, _), trail)) = run.moments.get(end).zip(run.trails.get(end)) {
        let of_event = |&number: &usize| run.trails[number].event == trail.event;
        let of_event = (0..end).rev().take_while(of_event);
        let shown = |number: &usize| {
            run.moments[*number].0 == *at && is_worth_a_row(&run.moments[*number].1)
        };
        let shown: Vec<usize> = of_event.filter(shown).collect();
        shown.into_iter().rev().for_each(add);
    }
    found
}

/// Does this moment show what the verdict names?
fn names(run: &RunRecord, evidence: &Evidence, number: usize) -> bool {
    let ((at, moment), trail) = (&run.moments[number], &run.trails[number]);
    match evidence {
        Evidence::Operation(operation) => {
            use NoteKind::{Failed, GivenUp, Invoked, Ok};
            matches!(trail.note, Some(Invoked(it) | Ok(it) | Failed(it) | GivenUp(it)) if it == *operation)
        }
        Evidence::Moment { at: then, node } => at == then && moment.nodes().contains(node),
        Evidence::Value(_) => false,
    }
}

/// Faults, what they do to nodes, and nodes that start and stop.
fn faults(run: &RunRecord, end: usize) -> Vec<usize> {
    use Moment::*;
    let is_fault = |moment: &Moment| match moment {
        FaultBegins { .. } | FaultEnds { .. } | Healed => true,
        // They start as the run begins.
        Started { .. } | Crashed { .. } | Halted { .. } | Resumed { .. } => true,
        ToldToStop { .. } | Stopped { .. } | Overdue { .. } => true,
        Delivered { .. } | Lost { .. } | Reset { .. } | Timer { .. } => false,
        Disk { .. } | Note { .. } | Broken { .. } => false,
    };
    (0..end).filter(|&number| is_fault(&run.moments[number].1)).collect()
}

/// What clients were given to do: those first that led to what is told.
fn operations(run: &RunRecord, end: usize, leads: &BTreeSet<usize>) -> Vec<usize> {
    let given =
        |number: &usize| matches!(run.moments[*number].1, Moment::Delivered { from: OUTSIDE, .. });
    let all: Vec<usize> = (0..end).filter(given).collect();
    let (mut leading, rest): (Vec<usize>, Vec<usize>) =
        all.into_iter().partition(|number| leads.contains(number));
    leading.extend(rest);
    leading
}

/// So many messages of an operation are told before anything that only differs.
const REQUESTS: usize = 4;

/// The messages that say what the operations say that the verdict names: one may have been sent again.
fn requests(run: &RunRecord, violation: &Violation, end: usize) -> impl Iterator<Item = usize> {
    let mut found = Vec::new();
    for evidence in &violation.evidence {
        let Some((begun, asked)) = asked(run, evidence) else { continue };
        let says_it = |number: &usize| {
            let (_, moment) = &run.moments[*number];
            let from_a_node = matches!(moment, Moment::Delivered { from, .. } if *from != OUTSIDE);
            from_a_node && moment.to_string().contains(asked)
        };
        found.extend((begun..end).filter(says_it).take(REQUESTS));
    }
    found.into_iter()
}

/// The note with which an operation began, and what it says that was asked, if it says so.
pub(crate) fn asked<'a>(run: &'a RunRecord, evidence: &Evidence) -> Option<(usize, &'a str)> {
    let Evidence::Operation(number) = evidence else { return None };
    let begins =
        |note: &Option<NoteKind>| matches!(note, Some(NoteKind::Invoked(it)) if it == number);
    let begun = run.trails.iter().position(|trail| begins(&trail.note))?;
    let Moment::Note { text, .. } = &run.moments[begun].1 else { return None };
    // After the number of the operation.
    Some((begun, text.split_once(": ")?.1))
}

/// Those nearest to this moment first.
fn nearest(mut numbers: Vec<usize>, to: usize) -> impl Iterator<Item = usize> {
    numbers.sort_by_key(|number| number.abs_diff(to));
    numbers.into_iter()
}

/// What led to these, at most so many steps back of each; what is worth no row is passed over.
fn causes(run: &RunRecord, of: &[usize], most: usize) -> impl Iterator<Item = usize> {
    let mut found = Vec::new();
    for &number in of {
        let (mut cause, mut steps) = (run.trails[number].cause, 0);
        while let Some(number) = cause.filter(|_| steps < most) {
            if is_worth_a_row(&run.moments[number].1) {
                steps += 1;
                found.push(number);
            }
            cause = run.trails[number].cause.filter(|&before| before < number);
        }
    }
    found.into_iter()
}

/// Rows, as long as there is room.
struct Table<'a> {
    run: &'a RunRecord,
    most: usize,
    rows: BTreeMap<usize, Reason>,
}

impl Table<'_> {
    /// Adds a row if it fits; of two reasons the more telling one stays.
    fn add(&mut self, number: usize, why: Reason) {
        if let Some(known) = self.rows.get_mut(&number) {
            *known = why.min(*known);
            return;
        }
        self.rows.insert(number, why);
        if self.height() > self.most {
            self.rows.remove(&number);
        }
    }

    /// With a row for each gap.
    fn height(&self) -> usize {
        let mut before = 0;
        let gaps = self.rows.keys().filter(|&&number| {
            let gap = is_gap(self.run, before, number);
            before = number + 1;
            gap
        });
        gaps.count() + self.rows.len()
    }
}

/// The rows as they are shown.
pub(crate) fn lay_out(run: &RunRecord, chosen: &Chosen) -> Vec<Row> {
    let (mut laid, mut before) = (Vec::new(), 0);
    for (&number, &why) in &chosen.rows {
        if is_gap(run, before, number) {
            laid.push(Row::Folded(folded(run, before, number)));
        }
        laid.push(Row::Told(told(run, number, why)));
        before = number + 1;
    }
    laid
}

/// A moment as a row.
pub(crate) fn told(run: &RunRecord, number: usize, why: Reason) -> Told {
    let (at, moment) = &run.moments[number];
    let trail = &run.trails[number];
    let from = match moment {
        Moment::Delivered { from, .. } | Moment::Lost { from, .. } if *from != OUTSIDE => {
            Some(from.0)
        }
        _ => None,
    };
    Told {
        event: number,
        at: at.0,
        mark: mark(moment),
        from,
        nodes: moment.nodes().iter().map(|node| node.0).collect(),
        text: moment.to_string(),
        sent: trail.sent.map(|sent| sent.0),
        held: trail.held_ns,
        why,
        step: None,
    }
}

pub(crate) fn mark(moment: &Moment) -> Mark {
    use Moment::*;
    match moment {
        Delivered { from: OUTSIDE, .. } => Mark::Given,
        Delivered { .. } => Mark::Arrow,
        Lost { .. } => Mark::Lost,
        Note { .. } => Mark::Note,
        Started { .. } | Resumed { .. } => Mark::Up,
        Crashed { .. } | Halted { .. } => Mark::Down,
        ToldToStop { .. } | Stopped { .. } | Overdue { .. } => Mark::Stop,
        FaultBegins { .. } | FaultEnds { .. } => Mark::Fault,
        Reset { .. } => Mark::Reset,
        Timer { .. } | Disk { .. } => Mark::Inside,
        Healed => Mark::World,
        Broken { .. } => Mark::Break,
    }
}
