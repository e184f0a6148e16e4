//! How a command ends, as a number that scripts can read.

use std::fmt;
use std::io::{ErrorKind, Write};
use std::process::ExitCode;

/// What a command found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// Every promise held, or there was nothing to judge.
    Held,
    /// A promise was broken.
    Broken,
    /// A checker could not tell, or a sweep did too little to tell.
    Unknown,
}

impl From<Found> for ExitCode {
    fn from(found: Found) -> ExitCode {
        match found {
            Found::Held => ExitCode::SUCCESS,
            Found::Broken => ExitCode::from(1),
            Found::Unknown => ExitCode::from(3),
        }
    }
}

/// Why a command did nothing, in one sentence with the way out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// Bad arguments or input: exit status 2.
    Input(String),
    /// It could not run (a port taken, a disk full): exit status 4.
    Environment(String),
}

impl Failure {
    /// Input may come from a stranger's file: nothing in it may steer the terminal.
    pub(crate) fn input(why: impl fmt::Display) -> Failure {
        let harmless = |c: char| if c.is_control() && c != '\n' { '\u{FFFD}' } else { c };
        Failure::Input(why.to_string().chars().map(harmless).collect())
    }

    pub(crate) fn environment(what: impl fmt::Display, why: impl fmt::Display) -> Failure {
        Failure::Environment(format!("{what}: {why}"))
    }

    pub(crate) fn code(&self) -> ExitCode {
        match self {
            Failure::Input(_) => ExitCode::from(2),
            Failure::Environment(_) => ExitCode::from(4),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Input(why) | Failure::Environment(why) => f.write_str(why),
        }
    }
}

/// What every command answers.
pub(crate) type Outcome = Result<Found, Failure>;

/// As `println!`, with colour where the terminal wants it.
macro_rules! say {
    () => { $crate::exit::write_line(format_args!("")) };
    ($($words:tt)+) => { $crate::exit::write_line(format_args!($($words)+)) };
}
pub(crate) use say;

/// A reader who has seen enough and closed the pipe (`| head`) misses the words, not the verdict:
/// the command goes on and its exit status stands. Words that cannot be written for another reason
/// (a full disk) end it with 4.
pub(crate) fn write_line(words: fmt::Arguments<'_>) {
    match writeln!(anstream::stdout(), "{words}") {
        Err(why) if why.kind() != ErrorKind::BrokenPipe => {
            anstream::eprintln!("infralab: the results could not be written: {why}");
            std::process::exit(4);
        }
        _ => {}
    }
}

/// Prints a result. Whoever stops reading has read enough.
pub(crate) fn print(text: &str) -> Outcome {
    let mut out = std::io::stdout().lock();
    printed(out.write_all(text.as_bytes()).and_then(|()| out.flush()))
}

/// What printing came to.
pub(crate) fn printed(result: std::io::Result<()>) -> Outcome {
    match result {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::environment("cannot write the result", error))
        }
        _ => Ok(Found::Held),
    }
}
