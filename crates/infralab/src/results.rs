//! Results, as they are printed.

use std::fmt;
use std::io::{BufWriter, ErrorKind, IsTerminal, StdoutLock, Write};
use std::path::Path;

use serde_json::Value;

use crate::exit::{Failure, Found, Outcome, harmless};

/// As `println!`, with colour where the terminal wants it.
macro_rules! say {
    () => { $crate::results::write_line(format_args!("")) };
    ($($words:tt)+) => { $crate::results::write_line(format_args!($($words)+)) };
}
pub(crate) use say;

/// If the reader closed the pipe (`| head`), the command continues and its exit status stands. Any other
/// failure to write (a full disk) ends it with 4.
pub(crate) fn write_line(words: fmt::Arguments<'_>) {
    match writeln!(anstream::stdout(), "{words}") {
        Err(why) if why.kind() != ErrorKind::BrokenPipe => {
            anstream::eprintln!("infralab: the results could not be written: {why}");
            std::process::exit(4);
        }
        _ => {}
    }
}

/// Prints a result: as it is for a program, and harmless for a terminal. A reader that closes the pipe
/// is no failure.
pub(crate) fn print(text: &str) -> Outcome {
    let mut out = Results::new();
    outcome_of(out.write_all(text.as_bytes()).and_then(|()| out.flush()))
}

/// Prints a result as one JSON object, or as text for people.
pub(crate) fn print_result(
    json: bool,
    object: impl FnOnce() -> Value,
    text: impl FnOnce() -> String,
) -> Outcome {
    print(&if json { format!("{}\n", object()) } else { text() })
}

/// Prints a result a line at a time, however many there are, up to the first that failed.
pub(crate) fn print_lines<L: fmt::Display>(
    lines: impl Iterator<Item = Result<L, Failure>>,
) -> Outcome {
    print_pieces(lines.map(|line| Ok(Line(line?))))
}

/// Prints a result a piece at a time, up to the first that failed.
pub(crate) fn print_pieces<P: fmt::Display>(
    pieces: impl Iterator<Item = Result<P, Failure>>,
) -> Outcome {
    let mut out = BufWriter::with_capacity(1 << 16, std::io::stdout().lock());
    for piece in pieces {
        let written = write!(out, "{}", piece?);
        if written.is_err() {
            return outcome_of(written);
        }
    }
    outcome_of(out.flush())
}

struct Line<L>(L);

impl<L: fmt::Display> fmt::Display for Line<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.0)
    }
}

/// Standard output for results, which may quote untrusted text.
pub(crate) struct Results {
    to: StdoutLock<'static>,
    is_terminal: bool,
    /// The first bytes of a character that is not complete yet.
    begun: Vec<u8>,
}

impl Results {
    pub(crate) fn new() -> Results {
        let to = std::io::stdout().lock();
        Results { is_terminal: to.is_terminal(), to, begun: Vec::new() }
    }
}

impl Write for Results {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if !self.is_terminal {
            return self.to.write(bytes);
        }
        self.begun.extend_from_slice(bytes);
        let whole = match str::from_utf8(&self.begun) {
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            _ => self.begun.len(),
        };
        let text = String::from_utf8_lossy(&self.begun[..whole]);
        self.to.write_all(harmless(&text).as_bytes())?;
        self.begun.drain(..whole);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.to.flush()
    }
}

/// Writes a result to a file that the user named.
pub(crate) fn save_to(file: &Path, text: &str) -> Result<(), Failure> {
    std::fs::write(file, text).map_err(|why| Failure::environment(file.display(), why))
}

/// The outcome of a command whose result was printed so.
pub(crate) fn outcome_of(result: std::io::Result<()>) -> Outcome {
    match result {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::environment("cannot write the result", error))
        }
        _ => Ok(Found::Held),
    }
}
