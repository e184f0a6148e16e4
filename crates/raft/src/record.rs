//! Bytes of what a member must remember: the records of its journal.
//!
//! A record is a block ([`machine::codec::put_block`]) of a group's number, a kind and its fields. Where one is not
//! whole, and the bound does not know whether a crash tore it or the disk lost it, the records after it may.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use journal::{Blocks, Format, Parsed, Place};
use machine::codec::{Fields, Malformed, Reader, put_block};
use machine::{DiskId, NodeId};

use crate::log::{Snapshot, SnapshotFile};
use crate::member::{Address, Configuration, Member};
use crate::rpc::{Entry, GroupId, Index, Payload, Term};

/// One thing that a member remembers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Record {
    /// Its newest term and vote.
    State { term: Term, voted_for: Option<Member> },
    /// The log begins after this place, and ends at `last`; where that is the same, it is empty.
    Base { index: Index, term: Term, last: Index },
    /// From this place on the log is this.
    Entries { first_index: Index, entries: Vec<Entry> },
    /// So it was before, too: said again, so that an old segment may go. What follows stays.
    Kept { first_index: Index, entries: Vec<Entry> },
    /// The newest snapshot, and its file, which is whole.
    Snapshot(Snapshot),
    /// The group was left for good: nothing of it counts.
    Left,
    /// A leader knew that this disk had had these entries, the first and the last of which are named, and it had not:
    /// nothing of it counts, in any group.
    Lost { first: Index, last: Index },
    /// When this was written, so many bytes of the segment were durable.
    Durable { length: u64 },
}

const STATE: u8 = 1;
const BASE: u8 = 2;
const ENTRIES: u8 = 3;
const DURABLE: u8 = 4;
const KEPT: u8 = 5;
const SNAPSHOT: u8 = 6;
const LEFT: u8 = 7;
const LOST: u8 = 8;
/// Of the body of such a record: group, kind and length.
const DURABLE_BODY: u32 = 4 + 1 + 8;
/// And with its own length and checksum.
const DURABLE_LENGTH: usize = 8 + DURABLE_BODY as usize;
/// No record is longer.
const LONGEST: u32 = 1 << 30;

/// Appends a record of a group.
pub(crate) fn put_record(out: &mut BytesMut, group: GroupId, body: impl FnOnce(&mut BytesMut)) {
    put_block(out, |out| {
        out.put_u32_le(group.0);
        body(out);
    });
}

pub(crate) fn put_state(out: &mut impl Fields, term: Term, voted_for: Option<Member>) {
    out.put_u8(STATE);
    out.put_u64_le(term);
    out.put_u8(u8::from(voted_for.is_some()));
    put_member(out, voted_for.unwrap_or_default());
}

pub(crate) fn put_base(out: &mut impl Fields, (index, term): (Index, Term), last: Index) {
    out.put_u8(BASE);
    out.put_u64_le(index);
    out.put_u64_le(term);
    out.put_u64_le(last);
}

pub(crate) fn put_snapshot(out: &mut impl Fields, snapshot: &Snapshot) {
    let Snapshot { last_index, last_term, configuration, file } = snapshot;
    out.put_u8(SNAPSHOT);
    out.put_u64_le(*last_index);
    out.put_u64_le(*last_term);
    out.put_u8(u8::from(file.is_some()));
    let SnapshotFile { number, length, crc } = file.unwrap_or_default();
    out.put_u64_le(number);
    out.put_u64_le(length);
    out.put_u32_le(crc);
    put_configuration(out, configuration);
}

pub(crate) fn put_left(out: &mut impl Fields) {
    out.put_u8(LEFT);
}

pub(crate) fn put_lost(out: &mut impl Fields, first: Index, last: Index) {
    out.put_u8(LOST);
    out.put_u64_le(first);
    out.put_u64_le(last);
}

/// Entries from this place on: the log from there on, or, where they are kept, as they were before.
pub(crate) fn put_entries<'a>(
    out: &mut BytesMut,
    kept: bool,
    first_index: Index,
    entries: impl Iterator<Item = &'a Entry>,
) {
    out.put_u8(if kept { KEPT } else { ENTRIES });
    out.put_u64_le(first_index);
    entries.for_each(|entry| put_entry(out, entry));
}

/// Ends what is written at once: so much of the segment is durable.
pub(crate) fn put_durable(out: &mut BytesMut, length: u64) {
    put_record(out, GroupId(0), |out| {
        out.put_u8(DURABLE);
        out.put_u64_le(length);
    });
}

/// The record in a frame; `None` where it was written by another version of this program.
pub(crate) fn get_record(frame: Bytes) -> Option<(GroupId, Record)> {
    let body = Reader::new(frame).take_block().ok()?;
    Reader::whole(body, |from| Ok((GroupId(from.take_u32()?), get_body(from)?))).ok()
}

/// The format of the journal's frames, which are records.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Records;

impl Format for Records {
    fn parse(&self, at: Place, bytes: &[u8]) -> Parsed {
        Blocks { longest: LONGEST }.parse(at, bytes)
    }

    /// A later write says how much was durable before it.
    fn proves(&self, at: Place, tail: &[u8]) -> bool {
        tail.windows(DURABLE_LENGTH).any(|frame| {
            frame.starts_with(&DURABLE_BODY.to_le_bytes())
                && matches!(
                    get_record(Bytes::copy_from_slice(frame)),
                    Some((_, Record::Durable { length })) if length > at.offset
                )
        })
    }
}

fn get_body(from: &mut Reader<Bytes>) -> Result<Record, Malformed> {
    Ok(match from.take_u8()? {
        STATE => {
            let (term, voted) = (from.take_u64()?, from.take_bool()?);
            Record::State { term, voted_for: Some(get_member(from)?).filter(|_| voted) }
        }
        BASE => {
            let [index, term, last] = from.take_u64s()?;
            Record::Base { index, term, last }
        }
        ENTRIES => {
            Record::Entries { first_index: from.take_u64()?, entries: from.take_all(get_entry)? }
        }
        KEPT => Record::Kept { first_index: from.take_u64()?, entries: from.take_all(get_entry)? },
        SNAPSHOT => Record::Snapshot(get_snapshot(from)?),
        LEFT => Record::Left,
        LOST => {
            let [first, last] = from.take_u64s()?;
            Record::Lost { first, last }
        }
        DURABLE => Record::Durable { length: from.take_u64()? },
        _ => return Err(Malformed("there is no such record")),
    })
}

/// Appends an entry; its command by reference, where that can be.
pub(crate) fn put_entry(out: &mut impl Fields, entry: &Entry) {
    let mut head = [0; 13];
    head[..8].copy_from_slice(&entry.term.to_le_bytes());
    match &entry.payload {
        Payload::Blank => out.put_slice(&head[..9]),
        Payload::Command(command) => {
            head[8] = 1;
            head[9..].copy_from_slice(&(command.len() as u32).to_le_bytes());
            out.put_slice(&head);
            out.put_shared(command);
        }
        Payload::Configuration(configuration) => {
            head[8] = 2;
            out.put_slice(&head[..9]);
            put_configuration(out, configuration);
        }
    }
}

/// The entry that these bytes begin with; its command shares their memory.
pub(crate) fn get_entry(from: &mut Reader<Bytes>) -> Result<Entry, Malformed> {
    let term = from.take_u64()?;
    let payload = match from.take_below(3)? {
        0 => Payload::Blank,
        1 => {
            let length = from.take_u32()? as usize;
            Payload::Command(from.take_bytes(length)?)
        }
        _ => Payload::Configuration(Arc::new(get_configuration(from)?)),
    };
    Ok(Entry { term, payload })
}

/// Appends the bytes of a configuration.
pub(crate) fn put_configuration(out: &mut impl Fields, configuration: &Configuration) {
    let Configuration { voters, outgoing, learners, addresses } = configuration;
    for members in [voters, outgoing, learners] {
        put_u16(out, members.len() as u16);
        members.iter().for_each(|member| put_member(out, *member));
    }
    put_u16(out, addresses.len() as u16);
    for (node, Address { nodes, clients }) in addresses {
        out.put_u32_le(node.0);
        put_address(out, *nodes);
        put_address(out, *clients);
    }
}

fn put_u16(out: &mut impl Fields, number: u16) {
    out.put_slice(&number.to_le_bytes());
}

/// The configuration that these bytes begin with.
pub(crate) fn get_configuration(from: &mut Reader<Bytes>) -> Result<Configuration, Malformed> {
    let mut members = || {
        let count = from.take_u16()?.into();
        let members = from.take_list(count, MEMBER, get_member)?;
        match members.is_sorted_by(|one, next| one < next) {
            true => Ok(members.into_iter().collect::<BTreeSet<_>>()),
            false => Err(Malformed("its members are not in order")),
        }
    };
    let (voters, outgoing, learners) = (members()?, members()?, members()?);
    let count = from.take_u16()?.into();
    let addresses = from.take_list(count, ADDRESS, get_address)?;
    if !addresses.is_sorted_by(|one, next| one.0 < next.0) {
        return Err(Malformed("its addresses are not in order"));
    }
    Ok(Configuration { voters, outgoing, learners, addresses: addresses.into_iter().collect() })
}

/// Where a node is, in bytes.
const ADDRESS: usize = 4 + 2 * (16 + 2);

/// An address of IPv4 as one of IPv6, so that all are as long.
fn put_address(out: &mut impl Fields, address: SocketAddr) {
    let ip = match address.ip() {
        IpAddr::V4(ip) => ip.to_ipv6_mapped(),
        IpAddr::V6(ip) => ip,
    };
    out.put_slice(&ip.octets());
    put_u16(out, address.port());
}

fn get_address(from: &mut Reader<Bytes>) -> Result<(NodeId, Address), Malformed> {
    let node = NodeId(from.take_u32()?);
    let mut address = || {
        let ip = Ipv6Addr::from(from.take_u128()?.to_le_bytes());
        Ok(SocketAddr::new(ip.to_canonical(), from.take_u16()?))
    };
    Ok((node, Address { nodes: address()?, clients: address()? }))
}

/// Of a member, in bytes.
const MEMBER: usize = 4 + 8;

fn put_member(out: &mut impl Fields, member: Member) {
    out.put_u32_le(member.node.0);
    out.put_u64_le(member.disk.0);
}

fn get_member(from: &mut Reader<Bytes>) -> Result<Member, Malformed> {
    Ok(Member { node: NodeId(from.take_u32()?), disk: DiskId(from.take_u64()?) })
}

fn get_snapshot(from: &mut Reader<Bytes>) -> Result<Snapshot, Malformed> {
    let ([last_index, last_term], has_file) = (from.take_u64s()?, from.take_bool()?);
    let ([number, length], crc) = (from.take_u64s()?, from.take_u32()?);
    let file = has_file.then_some(SnapshotFile { number, length, crc });
    let configuration = Arc::new(get_configuration(from)?);
    Ok(Snapshot { last_index, last_term, configuration, file })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn journal(batches: u64) -> Bytes {
        let mut out = BytesMut::new();
        for batch in 0..batches {
            let durable = out.len() as u64;
            put_record(&mut out, GroupId(1), |out| put_state(out, batch, None));
            let entry = Entry { term: batch, payload: Payload::Command(vec![7; 40].into()) };
            put_record(&mut out, GroupId(1), |out| {
                put_entries(out, false, batch + 1, [&entry; 3].into_iter())
            });
            put_durable(&mut out, durable);
        }
        out.freeze()
    }

    /// How many records can be read, and where it ends.
    fn read(journal: &Bytes) -> (usize, Place) {
        let (mut records, mut at) = (0, Place::default());
        while let Parsed::Frame(length) = Records.parse(at, &journal[at.offset as usize..]) {
            (records, at) = (records + 1, at.after(length as u64));
        }
        (records, at)
    }

    fn is_rotten(journal: &Bytes, at: Place) -> bool {
        Records.proves(at, &journal[at.offset as usize..])
    }

    proptest! {
        #[test]
        fn a_torn_end_is_not_proven(cut in 0..1_000usize) {
            let whole = journal(5);
            let torn = whole.slice(..cut.min(whole.len()));
            let (records, end) = read(&torn);
            prop_assert!(records <= 15 && end.offset <= torn.len() as u64);
            prop_assert!(!is_rotten(&torn, end));
        }

        /// In all but the last write, which may as well be torn.
        #[test]
        fn a_flipped_bit_is_found(bit in 0..10_000usize) {
            let whole = journal(5);
            let bit = bit % (journal(4).len() * 8);
            let mut rotten = whole.to_vec();
            rotten[bit / 8] ^= 1 << (bit % 8);
            let rotten = Bytes::from(rotten);
            let (records, end) = read(&rotten);
            prop_assert!(records < 15);
            prop_assert!(is_rotten(&rotten, end), "bit {bit}");
        }

        #[test]
        fn noise_is_no_journal(noise in prop::collection::vec(any::<u8>(), 0..300)) {
            let noise = Bytes::from(noise);
            let (records, end) = read(&noise);
            prop_assert!(records == 0 && !is_rotten(&noise, end));
        }
    }
}
