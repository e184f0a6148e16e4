//! What a system promises, as code that watches a world.

use machine::Machine;

use crate::history::Entry;
use crate::world::{Note, World};

/// The result of a check. Unknown is never counted as held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The promise held.
    Held,
    /// It was broken; a sentence that says how.
    Broken(String),
    /// The checker could not tell, and says why.
    Unknown(String),
}

/// Watches one promise through one run. It sees the world and the history, and is never told
/// which mechanisms are on.
pub trait Promise<M: Machine> {
    /// Looks at a note when it is made.
    ///
    /// # Errors
    /// A sentence that says how the promise was broken.
    fn note(&mut self, world: &World<M>, entry: &Entry<Note<M>>) -> Result<(), String> {
        let _ = (world, entry);
        Ok(())
    }

    /// Looks at the world after every event.
    ///
    /// # Errors
    /// A sentence that says how the promise was broken.
    fn step(&mut self, world: &World<M>) -> Result<(), String> {
        let _ = world;
        Ok(())
    }

    /// Is shown what an event changed: its notes, in order, and then the world.
    ///
    /// # Errors
    /// As [`Promise::note`] and [`Promise::step`].
    fn observe(&mut self, world: &World<M>, notes: &[Entry<Note<M>>]) -> Result<(), String> {
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
}
