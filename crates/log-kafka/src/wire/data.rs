//! Records and offsets: Produce, Fetch, ListOffsets, OffsetForLeaderEpoch, InitProducerId.
//!
//! Numbers that the protocol lets be negative and that must not be (partitions, offsets) are taken bit by bit: there
//! is no such partition or offset, and the answer says the same number.

use bytes::{BufMut, Bytes};
use kafka_protocol::messages::list_offsets_response::{
    ListOffsetsPartitionResponse, ListOffsetsTopicResponse,
};
use kafka_protocol::messages::offset_for_leader_epoch_response::{
    EpochEndOffset, OffsetForLeaderTopicResult,
};
use kafka_protocol::messages::produce_response::{PartitionProduceResponse, TopicProduceResponse};
use kafka_protocol::messages::{
    FetchRequest, FetchResponse, InitProducerIdRequest, InitProducerIdResponse, ListOffsetsRequest,
    ListOffsetsResponse, OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse, ProduceRequest,
    ProduceResponse,
};
use machine::Parts;
use machine::codec::{Encoder, put_number};

use super::{
    Beside, Head, NO_TRANSACTIONS, by_name, code, epoch, epoch_code, millis, name, topic_name,
};
use replicated_log::ask::{
    Acks, Ask, EpochAsk, EpochEnd, Fetch, FetchPart, Fetched, OffsetAnswer, OffsetAsk, Produce,
    ProducePart, Produced, When,
};
use replicated_log::batch::Batch;
use replicated_log::error::ErrorCode;
use replicated_log::words::{TopicId, TopicRef};

/// A batch that is less than this part of its frame is copied out of it.
const SMALL: usize = 8;

/// Of a frame of so many bytes. A batch goes on in memory, for readers; as a slice of its frame it would keep that too,
/// with its share of the server's budget.
pub(super) fn produce(asked: ProduceRequest, frame: usize, beside: &mut Beside) -> Ask {
    let acks = match asked.acks {
        0 => Ok(Acks::None),
        1 => Ok(Acks::Leader),
        -1 => Ok(Acks::All),
        _ => Err(ErrorCode::InvalidRequiredAcks),
    };
    if acks == Ok(Acks::None) {
        *beside = Beside::Silence;
    }
    let mut batches = Vec::new();
    for topic in asked.topic_data {
        let name = by_name(&topic.name);
        batches.extend(topic.partition_data.into_iter().map(|part| {
            let mut records = part.records.unwrap_or_default();
            if records.len() < frame / SMALL {
                records = Bytes::copy_from_slice(&records);
            }
            let batch = acks.and_then(|_| Batch::check(records));
            ProducePart { topic: name.clone(), partition: part.index.cast_unsigned(), batch }
        }));
    }
    let timeout = millis(asked.timeout_ms);
    Ask::Produce(Produce { acks: acks.unwrap_or(Acks::Leader), timeout, batches })
}

pub(super) fn produced(parts: Vec<Produced>) -> ProduceResponse {
    let topics = parts.chunk_by(|one, next| one.topic == next.topic).map(|parts| {
        let parts_of = parts.iter().map(|part| {
            let (base_offset, log_start) = match part.outcome {
                Ok((base, start)) => (base.cast_signed(), start.cast_signed()),
                Err(_) => (-1, -1),
            };
            PartitionProduceResponse::default()
                .with_index(part.partition.cast_signed())
                .with_error_code(code(&part.outcome))
                .with_base_offset(base_offset)
                .with_log_append_time_ms(-1)
                .with_log_start_offset(log_start)
        });
        TopicProduceResponse::default()
            .with_name(topic_name(&parts[0].topic))
            .with_partition_responses(parts_of.collect())
    });
    ProduceResponse::default().with_responses(topics.collect())
}

/// # Errors
/// If it goes on with a session of fetches: this broker begins none, and the client goes on without.
pub(super) fn fetch(asked: FetchRequest, version: i16) -> Result<Ask, FetchResponse> {
    const FETCH_SESSION_ID_NOT_FOUND: i16 = 70;
    if asked.session_id != 0 && asked.session_epoch > 0 {
        return Err(FetchResponse::default().with_error_code(FETCH_SESSION_ID_NOT_FOUND));
    }
    let size = |size: i32| u32::try_from(size).unwrap_or(0);
    let mut parts = Vec::new();
    for topic in asked.topics {
        let by_id = || TopicRef::Id(TopicId(topic.topic_id.as_u128()));
        let asked = if version < 13 { by_name(&topic.topic) } else { by_id() };
        parts.extend(topic.partitions.into_iter().map(|part| FetchPart {
            topic: asked.clone(),
            partition: part.partition.cast_unsigned(),
            leader_epoch: epoch(part.current_leader_epoch),
            offset: part.fetch_offset.cast_unsigned(),
            max_bytes: size(part.partition_max_bytes),
        }));
    }
    Ok(Ask::Fetch(Fetch {
        max_wait: millis(asked.max_wait_ms),
        min_bytes: size(asked.min_bytes),
        max_bytes: size(asked.max_bytes),
        rack: (!asked.rack_id.is_empty()).then(|| name(&asked.rack_id)),
        parts,
    }))
}

/// Written by hand: the codec would copy the records, which here are slices of what they were read as.
pub(super) fn put_fetched(head: &Head, parts: &[Fetched], out: &mut Parts) {
    let (version, compact) = (head.version, head.version >= 12);
    let mut body = Encoder::default();
    body.put_i32(head.correlation);
    put_no_tags(compact, &mut body);
    // No throttle.
    body.put_i32(0);
    if version >= 7 {
        // No error, and no session.
        body.put_i16(0);
        body.put_i32(0);
    }
    put_length(parts.chunk_by(|one, next| one.topic == next.topic).count(), compact, &mut body);
    for parts in parts.chunk_by(|one, next| one.topic == next.topic) {
        match &parts[0].topic {
            TopicRef::Id(id) => body.put_u128(id.0),
            TopicRef::Name(name) if compact => {
                put_length(name.len(), compact, &mut body);
                body.put_slice(name.as_bytes());
            }
            TopicRef::Name(name) => {
                body.put_u16(name.len() as u16);
                body.put_slice(name.as_bytes());
            }
        }
        put_length(parts.len(), compact, &mut body);
        parts.iter().for_each(|part| put_part(version, compact, part, &mut body));
        put_no_tags(compact, &mut body);
    }
    put_no_tags(compact, &mut body);
    let body = body.finish();
    out.push(Bytes::copy_from_slice(&(body.len() as u32).to_be_bytes()));
    body.into_iter().for_each(|slice| out.push(slice));
}

fn put_part(version: i16, compact: bool, part: &Fetched, body: &mut Encoder) {
    let read = part.outcome.as_ref();
    let offsets = read.map_or((u64::MAX, u64::MAX), |read| (read.high_watermark, read.log_start));
    body.put_u32(part.partition);
    body.put_i16(code(&part.outcome));
    body.put_u64(offsets.0);
    // There are no transactions, so all that is kept is stable.
    body.put_u64(offsets.0);
    if version >= 5 {
        body.put_u64(offsets.1);
    }
    // Nor aborted ones.
    put_length(0, compact, body);
    if version >= 11 {
        let elsewhere = read.ok().and_then(|read| read.preferred_replica);
        body.put_i32(elsewhere.map_or(-1, |node| node.0.cast_signed()));
    }
    let batches = read.map_or(&[][..], |read| &read.batches);
    put_length(batches.iter().map(|batch| batch.length() as usize).sum(), compact, body);
    for batch in batches {
        batch.parts().slices().iter().for_each(|slice| body.put_shared(slice));
    }
    put_no_tags(compact, body);
}

fn put_length(length: usize, compact: bool, body: &mut Encoder) {
    if compact { put_number(length as u64 + 1, body) } else { body.put_u32(length as u32) }
}

fn put_no_tags(compact: bool, body: &mut Encoder) {
    if compact {
        body.put_u8(0);
    }
}

pub(super) fn list_offsets(asked: ListOffsetsRequest) -> Ask {
    let mut asks = Vec::new();
    for topic in asked.topics {
        let name = by_name(&topic.name);
        asks.extend(topic.partitions.into_iter().map(|part| OffsetAsk {
            topic: name.clone(),
            partition: part.partition_index.cast_unsigned(),
            leader_epoch: epoch(part.current_leader_epoch),
            when: match part.timestamp {
                -1 => When::Latest,
                -2 => When::Earliest,
                -3 => When::MaxTimestamp,
                timestamp => When::At(timestamp),
            },
        }));
    }
    Ask::ListOffsets(asks)
}

pub(super) fn offsets(parts: Vec<OffsetAnswer>, version: i16) -> ListOffsetsResponse {
    let topics = parts.chunk_by(|one, next| one.topic == next.topic).map(|parts| {
        let parts_of = parts.iter().map(|part| {
            let found = part.outcome.unwrap_or_default();
            // Before version 4 there is no place for it.
            let epoch = found.leader_epoch.filter(|_| version >= 4);
            ListOffsetsPartitionResponse::default()
                .with_partition_index(part.partition.cast_signed())
                .with_error_code(code(&part.outcome))
                .with_timestamp(found.timestamp.unwrap_or(-1))
                .with_offset(found.offset.map_or(-1, u64::cast_signed))
                .with_leader_epoch(epoch_code(epoch))
        });
        ListOffsetsTopicResponse::default()
            .with_name(topic_name(&parts[0].topic))
            .with_partitions(parts_of.collect())
    });
    ListOffsetsResponse::default().with_topics(topics.collect())
}

pub(super) fn epoch_ends(asked: OffsetForLeaderEpochRequest) -> Ask {
    let mut asks = Vec::new();
    for topic in asked.topics {
        let name = by_name(&topic.topic);
        asks.extend(topic.partitions.into_iter().map(|part| EpochAsk {
            topic: name.clone(),
            partition: part.partition.cast_unsigned(),
            current: epoch(part.current_leader_epoch),
            epoch: epoch(part.leader_epoch).unwrap_or(0),
        }));
    }
    Ask::EpochEnds(asks)
}

pub(super) fn ends(parts: Vec<EpochEnd>) -> OffsetForLeaderEpochResponse {
    let topics = parts.chunk_by(|one, next| one.topic == next.topic).map(|parts| {
        let parts_of = parts.iter().map(|part| {
            let end = part.outcome.ok().flatten();
            EpochEndOffset::default()
                .with_error_code(code(&part.outcome))
                .with_partition(part.partition.cast_signed())
                .with_leader_epoch(epoch_code(end.map(|(epoch, _)| epoch)))
                .with_end_offset(end.map_or(-1, |(_, end)| end.cast_signed()))
        });
        OffsetForLeaderTopicResult::default()
            .with_topic(topic_name(&parts[0].topic))
            .with_partitions(parts_of.collect())
    });
    OffsetForLeaderEpochResponse::default().with_topics(topics.collect())
}

/// # Errors
/// If it is for transactions, which are not here.
pub(super) fn init_producer(asked: InitProducerIdRequest) -> Result<Ask, InitProducerIdResponse> {
    match asked.transactional_id {
        None => Ok(Ask::InitProducerId),
        Some(_) => Err(producer_id(Err(NO_TRANSACTIONS))),
    }
}

pub(super) fn producer_id(id: Result<u64, ErrorCode>) -> InitProducerIdResponse {
    InitProducerIdResponse::default()
        .with_error_code(code(&id))
        .with_producer_id(id.map_or(-1, u64::cast_signed).into())
        .with_producer_epoch(if id.is_ok() { 0 } else { -1 })
}
