//! A story in a terminal.

use std::cmp::Reverse;
use std::fmt::Write;

use anstyle::{AnsiColor, Style};

use crate::canvas::{Canvas, wrap};
use crate::{Compared, Mark, Reason, Row, Story, WIDTH};

const BOLD: Style = Style::new().bold();
const RED: Style = AnsiColor::Red.on_default().bold();
const GREEN: Style = AnsiColor::Green.on_default();
const AMBER: Style = AnsiColor::Yellow.on_default();
const PALE: Style = Style::new().dimmed();
const PLAIN: Style = Style::new();

/// How a story is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// Letters in a line.
    pub width: usize,
    /// With colour.
    pub colour: bool,
}

impl Default for Look {
    fn default() -> Look {
        Look { width: WIDTH, colour: false }
    }
}

/// Letters of a course that is drawn.
const COURSE: usize = 40;

/// The story as text.
pub fn show(story: &Story, look: Look) -> String {
    let mut page = Page { text: String::new(), look };
    page.say(BOLD, &story.title);
    page.say(PALE, &story.run);
    page.blank();
    story.sentences.iter().for_each(|sentence| page.say(PLAIN, sentence));
    story.remarks.iter().for_each(|remark| page.say(PALE, remark));
    page.blank();
    page.table(&story.table);
    let mut nodes: Vec<_> = story.nodes.iter().map(|part| (Reverse(part.rows), part.id)).collect();
    nodes.sort();
    let nodes: Vec<u32> = nodes.into_iter().map(|(_, node)| node).collect();
    page.say(PALE, &cast(story));
    page.blank();
    page.rows(story, Canvas::new(&nodes, look.width));
    page.text
}

/// Who is who: nodes of one kind together.
fn cast(story: &Story) -> String {
    let mut kinds: Vec<(&str, Vec<String>)> = Vec::new();
    for part in &story.nodes {
        let id = format!("n{}", part.id);
        match kinds.iter_mut().find(|(name, _)| *name == part.name) {
            Some((_, ids)) => ids.push(id),
            None => kinds.push((&part.name, vec![id])),
        }
    }
    let mut said: Vec<String> =
        kinds.into_iter().map(|(name, ids)| format!("{} {name}", ids.join(" "))).collect();
    match story.idle {
        0 => {}
        1 => said.push("1 other plays no part".into()),
        idle => said.push(format!("{idle} others play no part")),
    }
    said.join("; ")
}

struct Page {
    text: String,
    look: Look,
}

impl Page {
    fn line(&mut self, style: Style, line: &str) {
        // Writing to a string cannot fail.
        let _ = match self.look.colour && style != PLAIN {
            true => writeln!(self.text, "{style}{line}{style:#}"),
            false => writeln!(self.text, "{line}"),
        };
    }

    fn blank(&mut self) {
        self.text.push('\n');
    }

    fn say(&mut self, style: Style, words: &str) {
        wrap(words, self.look.width).iter().for_each(|line| self.line(style, line));
    }

    fn table(&mut self, table: &[Compared]) {
        if table.is_empty() {
            return;
        }
        self.line(BOLD, &format!("{:>9} {:>9}", "without", "with"));
        for compared in table {
            let with = compared.with.map_or("-".to_owned(), |with| with.to_string());
            let numbers = format!("{:>9} {with:>9}  ", compared.without);
            let room = self.look.width.saturating_sub(numbers.len()).max(20);
            for (number, part) in wrap(&compared.label, room).iter().enumerate() {
                let before = if number == 0 { numbers.clone() } else { " ".repeat(numbers.len()) };
                self.line(PLAIN, &format!("{before}{part}"));
            }
        }
        self.blank();
        self.chart(table);
    }

    /// The first number over time.
    fn chart(&mut self, table: &[Compared]) {
        let Some(drawn) = table.first().filter(|first| !first.courses[0].is_empty()) else {
            return;
        };
        let most = drawn.courses.iter().flatten().max().copied().unwrap_or(0);
        let until = drawn.until as f64 / 1e6;
        if table.len() > 1 {
            self.say(PLAIN, &format!("Over time, {}:", drawn.label));
        }
        for (name, course) in ["without", "with"].into_iter().zip(&drawn.courses) {
            if !course.is_empty() {
                self.line(PLAIN, &format!("{name:>9} {}", bars(course, most)));
            }
        }
        self.line(PALE, &format!("{:>9} 0 to {until:.0} ms; the highest is {most}", ""));
        self.blank();
    }

    fn rows(&mut self, story: &Story, mut canvas: Canvas) {
        self.line(BOLD, &canvas.heading());
        for row in &story.rows {
            let told = match row {
                Row::Folded(words) => {
                    canvas.between(words).iter().for_each(|line| self.line(PALE, line));
                    continue;
                }
                Row::Told(told) => told,
            };
            let style = match (told.why, told.mark) {
                (Reason::Break, _) => RED,
                (Reason::Parting, _) => RED,
                (Reason::Evidence, _) => BOLD,
                (_, Mark::Fault | Mark::Down) => AMBER,
                _ => PLAIN,
            };
            canvas.row(told).iter().for_each(|line| self.line(style, line));
            if let Some(parting) = story.parting.as_ref().filter(|it| it.a.event == told.event) {
                let without = story.without.without.join(", ");
                let words = match &parting.b {
                    Some(b) => {
                        let places: Vec<_> =
                            b.nodes.iter().map(|node| format!("n{node}")).collect();
                        let from = b.from.map_or(String::new(), |from| format!("n{from} to "));
                        let place = format!("{from}{}", places.join(" "));
                        let at = b.at as f64 / 1e6;
                        format!("with {without} instead, at {at:.3}: {place}: {}", b.text)
                    }
                    None => format!("with {without} this does not happen"),
                };
                canvas.between(&words).iter().for_each(|line| self.line(GREEN, line));
            }
        }
    }
}

/// A course as bars, each of an equal part of the run.
fn bars(course: &[u64], most: u64) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let part = course.len().div_ceil(COURSE).max(1);
    let bar = |values: &[u64]| {
        let mean = values.iter().sum::<u64>() / values.len() as u64;
        BARS[((mean * 7).checked_div(most).unwrap_or(0)).min(7) as usize]
    };
    course.chunks(part).map(bar).collect()
}
