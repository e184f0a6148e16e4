//! What a history is checked against: the object as one thread would see it.

use std::fmt::Debug;

/// A sequential object. Implement it for a system of your own.
pub trait Model {
    /// The object.
    type State: Clone + Ord;
    /// What is asked of it.
    type Input: Ord + Debug;
    /// What it answers.
    type Output: Debug;
    /// Operations on different keys never meet, so each key is checked by itself.
    type Key: Ord + Debug;

    /// The object before the first operation.
    fn initial() -> Self::State;

    /// The key of an operation. An object that cannot be divided has one key for all.
    fn key(input: &Self::Input) -> Self::Key;

    /// The state afterwards; `None` where that answer cannot have been given in this state. An
    /// operation without an answer may have been given any.
    fn step(
        state: &Self::State,
        input: &Self::Input,
        output: Option<&Self::Output>,
    ) -> Option<Self::State>;

    /// The state that the operation must find to do what it was asked: what a read answered, say.
    ///
    /// This and the next three are for speed. The search turns back where the next operation that must
    /// find a certain state can find it no more; without them it would go on to that operation by
    /// all ways that there are.
    fn finds(_input: &Self::Input, _output: Option<&Self::Output>) -> Option<Self::State> {
        None
    }

    /// The state that the operation leaves, whatever was before it.
    fn leaves(_input: &Self::Input) -> Option<Self::State> {
        None
    }

    /// Can operations of which neither [`Model::finds`] nor [`Model::leaves`] says anything lead
    /// from the one state to the other?
    fn leads_to(_from: &Self::State, _to: &Self::State) -> bool {
        true
    }

    /// Can an operation with an answer, of which [`Model::finds`] says nothing, contradict this state
    /// or one that it leads to? Where none can before it is replaced, what exactly it was is all the
    /// same.
    fn may_refuse(
        _state: &Self::State,
        _input: &Self::Input,
        _output: Option<&Self::Output>,
    ) -> bool {
        true
    }
}
