//! A mutex, which starts free. Who releases it is not looked at, as in Jepsen's.

use std::fmt;

use crate::model::Model;
use crate::recorded::Recorded;
use crate::recording::{Recording, asks_nothing, repeats, unknown};

/// The model. Its state says whether it is held.
#[derive(Clone, Copy, Debug)]
pub struct Mutex;

/// What is asked of a mutex.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names say it")]
pub enum MutexInput {
    Acquire,
    Release,
}

/// What it answers: that it was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Granted;

impl fmt::Display for MutexInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            MutexInput::Acquire => "acquire",
            MutexInput::Release => "release",
        })
    }
}

impl fmt::Display for Granted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("done")
    }
}

impl Model for Mutex {
    type State = bool;
    type Input = MutexInput;
    type Output = Granted;
    type Key = ();

    fn initial() -> bool {
        false
    }

    fn key(_: &MutexInput) {}

    fn step(&held: &bool, input: &MutexInput, _: Option<&Granted>) -> Option<bool> {
        (held == (*input == MutexInput::Release)).then_some(!held)
    }

    fn finds(input: &MutexInput, _: Option<&Granted>) -> Option<bool> {
        Some(*input == MutexInput::Release)
    }

    fn leads_to(from: &bool, to: &bool) -> bool {
        from == to
    }

    fn may_refuse(_: &bool, _: &MutexInput, _: Option<&Granted>) -> bool {
        false
    }
}

impl Recording for Mutex {
    fn input(begin: &Recorded) -> Result<MutexInput, String> {
        let input = match begin.f.as_str() {
            "acquire" => MutexInput::Acquire,
            "release" => MutexInput::Release,
            _ => return Err(unknown("a mutex", "acquire and release", begin)),
        };
        asks_nothing(begin).map(|()| input)
    }

    fn output(begin: &Recorded, end: &Recorded) -> Result<Granted, String> {
        repeats(begin, end).map(|()| Granted)
    }

    fn reads(_: &MutexInput) -> bool {
        false
    }
}
