//! The entries of the controllers' log: what happened to the cluster.
//!
//! The law: what an event does to partitions is in the same entry, so no state lies between.
//!
//! Entries are numbered from 1 on, without holes: those that raft itself writes into its log have no number.

mod bytes;

use std::net::SocketAddr;

use ::bytes::{Bytes, BytesMut};
use machine::codec::{Coded, Malformed, Reader};
use machine::{DiskId, NodeId};

use crate::cluster::Partition;
use log_protocol::ask::Settings;
use log_protocol::words::{Name, TopicId, TopicPartition};

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Entry {
    /// A broker registered. Its epoch is the number of this entry. It is fenced until it has caught up.
    Broker {
        /// Which.
        id: NodeId,
        /// Of its boot.
        boot: u64,
        /// Its disk.
        disk: DiskId,
        /// Where it is.
        rack: Option<Name>,
        /// Where clients reach it, and where nodes do.
        addresses: Option<(SocketAddr, SocketAddr)>,
        /// What it led, and what it is no longer in sync with.
        changes: Changes,
    },
    /// A broker was silent.
    Fence {
        /// Which.
        id: NodeId,
        /// What it led, and where it was in sync.
        changes: Changes,
    },
    /// A broker knows what it has to know.
    Unfence {
        /// Which.
        id: NodeId,
        /// What waited for it.
        changes: Changes,
    },
    /// A broker wants to stop.
    Stopping {
        /// Which.
        id: NodeId,
        /// What it led.
        changes: Changes,
    },
    /// A topic was made.
    Topic {
        /// Its identity.
        id: TopicId,
        /// Its name.
        name: Name,
        /// Its settings.
        settings: Settings,
        /// From partition 0 on.
        partitions: Vec<Partition>,
    },
    /// Partitions changed, or a topic has some more.
    Partitions(Changes),
    /// A topic is no more.
    Drop(TopicId),
    /// Identities of producers below this one are given away.
    ProducerIds {
        /// The next one.
        next: u64,
    },
    /// The identity of the cluster: the first entry of all.
    Cluster(u64),
}

/// What partitions become.
pub type Changes = Vec<(TopicPartition, Partition)>;

impl Entry {
    /// The partitions that it makes or changes, and what they become.
    pub fn changes(&self) -> impl Iterator<Item = (TopicPartition, &Partition)> {
        let (changed, made) = match self {
            Entry::Broker { changes, .. }
            | Entry::Fence { changes, .. }
            | Entry::Unfence { changes, .. }
            | Entry::Stopping { changes, .. }
            | Entry::Partitions(changes) => (&changes[..], None),
            Entry::Topic { id, partitions, .. } => (&[][..], Some((*id, partitions))),
            Entry::Drop(_) | Entry::ProducerIds { .. } | Entry::Cluster(_) => (&[][..], None),
        };
        let made = made.into_iter().flat_map(|(topic, partitions)| {
            let of = move |(partition, is)| (TopicPartition { topic, partition }, is);
            (0..).zip(partitions).map(of)
        });
        changed.iter().map(|(partition, is)| (*partition, is)).chain(made)
    }

    /// Its bytes: those in the controllers' log, and in messages.
    pub fn encode(&self) -> Bytes {
        let mut out = BytesMut::new();
        self.put(&mut out);
        out.freeze()
    }

    /// The entry that these bytes are, all of them.
    ///
    /// # Errors
    /// If they are none.
    ///
    /// # Errors
    /// If these are not the bytes of one.
    pub fn decode(bytes: &[u8]) -> Result<Entry, Malformed> {
        Reader::whole(bytes, Entry::get)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use machine::codec::{assert_canonical, assert_delimited};
    use proptest::prelude::*;

    fn name() -> impl Strategy<Value = Name> {
        "[a-zA-Z0-9._-]{0,5}".prop_map(Name::from)
    }

    pub(crate) fn settings() -> impl Strategy<Value = Settings> {
        (any::<[u32; 3]>(), any::<Option<u64>>()).prop_map(|(numbers, retention_bytes)| Settings {
            min_insync_replicas: numbers[0],
            retention_bytes,
            segment_bytes: numbers[1],
            max_message_bytes: numbers[2],
        })
    }

    pub(crate) fn partition() -> impl Strategy<Value = Partition> {
        let nodes = || prop::collection::vec((0..300_u32).prop_map(NodeId), 0..4);
        let lists = (nodes(), nodes(), nodes(), nodes(), nodes());
        let leader = proptest::option::of((0..9_u32).prop_map(NodeId));
        (lists, leader, any::<[u32; 2]>()).prop_map(
            |((replicas, adding, removing, isr, elr), leader, [leader_epoch, version])| Partition {
                replicas,
                adding,
                removing,
                isr,
                elr,
                leader,
                leader_epoch,
                version,
            },
        )
    }

    fn changes() -> impl Strategy<Value = Changes> {
        let place = (any::<u128>(), any::<u32>())
            .prop_map(|(topic, partition)| TopicPartition { topic: TopicId(topic), partition });
        prop::collection::vec((place, partition()), 0..4)
    }

    /// Scopes and flow labels are of one computer alone, and stay there.
    fn address() -> impl Strategy<Value = SocketAddr> {
        any::<(std::net::IpAddr, u16)>().prop_map(|(ip, port)| (ip.to_canonical(), port).into())
    }

    pub(crate) fn entry() -> impl Strategy<Value = Entry> {
        let id = || (0..300_u32).prop_map(NodeId);
        let place = (proptest::option::of(name()), any::<bool>(), address(), address());
        prop_oneof![
            (id(), any::<[u64; 2]>(), place, changes()).prop_map(
                |(id, [boot, disk], (rack, reached, clients, nodes), changes)| Entry::Broker {
                    id,
                    boot,
                    disk: DiskId(disk),
                    rack,
                    addresses: reached.then_some((clients, nodes)),
                    changes,
                }
            ),
            (id(), changes()).prop_map(|(id, changes)| Entry::Fence { id, changes }),
            (id(), changes()).prop_map(|(id, changes)| Entry::Unfence { id, changes }),
            (id(), changes()).prop_map(|(id, changes)| Entry::Stopping { id, changes }),
            (any::<u128>(), name(), settings(), prop::collection::vec(partition(), 0..4)).prop_map(
                |(id, name, settings, partitions)| Entry::Topic {
                    id: TopicId(id),
                    name,
                    settings,
                    partitions
                }
            ),
            changes().prop_map(Entry::Partitions),
            any::<u128>().prop_map(|id| Entry::Drop(TopicId(id))),
            any::<u64>().prop_map(|next| Entry::ProducerIds { next }),
            any::<u64>().prop_map(Entry::Cluster),
        ]
    }

    /// In the controllers' log: between two versions of the program these bytes are the contract.
    #[test]
    fn entries_are_these_bytes() {
        let partition = Partition {
            replicas: vec![NodeId(1), NodeId(2), NodeId(300)],
            removing: vec![NodeId(2)],
            isr: vec![NodeId(1)],
            leader: Some(NodeId(1)),
            leader_epoch: 5,
            version: 200,
            ..Partition::default()
        };
        let place = TopicPartition { topic: TopicId(7 << 64 | 9), partition: 4 };
        let entry = Entry::Fence { id: NodeId(2), changes: vec![(place, partition)] };
        let topic = b"\x09\0\0\0\0\0\0\0\x07\0\0\0\0\0\0\0\x04";
        let bytes = b"\x03\x01\x02\xAC\x02\0\x01\x02\x01\x01\0\x01\x01\x05\xC8\x01";
        assert_eq!(entry.encode(), [&b"\x01\x02\x01"[..], topic, bytes].concat());
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_and_nothing_else(entry in entry()) {
            assert_delimited(&entry, Entry::encode, |bytes| Entry::decode(&bytes));
        }

        #[test]
        fn noise_is_read_or_refused(noise in prop::collection::vec(any::<u8>(), 0..200)) {
            assert_canonical(noise.into(), Entry::encode, |bytes| Entry::decode(&bytes));
        }
    }
}
