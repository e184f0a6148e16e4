//! `check`: is a history that somebody recorded linearizable?

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use check::{
    Budget, Failure as Refuted, Keyed, Kv, Malformed, Model, MultiRegister, Mutex, Operation,
    Queue, Recorded, Recording, Register, Registers, Set, UnorderedQueue, Value as Datum, Verdict,
    history, independent, linearizable_from, read, value,
};
use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use crate::exit::{Failure, Found, Outcome, harmless};
use crate::results::{save_to, say};

/// No search would end for a larger history.
const LARGEST: u64 = 1 << 30;
/// The byte order mark that some editors put before a text.
const MARK: char = '\u{FEFF}';
/// Configurations that may be remembered: some gigabytes.
const REMEMBERED: usize = 40_000_000;

/// What `check --help` ends with.
pub(crate) const HISTORIES: &str = "\
Forms of histories, told apart by their content:
  Jepsen's log
   INFO  jepsen.util - 0 :invoke :write 4
   INFO [2024-01-01 12:00:00,000] jepsen worker 0 - jepsen.util 0 :ok :write 4
   2024-01-01 12:00:00,000{GMT} INFO [worker 0] jepsen.util: 0 :invoke :read nil
  history.txt
   0 :invoke :cas [4 2]
  EDN
   {:process 0, :type :ok, :f :cas, :value [4 2], :matched false}
  JSON
   {\"process\": 0, \"type\": \"ok\", \"f\": \"read\", \"value\": 4}
Maps and objects stand one after the other or in one collection; the nemesis is
passed over.

Types of events: invoke begins an operation; ok is its answer; fail says that it
did not take place, and not why; info, or no end, that nobody knows. A cas that
was answered with \"it did not match\" is ok, with matched false. What is not
understood is refused by its line.

Examples: infralab check --model cas-register etcd_000.log
          infralab check --model cas-register --initial 0 --independent a.edn
          infralab raft run leader-crash --history ops.edn
          infralab check --model kv ops.edn
          infralab check --model mutex locks.txt
          infralab check --model set adds.json --json
          infralab check --model queue rabbit.log --timeout 10
          infralab check --model unordered-queue --independent queues.edn
          infralab check --model multi-register txn.edn --svg why.svg";

#[derive(Debug, Args)]
pub(crate) struct CheckArguments {
    /// A history: Jepsen's log or history.txt, EDN maps or JSON objects.
    file: PathBuf,
    /// What it is a history of.
    #[arg(long)]
    model: ModelName,
    /// Takes values [key value] apart: each key is an object of its own.
    #[arg(long)]
    independent: bool,
    /// What registers or a store hold at first, as EDN.
    #[arg(long, value_name = "VALUE", value_parser = datum)]
    initial: Option<Datum>,
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

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ModelName {
    /// `read`, `write 4` and `cas [4 2]`; it begins as nil.
    CasRegister,
    /// `get`, `put`, `append`, `cas` and `delete`, each with a :key; values are text, and begin empty.
    Kv,
    /// `acquire` and `release`; it begins free.
    Mutex,
    /// `add 4`, and `read`, which finds all elements; it begins empty.
    Set,
    /// `enqueue 4`, and `dequeue`, which finds what went in first, or nil; it begins empty.
    #[value(alias = "fifo-queue")]
    Queue,
    /// The same, but a dequeue finds any element.
    UnorderedQueue,
    /// `txn [[:r :x nil] [:w :y 2]]` at one moment; each register begins as nil.
    MultiRegister,
}

fn datum(text: &str) -> Result<Datum, String> {
    value(text).map_err(|why| format!("{text} is no EDN, such as 0, nil or \"a\": {why}"))
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    seconds.ok_or_else(|| format!("{text} is no number of seconds, such as 10 or 0.5"))
}

impl CheckArguments {
    pub(crate) fn carry_out(&self) -> Outcome {
        let nil = Datum::Nil;
        let initial = self.initial.as_ref().unwrap_or(&nil);
        match self.model {
            ModelName::CasRegister => self.judge::<Keyed<Register>>(initial),
            ModelName::Kv => self.judge::<Kv>(&Kv::text(initial)),
            ModelName::MultiRegister => {
                self.judge::<Keyed<MultiRegister>>(&Registers::all(initial.clone()))
            }
            _ if self.initial.is_some() => Err(Failure::input(
                "--initial is what registers and stores hold: the others begin free or empty",
            )),
            ModelName::Mutex => self.judge::<Keyed<Mutex>>(&Mutex::initial()),
            ModelName::Set => self.judge::<Keyed<Set>>(&Set::initial()),
            ModelName::Queue => self.judge::<Keyed<Queue>>(&Queue::initial()),
            ModelName::UnorderedQueue => {
                self.judge::<Keyed<UnorderedQueue>>(&UnorderedQueue::initial())
            }
        }
    }

    fn events(&self) -> Result<Vec<Recorded>, Failure> {
        let events = read(&text(&self.file)?).and_then(|events| match self.independent {
            true => independent(events),
            false => Ok(events),
        });
        events.map_err(|why| self.malformed(&why))
    }

    fn malformed(&self, why: &Malformed) -> Failure {
        Failure::input(format!("{}: {why}", self.file.display()))
    }

    #[expect(clippy::disallowed_methods, reason = "the user bounds the time that it may take")]
    fn judge<M: Recording>(&self, initial: &M::State) -> Outcome
    where
        M::Input: Display,
        M::Output: Display,
    {
        let events = self.events()?;
        let history = &history::<M>(&events).map_err(|why| self.malformed(&why))?;
        let share = events.iter().any(|event| event.position != event.line);
        let moments = if share { "events" } else { "lines" };
        let began = Instant::now();
        let mut go_on = || began.elapsed() < self.timeout;
        let budget = Budget { remembered: REMEMBERED, go_on: &mut go_on };
        let verdict = linearizable_from::<M>(initial, history, budget);
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
                "moments": moments, "elapsed_s": elapsed.as_secs_f64(),
            });
            match &verdict {
                Verdict::NotLinearizable(refuted) => {
                    all["failure"] = failure_json::<M>(refuted, history)
                }
                Verdict::Unknown(why) => all["why"] = (*why).into(),
                Verdict::Linearizable => {}
            }
            say!("{all}");
        } else {
            let count = history.len();
            let noun = if count == 1 { "operation" } else { "operations" };
            say!("{count} {noun}, {open} of them open, in {:.3} s", elapsed.as_secs_f64());
            match &verdict {
                Verdict::NotLinearizable(refuted) => {
                    say!("moments are {moments} of the file, from 1");
                    say!("{}", harmless(&refuted.text(history)).trim_end());
                }
                Verdict::Unknown(why) => say!("{why}"),
                Verdict::Linearizable => {}
            }
            say!("{word}");
        }
        if let (Some(file), Verdict::NotLinearizable(refuted)) = (&self.svg, &verdict) {
            save_to(file, &refuted.svg(history))?;
        }
        Ok(found)
    }
}

/// The failure by lines of the file, or by events where they share lines.
fn failure_json<M: Model>(refuted: &Refuted, history: &[Operation<M::Input, M::Output>]) -> Value
where
    M::Input: Display,
    M::Output: Display,
{
    let operation = |&index: &usize| {
        let operation = &history[index];
        let returned = operation.returned.as_ref().map(|(line, _)| line);
        json!({"process": operation.process, "invoked": operation.invoked, "returned": returned,
               "operation": operation.to_string()})
    };
    json!({
        "prefix": refuted.prefix.iter().map(operation).collect::<Vec<_>>(),
        "stuck": operation(&refuted.stuck),
        "concurrent": refuted.concurrent.iter().map(operation).collect::<Vec<_>>(),
    })
}

fn text(file: &Path) -> Result<String, Failure> {
    let shown = file.display();
    let failed = |why| Failure::input(format!("{shown}: {why}"));
    if std::fs::metadata(file).map_err(failed)?.len() > LARGEST {
        return Err(Failure::input(format!("{shown} is larger than a gigabyte")));
    }
    let text = String::from_utf8(std::fs::read(file).map_err(failed)?);
    text.map(|text| text.strip_prefix(MARK).map(str::to_owned).unwrap_or(text)).map_err(|error| {
        let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = 1 + before.iter().filter(|&&byte| byte == b'\n').count();
        Failure::input(format!("{shown}: line {line} is not text (UTF-8)"))
    })
}
