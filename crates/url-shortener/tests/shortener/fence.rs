//! A shard and its disk, moved by hand: what is said, and when, while links go from one shard to another.

use std::time::Duration;

use bitcask::Change;
use bytes::Bytes;
use machine::{DiskCommand, Input, NodeId, Switches};
use url_shortener::{
    Call, Edit, Handover, Key, Limits, Message, Reply, RingPhase, Roster, Shard, Timer,
};

use crate::hand::Hand;
use crate::service::{key, link};

const NODES: [NodeId; 2] = [NodeId(10), NodeId(11)];

fn shard(place: u32) -> Shard {
    let roster = Roster { nodes: NODES.to_vec(), founders: 1 };
    Shard::new(place, roster, Limits::default(), Switches::ALL_ON)
}

/// A founder with some links that is asked for the share of a second shard; and a link of that share.
fn donor() -> (Hand<Shard>, Key) {
    let mut hand = Hand::on_an_empty_disk(shard(0));
    for number in 0..20 {
        let key = key(&format!("link-{number}"));
        hand.call(number, Call::PutIfAbsent(key, link("https://a.org/")));
    }
    hand.call(100, Call::Handover { shards: 2, step: Handover::Changes { after: 0 } });
    hand.settle();
    let Some(Reply::Changes { changes, .. }) = hand.reply(100) else { panic!("no changes") };
    let moves = Key::of_bytes(&changes.first().expect("a share").0).expect("a link");
    (hand, moves)
}

const CEDE: Call = Call::Handover { shards: 2, step: Handover::Cede };

fn edit(key: &Key) -> Call {
    Call::Edit(key.clone(), Edit { url: Some("https://b.org/".into()), ..Edit::default() })
}

#[test]
fn a_change_that_began_before_the_fence_is_not_made_behind_it() {
    let (mut donor, key) = donor();
    donor.call(101, edit(&key));
    assert!(matches!(donor.pending[0].0, DiskCommand::Read { .. }), "it is being read");
    donor.call(102, CEDE);
    for _ in 0..10 {
        if donor.pending.len() > 1 {
            donor.step(1);
        }
    }
    assert_eq!(donor.reply(102), Some(&Reply::Agreed));
    donor.settle();
    assert!(matches!(donor.reply(101), Some(Reply::Moved(_))), "{:?}", donor.reply(101));
}

#[test]
fn until_the_fence_is_durable_nothing_is_said_of_it_and_nothing_happens_behind_it() {
    let (mut donor, key) = donor();
    donor.call(101, CEDE);
    let writing = donor.pending.len();
    donor.call(102, Call::Remove(key.clone()));
    donor.call(103, Call::Get(key.clone()));
    assert_eq!(donor.pending.len(), writing);
    assert!([101, 102, 103].iter().all(|call| donor.reply(*call).is_none()));
    let mut dies = donor.clone();
    dies.crash(shard(0));
    dies.settle();
    dies.call(104, Call::Remove(key));
    dies.settle();
    assert_eq!(dies.reply(104), Some(&Reply::Removed), "nothing was ceded");
    donor.settle();
    assert_eq!(donor.reply(101), Some(&Reply::Agreed));
    assert!([102, 103].iter().all(|call| matches!(donor.reply(*call), Some(Reply::Moved(_)))));
}

/// Where there is no space for the fence, the share stays, and those who waited are served.
#[test]
fn a_fence_that_finds_no_space_is_none() {
    let (mut donor, key) = donor();
    donor.full = true;
    donor.call(101, CEDE);
    donor.call(102, Call::Get(key));
    donor.settle();
    assert!(matches!(donor.reply(101), Some(Reply::Refused(_))));
    assert!(matches!(donor.reply(102), Some(Reply::Found(_))));
}

#[test]
fn who_was_not_asked_for_its_share_cedes_nothing() {
    let mut founder = Hand::on_an_empty_disk(shard(0));
    for (call, step) in [(1, Handover::Cede), (2, Handover::Clean)] {
        founder.call(call, Call::Handover { shards: 2, step });
        founder.settle();
        assert!(matches!(founder.reply(call), Some(Reply::Refused(_))), "{:?}", founder.said);
    }
    founder.call(3, Call::LeaseRange);
    founder.settle();
    assert!(matches!(founder.said.last(), Some((_, Message::Reply { shards: 1, .. }))));
    // And whoever gives its share away, and has not ceded it, takes no copies away.
    let (mut donor, _) = donor();
    donor.call(101, Call::Handover { shards: 2, step: Handover::Clean });
    donor.settle();
    assert!(matches!(donor.reply(101), Some(Reply::Refused(_))), "{:?}", donor.reply(101));
}

/// While the donor goes on to take its copies away.
#[test]
fn who_waits_for_a_link_is_answered_as_soon_as_it_is_here() {
    let (mut donor, key) = donor();
    donor.call(101, CEDE);
    donor.settle();
    donor.call(102, Call::Handover { shards: 2, step: Handover::Changes { after: 0 } });
    donor.settle();
    let Some(Reply::Changes { changes, .. }) = donor.reply(102).cloned() else { panic!() };
    let mut joins = Hand::on_an_empty_disk(shard(1));
    joins.call(1, Call::Join);
    joins.settle();
    joins.call(2, Call::Get(key));
    for (changes, next) in [(changes, Some(50)), (Vec::new(), None)] {
        assert_eq!(joins.reply(2), None);
        joins.time = joins.time + Duration::from_millis(50);
        joins.input(Input::Timer(Timer::Handover));
        let Some((_, Message::Call { call, .. })) = joins.said.last() else {
            panic!("{:?}", joins.said)
        };
        let reply = Reply::Changes { changes, next };
        joins.tell(NODES[0], Message::Reply { call: *call, shards: 2, reply });
        joins.settle();
    }
    assert!(matches!(joins.reply(2), Some(Reply::Found(_))), "{:?}", joins.said);
}

/// The process dies at every moment between the reply and the end of the last write.
#[test]
fn how_far_a_shard_has_come_is_never_ahead_of_what_it_has() {
    let mut joins = Hand::on_an_empty_disk(shard(1));
    joins.call(1, Call::Join);
    joins.settle();
    let asks = |hand: &Hand<Shard>| match hand.said.last() {
        Some((
            _,
            Message::Call {
                call,
                wanted: Call::Handover { step: Handover::Changes { after }, .. },
            },
        )) => (*call, *after),
        other => panic!("{other:?}"),
    };
    let (call, 0) = asks(&joins) else { panic!("it begins at the beginning") };
    let changes = vec![(Bytes::from("/a"), Some(Bytes::from("of no matter here")))];
    let reply = Reply::Changes { changes, next: Some(5) };
    joins.tell(NODES[0], Message::Reply { call, shards: 1, reply });
    let mut seen = Vec::new();
    // A write and its sync.
    for _ in 0..10 {
        let mut dies = joins.clone();
        dies.crash(shard(1));
        dies.settle();
        let (_, after) = asks(&dies);
        // What it knows of the ring, and then: how far it has come, and the link.
        assert_eq!(dies.machine.entries(), if after == 5 { 3 } else { 1 });
        seen.push(after);
        if joins.pending.is_empty() {
            break;
        }
        joins.step(0);
    }
    assert_eq!((seen.first(), seen.last()), (Some(&0), Some(&5)));
}

/// What has happened to the share after this, page by page.
fn changes(donor: &mut Hand<Shard>, mut after: u64) -> (Vec<Change>, u64) {
    let mut all = Vec::new();
    for call in 1_000..2_000 {
        donor.call(call, Call::Handover { shards: 2, step: Handover::Changes { after } });
        donor.settle();
        let Some(Reply::Changes { changes, next }) = donor.reply(call) else {
            panic!("{:?}", donor.reply(call))
        };
        all.extend(changes.iter().cloned());
        match next {
            Some(next) => after = *next,
            None => return (all, after),
        }
    }
    panic!("the log does not come to an end");
}

/// A donor dies at every moment while its log is compacted: a boot must not forget what the one that follows
/// the log has not read.
#[test]
fn a_removal_is_on_the_next_page_whenever_the_donor_dies() {
    let shard = || {
        let roster = Roster { nodes: NODES.to_vec(), founders: 1 };
        Shard::new(0, roster, Limits { segment: 600 }, Switches::ALL_ON)
    };
    let mut donor = Hand::on_an_empty_disk(shard());
    let keys: Vec<Key> = (0..20).map(|number| key(&format!("link-{number}"))).collect();
    for (call, key) in (0..).zip(&keys) {
        donor.call(call, Call::PutIfAbsent(key.clone(), link("https://a.org/")));
    }
    donor.settle();
    let (share, after) = changes(&mut donor, 0);
    let goes =
        |key: &&Key| share.iter().any(|(bytes, _)| Key::of_bytes(bytes).as_ref() == Some(*key));
    let (gone, stays) =
        (keys.iter().find(goes).unwrap(), keys.iter().find(|key| !goes(key)).unwrap());
    donor.call(100, Call::Remove(gone.clone()));
    donor.settle();
    (200..260).for_each(|call| donor.call(call, edit(stays)));
    let mut deaths = 0;
    for _ in 0..10_000 {
        let mut dies = donor.clone();
        dies.crash(shard());
        dies.settle();
        let (news, _) = changes(&mut dies, after);
        let removed = news
            .iter()
            .any(|(bytes, value)| value.is_none() && Key::of_bytes(bytes).as_ref() == Some(gone));
        assert!(removed, "after {deaths} operations of the disk: {news:?}");
        if donor.pending.is_empty() {
            break;
        }
        donor.step(0);
        deaths += 1;
    }
    assert!(deaths > 100 && donor.pending.is_empty(), "{deaths}");
}

#[test]
fn a_shard_says_how_it_stands_and_the_first_one_the_key_of_codes() {
    let mut hand = Hand::on_an_empty_disk(shard(1));
    hand.call(1, Call::Status);
    assert_eq!(hand.reply(1), Some(&Reply::Status { entries: 0, phase: None }), "on no ring yet");
    hand.call(2, Call::Join);
    hand.call(3, Call::Status);
    assert_eq!(hand.reply(3), hand.reply(1), "not before it is durable");
    hand.settle();
    assert_eq!(hand.reply(2), Some(&Reply::Agreed));
    hand.call(4, Call::Status);
    let joining = Some(RingPhase::Joining);
    assert!(matches!(hand.reply(4), Some(Reply::Status { phase, .. }) if *phase == joining));
    hand.call(5, Call::CodeKey);
    assert!(matches!(hand.reply(5), Some(Reply::Refused(_))));
    let mut first = Hand::on_an_empty_disk(shard(0).with_code_key([7; 16]));
    first.call(1, Call::CodeKey);
    assert_eq!(first.reply(1), Some(&Reply::CodeKey([7; 16])));
}
