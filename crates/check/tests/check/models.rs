//! What each object does, as one thread sees it.

use check::{
    Budget, Kv, Model, Operation, Queue, QueueInput, Register, Verdict, kv_history, linearizable,
    read, register_history,
};

fn holds<M: Model>(history: &[Operation<M::Input, M::Output>]) -> bool {
    let budget = Budget { remembered: 10_000, go_on: &mut || true };
    linearizable::<M>(history, budget) == Verdict::Linearizable
}

/// One operation after the other: what is asked, how it ends (`ok` or `fail`), with what.
fn recorded(operations: &[(&str, &str, &str, &str)]) -> String {
    let event = |(f, asked, kind, told): &(&str, &str, &str, &str)| {
        let event = |kind, value| {
            format!("{{:process 0, :type :{kind}, :f :{f}, :key 1, :value {value}}}\n")
        };
        event("invoke", asked) + &event(kind, told)
    };
    operations.iter().map(event).collect()
}

fn store(operations: &[(&str, &str, &str, &str)]) -> bool {
    holds::<Kv>(&kv_history(&read(&recorded(operations)).unwrap()).unwrap())
}

fn register(operations: &[(&str, &str, &str, &str)]) -> bool {
    holds::<Register>(&register_history(&read(&recorded(operations)).unwrap()).unwrap())
}

#[test]
fn a_store() {
    let get = |value| ("get", "nil", "ok", value);
    let append = ("append", "\"b\"", "ok", "nil");
    let put = ("put", "\"a\"", "ok", "nil");
    let delete = ("delete", "nil", "ok", "nil");
    let cas = |how| ("cas", "[\"ab\" \"c\"]", how, "nil");
    assert!(store(&[get("\"\""), put, append, get("\"ab\""), cas("ok"), get("\"c\"")]));
    assert!(store(&[put, append, put, get("\"a\""), cas("fail"), get("\"a\"")]));
    assert!(store(&[put, append, delete, get("\"\""), append, get("\"b\"")]));
    assert!(!store(&[put, append, get("\"ba\"")]));
    assert!(!store(&[put, append, delete, get("\"ab\"")]));
    assert!(!store(&[put, cas("ok")]));
    assert!(!store(&[put, append, cas("fail")]));
    assert!(!store(&[put, append, cas("ok"), get("\"ab\"")]));
}

#[test]
fn a_register() {
    let read = |value| ("read", "nil", "ok", value);
    let write = ("write", "1", "ok", "1");
    let cas = |how| ("cas", "[1 2]", how, "[1 2]");
    assert!(register(&[read("nil"), cas("fail"), write, read("1"), cas("ok"), read("2")]));
    assert!(!register(&[write, read("nil")]));
    assert!(!register(&[write, cas("fail")]));
    assert!(!register(&[cas("ok")]));
    assert!(!register(&[write, cas("ok"), read("1")]));
}

#[test]
fn a_queue() {
    let queue = |operations: &[(QueueInput, Option<u64>)]| {
        let operation = |(at, &(input, output)): (u64, &(QueueInput, Option<u64>))| Operation {
            process: 0,
            input,
            invoked: 2 * at,
            returned: Some((2 * at + 1, output)),
        };
        holds::<Queue>(&(1..).zip(operations).map(operation).collect::<Vec<_>>())
    };
    let enqueue = |element| (QueueInput::Enqueue(element), None);
    let dequeue = |element| (QueueInput::Dequeue, element);
    let (one, two) = (enqueue(1), enqueue(2));
    assert!(queue(&[dequeue(None), one, two, dequeue(Some(1)), dequeue(Some(2)), dequeue(None)]));
    assert!(!queue(&[one, two, dequeue(Some(2))]));
    assert!(!queue(&[one, dequeue(None)]));
    assert!(!queue(&[one, dequeue(Some(1)), dequeue(Some(1))]));
}
