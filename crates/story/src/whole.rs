//! A whole run, or a part of it, without a choice.

use machine::Time;
use sim::{Moment, RunRecord};

use crate::Reason;
use crate::aligned::is_worth_a_row;
use crate::canvas::Canvas;
use crate::rows::told;

/// Which part of a run to look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    /// All of it.
    All,
    /// So many rows, up to the first promise that broke, or the end.
    Last(usize),
    /// So many rows from this time on.
    From(Time, usize),
}

/// Draws a run in so many columns. Timers and disk operations that went well are left out.
pub fn whole(run: &RunRecord, window: Window, width: usize) -> String {
    let nodes: Vec<u32> = (0..run.nodes.len() as u32).collect();
    let mut canvas = Canvas::new(&nodes, width);
    let mut text = format!("{}\n", canvas.heading());
    let rows: Vec<usize> =
        (0..run.moments.len()).filter(|&number| is_worth_a_row(&run.moments[number].1)).collect();
    let (from, to) = bounds(run, &rows, window);
    left_out(&mut text, from);
    for (place, number) in rows.iter().enumerate().take(to) {
        // Rows that are not shown move the lifelines all the same.
        let lines = canvas.row(&told(run, *number, Reason::Cause));
        if place >= from {
            lines.iter().for_each(|line| text += &format!("{line}\n"));
        }
    }
    left_out(&mut text, rows.len() - to);
    text
}

fn left_out(text: &mut String, count: usize) {
    match count {
        0 => {}
        1 => *text += "              (1 row left out)\n",
        count => *text += &format!("              ({count} rows left out)\n"),
    }
}

/// The first row that is shown, and the first that is not any more.
fn bounds(run: &RunRecord, rows: &[usize], window: Window) -> (usize, usize) {
    match window {
        Window::All => (0, rows.len()),
        Window::Last(most) => {
            let breaks = |number: &usize| matches!(run.moments[*number].1, Moment::Broken { .. });
            let to = rows.iter().position(breaks).map_or(rows.len(), |place| place + 1);
            (to.saturating_sub(most), to)
        }
        Window::From(time, most) => {
            let from = rows.partition_point(|&number| run.moments[number].0 < time);
            (from, (from + most).min(rows.len()))
        }
    }
}
