//! A history: operations that began and, mostly, ended.

use std::fmt;

/// One operation of one client.
///
/// The law: it took effect at one moment between the two positions, or, where it has no answer, at
/// some moment after the first, or never. Positions are places in one total order of beginnings and
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
