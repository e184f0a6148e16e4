//! The switches of the mechanisms.
//!
//! A mechanism that is off is left out: its work is not done a little later, and no fault is added
//! in its place. Machines are handed the switches when they are constructed; checkers never are.

/// A protective mechanism of a system, for the registry and for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MechanismInfo {
    /// In kebab-case, as the command line takes it.
    pub name: &'static str,
    /// What it does and what for, in one sentence.
    pub about: &'static str,
    /// What the story of a break without it is called; empty where nobody named it.
    pub title: &'static str,
    /// What happened without it, in one sentence, with places for what the verdict names: `{node}`, `{operation}`
    /// and `{value}`; empty where nobody worded it.
    pub without: &'static str,
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

/// Declares the protective mechanisms of a system, once: an enum, their names and what each is for. What the story of a
/// break without it is called, and what it says, may follow.
///
/// ```
/// machine::mechanisms! {
///     /// What protects the tally.
///     pub enum Mechanism {
///         Dedup = "dedup": "remembers the tokens it has counted"
///             => "Asked once, counted twice": "{node} counted a repetition as a request",
///     }
/// }
///
/// let switches = machine::Switches::ALL_ON;
/// assert!(Mechanism::Dedup.on(switches) && !Mechanism::Dedup.on(Mechanism::Dedup.off()));
/// assert_eq!(Mechanism::ALL[0].name, "dedup");
/// ```
#[macro_export]
macro_rules! mechanisms {
    ($(#[$doc:meta])* $vis:vis enum $name:ident {
        $($kind:ident = $text:literal : $about:literal $(=> $title:literal : $without:literal)?),+ $(,)?
    }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        $vis enum $name { $(#[doc = $about] $kind),+ }

        #[allow(dead_code, reason = "not every system asks all of this")]
        impl $name {
            /// All of them, in the order of their switches.
            $vis const ALL: &'static [$crate::MechanismInfo] =
                &[$($crate::MechanismInfo {
                    name: $text,
                    about: $about,
                    title: concat!($($title)?),
                    without: concat!($($without)?),
                }),+];

            /// Is it on?
            $vis fn on(self, switches: $crate::Switches) -> bool {
                switches.on(self as usize)
            }

            /// The switches with which only this one is off.
            $vis fn off(self) -> $crate::Switches {
                $crate::Switches::ALL_ON.without(self as usize)
            }
        }
    };
}
