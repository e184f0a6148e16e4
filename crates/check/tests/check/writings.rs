//! Writing our own histories, so that others and we ourselves can read them.

use std::collections::BTreeMap;

use check::{
    Event, Keyed, Kv, KvInput, KvOutput, Noted, Operation, Register, history, operations, read,
    write,
};
use proptest::prelude::*;

type Client = Event<KvInput, KvOutput>;

fn noted(events: Vec<(u64, Client)>) -> Vec<Noted<KvInput, KvOutput>> {
    let times = (10..).step_by(5);
    times.zip(events).map(|(nanos, (process, event))| Noted { nanos, process, event }).collect()
}

fn append(key: &str, value: &str) -> Client {
    Event::Invoked(KvInput::Append { key: key.into(), value: value.into() })
}

#[test]
fn one_map_a_line_in_jepsens_words() {
    let (key, from, to) = (|| "k".to_string(), "a".to_string(), "b".to_string());
    let cas = || Event::Invoked(KvInput::Cas { key: key(), from: from.clone(), to: to.clone() });
    let events = noted(vec![
        (0, append("k", "say \"a\"\n")),
        (1, Event::Invoked(KvInput::Get { key: key() })),
        (1, Event::Ok(KvOutput::Value("a".into()))),
        (0, Event::Unknown),
        (0, cas()),
        (1, cas()),
        (0, Event::Ok(KvOutput::Swapped(false))),
        // That a follower refused it is not that the value did not match.
        (1, Event::Failed),
        (1, cas()),
        (1, Event::Ok(KvOutput::Swapped(true))),
        (1, Event::Invoked(KvInput::Delete { key: key() })),
        // It crashed, and asks for something else.
        (1, Event::Invoked(KvInput::Put { key: key(), value: "v".into() })),
        (1, Event::Failed),
    ]);
    let written = write(&events);
    let expected = r#"
{:process 0, :type :invoke, :f :append, :key "k", :value "say \"a\"\n", :time 10, :index 0}
{:process 1, :type :invoke, :f :get, :key "k", :value nil, :time 15, :index 1}
{:process 1, :type :ok, :f :get, :key "k", :value "a", :time 20, :index 2}
{:process 0, :type :info, :f :append, :key "k", :value "say \"a\"\n", :time 25, :index 3}
{:process 2, :type :invoke, :f :cas, :key "k", :value ["a" "b"], :time 30, :index 4}
{:process 1, :type :invoke, :f :cas, :key "k", :value ["a" "b"], :time 35, :index 5}
{:process 2, :type :ok, :f :cas, :key "k", :value ["a" "b"], :matched false, :time 40, :index 6}
{:process 1, :type :fail, :f :cas, :key "k", :value ["a" "b"], :time 45, :index 7}
{:process 1, :type :invoke, :f :cas, :key "k", :value ["a" "b"], :time 50, :index 8}
{:process 1, :type :ok, :f :cas, :key "k", :value ["a" "b"], :time 55, :index 9}
{:process 1, :type :invoke, :f :delete, :key "k", :value nil, :time 60, :index 10}
{:process 3, :type :invoke, :f :put, :key "k", :value "v", :time 65, :index 11}
{:process 3, :type :fail, :f :put, :key "k", :value "v", :time 70, :index 12}
"#;
    assert_eq!(written, expected.trim_start());
    assert_eq!(write(&[]), "");
    assert!(history::<Keyed<Register>>(&read(&written).unwrap()).is_err());
}

#[test]
fn what_others_write_is_read_with_their_escapes() {
    let line = r#"{:process 0, :type :invoke, :f :append, :key "\u00e4\t\b", :value "\f\\\r"}"#;
    let history = history::<Kv>(&read(line).unwrap()).unwrap();
    let (key, value) = ("\u{e4}\t\u{8}".to_string(), "\u{c}\\\r".to_string());
    assert_eq!(history[0].input, KvInput::Append { key, value });
    for bad in [r"\q", r"\u12", r"\ud83d", r"\u+123"] {
        assert!(read(&line.replace(r"\\", bad)).is_err(), "{bad}");
    }
}

/// The same history has the same operations in the same order of beginnings and ends. A read without
/// an answer tells nothing; a client that goes on after a crash does so as another process.
fn told(history: &[Operation<KvInput, KvOutput>], clients: u64) -> Vec<String> {
    let tells = |it: &&Operation<KvInput, KvOutput>| {
        it.returned.is_some() || !matches!(it.input, KvInput::Get { .. })
    };
    let kept: Vec<_> = history.iter().filter(tells).collect();
    let mut moments = BTreeMap::new();
    for it in &kept {
        let (client, input) = (it.process % clients, &it.input);
        moments.insert(it.invoked, format!("{client} asks {input:?}"));
        if let Some((at, output)) = &it.returned {
            moments.insert(*at, format!("{client} hears {output:?} of {input:?}"));
        }
    }
    moments.into_values().collect()
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[\\PC\"\\\\{}\\[\\];#:,\\n\\r\\t\u{0}\u{8}\u{c}\u{85}\u{2028}\u{feff}]{0,8}",
        Just("INFO  jepsen.util - 3\t:invoke\t:read\tnil".to_string()),
        Just("nil".to_string()),
        Just(String::new()),
    ]
}

fn input() -> impl Strategy<Value = KvInput> {
    (0..5, text(), text(), text()).prop_map(|(what, key, value, to)| match what {
        0 => KvInput::Get { key },
        1 => KvInput::Put { key, value },
        2 => KvInput::Append { key, value },
        3 => KvInput::Delete { key },
        _ => KvInput::Cas { key, from: value, to },
    })
}

const CLIENTS: u64 = 3;

proptest! {
    #[test]
    fn what_was_written_reads_as_the_same_operations(
        steps in prop::collection::vec((0..CLIENTS, 0..6, input(), text()), 0..24),
    ) {
        let mut busy: BTreeMap<u64, KvInput> = BTreeMap::new();
        let mut events = Vec::new();
        for (client, how, input, read) in steps {
            let event = match busy.remove(&client) {
                // Now and then a client crashes, and begins the next without a word.
                Some(asked) if how > 0 => match (how, asked) {
                    (1, _) => Event::Unknown,
                    (2, _) => Event::Failed,
                    (_, KvInput::Get { .. }) => Event::Ok(KvOutput::Value(read)),
                    (how, KvInput::Cas { .. }) => Event::Ok(KvOutput::Swapped(how == 3)),
                    _ => Event::Ok(KvOutput::Done),
                },
                _ => {
                    busy.insert(client, input.clone());
                    Event::Invoked(input)
                }
            };
            events.push((client, event));
        }
        // The highest client is there, so that the numbers of those that go on are known.
        events.push((CLIENTS - 1, append("k", "last")));
        let events = noted(events);
        let written = write(&events);
        let again = history::<Kv>(&read(&written).unwrap()).unwrap();
        prop_assert_eq!(
            told(&operations(&events), CLIENTS),
            told(&again, CLIENTS),
            "{}",
            written
        );
    }
}
