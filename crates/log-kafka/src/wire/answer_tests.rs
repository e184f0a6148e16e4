//! What is answered.

use kafka_protocol::messages::FetchResponse;
use kafka_protocol::messages::fetch_response::{FetchableTopicResponse, PartitionData};
use machine::codec::SHARED;

use super::question_tests::{each_version, head};
use super::*;
use replicated_log::ask::*;
use replicated_log::batch::{Batch, Record};

fn named(topic: &str) -> TopicRef {
    TopicRef::Name(topic.into())
}

const LOST: ErrorCode = ErrorCode::NotLeaderOrFollower;

/// A batch whose value has so many bytes, at this offset.
fn batch(bytes: usize, offset: u64) -> Batch {
    let record = Record { key: None, value: Some(vec![7; bytes].into()) };
    Batch::of(&[record], 1_000, None).stamped(offset, 3)
}

fn fetched(version: i16) -> Vec<Fetched> {
    let (one, other) = match version {
        ..=12 => (named("one"), named("other")),
        _ => (TopicRef::Id(TopicId(7 << 64 | 1)), TopicRef::Id(TopicId(7 << 64 | 2))),
    };
    let read = |batches, preferred_replica| {
        Ok(Records { high_watermark: 20, log_start: 3, preferred_replica, batches })
    };
    let long = vec![batch(10, 17), batch(2 * SHARED, 18), batch(3 * SHARED, 19)];
    let elsewhere = (version >= 11).then_some(NodeId(2));
    vec![
        Fetched { topic: one.clone(), partition: 0, outcome: read(long, None) },
        Fetched { topic: one, partition: 1, outcome: read(Vec::new(), elsewhere) },
        Fetched { topic: other, partition: u32::MAX, outcome: Err(LOST) },
    ]
}

/// As the codec says it.
fn as_the_codec_says_it(parts: &[Fetched]) -> FetchResponse {
    let topics = parts.chunk_by(|one, next| one.topic == next.topic).map(|parts| {
        let parts_of = parts.iter().map(|part| {
            let answer = PartitionData::default()
                .with_partition_index(part.partition.cast_signed())
                .with_aborted_transactions(Some(Vec::new()))
                .with_error_code(code(&part.outcome));
            match &part.outcome {
                Err(_) => answer
                    .with_high_watermark(-1)
                    .with_last_stable_offset(-1)
                    .with_log_start_offset(-1)
                    .with_records(Some(Bytes::new())),
                Ok(read) => {
                    let slices = read.batches.iter().flat_map(Batch::parts);
                    answer
                        .with_high_watermark(read.high_watermark.cast_signed())
                        .with_last_stable_offset(read.high_watermark.cast_signed())
                        .with_log_start_offset(read.log_start.cast_signed())
                        .with_preferred_read_replica(broker(read.preferred_replica))
                        .with_records(Some(slices.collect::<Parts>().joined()))
                }
            }
        });
        let id = match &parts[0].topic {
            TopicRef::Id(id) => topic_id(*id),
            TopicRef::Name(_) => Uuid::nil(),
        };
        FetchableTopicResponse::default()
            .with_topic(topic_name(&parts[0].topic))
            .with_topic_id(id)
            .with_partitions(parts_of.collect())
    });
    FetchResponse::default().with_responses(topics.collect())
}

#[test]
fn fetches_are_answered_as_the_codec_would_and_batches_are_not_copied() {
    for version in 4..=16 {
        let (head, parts) = (head(ApiKey::Fetch, version), fetched(version));
        let mut out = Parts::new();
        let answer = Box::new(Answer::Fetched(parts.clone()));
        Kafka.encode(Reply::Answer(head, answer), &mut out);
        let expected = framed(7, version, &as_the_codec_says_it(&parts));
        assert_eq!(out.joined(), expected, "version {version}");

        let shared: Vec<_> = out.slices().iter().filter(|slice| slice.len() >= SHARED).collect();
        let batches = parts[0].outcome.iter().flat_map(|read| &read.batches[1..]);
        let rests = batches.map(|batch| batch.parts().slices().last().cloned().unwrap());
        assert!(shared.iter().map(|slice| slice.as_ptr()).eq(rests.map(|rest| rest.as_ptr())));
        assert_eq!(out.slices().len(), 6, "a length, two long slices and what is around them");
    }
}

#[test]
fn an_empty_fetch_is_answered_too() {
    for version in 4..=16 {
        let mut out = Parts::new();
        data::put_fetched(&head(ApiKey::Fetch, version), &[], &mut out);
        assert_eq!(
            out.joined(),
            framed(7, version, &FetchResponse::default()),
            "version {version}"
        );
    }
}

fn answers() -> Vec<(ApiKey, Answer)> {
    let (topic, id) = (named("t"), TopicRef::Id(TopicId(5)));
    let refused = || Err((ErrorCode::InvalidPartitions, Name::from("0 is too few")));
    let done = || {
        let made = TopicDone { topic: topic.clone(), outcome: Ok((Some(TopicId(5)), 3, 2)) };
        vec![made, TopicDone { topic: id.clone(), outcome: refused() }]
    };
    let broker_address = |id| BrokerAddress {
        id: NodeId(id),
        address: (id == 1).then(|| "127.0.0.1:9092".parse().unwrap()),
        rack: Some("a".into()),
    };
    let partition = |leader| PartitionMetadata {
        leader,
        leader_epoch: 4,
        replicas: vec![NodeId(1), NodeId(2)],
        isr: vec![NodeId(1)],
        offline: vec![NodeId(2)],
    };
    let shape = TopicShape {
        id: TopicId(5),
        name: "t".into(),
        is_internal: false,
        partitions: vec![partition(Some(NodeId(1))), partition(None)],
    };
    let metadata = || Metadata {
        brokers: vec![broker_address(1), broker_address(2)],
        controller: None,
        cluster: "lab".into(),
        topics: vec![
            TopicMetadata { topic: topic.clone(), outcome: Ok(shape.clone()) },
            TopicMetadata { topic: id.clone(), outcome: Err(ErrorCode::UnknownTopicId) },
            TopicMetadata { topic: topic.clone(), outcome: Err(LOST) },
        ],
    };
    let member = (Name::from("m-1"), Some(Name::from("i")), Bytes::from_static(b"wants"));
    let joined = Joined {
        generation: 3,
        protocol_type: "consumer".into(),
        protocol: "range".into(),
        leader: "m-1".into(),
        member: "m-1".into(),
        members: vec![member],
        skips_assignment: true,
    };
    let not_joined = JoinRefused { error: ErrorCode::MemberIdRequired, member: "m-2".into() };
    let leaver = Leaver { member: "m-1".into(), instance: Some("i".into()) };
    let offset = |found| CommittedOffset { partition: 0, found };
    let committed =
        vec![(topic.clone(), vec![offset(Some((9, Some(2), Some("here".into())))), offset(None)])];
    let group = GroupDescription {
        state: "Stable",
        protocol_type: "consumer".into(),
        protocol: "range".into(),
        members: vec![MemberDescription {
            member: "m-1".into(),
            instance: None,
            client: "kcat".into(),
            host: "127.0.0.1".into(),
            metadata: Bytes::from_static(b"wants"),
            assignment: Bytes::from_static(b"has"),
        }],
    };
    let found = OffsetFound { offset: Some(4), timestamp: Some(1_000), leader_epoch: Some(2) };
    let moved = ErrorCode::NotCoordinator;
    let produced = |partition, outcome| Produced { topic: topic.clone(), partition, outcome };
    let offset_of = |outcome| OffsetAnswer { topic: topic.clone(), partition: 1, outcome };
    let end_of = |outcome| EpochEnd { topic: topic.clone(), partition: 1, outcome };
    let coordinator = |found| Answer::Coordinators(vec![("g".into(), found)]);
    let read = |outcome| Answer::Offset(vec![CommittedAnswer { group: "g".into(), outcome }]);
    vec![
        (ApiKey::Produce, Answer::Produced(vec![produced(0, Ok((9, 2))), produced(1, Err(LOST))])),
        (
            ApiKey::ListOffsets,
            Answer::Offsets(vec![
                offset_of(Ok(found)),
                offset_of(Ok(OffsetFound::default())),
                offset_of(Err(LOST)),
            ]),
        ),
        (
            ApiKey::OffsetForLeaderEpoch,
            Answer::EpochEnds(vec![end_of(Ok(Some((2, 9)))), end_of(Ok(None)), end_of(Err(LOST))]),
        ),
        (ApiKey::InitProducerId, Answer::ProducerId(Ok(77))),
        (ApiKey::InitProducerId, Answer::ProducerId(Err(moved))),
        (ApiKey::Metadata, Answer::Metadata(metadata())),
        (ApiKey::DescribeCluster, Answer::Metadata(metadata())),
        (ApiKey::CreateTopics, Answer::Topics(done())),
        (ApiKey::DeleteTopics, Answer::Topics(done())),
        (ApiKey::CreatePartitions, Answer::Topics(done())),
        (ApiKey::DescribeConfigs, Answer::Configs(Vec::new())),
        (ApiKey::FindCoordinator, coordinator(Ok(broker_address(1)))),
        (ApiKey::FindCoordinator, coordinator(Err(moved))),
        (ApiKey::JoinGroup, Answer::Joined(Ok(joined))),
        (ApiKey::JoinGroup, Answer::Joined(Err(not_joined))),
        (ApiKey::SyncGroup, Answer::Synced(Ok(Bytes::from_static(b"has")))),
        (ApiKey::SyncGroup, Answer::Synced(Err(moved))),
        (ApiKey::Heartbeat, Answer::Beat(Ok(()))),
        (ApiKey::Heartbeat, Answer::Beat(Err(moved))),
        (ApiKey::LeaveGroup, Answer::Left(Ok(vec![(leaver, Err(ErrorCode::UnknownMemberId))]))),
        (ApiKey::LeaveGroup, Answer::Left(Err(moved))),
        (
            ApiKey::OffsetCommit,
            Answer::Committed(vec![(topic, vec![(0, Ok(())), (1, Err(moved))])]),
        ),
        (ApiKey::OffsetFetch, read(Ok(committed))),
        (ApiKey::OffsetFetch, read(Err(moved))),
        (
            ApiKey::DescribeGroups,
            Answer::Groups(vec![("g".into(), Ok(group)), ("h".into(), Err(moved))]),
        ),
        (
            ApiKey::ListGroups,
            Answer::GroupList(Ok(vec![("g".into(), "consumer".into(), "Stable")])),
        ),
        (ApiKey::ListGroups, Answer::GroupList(Err(moved))),
    ]
}

#[test]
fn every_answer_can_be_said_in_every_version_of_its_question() {
    let answers = answers();
    for (api, version) in each_version() {
        if matches!(api.key, ApiKey::Fetch | ApiKey::ApiVersions) {
            continue;
        }
        let mut said = 0;
        for (_, answer) in answers.iter().filter(|(key, _)| *key == api.key) {
            let mut out = Parts::new();
            let answer = Box::new(answer.clone());
            let mut head = head(api.key, version);
            head.beside.asks_for_operations(version >= 8 || api.key == ApiKey::DescribeCluster);
            Kafka.encode(Reply::Answer(head, answer), &mut out);
            let out = out.joined();
            assert_eq!(Kafka.length(&out), Ok(Some(out.len())), "{:?} {version}", api.key);
            assert_eq!(out[4..8], [0, 0, 0, 7], "the correlation of its question");
            said += 1;
        }
        assert!(said > 0, "there is no answer to {:?}", api.key);
    }
}

#[test]
fn each_partition_is_answered_by_itself() {
    let produced = |topic, partition, outcome| Produced { topic: named(topic), partition, outcome };
    let parts = vec![
        produced("a", 0, Ok((9, 2))),
        produced("a", 1, Err(LOST)),
        produced("b", 0, Ok((3, 0))),
    ];
    let answer = data::produced(parts);
    let of = |topic: usize| {
        let parts = answer.responses[topic].partition_responses.iter();
        let all = parts
            .map(|part| (part.index, part.error_code, part.base_offset, part.log_start_offset));
        (answer.responses[topic].name.to_string(), all.collect::<Vec<_>>())
    };
    assert_eq!(of(0), ("a".into(), vec![(0, 0, 9, 2), (1, LOST.code(), -1, -1)]));
    assert_eq!(of(1), ("b".into(), vec![(0, 0, 3, 0)]));
    assert_eq!(answer.responses.len(), 2);
}

#[test]
fn nobody_has_led_a_partition_without_a_leader() {
    let Some((_, Answer::Metadata(metadata))) =
        answers().into_iter().find(|(key, _)| *key == ApiKey::Metadata)
    else {
        panic!()
    };
    let answer = topics::known(metadata.clone(), &head(ApiKey::Metadata, 12));
    let topic = &answer.topics[0];
    let led = topic.partitions.iter().map(|part| (part.error_code, part.leader_id.0));
    assert!(led.eq([(0, 1), (ErrorCode::LeaderNotAvailable.code(), -1)]));
    let unknown = &answer.topics[1];
    assert_eq!((unknown.name.is_none(), unknown.topic_id), (true, topic_id(TopicId(5))));
    assert!(
        topics::known(metadata, &head(ApiKey::Metadata, 11)).topics[1].name.is_some(),
        "older clients need a name"
    );
    let brokers = answer.brokers.iter().map(|broker| (broker.host.as_str(), broker.port));
    assert!(brokers.eq([("127.0.0.1", 9092), ("", -1)]));
}

#[test]
fn the_oldest_clients_are_told_of_errors_where_they_look() {
    let asked = vec![(named("t"), vec![4, 5])];
    let beside = Beside::Partitions(asked);
    let head = Head { beside, ..head(ApiKey::OffsetFetch, 1) };
    let answered = |outcome| vec![CommittedAnswer { group: "g".into(), outcome }];
    let loads = ErrorCode::CoordinatorLoadInProgress;
    let answer = groups::offsets(answered(Err(loads)), &head);
    let parts = answer.topics[0].partitions.iter();
    let parts = parts.map(|part| (part.partition_index, part.error_code, part.committed_offset));
    assert!(parts.eq([(4, loads.code(), -1), (5, loads.code(), -1)]));

    let leaver = Leaver { member: "m".into(), instance: None };
    let left = |outcome| groups::left(Ok(vec![(leaver.clone(), outcome)]), 2).error_code;
    let unknown = ErrorCode::UnknownMemberId;
    assert_eq!((left(Ok(())), left(Err(unknown))), (0, unknown.code()));

    let refused = JoinRefused { error: unknown, member: "m".into() };
    let name = |version| groups::joined(Err(refused.clone()), version).protocol_name;
    assert_eq!((name(6).as_deref(), name(7).as_deref()), (Some(""), None));
}

#[test]
fn settings_are_told_of_what_was_asked_for() {
    let asked = b"\0\0\0\x03\x02\0\x01t\0\0\0\x01\0\x0Fretention.bytes\x04\0\x011\xFF\xFF\xFF\xFF\x02\0\x01u\xFF\xFF\xFF\xFF\0";
    let mut body = Bytes::from_static(asked);
    let Some(Request::Ask(head, ask)) = question(head(ApiKey::DescribeConfigs, 1), &mut body)
    else {
        panic!()
    };
    assert_eq!(*ask, Ask::DescribeConfigs(vec!["t".into(), "u".into()]));
    let settings = Settings {
        min_insync_replicas: 2,
        retention_bytes: None,
        segment_bytes: 1 << 20,
        max_message_bytes: 1 << 20,
    };
    let unknown = ErrorCode::UnknownTopicOrPartition;
    let found = [("t".into(), Ok(settings)), ("u".into(), Err(unknown))];
    let answer = topics::configs(&found, &head.beside);
    let [topic, broker, other] = &answer.results[..] else { panic!() };
    let configs = topic.configs.iter().map(|it| (it.name.as_str(), it.value.as_deref()));
    assert!(configs.eq([("retention.bytes", Some("-1"))]));
    assert_eq!((broker.resource_type, broker.error_code, broker.configs.len()), (4, 0, 0));
    assert_eq!((other.error_code, other.configs.len()), (unknown.code(), 0));
}

#[test]
fn groups_are_listed_by_state() {
    let states =
        |states: &[&str]| Beside::States(states.iter().map(|it| Name::from(*it)).collect());
    let list =
        || Ok(vec![("g".into(), "consumer".into(), "Stable"), ("h".into(), "".into(), "Empty")]);
    let listed = |beside: &Beside| groups::listed(list(), beside).groups.len();
    assert_eq!(listed(&Beside::Nothing), 2);
    assert_eq!(listed(&states(&["stable"])), 1);
    assert_eq!(listed(&states(&["Dead"])), 0);
}

#[test]
fn who_asks_what_it_may_do_may_do_everything() {
    let answers = answers();
    let operations = |key, version, asked: &'static [u8]| {
        let mut body = Bytes::from_static(asked);
        let Some(Request::Ask(head, _)) = question(head(key, version), &mut body) else { panic!() };
        let (_, answer) = answers.iter().find(|(it, _)| *it == key).unwrap();
        match (answer.clone(), key) {
            (Answer::Metadata(it), ApiKey::DescribeCluster) => {
                vec![topics::cluster(it, &head.beside).cluster_authorized_operations]
            }
            (Answer::Metadata(it), _) => {
                let known = topics::known(it, &head);
                let on_topic = known.topics[0].topic_authorized_operations;
                vec![known.cluster_authorized_operations, on_topic]
            }
            (Answer::Groups(it), _) => {
                vec![groups::described(it, &head.beside).groups[0].authorized_operations]
            }
            other => panic!("{other:?}"),
        }
    };
    // As Kafka says them where nobody is kept from anything.
    let (cluster, topic, group, none) = (8_096, 3_576, 328, i32::MIN);
    let metadata = |version, asked| operations(ApiKey::Metadata, version, asked);
    assert_eq!(metadata(8, b"\xFF\xFF\xFF\xFF\0\0\0"), [none, none]);
    assert_eq!(metadata(8, b"\xFF\xFF\xFF\xFF\0\x01\x01"), [cluster, topic]);
    assert_eq!(metadata(11, b"\0\0\x01\0"), [none, topic]);
    assert_eq!(operations(ApiKey::DescribeCluster, 0, b"\x01\0"), [cluster]);
    assert_eq!(operations(ApiKey::DescribeCluster, 0, b"\0\0"), [none]);
    assert_eq!(operations(ApiKey::DescribeGroups, 3, b"\0\0\0\0\x01"), [group]);
    assert_eq!(operations(ApiKey::DescribeGroups, 3, b"\0\0\0\0\0"), [none]);
}
