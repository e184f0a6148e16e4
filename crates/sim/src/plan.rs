//! The plan of a run: how large the cluster is, which faults come when, and what clients do.
//!
//! It is drawn first and executed then, so that any subset of its steps is a plan too: that is
//! what makes shrinking possible. [`Draft`] draws it; each seed turns kinds of fault on and off
//! (swarm testing, Groce et al. 2012), so that rare combinations get their turn.

use std::time::Duration;

use machine::{NodeId, Random, Time, nanos};
use serde::{Deserialize, Serialize};

use crate::fault::{Fault, Target};
use crate::network::Delays;
use crate::random::{below, happens, log_uniform};

/// A world lasts at most a day of virtual time.
pub(crate) const LONGEST_NS: u64 = 86_400_000_000_000;
const MOST_NODES: u32 = 1_000;
const MOST_STEPS: usize = 100_000;
/// Faults are looked at together whenever one of them begins or ends.
const MOST_FAULTS: usize = 2_000;
/// Links that faults name, and cells of the matrix of cuts that flapping rewrites, in all: some
/// seconds of work.
const MOST_LINKS: u64 = 1_000_000;
const MOST_REWRITTEN: u64 = 2_000_000_000;

/// The nodes of a run, as the scenario drew them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cluster {
    /// The zone of each node; their count is the size of the cluster.
    pub zones: Vec<u8>,
    /// Sizes that the scenario drew (workers, batch sizes); it knows their order.
    pub sizes: Vec<u64>,
    /// How long messages travel.
    pub delays: Delays,
}

/// What will happen in a run, apart from what the world draws as it goes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan<O> {
    /// Where it happens.
    pub cluster: Cluster,
    /// When the safety phase ends and a quorum is healed.
    pub heal_at: Time,
    /// When the run ends.
    pub end: Time,
    /// What happens, in the order in which it was drawn.
    pub steps: Vec<Step<O>>,
}

/// One thing that happens.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Step<O> {
    /// A fault holds from one moment to another.
    Fault {
        /// Its beginning.
        at: Time,
        /// Its end.
        until: Time,
        /// What it is.
        fault: Fault,
    },
    /// A client is told to do something.
    Operation {
        /// When.
        at: Time,
        /// Which client.
        node: NodeId,
        /// What.
        operation: O,
    },
}

impl<O> Plan<O> {
    /// Refuses a plan that no [`Draft`] could have drawn: it may come from a stranger's file.
    ///
    /// # Errors
    /// A sentence that names the first thing that is wrong.
    pub fn validate(&self) -> Result<(), String> {
        let Cluster { zones, sizes, delays } = &self.cluster;
        let nodes = zones.len() as u32;
        if nodes == 0 || nodes > MOST_NODES {
            return Err(format!("a cluster has 1 to {MOST_NODES} nodes, not {nodes}"));
        }
        if self.steps.len() > MOST_STEPS || sizes.len() > 64 {
            return Err(format!("a plan has at most {MOST_STEPS} steps and 64 sizes"));
        }
        if self.heal_at > self.end || self.end.0 > LONGEST_NS {
            return Err("a run heals before it ends, and ends within a day".into());
        }
        if delays.least_ns > delays.most_ns || delays.most_ns > LONGEST_NS {
            return Err("the least delay is not above the most, nor that above a day".into());
        }
        let (mut faults, mut links, mut rewritten) = (0, 0u64, 0u64);
        for step in &self.steps {
            match step {
                Step::Fault { at, until, fault } => {
                    faults += 1;
                    links = links.saturating_add(fault.links());
                    let flaps = fault.flaps(until.since(*at));
                    // The least that it costs to look at all faults anew.
                    let cells = (u64::from(nodes) * u64::from(nodes)).max(1_000);
                    rewritten = rewritten.saturating_add(flaps.saturating_mul(cells));
                    if faults > MOST_FAULTS || links > MOST_LINKS || rewritten > MOST_REWRITTEN {
                        return Err("the faults are more work than a plan may make".into());
                    }
                    if at > until || until.0 > LONGEST_NS {
                        return Err(format!("\"{fault}\" ends before it begins, or after a day"));
                    }
                    fault.validate(nodes)?;
                }
                Step::Operation { at, node, .. } => {
                    if node.0 >= nodes || at.0 > LONGEST_NS {
                        return Err("an operation is for a node that is not there".into());
                    }
                }
            }
        }
        Ok(())
    }
}

/// Draws a plan, sentence by sentence.
#[derive(Debug)]
pub struct Draft<O> {
    random: Random,
    plan: Plan<O>,
}

impl<O> Draft<O> {
    pub(crate) fn new(random: Random) -> Self {
        let cluster =
            Cluster { zones: Vec::new(), sizes: Vec::new(), delays: Delays::micros(200, 2_000) };
        let plan = Plan { cluster, heal_at: Time(0), end: Time(0), steps: Vec::new() };
        Draft { random, plan }
    }

    pub(crate) fn finish(self) -> Plan<O> {
        self.plan
    }

    /// Draws a size from a range, ends included, for the scenario to read back.
    pub fn size(&mut self, least: u64, most: u64) -> u64 {
        let size = self.number(least, most);
        self.plan.cluster.sizes.push(size);
        size
    }

    /// Draws a number from a range, ends included.
    pub fn number(&mut self, least: u64, most: u64) -> u64 {
        least + below(&mut self.random, most - least + 1)
    }

    /// Draws a number of which the orders of magnitude are equally likely.
    pub fn magnitude(&mut self, least: u64, most: u64) -> u64 {
        log_uniform(&mut self.random, least, most)
    }

    /// Happens with this chance in a hundred.
    pub fn percent(&mut self, chance: u32) -> bool {
        happens(&mut self.random, chance * 10_000)
    }

    /// A cluster of so many nodes, in zones by turns.
    pub fn cluster(&mut self, nodes: u64, zones: u8) {
        self.plan.cluster.zones = (0..nodes).map(|node| (node % u64::from(zones)) as u8).collect();
    }

    /// A cluster of nodes in these zones.
    pub fn zones(&mut self, zones: Vec<u8>) {
        self.plan.cluster.zones = zones;
    }

    /// How long messages travel.
    pub fn delays(&mut self, delays: Delays) {
        self.plan.cluster.delays = delays;
    }

    /// How long faults go on, and how long the world then has to recover.
    pub fn phases(&mut self, safety: Duration, recovery: Duration) {
        self.plan.heal_at = Time(nanos(safety));
        self.plan.end = self.plan.heal_at + recovery;
    }

    /// When the safety phase ends.
    pub fn heal_at(&self) -> Time {
        self.plan.heal_at
    }

    /// When the run ends.
    pub fn end(&self) -> Time {
        self.plan.end
    }

    /// A client is told to do something.
    pub fn operation(&mut self, at: Time, node: NodeId, operation: O) {
        self.plan.steps.push(Step::Operation { at, node, operation });
    }

    /// A fault, exactly when told.
    pub fn fault(&mut self, at: Time, until: Time, fault: Fault) {
        self.plan.steps.push(Step::Fault { at, until, fault });
    }

    /// A time between `least` and `most`, somewhere in the safety phase.
    pub(crate) fn stretch(&mut self, least: Duration, most: Duration) -> (Time, Time) {
        let lasts = self.magnitude(nanos(least), nanos(most)).min(self.plan.heal_at.0);
        let at = self.number(0, self.plan.heal_at.0 - lasts);
        (Time(at), Time(at + lasts))
    }

    /// One of these.
    ///
    /// # Panics
    /// If there are none.
    pub fn one_of<T: Clone>(&mut self, choices: &[T]) -> T {
        choices[self.number(0, choices.len() as u64 - 1) as usize].clone()
    }

    /// Swarm testing: each of these kinds is on in half of all seeds, then comes one to three
    /// times, with a strength drawn for the seed, at one of `targets`.
    ///
    /// # Panics
    /// If a kind's name is not one of [`crate::KINDS`], or there are no targets.
    pub fn swarm(&mut self, kinds: &[&str], targets: &[Target]) {
        for kind in kinds {
            if !self.percent(50) {
                continue;
            }
            let strength = self.magnitude(1, 1000);
            for _ in 0..self.number(1, 3) {
                let fault = self.draw(kind, strength, targets);
                let (least, most) = lasting(kind);
                let (at, until) = self.stretch(least, most);
                self.fault(at, until, fault);
            }
        }
    }

    /// A fault of this kind at this strength, from 1 (hardly there) to 1000.
    fn draw(&mut self, kind: &str, strength: u64, targets: &[Target]) -> Fault {
        let node = self.one_of(targets);
        let (ppm, by_ns) = (strength as u32 * 500, strength * 300_000);
        let (alone, rest) = (vec![node.clone()], others(targets, &node));
        let sign = if self.percent(50) { 1 } else { -1 };
        match kind {
            "partition" => Fault::Partition { a: alone, b: rest },
            "one-way-partition" if sign > 0 => Fault::OneWayPartition { from: alone, to: rest },
            "one-way-partition" => Fault::OneWayPartition { from: rest, to: alone },
            "flapping-link" => {
                Fault::FlappingLink { a: alone, b: rest, period_ns: 1_000_000 + by_ns * 2 }
            }
            "loss" => Fault::Loss { nodes: alone, ppm },
            "duplication" => Fault::Duplication { nodes: alone, ppm },
            "reordering" => Fault::Reordering { nodes: alone, ppm, by_ns },
            "delay" => Fault::Delay { nodes: alone, by_ns },
            "link-reset" => Fault::LinkReset { a: alone, b: rest },
            "crash" => Fault::Crash { node },
            "power-loss" => Fault::PowerLoss { node },
            "torn-write" => Fault::TornWrite { node },
            "rolling-restart" => Fault::RollingRestart { nodes: targets.to_vec() },
            "zone-loss" => {
                let zone = self.one_of(&self.plan.cluster.zones.clone());
                Fault::ZoneLoss { zone }
            }
            "pause" => Fault::Pause { node },
            "slow-node" => Fault::SlowNode { node, service_ns: strength * 10_000 },
            "snapshot-resumed" => Fault::SnapshotResumed { node },
            "misdirected-write" => Fault::MisdirectedWrite { node, ppm },
            "bit-rot" => Fault::BitRot { node, bits: 1 + strength as u32 / 100 },
            "full-disk" => Fault::FullDisk { node },
            "slow-disk" => Fault::SlowDisk { node, times: 1 + strength as u32 },
            "failing-disk" => Fault::FailingDisk { node, ppm },
            "disk-replaced" => Fault::DiskReplaced { node },
            "clock-jump" => Fault::ClockJump { node, by_ns: strength * 1_000_000 },
            "clock-rollback" => Fault::ClockRollback { node, by_ns: strength * 1_000_000 },
            "clock-drift" => Fault::ClockDrift { node, ppm: sign * (strength as i32) },
            "clock-smear" => Fault::ClockSmear { node, ppm: sign * (strength as i32) },
            unknown => panic!("{unknown} is not a kind of fault"),
        }
    }
}

fn others(targets: &[Target], but: &Target) -> Vec<Target> {
    targets.iter().filter(|target| *target != but).cloned().collect()
}

/// How long a fault of this kind holds.
fn lasting(kind: &str) -> (Duration, Duration) {
    let ms = Duration::from_millis;
    match kind {
        "crash" | "power-loss" | "torn-write" => (ms(1), ms(2_000)),
        "disk-replaced" | "snapshot-resumed" => (ms(10), ms(3_000)),
        "pause" => (ms(5), ms(3_000)),
        _ => (ms(20), ms(4_000)),
    }
}
