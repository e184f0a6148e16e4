//! Erasure coding: a stripe becomes pieces, any `data` of which give it back (Reed and Solomon 1960).
//!
//! The law: any `data` pieces of a stripe give the same bytes. Pieces of data are the bytes themselves, so that a read
//! that finds them computes nothing.

use std::fmt;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use reed_solomon_erasure::galois_8::ReedSolomon;

use crate::words::{Code, Slot};

/// Bytes of each piece that are coded at a time: they stay in the processor's cache.
const STRIP: usize = 64 << 10;

/// Codes stripes.
#[derive(Clone)]
pub struct Codec {
    code: Code,
    /// None where there is no parity. Its `Clone` would compute the matrix anew; what it remembers of past
    /// reconstructions changes no result.
    coder: Option<Arc<ReedSolomon>>,
}

impl fmt::Debug for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "codec {}", self.code)
    }
}

/// There is no such code: one has data, and no more than 32 shards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoCode(pub Code);

impl fmt::Display for NoCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "there is no code {}: one has data, and at most 32 shards", self.0)
    }
}

impl std::error::Error for NoCode {}

impl Codec {
    /// The codec of a code.
    ///
    /// # Errors
    /// If there is no such code.
    pub fn new(code: Code) -> Result<Codec, NoCode> {
        let (data, parity) = (usize::from(code.data), usize::from(code.parity));
        if data == 0 || data + parity > 32 {
            return Err(NoCode(code));
        }
        let coder = match parity {
            0 => None,
            _ => Some(Arc::new(ReedSolomon::new(data, parity).map_err(|_| NoCode(code))?)),
        };
        Ok(Codec { code, coder })
    }

    /// Its code.
    pub fn code(&self) -> Code {
        self.code
    }

    /// The pieces of a stripe, by slot. Those of data share its memory, but for one that is filled up with zeros.
    pub fn encode(&self, stripe: &Bytes) -> Vec<Bytes> {
        let length = self.code.piece(stripe.len() as u32) as usize;
        let data = (0..usize::from(self.code.data)).map(|slot| {
            let begins = (slot * length).min(stripe.len());
            let piece = stripe.slice(begins..(begins + length).min(stripe.len()));
            if piece.len() == length { piece } else { filled(&piece, length) }
        });
        let mut pieces: Vec<Bytes> = data.collect();
        pieces.extend(self.parity(&pieces, length));
        pieces
    }

    fn parity(&self, data: &[Bytes], length: usize) -> Vec<Bytes> {
        let mut parity = vec![BytesMut::zeroed(length); usize::from(self.code.parity)];
        if let Some(coder) = &self.coder {
            for begins in (0..length).step_by(STRIP) {
                let strip = begins..(begins + STRIP).min(length);
                let data: Vec<&[u8]> = data.iter().map(|piece| &piece[strip.clone()]).collect();
                let mut parity: Vec<&mut [u8]> =
                    parity.iter_mut().map(|piece| &mut piece[strip.clone()]).collect();
                coder
                    .encode_sep(&data, &mut parity)
                    .expect("as many pieces as slots, of one length");
            }
        }
        parity.into_iter().map(BytesMut::freeze).collect()
    }

    /// The bytes of a stripe of this length, in slices, from enough of its pieces; `None` where they are too few, or not
    /// of one stripe of this length.
    pub fn decode(&self, pieces: &[(Slot, Bytes)], length: u32) -> Option<Vec<Bytes>> {
        let mut left = length as usize;
        let cut = |piece: Bytes| {
            let piece = piece.slice(..piece.len().min(left));
            left -= piece.len();
            piece
        };
        let data = self.rebuild(pieces, length, u32::from(self.code.data))?;
        Some(data.into_iter().map(cut).filter(|piece| !piece.is_empty()).collect())
    }

    /// All pieces of the first so many slots, from enough of them.
    pub fn rebuild(&self, pieces: &[(Slot, Bytes)], length: u32, slots: u32) -> Option<Vec<Bytes>> {
        let piece = self.code.piece(length) as usize;
        let mut known: Vec<Option<Bytes>> = vec![None; usize::from(self.code.shards())];
        for (slot, bytes) in pieces {
            let place = known.get_mut(usize::from(*slot)).filter(|_| bytes.len() == piece)?;
            *place = Some(bytes.clone());
        }
        let wanted = |known: &[Option<Bytes>]| -> Option<Vec<Bytes>> {
            known.iter().take(slots as usize).cloned().collect()
        };
        if let Some(all) = wanted(&known) {
            return Some(all);
        }
        if piece == 0 || known.iter().flatten().count() < usize::from(self.code.data) {
            return None;
        }
        let mut shards: Vec<Option<Vec<u8>>> =
            known.iter().map(|piece| piece.as_ref().map(|piece| piece.to_vec())).collect();
        self.coder.as_ref()?.reconstruct(&mut shards).ok()?;
        for (known, computed) in known.iter_mut().zip(shards) {
            known.get_or_insert_with(|| computed.unwrap_or_default().into());
        }
        wanted(&known)
    }
}

fn filled(piece: &Bytes, length: usize) -> Bytes {
    let mut filled = BytesMut::zeroed(length);
    filled[..piece.len()].copy_from_slice(piece);
    filled.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn code(data: u8, parity: u8) -> Code {
        Code { data, parity }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn any_slots_as_many_as_the_data_give_the_same_bytes(
            (data, parity) in prop::sample::select(vec![(1, 0), (1, 2), (2, 1), (3, 0), (4, 2), (6, 3)]),
            stripe in prop::collection::vec(any::<u8>(), 1..200),
        ) {
            let codec = Codec::new(code(data, parity)).unwrap();
            let (stripe, length) = (Bytes::from(stripe.clone()), stripe.len() as u32);
            let pieces = codec.encode(&stripe);
            for kept in 0_u32..1 << (data + parity) {
                let some: Vec<_> = (0..data + parity)
                    .filter(|slot| kept & 1 << slot != 0)
                    .map(|slot| (slot, pieces[usize::from(slot)].clone()))
                    .collect();
                let decoded = codec.decode(&some, length).map(|slices| slices.concat());
                let enough = some.len() >= usize::from(data);
                prop_assert_eq!(decoded, enough.then(|| stripe.to_vec()));
                let rebuilt = codec.rebuild(&some, length, u32::from(data + parity));
                prop_assert_eq!(rebuilt, enough.then(|| pieces.clone()));
            }
        }
    }

    #[test]
    fn long_pieces_are_coded_strip_by_strip_as_short_ones_are() {
        let codec = Codec::new(code(2, 2)).unwrap();
        let long: Vec<u8> = (0..4 * STRIP as u32 + 7).map(|n| ((n * 31) >> 3) as u8).collect();
        let pieces = codec.encode(&long.clone().into());
        let last = [(2, pieces[2].clone()), (3, pieces[3].clone())];
        assert_eq!(codec.decode(&last, long.len() as u32).unwrap().concat(), long);
    }

    #[test]
    fn copies_are_a_code_and_bytes_of_data_are_not_copied() {
        let stripe = Bytes::from_static(b"bytes");
        let pieces = Codec::new(code(1, 2)).unwrap().encode(&stripe);
        assert_eq!(pieces, vec![stripe.clone(); 3]);
        assert_eq!(pieces[0].as_ptr(), stripe.as_ptr());
    }

    #[test]
    fn pieces_of_another_length_or_slot_are_refused() {
        let codec = Codec::new(code(2, 1)).unwrap();
        let pieces = codec.encode(&Bytes::from_static(b"1234"));
        let of = |slot: Slot, bytes: Bytes| [(0, pieces[0].clone()), (slot, bytes)];
        assert_eq!(codec.decode(&of(1, pieces[1].clone()), 4).unwrap().concat(), b"1234");
        assert_eq!(codec.decode(&of(1, pieces[1].slice(1..)), 4), None);
        assert_eq!(codec.decode(&of(3, pieces[1].clone()), 4), None);
        assert!(Codec::new(code(0, 1)).is_err() && Codec::new(code(30, 3)).is_err());
    }
}
