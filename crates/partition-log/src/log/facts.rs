//! What a sealed segment leaves beside it, so that a boot need not read it: where it ends, the index into it, which
//! epochs begin in it, and what was known of producers at its end.
//!
//! The law: it can be lost. Facts that are rotten, or of a file of another length, are none, and the file is read.
//!
//! `p<number>-<n>.facts` is numbers of as many bytes as they need: format, log, file, its length, base offset, end; the
//! largest timestamp (8 bytes); of each mark, less those of the one before it, offset and position, and the largest
//! timestamp (8); of each epoch the epoch and its offset; of each producer the id, the epoch, what is next, the end, and
//! of each of its batches the offset, the epoch, the sequence number and how many records; then a CRC-32 (4 bytes).

use bytes::{Bytes, BytesMut};
use machine::codec::{self, Fields, Malformed, Reader};

use super::epochs::Epochs;
use super::producers::{Appended, Known, Producers};
use super::segment::{Mark, Segment};
use log_protocol::words::{LeaderEpoch, Offset};

/// How the name goes on behind that of the file.
pub(super) const SUFFIX: &str = ".facts";
const FORMAT: u64 = 1;

/// What there is to know of a sealed segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Facts {
    pub(super) segment: Segment,
    pub(super) epochs: Vec<(LeaderEpoch, Offset)>,
    pub(super) producers: Producers,
}

impl Facts {
    /// Of the last segment, at its end.
    pub(super) fn of(segment: &Segment, epochs: &Epochs, producers: &Producers) -> Facts {
        let epochs = epochs.from(segment.base).collect();
        Facts { segment: segment.clone(), epochs, producers: producers.clone() }
    }

    pub(super) fn encode(&self, log: u32) -> Bytes {
        let (mut out, segment) = (BytesMut::new(), &self.segment);
        let head = [FORMAT, log.into(), segment.file, segment.length, segment.base, segment.end];
        head.into_iter().for_each(|number| out.put_number(number));
        out.put_u64_le(segment.largest as u64);
        out.put_number(segment.marks.len() as u64);
        let mut before = (segment.base, 0);
        for mark in &segment.marks {
            out.put_number(mark.offset - before.0);
            out.put_number(mark.position - before.1);
            out.put_u64_le(mark.largest as u64);
            before = (mark.offset, mark.position);
        }
        out.put_number(self.epochs.len() as u64);
        for (epoch, from) in &self.epochs {
            out.put_number((*epoch).into());
            out.put_number(*from);
        }
        out.put_number(self.producers.0.len() as u64);
        for (id, known) in &self.producers.0 {
            let numbers = [*id, known.epoch.into(), known.next.into(), known.end];
            numbers.into_iter().for_each(|number| out.put_number(number));
            out.put_number(known.batches.len() as u64);
            for batch in &known.batches {
                let sequence = [batch.first_sequence, batch.records].map(u64::from);
                let numbers = [batch.base, batch.epoch.into(), sequence[0], sequence[1]];
                numbers.into_iter().for_each(|number| out.put_number(number));
            }
        }
        codec::seal(out)
    }

    /// What the facts of a file of this log are.
    ///
    /// # Errors
    /// If they are not what was written, or are of another log.
    pub(super) fn decode(bytes: &[u8], log: u32) -> Result<Facts, Malformed> {
        Reader::whole(codec::open(bytes)?, |from| {
            if [from.take_number()?, from.take_number()?] != [FORMAT, log.into()] {
                return Err(Malformed("it has another format, or is of another log"));
            }
            let (file, length) = (from.take_number()?, from.take_number()?);
            let (base, end) = (from.take_number()?, from.take_number()?);
            let largest = from.take_u64()? as i64;
            let mut before = (base, 0);
            let marks = list(from, 10, |from| {
                let offset = sum(before.0, from.take_number()?)?;
                let position = sum(before.1, from.take_number()?)?;
                before = (offset, position);
                Ok(Mark { offset, position, largest: from.take_u64()? as i64 })
            })?;
            let epochs = list(from, 2, |from| Ok((small(from)?, from.take_number()?)))?;
            let producers = list(from, 5, |from| Ok((from.take_number()?, take_known(from)?)))?;
            if !producers.is_sorted_by(|(one, _), (next, _)| one < next) {
                return Err(Malformed("its producers are not in order"));
            }
            let segment = Segment { file, base, end, length, largest, marks };
            let producers = Producers(producers.into_iter().collect());
            Ok(Facts { segment, epochs, producers })
        })
    }
}

fn take_known(from: &mut Reader<&[u8]>) -> Result<Known, Malformed> {
    let (epoch, next, end) = (small(from)?, small(from)?, from.take_number()?);
    let batches = list(from, 4, |from| {
        let (base, epoch) = (from.take_number()?, small(from)?);
        Ok(Appended { base, epoch, first_sequence: small(from)?, records: small(from)? })
    })?;
    Ok(Known { epoch, next, end, batches: batches.into() })
}

/// As many as they say, each of so many bytes at least.
fn list<T>(
    from: &mut Reader<&[u8]>,
    least: usize,
    item: impl FnMut(&mut Reader<&[u8]>) -> Result<T, Malformed>,
) -> Result<Vec<T>, Malformed> {
    let count = usize::try_from(from.take_number()?).unwrap_or(usize::MAX);
    from.take_list(count, least, item)
}

fn small<T: TryFrom<u64>>(from: &mut Reader<&[u8]>) -> Result<T, Malformed> {
    T::try_from(from.take_number()?).map_err(|_| Malformed("a number is larger than it can be"))
}

fn sum(before: u64, more: u64) -> Result<u64, Malformed> {
    before.checked_add(more).ok_or(Malformed("a number is larger than it can be"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use machine::codec::assert_delimited;

    fn facts() -> Facts {
        let mark = |offset, position, largest| Mark { offset, position, largest };
        let marks = vec![mark(120, 4_200, 7), mark(1_000, 90_000, 9)];
        let segment =
            Segment { file: 3, base: 100, end: 2_000, length: 1 << 20, largest: 12, marks };
        let batch = |base, first_sequence| Appended { base, epoch: 1, first_sequence, records: 5 };
        let known =
            Known { epoch: 1, next: 10, end: 210, batches: [batch(110, 0), batch(205, 5)].into() };
        let producers = Producers([(3, known.clone()), (1 << 40, known)].into());
        Facts { segment, epochs: vec![(2, 100), (7, 900)], producers }
    }

    #[test]
    fn they_are_read_as_they_were_written_or_not_at_all() {
        assert_delimited(&facts(), |facts| facts.encode(5), |bytes| Facts::decode(&bytes, 5));
        assert!(Facts::decode(&facts().encode(5), 6).is_err(), "they are of another log");
    }

    #[test]
    fn the_empty_ones_are_the_shortest() {
        let (largest, marks) = (i64::MIN, Vec::new());
        let segment = Segment { file: 1, base: 0, end: 1, length: 70, largest, marks };
        let facts = Facts { segment, epochs: Vec::new(), producers: Producers::default() };
        assert_delimited(&facts, |facts| facts.encode(0), |bytes| Facts::decode(&bytes, 0));
        assert_eq!(facts.encode(0).len(), 6 + 8 + 3 + 4);
    }
}
