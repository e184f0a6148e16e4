//! A queue: what went in first comes out first.

use std::collections::VecDeque;

use crate::model::Model;

/// The model. A dequeue answers with the element, or `None` where the queue was empty.
#[derive(Clone, Copy, Debug)]
pub struct Queue;

/// What is asked of a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names say it")]
pub enum QueueInput {
    Enqueue(u64),
    Dequeue,
}

impl Model for Queue {
    type State = VecDeque<u64>;
    type Input = QueueInput;
    type Output = Option<u64>;
    type Key = ();

    fn initial() -> VecDeque<u64> {
        VecDeque::new()
    }

    fn key(_: &QueueInput) {}

    fn step(
        state: &VecDeque<u64>,
        input: &QueueInput,
        output: Option<&Option<u64>>,
    ) -> Option<VecDeque<u64>> {
        let mut after = state.clone();
        match input {
            QueueInput::Enqueue(element) => after.push_back(*element),
            QueueInput::Dequeue => {
                let taken = after.pop_front();
                if output.is_some_and(|said| *said != taken) {
                    return None;
                }
            }
        }
        Some(after)
    }
}
