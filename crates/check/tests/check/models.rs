//! What each object does, as one thread sees it.

use check::{
    Budget, Keyed, Kv, MultiRegister, Mutex, Queue, Recording, Register, Set, UnorderedQueue,
    Verdict, history, linearizable, read,
};

/// One operation after the other: what is asked, with what, and what came of it.
fn holds<M: Recording>(operations: &[(&str, &str, &str)]) -> bool {
    let key = if M::KEYED { ":key 1, " } else { "" };
    let event = |(f, asked, told): &(&str, &str, &str)| {
        format!(
            "{{:process 0, :type :invoke, :f :{f}, {key}:value {asked}}}\n\
             {{:process 0, :type :ok, :f :{f}, {key}:value {told}}}\n"
        )
    };
    let text: String = operations.iter().map(event).collect();
    let history = history::<M>(&read(&text).unwrap()).unwrap();
    let budget = Budget { remembered: 10_000, go_on: &mut || true };
    linearizable::<M>(&history, budget) == Verdict::Linearizable
}

#[test]
fn a_store() {
    let get = |value| ("get", "nil", value);
    let append = ("append", "\"b\"", "nil");
    let put = ("put", "\"a\"", "nil");
    let delete = ("delete", "nil", "nil");
    let cas = ("cas", "[\"ab\" \"c\"]", "nil");
    let other = ("cas", "[\"ab\" \"c\"]", "nil, :matched false");
    assert!(holds::<Kv>(&[get("\"\""), put, append, get("\"ab\""), cas, get("\"c\"")]));
    assert!(holds::<Kv>(&[put, append, put, get("\"a\""), other, get("\"a\"")]));
    assert!(holds::<Kv>(&[put, append, delete, get("\"\""), append, get("\"b\"")]));
    assert!(!holds::<Kv>(&[put, append, get("\"ba\"")]));
    assert!(!holds::<Kv>(&[put, append, delete, get("\"ab\"")]));
    assert!(!holds::<Kv>(&[put, cas]));
    assert!(!holds::<Kv>(&[put, append, other]));
    assert!(!holds::<Kv>(&[put, append, cas, get("\"ab\"")]));
}

#[test]
fn a_register() {
    let read = |value| ("read", "nil", value);
    let write = ("write", "1", "1");
    let cas = ("cas", "[1 2]", "[1 2]");
    let other = ("cas", "[1 2]", "[1 2], :matched false");
    assert!(holds::<Register>(&[read("nil"), other, write, read("1"), cas, read("2")]));
    assert!(!holds::<Register>(&[write, read("nil")]));
    assert!(!holds::<Register>(&[write, other]));
    assert!(!holds::<Register>(&[cas]));
    assert!(!holds::<Register>(&[write, cas, read("1")]));
    assert!(holds::<Keyed<Register>>(&[write, cas, read("2")]));
    assert!(!holds::<Keyed<Register>>(&[write, cas, read("1")]));
}

#[test]
fn a_mutex() {
    let (acquire, release) = (("acquire", "nil", "nil"), ("release", "nil", "nil"));
    assert!(holds::<Mutex>(&[acquire, release, acquire]));
    assert!(!holds::<Mutex>(&[acquire, acquire]));
    assert!(!holds::<Mutex>(&[release]));
    assert!(!holds::<Mutex>(&[acquire, release, release]));
}

#[test]
fn a_set() {
    let add = |element| ("add", element, element);
    let read = |elements| ("read", "nil", elements);
    assert!(holds::<Set>(&[
        read("[]"),
        add("2"),
        add("1"),
        add("2"),
        read("#{2 1}"),
        read("(1 2)")
    ]));
    assert!(!holds::<Set>(&[add("1"), add("2"), read("[1]")]));
    assert!(!holds::<Set>(&[add("1"), read("[1 2]")]));
    assert!(!holds::<Set>(&[add("1"), read("[1 1]")]), "no set has it twice");
    assert!(!holds::<Set>(&[add("1"), read("[:1]")]));
}

#[test]
fn a_queue() {
    let enqueue = |element| ("enqueue", element, element);
    let dequeue = |element| ("dequeue", "nil", element);
    let (one, two, none) = (enqueue("1"), enqueue("2"), dequeue("nil"));
    assert!(holds::<Queue>(&[none, one, two, dequeue("1"), dequeue("2"), none]));
    assert!(!holds::<Queue>(&[one, two, dequeue("2")]));
    for unordered in [false, true] {
        let holds = if unordered { holds::<UnorderedQueue> } else { holds::<Queue> };
        assert!(holds(&[one, two, one, dequeue("1"), dequeue("2"), dequeue("1"), none]));
        assert!(!holds(&[one, none]));
        assert!(!holds(&[one, dequeue("2")]));
        assert!(!holds(&[one, dequeue("1"), dequeue("1")]));
    }
    assert!(holds::<UnorderedQueue>(&[one, two, dequeue("2"), dequeue("1"), none]));
}

#[test]
fn registers_together() {
    let txn = |asked, told| ("txn", asked, told);
    let write = txn("[[:w :x 1] [:write :y 2]]", "[[:w :x 1] [:write :y 2]]");
    let read = |told| txn("[[:r :x nil] [:read :y nil]]", told);
    let (before, after) = (read("[[:r :x nil] [:read :y nil]]"), read("[[:r :x 1] [:read :y 2]]"));
    assert!(holds::<MultiRegister>(&[before, write, after]));
    assert!(!holds::<MultiRegister>(&[before, write, before]));
    assert!(!holds::<MultiRegister>(&[write, read("[[:r :x 1] [:read :y nil]]")]));
    let own = |told| txn("[[:r :x nil] [:w :x 3] [:r :x nil]]", told);
    assert!(holds::<MultiRegister>(&[write, own("[[:r :x 1] [:w :x 3] [:r :x 3]]")]));
    assert!(!holds::<MultiRegister>(&[write, own("[[:r :x 1] [:w :x 3] [:r :x 1]]")]));
}
