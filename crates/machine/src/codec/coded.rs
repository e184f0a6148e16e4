//! Structures and enumerations whose bytes are their fields in order, numbers in groups of seven bits.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;

use super::{Fields, Malformed, Reader, Source, TOO_SHORT};
use crate::disk::DiskId;
use crate::protocol::NodeId;

/// Something with bytes that say where they end, in one form, and of which there is at least one.
/// [`coded!`](crate::coded) makes it of what has fields.
pub trait Coded: Sized {
    /// Appends its bytes.
    fn put(&self, out: &mut impl Fields);

    /// What the bytes begin with.
    ///
    /// # Errors
    /// If that is nothing of this kind.
    fn get<B: Source>(from: &mut Reader<B>) -> Result<Self, Malformed>;
}

/// A structure is its fields; one that is forgotten here is an error of the build. Of an enumeration the number of the
/// variant comes first.
///
/// ```
/// use bytes::BytesMut;
/// use machine::codec::{Coded, Reader};
/// use machine::coded;
///
/// #[derive(Debug, PartialEq)]
/// struct Lease { holder: u64, note: Option<u32> }
/// coded!(Lease: holder, note);
///
/// #[derive(Debug, PartialEq)]
/// enum Ask { Acquire { lease: Lease }, Release(u64), List }
/// coded!(enum Ask { 0 => Acquire { lease }, 1 => Release(holder), 2 => List });
///
/// let mut bytes = BytesMut::new();
/// Ask::Acquire { lease: Lease { holder: 7, note: None } }.put(&mut bytes);
/// assert_eq!(&bytes[..], b"\0\x07\0");
/// assert_eq!(Reader::whole(&b"\x01\x07"[..], Ask::get), Ok(Ask::Release(7)));
/// assert!(Reader::whole(&b"\x03"[..], Ask::get).is_err());
/// ```
#[macro_export]
macro_rules! coded {
    (enum $name:ident {
        $($number:literal => $variant:ident $({ $($field:ident),+ })? $(( $($value:ident),+ ))?),+ $(,)?
    }) => {
        impl $crate::codec::Coded for $name {
            fn put(&self, out: &mut impl $crate::codec::Fields) {
                match self {
                    $($name::$variant $({ $($field),+ })? $(( $($value),+ ))? => {
                        out.put_u8($number);
                        $($($crate::codec::Coded::put($field, out);)+)?
                        $($($crate::codec::Coded::put($value, out);)+)?
                    })+
                }
            }

            fn get<B: $crate::codec::Source>(
                from: &mut $crate::codec::Reader<B>,
            ) -> Result<$name, $crate::codec::Malformed> {
                Ok(match from.take_u8()? {
                    $($number => {
                        $($(let $field = $crate::codec::Coded::get(from)?;)+)?
                        $($(let $value = $crate::codec::Coded::get(from)?;)+)?
                        $name::$variant $({ $($field),+ })? $(( $($value),+ ))?
                    })+
                    _ => return Err($crate::codec::Malformed("there is no such kind of it")),
                })
            }
        }
    };
    ($name:ident: $($field:ident),+ $(,)?) => {
        impl $crate::codec::Coded for $name {
            fn put(&self, out: &mut impl $crate::codec::Fields) {
                let $name { $($field),+ } = self;
                $($crate::codec::Coded::put($field, out);)+
            }

            fn get<B: $crate::codec::Source>(
                from: &mut $crate::codec::Reader<B>,
            ) -> Result<$name, $crate::codec::Malformed> {
                $(let $field = $crate::codec::Coded::get(from)?;)+
                Ok($name { $($field),+ })
            }
        }
    };
}

impl Coded for u64 {
    fn put(&self, out: &mut impl Fields) {
        out.put_number(*self);
    }

    fn get<B: Source>(from: &mut Reader<B>) -> Result<u64, Malformed> {
        from.take_number()
    }
}

macro_rules! narrower {
    ($($number:ty),+) => {
        $(impl Coded for $number {
            fn put(&self, out: &mut impl Fields) {
                out.put_number((*self).into());
            }

            fn get<B: Source>(from: &mut Reader<B>) -> Result<$number, Malformed> {
                from.take_number()?.try_into().map_err(|_| Malformed("it has a number that is too large"))
            }
        })+
    };
}

narrower!(u8, u16, u32);

impl Coded for bool {
    fn put(&self, out: &mut impl Fields) {
        out.put_u8(u8::from(*self));
    }

    fn get<B: Source>(from: &mut Reader<B>) -> Result<bool, Malformed> {
        from.take_bool()
    }
}

impl<const N: usize> Coded for [u8; N] {
    fn put(&self, out: &mut impl Fields) {
        out.put_slice(self);
    }

    fn get<B: Source>(from: &mut Reader<B>) -> Result<[u8; N], Malformed> {
        let bytes = from.take_bytes(N)?;
        Ok(*bytes.as_ref().first_chunk().expect("so many were taken"))
    }
}

/// By reference, where both can.
impl Coded for Bytes {
    fn put(&self, out: &mut impl Fields) {
        out.put_number(self.len() as u64);
        out.put_shared(self);
    }

    fn get<B: Source>(from: &mut Reader<B>) -> Result<Bytes, Malformed> {
        let length = from.take_number()?;
        Ok(from.take_bytes(length as usize)?.share())
    }
}

impl Coded for Arc<str> {
    fn put(&self, out: &mut impl Fields) {
        out.put_number(self.len() as u64);
        out.put_slice(self.as_bytes());
    }

    fn get<B: Source>(from: &mut Reader<B>) -> Result<Arc<str>, Malformed> {
        let length = from.take_number()?;
        let bytes = from.take_bytes(length as usize)?;
        let text = std::str::from_utf8(bytes.as_ref());
        text.map(Arc::from).map_err(|_| Malformed("it has a text that is not UTF-8"))
    }
}

impl Coded for NodeId {
    fn put(&self, out: &mut impl Fields) {
        self.0.put(out);
    }

    fn get<B: Source>(from: &mut Reader<B>) -> Result<NodeId, Malformed> {
        u32::get(from).map(NodeId)
    }
}

impl Coded for DiskId {
    fn put(&self, out: &mut impl Fields) {
        self.0.put(out);
    }

    fn get<B: Source>(from: &mut Reader<B>) -> Result<DiskId, Malformed> {
        u64::get(from).map(DiskId)
    }
}

/// An address of IPv4 as one of IPv6, so that all are as long.
impl Coded for SocketAddr {
    fn put(&self, out: &mut impl Fields) {
        let ip = match self.ip() {
            IpAddr::V4(ip) => ip.to_ipv6_mapped(),
            IpAddr::V6(ip) => ip,
        };
        out.put_slice(&ip.octets());
        out.put_slice(&self.port().to_le_bytes());
    }

    fn get<B: Source>(from: &mut Reader<B>) -> Result<SocketAddr, Malformed> {
        let ip = Ipv6Addr::from(<[u8; 16]>::get(from)?);
        Ok(SocketAddr::new(ip.to_canonical(), from.take_u16()?))
    }
}

impl<T: Coded> Coded for Box<T> {
    fn put(&self, out: &mut impl Fields) {
        T::put(self, out);
    }

    fn get<B: Source>(from: &mut Reader<B>) -> Result<Box<T>, Malformed> {
        T::get(from).map(Box::new)
    }
}

impl<T: Coded> Coded for Option<T> {
    fn put(&self, out: &mut impl Fields) {
        self.is_some().put(out);
        self.iter().for_each(|value| value.put(out));
    }

    fn get<B: Source>(from: &mut Reader<B>) -> Result<Option<T>, Malformed> {
        from.take_bool()?.then(|| T::get(from)).transpose()
    }
}

impl<A: Coded, C: Coded> Coded for (A, C) {
    fn put(&self, out: &mut impl Fields) {
        self.0.put(out);
        self.1.put(out);
    }

    fn get<B: Source>(from: &mut Reader<B>) -> Result<(A, C), Malformed> {
        Ok((A::get(from)?, C::get(from)?))
    }
}

impl<A: Coded, C: Coded, D: Coded> Coded for (A, C, D) {
    fn put(&self, out: &mut impl Fields) {
        self.0.put(out);
        self.1.put(out);
        self.2.put(out);
    }

    fn get<B: Source>(from: &mut Reader<B>) -> Result<(A, C, D), Malformed> {
        Ok((A::get(from)?, C::get(from)?, D::get(from)?))
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

    fn get<B: Source>(from: &mut Reader<B>) -> Result<Result<T, E>, Malformed> {
        Ok(if from.take_bool()? { Ok(T::get(from)?) } else { Err(E::get(from)?) })
    }
}

impl<T: Coded> Coded for Vec<T> {
    fn put(&self, out: &mut impl Fields) {
        out.put_number(self.len() as u64);
        self.iter().for_each(|value| value.put(out));
    }

    fn get<B: Source>(from: &mut Reader<B>) -> Result<Vec<T>, Malformed> {
        let count = from.take_number()?;
        if count > from.left() as u64 {
            return Err(TOO_SHORT);
        }
        // A claim reserves no more memory than the bytes that came with it have.
        let reserved = (count as usize).min(from.left() / size_of::<T>().max(1));
        let mut list = Vec::with_capacity(reserved);
        for _ in 0..count {
            list.push(T::get(from)?);
        }
        Ok(list)
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

    fn get<B: Source>(from: &mut Reader<B>) -> Result<BTreeMap<K, V>, Malformed> {
        let pairs: Vec<(K, V)> = Vec::get(from)?;
        match pairs.is_sorted_by(|one, next| one.0 < next.0) {
            true => Ok(pairs.into_iter().collect()),
            false => Err(Malformed("its parts are not in order")),
        }
    }
}
