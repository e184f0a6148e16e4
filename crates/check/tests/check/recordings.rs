//! What recorded events say of an object: what is dropped, what stays open, and what is refused.

use check::{
    Budget, Granted, Keyed, Kind, Kv, KvInput, KvOutput, Malformed, MultiRegister, Mutex, Queue,
    Recording, Register, RegisterInput, RegisterOutput, Registers, Set, UnorderedQueue, Value,
    Verdict, history, independent, linearizable, linearizable_from, read,
};
use proptest::prelude::*;

fn judge<M: Recording>(text: &str) -> Result<bool, Malformed> {
    let history = history::<M>(&read(text)?)?;
    let budget = Budget { remembered: 100_000, go_on: &mut || true };
    Ok(linearizable::<M>(&history, budget) == Verdict::Linearizable)
}

fn register(text: &str) -> bool {
    judge::<Keyed<Register>>(text).unwrap_or_else(|why| panic!("{why}"))
}

/// Words of one event a line; the newest log of Jepsen's.
fn log(events: &str) -> String {
    let line = |event: &str| {
        format!("2024-01-01 12:00:00,000{{GMT}}\tINFO\t[jepsen worker 0] jepsen.util: {event}\n")
    };
    events.trim().lines().map(|event| line(event.trim())).collect()
}

#[test]
fn what_failed_did_not_take_place_and_nothing_more() {
    let history = log("0 :invoke :write 0
        0 :ok :write 0
        1 :invoke :cas [0 1]
        1 :fail :cas [0 1] [:connection-refused \"n1\"]
        0 :invoke :read nil
        0 :ok :read 0");
    assert!(register(&history));
    assert!(!register(&history.replace(":ok :read 0", ":ok :read 1")));
    assert!(!register(&history.replace(":fail :cas", ":ok :cas").replace(" [:connection", ";")));
    assert!(register(&history.replace(":fail :cas", ":info :cas")));
    assert!(register(&history.replace(":fail :cas", ":info :cas").replace(":read 0", ":read 1")));
}

#[test]
fn a_system_that_says_that_it_did_not_match_is_held_to_that() {
    let history = "\
{:process 0, :type :invoke, :f :write, :value 0}
{:process 0, :type :ok, :f :write, :value 0}
{:process 1, :type :invoke, :f :cas, :value [0 1]}
{:process 1, :type :ok, :f :cas, :value [0 1], :matched false}
";
    assert!(!register(history));
    assert!(register(&history.replace("[0 1]", "[2 1]")));
    assert!(register(&history.replace("false", "true")));
    assert!(register(&history.replace("false", "nil")));
    let kv = history.replace(":f", ":key 1 :f").replace("write", "put");
    assert_eq!(judge::<Kv>(&kv), Ok(false));
    let json = "{\"process\": 1, \"type\": \"invoke\", \"f\": \"cas\", \"value\": [null, 1]}\n\
                {\"process\": 1, \"type\": \"ok\", \"f\": \"cas\", \"matched\": false}";
    assert!(!register(json));
    for (said, why) in [
        (history.replace("false", "0"), "matched is 0, not true or false"),
        (history.replace(":ok, :f :cas", ":fail, :f :cas"), "matched is said of a cas that is ok"),
        (history.replace("cas", "write"), "matched is said of a cas that is ok"),
    ] {
        let Malformed { line, why: told } = judge::<Register>(&said).unwrap_err();
        assert!(line == 4 && told.contains(why), "{told}");
    }
}

#[test]
fn operations_in_the_order_of_their_beginnings() {
    use RegisterInput::{Cas, Read, Write};
    let events = log("0 :invoke :read nil
        1 :invoke :write 4
        0 :ok :read nil
        1 :info :write :timed-out
        2 :invoke :cas [4 2]
        2 :ok :cas [4 2]
        2 :invoke :read nil
        2 :fail :read :timed-out
        3 :invoke :read nil
        4 :invoke :write 5");
    let history = history::<Register>(&read(&events).unwrap()).unwrap();
    let told = history.into_iter().map(|it| (it.process, it.input, it.invoked, it.returned));
    let int = Value::Int;
    assert_eq!(
        told.collect::<Vec<_>>(),
        [
            (0, Read, 1, Some((3, RegisterOutput::Read(Value::Nil)))),
            (1, Write(int(4)), 2, None),
            (2, Cas { from: int(4), to: int(2) }, 5, Some((6, RegisterOutput::Swapped(true)))),
            (4, Write(int(5)), 10, None),
        ],
        "a read without an answer tells nothing"
    );
}

#[test]
fn keys_of_their_own() {
    let keys = "\
{:process 0, :type :invoke, :f :write, :key 0, :value 3}
{:process 0, :type :ok, :f :write, :key 0, :value 3}
{:process 1, :type :invoke, :f :read, :key 1}
{:process 1, :type :ok, :f :read, :value nil}
";
    assert!(register(keys));
    assert!(!register(&keys.replace(":key 1", ":key 0")));
    let history = history::<Keyed<Register>>(&read(keys).unwrap()).unwrap();
    assert_eq!(history[0].to_string(), "key 0: write 3 -> done");
    malformed::<Register>(keys, 1, "this object knows none");
    malformed::<Keyed<Register>>(
        &keys.replace(":key 1", ""),
        3,
        "key is missing, and line 1 has one",
    );
    let late = keys.replace(":key 0, ", "");
    malformed::<Keyed<Register>>(&late, 3, "it has a key, and line 1 has none");
    let moved = keys.replacen(":ok, :f :write, :key 0", ":ok, :f :write, :key 1", 1);
    malformed::<Keyed<Register>>(&moved, 2, "asked of key 0 ends with key 1");
}

const INDEPENDENT: &str = "\
0 :invoke :write [:x 3]
0 :ok :write [:x 3]
1 :invoke :read [:y nil]
1 :ok :read [:y nil]
0 :invoke :cas [:y [nil 4]]
0 :fail :cas [:y [nil 4]] :timeout
2 :invoke :cas [:x [3 5]]
2 :info :cas :timeout
1 :invoke :read [:x nil]
1 :ok :read [:x 5]
";

#[test]
fn values_of_independent_keys_are_taken_apart_when_told_so() {
    let judged = |text: &str| {
        let history = history::<Keyed<Register>>(&independent(read(text)?)?)?;
        let budget = Budget { remembered: 1_000, go_on: &mut || true };
        Ok::<_, Malformed>(
            linearizable::<Keyed<Register>>(&history, budget) == Verdict::Linearizable,
        )
    };
    assert_eq!(judged(INDEPENDENT), Ok(true));
    assert_eq!(judged(&INDEPENDENT.replace("[:y nil]", "[:x nil]")), Ok(false));
    assert_eq!(judged(&INDEPENDENT.replace(":ok :read [:x 5]", ":ok :read [:x 4]")), Ok(false));
    // As key-value stores say it too.
    let kv = INDEPENDENT.replace("read", "get").replace("write", "put");
    assert_eq!(history::<Kv>(&independent(read(&kv).unwrap()).unwrap()).unwrap().len(), 4);
    let refused = |text: &str, line, words: &str| {
        let Malformed { line: told, why } = judged(text).unwrap_err();
        assert!(told == line && why.contains(words), "line {told}: {why}");
    };
    refused("0 :invoke :read nil", 1, "is [key value], and not nil");
    refused("0 :invoke :write [1 2 3]", 1, "is [key value], and not [1 2 3]");
    refused("0 :invoke :read [1 nil]\n0 :ok :read 3", 2, "is [key value], and not 3");
    refused("0 :invoke :read [1 nil]\n0 :ok :read [2 3]", 2, "asked of key 1 ends with key 2");
    refused("{:process 0 :type :invoke :f :read :key 1 :value [1 nil]}", 1, "has a key already");
}

#[test]
fn values_of_independent_keys_are_refused_when_not() {
    let hint = "if values are [key value], say --independent";
    malformed::<Keyed<Register>>(INDEPENDENT, 3, hint);
    malformed::<Register>("0 :invoke :cas [7 [1 2]]", 1, hint);
    malformed::<Kv>("0 :invoke :get [7 nil]", 1, hint);
    malformed::<Mutex>("0 :invoke :acquire [7 nil]", 1, hint);
    malformed::<Set>("0 :invoke :read [7 nil]", 1, hint);
    malformed::<Queue>("0 :invoke :dequeue [7 nil]", 1, hint);
    malformed::<MultiRegister>("0 :invoke :txn [7 [[:r 1 nil]]]", 1, hint);
}

#[track_caller]
fn malformed<M: Recording>(text: &str, line: u64, words: &str) {
    let Malformed { line: told, why } = judge::<M>(text).expect_err(text);
    assert!(told == line && why.contains(words), "line {told}: {why}");
}

#[test]
fn what_is_not_understood_is_refused() {
    let begin = "{:process 1, :type :invoke, :f :read, :value nil}";
    malformed::<Register>(&format!("{begin}\n{begin}"), 2, "has not ended what it began in 1");
    let text = format!("{begin} {begin}");
    malformed::<Register>(&text, 1, "event 2: process 1 has not ended what it began in 1");
    malformed::<Register>("{:process 1, :type :ok, :f :read, :value nil}", 1, "has not begun");
    let other = "{:process 1, :type :ok, :f :write, :value nil}";
    malformed::<Register>(&format!("{begin}\n{other}"), 2, "a read ends as a write");
    malformed::<Register>(&format!("{begin}\n1 :ok :read"), 2, "an event is a map");
    malformed::<Register>("1 :invoke :read nil\n1 :ok :read", 2, "its value is missing");
    malformed::<Register>("1 :invoke :read 5", 1, "asked with nil, and not with 5");
    malformed::<Register>("1 :invoke :write", 1, "the value of a write is missing");
    malformed::<Register>("1 :invoke :write 4\n1 :ok :write 5", 2, "asked with 4 ends with 5");
    malformed::<Register>("1 :invoke :cas [1]", 1, "from one value to another, and not [1]");
    malformed::<Register>("1 :invoke :cas [1 2]\n1 :ok :cas false", 2, "is said by matched");
    malformed::<Register>("1 :invoke :sing nil", 1, "knows read, write and cas, and not \"sing\"");
    malformed::<Kv>(
        "{:process 1 :type :invoke :f :sing :key 1}",
        1,
        "get, put, append, cas and delete",
    );
    malformed::<Mutex>("1 :invoke :lock nil", 1, "knows acquire and release, and not \"lock\"");
    malformed::<Mutex>("1 :invoke :acquire nil\n1 :ok :acquire false", 2, "ends with false");
    malformed::<Set>("1 :invoke :remove 1", 1, "knows add and read, and not \"remove\"");
    malformed::<Set>("1 :invoke :read nil\n1 :ok :read 5", 2, "read as its elements, and not as 5");
    malformed::<Queue>("1 :invoke :drain nil", 1, "knows enqueue and dequeue, and not \"drain\"");
    malformed::<Queue>("1 :invoke :enqueue nil", 1, "an element is not nil");
    malformed::<MultiRegister>("1 :invoke :txn [[:append 1 2]]", 1, "r and w, and not \"append\"");
    malformed::<MultiRegister>("1 :invoke :txn [[:r 1]]", 1, "[:r 1] is no [:r key nil]");
    malformed::<MultiRegister>("1 :invoke :txn [[:r 1 5]]", 1, "asked with nil, and not 5");
    malformed::<MultiRegister>("1 :invoke :bump 5", 1, "knows txn");
    let other = "1 :invoke :txn [[:r 1 nil] [:w 2 3]]\n1 :ok :txn [[:r 1 nil] [:w 2 4]]";
    malformed::<MultiRegister>(other, 2, "ends as another one");
    malformed::<MultiRegister>(&other.replace(" [:w 2 4]", ""), 2, "ends as another one");
}

/// An object may begin otherwise than empty: Jepsen's registers often at 0.
#[test]
fn another_beginning() {
    let verdict = |value: &str, initial: Value| {
        let events = read(&format!("0 :invoke :read nil\n0 :ok :read {value}")).unwrap();
        let budget = Budget { remembered: 1_000, go_on: &mut || true };
        let history = history::<Register>(&events).unwrap();
        linearizable_from::<Register>(&initial, &history, budget) == Verdict::Linearizable
    };
    assert!(verdict("nil", Value::Nil) && verdict("0", Value::Int(0)));
    assert!(!verdict("0", Value::Nil) && !verdict("nil", Value::Int(0)));
    let events = read(
        "0 :invoke :txn [[:w :x 1] [:r :x nil] [:r :y nil]]\n\
                       0 :ok :txn [[:w :x 1] [:r :x 1] [:r :y 0]]",
    );
    let history = history::<MultiRegister>(&events.unwrap()).unwrap();
    for (initial, holds) in [(Value::Int(0), true), (Value::Nil, false)] {
        let budget = Budget { remembered: 1_000, go_on: &mut || true };
        let verdict =
            linearizable_from::<MultiRegister>(&Registers::all(initial), &history, budget);
        assert_eq!(verdict == Verdict::Linearizable, holds);
    }
}

#[test]
fn what_others_read_and_wrote_is_kept_as_it_was() {
    let events = r#"
        {:process 9, :type :invoke, :f :append, :key "0", :value "x 1 \"y\""}
        #jepsen.history.Op{:index 3, :process 9 :type :ok :f :append :key "0" :value "x 1 \"y\""}
        {:process 8, :type :invoke, :f :cas, :key "0", :value ["a" "b"]}"#;
    let history = history::<Kv>(&read(events).unwrap()).unwrap();
    let (key, value) = ("0".to_string(), "x 1 \"y\"".to_string());
    assert_eq!(history[0].input, KvInput::Append { key: key.clone(), value });
    assert_eq!((history[0].invoked, &history[0].returned), (2, &Some((3, KvOutput::Done))));
    let (from, to) = ("a".to_string(), "b".to_string());
    assert_eq!(history[1].input, KvInput::Cas { key, from, to });
    assert_eq!(history[1].returned, None, "what has no end stays open");
    let mutex = "0 :invoke :acquire nil\n0 :ok :acquire nil";
    let history = check::history::<Mutex>(&read(mutex).unwrap()).unwrap();
    assert_eq!(history[0].returned, Some((2, Granted)));
}

/// A history of each object, in one of the forms each.
const HISTORIES: [&str; 6] = [
    INDEPENDENT,
    "{\"process\":1,\"type\":\"invoke\",\"f\":\"put\",\"key\":\"k\",\"value\":\"a\"}\n\
     {\"process\":1,\"type\":\"ok\",\"f\":\"put\",\"key\":\"k\"}\n\
     {\"process\":1,\"type\":\"invoke\",\"f\":\"cas\",\"key\":\"k\",\"value\":[\"b\",\"c\"]}\n\
     {\"process\":1,\"type\":\"ok\",\"f\":\"cas\",\"key\":\"k\",\"matched\":false}\n",
    "[{:process 0 :type :invoke :f :acquire :value nil} {:process 0 :type :ok :f :acquire} \
      {:process 1, :type :invoke, :f :release, :value nil}\n {:process 1 :type :ok :f :release}]",
    "#jepsen.history.Op{:process 0 :type :invoke :f :add :value #inst \"2024\"} ; one\n\
     #_{:a b} #:a{:b \\c} \n{:process 1 :type :invoke :f :read :value nil}\n\
     {:process 1 :type :ok :f :read :value #{\"2024\"}}",
    "INFO  jepsen.util - 0\t:invoke\t:enqueue\t1\nINFO  jepsen.util - 1\t:invoke\t:dequeue\tnil\n\
     INFO  jepsen.util - 1\t:ok\t:dequeue\t1\nINFO  jepsen.util - 0\t:info\t:enqueue\t1\ttimeout\n",
    "0 :invoke :txn [[:r 1 nil] [:w 2 3]]\n0 :ok :txn [[:r 1 nil] [:w 2 3]]\n:nemesis :info :a nil",
];

/// Whatever it is taken for: it is refused, or has an end. No more begins than there are words for it.
fn every_object(text: &str) {
    fn one<M: Recording>(text: &str, independently: bool) {
        let events = read(text).and_then(|events| match independently {
            true => independent(events),
            false => Ok(events),
        });
        let Ok(events) = events else { return };
        let begins = events.iter().filter(|event| event.kind == Kind::Invoke).count();
        assert!(begins <= text.matches("invoke").count(), "{text}");
        let lines = text.lines().count() as u64;
        assert!(events.iter().all(|event| (1..=lines).contains(&event.line)), "{text}");
        assert!(events.windows(2).all(|pair| pair[0].position < pair[1].position), "{text}");
        let Ok(history) = history::<M>(&events) else { return };
        assert!(history.len() <= begins);
        let budget = Budget { remembered: 10_000, go_on: &mut || true };
        linearizable::<M>(&history, budget);
    }
    for independently in [false, true] {
        one::<Keyed<Register>>(text, independently);
        one::<Kv>(text, independently);
        one::<Keyed<Mutex>>(text, independently);
        one::<Keyed<Set>>(text, independently);
        one::<Keyed<Queue>>(text, independently);
        one::<Keyed<UnorderedQueue>>(text, independently);
        one::<Keyed<MultiRegister>>(text, independently);
    }
}

#[test]
fn each_is_a_history_before_it_is_mutated() {
    assert_eq!(judge::<Kv>(HISTORIES[1]), Ok(true));
    assert_eq!(judge::<Keyed<Mutex>>(HISTORIES[2]), Ok(true));
    let why = judge::<Set>(HISTORIES[3]).unwrap_err();
    assert_eq!(why.line, 2, "a map that is no event: {why}");
    assert_eq!(judge::<Set>(&HISTORIES[3].replace("#:a{:b \\c}", "")), Ok(true));
    assert_eq!(judge::<Queue>(HISTORIES[4]), Ok(true));
    assert_eq!(judge::<MultiRegister>(HISTORIES[5]), Ok(true));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn nothing_makes_the_reader_stumble(text in "[\\PC\\n\\t]{0,200}") {
        every_object(&text);
    }

    /// Bytes replaced, taken out and doubled.
    #[test]
    fn a_mutated_history_is_read_or_refused(
        which in 0..HISTORIES.len(),
        mutations in prop::collection::vec((any::<usize>(), 0u8..3, "[\\PC]|[ \\n\\t:#\\[\\]{}()\";_,0-9]"), 1..6),
    ) {
        let mut text: Vec<char> = HISTORIES[which].chars().collect();
        for (place, how, with) in mutations {
            let place = place % text.len();
            match how {
                0 => text.splice(place..=place, with.chars()).for_each(drop),
                1 => drop(text.remove(place)),
                _ => text.insert(place, text[place]),
            }
        }
        every_object(&text.into_iter().collect::<String>());
    }

    /// Whole lines in another order, missing and twice.
    #[test]
    fn lines_that_are_shuffled_are_read_or_refused(
        lines in prop::collection::vec((0..HISTORIES.len(), any::<usize>()), 0..12),
    ) {
        let line = |&(which, line): &(usize, usize)| {
            let lines: Vec<_> = HISTORIES[which].lines().collect();
            lines[line % lines.len()].to_string() + "\n"
        };
        every_object(&lines.iter().map(line).collect::<String>());
    }
}
