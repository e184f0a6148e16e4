//! Queues. They start empty, and a dequeue that finds nothing answers with nil.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use crate::model::Model;
use crate::recorded::Recorded;
use crate::recording::{Recording, asked, asks_nothing, found, repeats, unknown};
use crate::value::Value;

/// A queue: what went in first comes out first.
#[derive(Clone, Copy, Debug)]
pub struct Queue;

/// A queue in which order means nothing: what went in comes out once.
#[derive(Clone, Copy, Debug)]
pub struct UnorderedQueue;

/// What is asked of a queue.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names say it")]
pub enum QueueInput {
    Enqueue(Arc<Value>),
    Dequeue,
}

/// What it answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QueueOutput {
    /// It is in it now.
    Enqueued,
    /// The element, or none where the queue was empty.
    Dequeued(Option<Arc<Value>>),
}

impl fmt::Display for QueueInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            QueueInput::Enqueue(element) => write!(f, "enqueue {element}"),
            QueueInput::Dequeue => f.write_str("dequeue"),
        }
    }
}

impl fmt::Display for QueueOutput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            QueueOutput::Enqueued => f.write_str("done"),
            QueueOutput::Dequeued(Some(element)) => write!(f, "{element}"),
            QueueOutput::Dequeued(None) => f.write_str("empty"),
        }
    }
}

impl Model for Queue {
    type State = VecDeque<Arc<Value>>;
    type Input = QueueInput;
    type Output = QueueOutput;
    type Key = ();

    fn initial() -> Self::State {
        VecDeque::new()
    }

    fn key(_: &QueueInput) {}

    fn step(
        state: &Self::State,
        input: &QueueInput,
        output: Option<&QueueOutput>,
    ) -> Option<Self::State> {
        let mut after = state.clone();
        match input {
            QueueInput::Enqueue(element) => after.push_back(element.clone()),
            QueueInput::Dequeue => {
                let taken = after.pop_front();
                if let Some(QueueOutput::Dequeued(said)) = output
                    && *said != taken
                {
                    return None;
                }
            }
        }
        Some(after)
    }
}

impl Model for UnorderedQueue {
    /// The elements in order, each as often as it is there.
    type State = Vec<Arc<Value>>;
    type Input = QueueInput;
    type Output = QueueOutput;
    type Key = ();

    fn initial() -> Self::State {
        Vec::new()
    }

    fn key(_: &QueueInput) {}

    fn step(
        state: &Self::State,
        input: &QueueInput,
        output: Option<&QueueOutput>,
    ) -> Option<Self::State> {
        let mut after = state.clone();
        match (input, output) {
            (QueueInput::Enqueue(element), _) => {
                let index = after.partition_point(|other| other < element);
                after.insert(index, element.clone());
            }
            (QueueInput::Dequeue, Some(QueueOutput::Dequeued(Some(element)))) => {
                after.remove(after.binary_search(element).ok()?);
            }
            (QueueInput::Dequeue, Some(_)) if !after.is_empty() => return None,
            // Without an answer it may have taken any. To take one helps only where the queue is then
            // found empty; so all that are left must go right before that, and which goes first is all
            // the same.
            (QueueInput::Dequeue, None) if !after.is_empty() => drop(after.remove(0)),
            (QueueInput::Dequeue, _) => {}
        }
        Some(after)
    }
}

impl Recording for Queue {
    fn input(begin: &Recorded) -> Result<QueueInput, String> {
        input(begin)
    }

    fn output(begin: &Recorded, end: &Recorded) -> Result<QueueOutput, String> {
        output(begin, end)
    }

    fn reads(_: &QueueInput) -> bool {
        false
    }
}

impl Recording for UnorderedQueue {
    fn input(begin: &Recorded) -> Result<QueueInput, String> {
        input(begin)
    }

    fn output(begin: &Recorded, end: &Recorded) -> Result<QueueOutput, String> {
        output(begin, end)
    }

    fn reads(_: &QueueInput) -> bool {
        false
    }
}

fn input(begin: &Recorded) -> Result<QueueInput, String> {
    match begin.f.as_str() {
        "enqueue" => match asked(begin)? {
            Value::Nil => {
                Err("an element is not nil, which a dequeue answers when there is none".into())
            }
            element => Ok(QueueInput::Enqueue(element.clone().into())),
        },
        "dequeue" => asks_nothing(begin).map(|()| QueueInput::Dequeue),
        _ => Err(unknown("a queue", "enqueue and dequeue", begin)),
    }
}

fn output(begin: &Recorded, end: &Recorded) -> Result<QueueOutput, String> {
    if begin.f == "enqueue" {
        return repeats(begin, end).map(|()| QueueOutput::Enqueued);
    }
    Ok(QueueOutput::Dequeued(match found(end)? {
        Value::Nil => None,
        element => Some(element.clone().into()),
    }))
}
