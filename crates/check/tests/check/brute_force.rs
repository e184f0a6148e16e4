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

/// Beginnings and ends in any order: `shape` says which of three processes goes on, at each position.
/// An operation has its effect when it ends, and is answered with the truth, except where `lie` says
/// otherwise. Where `open` says so it has no end, and has its effect or not.
fn history<M: Model>(
    shape: &[u8],
    open: &[bool],
    mut ask: impl FnMut() -> M::Input,
    truth: impl Fn(&M::State, &M::Input) -> M::Output,
    mut lie: impl FnMut(&M::Input) -> Option<M::Output>,
) -> Vec<Operation<M::Input, M::Output>> {
    let mut history: Vec<Operation<M::Input, M::Output>> = Vec::new();
    let mut busy: [Option<usize>; 3] = [None; 3];
    let mut state = M::initial();
    for (at, draw) in (1u64..).zip(shape) {
        let process = *draw as usize % 3;
        let Some(place) = busy[process].take() else {
            busy[process] = Some(history.len());
            let process = process as u64;
            history.push(Operation { process, input: ask(), invoked: at, returned: None });
            continue;
        };
        let is_open = open[place % open.len()];
        let operation = &mut history[place];
        let output = truth(&state, &operation.input);
        if !is_open || *draw > 127 {
            state = M::step(&state, &operation.input, Some(&output)).expect("it is true");
        }
        if !is_open {
            operation.returned = Some((at, lie(&operation.input).unwrap_or(output)));
        }
    }
    history
}

/// Most answers are true: if none were, no history would be linearizable.
fn lies() -> impl Strategy<Value = Vec<Option<u8>>> {
    prop::collection::vec(prop::option::weighted(0.15, any::<u8>()), 20)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn stores(
        shape in prop::collection::vec(any::<u8>(), 0..22),
        asked in prop::collection::vec((0u8..7, 0u8..5, 0u8..3), 12),
        lies in lies(),
        open in prop::collection::vec(prop::bool::weighted(0.2), 7),
    ) {
        let values = ["", "a", "b", "ab", "ba", "aa", "bb"];
        let value = |number: u8| values[number as usize].to_string();
        let mut asked = asked.iter().cycle();
        let mut lies = lies.iter().cycle();
        let history = history::<Kv>(
            &shape,
            &open,
            || {
                let key = "k".to_string();
                let &(what, a, b) = asked.next().unwrap();
                match what {
                    0 | 1 => KvInput::Get { key },
                    2 => KvInput::Put { key, value: value(a) },
                    3 | 4 => KvInput::Append { key, value: value(b) },
                    5 => KvInput::Cas { key, from: value(a), to: value(b) },
                    _ => KvInput::Delete { key },
                }
            },
            |state, input| match input {
                KvInput::Get { .. } => KvOutput::Value(state.clone()),
                KvInput::Cas { from, .. } => KvOutput::Swapped(from == state),
                _ => KvOutput::Done,
            },
            |input| {
                let draw = lies.next().unwrap().as_ref()?;
                Some(match input {
                    KvInput::Get { .. } => KvOutput::Value(value(draw % 7)),
                    KvInput::Cas { .. } => KvOutput::Swapped(draw % 2 == 0),
                    _ => KvOutput::Done,
                })
            },
        );
        let (brute, ours) = verdicts::<Kv>(&history);
        prop_assert_eq!(brute, ours, "{:?}", history);
    }

    #[test]
    fn registers(
        shape in prop::collection::vec(any::<u8>(), 0..22),
        asked in prop::collection::vec((0u8..5, 0u8..3, 0u8..3), 12),
        lies in lies(),
        open in prop::collection::vec(prop::bool::weighted(0.3), 7),
    ) {
        let value = |number: u8| if number == 0 { Value::Nil } else { Value::Int(number.into()) };
        let mut asked = asked.iter().cycle();
        let mut lies = lies.iter().cycle();
        let history = history::<Register>(
            &shape,
            &open,
            || match *asked.next().unwrap() {
                (0 | 1, ..) => RegisterInput::Read,
                (2, a, _) => RegisterInput::Write(value(a)),
                (_, a, b) => RegisterInput::Cas { from: value(a), to: value(b) },
            },
            |state, input| match input {
                RegisterInput::Read => RegisterOutput::Read(state.clone()),
                RegisterInput::Write(_) => RegisterOutput::Written,
                RegisterInput::Cas { from, .. } => RegisterOutput::Swapped(from == state),
            },
            |input| {
                let draw = lies.next().unwrap().as_ref()?;
                Some(match input {
                    RegisterInput::Read => RegisterOutput::Read(value(draw % 3)),
                    RegisterInput::Write(_) => RegisterOutput::Written,
                    RegisterInput::Cas { .. } => RegisterOutput::Swapped(draw % 2 == 0),
                })
            },
        );
        let (brute, ours) = verdicts::<Register>(&history);
        prop_assert_eq!(brute, ours, "{:?}", history);
    }

    #[test]
    fn queues(
        shape in prop::collection::vec(any::<u8>(), 0..20),
        asked in prop::collection::vec(0u64..4, 10),
        lies in lies(),
        open in prop::collection::vec(prop::bool::weighted(0.2), 7),
    ) {
        let mut asked = asked.iter().cycle();
        let mut lies = lies.iter().cycle();
        let history = history::<Queue>(
            &shape,
            &open,
            || match *asked.next().unwrap() {
                0 | 1 => QueueInput::Dequeue,
                element => QueueInput::Enqueue(element),
            },
            |state, input| match input {
                QueueInput::Enqueue(_) => None,
                QueueInput::Dequeue => state.front().copied(),
            },
            |input| {
                let draw = u64::from(*lies.next().unwrap().as_ref()?) % 4;
                Some(Some(draw).filter(|&it| it > 1 && *input == QueueInput::Dequeue))
            },
        );
        let (brute, ours) = verdicts::<Queue>(&history);
        prop_assert_eq!(brute, ours, "{:?}", history);
    }
}
