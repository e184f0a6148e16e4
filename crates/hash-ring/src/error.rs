//! Everything that can be refused. Whatever was refused changed nothing.

use std::error::Error;
use std::fmt;

/// Why there can be no such placement, or no such change to one. It is as it was before.
#[derive(Clone, Debug, PartialEq)]
pub enum Refused {
    /// A list has no nodes. Give at least one.
    NoNodes,
    /// A name, zone or rack is empty, or has a blank, a comma or, in a rack, a slash in it. The names
    /// are to be read in lists.
    BadName {
        /// The name.
        name: String,
    },
    /// A weight is not a number from a billionth to a billion.
    BadWeight {
        /// The name of the node.
        name: String,
        /// The weight.
        weight: f64,
    },
    /// There is a node of this name already.
    Twice {
        /// The name.
        name: String,
    },
    /// There is no node of this name, perhaps not any more.
    NotThere {
        /// The name.
        name: String,
    },
    /// It is the only node: without it the keys would have no place.
    LastNode {
        /// The name.
        name: String,
    },
    /// The algorithm numbers its nodes, and only the last number can go.
    OnlyTheLast {
        /// The name of the node that cannot go.
        name: String,
        /// The name of the one that can.
        last: String,
    },
    /// The algorithm has no weights, and this node's differs from another's.
    NoWeights {
        /// The algorithm.
        algorithm: &'static str,
        /// The name of the node.
        name: String,
    },
    /// The algorithm was built for at most so many nodes. Build it anew, and let the keys move.
    Full {
        /// How many.
        capacity: u32,
    },
    /// The nodes ask for more points than a ring may have. Make all weights smaller; in [`Ketama`],
    /// where only their relation counts, there are too many nodes.
    ///
    /// [`Ketama`]: crate::Ketama
    TooManyPoints {
        /// How many they ask for.
        points: f64,
        /// How many a ring may have.
        most: u32,
    },
    /// A table of this many slots cannot be filled by permutations: it takes a prime, from the number
    /// of nodes up.
    BadTable {
        /// How many slots.
        slots: u32,
        /// The most that a table may have.
        most: u32,
    },
    /// A bound below the average cannot be kept; 1.25 is a common one.
    BadBound {
        /// The bound, in averages.
        bound: f64,
    },
    /// The node has no request left to release: one was released twice, or the node is new.
    NothingToRelease {
        /// The name of the node.
        name: String,
    },
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refused::NoNodes => write!(f, "there are no nodes; give at least one"),
            Refused::BadName { name } => write!(
                f,
                "{name:?} is no name: one has at least a character, and neither blanks nor commas"
            ),
            Refused::BadWeight { name, weight } => {
                write!(f, "{name} weighs {weight}; a weight is from 0.000000001 to 1000000000")
            }
            Refused::Twice { name } => write!(f, "there are two nodes with the name {name}"),
            Refused::NotThere { name } => write!(f, "there is no node with the name {name}"),
            Refused::LastNode { name } => {
                write!(f, "{name} is the only node; without it no key has a place")
            }
            Refused::OnlyTheLast { name, last } => write!(
                f,
                "{name} cannot be removed: nodes are numbered, and only the last, {last}, can go"
            ),
            Refused::NoWeights { algorithm, name } => write!(
                f,
                "{algorithm} has no weights, and that of {name} differs from that of the others; give \
                 all the same one or take an algorithm that has weights"
            ),
            Refused::Full { capacity } => {
                write!(f, "there is room for {capacity} nodes; build a larger one for more")
            }
            Refused::TooManyPoints { points, most } => write!(
                f,
                "these nodes ask for {points} points and a ring has at most {most}; it takes fewer \
                 nodes or, but in ketama, smaller weights"
            ),
            Refused::BadTable { slots, most } => write!(
                f,
                "a table cannot have {slots} slots: it takes a prime, from the number of nodes up to \
                 {most}"
            ),
            Refused::BadBound { bound } => {
                write!(f, "a bound of {bound} averages cannot be kept; it takes 1 or more")
            }
            Refused::NothingToRelease { name } => {
                write!(f, "{name} has no request left to release")
            }
        }
    }
}

impl Error for Refused {}

/// Why a text is not a list of nodes.
#[derive(Clone, Debug, PartialEq)]
pub enum FileError {
    /// It has no line with a node in it.
    NoNodes,
    /// A line is not a node.
    Line {
        /// Its number, from 1.
        line: usize,
        /// What is wrong with it.
        error: LineError,
    },
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FileError::NoNodes => write!(f, "there is no node in it; give a name a line"),
            FileError::Line { line, error } => write!(f, "line {line}: {error}"),
        }
    }
}

impl Error for FileError {}

/// Why a line is not a node.
#[derive(Clone, Debug, PartialEq)]
pub enum LineError {
    /// It has more than a name, a weight and a zone.
    TooLong,
    /// The weight is not a number.
    NotANumber {
        /// The text.
        text: String,
    },
    /// The name was given before.
    Repeated {
        /// The name.
        name: String,
        /// In which line.
        first: usize,
    },
    /// There can be no such node.
    Node(Refused),
}

impl fmt::Display for LineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LineError::TooLong => {
                write!(f, "a line is `name`, `name weight` or `name weight zone`")
            }
            LineError::NotANumber { text } => {
                write!(f, "the second word is the weight, and {text:?} is not a number")
            }
            LineError::Repeated { name, first } => {
                write!(f, "{name} is there already, in line {first}")
            }
            LineError::Node(refused) => write!(f, "{refused}"),
        }
    }
}

impl Error for LineError {}
