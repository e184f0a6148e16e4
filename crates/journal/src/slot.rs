//! The file of the bound: two slots, written in turn, so that a torn write leaves the other.
//!
//! A slot is a block ([`machine::codec::put_block`]) of format (1 byte) | length of a slot (4) | generation
//! (8) | is the disk known (its first bit), and does it take over what is there (its second) (1) | the identity
//! of the disk (8) | and, as numbers of one byte or more, how many families there are, and of each: its number, the
//! number of its next file, how many files it has, and of each the number and the least length that is synced.

use std::collections::BTreeMap;

use bytes::{BufMut, Bytes, BytesMut};
use machine::DiskId;
use machine::codec::{Malformed, Reader, put_block, put_number};

const FORMAT: u8 = 1;
/// The length of a slot, at first.
const SLOT: u32 = 4 << 10;

/// What the bound says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Slot {
    /// Of both slots the one of the higher generation counts.
    pub(crate) generation: u64,
    /// None where the disk was never booted on.
    pub(crate) disk: Option<DiskId>,
    /// The disk is older than its bound: the first boot believes what it finds.
    pub(crate) takes_over: bool,
    pub(crate) families: BTreeMap<u32, Floors>,
}

/// What the bound says of one family.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Floors {
    /// No file of this number or a higher one is named, and only this one may have been begun since.
    pub(crate) next: u64,
    /// Of each file, how many bytes are synced at least.
    pub(crate) files: BTreeMap<u64, u64>,
}

/// How a slot gets into the file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Put {
    /// In the place of the older one of the two.
    Write { offset: u64, bytes: Bytes },
    /// In a new file, whose slots may be longer.
    Replace { length: u32, bytes: Bytes },
}

/// The file of a new disk, or of one that is older than its bound.
pub(crate) fn first(takes_over: bool) -> Bytes {
    let mut file = Slot { takes_over, ..Slot::default() }.block(SLOT);
    file.resize(2 * SLOT as usize, 0);
    file.freeze()
}

/// The newer slot of a file, and the length of slots.
///
/// # Errors
/// What is wrong with the file.
pub(crate) fn open(file: &[u8]) -> Result<(Slot, u32), &'static str> {
    let at = |offset: usize| get(file.get(offset..)?).ok();
    let (first, second) = (at(0), at(file.len() / 2));
    let newer = [first, second].into_iter().flatten().max_by_key(|(slot, _)| slot.generation);
    let (slot, length) = newer.ok_or("neither of its slots is what was written")?;
    let whole = file.len() == 2 * length as usize;
    whole.then_some((slot, length)).ok_or("it is not as long as it was written")
}

impl Slot {
    /// Its bytes, in a file whose slots have this length. Where that file may not be durable as it is read,
    /// a new one takes its place.
    pub(crate) fn put(&self, length: u32, in_place: bool) -> Put {
        let place = (self.generation % 2) as usize;
        let bytes = self.block(length);
        if in_place && bytes.len() <= length as usize / 4 * 3 {
            return Put::Write { offset: place as u64 * u64::from(length), bytes: bytes.freeze() };
        }
        let mut longer = length;
        while bytes.len() > longer as usize / 2 {
            longer *= 2;
        }
        let mut file = BytesMut::zeroed(2 * longer as usize);
        let bytes = self.block(longer);
        let start = place * longer as usize;
        file[start..start + bytes.len()].copy_from_slice(&bytes);
        Put::Replace { length: longer, bytes: file.freeze() }
    }

    fn block(&self, length: u32) -> BytesMut {
        let mut out = BytesMut::new();
        put_block(&mut out, |out| {
            out.put_u8(FORMAT);
            out.put_u32_le(length);
            out.put_u64_le(self.generation);
            out.put_u8(u8::from(self.disk.is_some()) | u8::from(self.takes_over) << 1);
            out.put_u64_le(self.disk.unwrap_or_default().0);
            put_number(self.families.len() as u64, out);
            for (family, Floors { next, files }) in &self.families {
                put_number(u64::from(*family), out);
                put_number(*next, out);
                put_number(files.len() as u64, out);
                for (file, floor) in files {
                    put_number(*file, out);
                    put_number(*floor, out);
                }
            }
        });
        out
    }
}

fn get(from: &[u8]) -> Result<(Slot, u32), Malformed> {
    Reader::whole(Reader::new(from).take_block()?, |from| {
        if from.take_u8()? != FORMAT {
            return Err(Malformed("it has another format"));
        }
        let (length, generation) = (from.take_u32()?, from.take_u64()?);
        let (known, takes_over) = match from.take_u8()? {
            flags @ 0..4 => (flags & 1 != 0, flags & 2 != 0),
            _ => return Err(Malformed("nothing of it is known")),
        };
        let disk = Some(DiskId(from.take_u64()?)).filter(|_| known);
        let mut slot = Slot { generation, disk, takes_over, ..Slot::default() };
        for _ in 0..from.take_number()? {
            let family = u32::try_from(from.take_number()?);
            let family = family.map_err(|_| Malformed("there is no such family"))?;
            let mut floors = Floors { next: from.take_number()?, ..Floors::default() };
            for _ in 0..from.take_number()? {
                floors.files.insert(from.take_number()?, from.take_number()?);
            }
            slot.families.insert(family, floors);
        }
        Ok((slot, length))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot(generation: u64, files: u64) -> Slot {
        let files = (0..files).map(|file| (file, file * 1_000)).collect();
        let families = BTreeMap::from([(7, Floors { next: 9, files })]);
        Slot { generation, disk: Some(DiskId(3)), takes_over: false, families }
    }

    /// The file after this slot was put into it.
    fn with(mut file: Vec<u8>, length: u32, slot: &Slot) -> Vec<u8> {
        match slot.put(length, true) {
            Put::Replace { bytes, .. } => bytes.to_vec(),
            Put::Write { offset, bytes } => {
                file[offset as usize..offset as usize + bytes.len()].copy_from_slice(&bytes);
                file
            }
        }
    }

    #[test]
    fn the_newer_slot_counts_and_a_torn_one_leaves_the_other() {
        let mut file = first(false).to_vec();
        assert_eq!(open(&file), Ok((Slot::default(), SLOT)));
        assert!(open(&first(true)).unwrap().0.takes_over);
        for generation in 1..6 {
            let (before, length) = open(&file).unwrap();
            let next = slot(generation, generation);
            let Put::Write { offset, bytes } = next.put(length, true) else {
                panic!("it is short")
            };
            for cut in 0..bytes.len() {
                let mut torn = file.clone();
                torn[offset as usize..offset as usize + cut].copy_from_slice(&bytes[..cut]);
                // What differs may be written already.
                let read = open(&torn).unwrap().0;
                assert!(read == before || read == next, "generation {generation} cut at {cut}");
            }
            file = with(file, length, &next);
            assert_eq!(open(&file), Ok((next, SLOT)));
        }
    }

    #[test]
    fn slots_grow_with_what_they_hold() {
        let mut file = first(false).to_vec();
        for (generation, files) in [(1, 10), (2, 2_000), (3, 5_000), (4, 3)] {
            let (_, length) = open(&file).unwrap();
            let next = slot(generation, files);
            file = with(file, length, &next);
            assert_eq!(open(&file).map(|(slot, _)| slot), Ok(next), "{files} files");
        }
        assert!(file.len() > 2 * SLOT as usize);
    }

    #[test]
    fn a_file_that_was_cut_or_rotted_in_both_slots_is_refused() {
        let file = with(with(first(false).to_vec(), SLOT, &slot(1, 3)), SLOT, &slot(2, 4));
        for length in 0..file.len() {
            assert!(open(&file[..length]).is_err(), "cut at {length}");
        }
        let mut rotten = file.clone();
        rotten[20] ^= 1;
        assert_eq!(open(&rotten).unwrap().0, slot(1, 3), "the older one is left");
        rotten[SLOT as usize + 20] ^= 1;
        assert!(open(&rotten).is_err());
    }
}
