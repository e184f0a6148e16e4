//! What clients do in scenarios: reads and writes of a few keys, so many that they meet.

use std::net::SocketAddr;

use bytes::Bytes;
use machine::{NodeId, Time};
use raft::Address;
use sim::Shape as _;

use crate::message::{Ask, Operation, ReadMode};
use crate::shape::{Draft, Shape};

/// In a hundred of all operations.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mix {
    pub(super) reads: u32,
    /// In a hundred of the reads; the others ask a majority, and some any replica.
    pub(super) leases: u32,
}

/// Mostly what scenarios need.
pub(super) const MIXED: Mix = Mix { reads: 40, leases: 30 };

/// Keys to which values are only added, and keys whose values are replaced.
const GROWING: &[&str] = &["a", "b"];
const CHANGING: &[&str] = &["x", "y", "z"];

/// So many operations, spread over the run, each asked of any replica.
pub(super) fn workload(draft: &mut Draft, shape: Shape, operations: u64, mix: Mix) {
    workload_from(draft, shape, Time(0), operations, mix);
}

/// As [`workload`], from this time on.
pub(super) fn workload_from(
    draft: &mut Draft,
    shape: Shape,
    from: Time,
    operations: u64,
    mix: Mix,
) {
    let slot = (draft.end().0 - from.0) / operations;
    // What each changing key was last given, so that some swaps find what they look for.
    let mut last: Vec<Option<Bytes>> = vec![None; CHANGING.len()];
    for number in 0..operations {
        let at = Time(from.0 + number * slot + draft.number(0, slot - 1));
        let ask = ask(draft, number, mix, &mut last);
        ask_any(draft, shape, at, ask);
    }
}

/// Some client asks some replica.
pub(super) fn ask_any(draft: &mut Draft, shape: Shape, at: Time, ask: Ask) {
    let replica = draft.one_of(&shape.replica_ids());
    ask_of(draft, shape, at, replica, ask);
}

/// These are to be the voters. Who joins is met at an address, which is as good as any other here.
pub(super) fn change(shape: Shape, voters: &[NodeId]) -> Ask {
    let address = |node: NodeId| {
        let at = |port| SocketAddr::from(([10, 0, 0, node.0 as u8], port));
        Address { nodes: at(7432), clients: at(7431) }
    };
    let joins = shape.ids("spare").into_iter().filter(|node| voters.contains(node));
    let addresses = joins.map(|node| (node, address(node))).collect();
    Ask::Change { voters: voters.iter().copied().collect(), addresses }
}

/// Some client asks this replica.
pub(super) fn ask_of(draft: &mut Draft, shape: Shape, at: Time, replica: NodeId, ask: Ask) {
    let client = draft.one_of(&shape.client_ids());
    draft.operation(at, client, Operation { replica, ask });
}

fn ask(draft: &mut Draft, number: u64, mix: Mix, last: &mut [Option<Bytes>]) -> Ask {
    if draft.percent(mix.reads) {
        return a_read(draft, mix);
    }
    let value = Bytes::from(format!("{number}."));
    if draft.percent(50) {
        let key = draft.one_of(GROWING).into();
        return Ask::Append { key, value };
    }
    let place = draft.number(0, CHANGING.len() as u64 - 1) as usize;
    let key = CHANGING[place].into();
    match draft.number(0, 9) {
        0 => {
            last[place] = None;
            Ask::Delete { key }
        }
        1..=4 => {
            let from = last[place].replace(value.clone());
            Ask::Cas { key, from, to: Some(value) }
        }
        _ => {
            last[place] = Some(value.clone());
            Ask::Put { key, value }
        }
    }
}

fn a_read(draft: &mut Draft, mix: Mix) -> Ask {
    let read = match draft.percent(mix.leases) {
        true => ReadMode::Lease,
        false if draft.percent(5) => ReadMode::Stale,
        false => ReadMode::Index,
    };
    if draft.percent(10) {
        let start = draft.one_of(GROWING).into();
        let end = draft.percent(50).then(|| Bytes::from("y"));
        return Ask::Range { start, end, limit: draft.number(1, 5) as u32, read };
    }
    let keys = [GROWING, CHANGING].concat();
    Ask::Get { key: draft.one_of(&keys).into(), read }
}
