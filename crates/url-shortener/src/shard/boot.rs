//! What a shard reads of its own when its disk was read: one after the other, and then it answers.
//!
//! The law: it answers when it knows which links are its own, how far it has come in fetching them, and
//! which numbers it has leased; what is rotten of that halts it.

use std::fmt;

use bytes::Bytes;
use machine::Outputs;

use super::growth::joiner::cursor_key;
use super::growth::tenure::{Ownership, RING, RingPhase, Tenure};
use super::{LEASES, Open, Shard};
use crate::message::Shortener;

/// What is read at boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BootRead {
    Ring,
    /// How far it has come with the shard at this place.
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
        let ticket = self.ticket(Open::Boot(read));
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
            BootRead::Ring => self.knows_ring(found.as_deref()),
            BootRead::Cursor(donor) => self.join.knows(donor, found.as_deref()),
            BootRead::Leases => self.knows_leases(found.as_deref()),
        };
        if known.is_none() {
            return out.halt(format!("{read} makes no sense"));
        }
        let Tenure { shards, phase } = self.ownership.tenure();
        let donors = if phase == RingPhase::Joining { shards - 1 } else { 0 };
        match read {
            BootRead::Ring if donors > 0 => self.boot(BootRead::Cursor(0), out),
            BootRead::Cursor(donor) if donor + 1 < donors => {
                self.boot(BootRead::Cursor(donor + 1), out)
            }
            BootRead::Ring | BootRead::Cursor(_) => self.boot(BootRead::Leases, out),
            BootRead::Leases => self.entered(out),
        }
    }

    fn knows_ring(&mut self, found: Option<&[u8]>) -> Option<()> {
        let tenure = found.map_or(Some(self.at_first()), Tenure::of_bytes)?;
        self.ownership = Ownership::new(self.place, tenure).ok()?;
        Some(())
    }

    /// What it knows of the ring on an empty disk.
    pub(super) fn at_first(&self) -> Tenure {
        let founders = self.roster.founders;
        let shards = if self.place < founders { founders } else { 0 };
        Tenure { shards, phase: RingPhase::Settled }
    }

    fn knows_leases(&mut self, found: Option<&[u8]>) -> Option<()> {
        let counter = found.unwrap_or(&[0; 8]).try_into().ok()?;
        self.leases = Some(u64::from_le_bytes(counter));
        Some(())
    }
}
