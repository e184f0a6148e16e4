//! JSON: the objects of a text, one after the other or in one array.

use serde_json::{Deserializer, Value as Json};

use crate::edn::is_space;
use crate::recorded::Malformed;
use crate::value::Value;

/// Hands over each value of a text, or of the one array that it is, with the line on which it begins.
pub(crate) fn each(
    text: &str,
    mut take: impl FnMut(u64, &Value) -> Result<(), String>,
) -> Result<(), Malformed> {
    let (mut line, mut rest) = (1, text);
    // The line on which the array begins.
    let mut within: Option<u64> = None;
    let lines = |text: &str| text.bytes().filter(|&byte| byte == b'\n').count() as u64;
    loop {
        let trimmed = rest.trim_start_matches(is_space);
        line += lines(&rest[..rest.len() - trimmed.len()]);
        rest = trimmed;
        let malformed = |why: String| Malformed { line, why };
        match (rest.bytes().next(), within) {
            (None, None) => return Ok(()),
            (None, Some(line)) => {
                return Err(Malformed { line, why: "what begins here does not end".into() });
            }
            (Some(b'['), None) => (within, rest) = (Some(line), &rest[1..]),
            (Some(b']'), Some(_)) => (within, rest) = (None, &rest[1..]),
            (Some(_), _) => {
                let mut values = Deserializer::from_str(rest).into_iter::<Json>();
                let value = values.next().unwrap_or(Ok(Json::Null));
                let value =
                    value.map_err(|why| malformed(format!("it is no JSON: {}", said(&why))))?;
                take(line, &from(value)).map_err(malformed)?;
                let (read, left) = rest.split_at(values.byte_offset());
                line += lines(read);
                rest = left;
            }
        }
    }
}

/// Without its place, which is counted from where the value begins.
fn said(why: &serde_json::Error) -> String {
    let why = why.to_string();
    why.split(" at line ").next().unwrap_or_default().into()
}

fn from(value: Json) -> Value {
    match value {
        Json::Null => Value::Nil,
        Json::Bool(truth) => Value::Literal(truth.to_string()),
        Json::Number(number) => match number.as_i64() {
            Some(number) => Value::Int(number),
            None => Value::Literal(number.to_string()),
        },
        Json::String(text) => Value::Text(text),
        Json::Array(values) => Value::List(values.into_iter().map(from).collect()),
        Json::Object(map) => {
            let mut pairs: Vec<_> =
                map.into_iter().map(|(key, value)| (Value::Word(key), from(value))).collect();
            pairs.sort();
            Value::Map(pairs)
        }
    }
}
