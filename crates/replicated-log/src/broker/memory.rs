//! What a broker remembers of itself: which logs are on its disk, how far each could be read, and whether it
//! stopped in good order.
//!
//! The law: a log has its number here, durably, before anything is appended to it.

use std::collections::BTreeMap;

use bytes::Bytes;
use machine::codec::{Malformed, Reader};
use machine::{Checkpoint, Outputs};

use crate::message::ReplicatedLog;
use crate::words::{Offset, TopicId, TopicPartition};

/// The name of its file.
pub(super) const FILE: &str = "broker";

/// In the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Memory {
    /// Of which cluster; 0 before it knows.
    pub(super) cluster: u64,
    /// It stopped in good order, and has appended nothing since.
    pub(super) clean: bool,
    /// The next log's number. None is ever used again.
    pub(super) next: u32,
    /// The number of each, and a lower bound of its watermark.
    pub(super) logs: BTreeMap<TopicPartition, (u32, Offset)>,
}

impl Memory {
    pub(super) fn first() -> Memory {
        Memory { clean: true, next: 1, ..Memory::default() }
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(17 + 36 * self.logs.len());
        bytes.extend(self.cluster.to_le_bytes());
        bytes.push(u8::from(self.clean));
        bytes.extend(self.next.to_le_bytes());
        bytes.extend((self.logs.len() as u32).to_le_bytes());
        for (partition, (number, watermark)) in &self.logs {
            bytes.extend((partition.topic.0 as u64).to_le_bytes());
            bytes.extend(((partition.topic.0 >> 64) as u64).to_le_bytes());
            bytes.extend(partition.partition.to_le_bytes());
            bytes.extend(number.to_le_bytes());
            bytes.extend(watermark.to_le_bytes());
        }
        bytes
    }

    pub(super) fn decode(bytes: Bytes) -> Result<Memory, Malformed> {
        Reader::whole(bytes, |reader| {
            let (cluster, clean, next) =
                (reader.take_u64()?, reader.take_bool()?, reader.take_u32()?);
            let mut logs = BTreeMap::new();
            for _ in 0..reader.take_u32()? {
                let (low, high) = (reader.take_u64()?, reader.take_u64()?);
                let topic = TopicId(u128::from(high) << 64 | u128::from(low));
                let partition = TopicPartition { topic, partition: reader.take_u32()? };
                logs.insert(partition, (reader.take_u32()?, reader.take_u64()?));
            }
            Ok(Memory { cluster, clean, next, logs })
        })
    }
}

/// Writes it down, and knows what is durable.
#[derive(Clone, Debug)]
pub(super) struct Remembering {
    checkpoint: Checkpoint<ReplicatedLog>,
    /// Logs that the write in flight is the first to name, and those of the write after it.
    naming: Vec<TopicPartition>,
    to_name: Vec<TopicPartition>,
    /// Writes that have not ended, of which there are at most two.
    writes: u32,
}

impl Remembering {
    pub(super) fn new() -> Remembering {
        let checkpoint = Checkpoint::new(FILE);
        Remembering { checkpoint, naming: Vec::new(), to_name: Vec::new(), writes: 0 }
    }

    pub(super) fn checkpoint(&mut self) -> &mut Checkpoint<ReplicatedLog> {
        &mut self.checkpoint
    }

    /// Saves it. These logs are new in it.
    pub(super) fn save(
        &mut self,
        memory: &Memory,
        new: impl IntoIterator<Item = TopicPartition>,
        out: &mut Outputs<ReplicatedLog>,
    ) {
        if self.writes == 0 {
            self.naming.extend(new);
            self.writes = 1;
        } else {
            self.to_name.extend(new);
            self.writes = 2;
        }
        self.checkpoint.save(&memory.encode(), Vec::new(), out);
    }

    /// A write ended: these logs have their numbers.
    pub(super) fn saved(&mut self) -> Vec<TopicPartition> {
        self.writes = self.writes.saturating_sub(1);
        std::mem::replace(&mut self.naming, std::mem::take(&mut self.to_name))
    }

    /// A write found no space, and what waited was dropped: these logs have no numbers.
    pub(super) fn dropped(&mut self) -> Vec<TopicPartition> {
        self.writes = 0;
        self.naming.append(&mut self.to_name);
        std::mem::take(&mut self.naming)
    }

    pub(super) fn is_idle(&self) -> bool {
        self.writes == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_is_read_again() {
        let mut memory = Memory { cluster: 7, clean: false, next: 9, logs: BTreeMap::new() };
        for number in 0..3 {
            let topic = TopicId(u128::from(number) << 70 | 5);
            let partition = TopicPartition { topic, partition: number };
            memory.logs.insert(partition, (number, 100 + u64::from(number)));
        }
        let bytes = Bytes::from(memory.encode());
        assert_eq!(Memory::decode(bytes.clone()), Ok(memory));
        for length in 0..bytes.len() {
            assert!(Memory::decode(bytes.slice(..length)).is_err());
        }
    }
}
