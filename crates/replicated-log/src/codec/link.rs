//! Messages on real links: what `codec.rs` says, as `host` asks for it.

use bytes::Bytes;
use machine::codec::{Coded, Fields, Length, Malformed, Reader};
use raft::Envelope;

use super::HEAD;
use crate::batch::Batch;
use crate::entry::Entry;
use crate::message::{Message, ReplicaFetched};

/// A message that says nothing.
const NOTHING: u8 = u8::MAX;
const FETCHED: u8 = 10;
const IMAGE: u8 = 5;
const RAFT: u8 = 11;

impl Message {
    fn kind(&self) -> u8 {
        match self {
            Message::Do(_) | Message::Ask { .. } | Message::Answer { .. } => NOTHING,
            Message::Register(_) => 0,
            Message::Registered { .. } => 1,
            Message::Heartbeat(_) => 2,
            Message::Beat(_) => 3,
            Message::Entries { .. } => 4,
            Message::Image { .. } => IMAGE,
            Message::Alter(_) => 6,
            Message::Command { .. } => 7,
            Message::Commanded { .. } => 8,
            Message::Fetch(_) => 9,
            Message::Fetched(_) => FETCHED,
            Message::Raft(_) => RAFT,
        }
    }

    fn get(kind: u8, from: &mut Reader<&[u8]>, behind: Bytes) -> Result<Message, Malformed> {
        if !matches!(kind, FETCHED | IMAGE | RAFT) && !behind.is_empty() {
            return Err(Malformed("something follows it"));
        }
        Ok(match kind {
            0 => Message::Register(Coded::get(from)?),
            1 => Message::Registered { boot: Coded::get(from)?, epoch: Coded::get(from)? },
            2 => Message::Heartbeat(Coded::get(from)?),
            3 => Message::Beat(Coded::get(from)?),
            4 => Message::Entries { entries: Vec::<(u64, Entry)>::get(from)? },
            IMAGE => Message::Image { at: Coded::get(from)?, state: behind },
            6 => Message::Alter(Coded::get(from)?),
            7 => Message::Command { token: Coded::get(from)?, command: Coded::get(from)? },
            8 => Message::Commanded { token: Coded::get(from)?, outcome: Coded::get(from)? },
            9 => Message::Fetch(Coded::get(from)?),
            FETCHED => Message::Fetched(ReplicaFetched {
                partition: Coded::get(from)?,
                leader_epoch: Coded::get(from)?,
                from: Coded::get(from)?,
                log_start: Coded::get(from)?,
                high_watermark: Coded::get(from)?,
                diverging: Coded::get(from)?,
                batches: batches(behind)?,
            }),
            RAFT => Message::Raft(Envelope::decode(behind)?),
            _ => return Err(Malformed("there is no such message")),
        })
    }
}

/// Batches one behind the other, each checked again: the disk of who sent them may have altered one.
fn batches(mut bytes: Bytes) -> Result<Vec<Batch>, Malformed> {
    let mut batches = Vec::new();
    while !bytes.is_empty() {
        let (batch, length) =
            Batch::read(bytes.clone()).map_err(|_| Malformed("a batch is not what it says"))?;
        batches.push(batch);
        bytes = bytes.slice(length..);
    }
    Ok(batches)
}

impl host::Codec for Message {
    const PROTOCOL: &'static str = "replicated-log";
    const VERSION: u32 = 1;
    const LONGEST: usize = machine::LONGEST as usize;

    fn encode(&self, out: &mut host::Encoder) {
        let mut length = Length::default();
        self.put_fields(&mut length);
        out.put_u8(self.kind());
        out.put_u32_le(length.bytes() as u32);
        self.put_fields(out);
        match self {
            Message::Fetched(fetched) => {
                let parts = fetched.batches.iter().map(Batch::parts);
                parts.for_each(|parts| {
                    parts.slices().iter().for_each(|slice| out.put_shared(slice))
                });
            }
            Message::Image { state, .. } => out.put_shared(state),
            Message::Raft(envelope) => envelope.encode(out),
            _ => {}
        }
    }

    fn decode(bytes: Bytes) -> Result<Message, Malformed> {
        let (kind, length) = {
            let mut head = Reader::new(&bytes[..]);
            (head.take_u8()?, head.take_u32()? as usize)
        };
        let end = HEAD.saturating_add(length);
        let fields = bytes.get(HEAD..end).ok_or(Malformed("it ends too early"))?;
        let behind = bytes.slice(end..);
        Reader::whole(fields, |fields| Message::get(kind, fields, behind))
    }
}

#[cfg(test)]
mod tests {
    use host::Codec;
    use machine::NodeId;
    use machine::codec::{Encoder, assert_codec, assert_weight};
    use proptest::prelude::*;

    use super::*;
    use crate::batch::Record;
    use crate::error::ErrorCode;
    use crate::message::{Alter, Beat, Changed, Command, ReplicatedLog};
    use crate::words::{TopicId, TopicPartition};

    fn messages() -> Vec<Message> {
        let partition = TopicPartition { topic: TopicId(1 << 70 | 7), partition: 3 };
        let record = Record { key: None, value: Some(Bytes::from_static(b"kept")) };
        let batch = |base| Batch::of(std::slice::from_ref(&record), 5, None).stamped(base, 2);
        vec![
            Message::Registered { boot: 1 << 60, epoch: 9 },
            Message::Beat(Beat { epoch: 1, number: 2, may_stop: true, unknown: false }),
            Message::Image { at: 77, state: Bytes::from_static(b"all of it") },
            Message::Alter(Alter {
                partition,
                leader_epoch: 4,
                version: 5,
                isr: vec![(NodeId(1), 8), (NodeId(2), 300)],
            }),
            Message::Command { token: 1, command: Command::ProducerIds },
            Message::Commanded {
                token: 1,
                outcome: Err((ErrorCode::NotController, "not here".into())),
            },
            Message::Commanded { token: 2, outcome: Ok(Changed::ProducerIds(1_000)) },
            Message::Fetched(ReplicaFetched {
                partition,
                leader_epoch: 2,
                from: 10,
                log_start: 0,
                high_watermark: 10,
                diverging: Some((1, 9)),
                batches: vec![batch(10), batch(11)],
            }),
        ]
    }

    #[test]
    fn every_message_is_its_bytes_and_weighs_them() {
        let encode = |message: &Message| {
            let mut out = Encoder::default();
            message.encode(&mut out);
            out.finish().joined()
        };
        for message in messages() {
            assert_weight::<ReplicatedLog>(&message, &encode(&message));
            assert_codec(&message, encode, Message::decode);
        }
    }

    proptest! {
        #[test]
        fn noise_is_read_or_refused(noise in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Message::decode(noise.into());
        }
    }
}
