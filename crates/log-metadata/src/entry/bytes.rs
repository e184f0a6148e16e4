//! The bytes of entries, and of what clusters are made of.

use machine::coded;

use super::Entry;
use crate::cluster::{BrokerState, Partition, Topic};

coded!(Partition: replicas, adding, removing, isr, elr, leader, leader_epoch, version);
coded!(Topic: name, settings, partitions);
coded!(BrokerState: epoch, boot, disk, rack, addresses, fenced, stopping);
coded!(enum Entry {
    0 => Broker { id, boot, disk, rack, addresses, changes },
    1 => Fence { id, changes },
    2 => Unfence { id, changes },
    3 => Stopping { id, changes },
    4 => Topic { id, name, settings, partitions },
    5 => Partitions(changes),
    6 => Drop(id),
    7 => ProducerIds { next },
    8 => Cluster(id),
});
