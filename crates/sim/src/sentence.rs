//! Faults as the sentences that people read.

use std::fmt;

use crate::fault::{Fault, Target, role_of};

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
