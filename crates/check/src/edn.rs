//! As much of EDN (the notation of Jepsen's histories) as operations are written in: nil, booleans,
//! integers, strings, keywords, symbols, vectors and lists, maps, and tags, which are skipped.
//!
//! The crates for EDN are either given up by their authors or bring dates and decimals along.

use std::iter::Peekable;
use std::str::Chars;

use crate::recorded::Value;

/// Deeper nesting is nobody's operation.
const DEEPEST: usize = 16;

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

/// Reads the one value of a line.
///
/// # Errors
/// What is wrong, in a few words.
pub(crate) fn parse(text: &str) -> Result<Value, String> {
    let mut reader = Reader { rest: text.chars().peekable() };
    let value = reader.value(0)?;
    reader.skip_space();
    match reader.rest.next() {
        None => Ok(value),
        Some(more) => Err(format!("there is more after the end: {more:?}")),
    }
}

/// Writes a value as EDN.
pub(crate) fn write(value: &Value) -> String {
    let list = |values: &[Value]| values.iter().map(write).collect::<Vec<_>>().join(" ");
    match value {
        Value::Nil => "nil".into(),
        Value::Int(number) => number.to_string(),
        Value::Text(text) => format!("\"{}\"", text.chars().map(escaped).collect::<String>()),
        Value::Word(word) => format!(":{word}"),
        Value::List(values) => format!("[{}]", list(values)),
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

struct Reader<'a> {
    rest: Peekable<Chars<'a>>,
}

impl Reader<'_> {
    fn value(&mut self, depth: usize) -> Result<Value, String> {
        if depth > DEEPEST {
            return Err("it is nested too deeply".into());
        }
        self.skip_space();
        match self.rest.peek() {
            None => Err("it ends too early".into()),
            Some('"') => self.text(),
            Some('[') => self.list(']', depth),
            Some('(') => self.list(')', depth),
            Some('{') => self.map(depth),
            Some('#') => {
                self.rest.next();
                match self.rest.peek() {
                    // A set is a list whose order means nothing.
                    Some('{') => self.list('}', depth),
                    _ => {
                        self.token();
                        self.value(depth + 1)
                    }
                }
            }
            Some(_) => {
                let token = self.token();
                match token.strip_prefix(':') {
                    Some("") => Err("a keyword has no name".into()),
                    Some(word) => Ok(Value::Word(word.into())),
                    None if token == "nil" => Ok(Value::Nil),
                    None => scalar(&token),
                }
            }
        }
    }

    fn token(&mut self) -> String {
        let mut token = String::new();
        while let Some(next) = self.rest.next_if(|&c| !is_space(c) && !"[](){}\"".contains(c)) {
            token.push(next);
        }
        token
    }

    fn text(&mut self) -> Result<Value, String> {
        self.rest.next();
        let mut text = String::new();
        loop {
            match self.rest.next() {
                None => return Err("a string does not end".into()),
                Some('"') => return Ok(Value::Text(text)),
                Some('\\') => text.push(match self.rest.next() {
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
            let digit = self.rest.next().and_then(|digit| digit.to_digit(16));
            code = 16 * code + digit.ok_or("\\u wants four hexadecimal digits")?;
        }
        char::from_u32(code).ok_or_else(|| format!("\\u{code:04x} is no character"))
    }

    fn list(&mut self, end: char, depth: usize) -> Result<Value, String> {
        self.rest.next();
        let mut values = Vec::new();
        loop {
            self.skip_space();
            if self.rest.next_if_eq(&end).is_some() {
                return Ok(Value::List(values));
            }
            values.push(self.value(depth + 1)?);
        }
    }

    fn map(&mut self, depth: usize) -> Result<Value, String> {
        let Value::List(all) = self.list('}', depth)? else { return Err("no map".into()) };
        if all.len() % 2 == 1 {
            return Err("a map has a key without a value".into());
        }
        let mut all = all.into_iter();
        let mut pairs = Vec::new();
        while let (Some(key), Some(value)) = (all.next(), all.next()) {
            pairs.push((key, value));
        }
        Ok(Value::Map(pairs))
    }

    fn skip_space(&mut self) {
        while self.rest.next_if(|&c| is_space(c)).is_some() {}
    }
}

/// Commas are white space in EDN.
fn is_space(c: char) -> bool {
    c.is_whitespace() || c == ','
}

fn scalar(token: &str) -> Result<Value, String> {
    let number = token.strip_suffix('N').unwrap_or(token);
    if let Ok(number) = number.parse() {
        return Ok(Value::Int(number));
    }
    // Decimals, booleans and symbols are compared as they are written.
    match token {
        "" => Err("a bracket has no partner".into()),
        word => Ok(Value::Word(word.into())),
    }
}
