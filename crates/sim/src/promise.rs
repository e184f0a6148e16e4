//! What a system promises, as code that watches a world.

use std::fmt;
use std::ops::Deref;

use machine::{Machine, NodeId, Time};
use serde::Serialize;

use crate::history::Entry;
use crate::world::{Note, World};

/// The result of a check. Unknown is never counted as held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The promise held.
    Held,
    /// It was broken, and how.
    Broken(Breach),
    /// The checker could not tell, and says why.
    Unknown(String),
}

impl Verdict {
    /// It was broken, as this sentence says.
    pub fn broken(why: impl Into<Breach>) -> Verdict {
        Verdict::Broken(why.into())
    }
}

/// How a promise was broken: a sentence, and what it rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breach {
    /// One sentence.
    pub why: String,
    /// What of the run it names, the most telling first. What the event of the verdict changed need not be named.
    pub evidence: Vec<Evidence>,
}

/// Something of a run that a verdict rests on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Evidence {
    /// What a client asked for and was told: the operation of this number, as [`crate::NoteKind`] counts them.
    Operation(u64),
    /// What a node did at a moment.
    Moment {
        /// The world's time.
        at: Time,
        /// Which node.
        node: NodeId,
    },
    /// What is judged, in the words of the verdict: a key, an id, an index, a term or a node.
    Value(String),
}

impl Breach {
    /// Adds what the sentence rests on.
    #[must_use]
    pub fn on(mut self, evidence: Evidence) -> Breach {
        self.evidence.push(evidence);
        self
    }

    /// Adds what a node did at a moment.
    #[must_use]
    pub fn on_moment(self, at: Time, node: NodeId) -> Breach {
        self.on(Evidence::Moment { at, node })
    }

    /// Adds the operation of this number.
    #[must_use]
    pub fn on_operation(self, operation: u64) -> Breach {
        self.on(Evidence::Operation(operation))
    }
}

/// A sentence that rests on what the event of the verdict changed.
impl<S: Into<String>> From<S> for Breach {
    fn from(why: S) -> Breach {
        Breach { why: why.into(), evidence: Vec::new() }
    }
}

/// The same sentence.
impl PartialEq<&str> for Breach {
    fn eq(&self, other: &&str) -> bool {
        self.why == *other
    }
}

/// Its sentence.
impl Deref for Breach {
    type Target = str;

    fn deref(&self) -> &str {
        &self.why
    }
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

/// A number that a promise judges, told whether it held or not: of two runs these are laid side by side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Measure {
    /// What it is, with its unit and the bound that it must keep.
    pub label: String,
    /// What it came to.
    pub value: u64,
    /// The same over time, in equal parts of the run; empty where it has no course.
    pub course: Vec<u64>,
    /// When the last of these parts ends.
    pub until: Time,
}

/// A course that is put together from changes has so many parts.
const PARTS: u128 = 40;

impl Measure {
    /// A number that began at nothing and changed so, in order, in a run that lasted until `end`.
    pub fn over(label: impl Into<String>, changes: &[(Time, u64)], end: Time) -> Measure {
        let at = |time: Time| {
            let known = changes.partition_point(|(changed, _)| *changed <= time);
            changes[..known].last().map_or(0, |(_, value)| *value)
        };
        let part = |number| at(Time((u128::from(end.0) * number / PARTS) as u64));
        Measure {
            label: label.into(),
            value: at(end),
            course: (1..=PARTS).map(part).collect(),
            until: end,
        }
    }
}

/// Watches one promise through one run. It sees the world and the history, and is never told
/// which mechanisms are on.
pub trait Promise<M: Machine> {
    /// Looks at a note when it is made.
    ///
    /// # Errors
    /// How the promise was broken.
    fn note(&mut self, world: &World<M>, entry: &Entry<Note<M>>) -> Result<(), Breach> {
        let _ = (world, entry);
        Ok(())
    }

    /// Looks at the world after every event.
    ///
    /// # Errors
    /// How the promise was broken.
    fn step(&mut self, world: &World<M>) -> Result<(), Breach> {
        let _ = world;
        Ok(())
    }

    /// Is shown what an event changed: its notes, in order, and then the world.
    ///
    /// # Errors
    /// As [`Promise::note`] and [`Promise::step`].
    fn observe(&mut self, world: &World<M>, notes: &[Entry<Note<M>>]) -> Result<(), Breach> {
        for entry in notes {
            self.note(world, entry)?;
        }
        self.step(world)
    }

    /// Judges the whole run.
    fn end(&mut self, world: &World<M>) -> Verdict {
        let _ = world;
        Verdict::Held
    }

    /// The numbers that it judged, where it is about sums, the most telling first. It is asked after the end, of runs
    /// that are recorded, whether it held or not.
    fn measures(&self, world: &World<M>) -> Vec<Measure> {
        let _ = world;
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_over_time_is_what_it_was_at_the_end_of_each_part() {
        let changes = [(Time(1), 2), (Time(100), 5), (Time(101), 4), (Time(400), 9)];
        let Measure { value, course, until, .. } = Measure::over("keys", &changes, Time(400));
        assert_eq!((value, course.len(), until), (9, 40, Time(400)));
        assert_eq!((course[0], course[8], course[9], course[10]), (2, 2, 5, 4));
        assert_eq!((course[38], course[39]), (4, 9));
        assert_eq!(Measure::over("keys", &[], Time(0)).course, [0; 40]);
    }
}
