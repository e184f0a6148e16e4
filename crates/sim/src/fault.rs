//! Every way in which the simulated world breaks: as data, so that a plan can hold it, a file can
//! carry it, and shrinking can leave it out.
//!
//! A fault holds over a closed interval of time. What it aims at is a node or a role; a role is
//! looked up at the moment the fault begins.

use std::fmt;
use std::time::Duration;

use machine::{NodeId, nanos};
use serde::{Deserialize, Serialize};

use crate::disk::Unsynced;

/// A world lasts at most a day of virtual time, and no fault delays anything for longer.
pub(crate) const LONGEST_NS: u64 = 86_400_000_000_000;

/// A link at a thousandth of its speed carries what a modem did: a slower one is as good as cut.
const SLOWEST_LINK: u32 = 1_000;
/// So many bits or sectors go bad at once, at most.
const MOST_PLACES: u32 = 10_000;
/// To look through the files for a place that goes bad, and to keep it, is as much work as to look at so many
/// nodes.
const PLACE_WORK: u64 = 1_000;
/// And so is a copy of a node.
const SNAPSHOT_WORK: u64 = 2_000_000;

/// What a fault hits.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Target {
    /// This node.
    Node(NodeId),
    /// The node that has this role when the fault begins; of several, the one with the lowest number. A role in
    /// one group is `leader/7`; without a number it is one in any group, or of the node as a whole.
    Role(String),
}

/// What a role is called, and the group in which it is meant; nothing where that is no number.
pub(crate) fn role_of(target: &str) -> Option<(&str, Option<u32>)> {
    match target.split_once('/') {
        None => Some((target, None)),
        Some((role, group)) => group.parse().ok().map(|group| (role, Some(group))),
    }
}

/// Chances are in a million, times in nanoseconds.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, strum::EnumDiscriminants)]
#[strum_discriminants(name(FaultKind), doc = "A kind of fault.")]
#[strum_discriminants(derive(Hash, PartialOrd, Ord, strum::IntoStaticStr, strum::VariantArray))]
#[strum_discriminants(strum(serialize_all = "kebab-case"))]
#[serde(tag = "fault", rename_all = "kebab-case", deny_unknown_fields)]
#[expect(missing_docs, reason = "the fields are named by what they are; units are above")]
pub enum Fault {
    /// Nothing passes between the two sides; each may pass what it likes to third parties.
    Partition { a: Vec<Target>, b: Vec<Target> },
    /// Nothing passes in this direction.
    OneWayPartition { from: Vec<Target>, to: Vec<Target> },
    /// The links between the two sides are cut and healed in turn, each for half a period.
    FlappingLink { a: Vec<Target>, b: Vec<Target>, period_ns: u64 },
    /// Datagrams from and to these are lost; stream data is sent again, 200 ms later.
    Loss { nodes: Vec<Target>, ppm: u32 },
    /// Datagrams from and to these arrive twice.
    Duplication { nodes: Vec<Target>, ppm: u32 },
    /// Some datagrams from and to these are overtaken by those sent up to `by_ns` later.
    Reordering { nodes: Vec<Target>, ppm: u32, by_ns: u64 },
    /// Messages from and to these take longer.
    Delay { nodes: Vec<Target>, by_ns: u64 },
    /// The links between the two sides are so many times as slow: what a message takes to leave (at 1.25
    /// gigabytes a second) is multiplied.
    SlowLink { a: Vec<Target>, b: Vec<Target>, times: u32 },
    /// As loss, on the links between the two sides only.
    LossyLink { a: Vec<Target>, b: Vec<Target>, ppm: u32 },
    /// Messages that the system declares a filter for are late, or dropped where that is 0, on their way from these
    /// to those; nobody named is anybody. On a lane a dropped one resets the pair, and what follows a late one is
    /// late too.
    MessageFilter { filter: String, from: Vec<Target>, to: Vec<Target>, delay_ns: u64 },
    /// Lanes between the two sides are reset at the beginning of the interval.
    LinkReset { a: Vec<Target>, b: Vec<Target> },
    /// The process dies and is started again at the end of the interval.
    Crash { node: Target },
    /// The power goes, and comes back at the end; each unsynced write survives or not.
    PowerLoss { node: Target },
    /// As power loss, in the middle of writes: they may be there in part.
    TornWrite { node: Target },
    /// Nodes are told to stop, and started again, one after the other, spread over the interval. Each is down
    /// when it has answered ([`machine::Output::Stopped`]), or as a process that dies after [`machine::GRACE`].
    RollingRestart { nodes: Vec<Target> },
    /// A whole zone loses power.
    ZoneLoss { zone: u8 },
    /// The node does nothing (a long GC, a suspended process); its clocks go on.
    Pause { node: Target },
    /// Every input takes the node so long.
    SlowNode { node: Target, service_ns: u64 },
    /// At the end of the interval the node is back in the state (memory, disk, monotonic clock) of
    /// its beginning, as a virtual machine resumed from a snapshot.
    SnapshotResumed { node: Target },
    /// Writes land elsewhere in their file: in files whose names begin so, or in any.
    MisdirectedWrite {
        node: Target,
        ppm: u32,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        prefix: Option<String>,
    },
    /// Bits of what is on the device flip, at the beginning of the interval.
    BitRot {
        node: Target,
        bits: u32,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        prefix: Option<String>,
    },
    /// Sectors of what is on the device cannot be read from the beginning of the interval on, each until it
    /// is written anew.
    BadSector {
        node: Target,
        sectors: u32,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        prefix: Option<String>,
    },
    /// The disk has space for so many bytes more than it holds at the beginning; deleting makes room.
    FullDisk {
        node: Target,
        #[serde(default)]
        room: u64,
    },
    /// Disk operations take so many times as long.
    SlowDisk { node: Target, times: u32 },
    /// No disk operation ends.
    HungDisk { node: Target },
    /// Disk operations fail, having done their work, a part of it, or nothing.
    FailingDisk { node: Target, ppm: u32 },
    /// The process dies; when it is back, a file that was synced is shorter than it was.
    FileCut {
        node: Target,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        prefix: Option<String>,
    },
    /// As a cut file, and it is gone.
    FileMissing {
        node: Target,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        prefix: Option<String>,
    },
    /// The node stops; at the end it starts with an empty disk of another identity.
    DiskReplaced { node: Target },
    /// The wall clock is ahead by so much, until the end of the interval sets it right.
    ClockJump { node: Target, by_ns: u64 },
    /// The wall clock is behind by so much, until the end of the interval sets it right.
    ClockRollback { node: Target, by_ns: u64 },
    /// Both clocks run too fast (or, below zero, too slowly); at the end a time daemon sets the
    /// wall clock right.
    ClockDrift { node: Target, ppm: i32 },
    /// Only the wall clock does, as when a leap second is smeared.
    ClockSmear { node: Target, ppm: i32 },
}

impl FaultKind {
    /// All of them.
    pub const ALL: &'static [FaultKind] = <FaultKind as strum::VariantArray>::VARIANTS;

    /// What every network and every busy machine does: no promise may break by these. Scenarios draw from
    /// the list in this order, so a change of the order changes every plan.
    pub const NOISE: &'static [FaultKind] = &[
        FaultKind::Partition,
        FaultKind::OneWayPartition,
        FaultKind::Delay,
        FaultKind::Loss,
        FaultKind::LinkReset,
        FaultKind::Pause,
        FaultKind::SlowNode,
    ];

    /// Its name in kebab-case, as counted and printed.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

impl Fault {
    /// Its kind.
    pub fn kind(&self) -> FaultKind {
        self.into()
    }

    /// Those it aims at, its two sides one after the other.
    pub fn targets(&self) -> Vec<&Target> {
        use Fault::*;
        match self {
            Partition { a, b }
            | OneWayPartition { from: a, to: b }
            | FlappingLink { a, b, .. }
            | SlowLink { a, b, .. }
            | LossyLink { a, b, .. }
            | MessageFilter { from: a, to: b, .. }
            | LinkReset { a, b } => a.iter().chain(b).collect(),
            Loss { nodes, .. }
            | Duplication { nodes, .. }
            | Reordering { nodes, .. }
            | Delay { nodes, .. }
            | RollingRestart { nodes } => nodes.iter().collect(),
            ZoneLoss { .. } => Vec::new(),
            Crash { node }
            | PowerLoss { node }
            | TornWrite { node }
            | Pause { node }
            | SlowNode { node, .. }
            | SnapshotResumed { node }
            | MisdirectedWrite { node, .. }
            | BitRot { node, .. }
            | BadSector { node, .. }
            | FullDisk { node, .. }
            | SlowDisk { node, .. }
            | HungDisk { node }
            | FileCut { node, .. }
            | FileMissing { node, .. }
            | FailingDisk { node, .. }
            | DiskReplaced { node }
            | ClockJump { node, .. }
            | ClockRollback { node, .. }
            | ClockDrift { node, .. }
            | ClockSmear { node, .. } => vec![node],
        }
    }

    /// Refuses numbers that make no sense: a plan may come from an untrusted file.
    pub(crate) fn validate(&self, nodes: u32) -> Result<(), String> {
        use Fault::*;
        let targets = self.targets();
        // Links are pairs: two long lists would make far too many.
        if targets.len() > 2 * nodes as usize + 16 {
            return Err("a fault aims at more targets than there are nodes".into());
        }
        for target in targets {
            match target {
                Target::Node(node) if node.0 >= nodes => {
                    return Err(format!("node {} is not among the {nodes} of the cluster", node.0));
                }
                Target::Role(role)
                    if role.len() > 64 || !role.bytes().all(|b| b.is_ascii_graphic()) =>
                {
                    return Err("a role's name is a short word".into());
                }
                Target::Role(role) if role_of(role).is_none() => {
                    return Err(
                        "a role in a group is its name, a slash, and the group's number".into()
                    );
                }
                _ => {}
            }
        }
        let sane = match self {
            BitRot { bits: places, .. } | BadSector { sectors: places, .. } => {
                *places <= MOST_PLACES
            }
            SlowLink { times, .. } => (1..=SLOWEST_LINK).contains(times),
            Loss { ppm, .. }
            | Duplication { ppm, .. }
            | LossyLink { ppm, .. }
            | MisdirectedWrite { ppm, .. }
            | FailingDisk { ppm, .. } => *ppm <= 1_000_000,
            Reordering { ppm, by_ns, .. } => *ppm <= 1_000_000 && *by_ns <= LONGEST_NS,
            ClockDrift { ppm, .. } | ClockSmear { ppm, .. } => ppm.unsigned_abs() <= 500_000,
            ClockJump { by_ns, .. } | ClockRollback { by_ns, .. } => *by_ns <= i64::MAX as u64 / 4,
            Delay { by_ns, .. } | MessageFilter { delay_ns: by_ns, .. } => *by_ns <= LONGEST_NS,
            FlappingLink { period_ns, .. } => *period_ns >= 1_000_000,
            SlowNode { service_ns, .. } => *service_ns <= 60_000_000_000,
            SlowDisk { times, .. } => (1..=1_000_000).contains(times),
            _ => true,
        };
        if !sane {
            return Err(format!("{self} is out of range"));
        }
        let short = |name: &str| name.len() <= 64 && name.bytes().all(|b| b.is_ascii_graphic());
        match self.prefix() {
            Some(prefix) if !short(prefix) => Err("a file's name begins with a short word".into()),
            _ => Ok(()),
        }
    }

    /// How the names of the files begin that it aims at.
    fn prefix(&self) -> Option<&str> {
        use Fault::*;
        match self {
            MisdirectedWrite { prefix, .. }
            | BitRot { prefix, .. }
            | BadSector { prefix, .. }
            | FileCut { prefix, .. }
            | FileMissing { prefix, .. } => prefix.as_deref(),
            _ => None,
        }
    }

    /// What it costs to carry it out, in nodes that are looked at, in a cluster of so many and among faults that
    /// aim at so many all together.
    pub(crate) fn work(&self, lasts: Duration, nodes: u64, aimed: u64) -> u64 {
        use Fault::*;
        let targets = self.targets();
        let roles = targets.iter().filter(|target| matches!(target, Target::Role(_))).count();
        let flaps = match self {
            FlappingLink { period_ns, .. } => nanos(lasts) / (period_ns / 2).max(1),
            _ => 0,
        };
        // The state of all links is derived anew from all faults, and that of a node from all that hit it; who
        // stops is looked for by all.
        let once = aimed.saturating_add(if self.is_of_links() { nodes.max(100) } else { 0 });
        let stops = match self {
            ZoneLoss { .. } => nodes,
            RollingRestart { nodes } => nodes.len() as u64,
            _ => u64::from(self.takes_down().is_some()),
        };
        let here = match self {
            LinkReset { a, b } => a.len() as u64 * b.len() as u64,
            BitRot { bits: places, .. } | BadSector { sectors: places, .. } => {
                u64::from(*places) * PLACE_WORK
            }
            SnapshotResumed { .. } => SNAPSHOT_WORK,
            _ => 0,
        };
        let looks = once.saturating_mul(flaps.saturating_add(2));
        let found = nodes.saturating_mul(roles as u64 + 2 * stops);
        looks.saturating_add(found).saturating_add(here)
    }

    /// What looking it through costs, whenever another one begins, ends or flaps: who is on its sides is kept as a
    /// bit a node, up to the highest number.
    pub(crate) fn aimed(&self, nodes: u64) -> u64 {
        let words = if self.is_between() { 2 * nodes / 64 } else { 0 };
        1 + self.targets().len() as u64 + words
    }

    /// Is it looked at by each message of those whom it touches?
    pub(crate) fn is_between(&self) -> bool {
        use Fault::*;
        matches!(
            self,
            Partition { .. }
                | OneWayPartition { .. }
                | FlappingLink { .. }
                | SlowLink { .. }
                | LossyLink { .. }
                | MessageFilter { .. }
        )
    }

    /// Does it take its nodes down, and what becomes of their unsynced writes?
    pub(crate) fn takes_down(&self) -> Option<Unsynced> {
        match self {
            Fault::Crash { .. }
            | Fault::DiskReplaced { .. }
            | Fault::FileCut { .. }
            | Fault::FileMissing { .. } => Some(Unsynced::Kept),
            Fault::PowerLoss { .. } | Fault::ZoneLoss { .. } => Some(Unsynced::Lost),
            Fault::TornWrite { .. } => Some(Unsynced::Torn),
            _ => None,
        }
    }

    /// Does it hit something where it names nobody?
    pub(crate) fn may_name_nobody(&self) -> bool {
        matches!(self, Fault::MessageFilter { from, .. } if from.is_empty())
    }

    /// Does it hit whoever runs as soon as it begins? Of others it shows only later what they hit: a message, an
    /// input, an operation of a disk.
    pub(crate) fn hits_at_once(&self) -> bool {
        use Fault::*;
        !self.is_of_links()
            && !matches!(
                self,
                Pause { .. } | SlowNode { .. } | FailingDisk { .. } | MisdirectedWrite { .. }
            )
    }

    /// Of links rather than of nodes?
    pub(crate) fn is_of_links(&self) -> bool {
        use Fault::*;
        matches!(
            self,
            Partition { .. }
                | OneWayPartition { .. }
                | FlappingLink { .. }
                | Loss { .. }
                | Duplication { .. }
                | Reordering { .. }
                | Delay { .. }
                | SlowLink { .. }
                | LossyLink { .. }
                | MessageFilter { .. }
                | LinkReset { .. }
        )
    }
}

/// A node or several, as a fault's sentence names them.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Node(node) => write!(f, "n{}", node.0),
            Target::Role(target) => match role_of(target) {
                Some((role, Some(group))) => write!(f, "the {role} of group {group}"),
                _ => write!(f, "the {target}"),
            },
        }
    }
}

/// The fault as a sentence.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use Fault::*;
        let ms = |ns: &u64| *ns as f64 / 1e6;
        let percent = |ppm: &u32| f64::from(*ppm) / 1e4;
        match self {
            Partition { a, b } => write!(f, "{} cut off from {}", names(a), names(b)),
            OneWayPartition { from, to } => {
                write!(f, "{} cannot send to {}", names(from), names(to))
            }
            FlappingLink { a, b, period_ns } => {
                write!(f, "{} and {} flap every {} ms", names(a), names(b), ms(period_ns))
            }
            Loss { nodes, ppm } => {
                write!(f, "{} lose {}% of datagrams", names(nodes), percent(ppm))
            }
            Duplication { nodes, ppm } => {
                write!(f, "{}% of datagrams of {} arrive twice", percent(ppm), names(nodes))
            }
            Reordering { nodes, ppm, by_ns } => {
                let (p, by) = (percent(ppm), ms(by_ns));
                write!(f, "{p}% of datagrams of {} come {by} ms late", names(nodes))
            }
            Delay { nodes, by_ns } => {
                write!(f, "{} are {} ms farther away", names(nodes), ms(by_ns))
            }
            SlowLink { a, b, times } => {
                write!(f, "the links of {} and {} are {times} times as slow", names(a), names(b))
            }
            LossyLink { a, b, ppm } => {
                write!(f, "the links of {} and {} lose {}%", names(a), names(b), percent(ppm))
            }
            MessageFilter { filter, from, to, delay_ns } => {
                write!(f, "every {filter}")?;
                if !from.is_empty() {
                    write!(f, " of {}", names(from))?;
                }
                if !to.is_empty() {
                    write!(f, " to {}", names(to))?;
                }
                match delay_ns {
                    0 => write!(f, " is dropped"),
                    by_ns => write!(f, " comes {} ms late", ms(by_ns)),
                }
            }
            LinkReset { a, b } => write!(f, "streams of {} and {} reset", names(a), names(b)),
            Crash { node } => write!(f, "{node} crashes"),
            PowerLoss { node } => write!(f, "{node} loses power"),
            TornWrite { node } => write!(f, "{node} loses power while it writes"),
            RollingRestart { nodes } if nodes.len() == 1 => {
                write!(f, "{} is restarted", names(nodes))
            }
            RollingRestart { nodes } => write!(f, "{} restart in turn", names(nodes)),
            ZoneLoss { zone } => write!(f, "zone {zone} loses power"),
            Pause { node } => write!(f, "{node} pauses"),
            SlowNode { node, service_ns } => {
                write!(f, "{node} takes {} ms an input", ms(service_ns))
            }
            SnapshotResumed { node } => write!(f, "{node} is snapshotted, and resumed from it"),
            MisdirectedWrite { node, ppm, .. } => {
                let p = percent(ppm);
                write!(f, "{p}% of the writes of {node} land elsewhere{}", self.files())
            }
            BitRot { node, bits, .. } => {
                write!(f, "{bits} bits rot on the disk of {node}{}", self.files())
            }
            BadSector { node, sectors, .. } => {
                let files = self.files();
                write!(f, "{sectors} sectors on the disk of {node} cannot be read{files}")
            }
            FullDisk { node, room: 0 } => write!(f, "the disk of {node} is full"),
            FullDisk { node, room } => write!(f, "the disk of {node} has {room} bytes left"),
            SlowDisk { node, times } => write!(f, "the disk of {node} is {times} times as slow"),
            HungDisk { node } => write!(f, "the disk of {node} hangs"),
            FileCut { node, .. } => {
                write!(f, "{node} crashes, and a synced file is shorter{}", self.files())
            }
            FileMissing { node, .. } => {
                write!(f, "{node} crashes, and a synced file is gone{}", self.files())
            }
            FailingDisk { node, ppm } => {
                write!(f, "{}% of disk operations of {node} fail", percent(ppm))
            }
            DiskReplaced { node } => write!(f, "the disk of {node} is replaced"),
            ClockJump { node, by_ns } => write!(f, "the clock of {node} is {} ms ahead", ms(by_ns)),
            ClockRollback { node, by_ns } => {
                write!(f, "the clock of {node} is {} ms behind", ms(by_ns))
            }
            ClockDrift { node, ppm } => write!(f, "the clocks of {node} drift by {ppm} ppm"),
            ClockSmear { node, ppm } => write!(f, "the clock of {node} is smeared by {ppm} ppm"),
        }
    }
}

impl Fault {
    /// At the end of its sentence.
    fn files(&self) -> String {
        self.prefix().map(|prefix| format!(", in files {prefix}*")).unwrap_or_default()
    }
}

fn names(targets: &[Target]) -> String {
    targets.iter().map(Target::to_string).collect::<Vec<_>>().join(",")
}
