//! The bytes of these words, where nodes say them to each other and keep them: fields in order, numbers in groups of
//! seven bits.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use machine::codec::{Fields, Malformed, Reader};
use machine::{DiskId, NodeId};

use crate::ask::{NewTopic, Settings};
use crate::error::ErrorCode;
use crate::words::{Name, TopicId, TopicPartition};

/// Something with bytes that say where they end, in one form.
pub trait Coded: Sized {
    /// It has no fewer bytes: no more are reserved than those that came can hold.
    const LEAST: usize = 1;

    /// Appends its bytes.
    fn put(&self, out: &mut impl Fields);

    /// What the bytes begin with.
    ///
    /// # Errors
    /// If they begin with nothing of the kind.
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
#[macro_export]
macro_rules! coded {
    ($name:ident, $least:literal: $($field:ident),+) => {
        impl $crate::coded::Coded for $name {
            const LEAST: usize = $least;

            fn put(&self, out: &mut impl ::machine::codec::Fields) {
                let $name { $($field),+ } = self;
                $($crate::coded::Coded::put($field, out);)+
            }

            fn get(
                from: &mut ::machine::codec::Reader<&[u8]>,
            ) -> Result<$name, ::machine::codec::Malformed> {
                $(let $field = $crate::coded::Coded::get(from)?;)+
                Ok($name { $($field),+ })
            }
        }
    };
}

coded!(TopicPartition, 17: topic, partition);
coded!(Settings, 4: min_insync_replicas, retention_bytes, segment_bytes, max_message_bytes);
coded!(NewTopic, 5: name, partitions, replication_factor, assignment, settings);

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
