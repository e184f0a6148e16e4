//! A machine that answers at once, later, in parts or never, as it is asked; and remembers who has gone.

use std::path::Path;
use std::sync::Arc;

use host::{Files, Metrics, Node, Outside};
use machine::{DiskId, Input, Inspection, Link, Machine, NodeId, Now, Outputs, Protocol};

use crate::wait::within;

#[derive(Clone, Debug)]
pub(crate) struct Office;

impl Protocol for Office {
    type Message = Paper;
    type Timer = ();
    type Op = ();
    type Note = ();

    fn weight(message: &Paper) -> u32 {
        match message {
            Paper::Part { weight, .. } => *weight,
            _ => 64,
        }
    }

    fn answers(message: &Paper) -> Option<(u64, bool)> {
        match message {
            Paper::Part { token, is_last, .. } => Some((*token, *is_last)),
            _ => None,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Paper {
    /// Answered at once with so many parts.
    Now {
        token: u64,
        parts: u64,
    },
    /// Answered when the office is told to.
    Later {
        token: u64,
    },
    /// To the office, from a test: one more part for each that waits.
    Go {
        is_last: bool,
        weight: u32,
    },
    Part {
        token: u64,
        number: u64,
        is_last: bool,
        weight: u32,
    },
}

#[derive(Clone, Default)]
pub(crate) struct Clerk {
    waiting: Vec<(NodeId, u64)>,
    parts: u64,
    pub(crate) askers: Vec<NodeId>,
    pub(crate) resets: Vec<NodeId>,
    pub(crate) writables: u64,
}

impl Clerk {
    pub(crate) fn owes(&self) -> usize {
        self.waiting.len()
    }
}

impl Machine for Clerk {
    type Protocol = Office;

    fn handle(&mut self, _: &mut Now<'_>, input: Input<Office>, out: &mut Outputs<Office>) {
        match input {
            Input::Message { from, message: Paper::Now { token, parts } } => {
                self.askers.push(from);
                for number in 1..=parts {
                    out.send(
                        from,
                        Paper::Part { token, number, is_last: number == parts, weight: 64 },
                    );
                }
            }
            Input::Message { from, message: Paper::Later { token } } => {
                self.askers.push(from);
                self.waiting.push((from, token));
            }
            Input::Message { message: Paper::Go { is_last, weight }, .. } => {
                self.parts += 1;
                for &(to, token) in &self.waiting {
                    out.send(to, Paper::Part { token, number: self.parts, is_last, weight });
                }
                if is_last {
                    self.waiting.clear();
                }
            }
            // What is owed is still sent: it vanishes.
            Input::LinkReset { peer } => self.resets.push(peer),
            Input::Writable { link: Link::Stream, .. } => self.writables += 1,
            _ => {}
        }
    }

    fn inspect(&self) -> Inspection {
        Inspection { role: "clerk", state: String::new() }
    }
}

struct Nobody;
impl Outside<Office> for Nobody {
    fn deliver(&self, to: NodeId, message: Paper, _: Link) {
        panic!("{message:?} to {to:?}: there are only sessions");
    }
}

/// An office that is open until this is dropped.
pub(crate) struct Open(pub(crate) Arc<Node<Clerk>>);

impl Open {
    pub(crate) fn new() -> Open {
        let metrics = Metrics::default();
        let files = Files::new(Path::new(".").to_owned(), &metrics);
        Open(Node::start(Clerk::default(), files, DiskId(1), Arc::new(Nobody), &metrics))
    }

    pub(crate) fn look<T>(&self, at: impl FnOnce(&Clerk) -> T) -> T {
        self.0.look(at).unwrap()
    }

    /// One more part for each that waits.
    pub(crate) fn go(&self, is_last: bool, weight: u32) {
        let message = Paper::Go { is_last, weight };
        assert!(self.0.input(Input::Message { from: NodeId(1), message }));
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let node = self.0.clone();
        within("the office closes", move || node.stop());
    }
}

/// The number of a part, and whether it is the last.
pub(crate) fn part(paper: Option<Paper>) -> Option<(u64, bool)> {
    match paper? {
        Paper::Part { number, is_last, .. } => Some((number, is_last)),
        other => panic!("{other:?} is no answer"),
    }
}
