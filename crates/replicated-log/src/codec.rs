//! The bytes of what brokers and controllers say to each other: a kind, the length of the fields, the fields
//! (`entry/bytes.rs`), and behind them what is large, which nobody copies: batches, an image, an envelope.
//!
//! A client's door stands beside its broker, so that questions and answers never travel on links: they have the
//! bytes of a message that says nothing.

use bytes::Bytes;
use machine::NodeId;
use machine::codec::{Fields, Length, Malformed, Reader};
use raft::Envelope;

use crate::ask::NewTopic;
use crate::batch::Batch;
use crate::entry::{Coded, Entry, coded};
use crate::error::ErrorCode;
use crate::message::{
    Alter, Beat, Changed, Command, Heartbeat, Message, Registration, ReplicaFetch, ReplicaFetched,
};

/// Before the fields: a byte and a number of four bytes.
const HEAD: usize = 5;
/// A message that says nothing.
const NOTHING: u8 = u8::MAX;
const FETCHED: u8 = 10;
const IMAGE: u8 = 5;
const RAFT: u8 = 11;

coded!(Registration, 7: boot, disk, clean, damaged, cut, rack, addresses);
coded!(Heartbeat, 5: epoch, number, applied, stopping, damaged);
coded!(Beat, 4: epoch, number, may_stop, unknown);
coded!(Alter, 4: partition, leader_epoch, version, isr);
coded!(ReplicaFetch, 5: partition, broker_epoch, leader_epoch, from, last_epoch);
coded!(NewTopic, 5: name, partitions, replication_factor, assignment, settings);

impl Message {
    /// How many bytes it has on a link, or would have.
    pub(crate) fn weight(&self) -> u32 {
        let behind = match self {
            Message::Do(_) => 64,
            Message::Ask { ask, .. } => ask.weight(),
            Message::Answer { answer, .. } => answer.weight(),
            Message::Fetched(fetched) => fetched.batches.iter().map(Batch::length).sum(),
            Message::Image { state, .. } => state.len() as u32,
            Message::Raft(envelope) => envelope.length() as u32,
            _ => 0,
        };
        let mut fields = Length::default();
        self.put_fields(&mut fields);
        behind + (HEAD + fields.bytes()) as u32
    }

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

    fn put_fields(&self, out: &mut impl Fields) {
        match self {
            Message::Do(_) | Message::Ask { .. } | Message::Answer { .. } | Message::Raft(_) => {}
            Message::Register(registration) => registration.put(out),
            Message::Registered { boot, epoch } => (*boot, *epoch).put(out),
            Message::Heartbeat(heartbeat) => heartbeat.put(out),
            Message::Beat(beat) => beat.put(out),
            Message::Entries { entries } => entries.put(out),
            Message::Image { at, .. } => at.put(out),
            Message::Alter(alter) => alter.put(out),
            Message::Command { token, command } => {
                token.put(out);
                command.put(out);
            }
            Message::Commanded { token, outcome } => {
                token.put(out);
                outcome.put(out);
            }
            Message::Fetch(fetch) => fetch.put(out),
            Message::Fetched(fetched) => {
                let ReplicaFetched { partition, leader_epoch, from, log_start, .. } = fetched;
                partition.put(out);
                leader_epoch.put(out);
                (*from, *log_start).put(out);
                fetched.high_watermark.put(out);
                fetched.diverging.put(out);
            }
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

impl Coded for ErrorCode {
    fn put(&self, out: &mut impl Fields) {
        out.put_slice(&self.code().to_le_bytes());
    }

    fn get(from: &mut Reader<&[u8]>) -> Result<ErrorCode, Malformed> {
        let code = from.take_u16()?;
        ErrorCode::of(code as i16).ok_or(Malformed("there is no such error"))
    }
}

impl<T: Coded, E: Coded> Coded for Result<T, E> {
    fn put(&self, out: &mut impl Fields) {
        self.is_ok().put(out);
        match self {
            Ok(value) => value.put(out),
            Err(error) => error.put(out),
        }
    }

    fn get(from: &mut Reader<&[u8]>) -> Result<Result<T, E>, Malformed> {
        Ok(if bool::get(from)? { Ok(T::get(from)?) } else { Err(E::get(from)?) })
    }
}

impl Coded for Changed {
    fn put(&self, out: &mut impl Fields) {
        match self {
            Changed::Topic(id, partitions, factor) => {
                out.put_u8(0);
                id.put(out);
                (*partitions, *factor).put(out);
            }
            Changed::Done => out.put_u8(1),
            Changed::ProducerIds(first) => {
                out.put_u8(2);
                first.put(out);
            }
        }
    }

    fn get(from: &mut Reader<&[u8]>) -> Result<Changed, Malformed> {
        Ok(match from.take_u8()? {
            0 => Changed::Topic(Coded::get(from)?, Coded::get(from)?, Coded::get(from)?),
            1 => Changed::Done,
            2 => Changed::ProducerIds(Coded::get(from)?),
            _ => return Err(Malformed("there is no such change")),
        })
    }
}

impl Coded for Command {
    fn put(&self, out: &mut impl Fields) {
        match self {
            Command::CreateTopic { topic, only_check } => {
                out.put_u8(0);
                topic.put(out);
                only_check.put(out);
            }
            Command::DeleteTopic(topic) => {
                out.put_u8(1);
                topic.put(out);
            }
            Command::CreatePartitions { topic, count, only_check } => {
                out.put_u8(2);
                topic.put(out);
                count.put(out);
                only_check.put(out);
            }
            Command::Reassign { partition, replicas } => {
                out.put_u8(3);
                partition.put(out);
                replicas.put(out);
            }
            Command::ProducerIds => out.put_u8(4),
        }
    }

    fn get(from: &mut Reader<&[u8]>) -> Result<Command, Malformed> {
        Ok(match from.take_u8()? {
            0 => Command::CreateTopic { topic: Coded::get(from)?, only_check: Coded::get(from)? },
            1 => Command::DeleteTopic(Coded::get(from)?),
            2 => Command::CreatePartitions {
                topic: Coded::get(from)?,
                count: Coded::get(from)?,
                only_check: Coded::get(from)?,
            },
            3 => Command::Reassign {
                partition: Coded::get(from)?,
                replicas: Vec::<NodeId>::get(from)?,
            },
            4 => Command::ProducerIds,
            _ => return Err(Malformed("there is no such command")),
        })
    }
}

#[cfg(feature = "server")]
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

#[cfg(all(test, feature = "server"))]
mod tests {
    use host::Codec;
    use machine::codec::{Encoder, assert_codec, assert_weight};
    use proptest::prelude::*;

    use super::*;
    use crate::batch::Record;
    use crate::message::ReplicatedLog;
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
