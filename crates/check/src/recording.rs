//! From recorded events to the operations of an object.

use std::collections::BTreeMap;

use crate::history::Operation;
use crate::model::Model;
use crate::recorded::{Kind, Malformed, Recorded};
use crate::value::Value;

/// An object whose recorded histories are read.
pub trait Recording: Model {
    /// Is the key of an event looked at? Where it is not, an event that has one is refused.
    const KEYED: bool = false;

    /// What an operation asks, by the event that begins it.
    ///
    /// # Errors
    /// If that is nothing to ask of this object.
    fn input(begin: &Recorded) -> Result<Self::Input, String>;

    /// What it was answered, by the event that ends it well.
    ///
    /// # Errors
    /// If that is no answer to this.
    fn output(begin: &Recorded, end: &Recorded) -> Result<Self::Output, String>;

    /// Does it change nothing, so that it tells nothing where it has no answer?
    fn reads(input: &Self::Input) -> bool;
}

/// The operations on an object, or on several.
pub type History<M> = Vec<Operation<<M as Model>::Input, <M as Model>::Output>>;

/// The operations of recorded events, in the order of their beginnings. What failed did not take place.
///
/// # Errors
/// At the first event that makes no sense, or none of this object.
pub fn history<M: Recording>(events: &[Recorded]) -> Result<History<M>, Malformed> {
    let mut begun: BTreeMap<u64, usize> = BTreeMap::new();
    let mut operations = Vec::new();
    for event in events {
        let malformed = |why: String| event.malformed(why);
        let process = event.process;
        match (event.kind, begun.remove(&process)) {
            (Kind::Invoke, None) => {
                check_key::<M>(event, &events[0]).map_err(malformed)?;
                begun.insert(process, operations.len());
                let (input, invoked) = (M::input(event).map_err(malformed)?, event.position);
                let operation = Operation { process, input, invoked, returned: None };
                operations.push(Some((event, operation)));
            }
            (Kind::Invoke, Some(earlier)) => {
                let earlier = operations[earlier].as_ref().map_or(0, |(begin, _)| begin.position);
                return Err(malformed(format!(
                    "process {process} has not ended what it began in {earlier}"
                )));
            }
            (_, None) => {
                return Err(malformed(format!("process {process} ends what it has not begun")));
            }
            (kind, Some(index)) => {
                let Some((begin, operation)) = &mut operations[index] else { continue };
                check_end(begin, event).map_err(malformed)?;
                match kind {
                    Kind::Ok => {
                        let output = M::output(begin, event).map_err(malformed)?;
                        operation.returned = Some((event.position, output));
                    }
                    Kind::Fail => operations[index] = None,
                    Kind::Info | Kind::Invoke => {}
                }
            }
        }
    }
    let operations = operations.into_iter().flatten().map(|(_, operation)| operation);
    Ok(operations.filter(|it| it.returned.is_some() || !M::reads(&it.input)).collect())
}

/// Either all operations have a key or none has.
fn check_key<M: Recording>(event: &Recorded, first: &Recorded) -> Result<(), String> {
    let has_key = |event: &Recorded| event.key != Value::Nil;
    match (has_key(event), has_key(first)) {
        (true, _) if !M::KEYED => Err("it has a key, and this object knows none".into()),
        (true, false) => Err(format!("it has a key, and line {} has none", first.line)),
        (false, true) => Err(format!("key is missing, and line {} has one", first.line)),
        _ => Ok(()),
    }
}

fn check_end(begin: &Recorded, end: &Recorded) -> Result<(), String> {
    if begin.f != end.f {
        return Err(format!("a {} ends as a {}", begin.f, end.f));
    }
    if end.key != Value::Nil && end.key != begin.key {
        return Err(format!("what was asked of key {} ends with key {}", begin.key, end.key));
    }
    Ok(())
}

/// Takes the values `[k v]` of independent keys (`jepsen.independent`) apart.
///
/// # Errors
/// At the first operation that begins or ends well with another value, or that has a key already.
pub fn independent(mut events: Vec<Recorded>) -> Result<Vec<Recorded>, Malformed> {
    for event in &mut events {
        if event.key != Value::Nil {
            return Err(event.malformed("it has a key already, so none is in its value".into()));
        }
        if matches!(event.kind, Kind::Fail | Kind::Info) {
            continue;
        }
        match event.value.take() {
            Some(Value::List(mut pair)) if pair.len() == 2 && pair[0] != Value::Nil => {
                event.value = pair.pop();
                event.key = pair.pop().unwrap_or(Value::Nil);
            }
            other => {
                let shown = other.unwrap_or(Value::Nil);
                let why =
                    format!("the value of an independent key is [key value], and not {shown}");
                return Err(event.malformed(why));
            }
        }
    }
    Ok(events)
}

/// What an operation is asked with, where it needs something.
pub(crate) fn asked(begin: &Recorded) -> Result<&Value, String> {
    begin.value.as_ref().ok_or_else(|| format!("the value of a {} is missing", begin.f))
}

/// An operation that needs nothing is asked with nil.
pub(crate) fn asks_nothing(begin: &Recorded) -> Result<(), String> {
    match &begin.value {
        None | Some(Value::Nil) => Ok(()),
        Some(value) => {
            let f = &begin.f;
            Err(format!("a {f} is asked with nil, and not with {value}{}", keys_in(value)))
        }
    }
}

/// What an operation found.
pub(crate) fn found(end: &Recorded) -> Result<&Value, String> {
    let why = || format!("a {} that is ok says what it found: its value is missing", end.f);
    end.value.as_ref().ok_or_else(why)
}

/// An operation that finds nothing ends with what it was asked with, or with nil.
pub(crate) fn repeats(begin: &Recorded, end: &Recorded) -> Result<(), String> {
    match &end.value {
        None | Some(Value::Nil) => Ok(()),
        same if *same == begin.value => Ok(()),
        Some(other) => {
            let (f, asked) = (&begin.f, begin.value.as_ref().unwrap_or(&Value::Nil));
            Err(format!(
                "a {f} that was asked with {asked} ends with {other}: its end repeats what was asked, \
                 or is nil (and whether a cas matched is said by matched)"
            ))
        }
    }
}

/// Whether a compare-and-swap that is ok matched.
pub(crate) fn swapped(begin: &Recorded, end: &Recorded) -> Result<bool, String> {
    repeats(begin, end)?;
    Ok(end.matched.unwrap_or(true))
}

/// The two values of a compare-and-swap.
pub(crate) fn from_to(begin: &Recorded) -> Result<(&Value, &Value), String> {
    let value = asked(begin)?;
    match value {
        Value::List(values) => match values.as_slice() {
            [from, Value::List(pair)]
                if pair.len() == 2 && !matches!(from, Value::List(_) | Value::Nil) =>
            {
                Err(format!("{value} is no cas of two values{}", keys_in(value)))
            }
            [from, to] => Ok((from, to)),
            _ => Err(format!("a cas is from one value to another, and not {value}")),
        },
        _ => Err(format!("a cas is from one value to another, and not {value}")),
    }
}

/// What to do where a value looks like that of an independent key.
pub(crate) fn keys_in(value: &Value) -> &'static str {
    match value {
        Value::List(pair) if pair.len() == 2 => ": if values are [key value], say --independent",
        _ => "",
    }
}

/// What an object does not know.
pub(crate) fn unknown(object: &str, knows: &str, begin: &Recorded) -> String {
    format!("{object} knows {knows}, and not {:?}", begin.f)
}
