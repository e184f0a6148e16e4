//! What is asked.

use bytes::BufMut;
use host::Budget;
use machine::Random;
use proptest::prelude::*;
use rand::{RngExt, SeedableRng};

use super::bounds::{MOST_ELEMENTS, covers, fields};
use super::versions::APIS;
use super::*;
use replicated_log::ask::*;
use replicated_log::batch::{Batch, Record};

/// Makes bodies of requests.
struct Author {
    random: Random,
    version: i16,
    compact: bool,
    out: BytesMut,
}

impl Author {
    fn structure(&mut self, layout: &str) {
        for (versions, field) in fields(layout) {
            if covers(versions, self.version) {
                self.field(field);
            }
        }
        self.tags();
    }

    fn field(&mut self, field: &str) {
        let inside = field.get(1..field.len() - 1).unwrap_or("");
        match field.as_bytes()[0] {
            b's' => {
                let length = self.random.random_range(0..6);
                match self.compact {
                    true => machine::codec::put_number(length + 1, &mut self.out),
                    false => self.out.put_u16(length as u16),
                }
                (0..length).for_each(|_| self.out.put_u8(self.random.random_range(b'a'..=b'z')));
            }
            b'b' => {
                let length = self.length(20);
                (0..length).for_each(|_| self.out.put_u8(self.random.random()));
            }
            b'(' => (0..self.length(4)).for_each(|_| self.structure(inside)),
            b'[' => (0..self.length(4)).for_each(|_| self.field(inside)),
            _ => {
                let bytes: usize = field.parse().unwrap();
                (0..bytes).for_each(|_| self.out.put_u8(self.random.random()));
            }
        }
    }

    fn length(&mut self, below: u32) -> u32 {
        let length = self.random.random_range(0..below);
        match self.compact {
            true => machine::codec::put_number(u64::from(length) + 1, &mut self.out),
            false => self.out.put_u32(length),
        }
        length
    }

    /// None that this protocol knows.
    fn tags(&mut self) {
        if self.compact {
            let count = self.random.random_range(0..3_u8).saturating_sub(1);
            self.out.put_u8(count);
            (0..count).for_each(|_| self.out.put_slice(b"\x0A\x02hi"));
        }
    }
}

fn body(api: &Api, version: i16, seed: u64) -> Bytes {
    let random = Random::seed_from_u64(seed);
    let compact = api.is_flexible(version);
    let mut author = Author { random, version, compact, out: BytesMut::new() };
    author.structure(api.layout);
    author.out.freeze()
}

fn frame(api: &Api, version: i16, body: &[u8]) -> Bytes {
    let mut out = BytesMut::zeroed(4);
    out.put_i16(api.key as i16);
    out.put_i16(version);
    out.put_i32(7);
    out.put_slice(b"\0\x04kcat");
    if api.is_flexible(version) {
        out.put_u8(0);
    }
    out.put_slice(body);
    let length = out.len() as u32 - 4;
    out[..4].copy_from_slice(&length.to_be_bytes());
    out.freeze()
}

fn asked(key: ApiKey, version: i16, body: &[u8]) -> Result<Request, Refusal> {
    Kafka.decode(frame(Api::of(key as i16).unwrap(), version, body))
}

fn ask(key: ApiKey, version: i16, body: &[u8]) -> Ask {
    match asked(key, version, body) {
        Ok(Request::Ask(_, ask)) => *ask,
        other => panic!("{other:?}"),
    }
}

pub(super) fn head(key: ApiKey, version: i16) -> Head {
    let (client, beside, frame) = (Name::default(), Beside::Nothing, Bytes::new());
    Head { api: key, version, correlation: 7, client, beside, _frame: frame }
}

pub(super) fn each_version() -> impl Iterator<Item = (&'static Api, i16)> {
    let versions = |api: &'static Api| (api.from..=api.to).map(move |version| (api, version));
    APIS.iter().flat_map(versions).filter(|(api, version)| api.takes(*version))
}

#[test]
fn layouts_and_codec_take_the_same_bytes_in_every_version() {
    for (api, version) in each_version() {
        for seed in 0..50 {
            let body = body(api, version, seed);
            let longer = [&body[..], b"!?"].concat();
            let about = format!("{:?} {version}, seed {seed}: {body:?}", api.key);
            assert_eq!(bounds::length(api, version, &longer), Some(body.len()), "{about}");
            let mut left = Bytes::from(longer);
            let known = question(head(api.key, version), &mut left);
            assert!(known.is_some() && left == b"!?"[..], "{about}");
            for cut in 0..body.len() {
                assert_eq!(bounds::length(api, version, &body[..cut]), None, "{about}");
            }
        }
    }
}

#[test]
fn the_codec_knows_all_that_is_announced_and_nothing_else_is_taken() {
    for (api, version) in each_version() {
        let range = api.key.valid_versions();
        assert!((range.min..=range.max).contains(&version), "{:?} {version}", api.key);
        let flexible = api.key.request_header_version(version) == 2;
        assert_eq!(api.is_flexible(version), flexible, "{:?} {version}", api.key);
    }
    for api in APIS.iter().filter(|api| api.key != ApiKey::ApiVersions) {
        for version in [api.from - 1, api.to + 1, i16::MIN, i16::MAX] {
            let body = body(api, api.to, 1);
            let refused = Kafka.decode(frame(api, version, &body)).unwrap_err();
            assert_eq!(refused, Refusal::default(), "{:?} {version}", api.key);
        }
    }
    assert!(Kafka.decode(Bytes::from_static(b"\0\0\0\x08\0\x1A\0\0\0\0\0\x07")).is_err(), "EndTxn");
    assert!(Kafka.decode(Bytes::from_static(b"\0\0\0\x02\0\0")).is_err(), "too short");
}

#[test]
fn lengths_that_claim_what_is_not_there_are_refused_before_anything_is_reserved() {
    // Without the walk each of these would end this process.
    assert!(asked(ApiKey::Metadata, 1, b"\x7F\xFF\xFF\xFF").is_err());
    assert!(asked(ApiKey::Metadata, 9, b"\xFF\xFF\xFF\xFF\x0F").is_err());
    for (api, version) in each_version() {
        let body = body(api, version, 3);
        for place in 0..body.len() {
            for hostile in [&b"\x7F\xFF\xFF\xFF"[..], b"\x80\0\0\0", b"\xFF\xFF\xFF\xFF\x0F", b"\0"]
            {
                let mut bytes = body.to_vec();
                let end = bytes.len().min(place + hostile.len());
                bytes[place..end].copy_from_slice(&hostile[..end - place]);
                let _ = Kafka.decode(frame(api, version, &bytes));
            }
        }
    }
}

#[test]
fn a_request_has_only_so_many_elements() {
    // Names without a letter: two bytes each.
    let names = |count: usize| {
        let count_bytes = (count as u32).to_be_bytes();
        [&count_bytes[..], &vec![0; 2 * count]].concat()
    };
    assert!(asked(ApiKey::Metadata, 1, &names(MOST_ELEMENTS)).is_ok());
    assert!(asked(ApiKey::Metadata, 1, &names(MOST_ELEMENTS + 1)).is_err());
    let long =
        |length: u16| [&b"\0\0\0\x01"[..], &length.to_be_bytes(), &vec![b'a'; 40_000]].concat();
    assert!(asked(ApiKey::Metadata, 1, &long(i16::MAX as u16)).is_ok());
    assert!(asked(ApiKey::Metadata, 1, &long(i16::MAX as u16 + 1)).is_err());
    let compact = |length: u32| {
        let mut body = BytesMut::from(&b"\x02"[..]);
        machine::codec::put_number(u64::from(length) + 1, &mut body);
        body.put_slice(&vec![b'a'; length as usize]);
        body.put_slice(b"\0\0\0\0\0");
        body
    };
    assert!(asked(ApiKey::Metadata, 9, &compact(0x7FFF)).is_ok());
    assert!(asked(ApiKey::Metadata, 9, &compact(0x8000)).is_err());
}

proptest! {
    /// Whatever it is, it is a question or it is refused. `PROPTEST_CASES` says how often.
    #[test]
    fn frames_that_were_altered_harm_nobody(
        which in 0..APIS.len(),
        version in 0..17_i16,
        seed in any::<u64>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..4_u8), 1..8),
    ) {
        let api = &APIS[which];
        let version = version.clamp(api.from, api.to);
        let mut bytes = frame(api, version, &body(api, version, seed)).to_vec();
        for (place, byte, kind) in changes {
            let place = place.index(bytes.len());
            match kind {
                0 => bytes[place] = byte,
                1 => bytes[place] ^= 1 << (byte % 8),
                2 => bytes.insert(place, byte),
                _ => bytes.truncate(place.max(12)),
            }
        }
        let _ = Kafka.length(&bytes);
        if let Ok(Request::Ask(head, _)) = Kafka.decode(bytes.into()) {
            prop_assert!(head.version == version || head.version <= 16);
        }
    }
}

// What is asked.

#[test]
fn a_frame_is_as_long_as_it_says() {
    assert_eq!(Kafka.length(b"\0\0\0"), Ok(None));
    assert_eq!(Kafka.length(b"\0\0\x01\x02rest"), Ok(Some(0x106)));
    assert_eq!(Kafka.length(b"\xFF\0\0\0"), Err(Refusal::default()));
}

#[test]
fn versions_are_asked_for_in_any_version() {
    let whole = |request| match request {
        Ok(Request::Known(bytes)) => bytes,
        other => panic!("{other:?}"),
    };
    // Apis are announced as key, least and greatest version.
    let oldest = whole(asked(ApiKey::ApiVersions, 0, b""));
    assert_eq!(oldest[..14], *b"\0\0\0\x88\0\0\0\x07\0\0\0\0\0\x15");
    assert_eq!(oldest[14..20], *b"\0\0\0\0\0\x0A", "Produce from 0 on");
    let newer = whole(asked(ApiKey::ApiVersions, 3, b"\x05rdkf\x021\0"));
    assert_eq!(newer[8..11], *b"\0\0\x16", "no tags in this header, and a compact length");
    let too_new = whole(asked(ApiKey::ApiVersions, 99, b"whatever"));
    let expected = b"\0\0\0\x10\0\0\0\x07\0\x23\0\0\0\x01\0\x12\0\0\0\x04";
    assert_eq!(too_new[..], expected[..], "in version 0, code 35, and what is known");
}

#[test]
fn batches_are_slices_of_their_frame_and_acks_of_no_kind_are_refused() {
    let batch = Batch::of(&[Record { key: None, value: Some(vec![7; 100].into()) }], 5, None);
    let records = batch.parts().joined();
    let body = |acks: i16| {
        let mut body = BytesMut::from(&b"\xFF\xFF"[..]);
        body.put_i16(acks);
        body.put_slice(b"\0\0\x03\xE8\0\0\0\x01\0\x01t\0\0\0\x02\0\0\0\x04");
        body.put_u32(records.len() as u32);
        body.put_slice(&records);
        body.put_slice(b"\xFF\xFF\xFF\xFF\0\0\0\x03bad");
        body
    };
    let frame = frame(&APIS[0], 7, &body(-1));
    let Ok(Request::Ask(head, asked)) = Kafka.decode(frame.clone()) else { panic!() };
    let Ask::Produce(produce) = *asked else { panic!() };
    assert!(head.wants_answer());
    assert_eq!((produce.acks, produce.timeout), (Acks::All, Duration::from_secs(1)));
    let [good, bad] = &produce.batches[..] else { panic!() };
    assert_eq!((&*format!("{:?}", good.topic), good.partition), ("t", 4));
    let good = good.batch.as_ref().unwrap();
    assert_eq!(*good, batch);
    let last = good.parts().slices().last().unwrap().as_ptr_range().end;
    assert!(frame.as_ptr_range().contains(&last), "it was not copied");
    assert!(bad.batch.is_err() && bad.partition == u32::MAX);

    let Ok(Request::Ask(head, _)) = self::asked(ApiKey::Produce, 7, &body(0)) else { panic!() };
    assert!(!head.wants_answer());
    let Ask::Produce(produce) = ask(ApiKey::Produce, 7, &body(2)) else { panic!() };
    let errors = produce.batches.iter().map(|part| part.batch.clone().unwrap_err());
    assert!(errors.eq([ErrorCode::InvalidRequiredAcks; 2]));
}

#[test]
fn a_small_batch_does_not_keep_its_frame() {
    let batch = Batch::of(&[Record { key: None, value: Some(vec![7; 100].into()) }], 5, None);
    let records = batch.parts().joined();
    for (beside, keeps) in [(8 * records.len(), false), (5 * records.len(), true)] {
        let mut body = BytesMut::from(
            &b"\xFF\xFF\xFF\xFF\0\0\x03\xE8\0\0\0\x01\0\x01t\0\0\0\x02\0\0\0\x04"[..],
        );
        body.put_u32(records.len() as u32);
        body.put_slice(&records);
        body.put_slice(b"\0\0\0\x05");
        body.put_u32(beside as u32);
        body.put_bytes(9, beside);
        let frame = frame(&APIS[0], 7, &body);
        let Ok(Request::Ask(_, asked)) = Kafka.decode(frame.clone()) else { panic!() };
        let Ask::Produce(produce) = *asked else { panic!() };
        assert_eq!(produce.batches[0].batch, Ok(batch.clone()));
        assert_eq!(!frame.is_unique(), keeps, "{beside} bytes beside it");
    }
}

#[test]
fn what_is_asked_again_and_again_is_asked_once() {
    let all = |topics| Ask::Metadata(MetadataAsk { topics, creates: true });
    assert_eq!(ask(ApiKey::Metadata, 0, b"\0\0\0\0"), all(None), "no topics are all, in version 0");
    assert_eq!(ask(ApiKey::Metadata, 1, b"\0\0\0\0"), all(Some(Vec::new())));
    assert_eq!(ask(ApiKey::Metadata, 1, b"\xFF\xFF\xFF\xFF"), all(None));
    let names = |names: &[&str]| names.iter().map(|name| TopicRef::Name((*name).into())).collect();
    let twice = b"\0\0\0\x03\0\x01b\0\x01a\0\x01b";
    assert_eq!(ask(ApiKey::Metadata, 1, twice), all(Some(names(&["b", "a"]))));
    let groups = ask(ApiKey::DescribeGroups, 0, b"\0\0\0\x02\0\x01g\0\x01g");
    assert_eq!(groups, Ask::DescribeGroups(vec!["g".into()]));
    let parts =
        b"\0\x01g\0\0\0\x02\0\x01t\0\0\0\x02\0\0\0\x05\0\0\0\x05\0\x01t\0\0\0\x01\0\0\0\x03";
    let topics = Some(vec![(TopicRef::Name("t".into()), vec![3, 5])]);
    let once = Ask::Committed(vec![CommittedAsk { group: "g".into(), topics }]);
    assert_eq!(ask(ApiKey::OffsetFetch, 3, parts), once);
}

#[test]
fn members_say_who_they_are_and_keep_no_frame() {
    let body = b"\0\x01g\0\0\x17\x70\0\0\0\x08consumer\0\0\0\x01\0\x05range\0\0\0\x02me";
    let frame = frame(Api::of(ApiKey::JoinGroup as i16).unwrap(), 0, body);
    let mut request = Kafka.decode(frame.clone()).unwrap();
    request.comes_from([127, 0, 0, 1].into());
    let Request::Ask(_, ask) = request else { panic!() };
    let Ask::JoinGroup(join) = *ask else { panic!() };
    let six = Duration::from_secs(6);
    assert_eq!((&*join.client, &*join.host, join.knows_member_ids), ("kcat", "127.0.0.1", false));
    assert_eq!((join.session_timeout, join.rebalance_timeout), (six, six));
    let (name, metadata) = &join.protocols[0];
    assert_eq!((&**name, &metadata[..]), ("range", &b"me"[..]));
    assert!(!frame.as_ptr_range().contains(&metadata.as_ptr()));
}

#[test]
fn what_is_not_here_is_refused_by_an_answer() {
    let known = |request| match request {
        Ok(Request::Known(bytes)) => bytes[8..].to_vec(),
        other => panic!("{other:?}"),
    };
    let refused = ErrorCode::TransactionalIdAuthorizationFailed.code().to_be_bytes();
    let transactional = known(asked(ApiKey::FindCoordinator, 1, b"\0\x01x\x01"));
    assert_eq!(transactional[4..6], refused);
    let transactional = known(asked(ApiKey::InitProducerId, 1, b"\0\x01x\0\0\0\0"));
    assert_eq!(transactional[4..6], refused);
    let placed =
        known(asked(ApiKey::CreatePartitions, 0, b"\0\0\0\x01\0\x01t\0\0\0\x02\0\0\0\0\0\0\0\0\0"));
    assert_eq!(placed[11..13], ErrorCode::InvalidReplicaAssignment.code().to_be_bytes());
    let session = b"\xFF\xFF\xFF\xFF\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x09\0\0\0\x01\0\0\0\0\0\0\0\0";
    assert_eq!(known(asked(ApiKey::Fetch, 7, session))[4..6], 70_i16.to_be_bytes());
}

#[test]
fn a_question_has_its_share_of_the_budget_until_it_is_answered() {
    let budget = Budget::new(1_000);
    let frame = frame(Api::of(ApiKey::Metadata as i16).unwrap(), 1, b"\xFF\xFF\xFF\xFF");
    let length = frame.len() as u64;
    let request = Kafka.decode(budget.take(length).unwrap().hold(frame)).unwrap();
    assert_eq!(budget.left(), 1_000 - length);
    drop(request);
    assert_eq!(budget.left(), 1_000);
}
