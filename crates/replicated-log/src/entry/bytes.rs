//! The bytes of entries, and of all that they are made of: fields in order, numbers in groups of seven bits.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use machine::codec::{Fields, Malformed, Reader};
use machine::{DiskId, NodeId};

use super::Entry;
use crate::ask::Settings;
use crate::cluster::{BrokerState, Partition, Topic};
use crate::words::{Name, TopicId, TopicPartition};

/// Something with bytes that say where they end, in one form.
pub(crate) trait Coded: Sized {
    /// It has no fewer bytes: no more are reserved than those that came can hold.
    const LEAST: usize = 1;

    /// Appends its bytes.
    fn put(&self, out: &mut impl Fields);

    /// What the bytes begin with.
    fn get(from: &mut Reader<&[u8]>) -> Result<Self, Malformed>;
}

impl Coded for u64 {
    fn put(&self, out: &mut impl Fields) {
        out.put_number(*self);
    }

    fn get(from: &mut Reader<&[u8]>) -> Result<u64, Malformed> {
        from.take_number()
    }
}

impl Coded for u32 {
    fn put(&self, out: &mut impl Fields) {
        out.put_number(u64::from(*self));
    }

    fn get(from: &mut Reader<&[u8]>) -> Result<u32, Malformed> {
        let number = from.take_number()?;
        number.try_into().map_err(|_| Malformed("it has a number of more than 32 bits"))
    }
}

impl Coded for bool {
    fn put(&self, out: &mut impl Fields) {
        out.put_u8(u8::from(*self));
    }

    fn get(from: &mut Reader<&[u8]>) -> Result<bool, Malformed> {
        from.take_bool()
    }
}

impl Coded for Name {
    fn put(&self, out: &mut impl Fields) {
        out.put_number(self.len() as u64);
        out.put_slice(self.as_bytes());
    }

    fn get(from: &mut Reader<&[u8]>) -> Result<Name, Malformed> {
        let length = from.take_number()?;
        Ok(from.take_text(length as usize)?.into())
    }
}

impl Coded for NodeId {
    fn put(&self, out: &mut impl Fields) {
        self.0.put(out);
    }

    fn get(from: &mut Reader<&[u8]>) -> Result<NodeId, Malformed> {
        u32::get(from).map(NodeId)
    }
}

impl Coded for DiskId {
    fn put(&self, out: &mut impl Fields) {
        self.0.put(out);
    }

    fn get(from: &mut Reader<&[u8]>) -> Result<DiskId, Malformed> {
        u64::get(from).map(DiskId)
    }
}

impl Coded for TopicId {
    const LEAST: usize = 16;

    fn put(&self, out: &mut impl Fields) {
        out.put_slice(&self.0.to_le_bytes());
    }

    fn get(from: &mut Reader<&[u8]>) -> Result<TopicId, Malformed> {
        from.take_u128().map(TopicId)
    }
}

/// An address of IPv4 as one of IPv6, so that all are as long.
impl Coded for SocketAddr {
    const LEAST: usize = 18;

    fn put(&self, out: &mut impl Fields) {
        let ip = match self.ip() {
            IpAddr::V4(ip) => ip.to_ipv6_mapped(),
            IpAddr::V6(ip) => ip,
        };
        out.put_slice(&ip.octets());
        out.put_slice(&self.port().to_le_bytes());
    }

    fn get(from: &mut Reader<&[u8]>) -> Result<SocketAddr, Malformed> {
        let ip = Ipv6Addr::from(from.take_u128()?.to_le_bytes());
        Ok(SocketAddr::new(ip.to_canonical(), from.take_u16()?))
    }
}

impl<T: Coded> Coded for Option<T> {
    fn put(&self, out: &mut impl Fields) {
        self.is_some().put(out);
        self.iter().for_each(|value| value.put(out));
    }

    fn get(from: &mut Reader<&[u8]>) -> Result<Option<T>, Malformed> {
        from.take_bool()?.then(|| T::get(from)).transpose()
    }
}

impl<A: Coded, B: Coded> Coded for (A, B) {
    const LEAST: usize = A::LEAST + B::LEAST;

    fn put(&self, out: &mut impl Fields) {
        self.0.put(out);
        self.1.put(out);
    }

    fn get(from: &mut Reader<&[u8]>) -> Result<(A, B), Malformed> {
        Ok((A::get(from)?, B::get(from)?))
    }
}

impl<T: Coded> Coded for Vec<T> {
    fn put(&self, out: &mut impl Fields) {
        out.put_number(self.len() as u64);
        self.iter().for_each(|value| value.put(out));
    }

    fn get(from: &mut Reader<&[u8]>) -> Result<Vec<T>, Malformed> {
        let count = from.take_number()?;
        from.take_list(count as usize, T::LEAST, T::get)
    }
}

impl<K: Coded + Ord, V: Coded> Coded for BTreeMap<K, V> {
    fn put(&self, out: &mut impl Fields) {
        out.put_number(self.len() as u64);
        for (key, value) in self {
            key.put(out);
            value.put(out);
        }
    }

    fn get(from: &mut Reader<&[u8]>) -> Result<BTreeMap<K, V>, Malformed> {
        let pairs: Vec<(K, V)> = Vec::get(from)?;
        match pairs.is_sorted_by(|one, next| one.0 < next.0) {
            true => Ok(pairs.into_iter().collect()),
            false => Err(Malformed("its parts are not in order")),
        }
    }
}

/// A structure is its fields; one that is forgotten here is an error of the build.
macro_rules! coded {
    ($name:ident, $least:literal: $($field:ident),+) => {
        impl Coded for $name {
            const LEAST: usize = $least;

            fn put(&self, out: &mut impl Fields) {
                let $name { $($field),+ } = self;
                $($field.put(out);)+
            }

            fn get(from: &mut Reader<&[u8]>) -> Result<$name, Malformed> {
                $(let $field = Coded::get(from)?;)+
                Ok($name { $($field),+ })
            }
        }
    };
}

pub(crate) use coded;

coded!(TopicPartition, 17: topic, partition);
coded!(Settings, 4: min_insync_replicas, retention_bytes, segment_bytes, max_message_bytes);
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
