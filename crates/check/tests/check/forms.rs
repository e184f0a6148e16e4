//! The forms in which others write histories: each says the same, and what is none of them is refused.

use check::{Keyed, Kind, Malformed, Recorded, Register, Value, history, read};

/// What every form below says: who, what, and with which value.
fn told(text: &str) -> Vec<(u64, Kind, String, Option<Value>)> {
    let told = |it: Recorded| (it.process, it.kind, it.f, it.value);
    read(text).unwrap_or_else(|why| panic!("{why}: {text}")).into_iter().map(told).collect()
}

fn lines(text: &str) -> Vec<u64> {
    read(text).unwrap().iter().map(|event| event.position).collect()
}

const PLAIN: &str = "\
0\t:invoke\t:cas\t[0 1]
:nemesis\t:info\t:start\tnil
1\t:invoke\t:read\tnil
0\t:fail\t:cas\t[0 1]\t:conn-closed
1\t:ok\t:read\t-3
";

fn expected() -> Vec<(u64, Kind, String, Option<Value>)> {
    let cas = Value::List(vec![Value::Int(0), Value::Int(1)]);
    vec![
        (0, Kind::Invoke, "cas".into(), Some(cas)),
        (1, Kind::Invoke, "read".into(), Some(Value::Nil)),
        (0, Kind::Fail, "cas".into(), None),
        (1, Kind::Ok, "read".into(), Some(Value::Int(-3))),
    ]
}

/// Puts something before each line.
fn before(prefix: &str, text: &str) -> String {
    text.lines().map(|line| format!("{prefix}{line}\n")).collect()
}

#[test]
fn every_log_that_jepsen_ever_wrote() {
    let noise = "INFO [2024-01-01 12:00:00,000] main - jepsen.core Everything is set up\n\
                 java.lang.RuntimeException: boom\n\tat jepsen.util$timeout.invoke(util.clj:1)\n\
                 2024-01-01 12:00:00,000{GMT}\tINFO\t[main] jepsen.util: Waiting for n1 to come up\n\
                 2024-01-01 12:00:00,000{GMT}\tWARN\t[jepsen worker 1] jepsen.core: Process 1 crashed\n\n";
    for prefix in [
        "",
        "INFO  jepsen.util - ",
        "INFO [2024-01-01 12:00:00,000] jepsen worker 0 - jepsen.util ",
        "2024-01-01 12:00:00,000{GMT}\tINFO\t[jepsen worker 0] jepsen.util: ",
        "2024-01-01 12:00:00,000{GMT} INFO [jepsen worker nemesis] jepsen.util: ",
    ] {
        let log = before(prefix, PLAIN);
        assert_eq!(told(&log), expected(), "{log}");
        assert_eq!(lines(&log), [1, 3, 4, 5], "{log}");
        // Fields are parted by any white space, and lines as on any system.
        assert_eq!(told(&log.replace('\t', "  \t ").replace('\n', " \r\n")), expected(), "{log}");
        if !prefix.is_empty() {
            assert_eq!(told(&format!("{noise}{log}{noise}")), expected(), "{log}");
        }
    }
}

/// What was written may look like a line of a log.
#[test]
fn a_log_within_a_value_is_none() {
    let wrote = "INFO jepsen.util - 3 :invoke :read nil";
    for text in [
        format!("0 :invoke :write \"an {wrote}\""),
        format!("{{:process 0 :type :invoke :f :write\n:value \"an {wrote}\"}}"),
        format!(
            "{{\"process\": 0, \"type\": \"invoke\", \"f\": \"write\",\n\"value\": \"an {wrote}\"}}"
        ),
    ] {
        let value = Some(Value::Text(format!("an {wrote}")));
        assert_eq!(told(&text), [(0, Kind::Invoke, "write".into(), value)], "{text}");
    }
}

const MAPS: &str = "\
{:process 0, :type :invoke, :f :cas, :value [0 1]}
{:process :nemesis, :type :info, :f :start, :value {\"n1\" #{\"n2\" \"n3\"}}}
{:process 1, :type :invoke, :f :read, :value nil}
{:process 0, :type :fail, :f :cas, :error [:conn-closed \"say \\\"}\\\"\"]}
{:process 1, :type :ok, :f :read, :value -3}
";

#[test]
fn maps_one_a_line_or_over_many_or_in_one_collection() {
    let tagged = MAPS.replace('{', "#jepsen.history.Op{").replace("#jepsen.history.Op{\"", "{\"");
    let tagged = tagged.replace("##jepsen.history.Op", "#");
    for maps in [MAPS, &tagged, &MAPS.replace(", ", "\n  ,"), &MAPS.replace(' ', "\t,\r\n")] {
        for (begin, end) in [
            ("", ""),
            ("[", "]"),
            ("(", ")"),
            ("; [a comment\n[", "]\n"),
            ("#jepsen/History [", "]"),
        ] {
            let text = format!("\u{feff}{begin}{maps}{end}");
            assert_eq!(told(&text), expected(), "{text}");
        }
    }
    assert_eq!(lines(&format!("[{MAPS}]")), [1, 3, 4, 5]);
    let one_line = format!("[{}]", MAPS.replace('\n', " "));
    assert_eq!(told(&one_line), expected());
    assert_eq!(lines(&one_line), [1, 2, 3, 4], "events that share a line are counted");
    let commented = MAPS.replace(", :type", " ; who\n :type").replace("}\n{", "} #_{:a #_b 1}\n{");
    assert_eq!(told(&commented), expected(), "{commented}");
}

const OBJECTS: &str = r#"
{"process": 0, "type": "invoke", "f": "cas", "value": [0, 1]}
{"process": "nemesis", "type": "info", "f": "start", "value": {"n1": ["n2"]}}
{"process": 1, "type": "invoke", "f": "read", "value": null}
{"process": 0, "type": "fail", "f": "cas", "error": "}{ \"["}
{"process": 1, "type": "ok", "f": "read", "value": -3}
"#;

#[test]
fn objects_one_a_line_or_over_many_or_in_one_array() {
    let array = format!("[{}]", OBJECTS.trim().replace("}\n{", "},\n{"));
    for text in [OBJECTS, &array, &array.replace(", ", ",\r\n\t"), &OBJECTS.replace('\n', " ")] {
        assert_eq!(told(text), expected(), "{text}");
    }
    assert_eq!(lines(OBJECTS), [2, 4, 5, 6]);
    assert_eq!(lines(&array.replace(", ", ",\n")), [1, 10, 14, 18]);
}

#[test]
fn what_values_may_be() {
    let value = |text: &str| {
        let line = format!("{{:process 0 :type :invoke :f :write :value {text}}}");
        read(&line).map(|events| events[0].value.clone().unwrap())
    };
    let same = |one, other| assert_eq!(value(one).unwrap(), value(other).unwrap());
    same("#{3 1 2}", "#{1 2,3}");
    same("{:a 1 :b 2}", "{:b 2, :a 1}");
    same("#:n{:a 1 :_/b 2 :m/c 3}", "{:n/a 1 :b 2 :m/c 3}");
    same("[1 2]", "(1 #_ #_ a b 2)");
    same("17N", "17");
    same("\"\\u0041\"", "\"A\"");
    same("#inst \"2024-01-01\"", "\"2024-01-01\"");
    for literal in [
        "true",
        "1.5",
        "12345678901234567890",
        "1/2",
        "0x7fe3",
        "a.b/c",
        "##Inf",
        "\\(",
        "\\newline",
    ] {
        assert_eq!(value(literal).unwrap(), Value::Literal(literal.into()));
        assert_eq!(value(literal).unwrap().to_string(), literal);
    }
    assert_ne!(value("true").unwrap(), value(":true").unwrap());
    for (bad, why) in [
        ("#{1 1}", "a set has 1 twice"),
        ("{:a 1 :a 2}", "a map has :a twice"),
        ("{:a}", "a key without a value"),
        ("12ab", "12ab is no number"),
        ("0x", "0x is no number"),
        ("@x", "is no EDN"),
        (":", "a keyword has no name"),
        ("#:n[1]", "the namespace n is no map's"),
        ("#\"a\"", "a tag has no name"),
        ("(1]", "a bracket has no partner"),
    ] {
        let Malformed { line, why: told } = value(bad).unwrap_err();
        assert!(line == 1 && told.contains(why), "{bad}: {told}");
    }
}

#[track_caller]
fn malformed(text: &str, line: u64, words: &str) {
    let read = read(text).and_then(|events| history::<Keyed<Register>>(&events));
    let Malformed { line: told, why } = read.expect_err(text);
    assert!(told == line && why.contains(words), "line {told}: {why}");
}

#[test]
fn what_makes_no_sense_is_named_by_its_line() {
    malformed("hello\nworld", 1, "it is no operation: wanted are");
    malformed(&format!("{PLAIN}three blind mice"), 6, "it is no operation: wanted are");
    malformed("INFO  jepsen.util - 3\t:invoke\t:cas\t[1 4", 1, "too early");
    malformed("INFO  jepsen.util - 3\t:invoke\t:write\t1 4", 1, "more after the end");
    malformed("INFO  jepsen.util - 3\t:begin\t:read\tnil", 1, "the type is \"begin\"");
    malformed("INFO  jepsen.util - 3\t:invoke", 1, "the function is missing");
    malformed("INFO  jepsen.util - :n1\t:invoke\t:read\tnil", 1, "process is :n1, not a number");
    malformed("\n\n{:process 1, :type :invoke, :f :read", 3, "too early");
    malformed("{:process 1, :type :invoke, :f :read, :value nil}}", 1, "has no partner");
    malformed("[\n{:process 1, :type :invoke, :f :read}\n", 1, "what begins here does not end");
    malformed("[[{:process 1, :type :invoke, :f :read}]]", 1, "no operation");
    malformed("[{:process 1, :type :invoke, :f :read} 5]", 1, "an event is a map, and not 5");
    malformed("#{{:process 1, :type :invoke, :f :read}}", 1, "an event is a map");
    malformed("{:type :invoke, :f :read}", 1, "process is missing");
    malformed("{:process -1, :type :invoke, :f :read}", 1, "no process");
    malformed("{:process \"c1\", :type :invoke, :f :read}", 1, "process is \"c1\", not a number");
    malformed("{\"process\":1,\"type\":\"invoke\"}", 1, "f is missing");
    malformed("\n{\"process\":1,", 2, "it is no JSON: EOF");
    malformed(
        "[{\"process\":1, \"type\":\"invoke\", \"f\":\"read\"}\n",
        1,
        "what begins here does not end",
    );
    let deep = "[".repeat(100_000);
    malformed(&format!("{{:process 1, :value {deep}"), 1, "too deeply");
    malformed(&format!("{{:process 1, :value {}", "#_".repeat(100_000)), 1, "too deeply");
    let unsorted = "{:process 1, :type :invoke, :f :read, :index 7}\n\
                    {:process 1, :type :ok, :f :read, :value 1, :index 3}";
    malformed(unsorted, 2, "index 3 comes after 7");
    malformed(&unsorted.replace('\n', " ").replace("3}", "8} {}"), 1, "process is missing");
}

#[test]
fn an_empty_history_has_no_operations() {
    for text in
        ["", "\n\r\n", "[]", "()", " [ ] ", "; nothing", "#_{:a 1}", ":nemesis :info :start nil"]
    {
        assert_eq!(read(text), Ok(vec![]), "{text}");
    }
    let nemesis = "{:process :nemesis, :type :info, :f :kill, :value nil}";
    assert_eq!(read(nemesis), Ok(vec![]));
    assert_eq!(read("INFO  jepsen.util - :nemesis\t:info\t:start\tnil"), Ok(vec![]));
}
