//! That the search ends: quickly where it can, and with `Unknown` where it cannot.

use check::{
    Budget, Kv, KvInput, KvOutput, Model, Operation, Register, RegisterInput, RegisterOutput,
    Value, Verdict, linearizable,
};

type Event = Operation<KvInput, KvOutput>;

fn append(process: u64, key: &str, value: &str, invoked: u64, returned: Option<u64>) -> Event {
    let (key, value) = (key.to_string(), value.to_string());
    let returned = returned.map(|at| (at, KvOutput::Done));
    Operation { process, input: KvInput::Append { key, value }, invoked, returned }
}

fn get(process: u64, key: &str, value: &str, invoked: u64, returned: u64) -> Event {
    let returned = Some((returned, KvOutput::Value(value.into())));
    Operation { process, input: KvInput::Get { key: key.into() }, invoked, returned }
}

/// A store that tells the search nothing beforehand, so that it has to try every way.
struct Plain;

impl Model for Plain {
    type State = String;
    type Input = KvInput;
    type Output = KvOutput;
    type Key = String;

    fn initial() -> String {
        Kv::initial()
    }

    fn key(input: &KvInput) -> String {
        Kv::key(input)
    }

    fn step(state: &String, input: &KvInput, output: Option<&KvOutput>) -> Option<String> {
        Kv::step(state, input, output)
    }
}

/// Appends that all overlap, and a read of what none of their orders gives: n! states.
fn explosion(key: &str, appends: u64) -> Vec<Event> {
    let mut history: Vec<Event> = (0..appends)
        .map(|each| append(each, key, &format!("<{each}>"), each, Some(1_000 + each)))
        .collect();
    history.push(get(99, key, "no order gives this", 2_000, 2_001));
    history
}

#[test]
fn memory_and_time_that_run_out_are_unknown() {
    let history = explosion("k", 12);
    let scarce = Budget { remembered: 100_000, go_on: &mut || true };
    let verdict = linearizable::<Plain>(&history, scarce);
    assert!(matches!(verdict, Verdict::Unknown(why) if why.contains("memory")), "{verdict:?}");
    let mut slices = 0;
    let mut hurried = || {
        slices += 1;
        slices < 5
    };
    let hurry = Budget { remembered: usize::MAX, go_on: &mut hurried };
    let verdict = linearizable::<Plain>(&history, hurry);
    assert!(matches!(verdict, Verdict::Unknown(why) if why.contains("time")), "{verdict:?}");
    // What a read must find tells at once that none of these ways leads there.
    let little = Budget { remembered: 10_000, go_on: &mut || true };
    assert!(matches!(linearizable::<Kv>(&history, little), Verdict::NotLinearizable(_)));
}

#[test]
fn a_key_that_explodes_does_not_hide_one_that_is_refuted() {
    let mut history = explosion("a, searched first", 12);
    history.push(get(100, "z", "never written", 3_000, 3_001));
    let budget = Budget { remembered: 10_000_000, go_on: &mut || true };
    let Verdict::NotLinearizable(failure) = linearizable::<Plain>(&history, budget) else {
        panic!()
    };
    assert_eq!(failure.stuck, history.len() - 1);
}

/// Ten appends that all overlap with a put: in which order they came is all the same before the put,
/// so 2^10 sets of them are to be tried, and not 10! orders.
#[test]
fn what_a_put_replaces_does_not_explode() {
    let mut history = explosion("k", 10);
    history.pop();
    let (key, value) = ("k".to_string(), "p".to_string());
    let put = KvInput::Put { key, value };
    let returned = Some((1_100, KvOutput::Done));
    history.push(Operation { process: 98, input: put, invoked: 50, returned });
    history.push(get(99, "k", "p, and what nobody appended", 2_000, 2_001));
    let budget = Budget { remembered: 1_000_000, go_on: &mut || true };
    let verdict = linearizable::<Kv>(&history, budget);
    assert!(matches!(verdict, Verdict::NotLinearizable(_)), "{verdict:?}");
}

/// The put replaces what two appends left, but not before a compare-and-swap says that it was not
/// "ab": here the order does matter.
#[test]
fn what_is_replaced_may_be_contradicted_before() {
    let (key, value) = (|| "k".to_string(), "p".to_string());
    let cas = KvInput::Cas { key: key(), from: "ab".into(), to: "c".into() };
    let swapped = |swapped| Some((7, KvOutput::Swapped(swapped)));
    let put = KvInput::Put { key: key(), value };
    let mut history = vec![
        append(0, "k", "a", 1, Some(4)),
        append(1, "k", "b", 2, Some(5)),
        Operation { process: 0, input: cas, invoked: 6, returned: swapped(false) },
        Operation { process: 0, input: put, invoked: 8, returned: Some((9, KvOutput::Done)) },
        get(0, "k", "p", 10, 11),
    ];
    let mut verdict = |how: Option<(u64, KvOutput)>, reads: &str| {
        history[2].returned = how;
        history[4] = get(0, "k", reads, 10, 11);
        let budget = Budget { remembered: 1_000, go_on: &mut || true };
        linearizable::<Kv>(&history, budget) == Verdict::Linearizable
    };
    assert!(verdict(swapped(false), "p"), "b came before a");
    assert!(verdict(swapped(true), "p"), "a came before b");
    assert!(!verdict(swapped(false), "ba"));
}

#[test]
fn operations_without_an_answer_may_come_late_or_never() {
    let open = append(1, "k", "x", 1, None);
    for (reads, verdict) in
        [(&["", "x", "x"], true), (&["", "", ""], true), (&["x", "", "x"], false)]
    {
        let mut history = vec![open.clone()];
        for (turn, read) in (1..).zip(reads.iter()) {
            history.push(get(2, "k", read, 10 * turn, 10 * turn + 1));
        }
        let budget = Budget { remembered: 1_000, go_on: &mut || true };
        assert_eq!(linearizable::<Kv>(&history, budget) == Verdict::Linearizable, verdict);
    }
}

/// Forty writes of five values without an answer: 2^40 subsets, if they were not seen through.
#[test]
fn open_operations_that_ask_for_the_same_do_not_explode() {
    let int = Value::Int;
    let mut history = Vec::new();
    for each in 0..40 {
        let input = RegisterInput::Write(int(each as i64 % 5));
        history.push(Operation { process: each, input, invoked: each, returned: None });
    }
    for turn in 0..60u64 {
        let read = RegisterOutput::Read(int(turn as i64 * 3 % 5));
        let (invoked, returned) = (100 + 2 * turn, Some((101 + 2 * turn, read)));
        history.push(Operation { process: 99, input: RegisterInput::Read, invoked, returned });
    }
    // 60 reads that change each time need 60 writes: there are 40.
    let budget = Budget { remembered: 2_000_000, go_on: &mut || true };
    let verdict = linearizable::<Register>(&history, budget);
    assert!(matches!(verdict, Verdict::NotLinearizable(_)), "{verdict:?}");
    history.truncate(80);
    let budget = Budget { remembered: 2_000_000, go_on: &mut || true };
    assert_eq!(linearizable::<Register>(&history, budget), Verdict::Linearizable);
}
