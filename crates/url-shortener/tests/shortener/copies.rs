//! An instance, moved by hand: what it keeps of what it has read, how long, and whom it is shown; whom it asks,
//! and for how many.

use std::sync::Arc;
use std::time::Duration;

use machine::{Input, Machine, NodeId, Switches};
use url_shortener::{
    Answer, Ask, Call, Codes, Edit, Freshness, Instance, Message, Permutation, Range, Rate, Reply,
    Roster, Settings,
};

use crate::hand::{CALLER, Hand};
use crate::service::{create, key, leads_to, link, visit};

const SHARDS: [NodeId; 2] = [NodeId(10), NodeId(11)];
const TALLY: NodeId = NodeId(20);

/// What was said to whom.
type Said = Vec<(NodeId, Message)>;

/// An instance of two shards, of which it knows the first.
fn instance() -> Hand<Instance> {
    let shards = Roster { nodes: SHARDS.to_vec(), founders: 1 };
    let settings = Settings { shards, ..Settings::new(vec![SHARDS[0]], TALLY, [0; 16]) };
    Hand::on_an_empty_disk(Instance::new(settings, Switches::ALL_ON).unwrap())
}

/// A server says that it is ready when each of its nodes has read its disk.
#[test]
fn an_instance_reads_its_disk_until_its_click_log_has() {
    let mut hand = instance();
    let reads = |hand: &Hand<Instance>| hand.machine.inspect().state == "reads its disk";
    assert!(!reads(&hand));
    let settings = Settings::new(vec![SHARDS[0]], TALLY, [0; 16]);
    hand.crash(Instance::new(settings, Switches::ALL_ON).unwrap());
    let mut steps = 0;
    while reads(&hand) {
        hand.step(0);
        steps += 1;
    }
    assert!(steps > 1, "{steps}");
}

impl Hand<Instance> {
    /// A shard, which knows of so many, replies.
    fn replies(&mut self, (from, shards): (NodeId, u32), call: u64, reply: Reply) -> Said {
        self.tell(from, Message::Reply { call, shards, reply })
    }

    /// The first shard replies.
    fn first_replies(&mut self, call: u64, reply: Reply) -> Said {
        self.replies((SHARDS[0], 1), call, reply)
    }
}

/// Instances of one service permute under one key, or two numbers would have one code.
#[test]
fn an_instance_without_the_key_of_codes_asks_the_first_shard_for_it() {
    let settings = Settings::new(SHARDS.to_vec(), TALLY, [0; 16]);
    let settings = Settings { codes: Codes::LeasedWithKey, ..settings };
    let mut hand = Hand::on_an_empty_disk(Instance::new(settings, Switches::ALL_ON).unwrap());
    for answer in [Some(Reply::Refused("the shard is still reading its disk".into())), None] {
        let (shard, number, wanted) = call(&hand.ask(create(None, "https://a.org/")));
        assert_eq!((shard, wanted), (SHARDS[0], Call::CodeKey));
        let said = match answer {
            Some(reply) => hand.replies((shard, 2), number, reply),
            None => hand.input(Input::LinkReset { peer: shard }),
        };
        assert!(matches!(
            &said[..],
            [(CALLER, Message::Answer { answer: Answer::Unavailable(_), .. })]
        ));
    }
    let (_, number, _) = call(&hand.ask(create(None, "https://a.org/")));
    let leases = hand.replies((SHARDS[0], 2), number, Reply::CodeKey([7; 16]));
    let (lessor, number, wanted) = call(&leases);
    assert_eq!(wanted, Call::LeaseRange);
    let leased = Reply::Leased(Range { first: 0, end: 10_000 });
    let (_, _, put) = call(&hand.replies((lessor, 2), number, leased));
    let Call::PutIfAbsent(key, _) = put else { panic!("{put:?}") };
    assert_eq!(Permutation::new([7; 16]).number(&key.code), Some(0));
}

/// Over several processes an operator asks any of them.
#[test]
fn an_operator_asks_shards_through_an_instance_whether_or_not_they_are_on_the_ring() {
    let mut hand = instance();
    let (to, number, wanted) = call(&hand.ask(Ask::Shard(1)));
    assert_eq!((to, wanted), (SHARDS[1], Call::Status));
    let status = Reply::Status { entries: 3, phase: None };
    let told = hand.replies((to, 0), number, status);
    assert_eq!(answer(&told), Answer::Shard { entries: 3, phase: None, shards: 1 });
    let (to, number, wanted) = call(&hand.ask(Ask::Join(1)));
    assert_eq!((to, wanted), (SHARDS[1], Call::Join));
    assert_eq!(answer(&hand.replies((to, 0), number, Reply::Agreed)), Answer::Agreed);
    let (to, _, _) = call(&hand.ask(Ask::Join(1)));
    let away = hand.input(Input::LinkReset { peer: to });
    assert!(matches!(answer(&away), Answer::Unavailable(_)), "{away:?}");
    assert!(matches!(answer(&hand.ask(Ask::Shard(2))), Answer::Refused(_)));
}

/// The only call among what was said, and to whom.
fn call(said: &Said) -> (NodeId, u64, Call) {
    match &said[..] {
        [(to, Message::Call { call, wanted })] => (*to, *call, wanted.clone()),
        other => panic!("{other:?} is not one call"),
    }
}

/// The only answer among what was said, which may have more in it.
fn answer(said: &Said) -> Answer {
    let mut answers = said.iter().filter_map(|(to, message)| match message {
        Message::Answer { answer, .. } if *to == CALLER => Some(answer.clone()),
        _ => None,
    });
    let answer = answers.next().unwrap_or_else(|| panic!("no answer in {said:?}"));
    assert_eq!(answers.next(), None);
    answer
}

fn found(url: &str) -> Reply {
    Reply::Found(Arc::new(link(url)))
}

/// Somebody takes a link away while another reads it, and then it has moved: where it is now it is read anew,
/// so what that brings is kept.
#[test]
fn what_is_read_where_a_link_has_moved_is_from_after_what_came_before() {
    let mut hand = instance();
    let both = SHARDS.map(|shard| (shard, 2));
    // Of these some are the second shard's, once that has joined.
    let moved = (0..100).find_map(|number| {
        let code = format!("link-{number}");
        let (to, read, get) = call(&hand.ask(visit(&code)));
        let (_, removal, _) = call(&hand.ask(Ask::Delete(key(&code))));
        assert_eq!((to, &get), (SHARDS[0], &Call::Get(key(&code))));
        let said = hand.replies(both[0], removal, Reply::Removed);
        assert!(matches!(said[..], [(CALLER, Message::Answer { answer: Answer::Deleted, .. })]));
        match &hand.replies(both[0], read, Reply::Moved(Box::new(get.clone())))[..] {
            [(to, Message::Call { call, wanted })] => {
                assert_eq!((*to, wanted), (SHARDS[1], &get));
                Some((code, *call))
            }
            // A shard that gives back what is its own is not asked for ever.
            [(CALLER, Message::Answer { answer: Answer::Unavailable(_), .. })] => None,
            other => panic!("{other:?}"),
        }
    });
    let (code, read) = moved.expect("the second shard has a share");
    let missing = |said: &Said| {
        matches!(&said[..], [(CALLER, Message::Answer { answer: Answer::Missing, .. })])
    };
    assert!(missing(&hand.replies(both[1], read, Reply::Missing)));
    assert!(missing(&hand.ask(visit(&code))), "it is known that there is none");
    let key = key(&Arc::<str>::from(code));
    let (to, ..) = call(&hand.ask(Ask::Look(key)));
    assert_eq!(to, SHARDS[1], "and where it would be");
}

/// Where the ring says that a link is a shard's own, and the shard says that it is not.
#[test]
fn a_shard_that_gives_back_what_is_its_own_is_not_asked_for_ever() {
    let settings = Settings::new(vec![SHARDS[0]], TALLY, [0; 16]);
    let mut hand = Hand::on_an_empty_disk(Instance::new(settings, Switches::ALL_ON).unwrap());
    for ask in [visit("a"), Ask::Delete(key("a"))] {
        let (_, number, wanted) = call(&hand.ask(ask));
        let moved = hand.first_replies(number, Reply::Moved(Box::new(wanted)));
        assert!(matches!(answer(&moved), Answer::Unavailable(_)), "{moved:?}");
    }
}

/// So many may wait at once, and whoever was answered makes room.
#[test]
fn questions_that_were_answered_make_room_for_others() {
    const MOST: u64 = 1 << 14;
    let rate = Rate { per_second: 1_000_000, burst: 1_000_000 };
    let settings = Settings { rate, ..Settings::new(vec![SHARDS[0]], TALLY, [0; 16]) };
    let mut hand = Hand::on_an_empty_disk(Instance::new(settings, Switches::ALL_ON).unwrap());
    for _ in 0..=MOST {
        let (_, read, _) = call(&hand.ask(Ask::Look(key("a"))));
        answer(&hand.first_replies(read, Reply::Missing));
        hand.said.clear();
    }
    for number in 0..MOST {
        call(&hand.ask(Ask::Look(key(&number.to_string()))));
    }
    assert!(matches!(answer(&hand.ask(Ask::Look(key("b")))), Answer::Unavailable(_)));
}

#[test]
fn where_a_shard_leases_no_numbers_the_next_is_asked() {
    let settings = Settings::new(SHARDS.to_vec(), TALLY, [0; 16]);
    let mut hand = Hand::on_an_empty_disk(Instance::new(settings, Switches::ALL_ON).unwrap());
    let (first, number, wanted) = call(&hand.ask(create(None, "https://a.org/")));
    assert_eq!(wanted, Call::LeaseRange);
    let (then, number, wanted) =
        call(&hand.replies((first, 2), number, Reply::Refused("the disk is full".into())));
    assert_eq!((wanted, then != first), (Call::LeaseRange, true));
    let refused = hand.replies((then, 2), number, Reply::Refused("the disk is full".into()));
    assert_eq!(answer(&refused), Answer::Unavailable("the disk is full".into()));
}

const TEN: Duration = Duration::from_secs(10);
const MS: Duration = Duration::from_millis(1);

#[test]
fn a_copy_that_was_long_on_its_way_is_used_no_longer_than_another() {
    let mut hand = instance();
    let (_, read, _) = call(&hand.ask(visit("a")));
    hand.wait(MS * 900);
    assert_eq!(
        leads_to(answer(&hand.first_replies(read, found("https://a.org/")))),
        "https://a.org/"
    );
    hand.wait(TEN - MS * 901);
    assert_eq!(leads_to(answer(&hand.ask(visit("a")))), "https://a.org/", "from the cache");
    hand.wait(MS);
    assert_eq!(call(&hand.ask(visit("a"))).2, Call::Get(key("a")), "it was read ten seconds ago");
}

/// A read that began longer ago than copies are used is joined by nobody.
#[test]
fn who_comes_late_does_not_join_a_read() {
    let fresh = MS * 100;
    let freshness = Freshness { links: fresh, missing: fresh };
    let settings = Settings::new(vec![SHARDS[0]], TALLY, [0; 16]);
    let settings = Settings { freshness, patience: MS * 1_000, ..settings };
    let mut hand = Hand::on_an_empty_disk(Instance::new(settings, Switches::ALL_ON).unwrap());
    let (_, read, _) = call(&hand.ask(visit("a")));
    hand.wait(fresh - MS);
    assert!(hand.ask(visit("a")).is_empty(), "he joins it");
    hand.wait(MS);
    assert!(hand.ask(visit("a")).is_empty(), "he waits for the next");
    let said = hand.first_replies(read, Reply::Missing);
    let answers = said.iter().filter(|(to, _)| *to == CALLER).count();
    assert_eq!((answers, said.len()), (2, 3), "and that begins: {said:?}");
}

/// An owner who looks wants to see what is there now.
#[test]
fn who_looks_does_not_join_a_read() {
    let mut hand = instance();
    let (_, read, _) = call(&hand.ask(visit("a")));
    assert!(hand.ask(Ask::Look(key("a"))).is_empty());
    let said = hand.first_replies(read, found("https://a.org/"));
    let (_, again, _) = call(&said.into_iter().filter(|(to, _)| *to != CALLER).collect());
    let looked = answer(&hand.first_replies(again, found("https://b.org/")));
    assert_eq!(leads_to(looked), "https://b.org/");
}

/// A database replies in any order, and so do two shards while a link moves.
#[test]
fn who_comes_after_a_change_is_not_answered_by_a_read_from_before_it() {
    let changes = [
        (Ask::Delete(key("a")), Reply::Removed, Reply::Missing),
        (
            Ask::Edit(key("a"), Edit { url: Some("https://b.org/".into()), ..Edit::default() }),
            Reply::Stored(Arc::new(link("https://b.org/"))),
            found("https://b.org/"),
        ),
        (
            create(Some("a"), "https://b.org/"),
            Reply::Stored(Arc::new(link("https://b.org/"))),
            found("https://b.org/"),
        ),
    ];
    for (change, done, then) in changes {
        let before =
            if matches!(change, Ask::Create(_)) { Reply::Missing } else { found("https://a.org/") };
        let mut hand = instance();
        let (_, read, _) = call(&hand.ask(visit("a")));
        let (_, changed, _) = call(&hand.ask(change.clone()));
        answer(&hand.first_replies(changed, done));
        assert!(hand.ask(visit("a")).is_empty(), "it waits for a read of its own");
        // The first visitor is answered, and the next read begins.
        let said = hand.first_replies(read, before);
        let (_, again, _) = call(&said.into_iter().filter(|(to, _)| *to != CALLER).collect());
        assert!(hand.ask(visit("a")).is_empty(), "what was read is for nobody else");
        let seen = hand.first_replies(again, then.clone());
        let seen = answer(&vec![seen[0].clone()]);
        let cached = answer(&hand.ask(visit("a")));
        match then {
            Reply::Missing => assert_eq!((seen, cached), (Answer::Missing, Answer::Missing)),
            _ => assert_eq!([seen, cached].map(leads_to), ["https://b.org/"; 2], "{change:?}"),
        }
    }
}

/// What was read while a link was being changed may be from before the change.
#[test]
fn what_was_read_during_a_change_is_not_kept() {
    let edit = Edit { url: Some("https://b.org/".into()), ..Edit::default() };
    for change in [create(Some("a"), "https://b.org/"), Ask::Edit(key("a"), edit)] {
        let mut hand = instance();
        let (_, changed, _) = call(&hand.ask(change));
        let (_, read, _) = call(&hand.ask(visit("a")));
        assert_eq!(answer(&hand.first_replies(read, Reply::Missing)), Answer::Missing);
        answer(&hand.first_replies(changed, Reply::Stored(Arc::new(link("https://b.org/")))));
        assert_eq!(call(&hand.ask(visit("a"))).2, Call::Get(key("a")));
    }
}

#[test]
fn what_was_missing_is_there_as_soon_as_it_is_made_here() {
    let mut hand = instance();
    let (_, read, _) = call(&hand.ask(visit("a")));
    assert_eq!(answer(&hand.first_replies(read, Reply::Missing)), Answer::Missing);
    assert_eq!(answer(&hand.ask(visit("a"))), Answer::Missing, "from the cache");
    let (_, made, _) = call(&hand.ask(create(Some("a"), "https://a.org/")));
    answer(&hand.first_replies(made, Reply::Stored(Arc::new(link("https://a.org/")))));
    assert_eq!(call(&hand.ask(visit("a"))).2, Call::Get(key("a")));
}
