//! The bytes of what brokers and controllers say to each other: a kind, the length of the fields, the fields
//! (`machine::coded!`), and behind them what is large, which nobody copies: batches, an image, an envelope.
//!
//! A client's door stands beside its broker, so that questions and answers never travel on links: they have the
//! bytes of a message that says nothing.

#[cfg(feature = "server")]
mod link;

use machine::codec::{Coded, Fields, Length};
use machine::coded;

use crate::batch::Batch;
use crate::message::{
    Alter, Beat, Changed, Command, Heartbeat, Message, Registration, ReplicaFetch, ReplicaFetched,
};

/// Before the fields: a byte and a number of four bytes.
const HEAD: usize = 5;

coded!(Registration: boot, disk, clean, damaged, cut, rack, addresses);
coded!(Heartbeat: epoch, number, applied, stopping, damaged);
coded!(Beat: epoch, number, may_stop, unknown);
coded!(Alter: partition, leader_epoch, version, isr);
coded!(ReplicaFetch: partition, broker_epoch, leader_epoch, from, last_epoch);
coded!(enum Changed { 0 => Topic(id, partitions, factor), 1 => Done, 2 => ProducerIds(first) });
coded!(enum Command {
    0 => CreateTopic { topic, only_check },
    1 => DeleteTopic(topic),
    2 => CreatePartitions { topic, count, only_check },
    3 => Reassign { partition, replicas },
    4 => ProducerIds,
});

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
