//! The disk of shards: one file for each shard of a put.
//!
//! # The law
//!
//! [`Done::Sealed`] is said after the whole file was synced, and never before. Nothing else of a file is promised.
//!
//! The file `s-PG-PUT-SLOT` has the stripes one after the other, each the digest of its piece and the piece, and a footer
//! that says whose it is. All pieces but the last are of one length, so a reader computes where each lies: no index is
//! kept, and none can be wrong.

use bytes::{Bytes, BytesMut};
use machine::codec::{Coded, put_block};
use machine::{DiskAnswer, DiskCommand, DiskError, DiskResult, FileName, NodeId, Outputs, Parts};
use machine::{Switches, coded};

use crate::layout;
use crate::mechanism::Mechanism;
use crate::message::{Message, ObjectStore, Op};
use crate::row::{Piece, Shards};
use crate::words::{Name, PutId, Slot};

/// Before each piece.
const DIGEST: u64 = 32;

/// A shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShardId {
    /// The placement group of the key.
    pub group: layout::Group,
    /// Of which put.
    pub put: PutId,
    /// Which of its shards.
    pub slot: Slot,
}

impl ShardId {
    /// What its file is called.
    pub fn file(&self) -> FileName {
        let ShardId { group, put: PutId { group: of, epoch, nonce, seq }, slot } = self;
        format!("s-{group:04x}-{of:04x}.{epoch:08x}.{nonce:016x}.{seq:08x}-{slot:02x}").into()
    }

    /// The shard whose file is called so.
    pub fn parse(name: &str) -> Option<ShardId> {
        let mut parts = name.strip_prefix("s-")?.split('-');
        let (group, put, slot) = (parts.next()?, parts.next()?, parts.next()?);
        let numbers = put.split('.').map(|part| u64::from_str_radix(part, 16).ok());
        let &[of, epoch, nonce, seq] = &numbers.collect::<Option<Vec<_>>>()?[..] else {
            return None;
        };
        let id = ShardId {
            group: layout::Group::from_str_radix(group, 16).ok()?,
            put: PutId { group: of as u16, epoch: epoch as u32, nonce, seq: seq as u32 },
            slot: Slot::from_str_radix(slot, 16).ok()?,
        };
        (*id.file() == *name).then_some(id)
    }

    /// Where a stripe begins in it, where whole pieces are so long.
    pub fn offset(stripe: u64, piece: u32) -> u64 {
        stripe * (DIGEST + u64::from(piece))
    }
}

/// What stands behind the pieces.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Footer {
    /// The bucket of the object.
    pub bucket: Name,
    /// Its key.
    pub key: Name,
    /// Bytes of the put.
    pub length: u64,
    /// How it was cut.
    pub shards: Shards,
}

coded!(Footer: bucket, key, length, shards);
coded!(ShardId: group, put, slot);

impl Footer {
    fn bytes(&self) -> Bytes {
        let mut block = BytesMut::new();
        put_block(&mut block, |block| self.put(block));
        block.freeze()
    }

    /// Where it stands in the file.
    fn offset(&self) -> u64 {
        let Shards { code, stripe, .. } = self.shards;
        let last = self.shards.stripes(self.length) - 1;
        let piece = code.piece(self.shards.stripe_length(self.length, last));
        ShardId::offset(last, code.piece(stripe)) + DIGEST + u64::from(piece)
    }
}

/// What is asked of a node about a shard.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Job {
    /// Keep the piece of a stripe. Whole pieces of this shard are so long.
    Write {
        /// Which stripe.
        stripe: u64,
        /// Of a whole piece, in bytes.
        whole: u32,
        /// The piece.
        piece: Piece,
    },
    /// All pieces were written: make the file durable.
    Seal(Footer),
    /// Nobody will name it.
    Drop,
    /// Give the piece of a stripe.
    Read {
        /// Which stripe.
        stripe: u64,
        /// Of a whole piece, in bytes.
        whole: u32,
        /// Of this one.
        length: u32,
    },
}

coded!(enum Job {
    0 => Write { stripe, whole, piece },
    1 => Seal(footer),
    2 => Drop,
    3 => Read { stripe, whole, length },
});

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Done {
    /// The piece of this stripe was taken. It may be in memory only.
    Written(u64),
    /// The file is durable.
    Sealed,
    /// This node has no space, or no such shard. It keeps nothing of it.
    Refused,
    /// The piece.
    Read(Piece),
}

coded!(enum Done { 0 => Written(stripe), 1 => Sealed, 2 => Refused, 3 => Read(piece) });

/// What to do when a disk operation on a shard ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ShardOp {
    /// Who asked.
    from: NodeId,
    /// By which question.
    token: u64,
    id: ShardId,
    step: Step,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Step {
    Written(u64),
    Finished,
    Synced,
    Dropped,
    Read,
}

/// The shards of a node.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ShardFiles {
    switches: Switches,
}

impl ShardFiles {
    pub(crate) fn new(switches: Switches) -> ShardFiles {
        ShardFiles { switches }
    }

    /// A gateway has something to be done.
    pub(crate) fn asked(
        &self,
        (from, token): (NodeId, u64),
        id: ShardId,
        job: Job,
        out: &mut Outputs<ObjectStore>,
    ) {
        let file = id.file();
        let op = |step| Op::Shard(ShardOp { from, token, id, step });
        match job {
            Job::Write { stripe, whole, piece } => {
                let digest = Bytes::copy_from_slice(&piece.digest);
                let parts: Parts = [digest, piece.bytes].into_iter().collect();
                let offset = ShardId::offset(stripe, whole);
                out.disk(DiskCommand::Write { file, offset, parts }, op(Step::Written(stripe)));
            }
            Job::Seal(footer) => {
                let (offset, parts) = (footer.offset(), footer.bytes().into());
                let write = DiskCommand::Write { file: file.clone(), offset, parts };
                if !Mechanism::FlushBeforeAck.on(self.switches) {
                    return out.disk(write, op(Step::Synced));
                }
                out.disk(write, op(Step::Finished));
                out.disk(DiskCommand::Sync { file, data_only: false }, op(Step::Synced));
            }
            Job::Drop => out.disk(DiskCommand::Delete { file }, op(Step::Dropped)),
            Job::Read { stripe, whole, length } => {
                let offset = ShardId::offset(stripe, whole);
                let length = DIGEST + u64::from(length);
                out.disk(DiskCommand::Read { file, offset, length }, op(Step::Read));
            }
        }
    }

    /// A disk operation ended: what is said to whom.
    pub(crate) fn ended(
        &self,
        op: ShardOp,
        result: DiskResult,
        out: &mut Outputs<ObjectStore>,
    ) -> Option<(NodeId, Message)> {
        let ShardOp { from, token, id, step } = op;
        let done = match (step, result) {
            (Step::Written(stripe), Ok(_)) => Done::Written(stripe),
            (Step::Synced, Ok(_)) => Done::Sealed,
            (Step::Finished, Ok(_)) | (Step::Dropped, Ok(_) | Err(DiskError::NotFound)) => {
                return None;
            }
            (Step::Read, result) => match result {
                Ok(DiskAnswer::Bytes(bytes)) => {
                    piece(id.slot, bytes).map_or(Done::Refused, Done::Read)
                }
                _ => Done::Refused,
            },
            (Step::Written(_) | Step::Finished | Step::Synced, Err(DiskError::Full)) => {
                Done::Refused
            }
            (_, Err(error)) => {
                out.halt(format!("a shard cannot be kept: {error}"));
                return None;
            }
        };
        Some((from, Message::Did { token, done }))
    }
}

fn piece(slot: Slot, mut bytes: Bytes) -> Option<Piece> {
    if bytes.len() < DIGEST as usize {
        return None;
    }
    let digest = bytes.split_to(DIGEST as usize);
    Some(Piece { slot, digest: *digest.first_chunk()?, bytes })
}

#[cfg(test)]
mod tests {
    use machine::{MemoryDisk, Output};

    use super::*;
    use crate::erasure::Codec;
    use crate::stripe::Seal;
    use crate::words::Code;

    const ID: ShardId =
        ShardId { group: 7, put: PutId { group: 1, epoch: 2, nonce: 3, seq: 4 }, slot: 1 };
    const ASKED: (NodeId, u64) = (NodeId(9), 5);

    /// What a disk makes of a job, and what the gateway is told.
    fn does(disk: &mut MemoryDisk, job: Job) -> Vec<Done> {
        let files = ShardFiles::new(Switches::ALL_ON);
        let mut out = Outputs::default();
        files.asked(ASKED, ID, job, &mut out);
        let mut told = Vec::new();
        for output in out.drain().collect::<Vec<_>>() {
            let Output::Disk { command, op: Op::Shard(op) } = output else { panic!("{output:?}") };
            let mut more = Outputs::default();
            let said = files.ended(op, disk.perform(*command), &mut more);
            assert!(more.iter().next().is_none());
            told.extend(said.map(|(to, message)| match message {
                Message::Did { token, done } if (to, token) == ASKED => done,
                other => panic!("{other:?}"),
            }));
        }
        told
    }

    #[test]
    fn pieces_are_read_as_they_were_written_and_no_more() {
        let code = Code { data: 2, parity: 1 };
        let shards = Shards { code, stripe: 8, layout: 1, missing: 0 };
        let (codec, seal) = (Codec::new(code).unwrap(), Seal::new("b", "k", ID.put));
        let body = Bytes::from_static(b"twenty bytes of text");
        let mut disk = MemoryDisk::default();
        let mut pieces = Vec::new();
        for stripe in 0..3_u64 {
            let length = shards.stripe_length(20, stripe) as usize;
            let from = stripe as usize * 8;
            let piece = seal.cut(&codec, stripe, &body.slice(from..from + length)).swap_remove(1);
            let job = Job::Write { stripe, whole: code.piece(8), piece: piece.clone() };
            assert_eq!(does(&mut disk, job), [Done::Written(stripe)]);
            pieces.push(piece);
        }
        let footer = Footer { bucket: "b".into(), key: "k".into(), length: 20, shards };
        assert_eq!(does(&mut disk, Job::Seal(footer)), [Done::Sealed]);
        for (stripe, piece) in (0..).zip(pieces) {
            let length = code.piece(shards.stripe_length(20, stripe));
            let job = Job::Read { stripe, whole: code.piece(8), length };
            assert_eq!(does(&mut disk, job), [Done::Read(piece)]);
        }
        assert_eq!(does(&mut disk, Job::Drop), []);
        assert_eq!(does(&mut disk, Job::Drop), [], "it is gone already");
        assert_eq!(does(&mut disk, Job::Read { stripe: 0, whole: 4, length: 4 }), [Done::Refused]);
    }
}
