//! The story of a break: a promise that did not hold, told by its cause.
//!
//! The law: a story is data ([`Story`]), and whatever shows it shows the same. A plan that broke a promise is run
//! twice in one world, as it was and with the mechanisms that were left out, and what is told is
//!
//! - the steps of the plan, crashes and starts;
//! - what the verdict names ([`sim::Evidence`]), and what its own event did;
//! - what happened in this run and not in the other one, each thing once;
//! - what led to these, a few steps back;
//! - the parting: the first that differs once what the verdict names has begun, and what the mechanism did there.
//!
//! Everything else is counted. `tell.rs` runs twice and puts the story together; `rows.rs` chooses, of what
//! `aligned.rs` finds in one run alone; `folded.rs` counts the rest; `words.rs` has the title and the sentences.
//! `terminal.rs` shows a story on `canvas.rs`, and `whole.rs` a whole run. `histogram.rs` draws what a sweep measured.

mod aligned;
mod canvas;
mod folded;
mod histogram;
mod rows;
mod tell;
mod terminal;
mod whole;
mod words;

use serde::Serialize;

pub use canvas::wrap;
pub use histogram::histogram;
pub use tell::{promise_of, tell};
pub use terminal::{Look, show};
pub use whole::{Window, whole};

/// As many rows as a page has.
pub const ROWS: usize = 45;
/// Where there is no terminal to ask.
pub const WIDTH: usize = 80;

/// Why a promise did not hold.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Story {
    /// What happened, in a few words.
    pub title: String,
    /// Which run it is of.
    pub run: String,
    /// The promise that is told of.
    pub promise: &'static str,
    /// What was to hold, what was left out, and what happened because of it.
    pub sentences: Vec<String>,
    /// Which other promises broke in the same run, and what else is to be known before the rows are read.
    pub remarks: Vec<String>,
    /// The turning points, in order.
    pub steps: Vec<Step>,
    /// What is shown, in order.
    pub rows: Vec<Row>,
    /// Where the run parts from the one with everything on.
    pub parting: Option<Parting>,
    /// The numbers that the promise judges, in both runs, the most telling first; none where it judges no sums.
    pub table: Vec<Compared>,
    /// Those who play a part.
    pub nodes: Vec<Part>,
    /// How many others there are.
    pub idle: usize,
    /// The run that broke.
    pub without: Side,
    /// The same with everything on; none where nothing had been left out.
    pub with: Option<Side>,
}

/// A turning point.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Step {
    /// Its moment's number in the run.
    pub event: usize,
    /// Where it was, if it was at one node.
    pub node: Option<u32>,
    /// What happened.
    pub title: String,
    /// Why it is told.
    pub why: Reason,
    /// What the mechanism did at that moment in the other run.
    pub instead: Option<String>,
}

/// Why a row is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// The promise was found broken.
    Break,
    /// The verdict rests on it.
    Evidence,
    /// Here the two runs part.
    Parting,
    /// A fault, what it did to a node, or a node that starts or stops.
    Fault,
    /// A client was given an operation.
    Operation,
    /// It did not happen with the mechanism on.
    Different,
    /// It led to another row.
    Cause,
}

/// A line of the story.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Row {
    /// Something happened.
    Told(Told),
    /// What happened in between, counted.
    Folded(String),
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Told {
    /// Its moment's number in the run.
    pub event: usize,
    /// When, in nanoseconds of the world's time.
    pub at: u64,
    /// How it is drawn.
    pub mark: Mark,
    /// Who sent it, if it is a message of a node.
    pub from: Option<u32>,
    /// Where it happened.
    pub nodes: Vec<u32>,
    /// What it was.
    pub text: String,
    /// When the message was sent.
    pub sent: Option<u64>,
    /// For how long a cut or a slow link held it back, in nanoseconds.
    pub held: u64,
    /// Why it is told.
    pub why: Reason,
    /// The number of its turning point, from one.
    pub step: Option<usize>,
}

/// How something is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mark {
    /// A message arrived.
    Arrow,
    /// It did not.
    Lost,
    /// A client was given an operation, or something else came from outside.
    Given,
    /// A node said something.
    Note,
    /// A node starts.
    Up,
    /// It is down.
    Down,
    /// It is about to end, or has ended as it was told to.
    Stop,
    /// A fault begins or ends.
    Fault,
    /// A link broke.
    Reset,
    /// A timer, or the disk.
    Inside,
    /// Something about the world.
    World,
    /// A promise broke.
    Break,
}

/// The first thing that differs once what the verdict names has begun.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Parting {
    /// What happened.
    pub a: Told,
    /// What happened there instead, with everything on; none where nothing did.
    pub b: Option<Told>,
}

/// A number that the promise judges.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Compared {
    /// What it is.
    pub label: String,
    /// In the run that broke.
    pub without: u64,
    /// With everything on.
    pub with: Option<u64>,
    /// The same over time, without and with, where it has a course.
    pub courses: [Vec<u64>; 2],
    /// When the courses end, in nanoseconds of the world's time.
    pub until: u64,
}

/// Somebody who plays a part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Part {
    /// The number.
    pub id: u32,
    /// What it is.
    pub name: String,
    /// How many rows name it.
    pub rows: usize,
}

/// A run, as far as a story is about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Side {
    /// What was left out.
    pub without: Vec<String>,
    /// Its hash.
    pub trace_hash: String,
    /// How many moments were recorded.
    pub moments: usize,
    /// What broke in it.
    pub broken: Vec<String>,
}
