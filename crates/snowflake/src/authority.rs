//! The lease authority: gives each worker id to one holder at a time.
//!
//! One request's path: [`Message::Acquire`] or [`Message::Renew`] changes the table; the table goes
//! to the disk whole; only then does [`Message::Granted`] leave (`Checkpoint` holds it back).
//!
//! The law: a worker id is given to another node only after the last holder's lease has run out by
//! the authority's monotonic clock, with a grace for drift; and whatever the last holder minted is
//! below the ceiling that the table keeps, above which the next one starts.
//!
//! Its disk may be one node's, or the log of several (`replicated_authority.rs`): then it outlives its node.

use std::time::Duration;

use bytes::Bytes;
use machine::{
    Checkpoint, CheckpointError, DiskError, DiskResult, Field, FileName, Input, Inspection, Link,
    Machine, NodeId, Now, Output, Outputs, Switches, Time, Wall,
};
use serde::{Deserialize, Serialize};

use crate::lease::{LEASE, SKEW_BOUND};
use crate::mechanism::Mechanism;
use crate::message::{Grant, Lease, Message, Note, Op, Snowflake, Wanted};

/// And how much longer the authority waits: drift of its clock against a worker's, both ways.
const GRACE: Duration = Duration::from_millis(50);
/// A ceiling may be raised so far above the authority's own clock: a worker's lead in asking, and
/// the skew allowed. More would let one wrong clock push a worker id into the future.
const HIGHEST: Duration = LEASE.saturating_add(SKEW_BOUND);

/// Where the table lives.
const FILE: &str = "leases";

/// The table of a disk that no authority has used yet. Every disk begins with it: no table is a table that was
/// lost.
pub(crate) fn first_file() -> (FileName, Bytes) {
    let table = Table { epochs: 0, rows: Vec::new() };
    let bytes = serde_json::to_vec(&table).unwrap_or_default();
    (FILE.into(), Checkpoint::<Snowflake>::sealed(&bytes))
}

/// Gives each worker id to one holder at a time.
#[derive(Clone, Debug)]
pub struct Authority {
    switches: Switches,
    table: Option<Table>,
    /// How many worker ids there are.
    pool: u64,
    /// When the lease of each runs out. Not on the disk: it is a time of this boot's clock.
    expires: Vec<Time>,
    checkpoint: Checkpoint<Snowflake>,
}

/// What is on the disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Table {
    epochs: u64,
    rows: Vec<Row>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Row {
    holder: Option<NodeId>,
    epoch: u64,
    /// The request that this epoch was given for: a repeated one is the same request.
    request: u64,
    /// The ceiling of the holders before.
    floor: Wall,
    ceiling: Wall,
}

/// A row is no longer on the disk, in bytes, with what separates it from the next.
pub(crate) const LONGEST_ROW: usize = 152;

impl Authority {
    /// An authority over the worker ids from 0 up to, and without, `pool`.
    pub fn new(pool: u64, switches: Switches) -> Self {
        let (table, expires) = (None, Vec::new());
        Authority { switches, table, pool, expires, checkpoint: Checkpoint::new(FILE) }
    }

    /// When a number that is leased now may be given to another.
    fn free_at(&self, now: Time) -> Time {
        let grace = Mechanism::LeaseGrace.on(self.switches);
        now + LEASE + if grace { GRACE } else { Duration::ZERO }
    }

    fn loaded(&mut self, result: DiskResult, now: &Now<'_>, out: &mut Outputs<Snowflake>) {
        let read =
            |bytes: Bytes| serde_json::from_slice(&bytes).map_err(|_| CheckpointError::Rotten);
        let table: Result<Table, _> = self.checkpoint.loaded(result).and_then(read);
        match table {
            Ok(mut table) => {
                table.rows.resize(self.pool as usize, Row::default());
                // Nobody knows how old the leases are: each is counted as if given just now.
                let recounted = Mechanism::LeaseRecount.on(self.switches);
                let expires = if recounted { self.free_at(now.time) } else { now.time };
                self.expires = vec![expires; table.rows.len()];
                self.table = Some(table);
            }
            Err(error) => out.halt(format!("the leases cannot be read: {error}")),
        }
    }

    /// 1. Finds a number: the node's own, or one that nobody holds, the least used first.
    fn acquire(
        &mut self,
        from: NodeId,
        wanted: Wanted,
        now: &Now<'_>,
        out: &mut Outputs<Snowflake>,
    ) {
        let Some(table) = &mut self.table else { return };
        let free = |(worker, row): &(usize, &Row)| {
            row.holder.is_none_or(|holder| holder == from) || now.time >= self.expires[*worker]
        };
        let rank = |(_, row): &(usize, &Row)| (row.holder != Some(from), row.epoch);
        let found = table.rows.iter().enumerate().filter(free).min_by_key(rank);
        let Some((worker, _)) = found else {
            return out.send(from, Message::Denied { request: wanted.request });
        };
        let row = &mut table.rows[worker];
        if (row.holder, row.request) != (Some(from), wanted.request) {
            if row.holder.is_some_and(|holder| holder != from) {
                out.note(Note::HolderChanged);
            }
            table.epochs += 1;
            let (epoch, request, ceiling) = (table.epochs, wanted.request, row.ceiling);
            *row = Row { holder: Some(from), epoch, request, floor: ceiling, ceiling };
        }
        let lease = Lease { worker: worker as u64, epoch: row.epoch };
        self.grant(lease, from, wanted, now, out);
    }

    /// 1. Or checks that the number is still the sender's.
    fn renew(
        &mut self,
        from: NodeId,
        wanted: Wanted,
        lease: Lease,
        now: &Now<'_>,
        out: &mut Outputs<Snowflake>,
    ) {
        let Some(table) = &self.table else { return };
        let newest = table.rows.get(lease.worker as usize).map(|row| row.epoch);
        if Mechanism::LeaseFencing.on(self.switches) && newest != Some(lease.epoch) {
            out.note(Note::Fenced);
            return out.send(from, Message::Denied { request: wanted.request });
        }
        self.grant(lease, from, wanted, now, out);
    }

    /// 2. Raises the ceiling, and answers once that is durable.
    fn grant(
        &mut self,
        lease: Lease,
        to: NodeId,
        wanted: Wanted,
        now: &Now<'_>,
        out: &mut Outputs<Snowflake>,
    ) {
        let free_at = self.free_at(now.time);
        let Some(table) = &mut self.table else { return };
        let Some(row) = table.rows.get_mut(lease.worker as usize) else { return };
        self.expires[lease.worker as usize] = free_at;
        let (mut floor, mut ceiling) = (Wall(0), Wall(u64::MAX));
        if Mechanism::TimestampCeiling.on(self.switches) {
            floor = row.floor;
            row.ceiling = row.ceiling.max(wanted.ceiling.min(now.wall + HIGHEST));
            ceiling = row.ceiling;
        }
        let (request, wall) = (wanted.request, now.wall);
        let grant = Grant { request, lease, lasts: LEASE, floor, ceiling, wall };
        let answer = Output::Send { to, message: Message::Granted(grant), link: Link::Stream };
        let bytes = serde_json::to_vec(table).unwrap_or_default();
        self.checkpoint.save(&bytes, vec![answer], out);
    }

    /// 3. The table is durable; the answers leave. A full disk costs the answers, not the state:
    ///    what is in memory is ahead of the disk, and is written with the next request.
    fn saved(&mut self, result: DiskResult, out: &mut Outputs<Snowflake>) {
        match self.checkpoint.saved(result, out) {
            Ok(()) | Err(CheckpointError::Disk(DiskError::Full)) => {}
            Err(error) => out.halt(format!("the leases cannot be written: {error}")),
        }
    }
}

impl Machine for Authority {
    type Protocol = Snowflake;

    fn handle(&mut self, now: &mut Now<'_>, input: Input<Snowflake>, out: &mut Outputs<Snowflake>) {
        match input {
            Input::Start { .. } => self.checkpoint.load(out),
            Input::Disk { op: Op::Loaded, result } => self.loaded(result, now, out),
            Input::Disk { op: Op::Saved, result } => self.saved(result, out),
            Input::Message { from, message: Message::Acquire(wanted) } => {
                self.acquire(from, wanted, now, out);
            }
            Input::Message { from, message: Message::Renew(wanted, lease) } => {
                self.renew(from, wanted, lease, now, out);
            }
            Input::Stop => out.stopped(),
            _ => {}
        }
    }

    fn first_files(&self) -> Vec<(FileName, Bytes)> {
        vec![first_file()]
    }

    fn fields(&self) -> Vec<Field> {
        let rows = self.table.iter().flat_map(|table| &table.rows);
        let held = rows.filter(|row| row.holder.is_some()).count();
        vec![Field::number("worker ids given", held as u64)]
    }

    fn inspect(&self) -> Inspection {
        let Some(table) = &self.table else {
            return Inspection { role: "waiting", state: "its leases are not read yet".into() };
        };
        let held = table.rows.iter().filter(|row| row.holder.is_some()).count();
        Inspection { role: "authority", state: format!("{held} worker ids given") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_row_is_longer_than_is_said() {
        let (holder, most) = (Some(NodeId(u32::MAX)), u64::MAX);
        let (floor, ceiling) = (Wall(most), Wall(most));
        let row = Row { holder, epoch: most, request: most, floor, ceiling };
        let table = |rows| serde_json::to_vec(&Table { epochs: most, rows }).unwrap().len();
        assert!(table(vec![row; 2]) - table(vec![row; 1]) <= LONGEST_ROW);
    }
}
