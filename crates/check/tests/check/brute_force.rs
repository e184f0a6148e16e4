//! Held against a checker that tries every order.

use std::collections::BTreeMap;
use std::sync::Arc;

use check::{
    Budget, Granted, Keyed, KeyedInput, Kv, KvInput, KvOutput, MicroOp, Model, MultiRegister,
    Mutex, MutexInput, Operation, Queue, QueueInput, QueueOutput, Register, RegisterInput,
    RegisterOutput, Set, SetInput, SetOutput, Transaction, TransactionOutput, UnorderedQueue,
    Value, Verdict, linearizable,
};
use proptest::prelude::*;

/// Every subset of the operations without an answer, in every order that time allows; `steps` says to
/// which states an operation may lead.
fn any_order<S, I, O>(
    history: &[Operation<I, O>],
    taken: &mut Vec<bool>,
    state: &S,
    steps: &impl Fn(&S, &Operation<I, O>) -> Vec<S>,
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
        taken[place] = true;
        let mut afters = steps(state, operation).into_iter();
        let found = afters.any(|after| any_order(history, taken, &after, steps));
        taken[place] = false;
        found
    })
}

fn ours<M: Model>(history: &[Operation<M::Input, M::Output>]) -> bool {
    let budget = Budget { remembered: usize::MAX, go_on: &mut || true };
    linearizable::<M>(history, budget) == Verdict::Linearizable
}

fn verdicts<M: Model>(history: &[Operation<M::Input, M::Output>]) -> (bool, bool) {
    let steps = |state: &M::State, operation: &Operation<M::Input, M::Output>| {
        M::step(state, &operation.input, operation.output()).into_iter().collect()
    };
    let taken = &mut vec![false; history.len()];
    (any_order(history, taken, &M::initial(), &steps), ours::<M>(history))
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
        let value = int;
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
    fn keyed_registers(
        shape in prop::collection::vec(any::<u8>(), 0..20),
        asked in prop::collection::vec((0u8..2, 0u8..5, 0u8..3, 0u8..3), 12),
        lies in lies(),
        open in prop::collection::vec(prop::bool::weighted(0.2), 7),
    ) {
        let mut asked = asked.iter().cycle();
        let mut lies = lies.iter().cycle();
        let history = history::<Registers>(
            &shape,
            &open,
            || {
                let &(key, what, a, b) = asked.next().unwrap();
                let (key, from, to) = (int(key), int(a), int(b));
                KeyedInput { key, input: match what {
                    0 | 1 => RegisterInput::Read,
                    2 => RegisterInput::Write(from),
                    _ => RegisterInput::Cas { from, to },
                }}
            },
            |state, KeyedInput { key, input }| {
                let now = state.get(key).unwrap_or(&Value::Nil);
                match input {
                    RegisterInput::Read => RegisterOutput::Read(now.clone()),
                    RegisterInput::Write(_) => RegisterOutput::Written,
                    RegisterInput::Cas { from, .. } => RegisterOutput::Swapped(from == now),
                }
            },
            |KeyedInput { input, .. }| {
                let draw = lies.next().unwrap().as_ref()?;
                (*input == RegisterInput::Read).then(|| RegisterOutput::Read(int(draw % 3)))
            },
        );
        let (brute, _) = verdicts::<Registers>(&history);
        prop_assert_eq!(brute, ours::<Keyed<Register>>(&history), "{:?}", history);
    }

    #[test]
    fn mutexes(
        shape in prop::collection::vec(any::<u8>(), 0..20),
        asked in prop::collection::vec(any::<bool>(), 10),
        open in prop::collection::vec(prop::bool::weighted(0.2), 7),
    ) {
        // It answers with nothing that could be a lie: it lies by answering at all.
        let mut history = Vec::new();
        let mut busy: [Option<usize>; 3] = [None; 3];
        for (at, draw) in (1u64..).zip(&shape) {
            let process = *draw as usize % 3;
            if let Some(place) = busy[process].take() {
                let it: &mut Operation<MutexInput, Granted> = &mut history[place];
                it.returned = (!open[place % open.len()]).then_some((at, Granted));
                continue;
            }
            busy[process] = Some(history.len());
            let acquires = asked[history.len() % asked.len()];
            let input = if acquires { MutexInput::Acquire } else { MutexInput::Release };
            history.push(Operation { process: process as u64, input, invoked: at, returned: None });
        }
        let (brute, ours) = verdicts::<Mutex>(&history);
        prop_assert_eq!(brute, ours, "{:?}", history);
    }

    #[test]
    fn sets(
        shape in prop::collection::vec(any::<u8>(), 0..22),
        asked in prop::collection::vec(0u8..6, 12),
        lies in lies(),
        open in prop::collection::vec(prop::bool::weighted(0.2), 7),
    ) {
        let mut asked = asked.iter().cycle();
        let mut lies = lies.iter().cycle();
        let history = history::<Set>(
            &shape,
            &open,
            || match *asked.next().unwrap() {
                element @ 0..3 => SetInput::Add(int(element).into()),
                _ => SetInput::Read,
            },
            |state, input| match input {
                SetInput::Add(_) => SetOutput::Added,
                SetInput::Read => SetOutput::Read(state.clone()),
            },
            |input| {
                let draw = *lies.next().unwrap().as_ref()?;
                let elements = [vec![], vec![0], vec![1], vec![0, 1], vec![0, 1, 2], vec![1, 1]];
                let elements = &elements[draw as usize % 6];
                let read = || elements.iter().map(|&it| Arc::new(int(it))).collect();
                (*input == SetInput::Read).then(|| SetOutput::Read(read()))
            },
        );
        let (brute, ours) = verdicts::<Set>(&history);
        prop_assert_eq!(brute, ours, "{:?}", history);
    }

    #[test]
    fn queues(
        shape in prop::collection::vec(any::<u8>(), 0..20),
        asked in prop::collection::vec(0u8..4, 10),
        lies in lies(),
        open in prop::collection::vec(prop::bool::weighted(0.2), 7),
    ) {
        let mut asked = asked.iter().cycle();
        let mut lies = lies.iter().cycle();
        let history = history::<Queue>(
            &shape,
            &open,
            || asked_of_queue(*asked.next().unwrap()),
            |state, input| match input {
                QueueInput::Enqueue(_) => QueueOutput::Enqueued,
                QueueInput::Dequeue => QueueOutput::Dequeued(state.front().cloned()),
            },
            |input| lie_of_queue(input, lies.next().unwrap()),
        );
        let (brute, ours) = verdicts::<Queue>(&history);
        prop_assert_eq!(brute, ours, "{:?}", history);
    }

    /// A dequeue without an answer may have taken any element.
    #[test]
    fn unordered_queues(
        shape in prop::collection::vec(any::<u8>(), 0..20),
        asked in prop::collection::vec(0u8..4, 10),
        lies in lies(),
        open in prop::collection::vec(prop::bool::weighted(0.3), 7),
    ) {
        let mut asked = asked.iter().cycle();
        let mut lies = lies.iter().cycle();
        let history = history::<UnorderedQueue>(
            &shape,
            &open,
            || asked_of_queue(*asked.next().unwrap()),
            |state, input| match input {
                QueueInput::Enqueue(_) => QueueOutput::Enqueued,
                QueueInput::Dequeue => QueueOutput::Dequeued(state.last().cloned()),
            },
            |input| lie_of_queue(input, lies.next().unwrap()),
        );
        let steps = |state: &Vec<Arc<Value>>, it: &Operation<QueueInput, QueueOutput>| {
            if it.input != QueueInput::Dequeue || it.returned.is_some() {
                return UnorderedQueue::step(state, &it.input, it.output()).into_iter().collect();
            }
            let without = |place| {
                let mut left = state.clone();
                left.remove(place);
                left
            };
            (0..state.len()).map(without).collect()
        };
        let taken = &mut vec![false; history.len()];
        let brute = any_order(&history, taken, &UnorderedQueue::initial(), &steps);
        prop_assert_eq!(brute, ours::<UnorderedQueue>(&history), "{:?}", history);
    }

    #[test]
    fn transactions(
        shape in prop::collection::vec(any::<u8>(), 0..18),
        asked in prop::collection::vec(prop::collection::vec((any::<bool>(), 0u8..2, 0u8..3), 1..4), 9),
        lies in lies(),
        open in prop::collection::vec(prop::bool::weighted(0.2), 7),
    ) {
        let mut asked = asked.iter().cycle();
        let mut lies = lies.iter().cycle();
        let op = |&(reads, key, value): &(bool, u8, u8)| match reads {
            true => MicroOp::Read { key: int(key) },
            false => MicroOp::Write { key: int(key), value: int(value) },
        };
        let found = |state: &check::Registers, Transaction(ops): &Transaction| {
            let mut after = state.clone();
            let mut found = Vec::new();
            for op in ops {
                match op {
                    MicroOp::Read { key } => {
                        // What it is, is what a read of nothing else can find.
                        let it = (0..3).map(int).find(|value| reads(&after, key, value));
                        found.push(it.expect("one of three values"));
                    }
                    MicroOp::Write { .. } => {
                        after = MultiRegister::step(&after, &Transaction(vec![op.clone()]), None)
                            .expect("a write");
                    }
                }
            }
            TransactionOutput(found)
        };
        let history = history::<MultiRegister>(
            &shape,
            &open,
            || Transaction(asked.next().unwrap().iter().map(op).collect()),
            found,
            |Transaction(ops)| {
                let draw = *lies.next().unwrap().as_ref()?;
                let reads = ops.iter().filter(|op| matches!(op, MicroOp::Read { .. })).count();
                Some(TransactionOutput((0..reads).map(|it| int((draw >> it) % 3)).collect()))
            },
        );
        let (brute, ours) = verdicts::<MultiRegister>(&history);
        prop_assert_eq!(brute, ours, "{:?}", history);
    }
}

/// Nil and small integers.
fn int(number: u8) -> Value {
    if number == 0 { Value::Nil } else { Value::Int(number.into()) }
}

fn reads(state: &check::Registers, key: &Value, value: &Value) -> bool {
    let read = Transaction(vec![MicroOp::Read { key: key.clone() }]);
    MultiRegister::step(state, &read, Some(&TransactionOutput(vec![value.clone()]))).is_some()
}

fn asked_of_queue(draw: u8) -> QueueInput {
    match draw {
        0 | 1 => QueueInput::Dequeue,
        element => QueueInput::Enqueue(int(element).into()),
    }
}

fn lie_of_queue(input: &QueueInput, draw: &Option<u8>) -> Option<QueueOutput> {
    let draw = draw.as_ref()? % 4;
    let element = (draw > 1).then(|| int(draw).into());
    (*input == QueueInput::Dequeue).then_some(QueueOutput::Dequeued(element))
}

/// Registers under keys as one object, of which nobody says that it can be divided.
struct Registers;

impl Model for Registers {
    type State = BTreeMap<Value, Value>;
    type Input = KeyedInput<RegisterInput>;
    type Output = RegisterOutput;
    type Key = ();

    fn initial() -> Self::State {
        BTreeMap::new()
    }

    fn key(_: &Self::Input) {}

    fn step(
        state: &Self::State,
        KeyedInput { key, input }: &Self::Input,
        output: Option<&RegisterOutput>,
    ) -> Option<Self::State> {
        let now = state.get(key).cloned().unwrap_or(Value::Nil);
        let mut after = state.clone();
        after.insert(key.clone(), Register::step(&now, input, output)?);
        Some(after)
    }
}
