//! Persist, then answer: a small state that is written whole.
//!
//! The law: what is held back with [`Checkpoint::save`] leaves only after a state at least as new
//! as the one saved with it is durable. Saves that come while the disk is busy are joined into the
//! next write (group commit), so a slow disk costs latency, not throughput.
//!
//! The file is one format byte, the state, and the CRC-32 (IEEE) of both, little-endian. Rot is
//! found when it is read; it is never used.

use std::convert::Infallible;
use std::fmt;

use bytes::{BufMut, Bytes, BytesMut};

use crate::codec;
use crate::disk::{DiskAnswer, DiskCommand, DiskError, DiskResult, FileName};
use crate::embedding::Embeds;
use crate::outputs::{Output, Outputs};
use crate::protocol::Protocol;

const FORMAT: u8 = 1;
/// States are small by law; a longer file is not ours.
const LONGEST: u64 = 16 << 20;

/// The writer of one such file, a part of the machine whose state it is.
#[derive(Clone, Debug)]
pub struct Checkpoint<P: Protocol> {
    file: FileName,
    /// On their way with the write in flight.
    in_flight: Option<Vec<Output<P>>>,
    /// The newest state, where a write in flight is older, and what waits for it.
    next: Option<(Bytes, Vec<Output<P>>)>,
}

/// The disk operations of a checkpoint, by what to do when they end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CheckpointOp {
    /// The state was read: [`Checkpoint::loaded`].
    Loaded,
    /// It was written: [`Checkpoint::saved`].
    Saved,
}

impl<P: Protocol> Protocol for Checkpoint<P> {
    type Message = Infallible;
    type Timer = Infallible;
    type Op = CheckpointOp;
    type Note = Infallible;
}

impl<P: Embeds<Checkpoint<P>>> Checkpoint<P> {
    /// A checkpoint in the file of this name; nothing is read or written yet.
    pub fn new(file: impl Into<FileName>) -> Self {
        Checkpoint { file: file.into(), in_flight: None, next: None }
    }

    /// The bytes of a file that holds this state: a new disk begins with one
    /// ([`Machine::first_files`](crate::Machine::first_files)).
    pub fn sealed(state: &[u8]) -> Bytes {
        seal(state)
    }

    /// Asks for the state that was saved last; hand the answer to [`Checkpoint::loaded`].
    pub fn load(&self, out: &mut Outputs<P>) {
        let read = DiskCommand::Read { file: self.file.clone(), offset: 0, length: LONGEST };
        out.disk(read, P::op(CheckpointOp::Loaded));
    }

    /// The state that was saved last, or that the disk began with.
    ///
    /// # Errors
    /// If the disk failed, the file is gone, or what is there is not what was written. It stays as it is.
    pub fn loaded(&self, result: DiskResult) -> Result<Bytes, CheckpointError> {
        match result {
            Err(DiskError::NotFound) => Err(CheckpointError::Gone),
            Err(error) => Err(CheckpointError::Disk(error)),
            Ok(DiskAnswer::Bytes(bytes)) => open(&bytes).ok_or(CheckpointError::Rotten),
            Ok(_) => Err(CheckpointError::Rotten),
        }
    }

    /// Saves a state that replaces the last; `then` leaves when it is durable.
    pub fn save(&mut self, state: &[u8], then: Vec<Output<P>>, out: &mut Outputs<P>) {
        let sealed = seal(state);
        if self.in_flight.is_none() {
            return self.write(sealed, then, out);
        }
        let mut waiting = self.next.take().map_or_else(Vec::new, |(_, waiting)| waiting);
        waiting.extend(then);
        self.next = Some((sealed, waiting));
    }

    /// A write ended: lets out what waited for it, and starts the next write if one is due.
    ///
    /// # Errors
    /// If the disk failed: nobody knows which state is on it, what waited is dropped, and the
    /// machine must halt. A full disk loses nothing: the old state stands, and what waited is
    /// dropped, as if the requests behind it had been lost.
    pub fn saved(
        &mut self,
        result: DiskResult,
        out: &mut Outputs<P>,
    ) -> Result<(), CheckpointError> {
        let waiting = self.in_flight.take().unwrap_or_default();
        match result {
            Ok(_) => waiting.into_iter().for_each(|output| out.push(output)),
            Err(error) => {
                self.next = None;
                return Err(CheckpointError::Disk(error));
            }
        }
        if let Some((sealed, waiting)) = self.next.take() {
            self.write(sealed, waiting, out);
        }
        Ok(())
    }

    fn write(&mut self, bytes: Bytes, then: Vec<Output<P>>, out: &mut Outputs<P>) {
        self.in_flight = Some(then);
        let replace = DiskCommand::Replace { file: self.file.clone(), parts: bytes.into() };
        out.disk(replace, P::op(CheckpointOp::Saved));
    }
}

/// Why a checkpoint could not be read or written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckpointError {
    /// The disk said no; see [`DiskError`] for what that did to the state.
    Disk(DiskError),
    /// There is no file, though every disk begins with one: it was lost. Restore it, or give the node a new
    /// identity and an empty folder.
    Gone,
    /// The file is not what was written: bits rotted, or it is another program's. It stays as it
    /// is; restore it, or give the node a new identity and an empty folder.
    Rotten,
}

impl fmt::Display for CheckpointError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CheckpointError::Disk(error) => error.fmt(f),
            CheckpointError::Gone => f.write_str(
                "the checkpoint is gone: restore it, or start with an empty folder and a new identity",
            ),
            CheckpointError::Rotten => f.write_str(
                "the checkpoint is not what was written; it was left as it is: restore it, or \
                 start with an empty folder and a new identity",
            ),
        }
    }
}

impl std::error::Error for CheckpointError {}

fn seal(state: &[u8]) -> Bytes {
    let mut bytes = BytesMut::with_capacity(state.len() + 5);
    bytes.put_u8(FORMAT);
    bytes.put_slice(state);
    codec::seal(bytes)
}

fn open(bytes: &Bytes) -> Option<Bytes> {
    let body = codec::open(bytes).ok()?;
    (body.first() == Some(&FORMAT)).then(|| bytes.slice(1..body.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Debug)]
    struct Words;
    impl Protocol for Words {
        type Message = &'static str;
        type Timer = ();
        type Op = CheckpointOp;
        type Note = &'static str;
    }
    impl Embeds<Checkpoint<Words>> for Words {
        fn op(op: CheckpointOp) -> CheckpointOp {
            op
        }
    }

    fn writes(out: &mut Outputs<Words>) -> Vec<Bytes> {
        let replaced = |output| match output {
            Output::Disk { command, .. } => match *command {
                DiskCommand::Replace { parts, .. } => Some(parts.joined()),
                _ => None,
            },
            _ => None,
        };
        out.drain().filter_map(replaced).collect()
    }

    #[test]
    fn answers_wait_for_the_disk_and_saves_in_between_are_joined() {
        let mut checkpoint = Checkpoint::<Words>::new("state");
        let mut out = Outputs::default();
        checkpoint.save(b"one", vec![Output::Note("one")], &mut out);
        assert_eq!(writes(&mut out).len(), 1, "the first save is written at once");
        checkpoint.save(b"two", vec![Output::Note("two")], &mut out);
        checkpoint.save(b"three", vec![Output::Note("three")], &mut out);
        assert!(out.iter().next().is_none(), "the disk is busy, nothing may leave");

        checkpoint.saved(Ok(DiskAnswer::Done), &mut out).unwrap();
        assert!(matches!(out.iter().next(), Some(Output::Note("one"))));
        let joined = writes(&mut out);
        assert_eq!(open(&joined[0]).unwrap(), &b"three"[..], "only the newest state is written");

        checkpoint.saved(Ok(DiskAnswer::Done), &mut out).unwrap();
        let left: Vec<_> = out.iter().collect();
        assert!(matches!(left[..], [Output::Note("two"), Output::Note("three")]));
    }

    #[test]
    fn a_failed_write_drops_what_waited() {
        let mut checkpoint = Checkpoint::<Words>::new("state");
        let mut out = Outputs::default();
        checkpoint.save(b"one", vec![Output::Note("one")], &mut out);
        out.drain().for_each(drop);
        let failed = checkpoint.saved(Err(DiskError::Failed), &mut out);
        assert_eq!(failed, Err(CheckpointError::Disk(DiskError::Failed)));
        assert!(out.iter().next().is_none());
    }

    #[test]
    fn any_flipped_bit_is_found() {
        let sealed = seal(b"a lease");
        assert_eq!(open(&sealed).unwrap(), &b"a lease"[..]);
        for bit in 0..sealed.len() * 8 {
            let mut rotten = sealed.to_vec();
            rotten[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(open(&rotten.into()), None, "bit {bit}");
        }
        assert_eq!(open(&Bytes::new()), None);
    }
}
