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
use sim::{SweepReport, VERSION};

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

/// Joins the shares in these files, and judges them as one sweep.
pub(crate) fn merge(MergeArguments { files, json }: &MergeArguments) -> Outcome {
    let mut sweeps: BTreeMap<Name, Joined> = BTreeMap::new();
    for file in files {
        let wrong = |why: &dyn Display| Failure::input(format!("{}: {why}", file.display()));
        let opened = File::open(file).map_err(|why| wrong(&why))?;
        let text = BufReader::new(opened.take(LONGEST));
        let mut found = false;
        for printed in serde_json::Deserializer::from_reader(text).into_iter() {
            let printed: Printed = printed.map_err(|why| wrong(&why))?;
            take(&mut sweeps, printed, file).map_err(|why| wrong(&why))?;
            found = true;
        }
        if !found {
            return Err(wrong(&"there is no sweep in it"));
        }
    }
    let mut worst = Found::Held;
    for ((name, scenario, without), mut joined) in sweeps {
        joined.is_whole().map_err(|why| Failure::input(format!("{name} {scenario}: {why}")))?;
        let system = system(&name)?;
        let info = system.scenarios().into_iter().find(|info| info.name == scenario);
        let info =
            info.ok_or_else(|| Failure::input(format!("{name} has no scenario {scenario:?}")))?;
        joined.report.judge(&info, &without);
        let Joined { report, elapsed_s, .. } = &joined;
        let swept = Swept {
            system: &name,
            scenario: &scenario,
            without: &without,
            report,
            elapsed_s: *elapsed_s,
        };
        if *json {
            say!("{}", swept.json())
        } else {
            swept.print()
        }
        worst = worst.max(swept.found());
    }
    Ok(worst)
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
