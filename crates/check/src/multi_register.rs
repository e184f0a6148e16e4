//! Registers that transactions read and write together. They start as nil.

use std::collections::BTreeMap;
use std::fmt;

use crate::model::Model;
use crate::recorded::Recorded;
use crate::recording::{Recording, asked, found, keys_in, unknown};
use crate::value::Value;

/// The model. All registers are one object, since a transaction may be about several.
#[derive(Clone, Copy, Debug)]
pub struct MultiRegister;

/// Its state: what each register holds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Registers {
    /// What those hold that are not among the others.
    rest: Value,
    others: BTreeMap<Value, Value>,
}

/// What is asked of them: reads and writes at one moment, one after the other.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Transaction(pub Vec<MicroOp>);

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names say it")]
pub enum MicroOp {
    Read { key: Value },
    Write { key: Value, value: Value },
}

/// What it answers: what its reads found, in their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionOutput(pub Vec<Value>);

impl Registers {
    /// All hold the same.
    pub fn all(value: Value) -> Self {
        Registers { rest: value, others: BTreeMap::new() }
    }

    fn read(&self, key: &Value) -> &Value {
        self.others.get(key).unwrap_or(&self.rest)
    }

    fn write(&mut self, key: &Value, value: &Value) {
        match *value == self.rest {
            true => self.others.remove(key),
            false => self.others.insert(key.clone(), value.clone()),
        };
    }
}

impl fmt::Display for Transaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let one = |op: &MicroOp| match op {
            MicroOp::Read { key } => format!("read {key}"),
            MicroOp::Write { key, value } => format!("write {key} {value}"),
        };
        f.write_str(&self.0.iter().map(one).collect::<Vec<_>>().join(", "))
    }
}

impl fmt::Display for TransactionOutput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.is_empty() {
            true => f.write_str("done"),
            false => {
                f.write_str(&self.0.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))
            }
        }
    }
}

impl Model for MultiRegister {
    type State = Registers;
    type Input = Transaction;
    type Output = TransactionOutput;
    type Key = ();

    fn initial() -> Registers {
        Registers::all(Value::Nil)
    }

    fn key(_: &Transaction) {}

    fn step(
        state: &Registers,
        input: &Transaction,
        output: Option<&TransactionOutput>,
    ) -> Option<Registers> {
        let mut after = state.clone();
        let mut found = output.map(|TransactionOutput(found)| found.iter());
        for op in &input.0 {
            match op {
                MicroOp::Write { key, value } => after.write(key, value),
                MicroOp::Read { key } => {
                    if let Some(found) = &mut found
                        && found.next() != Some(after.read(key))
                    {
                        return None;
                    }
                }
            }
        }
        Some(after)
    }
}

impl Recording for MultiRegister {
    fn input(begin: &Recorded) -> Result<Transaction, String> {
        if !["txn", "read", "write"].contains(&begin.f.as_str()) {
            return Err(unknown("a multi-register", "txn (and read and write of several)", begin));
        }
        let ops = micro_ops(asked(begin)?)?.into_iter().map(|(writes, key, value)| {
            let (key, value) = (key.clone(), value.clone());
            match (writes, &value) {
                (true, _) => Ok(MicroOp::Write { key, value }),
                (false, Value::Nil) => Ok(MicroOp::Read { key }),
                (false, _) => Err(format!("a read of {key} is asked with nil, and not {value}")),
            }
        });
        ops.collect::<Result<_, String>>().map(Transaction)
    }

    fn output(begin: &Recorded, end: &Recorded) -> Result<TransactionOutput, String> {
        let (asked, answered) = (micro_ops(asked(begin)?)?, micro_ops(found(end)?)?);
        let same = |((writes, key, value), end): (&MicroOpValue<'_>, &MicroOpValue<'_>)| {
            (*writes, *key) == (end.0, end.1) && (!writes || *value == end.2)
        };
        if asked.len() != answered.len() || !asked.iter().zip(&answered).all(same) {
            return Err("a transaction ends as another one".into());
        }
        let reads = answered.into_iter().filter(|(writes, ..)| !writes);
        Ok(TransactionOutput(reads.map(|(.., value)| value.clone()).collect()))
    }

    fn reads(Transaction(ops): &Transaction) -> bool {
        ops.iter().all(|op| matches!(op, MicroOp::Read { .. }))
    }
}

/// Does it write, which register, which value.
type MicroOpValue<'a> = (bool, &'a Value, &'a Value);

/// `[[:read :x nil] [:write :y 2]]`, in which `:r` and `:w` say the same.
fn micro_ops<'a>(value: &'a Value) -> Result<Vec<MicroOpValue<'a>>, String> {
    let Value::List(ops) = value else {
        return Err(format!("a transaction is such as [[:r :x nil] [:w :y 2]], and not {value}"));
    };
    let op = |op: &'a Value| match op {
        Value::List(words) => match words.as_slice() {
            [Value::Word(f) | Value::Text(f), key, value] => match f.as_str() {
                "r" | "read" => Ok((false, key, value)),
                "w" | "write" => Ok((true, key, value)),
                _ => Err(format!("a transaction knows r and w, and not {f:?}")),
            },
            _ => Err(format!("{op} is no [:r key nil] or [:w key value]")),
        },
        _ => Err(format!("{op} is no [:r key nil] or [:w key value]{}", keys_in(value))),
    };
    ops.iter().map(op).collect()
}
