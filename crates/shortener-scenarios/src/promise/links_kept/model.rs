//! A link as one thread would see it: there or not, and leading somewhere.

use std::fmt;

use check::Model;

use url_shortener::Key;

/// The model.
#[derive(Clone, Copy, Debug)]
pub(super) struct Register;

/// What became of a link, or may have.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct RegisterOp {
    pub(super) key: Key,
    pub(super) what: What,
}

/// What was done, if it was: a change that found nothing to change is a read that found nothing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum What {
    /// Where there was none, it was made, leading there.
    Made(String),
    /// Where there was one, it was let lead there.
    Changed(String),
    /// Where there was one, it was taken away.
    Removed,
    /// It was seen to lead there, or not to be there.
    Seen(Option<String>),
    /// It was seen to be there: somebody else could not have its alias.
    Taken,
}

impl fmt::Display for RegisterOp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = &self.key;
        match &self.what {
            What::Made(url) => write!(f, "{key:?} made, to {url}"),
            What::Changed(url) => write!(f, "{key:?} changed, to {url}"),
            What::Removed => write!(f, "{key:?} deleted"),
            What::Seen(Some(url)) => write!(f, "{key:?} seen, to {url}"),
            What::Seen(None) => write!(f, "{key:?} seen missing"),
            What::Taken => write!(f, "{key:?} seen taken"),
        }
    }
}

/// That there was an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Answered;

/// Where it leads, if it is there.
type State = Option<String>;

impl Model for Register {
    type State = State;
    type Input = RegisterOp;
    type Output = Answered;
    type Key = Key;

    fn initial() -> State {
        None
    }

    fn key(op: &RegisterOp) -> Key {
        op.key.clone()
    }

    fn step(state: &State, op: &RegisterOp, _: Option<&Answered>) -> Option<State> {
        match &op.what {
            What::Made(url) => state.is_none().then(|| Some(url.clone())),
            What::Changed(url) => state.is_some().then(|| Some(url.clone())),
            What::Removed => state.is_some().then_some(None),
            What::Seen(seen) => (seen == state).then(|| state.clone()),
            What::Taken => state.is_some().then(|| state.clone()),
        }
    }

    fn finds(op: &RegisterOp, _: Option<&Answered>) -> Option<State> {
        match &op.what {
            What::Made(_) => Some(None),
            What::Seen(seen) => Some(seen.clone()),
            What::Changed(_) | What::Removed | What::Taken => None,
        }
    }

    fn leaves(op: &RegisterOp) -> Option<State> {
        match &op.what {
            What::Made(url) | What::Changed(url) => Some(Some(url.clone())),
            What::Removed => Some(None),
            What::Seen(_) | What::Taken => None,
        }
    }

    /// Of all others only [`What::Taken`] says neither, and it changes nothing.
    fn leads_to(from: &State, to: &State) -> bool {
        from == to
    }

    /// Those that say nothing of what they find need a link.
    fn may_refuse(state: &State, _: &RegisterOp, _: Option<&Answered>) -> bool {
        state.is_none()
    }
}
