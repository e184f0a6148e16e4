//! Reading what others recorded.

use check::{
    Budget, Kind, Kv, KvInput, KvOutput, Malformed, Register, RegisterInput, RegisterOutput, Value,
    Verdict, kv_history, linearizable, read, register_history,
};
use proptest::prelude::*;

const LOG: &str = "\
INFO  jepsen.core - Everything is set up\n\
INFO  jepsen.util - :nemesis\t:info\t:start\tnil\n\
INFO  jepsen.util - 0\t:invoke\t:read\tnil\n\
INFO  jepsen.util - 1\t:invoke\t:write\t4\n\
INFO  jepsen.util - 0\t:ok\t:read\tnil\n\
INFO  jepsen.util - 1\t:info\t:write\t:timed-out\n\
INFO  jepsen.util - 2\t:invoke\t:cas\t[4 2]\n\
INFO  jepsen.util - 2\t:fail\t:cas\t[4 2]\n\
INFO  jepsen.util - 2\t:invoke\t:read\tnil\n\
INFO  jepsen.util - 2\t:fail\t:read\t:timed-out\n";

#[test]
fn the_lines_of_a_log() {
    use RegisterInput::{Cas, Read, Write};
    let history = register_history(&read(LOG).unwrap()).unwrap();
    let mut told: Vec<_> = history
        .iter()
        .map(|it| (it.process, it.input.clone(), it.invoked, it.returned.clone()))
        .collect();
    told.sort_by_key(|&(.., invoked, _)| invoked);
    let int = Value::Int;
    assert_eq!(
        told,
        [
            (0, Read, 3, Some((5, RegisterOutput::Read(Value::Nil)))),
            (1, Write(int(4)), 4, None),
            (2, Cas { from: int(4), to: int(2) }, 7, Some((8, RegisterOutput::Swapped(false)))),
        ],
        "a read that failed tells nothing"
    );
}

#[test]
fn maps_and_objects_say_the_same() {
    let edn = r#"
        ; a comment
        {:process 9, :type :invoke, :f :append, :key "0", :value "x 1 \"y\""}
        {:process :nemesis, :type :info, :f :kill, :value nil}
        #jepsen.history.Op{:index 3, :process 9 :type :ok :f :append :key "0" :value "x 1 \"y\""}
        {:process 8, :type :invoke, :f :cas, :key "0", :value ["a" "b"]}"#;
    let json = r#"

        {"process":9,"type":"invoke","f":"append","key":"0","value":"x 1 \"y\""}

        {"process":9,"type":"ok","f":"append","key":"0","value":null,"time":17}
        {"process":8,"type":"invoke","f":"cas","key":"0","value":["a","b"]}"#;
    for text in [edn, json] {
        let mut history = kv_history(&read(text).unwrap()).unwrap();
        history.sort_by_key(|it| it.invoked);
        let (key, value) = ("0".to_string(), "x 1 \"y\"".to_string());
        assert_eq!(history[0].input, KvInput::Append { key: key.clone(), value });
        assert_eq!((history[0].invoked, &history[0].returned), (3, &Some((5, KvOutput::Done))));
        let (from, to) = ("a".to_string(), "b".to_string());
        assert_eq!(history[1].input, KvInput::Cas { key, from, to });
        assert_eq!(history[1].returned, None, "what has no end stays open");
    }
}

#[track_caller]
fn malformed(text: &str, line: u64, words: &str) {
    let read_as_either = read(text)
        .and_then(|events| register_history(&events).and_then(|_| kv_history(&events).map(drop)));
    let Malformed { line: told, why } = read_as_either.unwrap_err();
    assert!(told == line && why.contains(words), "line {told}: {why}");
}

#[test]
fn a_line_that_makes_no_sense_is_named() {
    malformed("", 0, "no operation");
    malformed("hello\nworld", 1, "no map");
    malformed("INFO  jepsen.util - 3\t:invoke\t:cas\t[1 4", 1, "too early");
    malformed("INFO  jepsen.util - 3\t:begin\t:read\tnil", 1, "the type is \"begin\"");
    malformed("INFO  jepsen.util - 3\t:invoke", 1, "the function is missing");
    malformed("{:process 1, :type :invoke, :f :read", 1, "too early");
    malformed("{:process 1, :type :invoke, :f :read}}", 1, "more after the end");
    malformed("{:type :invoke, :f :read}", 1, "process is missing");
    malformed("{:process -1, :type :invoke, :f :read}", 1, "no process");
    malformed("{\"process\":1,\"type\":\"invoke\"}", 1, "f is missing");
    malformed("{\"process\":1,", 1, "no JSON object");
    let begin = "{:process 1, :type :invoke, :f :read, :value nil}";
    malformed(&format!("{begin}\n{begin}"), 2, "has not ended what it began in line 1");
    malformed("{:process 1, :type :ok, :f :read, :value nil}", 1, "has not begun");
    let other = "{:process 1, :type :ok, :f :write, :value nil}";
    malformed(&format!("{begin}\n{other}"), 2, "a read ends as a write");
    malformed("{:process 1, :type :invoke, :f :cas, :value [1]}", 1, "from one value to another");
    malformed("{:process 1, :type :invoke, :f :sing}", 1, "\"sing\"");
    let deep = "[".repeat(100_000);
    malformed(&format!("{{:process 1, :value {deep}"), 1, "too deeply");
}

#[test]
fn the_register_starts_as_nil_and_values_start_empty() {
    let verdict = |value: &str| {
        let begin = "INFO  jepsen.util - 0\t:invoke\t:read\tnil";
        let end = format!("INFO  jepsen.util - 0\t:ok\t:read\t{value}");
        let history = register_history(&read(&format!("{begin}\n{end}")).unwrap()).unwrap();
        linearizable::<Register>(&history, Budget { remembered: 1_000, go_on: &mut || true })
    };
    assert_eq!(verdict("nil"), Verdict::Linearizable);
    assert!(matches!(verdict("0"), Verdict::NotLinearizable(_)));
    let gets = "{:process 0, :type :invoke, :f :get, :key 1, :value nil}\n\
                {:process 0, :type :ok, :f :get, :key 1, :value \"\"}";
    let history = kv_history(&read(gets).unwrap()).unwrap();
    let budget = Budget { remembered: 1_000, go_on: &mut || true };
    assert_eq!(linearizable::<Kv>(&history, budget), Verdict::Linearizable);
}

proptest! {
    #[test]
    fn nothing_makes_the_reader_stumble(text in "[\\PC\\n\\t]{0,200}") {
        let _ = read(&text).map(|events| (register_history(&events), kv_history(&events)));
    }

    #[test]
    fn a_mutated_history_is_read_or_refused(place in 0usize..400, byte in 0u8..128) {
        let mut bytes = LOG.as_bytes().to_vec();
        let place = place % bytes.len();
        bytes[place] = byte;
        let text = String::from_utf8(bytes).unwrap();
        if let Ok(events) = read(&text) {
            prop_assert!(events.iter().all(|event| event.line >= 1 && event.line <= 12));
            prop_assert!(events.iter().filter(|event| event.kind == Kind::Invoke).count() <= 4);
            let _ = (register_history(&events), kv_history(&events));
        }
    }
}
