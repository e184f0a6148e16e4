//! Why a history is not linearizable, for people.

use std::fmt::{self, Write};

use crate::history::Operation;
use crate::search::Deepest;

/// How far an order of one key's operations gets, and what it founders on. Numbers are positions in
/// the history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The longest order that the answers allow.
    pub prefix: Vec<usize>,
    /// The operation that would have to come next, and contradicts what was before it.
    pub stuck: usize,
    /// What was under way at the same time.
    pub concurrent: Vec<usize>,
}

/// Rows of the prefix that are shown: its end.
const SHOWN: usize = 10;
/// Letters of an operation that are shown.
const WIDEST: usize = 200;

impl Failure {
    pub(crate) fn of<I, O>(
        indices: &[usize],
        deepest: &Deepest,
        history: &[Operation<I, O>],
    ) -> Self {
        // A search that fails has an operation with an answer that it could not take.
        let stuck = indices[deepest.stuck.unwrap_or(0)];
        let meets = |&index: &usize| index != stuck && history[index].overlaps(&history[stuck]);
        Failure {
            prefix: deepest.order.iter().map(|&operation| indices[operation]).collect(),
            stuck,
            concurrent: indices.iter().copied().filter(meets).collect(),
        }
    }

    /// A few lines.
    pub fn text<I, O>(&self, history: &[Operation<I, O>]) -> String
    where
        Operation<I, O>: fmt::Display,
    {
        let mut text = String::new();
        let mut row = |mark: &str, index: usize| {
            let operation = &history[index];
            let until = match &operation.returned {
                Some((at, _)) => at.to_string(),
                None => "?".into(),
            };
            let (process, from) = (operation.process, operation.invoked);
            let said = cut(&operation.to_string(), WIDEST);
            let _ = writeln!(text, "{mark} {from:>8} to {until:<8} process {process:<4} {said}");
        };
        let left_out = self.prefix.len().saturating_sub(SHOWN);
        self.prefix.iter().skip(left_out).for_each(|&index| row(" ", index));
        row("\u{2717}", self.stuck);
        let untaken = self.concurrent.iter().filter(|index| !self.prefix.contains(index));
        untaken.for_each(|&index| row("|", index));
        let heading = match left_out {
            0 => format!("the longest order has {} operations:\n", self.prefix.len()),
            count => format!(
                "the longest order has {} operations; after the first {count}:\n",
                self.prefix.len()
            ),
        };
        let legend = "(\u{2717} cannot come next; | was under way at the same time)\n";
        heading + &text + legend
    }

    /// A picture: the operations around the one that cannot be placed, a row for each process, the
    /// order that was found as numbers.
    pub fn svg<I, O>(&self, history: &[Operation<I, O>]) -> String
    where
        Operation<I, O>: fmt::Display,
    {
        let mut shown: Vec<usize> = self.prefix.iter().rev().take(SHOWN).copied().collect();
        shown.extend(self.concurrent.iter().chain([&self.stuck]));
        shown.sort_by_key(|&index| history[index].invoked);
        shown.dedup();
        let mut processes: Vec<u64> = shown.iter().map(|&index| history[index].process).collect();
        processes.sort_unstable();
        processes.dedup();
        let mut moments: Vec<u64> = Vec::new();
        for &index in &shown {
            moments.push(history[index].invoked);
            moments.extend(history[index].returned.as_ref().map(|(at, _)| *at));
        }
        moments.sort_unstable();
        moments.dedup();
        let x = |at: u64| 110 + 60 * moments.partition_point(|&moment| moment < at);
        let (width, height) = (180 + 60 * moments.len(), 40 + 44 * processes.len());
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
             font-family=\"sans-serif\" font-size=\"11\">\n<rect width=\"100%\" height=\"100%\" \
             fill=\"white\"/>\n"
        );
        for (row, process) in processes.iter().enumerate() {
            let y = 44 + 44 * row;
            let _ = writeln!(svg, "<text x=\"8\" y=\"{y}\">process {process}</text>");
        }
        for &index in &shown {
            let operation = &history[index];
            let row = processes.partition_point(|&process| process < operation.process);
            let (left, y) = (x(operation.invoked), 30 + 44 * row);
            let right = operation.returned.as_ref().map_or(width - 10, |(at, _)| x(*at));
            let colour = match index {
                index if index == self.stuck => "#f4b6b6",
                index if self.prefix.contains(&index) => "#cfe3f7",
                _ => "#e6e6e6",
            };
            let turn = self.prefix.iter().position(|&other| other == index);
            let turn = turn.map_or(String::new(), |turn| format!("{}. ", turn + 1));
            let said = escape(&format!("{turn}{operation}"));
            let _ = writeln!(
                svg,
                "<rect x=\"{left}\" y=\"{y}\" width=\"{}\" height=\"20\" rx=\"3\" \
                 fill=\"{colour}\" stroke=\"#555\"/><text x=\"{}\" y=\"{}\">{said}</text>",
                right - left,
                left + 4,
                y + 34
            );
        }
        svg + "</svg>\n"
    }
}

fn escape(text: &str) -> String {
    let shown: String = text.chars().filter(|c| !c.is_control()).take(60).collect();
    shown.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// A text, or its beginning and its end where it is longer than allowed.
pub(crate) fn cut(text: &str, most: usize) -> String {
    let count = text.chars().count();
    if count <= most {
        return text.into();
    }
    let begin = text.chars().take(most / 2);
    let end = text.chars().skip(count - most / 2);
    begin.chain(" ... ".chars()).chain(end).collect()
}
