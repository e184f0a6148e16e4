//! Two runs side by side: what happened in one and not in the other.

use std::collections::{BTreeMap, BTreeSet};

use machine::{DiskError, NodeId, Time};
use sim::{Moment, RunRecord};

/// Where, and what: two moments are the same if these are.
type Key = (Vec<NodeId>, String);

fn key(moment: &Moment) -> Key {
    (moment.nodes().to_vec(), moment.to_string())
}

/// Is it worth a row at all? A timer or a disk that does its work is not, nor a file that is not there yet.
pub(crate) fn is_worth_a_row(moment: &Moment) -> bool {
    !matches!(
        moment,
        Moment::Timer { .. } | Moment::Disk { failed: None | Some(DiskError::NotFound), .. }
    )
}

/// The numbers of the moments of one run that are not in the other: of several that are the same the first, and
/// nothing that says that nothing has changed.
pub(crate) fn only_in(run: &RunRecord, other: &[(Time, Moment)]) -> Vec<usize> {
    let known: BTreeSet<Key> = other.iter().map(|(_, moment)| key(moment)).collect();
    let mut seen = BTreeSet::new();
    let all = run.moments.iter().zip(&run.trails).enumerate();
    let only = all.filter(|(_, ((_, moment), trail))| {
        // A step of the plan is the same in both, and told of as one.
        let is_step = matches!(
            moment,
            Moment::FaultBegins { .. } | Moment::FaultEnds { .. } | Moment::Healed
        );
        let is_verdict = matches!(moment, Moment::Broken { .. });
        let counts = is_worth_a_row(moment) && !trail.routine && !is_step && !is_verdict;
        counts && {
            let key = key(moment);
            !known.contains(&key) && seen.insert(key)
        }
    });
    only.map(|(number, _)| number).collect()
}

/// What happened in `other` where `run`, as far as its story goes, parted from it: of what is only in `other` the
/// first at the same node, after the last thing there that both have in common; or the first after that anywhere.
pub(crate) fn instead(
    run: &RunRecord,
    parting: usize,
    end: usize,
    other: &RunRecord,
) -> Option<usize> {
    let (at, moment) = &run.moments[parting];
    let places = moment.nodes();
    let since = last_common(run, parting, other).unwrap_or(*at);
    let only = only_in(other, &run.moments[..end]);
    let after: Vec<usize> = only.into_iter().filter(|&b| other.moments[b].0 >= since).collect();
    let there = |&&b: &&usize| other.moments[b].1.nodes().iter().any(|node| places.contains(node));
    after.iter().find(there).or(after.first()).copied()
}

/// When the last thing before the parting at its node happened that happened in the other run as well.
fn last_common(run: &RunRecord, parting: usize, other: &RunRecord) -> Option<Time> {
    let places = run.moments[parting].1.nodes();
    let here = |moment: &Moment| moment.nodes().iter().any(|node| places.contains(node));
    let mut times: BTreeMap<Key, Vec<Time>> = BTreeMap::new();
    for (at, moment) in other.moments.iter().filter(|(_, moment)| here(moment)) {
        times.entry(key(moment)).or_default().push(*at);
    }
    let mut counts: BTreeMap<Key, usize> = BTreeMap::new();
    let mut common = None;
    for (_, moment) in run.moments[..parting].iter().filter(|(_, moment)| here(moment)) {
        let key = key(moment);
        let count = counts.entry(key.clone()).or_default();
        if let Some(at) = times.get(&key).and_then(|times| times.get(*count)) {
            common = common.max(Some(*at));
        }
        *count += 1;
    }
    common
}
