//! The bytes of what members say to each other: envelopes, and in them of each message a kind, then its fields in
//! order, numbers little-endian.
//!
//! Entries and configurations have the bytes that they have in a journal.
//!
//! Every length is known before anything is kept, and nothing may follow. A short command is copied out of
//! its frame, or a value of a few bytes would keep all that arrived with it; a long one, and a piece of a
//! snapshot, travels by reference from the sender's memory to the receiver's.

use std::mem;
use std::sync::Arc;

use bytes::Bytes;
use machine::DiskId;
use machine::codec::{Encoder, Fields, Length, Malformed, Reader, kept};

use crate::record::{get_configuration, get_entry, put_configuration, put_entry};
use crate::rpc::{
    AppendEntries, Appended, Entry, Envelope, GroupId, InstallSnapshot, LONGEST_COMMAND, Payload,
    RequestVote, Rpc,
};

/// An entry has no fewer bytes.
const LEAST_ENTRY: usize = 9;

impl Envelope {
    /// So long is one at most, in bytes: as many batches as may be on their way, and what is around them.
    pub const LONGEST: usize = 3 << 20;

    /// Appends its bytes.
    pub fn encode(&self, out: &mut Encoder) {
        put_envelope(self, out);
    }

    /// How many bytes it has: what it weighs.
    pub fn length(&self) -> usize {
        let mut length = Length::default();
        put_envelope(self, &mut length);
        length.bytes()
    }

    /// The envelope that these bytes are, all of them.
    ///
    /// # Errors
    /// If they are none.
    pub fn decode(bytes: Bytes) -> Result<Envelope, Malformed> {
        Reader::whole(bytes, get_envelope)
    }
}

fn put_envelope(envelope: &Envelope, out: &mut impl Fields) {
    let Envelope { from, to, rpcs } = envelope;
    out.put_u64_le(from.0);
    put_maybe(to.map(|disk| disk.0), out);
    for (group, rpc) in rpcs {
        out.put_u32_le(group.0);
        put_rpc(rpc, out);
    }
}

fn put_rpc(rpc: &Rpc, out: &mut impl Fields) {
    match rpc {
        Rpc::RequestVote(RequestVote { term, pre, transfer, last_index, last_term }) => {
            out.put_u8(0);
            put_numbers([*term, *last_index, *last_term], out);
            put_flags(*pre, *transfer, out);
        }
        Rpc::Vote { term, pre, granted } => {
            out.put_u8(1);
            put_numbers([*term], out);
            put_flags(*pre, *granted, out);
        }
        Rpc::AppendEntries(append) => {
            let AppendEntries { term, round, prev_index, prev_term, entries, leader_commit } =
                append;
            out.put_u8(2);
            put_numbers([*term, *round, *prev_index, *prev_term, *leader_commit], out);
            out.put_u32_le(entries.len() as u32);
            entries.iter().for_each(|entry| put_entry(out, entry));
        }
        Rpc::Appended { term, round, outcome } => {
            out.put_u8(3);
            let (conflicts, index) = match outcome {
                Appended::Matches(index) => (false, *index),
                Appended::Conflicts(index) => (true, *index),
            };
            put_numbers([*term, *round, index], out);
            put_flags(conflicts, false, out);
        }
        Rpc::InstallSnapshot(part) => {
            let InstallSnapshot { term, round, last_index, last_term, offset, done, .. } = part;
            out.put_u8(4);
            put_numbers([*term, *round, *last_index, *last_term, *offset], out);
            put_flags(*done, false, out);
            put_configuration(out, &part.configuration);
            out.put_u32_le(part.crc);
            out.put_u32_le(part.bytes.len() as u32);
            out.put_shared(&part.bytes);
        }
        Rpc::SnapshotTaken { term, round, last_index, next } => {
            out.put_u8(5);
            put_numbers([*term, *round, *last_index], out);
            put_maybe(*next, out);
        }
        Rpc::TimeoutNow { term } => {
            out.put_u8(6);
            put_numbers([*term], out);
        }
        Rpc::Hello => out.put_u8(7),
        Rpc::Founders(founders) => {
            out.put_u8(8);
            put_configuration(out, founders);
        }
        Rpc::Members { index, members } => {
            out.put_u8(9);
            put_numbers([*index], out);
            put_configuration(out, members);
        }
        Rpc::Rest { term, index } => {
            out.put_u8(10);
            put_numbers([*term, *index], out);
        }
        Rpc::Wake => out.put_u8(11),
        Rpc::Beat { next } => {
            out.put_u8(12);
            put_numbers([*next], out);
        }
        Rpc::Lost { term, index, last_term } => {
            out.put_u8(13);
            put_numbers([*term, *index, *last_term], out);
        }
    }
}

fn put_numbers<const N: usize>(numbers: [u64; N], out: &mut impl Fields) {
    numbers.into_iter().for_each(|number| out.put_u64_le(number));
}

fn put_flags(first: bool, second: bool, out: &mut impl Fields) {
    out.put_u8(u8::from(first) | u8::from(second) << 1);
}

fn put_maybe(number: Option<u64>, out: &mut impl Fields) {
    out.put_u8(u8::from(number.is_some()));
    number.into_iter().for_each(|number| out.put_u64_le(number));
}

fn get_envelope(from: &mut Reader<Bytes>) -> Result<Envelope, Malformed> {
    let (disk, to) = (DiskId(from.take_u64()?), get_maybe(from)?.map(DiskId));
    let rpcs = from.take_all(|from| Ok((GroupId(from.take_u32()?), get_rpc(from)?)))?;
    Ok(Envelope { from: disk, to, rpcs })
}

fn get_rpc(from: &mut Reader<Bytes>) -> Result<Rpc, Malformed> {
    Ok(match from.take_below(14)? {
        0 => {
            let [term, last_index, last_term] = from.take_u64s()?;
            let (pre, transfer) = get_flags(from)?;
            Rpc::RequestVote(RequestVote { term, pre, transfer, last_index, last_term })
        }
        1 => {
            let (term, (pre, granted)) = (from.take_u64()?, get_flags(from)?);
            Rpc::Vote { term, pre, granted }
        }
        2 => {
            let [term, round, prev_index, prev_term, leader_commit] = from.take_u64s()?;
            let count = from.take_u32()? as usize;
            let entries = from.take_list(count, LEAST_ENTRY, get_kept_entry)?;
            let append =
                AppendEntries { term, round, prev_index, prev_term, entries, leader_commit };
            Rpc::AppendEntries(append)
        }
        3 => {
            let [term, round, index] = from.take_u64s()?;
            let outcome = match from.take_bool()? {
                false => Appended::Matches(index),
                true => Appended::Conflicts(index),
            };
            Rpc::Appended { term, round, outcome }
        }
        4 => {
            let [term, round, last_index, last_term, offset] = from.take_u64s()?;
            let (done, configuration) = (from.take_bool()?, Arc::new(get_configuration(from)?));
            let (crc, length) = (from.take_u32()?, from.take_u32()? as usize);
            let bytes = from.take_bytes(length)?;
            Rpc::InstallSnapshot(InstallSnapshot {
                term,
                round,
                last_index,
                last_term,
                configuration,
                crc,
                offset,
                bytes,
                done,
            })
        }
        5 => {
            let [term, round, last_index] = from.take_u64s()?;
            Rpc::SnapshotTaken { term, round, last_index, next: get_maybe(from)? }
        }
        6 => Rpc::TimeoutNow { term: from.take_u64()? },
        7 => Rpc::Hello,
        8 => Rpc::Founders(Arc::new(get_configuration(from)?)),
        9 => Rpc::Members { index: from.take_u64()?, members: Arc::new(get_configuration(from)?) },
        10 => {
            let [term, index] = from.take_u64s()?;
            Rpc::Rest { term, index }
        }
        11 => Rpc::Wake,
        12 => Rpc::Beat { next: from.take_u64()? },
        _ => {
            let [term, index, last_term] = from.take_u64s()?;
            Rpc::Lost { term, index, last_term }
        }
    })
}

fn get_kept_entry(from: &mut Reader<Bytes>) -> Result<Entry, Malformed> {
    let mut entry = get_entry(from)?;
    if let Payload::Command(command) = &mut entry.payload {
        if command.len() > LONGEST_COMMAND {
            return Err(Malformed("it has a command that is too long"));
        }
        *command = kept(mem::take(command));
    }
    Ok(entry)
}

fn get_flags(from: &mut Reader<Bytes>) -> Result<(bool, bool), Malformed> {
    let flags = from.take_below(4)?;
    Ok((flags & 1 != 0, flags & 2 != 0))
}

fn get_maybe(from: &mut Reader<Bytes>) -> Result<Option<u64>, Malformed> {
    from.take_bool()?.then(|| from.take_u64()).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::groups::Groups;
    use crate::member::{Address, Configuration, Member};
    use crate::tuning::Tuning;
    use machine::NodeId;
    use machine::codec::{assert_canonical, assert_codec, assert_weight};
    use proptest::prelude::*;

    fn bytes(message: &Envelope) -> Bytes {
        let mut out = Encoder::default();
        message.encode(&mut out);
        out.finish().joined()
    }

    fn configuration() -> impl Strategy<Value = Arc<Configuration>> {
        let member = (0..9_u32, 0..3_u64)
            .prop_map(|(node, disk)| Member { node: NodeId(node), disk: DiskId(disk) });
        let members = || prop::collection::btree_set(member.clone(), 0..4);
        // Scopes and flow labels are of one computer alone, and stay there.
        let at = any::<(std::net::IpAddr, u16)>().prop_map(|(ip, port)| (ip.to_canonical(), port));
        let address = (at.clone(), at)
            .prop_map(|(nodes, clients)| Address { nodes: nodes.into(), clients: clients.into() });
        let node = (0..9_u32).prop_map(NodeId);
        let addresses = prop::collection::btree_map(node, address, 0..3);
        (members(), members(), members(), addresses).prop_map(
            |(voters, outgoing, learners, addresses)| {
                Arc::new(Configuration { voters, outgoing, learners, addresses })
            },
        )
    }

    fn entry() -> impl Strategy<Value = Entry> {
        let command = prop::collection::vec(any::<u8>(), 0..20);
        let payload = prop_oneof![
            Just(Payload::Blank),
            command.prop_map(|command| Payload::Command(command.into())),
            configuration().prop_map(Payload::Configuration),
        ];
        (any::<u64>(), payload).prop_map(|(term, payload)| Entry { term, payload })
    }

    fn rpc() -> impl Strategy<Value = Rpc> {
        let numbers = any::<[u64; 3]>;
        prop_oneof![
            (numbers(), any::<bool>(), any::<bool>()).prop_map(|(numbers, pre, transfer)| {
                let [term, last_index, last_term] = numbers;
                Rpc::RequestVote(RequestVote { term, pre, transfer, last_index, last_term })
            }),
            (any::<u64>(), any::<bool>(), any::<bool>())
                .prop_map(|(term, pre, granted)| Rpc::Vote { term, pre, granted }),
            (any::<[u64; 5]>(), prop::collection::vec(entry(), 0..5)).prop_map(
                |([term, round, prev_index, prev_term, leader_commit], entries)| {
                    Rpc::AppendEntries(AppendEntries {
                        term,
                        round,
                        prev_index,
                        prev_term,
                        entries,
                        leader_commit,
                    })
                }
            ),
            (numbers(), any::<bool>()).prop_map(|([term, round, index], matches)| {
                let outcome =
                    if matches { Appended::Matches(index) } else { Appended::Conflicts(index) };
                Rpc::Appended { term, round, outcome }
            }),
            (any::<[u64; 5]>(), configuration(), any::<u32>(), any::<Vec<u8>>(), any::<bool>())
                .prop_map(|(numbers, configuration, crc, bytes, done)| {
                    let [term, round, last_index, last_term, offset] = numbers;
                    let bytes = bytes.into();
                    Rpc::InstallSnapshot(InstallSnapshot {
                        term,
                        round,
                        last_index,
                        last_term,
                        configuration,
                        crc,
                        offset,
                        bytes,
                        done,
                    })
                }),
            (numbers(), any::<Option<u64>>()).prop_map(|([term, round, last_index], next)| {
                Rpc::SnapshotTaken { term, round, last_index, next }
            }),
            any::<u64>().prop_map(|term| Rpc::TimeoutNow { term }),
            Just(Rpc::Hello),
            configuration().prop_map(Rpc::Founders),
            (any::<u64>(), configuration())
                .prop_map(|(index, members)| Rpc::Members { index, members }),
            any::<[u64; 2]>().prop_map(|[term, index]| Rpc::Rest { term, index }),
            Just(Rpc::Wake),
            any::<u64>().prop_map(|next| Rpc::Beat { next }),
            numbers().prop_map(|[term, index, last_term]| Rpc::Lost { term, index, last_term }),
        ]
    }

    fn message() -> impl Strategy<Value = Envelope> {
        let rpcs = prop::collection::vec((any::<u32>().prop_map(GroupId), rpc()), 0..4);
        (any::<u64>(), any::<Option<u64>>(), rpcs).prop_map(|(from, to, rpcs)| Envelope {
            from: DiskId(from),
            to: to.map(DiskId),
            rpcs,
        })
    }

    /// Between two versions of the program these bytes are the contract.
    #[test]
    fn messages_are_these_bytes() {
        let entry = Entry { term: 2, payload: Payload::Command(Bytes::from_static(b"xy")) };
        let append = AppendEntries {
            term: 2,
            round: 9,
            prev_index: 4,
            prev_term: 1,
            entries: vec![entry],
            leader_commit: 3,
        };
        let rpcs = vec![(GroupId(5), Rpc::AppendEntries(append)), (GroupId(6), Rpc::Hello)];
        let message = Envelope { from: DiskId(7), to: Some(DiskId(8)), rpcs };
        let head = b"\x07\0\0\0\0\0\0\0\x01\x08\0\0\0\0\0\0\0\x05\0\0\0\x02";
        let numbers: Vec<u8> = [2, 9, 4, 1, 3_u64].iter().flat_map(|n| n.to_le_bytes()).collect();
        let entries = b"\x01\0\0\0\x02\0\0\0\0\0\0\0\x01\x02\0\0\0xy";
        let hello = b"\x06\0\0\0\x07";
        assert_eq!(bytes(&message), [&head[..], &numbers, entries, hello].concat());
    }

    /// What a leader sends at once: as many full batches as may be on their way, each a command longer
    /// than it need be.
    #[test]
    fn the_longest_message_fits() {
        let tuning = Tuning::default();
        let batch = tuning.max_batch_bytes + LONGEST_COMMAND + 64 * tuning.max_batch;
        assert!(tuning.max_in_flight * batch < Envelope::LONGEST);
        assert!(tuning.snapshot_chunk < Envelope::LONGEST);
    }

    proptest! {
        #[test]
        fn what_is_sent_arrives_and_nothing_else(message in message()) {
            assert_codec(&message, bytes, Envelope::decode);
            prop_assert_eq!(message.length(), bytes(&message).len());
            assert_weight::<Groups>(&message, &bytes(&message));
        }

        #[test]
        fn noise_is_read_or_refused(noise in prop::collection::vec(any::<u8>(), 0..200)) {
            assert_canonical(noise.into(), bytes, Envelope::decode);
        }
    }
}
