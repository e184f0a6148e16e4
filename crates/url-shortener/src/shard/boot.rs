//! What a shard reads about itself at boot, one entry after the other, before it takes calls.
//!
//! The law: a shard takes calls only when it knows which links are its own, how much of them it has
//! copied, and which numbers it has leased. If any of these entries is corrupt, the shard halts.

use std::fmt;

use bytes::Bytes;
use machine::Outputs;

use super::growth::joiner::cursor_key;
use super::growth::ownership::{Ownership, RING, RingState};
use super::{LEASES, PendingOp, Shard};
use crate::message::Shortener;
use crate::ring::RingPhase;

/// What is read at boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BootRead {
    Ring,
    /// How much was copied from the donor at this place.
    Cursor(u32),
    Leases,
}

impl fmt::Display for BootRead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            BootRead::Ring => "what is kept of the ring",
            BootRead::Cursor(_) => "what is kept of a shard that gives links away",
            BootRead::Leases => "what is kept of leases",
        })
    }
}

impl Shard {
    pub(super) fn boot(&mut self, read: BootRead, out: &mut Outputs<Shortener>) {
        let ticket = self.ticket(PendingOp::Boot(read));
        match read {
            BootRead::Ring => self.store.get(RING, ticket, out),
            BootRead::Cursor(donor) => self.store.get(&cursor_key(donor), ticket, out),
            BootRead::Leases => self.store.get(LEASES, ticket, out),
        }
    }

    pub(super) fn booted(
        &mut self,
        read: BootRead,
        found: Option<Bytes>,
        out: &mut Outputs<Shortener>,
    ) {
        let known = match read {
            BootRead::Ring => self.restore_ring(found.as_deref()),
            BootRead::Cursor(donor) => self.join.restore_donor(donor, found.as_deref()),
            BootRead::Leases => self.restore_leases(found.as_deref()),
        };
        if known.is_none() {
            return out.halt(format!("{read} makes no sense"));
        }
        let RingState { shards, phase } = self.ownership.ring_state();
        let donors = if phase == RingPhase::Joining { shards - 1 } else { 0 };
        match read {
            BootRead::Ring if donors > 0 => self.boot(BootRead::Cursor(0), out),
            BootRead::Cursor(donor) if donor + 1 < donors => {
                self.boot(BootRead::Cursor(donor + 1), out)
            }
            BootRead::Ring | BootRead::Cursor(_) => self.boot(BootRead::Leases, out),
            BootRead::Leases => self.enter_phase(out),
        }
    }

    fn restore_ring(&mut self, found: Option<&[u8]>) -> Option<()> {
        let ring_state = found.map_or(Some(self.initial_ring_state()), RingState::of_bytes)?;
        self.ownership = Ownership::new(self.place, ring_state).ok()?;
        Some(())
    }

    /// The ring state of a shard with an empty disk.
    pub(super) fn initial_ring_state(&self) -> RingState {
        let founders = self.roster.founders;
        let shards = if self.place < founders { founders } else { 0 };
        RingState { shards, phase: RingPhase::Settled }
    }

    fn restore_leases(&mut self, found: Option<&[u8]>) -> Option<()> {
        let counter = found.unwrap_or(&[0; 8]).try_into().ok()?;
        self.leases = Some(u64::from_le_bytes(counter));
        Some(())
    }
}
