//! What a file holds, as the pieces in which it was written.
//!
//! The law: nothing is copied when it is written, since what machines write is reference-counted; a
//! read of what was written at once copies nothing either. Where nothing was written there are zeros. Small
//! pieces that lie side by side can be made one, since each costs more than it holds.

use std::collections::BTreeMap;

use bytes::{Bytes, BytesMut};

/// No piece that was made of several is longer.
const PIECE: usize = 4_096;

/// The bytes of a file.
#[derive(Clone, Debug, Default)]
pub(crate) struct Content {
    /// By their places; none is empty and no two overlap.
    pieces: BTreeMap<u64, Bytes>,
    length: u64,
}

impl Content {
    pub(crate) fn of(bytes: Bytes) -> Content {
        let mut content = Content::default();
        content.put(0, bytes);
        content
    }

    pub(crate) fn len(&self) -> u64 {
        self.length
    }

    /// Writes over what is there; a file that ends before this place is filled up with zeros.
    pub(crate) fn put(&mut self, offset: u64, bytes: Bytes) {
        if bytes.is_empty() {
            return;
        }
        let end = offset + bytes.len() as u64;
        if offset < self.length {
            self.clear(offset, end);
        }
        self.length = self.length.max(end);
        self.pieces.insert(offset, bytes);
    }

    pub(crate) fn truncate(&mut self, length: u64) {
        if length < self.length {
            self.clear(length, self.length);
            self.length = length;
        }
    }

    /// Up to `length` bytes from a place; fewer at the end.
    pub(crate) fn read(&self, offset: u64, length: u64) -> Bytes {
        let end = offset.saturating_add(length).min(self.length);
        if offset >= end {
            return Bytes::new();
        }
        let first = self.pieces.range(..=offset).next_back().map_or(offset, |(at, _)| *at);
        let mut bytes = BytesMut::new();
        for (&at, piece) in self.pieces.range(first..end) {
            let (from, to) = (offset.max(at), end.min(at + piece.len() as u64));
            if from >= to {
                continue;
            }
            let part = piece.slice((from - at) as usize..(to - at) as usize);
            if to - from == end - offset {
                return part;
            }
            bytes.resize((from - offset) as usize, 0);
            bytes.extend_from_slice(&part);
        }
        bytes.resize((end - offset) as usize, 0);
        bytes.freeze()
    }

    /// Makes one piece of small ones that lie side by side, of those that touch this range. `merged` is
    /// told each that was made, and its place.
    pub(crate) fn merge(&mut self, start: u64, end: u64, mut merged: impl FnMut(u64, Bytes)) {
        let before = self.pieces.range(..start).next_back();
        let mut first = before.map_or(start, |(at, _)| *at);
        while first < end {
            let mut length = 0;
            let mut count = 0;
            for (&at, piece) in self.pieces.range(first..end) {
                if count > 0 && (at != first + length as u64 || length + piece.len() > PIECE) {
                    break;
                }
                (first, length) = (if count == 0 { at } else { first }, length + piece.len());
                count += 1;
            }
            if count == 0 {
                return;
            }
            if count > 1 {
                let mut bytes = BytesMut::with_capacity(length);
                let until = first + length as u64;
                self.pieces
                    .range(first..until)
                    .for_each(|(_, piece)| bytes.extend_from_slice(piece));
                let bytes = bytes.freeze();
                self.put(first, bytes.clone());
                merged(first, bytes);
            }
            first += length as u64;
        }
    }

    /// Flips a bit, if the file is so long.
    pub(crate) fn flip(&mut self, offset: u64, bit: u8) {
        if offset < self.length {
            let byte = self.read(offset, 1)[0] ^ bit;
            self.put(offset, Bytes::copy_from_slice(&[byte]));
        }
    }

    /// Takes away what was written there.
    fn clear(&mut self, start: u64, end: u64) {
        let first = self.pieces.range(..=start).next_back().map_or(start, |(at, _)| *at);
        let touched: Vec<u64> = self.pieces.range(first..end).map(|(at, _)| *at).collect();
        for at in touched {
            let Some(piece) = self.pieces.remove(&at) else { continue };
            let piece_end = at + piece.len() as u64;
            if at < start {
                let kept = piece.slice(..(start.min(piece_end) - at) as usize);
                self.pieces.insert(at, kept);
            }
            if piece_end > end {
                self.pieces.insert(end, piece.slice((end - at) as usize..));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, below, stream};

    #[test]
    fn it_is_what_an_array_of_bytes_is() {
        let mut random = stream(1, Purpose::Plan, 0);
        for _ in 0..200 {
            let (mut content, mut array) = (Content::default(), Vec::<u8>::new());
            for number in 0..60 {
                let mut draw = |below_this| below(&mut random, below_this);
                let (at, length) = (draw(100), draw(30));
                match draw(7) {
                    0 => {
                        content.truncate(at);
                        array.truncate(at as usize);
                    }
                    1 => {
                        content.flip(at, 4);
                        array.get_mut(at as usize).into_iter().for_each(|byte| *byte ^= 4);
                    }
                    2 => {
                        let mut told = Vec::new();
                        content.merge(at, at + length, |at, bytes| told.push((at, bytes)));
                        for (at, bytes) in told {
                            assert_eq!(bytes, array[at as usize..at as usize + bytes.len()]);
                        }
                    }
                    _ if length > 0 => {
                        content.put(at, vec![number; length as usize].into());
                        let end = (at + length) as usize;
                        array.resize(array.len().max(end), 0);
                        array[at as usize..end].fill(number);
                    }
                    _ => {}
                }
                let (from, length) = (draw(120), draw(150));
                let from_there = array.get(from as usize..).unwrap_or_default();
                let there = &from_there[..from_there.len().min(length as usize)];
                assert_eq!(content.read(from, length), there);
                assert_eq!(content.len(), array.len() as u64);
            }
        }
    }

    #[test]
    fn small_pieces_side_by_side_become_one_of_at_most_4_kib() {
        let mut content = Content::default();
        for number in 0..1_000 {
            content.put(number * 100, vec![number as u8; 100].into());
            content.merge(number * 100, number * 100 + 100, |_, _| {});
        }
        assert_eq!(content.pieces.len(), 25, "forty of a hundred bytes make one");
        let mut apart = Content::default();
        apart.put(0, vec![1; 10].into());
        apart.put(20, vec![2; 10].into());
        apart.put(30, vec![3; 5_000].into());
        apart.merge(0, 10_000, |at, _| panic!("nothing to merge at {at}"));
    }

    #[test]
    fn nothing_is_copied_that_was_written_at_once() {
        let written = Bytes::from(vec![7; 100]);
        let mut content = Content::of(written.clone());
        content.put(100, Bytes::from_static(b"more"));
        assert!(std::ptr::eq(&content.read(10, 50)[..], &written[10..60]));
    }
}
