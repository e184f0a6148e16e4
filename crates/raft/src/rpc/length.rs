//! How many bytes the codec makes of an envelope, counted without making them: what it weighs.

use super::{Envelope, Rpc};
use crate::record::{configuration_length, entry_length};

impl Envelope {
    /// How many bytes it has.
    pub fn length(&self) -> usize {
        let rpcs: usize = self.rpcs.iter().map(|(_, rpc)| 4 + of_rpc(rpc)).sum();
        8 + of_maybe(self.to.is_some()) + rpcs
    }
}

fn of_rpc(rpc: &Rpc) -> usize {
    1 + match rpc {
        Rpc::RequestVote(_) | Rpc::Appended { .. } => 3 * 8 + 1,
        Rpc::Vote { .. } => 8 + 1,
        Rpc::AppendEntries(append) => {
            5 * 8 + 4 + append.entries.iter().map(entry_length).sum::<usize>()
        }
        Rpc::InstallSnapshot(part) => {
            5 * 8 + 1 + configuration_length(&part.configuration) + 2 * 4 + part.bytes.len()
        }
        Rpc::SnapshotTaken { next, .. } => 3 * 8 + of_maybe(next.is_some()),
        Rpc::TimeoutNow { .. } | Rpc::Beat { .. } => 8,
        Rpc::Rest { .. } => 2 * 8,
        Rpc::Lost { .. } => 3 * 8,
        Rpc::Wake => 0,
        Rpc::Hello => 0,
        Rpc::Founders(founders) => configuration_length(founders),
        Rpc::Members { members, .. } => 8 + configuration_length(members),
    }
}

/// A number that may be absent.
fn of_maybe(is_there: bool) -> usize {
    if is_there { 1 + 8 } else { 1 }
}
