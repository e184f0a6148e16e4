//! The values in a history.

/// A value, as EDN and JSON have them. Integers beyond 64 bits are literals.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Value {
    Nil,
    Int(i64),
    Text(String),
    /// A keyword, without its colon.
    Word(String),
    /// A boolean, a decimal, a character or a symbol: compared as it is written.
    Literal(String),
    List(Vec<Value>),
    /// In order, each once.
    Set(Vec<Value>),
    /// In the order of the keys, each once.
    Map(Vec<(Value, Value)>),
}
