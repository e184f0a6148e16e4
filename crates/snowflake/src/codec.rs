//! The bytes of messages between nodes: a kind, then its fields in order, numbers little-endian.
//!
//! Written by hand: eight kinds of a few numbers, and envelopes that have their own bytes, are shorter than a format library and the
//! attributes that would keep its bytes from changing with our types.

use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use host::{Codec, Encoder, Malformed};
use machine::codec::Reader;
use machine::{NodeId, Wall, nanos};
use raft::Envelope;

use crate::message::{Get, Grant, Lease, Message, Refusal, Wanted};
use crate::{Id, MOST_IDS};

/// In the order of their bytes.
const REFUSALS: [Refusal; 7] = [
    Refusal::NotReady,
    Refusal::ClockBehind,
    Refusal::ClockWrong,
    Refusal::OutOfRange,
    Refusal::DiskFull,
    Refusal::Overloaded,
    Refusal::BadCount,
];

impl Codec for Message {
    const PROTOCOL: &'static str = "snowflake";
    const VERSION: u32 = 4;
    /// As many tables as authorities have on their way to each other, and what is around them. The
    /// ids of the largest request are fewer.
    const LONGEST: usize = 768 << 10;

    fn encode(&self, out: &mut Encoder) {
        match self {
            Message::Get(Get { worker, count }) => {
                out.put_u8(0);
                out.put_u32_le(worker.0);
                out.put_u32_le(*count);
            }
            Message::Mint { token, count } => {
                out.put_u8(1);
                out.put_u64_le(*token);
                out.put_u32_le(*count);
            }
            Message::Minted { token, ids } => {
                out.put_u8(2);
                out.put_u64_le(*token);
                ids.iter().for_each(|id| out.put_u64_le(id.0));
            }
            Message::Refused { token, why } => {
                out.put_u8(3);
                out.put_u64_le(*token);
                let place = REFUSALS.iter().position(|refusal| refusal == why);
                out.put_u8(place.unwrap_or(0) as u8);
            }
            Message::Acquire(wanted) => {
                out.put_u8(4);
                put_wanted(wanted, out);
            }
            Message::Renew(wanted, lease) => {
                out.put_u8(5);
                put_wanted(wanted, out);
                put_lease(lease, out);
            }
            Message::Granted(Grant { request, lease, lasts, floor, ceiling, wall }) => {
                out.put_u8(6);
                out.put_u64_le(*request);
                put_lease(lease, out);
                [nanos(*lasts), floor.0, ceiling.0, wall.0]
                    .into_iter()
                    .for_each(|time| out.put_u64_le(time));
            }
            Message::Denied { request } => {
                out.put_u8(7);
                out.put_u64_le(*request);
            }
            Message::Raft(envelope) => {
                out.put_u8(8);
                envelope.encode(out);
            }
        }
    }

    fn decode(bytes: Bytes) -> Result<Message, Malformed> {
        Reader::whole(bytes, get_message)
    }
}

fn put_wanted(wanted: &Wanted, out: &mut BytesMut) {
    out.put_u64_le(wanted.request);
    out.put_u64_le(wanted.ceiling.0);
}

fn put_lease(lease: &Lease, out: &mut BytesMut) {
    out.put_u64_le(lease.worker);
    out.put_u64_le(lease.epoch);
}

fn get_message(from: &mut Reader<Bytes>) -> Result<Message, Malformed> {
    Ok(match from.take_u8()? {
        0 => Message::Get(Get { worker: NodeId(from.take_u32()?), count: from.take_u32()? }),
        1 => Message::Mint { token: from.take_u64()?, count: from.take_u32()? },
        2 => {
            let token = from.take_u64()?;
            if from.left() > 8 * MOST_IDS as usize {
                return Err(Malformed("it has more ids than anybody may ask for"));
            }
            Message::Minted { token, ids: from.take_all(|from| Ok(Id(from.take_u64()?)))? }
        }
        3 => {
            let (token, place) = (from.take_u64()?, from.take_u8()?);
            let why = REFUSALS.get(usize::from(place));
            Message::Refused { token, why: *why.ok_or(Malformed("there is no such refusal"))? }
        }
        4 => Message::Acquire(get_wanted(from)?),
        5 => Message::Renew(get_wanted(from)?, get_lease(from)?),
        6 => Message::Granted(Grant {
            request: from.take_u64()?,
            lease: get_lease(from)?,
            lasts: Duration::from_nanos(from.take_u64()?),
            floor: Wall(from.take_u64()?),
            ceiling: Wall(from.take_u64()?),
            wall: Wall(from.take_u64()?),
        }),
        7 => Message::Denied { request: from.take_u64()? },
        8 => Message::Raft(Envelope::decode(from.rest())?),
        _ => return Err(Malformed("there is no such kind of message")),
    })
}

fn get_wanted(from: &mut Reader<Bytes>) -> Result<Wanted, Malformed> {
    Ok(Wanted { request: from.take_u64()?, ceiling: Wall(from.take_u64()?) })
}

fn get_lease(from: &mut Reader<Bytes>) -> Result<Lease, Malformed> {
    Ok(Lease { worker: from.take_u64()?, epoch: from.take_u64()? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use machine::DiskId;
    use machine::codec::{assert_canonical, assert_codec, assert_delimited, assert_weight};
    use proptest::prelude::*;
    use raft::{GroupId, LONGEST_COMMAND, Rpc};

    use crate::message::Snowflake;
    use crate::replicated_authority::tuning;

    fn bytes(message: &Message) -> Bytes {
        let mut out = Encoder::default();
        message.encode(&mut out);
        out.finish().joined()
    }

    fn messages() -> impl Strategy<Value = Message> {
        let wanted = || {
            let fields = (any::<u64>(), any::<u64>());
            fields.prop_map(|(request, ceiling)| Wanted { request, ceiling: Wall(ceiling) })
        };
        let lease = || {
            let fields = (any::<u64>(), any::<u64>());
            fields.prop_map(|(worker, epoch)| Lease { worker, epoch })
        };
        let ids = prop::collection::vec(any::<u64>().prop_map(Id), 0..50);
        prop_oneof![
            (any::<u32>(), any::<u32>())
                .prop_map(|(worker, count)| Message::Get(Get { worker: NodeId(worker), count })),
            (any::<u64>(), any::<u32>()).prop_map(|(token, count)| Message::Mint { token, count }),
            (any::<u64>(), ids).prop_map(|(token, ids)| Message::Minted { token, ids }),
            (any::<u64>(), prop::sample::select(&REFUSALS[..]))
                .prop_map(|(token, why)| Message::Refused { token, why }),
            wanted().prop_map(Message::Acquire),
            (wanted(), lease()).prop_map(|(wanted, lease)| Message::Renew(wanted, lease)),
            (any::<u64>(), lease(), any::<[u64; 4]>()).prop_map(|(request, lease, times)| {
                let [lasts, floor, ceiling, wall] = times;
                let lasts = Duration::from_nanos(lasts);
                let (floor, ceiling, wall) = (Wall(floor), Wall(ceiling), Wall(wall));
                Message::Granted(Grant { request, lease, lasts, floor, ceiling, wall })
            }),
            any::<u64>().prop_map(|request| Message::Denied { request }),
            (any::<u64>(), any::<Option<u64>>(), prop::collection::vec(any::<u64>(), 0..3))
                .prop_map(|(from, to, terms)| {
                    let rpc = |term| (GroupId(0), Rpc::TimeoutNow { term });
                    let rpcs = terms.into_iter().map(rpc).collect();
                    Message::Raft(Envelope { from: DiskId(from), to: to.map(DiskId), rpcs })
                }),
        ]
    }

    /// Between two versions of the program these bytes are the contract.
    #[test]
    fn messages_are_these_bytes() {
        let wanted = Wanted { request: 0x0102, ceiling: Wall(3) };
        let lease = Lease { worker: 4, epoch: 5 };
        let renew =
            b"\x05\x02\x01\0\0\0\0\0\0\x03\0\0\0\0\0\0\0\x04\0\0\0\0\0\0\0\x05\0\0\0\0\0\0\0";
        assert_eq!(bytes(&Message::Renew(wanted, lease)), &renew[..]);
        let refused = Message::Refused { token: 1, why: Refusal::Overloaded };
        assert_eq!(bytes(&refused), &b"\x03\x01\0\0\0\0\0\0\0\x05"[..]);
        let minted = Message::Minted { token: 1, ids: vec![Id(2)] };
        assert_eq!(bytes(&minted), &b"\x02\x01\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0"[..]);
        assert_eq!(bytes(&Message::Denied { request: 9 }), &b"\x07\x09\0\0\0\0\0\0\0"[..]);
        let envelope = Envelope { from: DiskId(3), to: None, rpcs: vec![(GroupId(0), Rpc::Hello)] };
        let hello = b"\x08\x03\0\0\0\0\0\0\0\0\0\0\0\0\x07";
        assert_eq!(bytes(&Message::Raft(envelope)), &hello[..]);
    }

    #[test]
    fn every_refusal_has_its_byte() {
        for why in REFUSALS {
            let refused = Message::Refused { token: 7, why };
            assert_eq!(Message::decode(bytes(&refused)), Ok(refused));
        }
    }

    #[test]
    fn the_largest_answer_fits_and_a_larger_one_is_none() {
        let minted = |count: u32| {
            bytes(&Message::Minted { token: 1, ids: (0..u64::from(count)).map(Id).collect() })
        };
        assert!(minted(MOST_IDS).len() <= Message::LONGEST);
        assert!(Message::decode(minted(MOST_IDS)).is_ok());
        assert!(Message::decode(minted(MOST_IDS + 1)).is_err());
    }

    /// What the acting authority sends at once: as many batches as may be on their way, each with a
    /// table that is longer than it need be.
    #[test]
    fn the_longest_envelope_fits() {
        let tuning = tuning();
        let batch = tuning.max_batch_bytes + LONGEST_COMMAND + 64 * tuning.max_batch;
        assert!(tuning.max_in_flight * batch < Message::LONGEST);
        assert!(tuning.snapshot_chunk < Message::LONGEST);
    }

    proptest! {
        #[test]
        fn what_is_sent_arrives_and_nothing_else(message in messages()) {
            assert_weight::<Snowflake>(&message, &bytes(&message));
            match &message {
                // Ids are as many as there are, and so are the group's messages.
                Message::Minted { .. } | Message::Raft(_) => {
                    assert_codec(&message, bytes, Message::decode);
                }
                _ => assert_delimited(&message, bytes, Message::decode),
            }
        }

        #[test]
        fn noise_is_read_or_refused(noise in prop::collection::vec(any::<u8>(), 0..200)) {
            assert_canonical(noise.into(), bytes, Message::decode);
        }
    }
}
