//! Draws a plan step by step: who is in the cluster, what clients do, and which faults hold when.
//!
//! Each seed turns kinds of fault on and off (swarm testing, Groce et al. 2012), so that rare
//! combinations occur too.

use std::time::Duration;

use machine::{NodeId, Random, Time, nanos};

use crate::cluster::{Cluster, MOST_NODES, Shape};
use crate::conditions::{Delays, Distance};
use crate::fault::{Fault, FaultKind, Target};
use crate::plan::{Plan, Step};
use crate::random::{below, happens, log_uniform};

/// A plan while it is drawn. The order of draws matters: what is drawn first moves everything after it.
#[derive(Debug)]
pub struct Draft<O, C> {
    random: Random,
    shape: Option<C>,
    zones: Vec<u8>,
    delays: Delays,
    distances: Vec<Distance>,
    heal_at: Time,
    end: Time,
    steps: Vec<Step<O>>,
}

impl<O, C: Shape> Draft<O, C> {
    pub(crate) fn new(random: Random) -> Self {
        Draft {
            random,
            shape: None,
            zones: Vec::new(),
            delays: Delays::micros(200, 2_000),
            distances: Vec::new(),
            heal_at: Time(0),
            end: Time(0),
            steps: Vec::new(),
        }
    }

    /// The plan that was drawn.
    ///
    /// # Panics
    /// If the scenario did not say who is in the cluster.
    pub(crate) fn finish(self) -> Plan<O, C> {
        let shape = self.shape.expect("a scenario says who is in its cluster: Draft::cluster");
        let Draft { zones, delays, distances, .. } = self;
        let cluster = Cluster { zones, shape, delays, distances };
        Plan { cluster, heal_at: self.heal_at, end: self.end, steps: self.steps }
    }

    /// Who is in the cluster, in so many zones by turns. Say it first: faults of zones are drawn from it.
    ///
    /// # Panics
    /// If there are no zones.
    pub fn cluster(&mut self, shape: C, zones: u8) {
        assert!(zones > 0, "every node is in a zone, so there is one at least");
        // More are refused when the plan is whole.
        let nodes = shape.nodes().min(MOST_NODES + 1);
        self.zones = (0..nodes).map(|node| (node % u64::from(zones)) as u8).collect();
        self.shape = Some(shape);
    }

    /// The zone of each node, where they are not by turns.
    pub fn zones(&mut self, zones: Vec<u8>) {
        self.zones = zones;
    }

    /// Passes over so many draws: where a scenario draws less than it once did, so that what comes after
    /// stays what it was at every seed.
    pub fn skip_draws(&mut self, draws: u64) {
        for _ in 0..draws {
            self.number(0, 0);
        }
    }

    /// Draws a number from a range, ends included.
    ///
    /// # Panics
    /// If the range is empty.
    pub fn number(&mut self, least: u64, most: u64) -> u64 {
        assert!(least <= most, "there is no number from {least} to {most}");
        least + below(&mut self.random, most - least + 1)
    }

    /// Draws a number of which the orders of magnitude are equally likely.
    ///
    /// # Panics
    /// If the range is empty.
    pub fn magnitude(&mut self, least: u64, most: u64) -> u64 {
        assert!(least <= most, "there is no number from {least} to {most}");
        log_uniform(&mut self.random, least, most)
    }

    /// Happens with this chance in a hundred.
    pub fn percent(&mut self, chance: u32) -> bool {
        happens(&mut self.random, chance * 10_000)
    }

    /// How long messages travel.
    pub fn delays(&mut self, delays: Delays) {
        self.delays = delays;
    }

    /// How long they travel between two zones (or within one, named twice), where that is not as long.
    pub fn distance(&mut self, zones: (u8, u8), delays: Delays) {
        self.distances.push(Distance { zones, delays });
    }

    /// How long faults go on, and how long the world then has to recover.
    pub fn phases(&mut self, safety: Duration, recovery: Duration) {
        self.heal_at = Time(nanos(safety));
        self.end = self.heal_at + recovery;
    }

    /// When the safety phase ends.
    pub fn heal_at(&self) -> Time {
        self.heal_at
    }

    /// When the run ends.
    pub fn end(&self) -> Time {
        self.end
    }

    /// One of those that may join does, in this zone: it is not there before, and starts then.
    pub fn join(&mut self, at: Time, node: NodeId, zone: u8) {
        self.steps.push(Step::Join { at, node, zone });
    }

    /// A client is given an operation.
    pub fn operation(&mut self, at: Time, node: NodeId, operation: O) {
        self.steps.push(Step::Operation { at, node, operation });
    }

    /// A fault that holds from one moment to the other.
    pub fn fault(&mut self, at: Time, until: Time, fault: Fault) {
        self.steps.push(Step::Fault { at, until, fault });
    }

    /// An interval that lasts between `least` and `most`, somewhere in the safety phase.
    pub(crate) fn interval(&mut self, least: Duration, most: Duration) -> (Time, Time) {
        assert!(self.heal_at > Time(0), "say how long faults go on before you draw one: phases");
        let lasts = self.magnitude(nanos(least), nanos(most)).min(self.heal_at.0);
        let at = self.number(0, self.heal_at.0 - lasts);
        (Time(at), Time(at + lasts))
    }

    /// The first of these zones of which a node is up at this time, as far as the faults tell that were drawn so far;
    /// the first of all where none is. The loss of one in which nobody is up shows nothing.
    pub(crate) fn first_up(&self, at: Time, zones: &[u8]) -> u8 {
        let takes_down = |step: &Step<O>, node: NodeId, zone: u8| match step {
            Step::Fault { at: from, until, fault } if (*from..*until).contains(&at) => {
                match fault {
                    Fault::ZoneLoss { zone: lost } => *lost == zone,
                    fault => {
                        fault.takes_down().is_some()
                            && fault.targets().contains(&&Target::Node(node))
                    }
                }
            }
            _ => false,
        };
        let is_up = |&zone: &u8| {
            let mut here = (0..).map(NodeId).zip(&self.zones).filter(|(_, of)| **of == zone);
            here.any(|(node, _)| !self.steps.iter().any(|step| takes_down(step, node, zone)))
        };
        zones.iter().copied().find(is_up).or(zones.first().copied()).unwrap_or_default()
    }

    /// One of these.
    ///
    /// # Panics
    /// If there are none.
    pub fn one_of<T: Clone>(&mut self, choices: &[T]) -> T {
        assert!(!choices.is_empty(), "there is nothing to choose from");
        choices[self.number(0, choices.len() as u64 - 1) as usize].clone()
    }

    /// Swarm testing: each of these kinds is on in half of all seeds, then comes one to three
    /// times, with a strength drawn for the seed, at one of `targets`.
    ///
    /// # Panics
    /// If there are no targets.
    pub fn swarm(&mut self, kinds: &[FaultKind], targets: &[Target]) {
        assert!(!targets.is_empty(), "there is nobody to aim faults at");
        for &kind in kinds {
            if !self.percent(50) {
                continue;
            }
            let strength = self.magnitude(1, 1000);
            for _ in 0..self.number(1, 3) {
                let fault = self.draw(kind, strength, targets);
                let (least, most) = duration_range(kind);
                let (at, until) = self.interval(least, most);
                let fault = match fault {
                    Fault::ZoneLoss { zone } => {
                        let zones: Vec<u8> = [zone].into_iter().chain(self.zones.clone()).collect();
                        Fault::ZoneLoss { zone: self.first_up(at, &zones) }
                    }
                    fault => fault,
                };
                self.fault(at, until, fault);
            }
        }
    }

    /// A fault of this kind at this strength, from 1 (hardly there) to 1000.
    fn draw(&mut self, kind: FaultKind, strength: u64, targets: &[Target]) -> Fault {
        let node = self.one_of(targets);
        let (ppm, by_ns) = (strength as u32 * 500, strength * 300_000);
        let (alone, rest) = (vec![node.clone()], others(targets, &node));
        let sign = if self.percent(50) { 1 } else { -1 };
        match kind {
            FaultKind::Partition => {
                let (a, b) = self.sides(targets);
                Fault::Partition { a, b }
            }
            FaultKind::OneWayPartition => {
                let (from, to) = self.sides(targets);
                Fault::OneWayPartition { from, to }
            }
            FaultKind::FlappingLink => {
                let (a, b) = self.sides(targets);
                Fault::FlappingLink { a, b, period_ns: 1_000_000 + by_ns * 2 }
            }
            FaultKind::Loss => Fault::Loss { nodes: alone, ppm },
            FaultKind::Duplication => Fault::Duplication { nodes: alone, ppm },
            FaultKind::Reordering => Fault::Reordering { nodes: alone, ppm, by_ns },
            FaultKind::Delay => Fault::Delay { nodes: alone, by_ns },
            FaultKind::SlowLink => {
                Fault::SlowLink { a: alone, b: rest, times: 1 + strength.min(999) as u32 }
            }
            FaultKind::LossyLink => Fault::LossyLink { a: alone, b: rest, ppm },
            FaultKind::MessageFilter => {
                panic!("a filter of messages has a name: Script::drop_messages")
            }
            FaultKind::LinkReset => Fault::LinkReset { a: alone, b: rest },
            FaultKind::Crash => Fault::Crash { node },
            FaultKind::PowerLoss => Fault::PowerLoss { node },
            FaultKind::TornWrite => Fault::TornWrite { node },
            FaultKind::RollingRestart => Fault::RollingRestart { nodes: targets.to_vec() },
            FaultKind::ZoneLoss => {
                let zone = self.one_of(&self.zones.clone());
                Fault::ZoneLoss { zone }
            }
            FaultKind::Pause => Fault::Pause { node },
            FaultKind::SlowNode => Fault::SlowNode { node, service_ns: strength * 10_000 },
            FaultKind::SnapshotResumed => Fault::SnapshotResumed { node },
            FaultKind::MisdirectedWrite => Fault::MisdirectedWrite { node, ppm, prefix: None },
            FaultKind::BitRot => {
                Fault::BitRot { node, bits: 1 + strength as u32 / 100, prefix: None }
            }
            FaultKind::BadSector => {
                Fault::BadSector { node, sectors: 1 + strength as u32 / 100, prefix: None }
            }
            FaultKind::FullDisk => Fault::FullDisk { node, room: (strength - 1) * 16 },
            FaultKind::SlowDisk => Fault::SlowDisk { node, times: 1 + strength as u32 },
            FaultKind::HungDisk => Fault::HungDisk { node },
            FaultKind::FailingDisk => Fault::FailingDisk { node, ppm },
            FaultKind::FileCut => Fault::FileCut { node, prefix: None },
            FaultKind::FileMissing => Fault::FileMissing { node, prefix: None },
            FaultKind::DiskReplaced => Fault::DiskReplaced { node },
            FaultKind::ClockJump => Fault::ClockJump { node, by_ns: strength * 1_000_000 },
            FaultKind::ClockRollback => Fault::ClockRollback { node, by_ns: strength * 1_000_000 },
            FaultKind::ClockDrift => Fault::ClockDrift { node, ppm: sign * (strength as i32) },
            FaultKind::ClockSmear => Fault::ClockSmear { node, ppm: sign * (strength as i32) },
        }
    }
}

impl<O, C: Shape> Draft<O, C> {
    /// The two sides of a cut, in one of the shapes that real ones have: one alone, two halves, a bridge (two
    /// halves that both reach one node), or one pair.
    fn sides(&mut self, targets: &[Target]) -> (Vec<Target>, Vec<Target>) {
        let (shape, mut left) = (self.number(0, 3), targets.to_vec());
        for place in 1..left.len() {
            let other = self.number(0, place as u64) as usize;
            left.swap(place, other);
        }
        let mut right = left.split_off(1);
        match shape {
            0 => {}
            1 | 2 => {
                if shape == 2 && right.len() > 1 {
                    // The bridge is on neither side.
                    right.pop();
                }
                let half = right.split_off(right.len().div_ceil(2));
                left.extend(half);
            }
            _ => right.truncate(1),
        }
        if self.percent(50) { (left, right) } else { (right, left) }
    }
}

fn others(targets: &[Target], but: &Target) -> Vec<Target> {
    targets.iter().filter(|target| *target != but).cloned().collect()
}

/// How long a fault of this kind holds.
fn duration_range(kind: FaultKind) -> (Duration, Duration) {
    let ms = Duration::from_millis;
    match kind {
        FaultKind::Crash | FaultKind::PowerLoss | FaultKind::TornWrite => (ms(1), ms(2_000)),
        FaultKind::DiskReplaced
        | FaultKind::SnapshotResumed
        | FaultKind::FileCut
        | FaultKind::FileMissing => (ms(10), ms(3_000)),
        FaultKind::Pause => (ms(5), ms(3_000)),
        _ => (ms(20), ms(4_000)),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::cluster::OneServer;
    use crate::random::{Purpose, stream};

    /// A zone loss once began while the only node of its zone was down already, and hit nobody.
    #[test]
    fn a_zone_is_lost_of_which_a_node_is_up() {
        let mut draft = Draft::<(), OneServer>::new(stream(0, Purpose::Plan, 0));
        draft.zones(vec![0, 1, 1, 2]);
        draft.phases(Duration::from_secs(9), Duration::ZERO);
        let (early, late) = (Time(1_000), Time(2_000));
        let crash = |node: u32| Fault::Crash { node: node.into() };
        draft.fault(early, late, crash(0));
        draft.fault(early, late, crash(2));
        assert_eq!(draft.first_up(early, &[0, 1, 2]), 1, "one of zone 1 is up");
        assert_eq!(draft.first_up(late, &[0, 1, 2]), 0, "it is up again");
        draft.fault(early, late, Fault::PowerLoss { node: 1.into() });
        assert_eq!(draft.first_up(early, &[0, 1, 2]), 2);
        draft.between(early, late).zone_loss_of(&[1, 0, 2]);
        let last = draft.steps.last().unwrap();
        assert!(matches!(last, Step::Fault { fault: Fault::ZoneLoss { zone: 2 }, .. }), "{last:?}");
        assert_eq!(draft.first_up(early, &[1, 0, 2]), 1, "nobody is up: the first");
    }

    #[test]
    fn cuts_are_drawn_in_the_shapes_of_real_ones() {
        let targets: Vec<Target> = (0..5).map(Target::from).collect();
        let mut shapes = BTreeSet::new();
        for seed in 0..200 {
            let mut draft = Draft::<(), OneServer>::new(stream(seed, Purpose::Plan, 0));
            let (a, b) = draft.sides(&targets);
            assert!(a.iter().all(|target| !b.contains(target)), "{a:?} {b:?}");
            shapes.insert((a.len(), b.len()));
        }
        let alone_halves_bridge_pair = [(1, 1), (1, 4), (2, 2), (2, 3), (3, 2), (4, 1)];
        assert_eq!(Vec::from_iter(shapes), alone_halves_bridge_pair);
        for few in [1, 2, 3] {
            let mut draft = Draft::<(), OneServer>::new(stream(0, Purpose::Plan, 0));
            (0..100).for_each(|_| {
                let (a, b) = draft.sides(&targets[..few]);
                assert_eq!(few > 1, !a.is_empty() && !b.is_empty(), "{a:?} {b:?}");
            });
        }
    }
}
