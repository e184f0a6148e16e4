//! The bytes of messages between nodes: a kind, then its fields in order, numbers little-endian.
//!
//! Written by hand: eight kinds of a few numbers, and envelopes that have their own bytes, are shorter than a format library and the
//! attributes that would keep its bytes from changing with our types. Every length is known before
//! anything is kept, and nothing may follow.

use std::time::Duration;

use bytes::{Buf, BufMut, Bytes, BytesMut, TryGetError};
use host::{Codec, Malformed};
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
    const VERSION: u32 = 2;
    /// As many tables as authorities have on their way to each other, and what is around them. The
    /// ids of the largest request are fewer.
    const LONGEST: usize = 768 << 10;

    fn encode(&self, out: &mut BytesMut) {
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

    fn decode(mut bytes: Bytes) -> Result<Message, Malformed> {
        let message = get_message(&mut bytes).map_err(|_| Malformed("it ends too early"))??;
        match bytes.is_empty() {
            true => Ok(message),
            false => Err(Malformed("something follows it")),
        }
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

fn get_message(bytes: &mut Bytes) -> Result<Result<Message, Malformed>, TryGetError> {
    Ok(Ok(match bytes.try_get_u8()? {
        0 => {
            let (worker, count) = (NodeId(bytes.try_get_u32_le()?), bytes.try_get_u32_le()?);
            Message::Get(Get { worker, count })
        }
        1 => Message::Mint { token: bytes.try_get_u64_le()?, count: bytes.try_get_u32_le()? },
        2 => {
            let token = bytes.try_get_u64_le()?;
            if bytes.len() > 8 * MOST_IDS as usize {
                return Ok(Err(Malformed("it has more ids than anybody may ask for")));
            }
            let mut ids = Vec::with_capacity(bytes.len() / 8);
            while !bytes.is_empty() {
                ids.push(Id(bytes.try_get_u64_le()?));
            }
            Message::Minted { token, ids }
        }
        3 => {
            let (token, place) = (bytes.try_get_u64_le()?, bytes.try_get_u8()?);
            let Some(&why) = REFUSALS.get(usize::from(place)) else {
                return Ok(Err(Malformed("there is no such refusal")));
            };
            Message::Refused { token, why }
        }
        4 => Message::Acquire(get_wanted(bytes)?),
        5 => Message::Renew(get_wanted(bytes)?, get_lease(bytes)?),
        6 => Message::Granted(Grant {
            request: bytes.try_get_u64_le()?,
            lease: get_lease(bytes)?,
            lasts: Duration::from_nanos(bytes.try_get_u64_le()?),
            floor: Wall(bytes.try_get_u64_le()?),
            ceiling: Wall(bytes.try_get_u64_le()?),
            wall: Wall(bytes.try_get_u64_le()?),
        }),
        7 => Message::Denied { request: bytes.try_get_u64_le()? },
        8 => return Ok(Envelope::decode(std::mem::take(bytes)).map(Message::Raft)),
        _ => return Ok(Err(Malformed("there is no such kind of message"))),
    }))
}

fn get_wanted(bytes: &mut Bytes) -> Result<Wanted, TryGetError> {
    Ok(Wanted { request: bytes.try_get_u64_le()?, ceiling: Wall(bytes.try_get_u64_le()?) })
}

fn get_lease(bytes: &mut Bytes) -> Result<Lease, TryGetError> {
    Ok(Lease { worker: bytes.try_get_u64_le()?, epoch: bytes.try_get_u64_le()? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use machine::DiskId;
    use proptest::prelude::*;
    use raft::{GroupId, LONGEST_COMMAND, Rpc};

    use crate::council::tuning;

    fn bytes(message: &Message) -> Bytes {
        let mut out = BytesMut::new();
        message.encode(&mut out);
        out.freeze()
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
        fn what_is_sent_arrives(message in messages()) {
            prop_assert_eq!(Message::decode(bytes(&message)), Ok(message));
        }

        #[test]
        fn what_is_cut_or_goes_on_is_no_message(
            message in messages(), cut in any::<prop::sample::Index>(), more: u8
        ) {
            let sent = bytes(&message);
            let cut = cut.index(sent.len());
            if let Ok(other) = Message::decode(sent.slice(..cut)) {
                // Ids are as many as there are, and so are the group's messages.
                let fewer = match other {
                    Message::Minted { .. } => (sent.len() - cut).is_multiple_of(8),
                    Message::Raft(_) => matches!(message, Message::Raft(_)),
                    _ => false,
                };
                prop_assert!(fewer, "{:?} cut to {:?}", message, cut);
            }
            let longer = Bytes::from([&sent[..], &[more]].concat());
            prop_assert!(Message::decode(longer).is_err());
        }

        /// Bytes have one meaning, and a meaning has one form.
        #[test]
        fn what_was_changed_is_what_it_says_or_nothing(
            message in messages(), at in any::<prop::sample::Index>(), to: u8
        ) {
            let mut changed = bytes(&message).to_vec();
            let at = at.index(changed.len());
            changed[at] = to;
            if let Ok(read) = Message::decode(changed.clone().into()) {
                prop_assert_eq!(&bytes(&read)[..], &changed[..]);
            }
        }

        #[test]
        fn noise_is_read_or_refused(noise in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(read) = Message::decode(noise.clone().into()) {
                prop_assert_eq!(&bytes(&read)[..], &noise[..]);
            }
        }
    }
}
