//! The metadata of the cluster, as controllers and brokers have them.
//!
//! The law: it follows from the entries of the controllers' log and from nothing else; it reads no clock.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use bytes::{Bytes, BytesMut};
use machine::codec::{Coded, Fields, Malformed, Reader};
use machine::{DiskId, NodeId};

use crate::entry::{Changes, Entry};
use log_protocol::ask::Settings;
use log_protocol::words::{BrokerEpoch, LeaderEpoch, Name, TopicId, TopicPartition};

/// What is known of the cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Cluster {
    /// The number of the last entry that is in it.
    pub applied: u64,
    /// Its identity; 0 before it has one.
    pub id: u64,
    /// All that ever registered.
    pub brokers: BTreeMap<NodeId, BrokerState>,
    /// All that there are.
    pub topics: BTreeMap<TopicId, Topic>,
    /// By name.
    pub names: BTreeMap<Name, TopicId>,
    /// How many were ever made.
    pub topics_made: u64,
    /// The next identity of a producer.
    pub next_producer: u64,
}

/// A broker, as it registered last.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BrokerState {
    /// Of its registration.
    pub epoch: BrokerEpoch,
    /// Of its boot.
    pub boot: u64,
    /// Its disk.
    pub disk: DiskId,
    /// Where it is.
    pub rack: Option<Name>,
    /// Where clients reach it, and where nodes do.
    pub addresses: Option<(SocketAddr, SocketAddr)>,
    /// It was silent, or is not ready yet: it leads nothing, and is in no ISR.
    pub fenced: bool,
    /// It wants to stop: it leads nothing.
    pub stopping: bool,
}

/// A topic.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Topic {
    /// How clients call it.
    pub name: Name,
    /// Its settings.
    pub settings: Settings,
    /// From partition 0 on.
    pub partitions: Vec<Partition>,
}

/// A partition.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Partition {
    /// Who keeps it, the one that leads by preference first.
    pub replicas: Vec<NodeId>,
    /// Those of them that are being added.
    pub adding: Vec<NodeId>,
    /// Those of them that go when the others are in sync.
    pub removing: Vec<NodeId>,
    /// Those of them that have all that was acknowledged (the in-sync replicas).
    pub isr: Vec<NodeId>,
    /// Eligible leaders that are not in the ISR (KIP-966).
    pub elr: Vec<NodeId>,
    /// Who leads; nobody where nobody may.
    pub leader: Option<NodeId>,
    /// Rises with every leader.
    pub leader_epoch: LeaderEpoch,
    /// Rises with every change.
    pub version: u32,
}

impl Cluster {
    /// Carries out the entry of this number, which follows on the last one.
    pub fn apply(&mut self, number: u64, entry: &Entry) {
        self.applied = number;
        match entry {
            Entry::Broker { id, boot, disk, rack, addresses, changes } => {
                let broker = BrokerState {
                    epoch: number,
                    boot: *boot,
                    disk: *disk,
                    rack: rack.clone(),
                    addresses: *addresses,
                    fenced: true,
                    stopping: false,
                };
                self.brokers.insert(*id, broker);
                self.change(changes);
            }
            Entry::Fence { id, changes } => {
                self.broker(*id, |broker| broker.fenced = true);
                self.change(changes);
            }
            Entry::Unfence { id, changes } => {
                self.broker(*id, |broker| broker.fenced = false);
                self.change(changes);
            }
            Entry::Stopping { id, changes } => {
                self.broker(*id, |broker| broker.stopping = true);
                self.change(changes);
            }
            Entry::Topic { id, name, settings, partitions } => {
                let (settings, partitions) = (*settings, partitions.clone());
                self.names.insert(name.clone(), *id);
                self.topics.insert(*id, Topic { name: name.clone(), settings, partitions });
                self.topics_made += 1;
            }
            Entry::Partitions(changes) => self.change(changes),
            Entry::Drop(id) => {
                if let Some(topic) = self.topics.remove(id) {
                    self.names.remove(&topic.name);
                }
            }
            Entry::ProducerIds { next } => self.next_producer = *next,
            Entry::Cluster(id) => self.id = *id,
        }
    }

    fn broker(&mut self, id: NodeId, change: impl FnOnce(&mut BrokerState)) {
        if let Some(broker) = self.brokers.get_mut(&id) {
            change(broker);
        }
    }

    /// Partitions become these; one behind the last of its topic is added.
    fn change(&mut self, changes: &Changes) {
        for (place, next) in changes {
            let Some(topic) = self.topics.get_mut(&place.topic) else { continue };
            let number = place.partition as usize;
            if number == topic.partitions.len() {
                topic.partitions.push(next.clone());
            } else if let Some(partition) = topic.partitions.get_mut(number) {
                partition.clone_from(next);
            }
        }
    }

    /// A partition.
    pub fn partition(&self, partition: TopicPartition) -> Option<&Partition> {
        self.topics.get(&partition.topic)?.partitions.get(partition.partition as usize)
    }

    /// All partitions, each with its topic.
    pub fn partitions(&self) -> impl Iterator<Item = (TopicPartition, &Topic, &Partition)> {
        self.topics.iter().flat_map(|(id, topic)| {
            (0..).zip(&topic.partitions).map(move |(partition, state)| {
                (TopicPartition { topic: *id, partition }, topic, state)
            })
        })
    }

    /// Is this broker registered, and heard?
    pub fn is_alive(&self, broker: NodeId) -> bool {
        self.brokers.get(&broker).is_some_and(|broker| !broker.fenced)
    }

    /// Is it alive, and not about to stop?
    pub fn may_lead(&self, broker: NodeId) -> bool {
        self.brokers.get(&broker).is_some_and(|broker| !broker.fenced && !broker.stopping)
    }

    /// Its bytes: those of snapshots, and of images for brokers that lack too much.
    pub fn encode(&self) -> Bytes {
        let Cluster { applied, id, brokers, topics, names: _, topics_made, next_producer } = self;
        let mut out = BytesMut::new();
        out.put_u8(FORMAT);
        [applied, id, topics_made, next_producer].iter().for_each(|number| number.put(&mut out));
        brokers.put(&mut out);
        topics.put(&mut out);
        out.freeze()
    }

    /// The cluster that these bytes are, all of them.
    ///
    /// # Errors
    /// If they are none.
    ///
    /// # Errors
    /// If these are not the bytes of one.
    pub fn decode(bytes: &[u8]) -> Result<Cluster, Malformed> {
        Reader::whole(bytes, |from| {
            if from.take_u8()? != FORMAT {
                return Err(Malformed("another version of the program wrote it"));
            }
            let mut number = || u64::get(from);
            let (applied, id, topics_made, next_producer) =
                (number()?, number()?, number()?, number()?);
            let brokers = Coded::get(from)?;
            let topics: BTreeMap<TopicId, Topic> = Coded::get(from)?;
            let names = topics.iter().map(|(id, topic)| (topic.name.clone(), *id)).collect();
            Ok(Cluster { applied, id, brokers, topics, names, topics_made, next_producer })
        })
    }
}

/// Of the bytes of a cluster.
const FORMAT: u8 = 1;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::tests::{entry, partition, settings};
    use machine::codec::{assert_canonical, assert_delimited};
    use proptest::prelude::*;

    /// What entries make of nothing. Their topics are few, so that changes meet them.
    fn cluster() -> impl Strategy<Value = Cluster> {
        let topic = (0..5_u128, settings(), prop::collection::vec(partition(), 0..3)).prop_map(
            |(number, settings, partitions)| Entry::Topic {
                id: TopicId(number),
                name: format!("topic-{number}").into(),
                settings,
                partitions,
            },
        );
        prop::collection::vec(prop_oneof![entry(), topic], 0..12).prop_map(|entries| {
            let mut cluster = Cluster::default();
            (1..).zip(&entries).for_each(|(number, entry)| cluster.apply(number, entry));
            let names = cluster.topics.iter().map(|(id, topic)| (topic.name.clone(), *id));
            cluster.names = names.collect();
            cluster
        })
    }

    fn change(topic: u128, partition: u32, next: &Partition) -> Entry {
        let place = TopicPartition { topic: TopicId(topic), partition };
        Entry::Partitions(vec![(place, next.clone())])
    }

    #[test]
    fn partitions_are_changed_or_follow_on_the_last() {
        let settings = Settings {
            min_insync_replicas: 2,
            retention_bytes: None,
            segment_bytes: 64 << 20,
            max_message_bytes: 1 << 20,
        };
        let (one, two) = (Partition { version: 1, ..Partition::default() }, Partition::default());
        let made = |id: u128| Entry::Topic {
            id: TopicId(id),
            name: "t".into(),
            settings,
            partitions: vec![one.clone()],
        };
        let mut cluster = Cluster::default();
        let entries = [
            made(1),
            change(1, 0, &two),
            change(1, 2, &two), // No hole comes into being,
            change(9, 0, &two), // and no topic.
            change(1, 1, &one),
        ];
        (1..).zip(&entries).for_each(|(number, entry)| cluster.apply(number, entry));
        assert_eq!(cluster.topics[&TopicId(1)].partitions, [two, one.clone()]);
        assert_eq!((cluster.topics.len(), cluster.applied, cluster.topics_made), (1, 5, 1));
        cluster.apply(6, &Entry::Drop(TopicId(1)));
        cluster.apply(7, &made(2));
        assert_eq!(cluster.names, [("t".into(), TopicId(2))].into());
        assert_eq!(cluster.partitions().map(|(place, ..)| place.topic.0).collect::<Vec<_>>(), [2]);
    }

    #[test]
    fn a_broker_is_fenced_from_its_registration_on_until_it_is_not() {
        let id = NodeId(1);
        let register = |boot| Entry::Broker {
            id,
            boot,
            disk: DiskId(1),
            rack: None,
            addresses: None,
            changes: Vec::new(),
        };
        let mut cluster = Cluster::default();
        let alive = |cluster: &Cluster| (cluster.is_alive(id), cluster.may_lead(id));
        for (number, entry, after) in [
            (1, register(7), (false, false)),
            (2, Entry::Unfence { id, changes: Vec::new() }, (true, true)),
            (3, Entry::Stopping { id, changes: Vec::new() }, (true, false)),
            (4, register(8), (false, false)),
            (5, Entry::Unfence { id, changes: Vec::new() }, (true, true)),
            (6, Entry::Fence { id, changes: Vec::new() }, (false, false)),
        ] {
            cluster.apply(number, &entry);
            assert_eq!(alive(&cluster), after, "{entry:?}");
        }
        assert_eq!((cluster.brokers[&id].epoch, cluster.brokers[&id].boot), (4, 8));
    }

    proptest! {
        #[test]
        fn an_image_is_the_cluster_and_nothing_else(cluster in cluster()) {
            assert_delimited(&cluster, Cluster::encode, |bytes| Cluster::decode(&bytes));
        }

        #[test]
        fn noise_is_read_or_refused(noise in prop::collection::vec(any::<u8>(), 0..200)) {
            assert_canonical(noise.into(), Cluster::encode, |bytes| Cluster::decode(&bytes));
        }
    }
}
