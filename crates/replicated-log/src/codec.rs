//! The bytes of what brokers and controllers say to each other: a kind, the length of the fields, the fields
//! (`coded.rs` in `log-protocol`), and behind them what is large, which nobody copies: batches, an image, an envelope.
//!
//! A client's door stands beside its broker, so that questions and answers never travel on links: they have the
//! bytes of a message that says nothing.

#[cfg(feature = "server")]
mod link;

use log_protocol::coded;
use log_protocol::coded::Coded;
use machine::NodeId;
use machine::codec::{Fields, Length, Malformed, Reader};

use crate::batch::Batch;
use crate::message::{
    Alter, Beat, Changed, Command, Heartbeat, Message, Registration, ReplicaFetch, ReplicaFetched,
};

/// Before the fields: a byte and a number of four bytes.
const HEAD: usize = 5;

coded!(Registration, 7: boot, disk, clean, damaged, cut, rack, addresses);
coded!(Heartbeat, 5: epoch, number, applied, stopping, damaged);
coded!(Beat, 4: epoch, number, may_stop, unknown);
coded!(Alter, 4: partition, leader_epoch, version, isr);
coded!(ReplicaFetch, 5: partition, broker_epoch, leader_epoch, from, last_epoch);

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
