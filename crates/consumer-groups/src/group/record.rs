//! What is kept of groups: records of the topic `__consumer_offsets`.
//!
//! The law: a record says by itself what it is about, and says it whole. So the last one of each kind is the state,
//! and a snapshot of the state is nothing but its records once more.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use machine::codec::{Fields, Malformed, Reader};

use super::Committed;
use log_protocol::words::Name;

/// A record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum GroupRecord {
    Generation(Generation),
    Offsets(Offsets),
}

/// Who has what in a generation of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Generation {
    pub(crate) group: Name,
    pub(crate) number: i32,
    pub(crate) protocol_type: Name,
    pub(crate) protocol: Name,
    pub(crate) leader: Name,
    pub(crate) members: Vec<Assigned>,
}

/// A member, and what it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Assigned {
    pub(crate) member: Name,
    pub(crate) instance: Option<Name>,
    pub(crate) client: Name,
    pub(crate) host: Name,
    pub(crate) session: Duration,
    pub(crate) rebalance: Duration,
    pub(crate) metadata: Bytes,
    pub(crate) assignment: Bytes,
}

/// What a group has committed at once. A topic without partitions is gone: nothing that was committed of it counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Offsets {
    pub(crate) group: Name,
    pub(crate) topics: Vec<(Name, Vec<(u32, Committed)>)>,
}

const GENERATION: u8 = 0;
const OFFSETS: u8 = 1;

impl GroupRecord {
    pub(crate) fn group(&self) -> &Name {
        match self {
            GroupRecord::Generation(it) => &it.group,
            GroupRecord::Offsets(it) => &it.group,
        }
    }

    pub(crate) fn encode(&self) -> Bytes {
        let mut out = BytesMut::new();
        match self {
            GroupRecord::Generation(it) => {
                out.put_u8(GENERATION);
                put_texts([&it.group, &it.protocol_type, &it.protocol, &it.leader], &mut out);
                out.put_u32_le(it.number.cast_unsigned());
                out.put_number(it.members.len() as u64);
                it.members.iter().for_each(|member| put_member(member, &mut out));
            }
            GroupRecord::Offsets(it) => {
                out.put_u8(OFFSETS);
                put_texts([&it.group], &mut out);
                out.put_number(it.topics.len() as u64);
                for (topic, partitions) in &it.topics {
                    put_texts([topic], &mut out);
                    out.put_number(partitions.len() as u64);
                    partitions.iter().for_each(|part| put_offset(part, &mut out));
                }
            }
        }
        out.freeze()
    }

    pub(crate) fn decode(bytes: Bytes) -> Result<GroupRecord, Malformed> {
        Reader::whole(&bytes[..], |reader| match reader.take_below(2)? {
            GENERATION => {
                let [group, protocol_type, protocol, leader] = take_texts(reader)?;
                let number = reader.take_u32()?.cast_signed();
                let count = reader.take_number()? as usize;
                let members = reader.take_list(count, 7, take_member)?;
                let it = Generation { group, number, protocol_type, protocol, leader, members };
                Ok(GroupRecord::Generation(it))
            }
            _ => {
                let [group] = take_texts(reader)?;
                let count = reader.take_number()? as usize;
                let topics = reader.take_list(count, 2, |reader| {
                    let [topic] = take_texts(reader)?;
                    let count = reader.take_number()? as usize;
                    Ok((topic, reader.take_list(count, 14, take_offset)?))
                })?;
                Ok(GroupRecord::Offsets(Offsets { group, topics }))
            }
        })
    }
}

type Fielded<'a> = Reader<&'a [u8]>;

fn put_texts<const N: usize>(texts: [&Name; N], out: &mut BytesMut) {
    texts.iter().for_each(|text| put_bytes(text.as_bytes(), out));
}

fn take_texts<const N: usize>(reader: &mut Fielded<'_>) -> Result<[Name; N], Malformed> {
    let mut texts = [const { None }; N];
    for text in &mut texts {
        let length = reader.take_number()? as usize;
        *text = Some(Name::from(reader.take_text(length)?));
    }
    Ok(texts.map(Option::unwrap_or_default))
}

fn put_bytes(bytes: &[u8], out: &mut BytesMut) {
    out.put_number(bytes.len() as u64);
    Fields::put_slice(out, bytes);
}

fn take_bytes(reader: &mut Fielded<'_>) -> Result<Bytes, Malformed> {
    let length = reader.take_number()? as usize;
    reader.take_bytes(length).map(Bytes::copy_from_slice)
}

fn put_some<T>(some: Option<T>, out: &mut BytesMut, put: impl FnOnce(T, &mut BytesMut)) {
    out.put_u8(some.is_some().into());
    if let Some(it) = some {
        put(it, out);
    }
}

fn take_some<T>(
    reader: &mut Fielded<'_>,
    take: impl FnOnce(&mut Fielded<'_>) -> Result<T, Malformed>,
) -> Result<Option<T>, Malformed> {
    if reader.take_bool()? { take(reader).map(Some) } else { Ok(None) }
}

fn take_text(reader: &mut Fielded<'_>) -> Result<Name, Malformed> {
    take_texts(reader).map(|[text]| text)
}

fn put_member(it: &Assigned, out: &mut BytesMut) {
    put_texts([&it.member, &it.client, &it.host], out);
    put_some(it.instance.as_ref(), out, |it, out| put_texts([it], out));
    out.put_number(it.session.as_millis() as u64);
    out.put_number(it.rebalance.as_millis() as u64);
    put_bytes(&it.metadata, out);
    put_bytes(&it.assignment, out);
}

fn take_member(reader: &mut Fielded<'_>) -> Result<Assigned, Malformed> {
    let [member, client, host] = take_texts(reader)?;
    let instance = take_some(reader, take_text)?;
    let session = Duration::from_millis(reader.take_number()?);
    let rebalance = Duration::from_millis(reader.take_number()?);
    let (metadata, assignment) = (take_bytes(reader)?, take_bytes(reader)?);
    Ok(Assigned { member, instance, client, host, session, rebalance, metadata, assignment })
}

fn put_offset((partition, it): &(u32, Committed), out: &mut BytesMut) {
    out.put_u32_le(*partition);
    out.put_u64_le(it.offset);
    put_some(it.leader_epoch, out, |epoch, out| out.put_u32_le(epoch));
    put_some(it.text.as_ref(), out, |it, out| put_texts([it], out));
}

fn take_offset(reader: &mut Fielded<'_>) -> Result<(u32, Committed), Malformed> {
    let (partition, offset) = (reader.take_u32()?, reader.take_u64()?);
    let leader_epoch = take_some(reader, |reader| reader.take_u32())?;
    let text = take_some(reader, take_text)?;
    Ok((partition, Committed { offset, leader_epoch, text }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use machine::codec::assert_delimited;

    #[test]
    fn a_record_is_read_as_it_was_written() {
        let member = |instance| Assigned {
            member: "kcat-1-2".into(),
            instance,
            client: "kcat".into(),
            host: "127.0.0.1".into(),
            session: Duration::from_secs(45),
            rebalance: Duration::from_millis(300),
            metadata: Bytes::from_static(b"wants"),
            assignment: Bytes::from_static(b"has"),
        };
        let generation = Generation {
            group: "g".into(),
            number: 3,
            protocol_type: "consumer".into(),
            protocol: "range".into(),
            leader: "kcat-1-2".into(),
            members: vec![member(None), member(Some("i".into()))],
        };
        let offset = |leader_epoch, text| Committed { offset: 1 << 40, leader_epoch, text };
        let parts = vec![(0, offset(None, None)), (7, offset(Some(2), Some("here".into())))];
        let offsets = Offsets {
            group: "g".into(),
            topics: vec![("t".into(), parts), ("u".into(), Vec::new())],
        };
        for record in [GroupRecord::Generation(generation), GroupRecord::Offsets(offsets)] {
            assert_delimited(&record, GroupRecord::encode, GroupRecord::decode);
        }
    }
}
