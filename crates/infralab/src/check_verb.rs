//! `check`: is a history that somebody recorded linearizable?

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use check::{
    Budget, Failure as Refuted, Kv, Model, Operation, Recorded, Register, Verdict, kv_history,
    linearizable, read, register_history,
};
use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use crate::exit::{Failure, Found, Outcome, say};

/// A larger file is no history that a search would end for.
const LARGEST: u64 = 1 << 30;
/// Configurations that may be remembered: some gigabytes.
const REMEMBERED: usize = 40_000_000;

#[derive(Debug, Args)]
pub(crate) struct CheckArguments {
    /// A history: lines of Jepsen's log, EDN maps or JSON objects.
    file: PathBuf,
    /// What it is a history of.
    #[arg(long)]
    model: ModelName,
    /// Seconds after which the verdict is `unknown`.
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = seconds)]
    timeout: Duration,
    /// Prints one JSON object.
    #[arg(long)]
    json: bool,
    /// Draws what went wrong into a file.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ModelName {
    /// `read`, `write` and `cas`; it starts as nil.
    CasRegister,
    /// `get`, `put`, `append`, `cas` and `delete` by key; values start empty.
    Kv,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    seconds.ok_or_else(|| format!("{text} is no number of seconds, such as 10 or 0.5"))
}

impl CheckArguments {
    pub(crate) fn carry_out(&self) -> Outcome {
        let shown = self.file.display();
        let malformed = |why| Failure::input(format!("{shown}: {why}"));
        let events = read(&text(&self.file)?).map_err(|why| malformed(why.to_string()))?;
        match self.model {
            ModelName::CasRegister => {
                let history = register_history(&events);
                self.judge::<Register>(&events, &history.map_err(|why| malformed(why.to_string()))?)
            }
            ModelName::Kv => {
                let history = kv_history(&events);
                self.judge::<Kv>(&events, &history.map_err(|why| malformed(why.to_string()))?)
            }
        }
    }

    #[expect(clippy::disallowed_methods, reason = "the user bounds the time that it may take")]
    fn judge<M: Model>(
        &self,
        events: &[Recorded],
        history: &[Operation<M::Input, M::Output>],
    ) -> Outcome
    where
        M::Input: Display,
        M::Output: Display,
    {
        let began = Instant::now();
        let mut go_on = || began.elapsed() < self.timeout;
        let budget = Budget { remembered: REMEMBERED, go_on: &mut go_on };
        let verdict = linearizable::<M>(history, budget);
        let elapsed = began.elapsed();
        let open = history.iter().filter(|operation| operation.returned.is_none()).count();
        let (found, word) = match &verdict {
            Verdict::Linearizable => (Found::Held, "linearizable"),
            Verdict::NotLinearizable(_) => (Found::Broken, "not linearizable"),
            Verdict::Unknown(_) => (Found::Unknown, "unknown"),
        };
        if self.json {
            let mut all = json!({
                "verdict": word, "events": events.len(), "operations": history.len(), "open": open,
                "elapsed_s": elapsed.as_secs_f64(),
            });
            match &verdict {
                Verdict::NotLinearizable(refuted) => all["failure"] = told::<M>(refuted, history),
                Verdict::Unknown(why) => all["why"] = (*why).into(),
                Verdict::Linearizable => {}
            }
            say!("{all}");
        } else {
            let count = history.len();
            say!("{count} operations, {open} of them open, in {:.3} s", elapsed.as_secs_f64());
            match &verdict {
                Verdict::NotLinearizable(refuted) => {
                    say!("{}", harmless(&refuted.text(history)).trim_end());
                }
                Verdict::Unknown(why) => say!("{why}"),
                Verdict::Linearizable => {}
            }
            say!("{word}");
        }
        if let (Some(file), Verdict::NotLinearizable(refuted)) = (&self.svg, &verdict) {
            std::fs::write(file, refuted.svg(history))
                .map_err(|why| Failure::environment(file.display(), why))?;
        }
        Ok(found)
    }
}

/// The failure by lines of the file.
fn told<M: Model>(refuted: &Refuted, history: &[Operation<M::Input, M::Output>]) -> Value
where
    M::Input: Display,
    M::Output: Display,
{
    let tell = |&place: &usize| {
        let operation = &history[place];
        let returned = operation.returned.as_ref().map(|(line, _)| line);
        json!({"process": operation.process, "invoked": operation.invoked, "returned": returned,
               "operation": operation.to_string()})
    };
    json!({
        "prefix": refuted.prefix.iter().map(tell).collect::<Vec<_>>(),
        "stuck": tell(&refuted.stuck),
        "concurrent": refuted.concurrent.iter().map(tell).collect::<Vec<_>>(),
    })
}

/// Values come from a stranger's file: nothing in them may steer the terminal.
fn harmless(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' { '\u{FFFD}' } else { c }).collect()
}

fn text(file: &Path) -> Result<String, Failure> {
    let shown = file.display();
    let failed = |why| Failure::input(format!("{shown}: {why}"));
    if std::fs::metadata(file).map_err(failed)?.len() > LARGEST {
        return Err(Failure::input(format!("{shown} is larger than a gigabyte")));
    }
    String::from_utf8(std::fs::read(file).map_err(failed)?).map_err(|error| {
        let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = 1 + before.iter().filter(|&&byte| byte == b'\n').count();
        Failure::input(format!("{shown}: line {line} is not text (UTF-8)"))
    })
}
