//! Stripes: bytes of an object become pieces with digests, and pieces become bytes again.
//!
//! The law: a piece opens only as that of the bucket, key, put, slot and stripe that it was sealed as. So a piece that
//! rotted, and one that a disk wrote to or read from another place, is no piece.

use bytes::Bytes;

use crate::erasure::Codec;
use crate::row::Piece;
use crate::words::{PutId, Slot};

/// What all pieces of a put are sealed with: whose they are.
#[derive(Clone, Debug)]
pub struct Seal(blake3::Hasher);

impl Seal {
    /// Of this put of this key.
    pub fn new(bucket: &str, key: &str, put: PutId) -> Seal {
        let mut hasher = blake3::Hasher::new();
        for name in [bucket, key] {
            hasher.update(&(name.len() as u32).to_le_bytes());
            hasher.update(name.as_bytes());
        }
        let PutId { group, epoch, nonce, seq } = put;
        hasher.update(&group.to_le_bytes());
        hasher.update(&epoch.to_le_bytes());
        hasher.update(&nonce.to_le_bytes());
        hasher.update(&seq.to_le_bytes());
        Seal(hasher)
    }

    /// The digest of a piece of this slot and stripe.
    pub fn digest(&self, slot: Slot, stripe: u64, bytes: &[u8]) -> [u8; 32] {
        let mut hasher = self.0.clone();
        hasher.update(&[slot]);
        hasher.update(&stripe.to_le_bytes());
        hasher.update(bytes);
        *hasher.finalize().as_bytes()
    }

    /// All pieces of a stripe.
    pub fn cut(&self, codec: &Codec, number: u64, stripe: &Bytes) -> Vec<Piece> {
        let pieces = codec.encode(stripe).into_iter().zip(0..);
        let sealed = pieces.map(|(bytes, slot)| {
            let digest = self.digest(slot, number, &bytes);
            Piece { slot, digest, bytes }
        });
        sealed.collect()
    }

    /// Is it what was sealed, as a piece of this stripe?
    pub fn opens(&self, stripe: u64, piece: &Piece) -> bool {
        self.digest(piece.slot, stripe, &piece.bytes) == piece.digest
    }

    /// The bytes of a stripe of this length, in slices, from the pieces that open.
    ///
    /// # Errors
    /// If these are too few: with the slots of those that do not open, as bits.
    pub fn join(
        &self,
        codec: &Codec,
        number: u64,
        length: u32,
        pieces: &[Piece],
    ) -> Result<Vec<Bytes>, u32> {
        let (sound, bad): (Vec<_>, Vec<_>) =
            pieces.iter().partition(|piece| self.opens(number, piece));
        let sound: Vec<_> = sound.into_iter().map(|it| (it.slot, it.bytes.clone())).collect();
        let bad = bad.into_iter().fold(0, |bad, piece| bad | 1_u32 << (piece.slot & 31));
        codec.decode(&sound, length).ok_or(bad)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::Code;

    const PUT: PutId = PutId { group: 1, epoch: 2, nonce: 3, seq: 4 };

    #[test]
    fn a_piece_opens_as_what_it_was_sealed_as_and_as_nothing_else() {
        let codec = Codec::new(Code { data: 2, parity: 1 }).unwrap();
        let seal = Seal::new("bucket", "key", PUT);
        let piece = seal.cut(&codec, 5, &Bytes::from_static(b"some bytes")).swap_remove(1);
        assert!(seal.opens(5, &piece));
        assert!(!seal.opens(6, &piece));
        assert!(!seal.opens(5, &Piece { slot: 0, ..piece.clone() }));
        for bit in 0..piece.bytes.len() * 8 {
            let mut rotten = piece.bytes.to_vec();
            rotten[bit / 8] ^= 1 << (bit % 8);
            assert!(!seal.opens(5, &Piece { bytes: rotten.into(), ..piece.clone() }));
        }
        let others = [
            Seal::new("bucke", "tkey", PUT),
            Seal::new("bucket", "Key", PUT),
            Seal::new("bucket", "key", PutId { group: 0, ..PUT }),
            Seal::new("bucket", "key", PutId { epoch: 0, ..PUT }),
            Seal::new("bucket", "key", PutId { nonce: 0, ..PUT }),
            Seal::new("bucket", "key", PutId { seq: 0, ..PUT }),
        ];
        assert!(others.iter().all(|other| !other.opens(5, &piece)));
    }

    #[test]
    fn a_stripe_is_joined_from_what_opens_and_the_rest_is_named() {
        let codec = Codec::new(Code { data: 4, parity: 2 }).unwrap();
        let seal = Seal::new("b", "k", PUT);
        let stripe = Bytes::from_static(b"a stripe of some bytes");
        let mut pieces = seal.cut(&codec, 0, &stripe);
        for bad in [1, 4] {
            pieces[bad].digest[0] ^= 1;
            let joined = seal.join(&codec, 0, stripe.len() as u32, &pieces);
            assert_eq!(joined.map(|slices| slices.concat()), Ok(stripe.to_vec()));
        }
        pieces[5].digest[0] ^= 1;
        assert_eq!(seal.join(&codec, 0, stripe.len() as u32, &pieces), Err(0b11_0010));
    }
}
