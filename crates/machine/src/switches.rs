//! The switches of the mechanisms.
//!
//! A mechanism that is off is left out: its work is not done a little later, and no fault is added
//! in its place. Machines are handed the switches when they are constructed; checkers never are.

/// A protective mechanism of a system, for the registry and for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mechanism {
    /// In kebab-case, as the command line takes it.
    pub name: &'static str,
    /// What it does and what for, in one sentence.
    pub about: &'static str,
}

/// Which mechanisms of a system are on, by their index in its list. All are on by default.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Switches {
    off: u64,
}

impl Switches {
    /// All on.
    pub const ALL_ON: Switches = Switches { off: 0 };

    /// With one more mechanism off.
    ///
    /// # Panics
    /// If `index` is above 63: a system with more mechanisms than that is two systems.
    #[must_use]
    pub fn without(self, index: usize) -> Switches {
        assert!(index < 64, "a system has at most 64 mechanisms");
        Switches { off: self.off | 1 << index }
    }

    /// With one mechanism on again.
    #[must_use]
    pub fn with(self, index: usize) -> Switches {
        Switches { off: self.off & !(1 << index) }
    }

    /// Is this mechanism on?
    pub fn on(self, index: usize) -> bool {
        self.off & 1 << index == 0
    }
}
