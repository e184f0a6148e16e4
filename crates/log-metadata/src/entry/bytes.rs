//! The bytes of entries, and of what clusters are made of.

use log_protocol::coded;
use log_protocol::coded::Coded;
use machine::codec::{Fields, Malformed, Reader};

use super::Entry;
use crate::cluster::{BrokerState, Partition, Topic};

coded!(Partition, 8: replicas, adding, removing, isr, elr, leader, leader_epoch, version);
coded!(Topic, 6: name, settings, partitions);
coded!(BrokerState, 7: epoch, boot, disk, rack, addresses, fenced, stopping);

impl Coded for Entry {
    fn put(&self, out: &mut impl Fields) {
        match self {
            Entry::Broker { id, boot, disk, rack, addresses, changes } => {
                out.put_u8(0);
                id.put(out);
                boot.put(out);
                disk.put(out);
                rack.put(out);
                addresses.put(out);
                changes.put(out);
            }
            Entry::Fence { id, changes } => {
                out.put_u8(1);
                id.put(out);
                changes.put(out);
            }
            Entry::Unfence { id, changes } => {
                out.put_u8(2);
                id.put(out);
                changes.put(out);
            }
            Entry::Stopping { id, changes } => {
                out.put_u8(3);
                id.put(out);
                changes.put(out);
            }
            Entry::Topic { id, name, settings, partitions } => {
                out.put_u8(4);
                id.put(out);
                name.put(out);
                settings.put(out);
                partitions.put(out);
            }
            Entry::Partitions(changes) => {
                out.put_u8(5);
                changes.put(out);
            }
            Entry::Drop(id) => {
                out.put_u8(6);
                id.put(out);
            }
            Entry::ProducerIds { next } => {
                out.put_u8(7);
                next.put(out);
            }
            Entry::Cluster(id) => {
                out.put_u8(8);
                id.put(out);
            }
        }
    }

    fn get(from: &mut Reader<&[u8]>) -> Result<Entry, Malformed> {
        Ok(match from.take_below(9)? {
            0 => Entry::Broker {
                id: Coded::get(from)?,
                boot: Coded::get(from)?,
                disk: Coded::get(from)?,
                rack: Coded::get(from)?,
                addresses: Coded::get(from)?,
                changes: Coded::get(from)?,
            },
            1 => Entry::Fence { id: Coded::get(from)?, changes: Coded::get(from)? },
            2 => Entry::Unfence { id: Coded::get(from)?, changes: Coded::get(from)? },
            3 => Entry::Stopping { id: Coded::get(from)?, changes: Coded::get(from)? },
            4 => Entry::Topic {
                id: Coded::get(from)?,
                name: Coded::get(from)?,
                settings: Coded::get(from)?,
                partitions: Coded::get(from)?,
            },
            5 => Entry::Partitions(Coded::get(from)?),
            6 => Entry::Drop(Coded::get(from)?),
            7 => Entry::ProducerIds { next: Coded::get(from)? },
            _ => Entry::Cluster(Coded::get(from)?),
        })
    }
}
