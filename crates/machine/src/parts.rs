//! Bytes in several pieces, which nobody has to join.

use std::fmt;
use std::hash::{Hash, Hasher};

use bytes::{Bytes, BytesMut};

/// Bytes in slices, one after the other. They leave in one vectored write, and none of them is copied.
///
/// Two are equal if they are the same bytes, however these are cut.
#[derive(Clone, Default)]
pub struct Parts {
    slices: Vec<Bytes>,
    length: usize,
}

impl Parts {
    /// No bytes.
    pub const fn new() -> Parts {
        Parts { slices: Vec::new(), length: 0 }
    }

    /// Appends a slice, by reference.
    pub fn push(&mut self, slice: Bytes) {
        if !slice.is_empty() {
            self.length += slice.len();
            self.slices.push(slice);
        }
    }

    /// How many bytes there are in all slices.
    pub fn len(&self) -> usize {
        self.length
    }

    /// No bytes?
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// The slices in order; none is empty.
    pub fn slices(&self) -> &[Bytes] {
        &self.slices
    }

    /// All bytes as one slice. It copies them, unless they are one slice already.
    pub fn joined(&self) -> Bytes {
        match &self.slices[..] {
            [] => Bytes::new(),
            [one] => one.clone(),
            slices => {
                let mut joined = BytesMut::with_capacity(self.length);
                slices.iter().for_each(|slice| joined.extend_from_slice(slice));
                joined.freeze()
            }
        }
    }

    /// The first `length` bytes of these, or all of them where there are fewer.
    pub fn prefix(&self, length: usize) -> Parts {
        let mut prefix = Parts::new();
        for slice in &self.slices {
            let wanted = slice.len().min(length - prefix.length);
            prefix.push(slice.slice(..wanted));
        }
        prefix
    }
}

impl From<Bytes> for Parts {
    fn from(slice: Bytes) -> Parts {
        let mut parts = Parts::new();
        parts.push(slice);
        parts
    }
}

impl From<BytesMut> for Parts {
    fn from(bytes: BytesMut) -> Parts {
        bytes.freeze().into()
    }
}

impl From<Vec<u8>> for Parts {
    fn from(bytes: Vec<u8>) -> Parts {
        Bytes::from(bytes).into()
    }
}

impl From<&'static [u8]> for Parts {
    fn from(bytes: &'static [u8]) -> Parts {
        Bytes::from_static(bytes).into()
    }
}

impl<const N: usize> From<&'static [u8; N]> for Parts {
    fn from(bytes: &'static [u8; N]) -> Parts {
        Bytes::from_static(bytes).into()
    }
}

impl From<&'static str> for Parts {
    fn from(text: &'static str) -> Parts {
        text.as_bytes().into()
    }
}

impl FromIterator<Bytes> for Parts {
    fn from_iter<I: IntoIterator<Item = Bytes>>(slices: I) -> Parts {
        let mut parts = Parts::new();
        slices.into_iter().for_each(|slice| parts.push(slice));
        parts
    }
}

/// The slices in order; none is empty.
impl IntoIterator for Parts {
    type Item = Bytes;
    type IntoIter = std::vec::IntoIter<Bytes>;
    fn into_iter(self) -> Self::IntoIter {
        self.slices.into_iter()
    }
}

impl PartialEq for Parts {
    fn eq(&self, other: &Parts) -> bool {
        let bytes = |parts: &Parts| parts.slices.clone().into_iter().flatten();
        self.length == other.length && bytes(self).eq(bytes(other))
    }
}

impl Eq for Parts {}

impl Hash for Parts {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.joined().hash(state);
    }
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.joined().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn they_are_their_bytes_however_these_are_cut(
            bytes in prop::collection::vec(any::<u8>(), 0..50),
            cuts in prop::collection::vec(0..50_usize, 0..5),
            length in 0..60_usize,
        ) {
            let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let slices = cuts.windows(2).map(|ends| Bytes::copy_from_slice(&bytes[ends[0]..ends[1]]));
            let parts: Parts = slices.collect();
            prop_assert_eq!(parts.len(), bytes.len());
            prop_assert!(parts.slices().iter().all(|slice| !slice.is_empty()));
            prop_assert_eq!(&parts.joined()[..], &bytes[..]);
            prop_assert_eq!(&parts, &Parts::from(bytes.clone()));
            prop_assert_eq!(parts.prefix(length), Parts::from(bytes[..length.min(bytes.len())].to_vec()));
            if let Some(last) = bytes.last() {
                let mut other = bytes.clone();
                *other.last_mut().unwrap() = last ^ 1;
                prop_assert_ne!(parts, Parts::from(other));
            }
        }
    }
}
