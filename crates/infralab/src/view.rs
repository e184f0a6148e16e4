//! How runs and stories are shown.

use clap::Args;
use host::number;
use sim::{Registered, RunRecord};
use story::{Look, ROWS, Story, WIDTH, Window};

use crate::exit::Failure;
use crate::results::say;

/// How wide, how long, and whether all of it.
#[derive(Debug, Default, Args)]
pub(crate) struct View {
    /// Letters in a line; by default as many as the terminal has, and 80 where there is none.
    #[arg(long, value_name = "COLUMNS", value_parser = number::<usize>(60..=1_000))]
    width: Option<usize>,
    /// Rows of the story of a break; with --all the last so many of the run.
    #[arg(long, value_parser = number::<usize>(1..=1_000_000))]
    rows: Option<usize>,
    /// Shows the whole run, and not only what led to the break.
    #[arg(long, conflicts_with = "json")]
    all: bool,
}

impl View {
    /// The story of a run that broke a promise, as long as was asked for.
    pub(crate) fn story(
        &self,
        system: &dyn Registered,
        ran: &RunRecord,
    ) -> Result<Option<Story>, Failure> {
        story::tell(system, ran, self.rows.unwrap_or(ROWS)).map_err(Failure::input)
    }

    /// Prints the story of a run that broke a promise, or with `--all` the whole run.
    pub(crate) fn print(&self, system: &dyn Registered, ran: &RunRecord) -> Result<(), Failure> {
        let look = Look { width: self.width.unwrap_or_else(width), colour: true };
        if self.all {
            let window = self.rows.map_or(Window::All, Window::Last);
            say!("\n{}", story::whole(ran, window, look.width).trim_end());
        } else if let Some(story) = self.story(system, ran)? {
            say!("\n{}", story::show(&story, look).trim_end());
        }
        Ok(())
    }
}

/// Of the terminal, in letters.
pub(crate) fn width() -> usize {
    terminal_size::terminal_size().map_or(WIDTH, |(width, _)| usize::from(width.0).max(60))
}
