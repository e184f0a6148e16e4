//! A space-time diagram for the terminal: nodes side by side, time downwards, messages as arrows
//! at the moment they arrive.

use machine::{DiskError, NodeId, Time};

use crate::recorder::Moment;

/// Which part of a run to look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    /// So many rows: the end, and before it the latest landmarks (faults, and nodes that stop and
    /// start), which may take up to half of them.
    Last(usize),
    /// So many rows from this time on.
    From(Time, usize),
}

/// Draws the moments of a run. Timers and disk operations that went well are left out.
pub fn diagram(nodes: &[String], moments: &[(Time, Moment)], window: Window) -> String {
    let rows: Vec<_> = moments.iter().filter(|(_, moment)| is_worth_a_row(moment)).collect();
    let shown = choose(&rows, window);
    let width = nodes.iter().map(|name| name.chars().count()).max().unwrap_or(0).max(8) + 3;
    let mut canvas = Canvas { nodes: nodes.len(), width, up: vec![true; nodes.len()] };
    let mut text = canvas.heading(nodes);
    let mut left_out = 0;
    for ((at, moment), shown) in rows.into_iter().zip(shown) {
        // Rows that are not shown move the lifelines all the same.
        let row = canvas.row(moment);
        if !shown {
            left_out += 1;
            continue;
        }
        text += &gap(std::mem::take(&mut left_out));
        let at = format!("{:.3} ms", at.0 as f64 / 1e6);
        text += &format!("{at:>12}  {}\n", row.trim_end());
    }
    text + &gap(left_out)
}

fn gap(left_out: usize) -> String {
    match left_out {
        0 => String::new(),
        1 => format!("{:>12}  (1 row left out)\n", ""),
        count => format!("{:>12}  ({count} rows left out)\n", ""),
    }
}

/// Of each row, whether the window shows it.
fn choose(rows: &[&(Time, Moment)], window: Window) -> Vec<bool> {
    let mut shown = vec![false; rows.len()];
    match window {
        Window::From(time, most) => {
            let first = rows.partition_point(|(at, _)| *at < time);
            shown.iter_mut().skip(first).take(most).for_each(|shown| *shown = true);
        }
        Window::Last(most) => {
            let marks: Vec<usize> =
                (0..rows.len()).filter(|&row| is_landmark(&rows[row].1)).collect();
            let latest = rows.len().saturating_sub(most.div_ceil(2));
            let mut end = rows.len().saturating_sub(most);
            let before = |end| marks.partition_point(|&mark| mark < end);
            // Each landmark that is shown before the end costs the end a row.
            while end < latest && before(end) > end + most - rows.len() {
                end += 1;
            }
            let room = (end + most).saturating_sub(rows.len());
            let kept = marks[..before(end)].iter().rev().take(room);
            kept.for_each(|&mark| shown[mark] = true);
            shown.iter_mut().skip(end).for_each(|shown| *shown = true);
        }
    }
    shown
}

fn is_landmark(moment: &Moment) -> bool {
    use Moment::*;
    match moment {
        FaultBegins { .. } | FaultEnds { .. } | Healed | Crashed { .. } => true,
        Halted { .. } | Resumed { .. } | Broken { .. } => true,
        Delivered { .. } | Lost { .. } | Reset { .. } | Timer { .. } | Disk { .. } => false,
        Note { .. } | Started { .. } | ToldToStop { .. } | Stopped { .. } | Overdue { .. } => false,
    }
}

fn is_worth_a_row(moment: &Moment) -> bool {
    // A file that is not there yet is no failure.
    !matches!(
        moment,
        Moment::Timer { .. } | Moment::Disk { failed: None | Some(DiskError::NotFound), .. }
    )
}

struct Canvas {
    nodes: usize,
    width: usize,
    up: Vec<bool>,
}

impl Canvas {
    fn heading(&self, nodes: &[String]) -> String {
        let names: String = nodes.iter().map(|name| format!("{name:<0$}", self.width)).collect();
        format!("{:>12}  {}\n", "", names.trim_end())
    }

    fn row(&mut self, moment: &Moment) -> String {
        let (marks, said) = match moment {
            Moment::Delivered { from, to, text } => return self.arrow(*from, *to, '▶', text),
            Moment::Lost { from, to, text } => {
                return self.arrow(*from, *to, '✗', &format!("{text} (lost)"));
            }
            Moment::Reset { node, peer } => {
                (vec![(*node, '~')], format!("link to n{} reset", peer.0))
            }
            Moment::Timer { node, name } => (vec![(*node, '·')], name.clone()),
            Moment::Disk { node, command, failed } => {
                let ended = failed.map_or("done".into(), |error| error.to_string());
                (vec![(*node, '▢')], format!("{command}: {ended}"))
            }
            Moment::Note { node, text } => (vec![(*node, '●')], text.clone()),
            Moment::Started { node } => {
                self.up[node.0 as usize] = true;
                (vec![(*node, '▲')], "starts".into())
            }
            Moment::Crashed { node } => {
                self.up[node.0 as usize] = false;
                (vec![(*node, '✗')], "is down".into())
            }
            Moment::ToldToStop { node } => (vec![(*node, '▽')], "is told to stop".into()),
            Moment::Stopped { node } => (vec![(*node, '▼')], "has stopped".into()),
            Moment::Overdue { node } => (vec![(*node, '▼')], "has not stopped in time".into()),
            Moment::Halted { node, why } => (vec![(*node, '✗')], format!("halts: {why}")),
            Moment::Resumed { node } => (vec![(*node, '▲')], "resumed from its snapshot".into()),
            Moment::FaultBegins { nodes, text } => (marked(nodes, '↯'), format!("[ {text}")),
            Moment::FaultEnds { nodes, text } => (marked(nodes, '↯'), format!("] {text}: over")),
            Moment::Healed => (Vec::new(), "the network is healed".into()),
            Moment::Broken { promise, why } => (Vec::new(), format!("✗ {promise}: {why}")),
        };
        let mut line = self.lifelines();
        for (node, mark) in marks {
            line[self.column(node)] = mark;
        }
        let line: String = line.into_iter().collect();
        format!("{line} {said}")
    }

    fn arrow(&self, from: NodeId, to: NodeId, head: char, text: &str) -> String {
        let mut line = self.lifelines();
        // What comes from outside comes from the left margin.
        let start = if from.0 as usize >= self.nodes { 0 } else { self.column(from) };
        let end = self.column(to);
        let (low, high) = (start.min(end), start.max(end));
        line[low..=high].fill('─');
        if start != end {
            line[start] = if start < end { '├' } else { '┤' };
        }
        line[end] = if head == '▶' && start > end { '◀' } else { head };
        let line: String = line.into_iter().collect();
        format!("{line} {text}")
    }

    fn lifelines(&self) -> Vec<char> {
        let mut line = vec![' '; self.nodes * self.width];
        for node in 0..self.nodes {
            line[node * self.width + 1] = if self.up[node] { '│' } else { '┊' };
        }
        line
    }

    fn column(&self, node: NodeId) -> usize {
        (node.0 as usize).min(self.nodes - 1) * self.width + 1
    }
}

fn marked(nodes: &[NodeId], mark: char) -> Vec<(NodeId, char)> {
    nodes.iter().map(|&node| (node, mark)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_like_a_page() {
        let nodes = ["n0 worker".to_string(), "n1 client".to_string()];
        let (worker, client) = (NodeId(0), NodeId(1));
        let moments = [
            (Time(1_000_000), Moment::Delivered { from: client, to: worker, text: "Mint".into() }),
            (Time(1_500_000), Moment::Timer { node: worker, name: "not shown".into() }),
            (Time(2_000_000), Moment::Crashed { node: worker }),
            (Time(2_250_000), Moment::Lost { from: client, to: worker, text: "Mint".into() }),
            (Time(3_000_000), Moment::Note { node: client, text: "GaveUp".into() }),
        ];
        let drawn = diagram(&nodes, &moments, Window::Last(80));
        let expected = "
              n0 worker   n1 client
    1.000 ms   ◀───────────┤           Mint
    2.000 ms   ✗           │           is down
    2.250 ms   ✗───────────┤           Mint (lost)
    3.000 ms   ┊           ●           GaveUp
";
        assert_eq!(drawn.trim_end(), expected[1..].trim_end());
        let shown = |window| {
            let drawn = diagram(&nodes, &moments, window);
            drawn.lines().skip(1).map(|line| line.trim().to_string()).collect::<Vec<_>>()
        };
        let (crash, end) = (
            "2.000 ms   ✗           │           is down",
            "3.000 ms   ┊           ●           GaveUp",
        );
        assert_eq!(shown(Window::Last(1)), ["(3 rows left out)", end]);
        assert_eq!(shown(Window::Last(2)), ["(1 row left out)", crash, "(1 row left out)", end]);
        let from = Window::From(Time(1_200_000), 1);
        assert_eq!(shown(from), ["(1 row left out)", crash, "(2 rows left out)"]);
    }
}
