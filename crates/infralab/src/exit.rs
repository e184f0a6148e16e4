//! How a command ends, as a number that scripts can read.

use std::fmt;
use std::process::ExitCode;

use sim::Refused;

/// What a command found; of several things the last of these is what counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Found {
    /// Every promise held, or there was nothing to judge.
    Held,
    /// A checker could not tell, or a sweep did too little to tell.
    Unknown,
    /// A promise was broken.
    Broken,
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
    /// The reason may quote an untrusted file.
    pub(crate) fn input(why: impl fmt::Display) -> Failure {
        Failure::Input(harmless(&why.to_string()))
    }

    /// The reason may quote an untrusted server.
    pub(crate) fn environment(what: impl fmt::Display, why: impl fmt::Display) -> Failure {
        Failure::Environment(harmless(&format!("{what}: {why}")))
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

/// The reason, and which name may have been meant.
pub(crate) fn refused(why: Refused) -> Failure {
    let meant = match &why {
        Refused::UnknownScenario(name, known) | Refused::UnknownMechanism(name, known) => {
            nearest(name, known)
        }
        _ => None,
    };
    match meant {
        Some(meant) => Failure::input(format!("{why}; did you mean {meant}?")),
        None => Failure::input(why),
    }
}

/// The name that is nearly this one.
fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    /// As near as clap wants it for names of its own.
    const NEAR: f64 = 0.7;
    let near = known.iter().map(|known| (strsim::jaro(name, known), *known));
    let best = near.max_by(|(one, _), (other, _)| one.total_cmp(other));
    best.filter(|(near, _)| *near > NEAR).map(|(_, known)| known)
}

/// Untrusted text as a terminal may show it: without control characters, and without marks that change the
/// direction of text.
pub(crate) fn harmless(text: &str) -> String {
    let shown = |c: char| match c {
        '\n' | '\t' => c,
        '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' => char::REPLACEMENT_CHARACTER,
        c if c.is_control() => char::REPLACEMENT_CHARACTER,
        c => c,
    };
    text.chars().map(shown).collect()
}

/// Prints a warning on stderr. It may quote untrusted text.
pub(crate) fn warn(said: &str) {
    anstream::eprintln!("infralab: {}", harmless(said));
}

/// What every command answers.
pub(crate) type Outcome = Result<Found, Failure>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_nearly_right_gets_the_right_one_beside_it() {
        let known = vec!["leader-crash", "power-loss"];
        let said =
            |name: &str| refused(Refused::UnknownScenario(name.into(), known.clone())).to_string();
        assert!(
            said("leadr-crash").ends_with("; did you mean leader-crash?"),
            "{}",
            said("leadr-crash")
        );
        assert!(said("\u{1b}xyz").ends_with("leader-crash, power-loss"), "{}", said("xyz"));
    }

    #[test]
    fn a_stranger_does_not_steer_the_terminal() {
        let title = "a\u{1b}]0;owned\u{7}\tb\r\u{9b}2J\u{7f}\u{202e}c\u{e9}\n";
        assert_eq!(
            harmless(title),
            "a\u{fffd}]0;owned\u{fffd}\tb\u{fffd}\u{fffd}2J\u{fffd}\u{fffd}c\u{e9}\n"
        );
        for failure in [Failure::input(title), Failure::environment("the server", title)] {
            assert!(!failure.to_string().contains(['\u{1b}', '\u{9b}', '\u{202e}']));
        }
    }
}
