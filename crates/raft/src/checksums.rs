//! Checksums of a file, piece by piece: what is read of it later is believed where it is what was written.

use crc32fast::Hasher;

/// Of a file that is written, or read, from its beginning on.
#[derive(Clone, Debug)]
pub(crate) struct Checksums {
    /// So long is a piece, but for the last.
    piece: u64,
    length: u64,
    whole: Hasher,
    /// Of the pieces that are whole.
    pieces: Vec<u32>,
    /// Of what comes after them.
    rest: Hasher,
}

impl Checksums {
    /// Of an empty file.
    pub(crate) fn new(piece: usize) -> Checksums {
        let (whole, rest) = (Hasher::new(), Hasher::new());
        Checksums { piece: piece as u64, length: 0, whole, pieces: Vec::new(), rest }
    }

    /// These bytes follow.
    pub(crate) fn update(&mut self, mut bytes: &[u8]) {
        self.whole.update(bytes);
        while !bytes.is_empty() {
            let room = self.piece - self.length % self.piece;
            let (fits, more) = bytes.split_at(bytes.len().min(room as usize));
            self.rest.update(fits);
            self.length += fits.len() as u64;
            if self.length.is_multiple_of(self.piece) {
                self.pieces.push(std::mem::take(&mut self.rest).finalize());
            }
            bytes = more;
        }
    }

    /// How long the file is.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// Of the whole file.
    pub(crate) fn whole(&self) -> u32 {
        self.whole.clone().finalize()
    }

    /// Where the piece begins that has this place.
    pub(crate) fn start(&self, offset: u64) -> u64 {
        offset - offset % self.piece
    }

    /// Is this the piece that begins there, as it was?
    pub(crate) fn is_sound(&self, start: u64, bytes: &[u8]) -> bool {
        let known = self.pieces.get((start / self.piece) as usize).copied();
        let length = self.length.checked_sub(start).map(|left| left.min(self.piece));
        length == Some(bytes.len() as u64)
            && crc32fast::hash(bytes) == known.unwrap_or_else(|| self.rest.clone().finalize())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// However long the parts are in which it was written.
        #[test]
        fn a_piece_is_sound_as_it_was_and_in_no_other_way(
            file in prop::collection::vec(any::<u8>(), 0..70), part in 1..40_usize, bit in 0..560_usize,
        ) {
            let mut sums = Checksums::new(16);
            file.chunks(part).for_each(|part| sums.update(part));
            prop_assert_eq!((sums.length(), sums.whole()), (file.len() as u64, crc32fast::hash(&file)));
            for (number, piece) in file.chunks(16).enumerate() {
                let start = number as u64 * 16;
                prop_assert!(sums.is_sound(start, piece));
                prop_assert!(!sums.is_sound(start, &piece[1..]), "it is short");
                prop_assert_eq!(sums.start(start + 5), start);
                let mut rotten = piece.to_vec();
                rotten[bit / 8 % piece.len()] ^= 1 << (bit % 8);
                prop_assert!(!sums.is_sound(start, &rotten));
            }
            prop_assert_eq!(sums.is_sound(0, &[]), file.is_empty());
        }
    }
}
