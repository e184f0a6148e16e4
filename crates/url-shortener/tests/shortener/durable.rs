//! Nothing is said before it is durable: a shard and a click log, moved by hand, each with its disk.

use std::time::Duration;

use machine::{DiskCommand, Input, Machine, NodeId, Switches};
use url_shortener::{
    Batch, Call, ClickLog, Edit, Handover, Limits, LinkId, Message, Reply, Roster, Shard,
    Shortener, Tally, Timer,
};

use crate::front::{Front, SMALL, TALLY};
use crate::hand::{CALLER, Hand};
use crate::service::{key, link, visit};

/// The disk does what it was asked until this is said: what it did last is a sync.
#[track_caller]
fn said_after_a_sync<M: Machine<Protocol = Shortener>>(
    hand: &mut Hand<M>,
    is_said: impl Fn(&Hand<M>) -> bool,
) {
    let mut last = None;
    for _ in 0..10 {
        if is_said(hand) {
            break;
        }
        assert!(!hand.pending.is_empty(), "it is never said");
        last = Some(hand.step(0));
    }
    assert!(matches!(last, Some(DiskCommand::Sync { .. })), "it is said after {last:?}");
}

#[test]
fn a_shard_replies_when_what_it_says_is_durable() {
    let roster = Roster { nodes: [10, 11].map(NodeId).to_vec(), founders: 1 };
    let shard = |place| Shard::new(place, roster.clone(), Limits::default(), Switches::ALL_ON);
    let mut founder = Hand::on_an_empty_disk(shard(0));
    founder.call(1, Call::PutIfAbsent(key("there"), link("https://a.org/")));
    founder.settle();
    let edit = Edit { url: Some("https://b.org/".into()), ..Edit::default() };
    let handover = |step| Call::Handover { shards: 2, step };
    for (wanted, replied) in [
        (Call::PutIfAbsent(key("new"), link("https://a.org/")), "stored"),
        (Call::Edit(key("there"), edit), "stored"),
        (Call::Remove(key("there")), "removed"),
        (Call::LeaseRange, "leased"),
    ] {
        let mut hand = founder.clone();
        hand.call(2, wanted);
        said_after_a_sync(&mut hand, |hand| hand.reply(2).is_some());
        let fits = match hand.reply(2) {
            Some(Reply::Stored(_)) => replied == "stored",
            Some(Reply::Removed) => replied == "removed",
            Some(Reply::Leased(_)) => replied == "leased",
            _ => false,
        };
        assert!(fits, "{:?}", hand.reply(2));
    }
    let mut joins = Hand::on_an_empty_disk(shard(1));
    joins.call(2, Call::Join);
    said_after_a_sync(&mut joins, |hand| hand.reply(2).is_some());
    // What a donor says of the ring.
    founder.call(2, handover(Handover::Changes { after: 0 }));
    founder.settle();
    for (call, step) in [(3, Handover::Cede), (4, Handover::Clean)] {
        founder.call(call, handover(step));
        said_after_a_sync(&mut founder, |hand| hand.reply(call) == Some(&Reply::Agreed));
    }
}

fn sends_clicks(hand: &Hand<Front>) -> bool {
    hand.said
        .iter()
        .any(|(to, message)| (*to, matches!(message, Message::Clicks { .. })) == (TALLY, true))
}

#[test]
fn clicks_are_sent_when_they_are_durable() {
    let front = || Front(ClickLog::new(TALLY, SMALL));
    let mut hand = Hand::on_an_empty_disk(front());
    (0..SMALL.batch).for_each(|_| drop(hand.ask(visit("a"))));
    let mut dies = hand.clone();
    said_after_a_sync(&mut hand, sends_clicks);
    assert_eq!(hand.machine.0.acknowledged().1, SMALL.batch as u64);

    // They were written, and then the process died: its successor cannot know whether they are durable.
    assert!(matches!(dies.step(0), DiskCommand::Write { .. }));
    dies.crash(front());
    let synced = |hand: &mut Hand<Front>| matches!(hand.step(0), DiskCommand::Sync { .. });
    for _ in 0..10 {
        assert!(!sends_clicks(&dies), "before they were synced");
        if synced(&mut dies) {
            break;
        }
    }
    dies.settle();
    assert!(sends_clicks(&dies));
}

/// The tally counts a part of a batch where its round is full; the rest may be lost on its side.
#[test]
fn a_batch_of_which_a_part_was_counted_is_sent_again() {
    let mut hand = Hand::on_an_empty_disk(Front(ClickLog::new(TALLY, SMALL)));
    (0..SMALL.batch).for_each(|_| drop(hand.ask(visit("a"))));
    hand.settle();
    let (log, _) = hand.machine.0.acknowledged();
    let sent_again = |hand: &mut Hand<Front>| {
        hand.wait(Duration::from_secs(1));
        hand.input(Input::Timer(Timer::Clicks))
    };
    hand.tell(TALLY, Message::Counted { log, below: SMALL.batch as u64 - 1 });
    match &sent_again(&mut hand)[..] {
        [(TALLY, Message::Clicks { kept: 0, batch })] => {
            assert_eq!((batch.first, batch.end()), (0, SMALL.batch as u64));
        }
        other => panic!("{other:?}"),
    }
    hand.tell(TALLY, Message::Counted { log, below: SMALL.batch as u64 });
    assert!(sent_again(&mut hand).is_empty() && hand.machine.0.is_drained());
}

#[test]
fn a_connection_that_broke_is_not_waited_for() {
    let mut hand = Hand::on_an_empty_disk(Front(ClickLog::new(TALLY, SMALL)));
    (0..SMALL.batch).for_each(|_| drop(hand.ask(visit("a"))));
    hand.settle();
    hand.input(Input::LinkReset { peer: TALLY });
    hand.said.clear();
    assert!(SMALL.backoff.base < SMALL.patience);
    hand.wait(SMALL.backoff.base);
    hand.input(Input::Timer(Timer::Clicks));
    assert!(sends_clicks(&hand));
}

/// More clicks than are kept in memory, and one batch more that is being written while they are read back.
#[test]
fn what_is_read_back_is_durable_too() {
    let batch = SMALL.batch as u64;
    let in_memory = SMALL.in_memory as u64;
    let mut hand = Hand::on_an_empty_disk(Front(ClickLog::new(TALLY, SMALL)));
    for _ in 0..(in_memory + 1) * batch {
        hand.ask(visit("a"));
        hand.settle();
    }
    let durable = (in_memory + 1) * batch;
    assert_eq!(hand.machine.0.acknowledged().1, durable);
    (0..batch).for_each(|_| drop(hand.ask(visit("a"))));
    let (log, _) = hand.machine.0.acknowledged();
    for _ in 0..SMALL.in_memory / SMALL.in_flight {
        hand.tell(TALLY, Message::Counted { log, below: in_memory * batch });
    }
    let asked: Vec<_> = hand.pending.iter().map(|(command, _)| command).collect();
    match asked[..] {
        [
            DiskCommand::Write { file, .. },
            DiskCommand::Sync { .. },
            DiskCommand::Read { file: read, .. },
        ] => {
            assert_eq!(file, read, "it is written behind what is read");
        }
        _ => panic!("{asked:?}"),
    }
    let sent = |hand: &Hand<Front>| {
        let end = |(_, message): &(NodeId, Message)| match message {
            Message::Clicks { batch, .. } => batch.end(),
            _ => 0,
        };
        hand.said.iter().map(end).max()
    };
    for _ in 0..10 {
        if sent(&hand) > Some(durable) || hand.pending.is_empty() {
            break;
        }
        let acknowledged = hand.machine.0.acknowledged().1;
        assert!(sent(&hand) <= Some(acknowledged), "{:?} of {acknowledged}", sent(&hand));
        hand.step(0);
    }
    assert!(sent(&hand) <= Some(hand.machine.0.acknowledged().1));
    // Those that wait for the first two go when these are counted.
    for _ in 0..2 {
        hand.settle();
        hand.tell(TALLY, Message::Counted { log, below: durable });
    }
    assert_eq!(sent(&hand), Some(durable + batch));
}

fn length_of(hand: &mut Hand<Front>, file: &'static str) -> u64 {
    match hand.disk.perform(DiskCommand::Length { file: file.into() }) {
        Ok(machine::DiskAnswer::Length(length)) => length,
        _ => 0,
    }
}

/// All that it knows of a file is counted, and a batch is on its way to it; the next one begins another file.
#[test]
fn a_file_that_is_written_to_is_not_deleted() {
    let batch = SMALL.batch as u64;
    let mut hand = Hand::on_an_empty_disk(Front(ClickLog::new(TALLY, SMALL)));
    let log = |hand: &Hand<Front>| hand.machine.0.acknowledged();
    let mut counted = 0;
    while length_of(&mut hand, "clicks-1") + 200 <= SMALL.segment {
        (0..batch).for_each(|_| drop(hand.ask(visit("a"))));
        hand.settle();
        counted += batch;
        let (log, _) = log(&hand);
        hand.tell(TALLY, Message::Counted { log, below: counted });
    }
    (0..2 * batch).for_each(|_| drop(hand.ask(visit("a"))));
    hand.settle();
    assert_eq!(log(&hand).1, counted + 2 * batch);
    assert!(
        length_of(&mut hand, "clicks-1") > SMALL.segment,
        "it is there, with the first of them"
    );
    assert!(length_of(&mut hand, "clicks-2") > 0, "the second is in another");
    let (log, _) = log(&hand);
    hand.tell(TALLY, Message::Counted { log, below: counted + batch });
    hand.settle();
    assert_eq!(length_of(&mut hand, "clicks-1"), 0, "all of it is counted");
}

/// A batch of clicks, as a click log sends it.
fn batch_of_clicks() -> Batch {
    let mut front = Hand::on_an_empty_disk(Front(ClickLog::new(TALLY, SMALL)));
    (0..SMALL.batch).for_each(|_| drop(front.ask(visit("a"))));
    front.settle();
    let batch = front.said.into_iter().find_map(|(_, message)| match message {
        Message::Clicks { batch, .. } => Some(batch),
        _ => None,
    });
    batch.expect("they are sent")
}

#[test]
fn so_many_batches_wait_for_the_tally_and_the_others_come_again() {
    let mut hand = Hand::on_an_empty_disk(Tally::new(Limits::default(), Switches::ALL_ON));
    let batch = batch_of_clicks();
    for log in 0..1_000 {
        hand.tell(CALLER, Message::Clicks { kept: 0, batch: Batch { log, ..batch.clone() } });
    }
    assert_eq!(hand.machine.inspect().state, "0 clicks counted, 256 batches wait");
}

#[test]
fn clicks_are_called_counted_when_that_is_durable() {
    let mut hand = Hand::on_an_empty_disk(Tally::new(Limits::default(), Switches::ALL_ON));
    let batch = batch_of_clicks();
    let counted = Message::Counted { log: batch.log, below: batch.end() };
    let link = LinkId { key: key("a"), incarnation: 0 };
    hand.tell(CALLER, Message::Clicks { kept: 0, batch });
    let ask = Message::GetStats { call: 1, link };
    let nothing = Message::Stats { call: 1, stats: None };
    let is_said = |hand: &Hand<Tally>| hand.said.contains(&(CALLER, counted.clone()));
    while let Some((DiskCommand::Read { .. }, _)) = hand.pending.front() {
        hand.step(0);
    }
    assert_eq!(hand.tell(CALLER, ask), [(CALLER, nothing)], "what may be lost is not shown");
    said_after_a_sync(&mut hand, is_said);
}
