//! Controllers as brokers meet them.

mod table;

use machine::DiskId;

use super::*;
use crate::ask::NewTopic;
use crate::cluster::{BrokerState, Partition, Topic};
use crate::entry::Entry;
use crate::error::ErrorCode;
use crate::message::{Alter, Beat, Command, Heartbeat, Registration};
use crate::words::{Name, TopicId, TopicPartition};
use table::{MS, Table, controllers};

pub(crate) const PARTITION: TopicPartition =
    TopicPartition { topic: TopicId(7 << 64 | 1), partition: 0 };

pub(crate) fn nodes(digits: &str) -> Vec<NodeId> {
    digits.bytes().map(|digit| NodeId((digit - b'0').into())).collect()
}

/// Of a broker's first boot.
pub(super) fn register(id: u32) -> Registration {
    let (boot, disk) = (id.into(), DiskId(id.into()));
    Registration {
        boot,
        disk,
        clean: true,
        damaged: Vec::new(),
        cut: Vec::new(),
        rack: None,
        addresses: None,
    }
}

/// Brokers 1, 2 and 3, alive, each in the broker epoch of its number; and a topic of one partition, of which two
/// replicas must be in sync.
pub(crate) fn cluster_of_three(partition: Partition) -> Cluster {
    let brokers = (1..=3).map(|id| {
        let Registration { boot, disk, rack, addresses, .. } = register(id);
        let (epoch, fenced, stopping) = (id.into(), false, false);
        (NodeId(id), BrokerState { epoch, boot, disk, rack, addresses, fenced, stopping })
    });
    let (name, settings): (Name, _) = ("there".into(), Tuning::default().settings);
    Cluster {
        applied: 3,
        id: 7,
        brokers: brokers.collect(),
        names: [(name.clone(), PARTITION.topic)].into(),
        topics: [(PARTITION.topic, Topic { name, settings, partitions: vec![partition] })].into(),
        topics_made: 1,
        next_producer: 0,
    }
}

fn create(name: &str, partitions: u32) -> Command {
    let topic = NewTopic {
        name: name.into(),
        partitions: Some(partitions),
        replication_factor: None,
        assignment: Vec::new(),
        settings: Vec::new(),
    };
    Command::CreateTopic { topic, only_check: false }
}

fn commanded(messages: &[Message]) -> Vec<(u64, Result<Changed, ErrorCode>)> {
    let answer = |message: &Message| match message {
        Message::Commanded { token, outcome } => {
            Some((*token, outcome.clone().map_err(|(error, _)| error)))
        }
        _ => None,
    };
    messages.iter().filter_map(answer).collect()
}

#[test]
fn a_broker_registers_learns_what_there_is_and_is_not_fenced_any_more() {
    let mut table = Table::new();
    assert_ne!(table.cluster().id, 0);
    table.say(1, Message::Register(register(1)));
    table.run(MS(10));
    assert_eq!(table.got(1), [Message::Registered { boot: 1, epoch: 2 }]);
    // The answer was lost.
    table.say(1, Message::Register(register(1)));
    assert_eq!(table.got(1), [Message::Registered { boot: 1, epoch: 2 }]);
    let heartbeat = |epoch, number, applied| {
        Message::Heartbeat(Heartbeat {
            epoch,
            number,
            applied,
            stopping: false,
            damaged: Vec::new(),
        })
    };
    let beat =
        |epoch, number, unknown| Message::Beat(Beat { epoch, number, may_stop: false, unknown });
    table.say(1, heartbeat(1, 1, 0));
    assert_eq!(table.got(1), [beat(1, 1, true)], "in another epoch it is nobody");
    table.say(1, heartbeat(2, 2, 0));
    let got = table.got(1);
    let [answer, Message::Entries { entries }] = &got[..] else { panic!("{got:?}") };
    assert_eq!(*answer, beat(2, 2, false));
    assert_eq!(entries.iter().map(|(number, _)| *number).collect::<Vec<_>>(), [1, 2]);
    table.run(MS(10));
    assert_eq!(table.alive(), [0; 0], "it has not applied its registration");
    table.say(1, heartbeat(2, 3, 2));
    table.run(MS(10));
    assert_eq!(table.alive(), [1]);
    let got = table.got(1);
    let [_, Message::Entries { entries }] = &got[..] else { panic!("{got:?}") };
    assert_eq!(entries[..], [(3, Entry::Unfence { id: NodeId(1), changes: Vec::new() })]);
}

#[test]
fn an_answer_leaves_when_its_entry_is_committed_and_says_so_if_nobody_knows() {
    let mut table = Table::with(&[1, 2, 3]);
    table.got(1);
    let leader = table.leader();
    table.cut = controllers().into_iter().filter(|id| *id != leader).collect();
    table.command(1, 7, create("t", 1));
    assert_eq!(commanded(&table.got(1)), []);
    // It computes with what it proposed.
    table.command(1, 8, create("t", 1));
    assert_eq!(commanded(&table.got(1)), [(8, Err(ErrorCode::TopicAlreadyExists))]);
    table.run(MS(50));
    assert_eq!(commanded(&table.got(1)), []);
    // A leader that hears from no majority does not lead.
    table.run(MS(500));
    assert_eq!(commanded(&table.got(1)), [(7, Err(ErrorCode::RequestTimedOut))]);
    let command = Command::ProducerIds;
    table.tell(1, leader, Message::Command { token: 9, command });
    table.run(MS(10));
    assert_eq!(commanded(&table.got(1)), [(9, Err(ErrorCode::NotController))]);
    table.cut.clear();
    table.run(MS(1_000));
    table.command(1, 10, Command::ProducerIds);
    table.run(MS(10));
    assert_eq!(commanded(&table.got(1)), [(10, Ok(Changed::ProducerIds(0)))]);
}

#[test]
fn who_booted_is_not_answered_what_it_asked_before() {
    let mut table = Table::with(&[1, 2, 3]);
    table.got(1);
    let leader = table.leader();
    table.cut = controllers().into_iter().filter(|id| *id != leader).collect();
    table.command(1, 7, create("t", 1));
    table.feed(leader, Input::LinkReset { peer: NodeId(1) });
    table.cut.clear();
    table.run(MS(100));
    assert!(table.cluster().names.contains_key("t"));
    assert_eq!(commanded(&table.got(1)), []);
}

#[test]
fn who_is_silent_for_a_session_is_fenced_and_no_sooner() {
    let mut table = Table::with(&[1, 2]);
    table.heartbeat(2);
    let silent_since = table.time;
    table.live(&[1], MS(400));
    table.run((silent_since + MS(498)).since(table.time));
    assert_eq!(table.alive(), [1, 2]);
    table.run(MS(10));
    assert_eq!(table.alive(), [1]);
    table.heartbeat(2);
    table.run(MS(10));
    assert_eq!(table.alive(), [1, 2], "it is heard again");
}

#[test]
fn a_controller_that_slept_waits_a_heartbeat_for_what_was_said_meanwhile() {
    let mut table = Table::with(&[1, 2]);
    table.live(&[1, 2], MS(200));
    let leader = table.leader();
    table.time = table.time + MS(2_000);
    table.feed(leader, Input::Timer(Timer::Sessions));
    table.deliver();
    let fenced = |cluster: &Cluster, id| cluster.brokers[&NodeId(id)].fenced;
    assert!(!fenced(table.seats[&leader].controller.ahead.as_ref().unwrap(), 1));
    table.heartbeat(1);
    table.run(MS(200));
    assert_eq!([1, 2].map(|id| fenced(table.cluster(), id)), [false, true]);
}

#[test]
fn a_new_leader_goes_on_counting_from_when_it_heard_each() {
    let mut table = Table::with(&[1, 2]);
    table.heartbeat(2);
    let silent_since = table.time;
    table.live(&[1], MS(100));
    let leader = table.leader();
    table.cut.insert(leader);
    // Without a leader nobody is fenced.
    let mut elapsed = 0;
    while !table.seats.iter().any(|(id, seat)| *id != leader && seat.controller.leads()) {
        let beat = table.seats[&leader].controller.cluster.brokers[&NodeId(1)].epoch;
        let (number, applied, stopping, damaged) = (0, 0, false, Vec::new());
        table.say(
            1,
            Message::Heartbeat(Heartbeat { epoch: beat, number, applied, stopping, damaged }),
        );
        table.run(MS(20));
        elapsed += 20;
        assert!(elapsed < 1_000);
    }
    assert_ne!(table.leader(), leader);
    while table.alive() == [1, 2] {
        table.live(&[1], MS(100));
    }
    assert_eq!(table.alive(), [1]);
    let silent = table.time.since(silent_since);
    assert!(silent >= MS(500) && silent < MS(500 + 250), "{silent:?}");
}

#[test]
fn what_brokers_propose_at_once_is_committed_at_once_and_leaders_go_home() {
    let mut table = Table::with(&[1, 2, 3]);
    table.command(1, 1, create("t", 3));
    table.run(MS(10));
    let topic = table.cluster().names["t"];
    let leader_of = |table: &Table, partition| {
        let state = table.cluster().partition(TopicPartition { topic, partition }).unwrap();
        (state.leader.unwrap().0, state.clone())
    };
    table.live(&[1, 3], MS(800));
    assert_eq!(table.alive(), [1, 3]);
    for partition in 0..3 {
        let (leader, state) = leader_of(&table, partition);
        assert!(leader != 2 && state.isr.len() == 2, "{state:?}");
    }
    table.heartbeat(2);
    table.live(&[1, 2, 3], MS(100));
    // Each by the leader that it has; and twice, as brokers repeat themselves.
    for partition in [0, 1, 2, 0, 1, 2] {
        let (leader, state) = leader_of(&table, partition);
        let epoch = |id: u32| (NodeId(id), table.cluster().brokers[&NodeId(id)].epoch);
        let (leader_epoch, version) = (state.leader_epoch, state.version);
        let partition = TopicPartition { topic, partition };
        let isr = vec![epoch(1), epoch(2), epoch(3)];
        table.say(leader, Message::Alter(Alter { partition, leader_epoch, version, isr }));
    }
    table.live(&[1, 2, 3], MS(100));
    for partition in 0..3 {
        assert_eq!(leader_of(&table, partition).1.isr, nodes("123"));
    }
    table.live(&[1, 2, 3], MS(1_500));
    let mut leaders: Vec<_> = (0..3).map(|partition| leader_of(&table, partition).0).collect();
    leaders.sort_unstable();
    assert_eq!(leaders, [1, 2, 3]);
}

#[test]
fn who_wants_to_stop_may_when_others_lead() {
    let mut table = Table::with(&[1, 2, 3]);
    let topic = table.create("t");
    let leader = table.cluster().partition(TopicPartition { topic, partition: 0 }).unwrap().leader;
    let broker = leader.unwrap().0;
    let (epoch, applied) =
        (table.cluster().brokers[&NodeId(broker)].epoch, table.cluster().applied);
    table.got(broker);
    for may_stop in [false, true] {
        let (number, stopping, damaged) = (5, true, Vec::new());
        table.say(
            broker,
            Message::Heartbeat(Heartbeat { epoch, number, applied, stopping, damaged }),
        );
        let answers = table.got(broker);
        let beats: Vec<_> =
            answers.iter().filter(|message| matches!(message, Message::Beat(_))).collect();
        assert_eq!(beats, [&Message::Beat(Beat { epoch, number, may_stop, unknown: false })]);
    }
    let state = table.cluster().partition(TopicPartition { topic, partition: 0 }).unwrap();
    assert!(state.leader.is_some() && state.leader != leader && state.isr.len() == 2);
}

#[test]
fn controllers_that_boot_have_what_they_had() {
    let mut table = Table::with(&[1, 2, 3]);
    // The log grows until snapshots take its place.
    for number in 0..100 {
        table.heartbeat(1);
        let name = format!("t{number}");
        table.command(1, 1, create(&name, 4_000));
        table.run(MS(10));
        let id = table.cluster().names[&*name];
        if number < 99 {
            table.command(1, 1, Command::DeleteTopic(id));
            table.run(MS(10));
        }
    }
    let kept = |table: &Table| {
        let Cluster { id, brokers, topics, names, topics_made, .. } = table.cluster().clone();
        let epochs: Vec<_> = brokers.into_iter().map(|(id, broker)| (id, broker.epoch)).collect();
        let count: usize = topics.values().map(|topic| topic.partitions.len()).sum();
        (id, epochs, names, count, topics_made)
    };
    let before = kept(&table);
    assert_eq!((before.2.len(), before.3, before.4), (1, 4_000, 100));
    for id in controllers() {
        let seat = table.seats.get_mut(&id).unwrap();
        let log = seat.controller.group().unwrap().log();
        assert!(log.snapshot().last_index > 1, "{id:?} has no snapshot");
        seat.controller = Controller::new(id, controllers(), Tuning::default(), Switches::ALL_ON);
        seat.timers.clear();
    }
    for id in controllers() {
        table.feed(id, Input::Start { disk: DiskId(id.0.into()) });
    }
    table.run(MS(1_000));
    assert_eq!(kept(&table), before);
}
