//! A history: operations that began and, mostly, ended.

use std::collections::BTreeMap;
use std::fmt;

/// One operation of one client.
///
/// The law: it took effect at one moment between the two positions, or, where it has no answer, at
/// some moment after the first, or never. Positions are positions in one total order of beginnings and
/// ends (line numbers, or times that never coincide).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation<I, O> {
    /// Who asked.
    pub process: u64,
    /// What was asked.
    pub input: I,
    /// When.
    pub invoked: u64,
    /// When it was answered, and what.
    pub returned: Option<(u64, O)>,
}

/// What was asked, and what was answered.
impl<I: fmt::Display, O: fmt::Display> fmt::Display for Operation<I, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.returned {
            Some((_, output)) => write!(f, "{} -> {output}", self.input),
            None => write!(f, "{} -> no answer", self.input),
        }
    }
}

impl<I, O> Operation<I, O> {
    /// What was answered.
    pub fn output(&self) -> Option<&O> {
        self.returned.as_ref().map(|(_, output)| output)
    }

    /// Could the two have been under way at one moment?
    pub fn overlaps(&self, other: &Self) -> bool {
        let ends = |operation: &Self| operation.returned.as_ref().map_or(u64::MAX, |(at, _)| *at);
        self.invoked < ends(other) && other.invoked < ends(self)
    }
}

/// What a client notes of an operation: that it began, or how it ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Event<I, O> {
    /// This is asked.
    Invoked(I),
    /// This was answered.
    Ok(O),
    /// It certainly did nothing.
    Failed,
    /// Nobody knows whether it was done, or will be.
    Unknown,
}

/// An event, when it was noted and by whom.
///
/// The law: a process does one thing at a time. What it has not ended when it begins the next, it
/// never will: a client that crashed goes on like that. A client that asks several things at once
/// is several processes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Noted<I, O> {
    pub nanos: u64,
    pub process: u64,
    pub event: Event<I, O>,
}

/// The operations of events in the order in which they were noted, in the order of their beginnings;
/// positions are positions in the list. What certainly did nothing is not among them.
pub fn operations<I: Clone, O: Clone>(events: &[Noted<I, O>]) -> Vec<Operation<I, O>> {
    let operation = |(begin, input, end): (usize, &I, Option<usize>)| {
        let returned = match end.map(|end| (end as u64, &events[end].event)) {
            Some((_, Event::Failed)) => return None,
            Some((at, Event::Ok(output))) => Some((at, output.clone())),
            _ => None,
        };
        let process = events[begin].process;
        Some(Operation { process, input: input.clone(), invoked: begin as u64, returned })
    };
    pairs(events).into_iter().filter_map(operation).collect()
}

/// Where each operation begins, what it asks, and where it ends. An end of nothing is passed over.
pub(crate) fn pairs<I, O>(events: &[Noted<I, O>]) -> Vec<(usize, &I, Option<usize>)> {
    let mut pairs = Vec::new();
    let mut begun = BTreeMap::new();
    for (index, noted) in events.iter().enumerate() {
        match &noted.event {
            Event::Invoked(input) => {
                begun.insert(noted.process, pairs.len());
                pairs.push((index, input, None));
            }
            Event::Ok(_) | Event::Failed | Event::Unknown => {
                if let Some(pair) = begun.remove(&noted.process) {
                    pairs[pair].2 = Some(index);
                }
            }
        }
    }
    pairs
}
