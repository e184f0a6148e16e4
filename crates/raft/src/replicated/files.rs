//! The files of a replicated machine: small ones, each as it was put there last.
//!
//! A file's bytes are the length of its name (two bytes, little-endian, as all numbers here), the
//! name, the length of its content (four bytes) and the content. A command of the log is one such
//! file, and a snapshot is all of them: to restore it is to do the commands that are left.

use std::collections::BTreeMap;

use bytes::{BufMut, Bytes, BytesMut};
use machine::codec::{Malformed, Reader};
use machine::{DiskAnswer, DiskError, DiskResult};

use crate::rpc::LONGEST_COMMAND;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct SmallFiles(BTreeMap<String, Bytes>);

/// A file as a command; none where it is longer than a command may be.
pub(super) fn put_file(name: &str, content: &[u8]) -> Option<Bytes> {
    let length = 2 + name.len() + 4 + content.len();
    if length > LONGEST_COMMAND || name.len() > usize::from(u16::MAX) {
        return None;
    }
    let mut out = BytesMut::with_capacity(length);
    put(name, content, &mut out);
    Some(out.freeze())
}

fn put(name: &str, content: &[u8], out: &mut BytesMut) {
    out.put_u16_le(name.len() as u16);
    out.put_slice(name.as_bytes());
    out.put_u32_le(content.len() as u32);
    out.put_slice(content);
}

fn get(from: &mut Reader<Bytes>) -> Result<(String, Bytes), Malformed> {
    let length = from.take_u16()?;
    let name = from.take_bytes(length.into())?;
    let length = from.take_u32()?;
    let content = from.take_bytes(length as usize)?;
    let name = String::from_utf8(name.into());
    Ok((name.map_err(|_| Malformed("a name of a file is not UTF-8"))?, content))
}

impl SmallFiles {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Puts a file there.
    pub(super) fn put(&mut self, name: &str, content: Bytes) {
        self.0.insert(name.into(), content);
    }

    /// Keeps the files that these bytes are; `None`, and nothing more is kept, where they are none.
    pub(super) fn keep(&mut self, files: Bytes) -> Option<()> {
        let mut files = Reader::new(files);
        while !files.is_empty() {
            let (name, content) = get(&mut files).ok()?;
            self.0.insert(name, content);
        }
        Some(())
    }

    /// All of them, as bytes that [`SmallFiles::keep`] takes.
    pub(super) fn snapshot(&self) -> Bytes {
        let mut out = BytesMut::new();
        self.0.iter().for_each(|(name, content)| put(name, content, &mut out));
        out.freeze()
    }

    /// As a disk reads.
    pub(super) fn read(&self, name: &str, offset: u64, length: u64) -> DiskResult {
        let content = self.0.get(name).ok_or(DiskError::NotFound)?;
        let within = |place: u64| place.min(content.len() as u64) as usize;
        let (from, until) = (within(offset), within(offset.saturating_add(length)));
        Ok(DiskAnswer::Bytes(content.slice(from..until)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn content() -> impl Strategy<Value = Vec<u8>> {
        prop::collection::vec(any::<u8>(), 0..40)
    }

    /// Between two versions of the program these bytes are the contract.
    #[test]
    fn a_file_is_these_bytes() {
        assert_eq!(put_file("mark", b"xy").unwrap(), &b"\x04\0mark\x02\0\0\0xy"[..]);
    }

    #[test]
    fn the_longest_file_is_a_command_and_a_longer_one_is_none() {
        let content = vec![7; LONGEST_COMMAND - 2 - 4 - 4];
        assert_eq!(put_file("mark", &content).unwrap().len(), LONGEST_COMMAND);
        assert_eq!(put_file("marks", &content), None);
    }

    proptest! {
        #[test]
        fn a_snapshot_is_the_files(puts in prop::collection::vec(("[a-c]", content()), 0..20)) {
            let (mut files, mut last) = (SmallFiles::default(), BTreeMap::new());
            for (name, content) in puts {
                files.keep(put_file(&name, &content).unwrap()).unwrap();
                last.insert(name, content);
            }
            let mut restored = SmallFiles::default();
            restored.keep(files.snapshot()).unwrap();
            prop_assert_eq!(&restored, &files);
            prop_assert_eq!(files.len(), last.len());
            for (name, content) in last {
                let read = restored.read(&name, 0, u64::MAX);
                prop_assert_eq!(read, Ok(DiskAnswer::Bytes(content.into())));
            }
            prop_assert_eq!(restored.read("d", 0, 1), Err(DiskError::NotFound));
        }

        #[test]
        fn a_part_is_read_as_from_a_disk(content in content(), offset: u64, length: u64) {
            for (offset, length) in [(offset % 50, length % 50), (offset, length)] {
                let mut files = SmallFiles::default();
                files.keep(put_file("a", &content).unwrap()).unwrap();
                let part = content.iter().skip(offset as usize).take(length as usize).copied();
                let part: Vec<u8> = part.collect();
                prop_assert_eq!(files.read("a", offset, length), Ok(DiskAnswer::Bytes(part.into())));
            }
        }

        #[test]
        fn noise_is_files_or_refused(noise in prop::collection::vec(any::<u8>(), 0..60)) {
            let mut files = SmallFiles::default();
            if files.keep(noise.clone().into()).is_some() {
                let mut again = SmallFiles::default();
                again.keep(files.snapshot()).unwrap();
                prop_assert_eq!(again, files);
            }
        }
    }
}
