//! What a run leaves behind: notes in the order in which they were made.

use std::collections::{BTreeMap, BTreeSet};

use machine::{NodeId, Time};

/// A note, and when and where it was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry<N> {
    /// The world's time. The clock of the node may have shown anything.
    pub at: Time,
    /// Who made it.
    pub node: NodeId,
    /// What they said.
    pub note: N,
}

/// What a note means to the lab, whatever the system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remark {
    /// A client began the operation of this number. Invoke and return bracket the operation.
    Invoked(u64),
    /// It ended well.
    Ok(u64),
    /// It ended, and certainly did nothing.
    Failed(u64),
    /// Something that a sweep must not be without.
    Sometimes(&'static str),
    /// Nothing that the lab counts.
    Plain,
}

/// How client operations ended. One without an answer stays open: it may have happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Operations {
    /// Answered well.
    pub ok: u64,
    /// Answered that nothing was done.
    pub failed: u64,
    /// Not answered.
    pub open: u64,
}

impl Operations {
    /// Adds another run's.
    pub fn add(&mut self, other: Operations) {
        self.ok += other.ok;
        self.failed += other.failed;
        self.open += other.open;
    }
}

/// Counts by name, in order of name.
pub type Counts = BTreeMap<&'static str, u64>;

/// Adds the counts of another run.
pub(crate) fn add(counts: &mut Counts, other: &Counts) {
    for (name, count) in other {
        *counts.entry(name).or_default() += count;
    }
}

/// Counts what the notes of a history mean.
pub(crate) fn tally<N>(
    history: &[Entry<N>],
    remark: impl Fn(&N) -> Remark,
) -> (Operations, Counts) {
    let mut operations = Operations::default();
    let mut sometimes: Vec<(&'static str, u64)> = Vec::new();
    let mut open = BTreeSet::new();
    for entry in history {
        match remark(&entry.note) {
            Remark::Invoked(operation) => drop(open.insert(operation)),
            Remark::Ok(operation) => operations.ok += u64::from(open.remove(&operation)),
            Remark::Failed(operation) => operations.failed += u64::from(open.remove(&operation)),
            // By its place in memory, which is quick to compare; a name may be in several.
            Remark::Sometimes(name) => {
                match sometimes.iter_mut().find(|(known, _)| std::ptr::eq::<str>(*known, name)) {
                    Some((_, count)) => *count += 1,
                    None => sometimes.push((name, 1)),
                }
            }
            Remark::Plain => {}
        }
    }
    operations.open = open.len() as u64;
    let mut counts = Counts::new();
    for (name, count) in sometimes {
        *counts.entry(name).or_default() += count;
    }
    (operations, counts)
}
