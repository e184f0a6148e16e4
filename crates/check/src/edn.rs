//! EDN, the notation of Jepsen's histories: as much of it as operations need. Tags, comments and
//! what `#_` discards are skipped.
//!
//! The crates for EDN are either given up by their authors or bring dates and decimals along.

use std::fmt;
use std::iter::Peekable;
use std::str::Chars;

use crate::recorded::Malformed;
use crate::value::Value;

/// No operation nests more deeply.
const DEEPEST: usize = 64;

/// What a backslash and a letter stand for in a string.
const ESCAPES: [(char, char); 7] = [
    ('n', '\n'),
    ('t', '\t'),
    ('r', '\r'),
    ('b', '\u{8}'),
    ('f', '\u{c}'),
    ('"', '"'),
    ('\\', '\\'),
];

/// Hands over each value of a text, or of the one collection that it is, with the line on which it
/// begins.
pub(crate) fn each(
    text: &str,
    mut take: impl FnMut(u64, &Value) -> Result<(), String>,
) -> Result<(), Malformed> {
    let mut reader = Reader::new(text);
    // What ends the collection, and the line on which it begins.
    let mut within: Option<(char, u64)> = None;
    loop {
        if let Err(why) = reader.skip(0) {
            return Err(Malformed { line: reader.line, why });
        }
        if within.is_none() {
            reader.skip_tag_of_collection();
        }
        let line = reader.line;
        let malformed = |why: String| Malformed { line, why };
        match (reader.rest.peek().copied(), within) {
            (None, None) => return Ok(()),
            (None, Some((_, line))) => {
                return Err(Malformed { line, why: "what begins here does not end".into() });
            }
            (Some(end), Some((expected, _))) if end == expected => {
                reader.bump();
                within = None;
            }
            (Some(begin @ ('[' | '(')), None) => {
                reader.bump();
                within = Some((if begin == '[' { ']' } else { ')' }, line));
            }
            (Some(_), _) => {
                let value = reader.value(0).map_err(malformed)?;
                take(line, &value).map_err(malformed)?;
            }
        }
    }
}

/// Reads the one value that a text of EDN is.
///
/// # Errors
/// What is wrong, in a few words.
pub fn parse(text: &str) -> Result<Value, String> {
    let mut reader = Reader::new(text);
    let value = reader.value(0)?;
    reader.skip(0)?;
    match reader.rest.next() {
        None => Ok(value),
        Some(more) => Err(format!("there is more after the end: {more:?}")),
    }
}

/// As EDN.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&write(self))
    }
}

fn write(value: &Value) -> String {
    let list = |values: &[Value]| values.iter().map(write).collect::<Vec<_>>().join(" ");
    match value {
        Value::Nil => "nil".into(),
        Value::Int(number) => number.to_string(),
        Value::Text(text) => format!("\"{}\"", text.chars().map(escaped).collect::<String>()),
        Value::Word(word) => format!(":{word}"),
        Value::Literal(literal) => literal.clone(),
        Value::List(values) => format!("[{}]", list(values)),
        Value::Set(values) => format!("#{{{}}}", list(values)),
        Value::Map(pairs) => {
            let pair = |(key, value): &(Value, Value)| format!("{} {}", write(key), write(value));
            format!("{{{}}}", pairs.iter().map(pair).collect::<Vec<_>>().join(", "))
        }
    }
}

fn escaped(c: char) -> String {
    match ESCAPES.iter().find(|(_, meant)| *meant == c) {
        Some((letter, _)) => format!("\\{letter}"),
        None => c.to_string(),
    }
}

#[derive(Clone)]
struct Reader<'a> {
    rest: Peekable<Chars<'a>>,
    /// Where it is, from 1.
    line: u64,
}

impl<'a> Reader<'a> {
    fn new(text: &'a str) -> Self {
        Reader { rest: text.chars().peekable(), line: 1 }
    }

    fn value(&mut self, depth: usize) -> Result<Value, String> {
        if depth > DEEPEST {
            return Err("it is nested too deeply".into());
        }
        self.skip(depth)?;
        match self.rest.peek() {
            None => Err("it ends too early".into()),
            Some('"') => self.text(),
            Some('[') => self.list(']', depth).map(Value::List),
            Some('(') => self.list(')', depth).map(Value::List),
            Some('{') => self.map(depth, None),
            Some('#') => self.tagged(depth),
            Some(']' | ')' | '}') => Err("a bracket has no partner".into()),
            Some('\\') => {
                let begin: String = self.bump().into_iter().chain(self.bump()).collect();
                Ok(Value::Literal(begin + &self.token()))
            }
            Some(_) => scalar(&self.token()),
        }
    }

    /// What begins with a `#`: a set, a number that is none, or a value with a tag.
    fn tagged(&mut self, depth: usize) -> Result<Value, String> {
        self.bump();
        if self.rest.peek() == Some(&'{') {
            let mut values = self.list('}', depth)?;
            values.sort();
            return match values.windows(2).find(|pair| pair[0] == pair[1]) {
                None => Ok(Value::Set(values)),
                Some(pair) => Err(format!("a set has {} twice", pair[0])),
            };
        }
        let tag = self.token();
        match tag.strip_prefix([':', '#']) {
            None if tag.is_empty() => Err("a tag has no name".into()),
            None => self.value(depth + 1),
            Some(_) if tag.starts_with('#') => Ok(Value::Literal(format!("#{tag}"))),
            Some(namespace) => {
                self.skip(depth)?;
                match self.rest.peek() {
                    Some('{') => self.map(depth, Some(namespace)),
                    _ => Err(format!("the namespace {namespace} is no map's")),
                }
            }
        }
    }

    /// Goes past the tag of a list or vector.
    fn skip_tag_of_collection(&mut self) {
        let mut ahead = self.clone();
        if ahead.bump() == Some('#')
            && !ahead.token().is_empty()
            && ahead.skip(0).is_ok()
            && let Some('[' | '(') = ahead.rest.peek()
        {
            *self = ahead;
        }
    }

    fn token(&mut self) -> String {
        let mut token = String::new();
        while let Some(next) = self.rest.next_if(|&c| !is_space(c) && !"[](){}\";".contains(c)) {
            token.push(next);
        }
        token
    }

    fn text(&mut self) -> Result<Value, String> {
        self.bump();
        let mut text = String::new();
        loop {
            match self.bump() {
                None => return Err("a string does not end".into()),
                Some('"') => return Ok(Value::Text(text)),
                Some('\\') => text.push(match self.bump() {
                    Some('u') => self.code_point()?,
                    Some(letter) => {
                        let escape = ESCAPES.iter().find(|(escape, _)| *escape == letter);
                        escape.ok_or_else(|| format!("\\{letter} is no escape"))?.1
                    }
                    None => return Err("a string does not end".into()),
                }),
                Some(plain) => text.push(plain),
            }
        }
    }

    /// Four hexadecimal digits.
    fn code_point(&mut self) -> Result<char, String> {
        let mut code = 0;
        for _ in 0..4 {
            let digit = self.bump().and_then(|digit| digit.to_digit(16));
            code = 16 * code + digit.ok_or("\\u wants four hexadecimal digits")?;
        }
        char::from_u32(code).ok_or_else(|| format!("\\u{code:04x} is no character"))
    }

    fn list(&mut self, end: char, depth: usize) -> Result<Vec<Value>, String> {
        self.bump();
        let mut values = Vec::new();
        loop {
            self.skip(depth)?;
            if self.rest.next_if_eq(&end).is_some() {
                return Ok(values);
            }
            values.push(self.value(depth + 1)?);
        }
    }

    /// Keywords without a namespace get that of the map; `_` stands for none.
    fn map(&mut self, depth: usize, namespace: Option<&str>) -> Result<Value, String> {
        let mut all = self.list('}', depth)?.into_iter();
        let mut pairs = Vec::new();
        while let Some(key) = all.next() {
            let value = all.next().ok_or("a map has a key without a value")?;
            let key = match (namespace, key) {
                (Some(namespace), Value::Word(word)) => Value::Word(match word.split_once('/') {
                    None => format!("{namespace}/{word}"),
                    Some(("_", plain)) => plain.into(),
                    Some(_) => word,
                }),
                (_, key) => key,
            };
            pairs.push((key, value));
        }
        pairs.sort();
        match pairs.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            None => Ok(Value::Map(pairs)),
            Some(pair) => Err(format!("a map has {} twice", pair[0].0)),
        }
    }

    /// Goes past white space, comments and what is discarded.
    fn skip(&mut self, depth: usize) -> Result<(), String> {
        loop {
            match self.rest.peek().copied() {
                Some(c) if is_space(c) => drop(self.bump()),
                Some(';') => while self.rest.next_if(|&c| c != '\n').is_some() {},
                Some('#') if self.rest.clone().nth(1) == Some('_') => {
                    self.bump();
                    self.bump();
                    self.value(depth + 1)?;
                }
                _ => return Ok(()),
            }
        }
    }

    fn bump(&mut self) -> Option<char> {
        let next = self.rest.next();
        self.line += u64::from(next == Some('\n'));
        next
    }
}

/// Commas are white space in EDN.
pub(crate) fn is_space(c: char) -> bool {
    c.is_whitespace() || c == ','
}

fn scalar(token: &str) -> Result<Value, String> {
    if let Some(word) = token.strip_prefix(':') {
        return match word {
            "" => Err("a keyword has no name".into()),
            word => Ok(Value::Word(word.into())),
        };
    }
    if token == "nil" {
        return Ok(Value::Nil);
    }
    if token.trim_start_matches(['+', '-']).starts_with(|c: char| c.is_ascii_digit()) {
        return number(token).ok_or_else(|| format!("{token} is no number"));
    }
    match token.starts_with(|c: char| c.is_alphabetic() || ".*+!-_?$%&=<>/".contains(c)) {
        true => Ok(Value::Literal(token.into())),
        false => Err(format!("{token:?} is no EDN")),
    }
}

/// What is no integer of 64 bits is compared as it is written: longer ones, decimals, ratios, and the
/// hexadecimal in which Clojure shows where an object is.
fn number(token: &str) -> Option<Value> {
    let integer = token.strip_suffix('N').unwrap_or(token);
    if let Ok(number) = integer.parse() {
        return Some(Value::Int(number));
    }
    let decimal = |text: &str| text.parse::<f64>().is_ok();
    let hexadecimal = |text: &str| !text.is_empty() && text.bytes().all(|c| c.is_ascii_hexdigit());
    let is_number = match token.split_once('/') {
        Some((over, under)) => decimal(over) && decimal(under),
        None => {
            decimal(integer)
                || token.strip_suffix('M').is_some_and(decimal)
                || token.strip_prefix("0x").is_some_and(hexadecimal)
        }
    };
    is_number.then(|| Value::Literal(integer.into()))
}
