//! Why a run is not begun: what was asked for, or what the system declares, makes no sense.

use std::fmt;

/// Why a run was not begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The system has no scenario of this name.
    UnknownScenario(String, Vec<&'static str>),
    /// The system has no mechanism of this name.
    UnknownMechanism(String, Vec<&'static str>),
    /// The system names something that it does not declare: a promise, a mechanism or a role.
    Undeclared(String),
    /// The plan of a saved run makes no sense.
    BadPlan(String),
    /// There is nothing to shrink: the promise holds.
    Holds(String),
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refused::UnknownScenario(name, known) => {
                write!(f, "there is no scenario {name:?}; there are {}", known.join(", "))
            }
            Refused::UnknownMechanism(name, known) => {
                write!(f, "there is no mechanism {name:?}; there are {}", known.join(", "))
            }
            Refused::Undeclared(why) => f.write_str(why),
            Refused::BadPlan(why) => write!(f, "the plan makes no sense: {why}"),
            Refused::Holds(promise) => {
                write!(f, "{promise} holds at this seed, so there is nothing to shrink")
            }
        }
    }
}

impl std::error::Error for Refused {}
