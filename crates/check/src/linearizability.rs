//! Is a history linearizable (Herlihy and Wing 1990)?
//!
//! The law: `Linearizable` and `NotLinearizable` are proofs; where time or memory ran out the
//! verdict is `Unknown`. Keys are searched in turn, each for a slice of steps that grows from round
//! to round, so that one key whose search explodes cannot hide another whose refutation is cheap;
//! the first key that is refuted ends the work.

use std::collections::BTreeMap;

use crate::failure::Failure;
use crate::history::Operation;
use crate::model::Model;
use crate::search::{Progress, Search};

/// What a check may cost.
pub struct Budget<'a> {
    /// Configurations remembered over all keys, some 40 bytes each, beside the states.
    pub remembered: usize,
    /// Asked before each slice of at most some 100,000 steps: go on?
    pub go_on: &'a mut dyn FnMut() -> bool,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Every key has an order in which one thread could have seen all of its answers.
    Linearizable,
    /// One key has none.
    NotLinearizable(Failure),
    /// The budget ran out; why.
    Unknown(&'static str),
}

/// Steps of the first slice, and at most of any.
const SLICE: (u64, u64) = (1_000, 100_000);

/// Steps after which the longest order so far is the one that is told.
const TELLING: u64 = 100_000;

/// Checks a history, in any order, against a model.
pub fn linearizable<M: Model>(
    history: &[Operation<M::Input, M::Output>],
    budget: Budget<'_>,
) -> Verdict {
    linearizable_from::<M>(&M::initial(), history, budget)
}

/// The same of objects that were in another state at first, each of them in this one.
pub fn linearizable_from<M: Model>(
    initial: &M::State,
    history: &[Operation<M::Input, M::Output>],
    budget: Budget<'_>,
) -> Verdict {
    let mut keys: BTreeMap<M::Key, Vec<usize>> = BTreeMap::new();
    for (index, operation) in history.iter().enumerate() {
        keys.entry(M::key(&operation.input)).or_default().push(index);
    }
    let search = |indices: Vec<usize>| {
        let operations = indices.iter().map(|&index| &history[index]).collect();
        let search = Search::<M>::new(initial, operations);
        (indices, search)
    };
    let mut open: Vec<_> = keys.into_values().map(search).collect();
    let mut steps = SLICE.0;
    while !open.is_empty() {
        let mut undecided = Vec::new();
        let mut remembered = 0;
        for (indices, mut search) in open {
            if !(budget.go_on)() {
                return Verdict::Unknown("the time that the search may take ran out");
            }
            match search.run(steps) {
                Progress::Legal => continue,
                Progress::Illegal => return refute::<M>(initial, &indices, history),
                Progress::Unfinished => {}
            }
            remembered += search.remembered();
            undecided.push((indices, search));
            if remembered > budget.remembered {
                return Verdict::Unknown("the memory that the search may use ran out");
            }
        }
        open = undecided;
        steps = (steps * 2).min(SLICE.1);
    }
    Verdict::Linearizable
}

/// One key's operations have no order. The search that found this out turned back early; for people,
/// another goes on as far as answers allow.
fn refute<M: Model>(
    initial: &M::State,
    indices: &[usize],
    history: &[Operation<M::Input, M::Output>],
) -> Verdict {
    let operations = indices.iter().map(|&index| &history[index]).collect();
    let mut search = Search::<M>::without_foresight(initial, operations);
    search.run(TELLING);
    Verdict::NotLinearizable(Failure::of(indices, &search.deepest(), history))
}

impl std::fmt::Debug for Budget<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Budget").field("remembered", &self.remembered).finish_non_exhaustive()
    }
}
