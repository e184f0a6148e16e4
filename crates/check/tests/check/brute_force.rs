//! Held against a checker that tries every order.

use check::{
    Budget, Kv, KvInput, KvOutput, Model, Operation, Queue, QueueInput, Register, RegisterInput,
    RegisterOutput, Value, Verdict, linearizable,
};
use proptest::prelude::*;

/// Every subset of the operations without an answer, in every order that time allows.
fn any_order<M: Model>(
    history: &[Operation<M::Input, M::Output>],
    taken: &mut Vec<bool>,
    state: &M::State,
) -> bool {
    let left = |place: &usize| !taken[*place];
    let answered = |place: &usize| history[*place].returned.is_some();
    let open: Vec<usize> = (0..history.len()).filter(left).collect();
    let mut ends = open.iter().filter_map(|&place| history[place].returned.as_ref());
    let Some(first_end) = ends.by_ref().map(|(at, _)| *at).min() else { return true };
    assert!(open.iter().any(answered));
    open.into_iter().any(|place| {
        let operation = &history[place];
        if operation.invoked > first_end {
            return false;
        }
        let Some(after) = M::step(state, &operation.input, operation.output()) else {
            return false;
        };
        taken[place] = true;
        let found = any_order::<M>(history, taken, &after);
        taken[place] = false;
        found
    })
}

fn verdicts<M: Model>(history: &[Operation<M::Input, M::Output>]) -> (bool, bool) {
    let brute = any_order::<M>(history, &mut vec![false; history.len()], &M::initial());
    let budget = Budget { remembered: usize::MAX, go_on: &mut || true };
    (brute, linearizable::<M>(history, budget) == Verdict::Linearizable)
}

/// Beginnings and ends in any order: `shape` says which process goes on, at each position.
fn history<I, O>(
    shape: &[u8],
    processes: usize,
    mut ask: impl FnMut() -> I,
    mut answer: impl FnMut(&I) -> O,
    open: &[bool],
) -> Vec<Operation<I, O>> {
    let mut history: Vec<Operation<I, O>> = Vec::new();
    let mut busy: Vec<Option<usize>> = vec![None; processes];
    for (at, process) in (1u64..).zip(shape) {
        let process = *process as usize % processes;
        match busy[process].take() {
            Some(place) if open[place % open.len()] => {
                // It never ends; the process goes on as another.
                let _ = place;
            }
            Some(place) => {
                let output = answer(&history[place].input);
                history[place].returned = Some((at, output));
            }
            None => {
                busy[process] = Some(history.len());
                let process = process as u64;
                history.push(Operation { process, input: ask(), invoked: at, returned: None });
            }
        }
    }
    history
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn stores(
        shape in prop::collection::vec(any::<u8>(), 0..18),
        asked in prop::collection::vec((0u8..4, 0u8..3, 0u8..3), 10),
        answers in prop::collection::vec(any::<u8>(), 18),
        open in prop::collection::vec(prop::bool::weighted(0.2), 7),
    ) {
        let value = |number: u8| ["", "a", "b"][number as usize].to_string();
        let mut asked = asked.iter().cycle();
        let mut answers = answers.iter().cycle();
        let history = history(
            &shape,
            3,
            || {
                let key = "k".to_string();
                let &(what, a, b) = asked.next().unwrap();
                match what {
                    0 => KvInput::Get { key },
                    1 => KvInput::Put { key, value: value(a) },
                    2 => KvInput::Append { key, value: value(a) },
                    _ => KvInput::Cas { key, from: value(a), to: value(b) },
                }
            },
            |input| {
                let draw = *answers.next().unwrap();
                match input {
                    KvInput::Get { .. } => {
                        let read = ["", "a", "b", "aa", "ab", "ba", "bb"][draw as usize % 7];
                        KvOutput::Value(read.to_string())
                    }
                    KvInput::Cas { .. } => KvOutput::Swapped(draw % 2 == 0),
                    _ => KvOutput::Done,
                }
            },
            &open,
        );
        let (brute, ours) = verdicts::<Kv>(&history);
        prop_assert_eq!(brute, ours, "{:?}", history);
    }

    #[test]
    fn registers(
        shape in prop::collection::vec(any::<u8>(), 0..18),
        asked in prop::collection::vec((0u8..4, 0i64..3, 0i64..3), 10),
        answers in prop::collection::vec(0i64..3, 18),
        open in prop::collection::vec(prop::bool::weighted(0.3), 7),
    ) {
        let value = |number: i64| if number == 0 { Value::Nil } else { Value::Int(number) };
        let mut asked = asked.iter().cycle();
        let mut answers = answers.iter().cycle();
        let history = history(
            &shape,
            3,
            || match *asked.next().unwrap() {
                (0 | 1, ..) => RegisterInput::Read,
                (2, a, _) => RegisterInput::Write(value(a)),
                (_, a, b) => RegisterInput::Cas { from: value(a), to: value(b) },
            },
            |input| {
                let draw = *answers.next().unwrap();
                match input {
                    RegisterInput::Read => RegisterOutput::Read(value(draw)),
                    RegisterInput::Write(_) => RegisterOutput::Written,
                    RegisterInput::Cas { .. } => RegisterOutput::Swapped(draw == 0),
                }
            },
            &open,
        );
        let (brute, ours) = verdicts::<Register>(&history);
        prop_assert_eq!(brute, ours, "{:?}", history);
    }

    #[test]
    fn queues(
        shape in prop::collection::vec(any::<u8>(), 0..16),
        asked in prop::collection::vec(0u64..4, 10),
        answers in prop::collection::vec(0u64..4, 16),
        open in prop::collection::vec(prop::bool::weighted(0.2), 7),
    ) {
        let mut asked = asked.iter().cycle();
        let mut answers = answers.iter().cycle();
        let history = history(
            &shape,
            3,
            || match *asked.next().unwrap() {
                0 | 1 => QueueInput::Dequeue,
                element => QueueInput::Enqueue(element),
            },
            |input| match input {
                QueueInput::Enqueue(_) => None,
                QueueInput::Dequeue => Some(*answers.next().unwrap()).filter(|&it| it > 1),
            },
            &open,
        );
        let (brute, ours) = verdicts::<Queue>(&history);
        prop_assert_eq!(brute, ours, "{:?}", history);
    }
}
