//! Lifelines in a terminal: nodes side by side, time downwards, messages as arrows at the moment they arrive, and
//! words beside it in a column of their own.

use crate::{Mark, Told};

/// What stands before the lifelines: the number of a turning point, and milliseconds.
const GUTTER: usize = 14;
/// Words need so much room.
const WORDS: usize = 34;

/// Where the lifelines are, and which of them are drawn.
pub(crate) struct Canvas {
    width: usize,
    /// The nodes that have a lifeline, in order.
    nodes: Vec<u32>,
    column: usize,
    up: Vec<bool>,
}

impl Canvas {
    /// Of these nodes, the most important first, as many as there is room for.
    pub(crate) fn new(by_importance: &[u32], width: usize) -> Canvas {
        let width = width.max(GUTTER + WORDS + 8);
        let named = by_importance.iter().map(|node| format!("n{node}").len()).max().unwrap_or(2);
        let column = named + 2;
        let room = (width - GUTTER - WORDS) / column;
        let mut nodes: Vec<u32> = by_importance.iter().copied().take(room).collect();
        nodes.sort_unstable();
        let up = vec![true; nodes.len()];
        Canvas { width, nodes, column, up }
    }

    /// Who stands above which lifeline.
    pub(crate) fn heading(&self) -> String {
        let names: String = self
            .nodes
            .iter()
            .map(|node| format!("{:<1$}", format!("n{node}"), self.column))
            .collect();
        format!("{:>1$}  {names}", "ms", GUTTER - 2).trim_end().to_owned()
    }

    /// Lines of a row: the first has the marks, the others what did not fit beside it.
    pub(crate) fn row(&mut self, told: &Told) -> Vec<String> {
        let line = self.marks(told);
        let step = told.step.map_or(String::new(), |step| step.to_string());
        let time = format!("{:.3}", told.at as f64 / 1e6);
        let place = self.place(told);
        let held = match told.held {
            0 => String::new(),
            held => format!(" (held {:.0} ms)", held as f64 / 1e6),
        };
        let words = format!("{place}{}{held}", told.text);
        self.beside(&format!("{step:<2}{time:>10}  "), &line, &words)
    }

    /// Lines that say something between rows.
    pub(crate) fn between(&self, words: &str) -> Vec<String> {
        self.beside(&" ".repeat(GUTTER), &self.lifelines(), words)
    }

    fn beside(&self, gutter: &str, line: &[char], words: &str) -> Vec<String> {
        let from = GUTTER + line.len() + 1;
        let room = self.width.saturating_sub(from).max(WORDS / 2);
        let mut lines = Vec::new();
        for (number, part) in wrap(words, room).into_iter().enumerate() {
            let (gutter, line) = match number {
                0 => (gutter.to_owned(), line.to_vec()),
                _ => (" ".repeat(GUTTER), self.lifelines()),
            };
            let line: String = line.into_iter().collect();
            lines.push(format!("{gutter}{line} {part}").trim_end().to_owned());
        }
        lines
    }

    /// Where it was, if no lifeline shows that.
    fn place(&self, told: &Told) -> String {
        let hidden = |node: &u32| !self.nodes.contains(node);
        match (told.from, &told.nodes[..]) {
            (Some(from), [to]) if hidden(&from) || hidden(to) => format!("n{from} to n{to}: "),
            (None, [node]) if hidden(node) => format!("n{node}: "),
            _ => String::new(),
        }
    }

    fn marks(&mut self, told: &Told) -> Vec<char> {
        if let (Mark::Up | Mark::Down, [node]) = (told.mark, &told.nodes[..])
            && let Some(place) = self.nodes.iter().position(|it| it == node)
        {
            self.up[place] = told.mark == Mark::Up;
        }
        let mut line = self.lifelines();
        if let (Mark::Arrow | Mark::Lost, [to]) = (told.mark, &told.nodes[..]) {
            self.arrow(&mut line, told.from, *to, told.mark == Mark::Lost);
            return line;
        }
        let mark = match told.mark {
            Mark::Up => '▲',
            Mark::Down | Mark::Lost => '✗',
            Mark::Stop => '▼',
            Mark::Fault => '↯',
            Mark::Reset => '~',
            Mark::Inside => '▢',
            Mark::Given => '◆',
            Mark::Note | Mark::Arrow | Mark::World | Mark::Break => '●',
        };
        for node in &told.nodes {
            if let Some(column) = self.column_of(*node) {
                line[column] = mark;
            }
        }
        line
    }

    fn arrow(&self, line: &mut [char], from: Option<u32>, to: u32, lost: bool) {
        let Some(end) = self.column_of(to) else { return };
        // What comes from somebody who is not shown comes from the left margin.
        let start = from.and_then(|from| self.column_of(from)).unwrap_or(0);
        line[start.min(end)..=start.max(end)].fill('─');
        if start != end {
            line[start] = if start < end { '├' } else { '┤' };
        }
        line[end] = match (lost, start > end) {
            (true, _) => '✗',
            (false, true) => '◀',
            (false, false) => '▶',
        };
    }

    fn lifelines(&self) -> Vec<char> {
        let mut line = vec![' '; self.nodes.len() * self.column];
        for (place, up) in self.up.iter().enumerate() {
            line[place * self.column] = if *up { '│' } else { '┊' };
        }
        line
    }

    fn column_of(&self, node: u32) -> Option<usize> {
        let place = self.nodes.iter().position(|it| *it == node)?;
        Some(place * self.column)
    }
}

/// Words in lines of so many letters; a word that is longer than a line is cut.
pub fn wrap(words: &str, width: usize) -> Vec<String> {
    let (mut lines, mut line, mut length) = (Vec::new(), String::new(), 0);
    for word in words.split(' ') {
        let letters: Vec<char> = word.chars().collect();
        if length > 0 && length + 1 + letters.len() > width {
            lines.push(std::mem::take(&mut line));
            length = 0;
        }
        if length > 0 {
            line.push(' ');
            length += 1;
        }
        for letter in letters {
            if length == width {
                lines.push(std::mem::take(&mut line));
                length = 0;
            }
            line.push(letter);
            length += 1;
        }
    }
    lines.push(line);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Reason;

    fn told(mark: Mark, from: Option<u32>, nodes: &[u32], text: &str) -> Told {
        let (nodes, text) = (nodes.to_vec(), text.to_owned());
        let (event, at, why) = (0, 1_500_000, Reason::Cause);
        Told { event, at, mark, from, nodes, text, sent: None, held: 0, why, step: None }
    }

    #[test]
    fn reads_like_a_page() {
        let mut canvas = Canvas::new(&[7, 0], 60);
        let mut page = vec![canvas.heading()];
        page.extend(canvas.row(&told(Mark::Arrow, Some(7), &[0], "Mint")));
        page.extend(canvas.row(&told(Mark::Down, None, &[0], "is down")));
        page.extend(canvas.between("12 × heartbeat"));
        page.extend(canvas.row(&told(Mark::Lost, Some(7), &[0], "Mint (lost)")));
        page.extend(canvas.row(&told(Mark::Note, None, &[3], "said where nobody has a lifeline")));
        let expected = "
          ms  n0  n7
       1.500  ◀───┤    Mint
       1.500  ✗   │    is down
              ┊   │    12 × heartbeat
       1.500  ✗───┤    Mint (lost)
       1.500  ┊   │    n3: said where nobody has a lifeline";
        assert_eq!(page.join("\n"), expected[1..]);
    }

    #[test]
    fn long_words_wrap_in_a_column_of_their_own_and_lines_keep_to_the_width() {
        let mut canvas = Canvas::new(&[0, 1, 2], 60);
        let lines = canvas.row(&told(Mark::Note, None, &[1], &"a word ".repeat(20)));
        assert!(
            lines.len() > 1 && lines.iter().all(|line| line.chars().count() <= 60),
            "{lines:?}"
        );
        assert!(lines[1].starts_with(&" ".repeat(GUTTER)) && lines[1].contains("│   │   │"));
        assert_eq!(wrap(&"x".repeat(25), 10).len(), 3, "and what is one word is cut");
    }
}
