//! The bytes of these words, where nodes say them to each other and keep them: fields in order.

use machine::codec::{Coded, Fields, Malformed, Reader, Source};
use machine::coded;

use crate::ask::{NewTopic, Settings};
use crate::error::ErrorCode;
use crate::words::{TopicId, TopicPartition};

coded!(TopicPartition: topic, partition);
coded!(Settings: min_insync_replicas, retention_bytes, segment_bytes, max_message_bytes);
coded!(NewTopic: name, partitions, replication_factor, assignment, settings);

impl Coded for TopicId {
    fn put(&self, out: &mut impl Fields) {
        out.put_slice(&self.0.to_le_bytes());
    }

    fn get<B: Source>(from: &mut Reader<B>) -> Result<TopicId, Malformed> {
        from.take_u128().map(TopicId)
    }
}

impl Coded for ErrorCode {
    fn put(&self, out: &mut impl Fields) {
        out.put_slice(&self.code().to_le_bytes());
    }

    fn get<B: Source>(from: &mut Reader<B>) -> Result<ErrorCode, Malformed> {
        let code = from.take_u16()?;
        ErrorCode::of(code as i16).ok_or(Malformed("there is no such error"))
    }
}
