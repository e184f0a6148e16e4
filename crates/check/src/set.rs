//! A set that grows, and is read as a whole. It starts empty.

use std::fmt;
use std::sync::Arc;

use crate::model::Model;
use crate::recorded::Recorded;
use crate::recording::{Recording, asked, asks_nothing, found, repeats, unknown};
use crate::value::Value;

/// The model.
#[derive(Clone, Copy, Debug)]
pub struct Set;

/// What is asked of a set.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names say it")]
pub enum SetInput {
    Add(Arc<Value>),
    Read,
}

/// What it answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SetOutput {
    /// It is in it now.
    Added,
    /// Its elements, in order. One that is there twice is in no set.
    Read(Vec<Arc<Value>>),
}

impl fmt::Display for SetInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SetInput::Add(element) => write!(f, "add {element}"),
            SetInput::Read => f.write_str("read"),
        }
    }
}

impl fmt::Display for SetOutput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SetOutput::Added => f.write_str("done"),
            SetOutput::Read(elements) => {
                let shown: Vec<_> = elements.iter().map(ToString::to_string).collect();
                write!(f, "#{{{}}}", shown.join(" "))
            }
        }
    }
}

impl Model for Set {
    /// The elements in order, shared by the many states that have them.
    type State = Vec<Arc<Value>>;
    type Input = SetInput;
    type Output = SetOutput;
    type Key = ();

    fn initial() -> Vec<Arc<Value>> {
        Vec::new()
    }

    fn key(_: &SetInput) {}

    fn step(
        state: &Vec<Arc<Value>>,
        input: &SetInput,
        output: Option<&SetOutput>,
    ) -> Option<Vec<Arc<Value>>> {
        match (input, output) {
            (SetInput::Add(element), _) => {
                let mut after = state.clone();
                if let Err(index) = after.binary_search(element) {
                    after.insert(index, element.clone());
                }
                Some(after)
            }
            (SetInput::Read, Some(SetOutput::Read(read))) if read != state => None,
            (SetInput::Read, _) => Some(state.clone()),
        }
    }

    fn finds(_: &SetInput, output: Option<&SetOutput>) -> Option<Vec<Arc<Value>>> {
        match output {
            Some(SetOutput::Read(read)) => Some(read.clone()),
            _ => None,
        }
    }

    /// By adding, a set only grows.
    fn leads_to(from: &Vec<Arc<Value>>, to: &Vec<Arc<Value>>) -> bool {
        from.len() <= to.len() && from.iter().all(|element| to.binary_search(element).is_ok())
    }

    fn may_refuse(_: &Vec<Arc<Value>>, _: &SetInput, _: Option<&SetOutput>) -> bool {
        false
    }
}

impl Recording for Set {
    fn input(begin: &Recorded) -> Result<SetInput, String> {
        match begin.f.as_str() {
            "add" => Ok(SetInput::Add(asked(begin)?.clone().into())),
            "read" => asks_nothing(begin).map(|()| SetInput::Read),
            _ => Err(unknown("a set", "add and read", begin)),
        }
    }

    fn output(begin: &Recorded, end: &Recorded) -> Result<SetOutput, String> {
        if begin.f == "add" {
            return repeats(begin, end).map(|()| SetOutput::Added);
        }
        let (Value::List(elements) | Value::Set(elements)) = found(end)? else {
            return Err(format!("a set is read as its elements, and not as {}", found(end)?));
        };
        let mut elements: Vec<Arc<Value>> = elements.iter().cloned().map(Arc::new).collect();
        elements.sort();
        Ok(SetOutput::Read(elements))
    }

    fn reads(input: &SetInput) -> bool {
        *input == SetInput::Read
    }
}
