//! How things are called: buckets, keys, versions, puts and uploads.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The name of a bucket, a key, a user, a header. Names are ordered by their bytes, as S3 lists them.
pub type Name = Arc<str>;

/// A version of a key: the place of its commit in the log of the key's group. Later ones are larger.
pub type Version = u64;

/// Of the clock on the wall, in milliseconds since 1970. It is shown, and orders nothing.
pub type Millis = u64;

/// The number of a group: the consensus that keeps a range of keys.
pub type GroupNumber = u16;

/// Of a group: it rises again and again, in its log. What a put of an old epoch wrote and nobody named may be collected.
pub type Epoch = u32;

/// The number of a shard of a put: the data first, then the parity.
pub type Slot = u8;

/// One write of bytes: of an object, or of a part. It is drawn before the first byte comes, and no other has it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PutId {
    /// Of the key.
    pub group: GroupNumber,
    /// Of the group, when it began.
    pub epoch: Epoch,
    /// Of the gateway: drawn anew at each boot, and each time its memory was set back.
    pub nonce: u64,
    /// Counted by the gateway.
    pub seq: u32,
}

/// As diagrams write it; the whole of it is in names of files.
impl fmt::Debug for PutId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "put {:04x}.{}", self.nonce as u16, self.seq)
    }
}

/// Which version of a key a client means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum VersionId {
    /// The one that was put while the bucket had no versions: S3 calls it `null`.
    Null,
    /// The one of this number.
    Number(Version),
}

impl VersionId {
    /// As clients write it.
    pub fn parse(text: &str) -> Option<VersionId> {
        let is_number = text.len() == 16 && text.bytes().all(|b| b.is_ascii_hexdigit());
        match text {
            "null" => Some(VersionId::Null),
            _ if is_number => u64::from_str_radix(text, 16).ok().map(VersionId::Number),
            _ => None,
        }
    }
}

impl fmt::Display for VersionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            VersionId::Null => f.write_str("null"),
            VersionId::Number(number) => write!(f, "{number:016x}"),
        }
    }
}

/// An upload of an object in parts: the place in the group's log where it began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct UploadId(pub u64);

impl UploadId {
    /// As clients write it.
    pub fn parse(text: &str) -> Option<UploadId> {
        match VersionId::parse(text)? {
            VersionId::Number(number) => Some(UploadId(number)),
            VersionId::Null => None,
        }
    }
}

impl fmt::Display for UploadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        VersionId::Number(self.0).fmt(f)
    }
}

/// The number of a part of an upload: 1 to 10,000.
pub type PartNumber = u16;

/// So many shards of data and of parity; any `data` of them give the bytes. One of data is copies.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Code {
    /// Shards that are the bytes themselves.
    pub data: u8,
    /// Shards that are computed from them.
    pub parity: u8,
}

impl Code {
    /// All shards.
    pub fn shards(self) -> u8 {
        self.data + self.parity
    }

    /// A stripe of so many bytes has pieces of this length.
    pub fn piece(self, bytes: u32) -> u32 {
        bytes.div_ceil(u32::from(self.data.max(1)))
    }
}

/// As people write it: `4+2`.
impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}+{}", self.data, self.parity)
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_they_are_written() {
        for id in [VersionId::Null, VersionId::Number(0), VersionId::Number(u64::MAX)] {
            assert_eq!(VersionId::parse(&id.to_string()), Some(id));
        }
        for text in ["", "Null", "7", "+00000000000000f", "00000000000000000"] {
            assert_eq!(VersionId::parse(text), None, "{text}");
        }
        assert_eq!(UploadId::parse(&UploadId(7).to_string()), Some(UploadId(7)));
        assert_eq!(UploadId::parse("null"), None);
    }
}
