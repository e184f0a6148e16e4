//! Which links are a shard's own: what it knows of the ring, and of the change that the ring is in.
//!
//! # The law
//!
//! Shards join one at a time, and each only when the change before it is over. Of a link one shard answers:
//! its former owner until that has ceded it, durably (`ring-fence`); then its new one, as soon as it has
//! all that the former knew of it, durably too. What was ceded is never answered for again.

use crate::ring::{BadShards, ShardRing};

/// Where a shard keeps it. No link's key begins like that.
pub(in crate::shard) const RING: &[u8] = b"\0ring";

/// What a shard has on its disk about the ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::shard) struct Tenure {
    /// So many shards are on the ring by which it answers; 0 before it joins.
    pub(in crate::shard) shards: u32,
    pub(in crate::shard) phase: RingPhase,
}

/// How far a shard is in a change of the ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RingPhase {
    /// There is none.
    Settled,
    /// One more shard copies its share; until it is ceded this one answers for it.
    Donating,
    /// The share was ceded, and is kept until the other has it.
    Ceded,
    /// The other has it; the copies here are taken away.
    Cleaning,
    /// It is the one that joins.
    Joining,
}

impl Tenure {
    pub(in crate::shard) fn bytes(self) -> [u8; 5] {
        let [a, b, c, d] = self.shards.to_le_bytes();
        [a, b, c, d, self.phase as u8]
    }

    pub(in crate::shard) fn of_bytes(bytes: &[u8]) -> Option<Tenure> {
        use RingPhase::{Ceded, Cleaning, Donating, Joining, Settled};
        let (shards, [phase]) = bytes.split_first_chunk()? else { return None };
        let known = [Settled, Donating, Ceded, Cleaning, Joining];
        let phase = known.into_iter().find(|known| *known as u8 == *phase)?;
        Some(Tenure { shards: u32::from_le_bytes(*shards), phase })
    }
}

/// Whose a link is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::shard) enum KeyOwner {
    Me,
    /// Mine as soon as I have what the shard at this place knows of it.
    MineFrom(u32),
    Other,
}

impl RingPhase {
    /// Its name.
    pub fn word(self) -> &'static str {
        match self {
            RingPhase::Settled => "settled",
            RingPhase::Donating => "donating",
            RingPhase::Ceded => "ceded",
            RingPhase::Cleaning => "cleaning",
            RingPhase::Joining => "joining",
        }
    }
}

/// A tenure, and the rings that it is about.
#[derive(Clone, Debug)]
pub(in crate::shard) struct Ownership {
    me: u32,
    tenure: Tenure,
    /// That by which it answers; none before it joins.
    ring: Option<ShardRing>,
    /// While it changes: the ring without, and with, the shard that joins.
    change: Option<(ShardRing, ShardRing)>,
}

impl Ownership {
    /// Of a shard that is on no ring.
    pub(in crate::shard) fn none(me: u32) -> Ownership {
        let tenure = Tenure { shards: 0, phase: RingPhase::Settled };
        Ownership { me, tenure, ring: None, change: None }
    }

    /// Of the shard at this place.
    pub(in crate::shard) fn new(me: u32, tenure: Tenure) -> Result<Ownership, BadShards> {
        let Tenure { shards, phase } = tenure;
        let ring = if shards == 0 { None } else { Some(ShardRing::of(shards)?) };
        let with = match phase {
            RingPhase::Settled => None,
            RingPhase::Donating => Some(shards + 1),
            RingPhase::Ceded | RingPhase::Cleaning | RingPhase::Joining => Some(shards),
        };
        let rings = |with: u32| Ok((ShardRing::of(with.saturating_sub(1))?, ShardRing::of(with)?));
        Ok(Ownership { me, tenure, ring, change: with.map(rings).transpose()? })
    }

    pub(in crate::shard) fn tenure(&self) -> Tenure {
        self.tenure
    }

    /// So many shards there are for certain; 0 where it does not know: a shard may have been told to join
    /// before the one ahead of it.
    pub(in crate::shard) fn shards(&self) -> u32 {
        let Tenure { shards, phase } = self.tenure;
        if phase == RingPhase::Joining { 0 } else { shards }
    }

    /// Whose is what is found by these bytes?
    pub(in crate::shard) fn of(&self, key: &[u8]) -> KeyOwner {
        match (&self.ring, &self.change) {
            (Some(ring), _) if ring.place(key) != self.me => KeyOwner::Other,
            (None, _) => KeyOwner::Other,
            (_, Some((without, _))) if self.tenure.phase == RingPhase::Joining => {
                KeyOwner::MineFrom(without.place(key))
            }
            _ => KeyOwner::Me,
        }
    }

    /// Is it of the share that goes from here to the shard that joins?
    pub(in crate::shard) fn goes(&self, key: &[u8]) -> bool {
        let Some((without, with)) = &self.change else { return false };
        without.place(key) == self.me && with.place(key) != self.me
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ownership(me: u32, shards: u32, phase: RingPhase) -> Ownership {
        Ownership::new(me, Tenure { shards, phase }).unwrap()
    }

    #[test]
    fn at_every_moment_of_a_change_one_shard_at_most_answers_for_a_key() {
        use RingPhase::{Ceded, Cleaning, Donating, Joining, Settled};
        let joins = ownership(2, 3, Joining);
        assert_eq!(joins.shards(), 0, "it was told too early, perhaps");
        for number in 0..1_000 {
            let key = format!("/{number}").into_bytes();
            let donors = |phase| {
                let shards = if matches!(phase, Settled | Donating) { 2 } else { 3 };
                [0, 1].map(|me| ownership(me, shards, phase))
            };
            let former = donors(Settled).iter().position(|donor| donor.of(&key) == KeyOwner::Me);
            let moves = match joins.of(&key) {
                KeyOwner::MineFrom(from) => {
                    assert_eq!(former, Some(from as usize));
                    true
                }
                KeyOwner::Other => false,
                KeyOwner::Me => panic!("a shard that joins has nothing of its own"),
            };
            for phase in [Donating, Ceded, Cleaning] {
                for (place, donor) in donors(phase).iter().enumerate() {
                    let was_here = former == Some(place);
                    assert_eq!(donor.goes(&key), was_here && moves, "{phase:?}");
                    let answers = was_here && (phase == Donating || !moves);
                    assert_eq!(donor.of(&key) == KeyOwner::Me, answers, "{phase:?}");
                }
            }
        }
    }

    #[test]
    fn a_tenure_comes_back_and_nothing_else_is_one() {
        let tenure = Tenure { shards: 7, phase: RingPhase::Ceded };
        assert_eq!(Tenure::of_bytes(&tenure.bytes()), Some(tenure));
        assert_eq!(Tenure::of_bytes(&tenure.bytes()[..4]), None);
        assert_eq!(Tenure::of_bytes(&[7, 0, 0, 0, 5]), None);
        assert!(Ownership::new(0, Tenure { shards: 5_000, ..tenure }).is_err());
    }
}
