//! Many objects of one kind, each under its key.

use std::fmt;
use std::marker::PhantomData;

use crate::model::Model;
use crate::recorded::Recorded;
use crate::recording::Recording;
use crate::value::Value;

/// The model. Where no operation has a key, it is one object.
#[derive(Clone, Copy, Debug)]
pub struct Keyed<M>(PhantomData<M>);

/// What is asked of the object with this key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names say it")]
pub struct KeyedInput<I> {
    pub key: Value,
    pub input: I,
}

impl<I: fmt::Display> fmt::Display for KeyedInput<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.key {
            Value::Nil => write!(f, "{}", self.input),
            key => write!(f, "key {key}: {}", self.input),
        }
    }
}

impl<M: Model> Model for Keyed<M> {
    type State = M::State;
    type Input = KeyedInput<M::Input>;
    type Output = M::Output;
    type Key = (Value, M::Key);

    fn initial() -> M::State {
        M::initial()
    }

    fn key(input: &Self::Input) -> Self::Key {
        (input.key.clone(), M::key(&input.input))
    }

    fn step(state: &M::State, input: &Self::Input, output: Option<&M::Output>) -> Option<M::State> {
        M::step(state, &input.input, output)
    }

    fn finds(input: &Self::Input, output: Option<&M::Output>) -> Option<M::State> {
        M::finds(&input.input, output)
    }

    fn leaves(input: &Self::Input) -> Option<M::State> {
        M::leaves(&input.input)
    }

    fn leads_to(from: &M::State, to: &M::State) -> bool {
        M::leads_to(from, to)
    }

    fn may_refuse(state: &M::State, input: &Self::Input, output: Option<&M::Output>) -> bool {
        M::may_refuse(state, &input.input, output)
    }
}

impl<M: Recording> Recording for Keyed<M> {
    const KEYED: bool = true;

    fn input(begin: &Recorded) -> Result<Self::Input, String> {
        Ok(KeyedInput { key: begin.key.clone(), input: M::input(begin)? })
    }

    fn output(begin: &Recorded, end: &Recorded) -> Result<M::Output, String> {
        M::output(begin, end)
    }

    fn reads(input: &Self::Input) -> bool {
        M::reads(&input.input)
    }
}
