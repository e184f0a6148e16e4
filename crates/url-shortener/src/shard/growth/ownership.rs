//! Which links a shard answers for: its view of the ring, and of the change that is under way.
//!
//! # The law
//!
//! Shards join one at a time, and each only when the change before it is over. At most one shard answers
//! for a link: its former owner until it has durably ceded the link (`ring-fence`), then the new owner,
//! once it has durably copied everything. A shard never answers again for a link that it has ceded.

use crate::ring::{BadShards, RingPhase, ShardRing};

/// The store's key of the ring state. No key of a link begins with a zero byte.
pub(in crate::shard) const RING: &[u8] = b"\0ring";

/// What a shard stores about the ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::shard) struct RingState {
    /// The number of shards on the ring by which it answers; 0 before it joins.
    pub(in crate::shard) shards: u32,
    pub(in crate::shard) phase: RingPhase,
}

impl RingState {
    pub(in crate::shard) fn bytes(self) -> [u8; 5] {
        let [a, b, c, d] = self.shards.to_le_bytes();
        [a, b, c, d, self.phase as u8]
    }

    pub(in crate::shard) fn of_bytes(bytes: &[u8]) -> Option<RingState> {
        let (shards, [phase]) = bytes.split_first_chunk()? else { return None };
        let phase = RingPhase::of_number(*phase).ok()?;
        Some(RingState { shards: u32::from_le_bytes(*shards), phase })
    }
}

/// Who owns a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::shard) enum KeyOwner {
    Me,
    /// Mine once everything is copied from the donor at this place.
    MineFrom(u32),
    Other,
}

/// The ring state of a shard, and the rings that it is about.
#[derive(Clone, Debug)]
pub(in crate::shard) struct Ownership {
    me: u32,
    ring_state: RingState,
    /// The ring by which it answers; none before it joins.
    ring: Option<ShardRing>,
    /// During a change: the rings without and with the joining shard.
    change: Option<(ShardRing, ShardRing)>,
}

impl Ownership {
    /// Of a shard that is not on the ring.
    pub(in crate::shard) fn none(me: u32) -> Ownership {
        let ring_state = RingState { shards: 0, phase: RingPhase::Settled };
        Ownership { me, ring_state, ring: None, change: None }
    }

    /// Of the shard at this place.
    pub(in crate::shard) fn new(me: u32, ring_state: RingState) -> Result<Ownership, BadShards> {
        let RingState { shards, phase } = ring_state;
        let ring = if shards == 0 { None } else { Some(ShardRing::of(shards)?) };
        let with = match phase {
            RingPhase::Settled => None,
            RingPhase::Donating => Some(shards + 1),
            RingPhase::Ceded | RingPhase::Cleaning | RingPhase::Joining => Some(shards),
        };
        let rings = |with: u32| Ok((ShardRing::of(with.saturating_sub(1))?, ShardRing::of(with)?));
        Ok(Ownership { me, ring_state, ring, change: with.map(rings).transpose()? })
    }

    pub(in crate::shard) fn ring_state(&self) -> RingState {
        self.ring_state
    }

    /// How many shards there certainly are; 0 if unknown: a joining shard may have been told to join
    /// before its predecessor.
    pub(in crate::shard) fn shards(&self) -> u32 {
        let RingState { shards, phase } = self.ring_state;
        if phase == RingPhase::Joining { 0 } else { shards }
    }

    /// Who owns the link with this key?
    pub(in crate::shard) fn of(&self, key: &[u8]) -> KeyOwner {
        match (&self.ring, &self.change) {
            (Some(ring), _) if ring.place(key) != self.me => KeyOwner::Other,
            (None, _) => KeyOwner::Other,
            (_, Some((without, _))) if self.ring_state.phase == RingPhase::Joining => {
                KeyOwner::MineFrom(without.place(key))
            }
            _ => KeyOwner::Me,
        }
    }

    /// Does it move from here to the joining shard?
    pub(in crate::shard) fn moves_away(&self, key: &[u8]) -> bool {
        let Some((without, with)) = &self.change else { return false };
        without.place(key) == self.me && with.place(key) != self.me
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ownership(me: u32, shards: u32, phase: RingPhase) -> Ownership {
        Ownership::new(me, RingState { shards, phase }).unwrap()
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
                    assert_eq!(donor.moves_away(&key), was_here && moves, "{phase:?}");
                    let answers = was_here && (phase == Donating || !moves);
                    assert_eq!(donor.of(&key) == KeyOwner::Me, answers, "{phase:?}");
                }
            }
        }
    }

    #[test]
    fn a_ring_state_comes_back_and_nothing_else_is_one() {
        let ring_state = RingState { shards: 7, phase: RingPhase::Ceded };
        assert_eq!(RingState::of_bytes(&ring_state.bytes()), Some(ring_state));
        assert_eq!(RingState::of_bytes(&ring_state.bytes()[..4]), None);
        assert_eq!(RingState::of_bytes(&[7, 0, 0, 0, 5]), None);
        assert!(Ownership::new(0, RingState { shards: 5_000, ..ring_state }).is_err());
    }
}
