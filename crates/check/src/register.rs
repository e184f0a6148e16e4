//! A register with compare-and-swap, as Jepsen's tests use it. It starts as nil.

use std::fmt;

use crate::model::Model;
use crate::recorded::Recorded;
use crate::recording::{Recording, asked, asks_nothing, found, from_to, repeats, swapped, unknown};
use crate::value::Value;

/// The model.
#[derive(Clone, Copy, Debug)]
pub struct Register;

/// What is asked of a register.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names say it")]
pub enum RegisterInput {
    Read,
    Write(Value),
    Cas { from: Value, to: Value },
}

/// What it answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RegisterOutput {
    /// What was read.
    Read(Value),
    /// It was written.
    Written,
    /// Did the value match, so that it was swapped?
    Swapped(bool),
}

impl fmt::Display for RegisterInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RegisterInput::Read => f.write_str("read"),
            RegisterInput::Write(value) => write!(f, "write {value}"),
            RegisterInput::Cas { from, to } => write!(f, "cas {from} to {to}"),
        }
    }
}

impl fmt::Display for RegisterOutput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RegisterOutput::Read(value) => write!(f, "{value}"),
            RegisterOutput::Written => f.write_str("done"),
            RegisterOutput::Swapped(true) => f.write_str("swapped"),
            RegisterOutput::Swapped(false) => f.write_str("did not match"),
        }
    }
}

impl Model for Register {
    type State = Value;
    type Input = RegisterInput;
    type Output = RegisterOutput;
    type Key = ();

    fn initial() -> Value {
        Value::Nil
    }

    fn key(_: &RegisterInput) {}

    fn step(
        state: &Value,
        input: &RegisterInput,
        output: Option<&RegisterOutput>,
    ) -> Option<Value> {
        use RegisterOutput::{Read, Swapped};
        match (input, output) {
            (RegisterInput::Read, Some(Read(read))) => (read == state).then(|| state.clone()),
            (RegisterInput::Read, _) => Some(state.clone()),
            (RegisterInput::Write(value), _) => Some(value.clone()),
            (RegisterInput::Cas { from, to }, output) => {
                let matches = from == state;
                let said = match output {
                    Some(Swapped(swapped)) => *swapped == matches,
                    _ => true,
                };
                said.then(|| if matches { to.clone() } else { state.clone() })
            }
        }
    }

    fn finds(input: &RegisterInput, output: Option<&RegisterOutput>) -> Option<Value> {
        use RegisterOutput::{Read, Swapped};
        match (input, output) {
            (RegisterInput::Read, Some(Read(read))) => Some(read.clone()),
            (RegisterInput::Cas { .. }, Some(Swapped(false))) => None,
            (RegisterInput::Cas { from, .. }, _) => Some(from.clone()),
            _ => None,
        }
    }

    fn leaves(input: &RegisterInput) -> Option<Value> {
        match input {
            RegisterInput::Write(value) => Some(value.clone()),
            _ => None,
        }
    }

    fn leads_to(from: &Value, to: &Value) -> bool {
        from == to
    }

    fn may_refuse(state: &Value, input: &RegisterInput, output: Option<&RegisterOutput>) -> bool {
        match (input, output) {
            (RegisterInput::Cas { from, .. }, Some(RegisterOutput::Swapped(false))) => {
                from == state
            }
            _ => false,
        }
    }
}

impl Recording for Register {
    fn input(begin: &Recorded) -> Result<RegisterInput, String> {
        match begin.f.as_str() {
            "read" => asks_nothing(begin).map(|()| RegisterInput::Read),
            "write" => Ok(RegisterInput::Write(asked(begin)?.clone())),
            "cas" => {
                let (from, to) = from_to(begin)?;
                Ok(RegisterInput::Cas { from: from.clone(), to: to.clone() })
            }
            _ => Err(unknown("a register", "read, write and cas", begin)),
        }
    }

    fn output(begin: &Recorded, end: &Recorded) -> Result<RegisterOutput, String> {
        match begin.f.as_str() {
            "read" => found(end).cloned().map(RegisterOutput::Read),
            "cas" => swapped(begin, end).map(RegisterOutput::Swapped),
            _ => repeats(begin, end).map(|()| RegisterOutput::Written),
        }
    }

    fn reads(input: &RegisterInput) -> bool {
        *input == RegisterInput::Read
    }
}
