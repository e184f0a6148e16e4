//! `merge`: the shares of a sweep, joined into what one sweep of all seeds says.

#![expect(
    clippy::disallowed_types,
    reason = "what was printed is read from files, a bounded part of each"
)]

use std::collections::BTreeMap;
use std::fmt::Display;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Deserialize;
use sim::{FaultKind, NO_PANIC, SweepReport, VERSION};

use crate::exit::{Failure, Found, Outcome};
use crate::results::say;
use crate::shard::{Shard, Share};
use crate::swept::Swept;
use crate::systems::system;

/// A file has a few kilobytes for each sweep.
const LONGEST: u64 = 256 << 20;

#[derive(Debug, Args)]
pub(crate) struct MergeArguments {
    /// What `sweep --shard I/N --json` printed, of all shares; several sweeps may be in one file.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Prints one JSON object for each sweep.
    #[arg(long)]
    json: bool,
}

/// What is read of what a share printed: what it swept, and all that it counted.
#[derive(Deserialize)]
struct Printed {
    system: String,
    scenario: String,
    without: Vec<String>,
    elapsed_s: f64,
    share: Option<Share>,
}

/// System, scenario and mechanisms that were left out.
type Name = (String, String, Vec<String>);

/// The shares of one sweep that were read so far.
struct Joined {
    first_seed: u64,
    seeds: u64,
    of: u64,
    /// From which file each is.
    shares: BTreeMap<u64, PathBuf>,
    report: SweepReport,
    elapsed_s: f64,
}

/// Joins the shares in these files, and judges them as one sweep. Before all of them can be judged nothing is printed.
pub(crate) fn merge(MergeArguments { files, json }: &MergeArguments) -> Outcome {
    let mut sweeps = BTreeMap::new();
    files.iter().try_for_each(|file| read(&mut sweeps, file))?;
    for (name, joined) in &mut sweeps {
        let (system, scenario, _) = name;
        let wrong = |why| Failure::input(format!("{system} {scenario}: {why}"));
        joined.judge(name).map_err(wrong)?;
    }
    let mut worst = Found::Held;
    for ((system, scenario, without), Joined { report, elapsed_s, .. }) in &sweeps {
        let swept = Swept { system, scenario, without, report, elapsed_s: *elapsed_s };
        if *json {
            say!("{}", swept.json())
        } else {
            swept.print()
        }
        worst = worst.max(swept.found());
    }
    Ok(worst)
}

/// Adds what is in a file to the sweeps that it is of.
fn read(sweeps: &mut BTreeMap<Name, Joined>, file: &Path) -> Result<(), Failure> {
    let wrong = |why: &dyn Display| Failure::input(format!("{}: {why}", file.display()));
    let opened = File::open(file).map_err(|why| wrong(&why))?;
    let text = BufReader::new(opened.take(LONGEST));
    let mut found = false;
    for printed in serde_json::Deserializer::from_reader(text).into_iter() {
        let printed: Printed = printed.map_err(|why| wrong(&why))?;
        take(sweeps, printed, file).map_err(|why| wrong(&why))?;
        found = true;
    }
    if found { Ok(()) } else { Err(wrong(&"there is no sweep in it")) }
}

/// Adds one share to its sweep.
fn take(sweeps: &mut BTreeMap<Name, Joined>, printed: Printed, file: &Path) -> Result<(), String> {
    let Printed { system, scenario, without, elapsed_s, share } = printed;
    let what = format!("{system} {scenario}");
    let Some(Share { version, shard, first_seed, seeds, report }) = share else {
        return Err(format!("the sweep of {what} is no share: it was run without --shard"));
    };
    if version != VERSION {
        return Err(format!("the share of {what} is version {version}'s, and this is {VERSION}"));
    }
    let Shard { number, of } = shard;
    if !(1..=of).contains(&number) {
        return Err(format!("{what} has no share {number}/{of}"));
    }
    let (_, own) = shard.of(seeds).map_err(|why| format!("{what}: {why}"))?;
    if report.seeds != own {
        return Err(format!(
            "share {number}/{of} of {what} has {} seeds, and not {own}",
            report.seeds
        ));
    }
    let none = || Joined {
        first_seed,
        seeds,
        of,
        shares: BTreeMap::new(),
        report: SweepReport::default(),
        elapsed_s: 0.0,
    };
    let joined = sweeps.entry((system, scenario, without)).or_insert_with(none);
    if (joined.first_seed, joined.seeds, joined.of) != (first_seed, seeds, of) {
        let (others, other_first, other_of) = (joined.seeds, joined.first_seed, joined.of);
        return Err(format!(
            "{what} is a share of {seeds} seeds from {first_seed} on, in {of}, and others are of {others} from \
             {other_first} on, in {other_of}"
        ));
    }
    if let Some(before) = joined.shares.insert(number, file.to_owned()) {
        return Err(format!("share {number}/{of} of {what} is in {} too", before.display()));
    }
    joined.report.merge(report);
    joined.elapsed_s = joined.elapsed_s.max(elapsed_s);
    Ok(())
}

impl Joined {
    /// Judges it as one sweep of all seeds. What it names is known here: a file may come from anybody.
    fn judge(&mut self, (name, scenario, without): &Name) -> Result<(), String> {
        self.is_whole()?;
        let system = system(name).map_err(|why| why.to_string())?;
        let info = system.scenarios().into_iter().find(|info| info.name == scenario);
        let info = info.ok_or("there is no such scenario")?;
        let mechanisms: Vec<_> = system.mechanisms().iter().map(|it| it.name).collect();
        let faults: Vec<_> = FaultKind::ALL.iter().map(|kind| kind.name()).collect();
        let is_promise = |name: &str| name == NO_PANIC || info.promises.contains(&name);
        let SweepReport { violations, faults: met, sometimes, figures, .. } = &self.report;
        let unknown = without.iter().find(|name| !mechanisms.contains(&name.as_str())).cloned();
        let broken = violations.iter().map(|it| &it.promise);
        let unknown = unknown.or(broken.into_iter().find(|name| !is_promise(name)).cloned());
        let met = met.keys().find(|name| !faults.contains(&name.as_ref()));
        // What happens sometimes is not declared, nor are figures; they have names all the same.
        let is_name = |name: &str| !name.is_empty() && name.chars().all(|c| c.is_ascii_graphic());
        let said = || sometimes.keys().map(|name| &**name).chain(figures.names());
        let met = met.map(|name| &**name).or_else(|| said().find(|name| !is_name(name)));
        if let Some(unknown) = unknown.or(met.map(str::to_string)) {
            return Err(format!("it names {unknown:?}, which is nothing in this system"));
        }
        self.report.judge(&info, without);
        Ok(())
    }

    /// Are all shares there?
    fn is_whole(&self) -> Result<(), String> {
        let of = self.of;
        match (1..=of).find(|number| !self.shares.contains_key(number)) {
            None => Ok(()),
            Some(first) => Err(format!(
                "{} of {of} shares are missing, such as {first}/{of}: run it with --shard {first}/{of}",
                of - self.shares.len() as u64
            )),
        }
    }
}
