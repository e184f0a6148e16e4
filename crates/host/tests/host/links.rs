//! Links between nodes that mean well: what is sent arrives, or both ends are told.

use std::net::SocketAddr;

use host::UNLISTED;
use machine::{CREDIT, DATAGRAM, LONGEST, Link, WINDOW};

use crate::scratch::quiet_device;
use crate::stall::Stall;
use crate::talker::{Speaker, Word};

const FREE: &str = "127.0.0.1:0";
/// The number of one that is on no list.
const HIGH: u32 = UNLISTED.start + 2;

/// An address at which nobody listens, now.
fn nobody() -> SocketAddr {
    let speaker = Speaker::start(0, FREE, &[]);
    let address = speaker.address;
    speaker.kill();
    address
}

#[test]
fn streams_arrive_whole_and_in_order_both_ways() {
    let low = Speaker::start(1, FREE, &[]);
    let high = Speaker::start(HIGH, FREE, &[(1, low.address)]);
    high.say(1, 0..20_000);
    until!(low.links_up() == 1);
    low.say(HIGH, 0..20_000);
    until!(low.heard(HIGH).len() == 20_000 && high.heard(1).len() == 20_000);
    assert!(low.heard(HIGH).iter().copied().eq(0..20_000));
    assert!(high.heard(1).iter().copied().eq(0..20_000));
    assert_eq!((low.resets(), high.resets()), (0, 0));
}

/// Who dials says whom; the other one of the address hears nothing of it.
#[test]
fn two_nodes_at_one_address_are_told_apart() {
    let two = Speaker::start_two([1, 2], FREE);
    let high = Speaker::start(HIGH, FREE, &[(1, two.address), (2, two.address), (3, two.address)]);
    high.say(1, 0..1_000);
    high.say(2, 1_000..2_000);
    let second = || two.beside.as_ref().unwrap().look(|talker| talker.heard_from(HIGH)).unwrap();
    until!(two.heard(HIGH).len() == 1_000 && second().len() == 1_000);
    assert!(two.heard(HIGH).iter().copied().eq(0..1_000));
    assert!(second().iter().copied().eq(1_000..2_000));
    assert_eq!((high.resets(), high.links_up()), (0, 2));
    high.say(3, 0..10);
    until!(high.resets() == 1);
    two.stop();
    until!(high.resets() == 3);
}

#[test]
fn what_is_said_before_there_is_a_connection_waits_for_it() {
    let address = nobody();
    let low = Speaker::start(1, &address.to_string(), &[]);
    let high = Speaker::start(HIGH, FREE, &[(1, address)]);
    high.say(1, 0..10);
    until!(low.heard(HIGH).len() == 10);
    assert_eq!(high.resets(), 0);
}

#[test]
fn a_stream_to_a_node_that_is_down_is_reset_and_the_next_one_finds_it() {
    let address = nobody();
    let high = Speaker::start(HIGH, FREE, &[(1, address)]);
    high.say(1, 0..10);
    until!(high.resets() == 1);
    let low = Speaker::start(1, &address.to_string(), &[]);
    until!(high.links_up() == 1);
    high.say(1, 100..110);
    until!(low.heard(HIGH).len() == 10);
    assert!(low.heard(HIGH).iter().copied().eq(100..110), "nothing from before the reset");
}

#[test]
fn after_a_crash_both_ends_are_told_and_find_each_other_again() {
    let low = Speaker::start(1, FREE, &[]);
    let high = Speaker::start(HIGH, FREE, &[(1, low.address)]);
    let mut address = low.address;
    let mut low = Some(low);
    for round in 1..4 {
        high.say(1, 0..100);
        until!(low.as_ref().unwrap().heard(HIGH).len() == 100);
        low.take().unwrap().kill();
        until!(high.resets() == round);
        let again = Speaker::start(1, &address.to_string(), &[]);
        until!(high.links_up() == 1);
        address = again.address;
        low = Some(again);
    }
    // The other way round: who was dialled learns of it too.
    high.say(1, 0..100);
    let low = low.unwrap();
    until!(low.heard(HIGH).len() == 100);
    high.kill();
    until!(low.resets() == 1);
    low.say(HIGH, 0..1);
    until!(low.resets() == 2);
}

#[test]
fn a_node_that_is_met_is_let_in_or_dialled_and_followed_where_it_moves() {
    let low = Speaker::start_among(1, &[]);
    let high = Speaker::start_among(2, &[]);
    high.say(1, 0..10);
    until!(high.resets() == 1);
    // The one that dials goes on until the other lets it in.
    high.meet(1, low.address);
    until!(low.counter("host_link_greetings_refused_total") > 0);
    low.meet(2, high.address);
    until!(low.links_up() == 1 && high.links_up() == 1);
    let before = (low.resets(), high.resets());
    high.say(1, 10..20);
    low.say(2, 0..10);
    until!(low.heard(2).last() == Some(&19) && high.heard(1).len() == 10);
    high.meet(1, low.address);
    high.say(1, 20..30);
    until!(low.heard(2).last() == Some(&29));
    assert_eq!((low.resets(), high.resets()), before, "to be met again is no news");

    let moved = Speaker::start_among(1, &[(2, high.address)]);
    high.meet(1, moved.address);
    until!(high.resets() > before.1 && high.links_up() == 1 && moved.links_up() == 1);
    high.say(1, 30..40);
    until!(moved.heard(2) == (30..40).collect::<Vec<_>>());
    assert_eq!(low.heard(2).last(), Some(&29));
}

#[test]
fn datagrams_arrive_while_there_is_a_link_and_are_lost_while_there_is_none() {
    let address = nobody();
    let high = Speaker::start(HIGH, FREE, &[(1, address)]);
    high.say_on(Link::Datagram, 1, 0..10);
    high.say_on(Link::Datagram, 9, 0..10);
    let dropped = high.counter("host_link_datagrams_dropped_total");
    assert_eq!((dropped, high.resets()), (20, 0), "nobody is told of a lost datagram");
    let low = Speaker::start(1, &address.to_string(), &[]);
    until!(high.links_up() == 1 && low.links_up() == 1);
    // One at a time: a system may drop what comes too quickly.
    for number in 100..110 {
        high.say_on(Link::Datagram, 1, number..number + 1);
        until!(low.heard(HIGH).last() == Some(&number));
    }
    low.say_on(Link::Datagram, HIGH, 7..8);
    until!(high.heard(1) == [7]);
    high.kill();
    until!(low.links_up() == 0);
    assert_eq!(low.resets(), 0, "nothing was lost on a stream");
}

/// It had no socket, since at its start there was nobody to dial.
#[test]
fn datagrams_reach_one_that_began_alone_and_met_others_later() {
    let low = Speaker::start_among(1, &[]);
    let high = Speaker::start_alone(2);
    low.meet(2, nobody());
    high.meet(1, low.address);
    until!(high.links_up() == 1 && low.links_up() == 1);
    high.say_on(Link::Datagram, 1, 7..8);
    until!(low.heard(2) == [7]);
    low.say_on(Link::Datagram, 2, 8..9);
    until!(high.heard(1) == [8]);
}

#[test]
fn a_datagram_that_is_too_heavy_is_not_sent() {
    let low = Speaker::start(1, FREE, &[]);
    let high = Speaker::start(HIGH, FREE, &[(1, low.address)]);
    until!(high.links_up() == 1 && low.links_up() == 1);
    let most = DATAGRAM as usize - 1;
    high.pour(1, Link::Datagram, 1, most + 1);
    assert_eq!(high.counter("host_link_datagrams_dropped_total"), 1);
    high.pour(1, Link::Datagram, 1, most);
    until!(low.look(|talker| talker.poured.clone()) == [(0, most)]);
    assert_eq!(high.counter("host_link_datagrams_dropped_total"), 1);
}

/// 64 MiB on each lane, both ways at once, by machines that stop while there is no room.
#[test]
fn whoever_waits_for_room_is_never_reset_however_much_it_sends() {
    const MESSAGES: u32 = 64;
    let low = Speaker::start(1, FREE, &[]);
    let high = Speaker::start(HIGH, FREE, &[(1, low.address)]);
    until!(high.links_up() == 1 && low.links_up() == 1);
    for (from, to) in [(&low, HIGH), (&high, 1)] {
        for link in [Link::Bulk, Link::Stream] {
            from.pour_slowly(to, link, MESSAGES, 1 << 20);
        }
    }
    let poured = |speaker: &Speaker| speaker.look(|talker| talker.poured.clone());
    for speaker in [&low, &high] {
        until!(poured(speaker).len() == 2 * MESSAGES as usize);
        let numbers: Vec<_> = poured(speaker).into_iter().map(|(number, _)| number).collect();
        let expected = (0..MESSAGES as u8).flat_map(|number| [number; 2]);
        let mut sorted = numbers.clone();
        sorted.sort_unstable();
        assert!(sorted.into_iter().eq(expected), "each came once on each lane");
        assert!(poured(speaker).iter().all(|(_, bytes)| *bytes == 1 << 20));
    }
    assert_eq!((low.resets(), high.resets()), (0, 0));
}

/// The same amount without a look at the window: the message that is too much is the first one above it, and
/// both ends hear of it, once.
#[test]
fn whoever_does_not_wait_is_reset_at_the_window() {
    let low = Speaker::start(1, FREE, &[]);
    let high = Speaker::start(HIGH, FREE, &[(1, low.address)]);
    let quarter = CREDIT as usize - 1;
    for (round, link) in (1..).zip([Link::Stream, Link::Bulk]) {
        until!(high.links_up() == 1 && low.links_up() == 1);
        high.say(1, 0..1);
        until!(low.heard(HIGH).len() == round);
        high.pour(1, link, 64, quarter);
        until!(high.resets() == round as u64 && low.resets() == round as u64);
        let came = low.look(|talker| talker.poured.len());
        assert!(came <= round * (WINDOW / CREDIT) as usize, "{came} came of those before it");
    }
    until!(high.links_up() == 1 && low.links_up() == 1);
    high.say_on(Link::Bulk, 1, 0..1);
    until!(low.heard(HIGH).len() == 3);
    high.pour(1, Link::Bulk, 1, LONGEST as usize);
    until!(high.resets() == 3 && low.resets() == 3);
}

/// Whichever of the two dialled.
#[test]
fn what_waits_is_sent_before_a_node_stops() {
    for low_stops in [true, false] {
        let low = Speaker::start(1, FREE, &[]);
        let high = Speaker::start(HIGH, FREE, &[(1, low.address)]);
        high.say(1, 0..1);
        until!(low.heard(HIGH).len() == 1);
        let (stops, stays) = if low_stops { (low, high) } else { (high, low) };
        let (from, to) = if low_stops { (1, HIGH) } else { (HIGH, 1) };
        let heard = stays.heard(from).len();
        stops.say(to, 0..10_000);
        stops.pour(to, Link::Bulk, 7, 1 << 20);
        stops.stop();
        until!(stays.heard(from).len() == heard + 10_000);
        until!(stays.look(|talker| talker.poured.len()) == 7);
    }
}

/// Law 16: a slow disk fills windows, and silences nobody.
#[test]
fn a_disk_that_is_far_behind_keeps_no_link_from_being_read() {
    let low = Speaker::start(1, FREE, &[]);
    let high = Speaker::start(HIGH, FREE, &[(1, low.address)]);
    until!(high.links_up() == 1 && low.links_up() == 1);
    let stalled = Stall::of(&quiet_device());
    low.tell(Word::Flood(1_100));
    for number in 0..10 {
        high.say(1, number..number + 1);
        high.say_on(Link::Bulk, 1, number..number + 1);
        until!(low.heard(HIGH).len() as u64 == 2 * number + 2);
        low.say(HIGH, number..number + 1);
        until!(high.heard(1).len() as u64 == number + 1);
    }
    assert_eq!(low.look(|talker| talker.synced), 0, "its disk is as far behind as before");
    assert_eq!((low.resets(), high.resets()), (0, 0));
    drop(stalled);
    until!(low.look(|talker| talker.synced) == 1_100);
}

#[test]
fn three_nodes_talk_each_with_each() {
    let one = Speaker::start_among(1, &[(2, nobody()), (3, nobody())]);
    let two = Speaker::start_among(2, &[(1, one.address), (3, nobody())]);
    let three = Speaker::start_among(3, &[(1, one.address), (2, two.address)]);
    let all = [(1, &one), (2, &two), (3, &three)];
    until!(all.iter().all(|(_, speaker)| speaker.links_up() == 2));
    for (from, speaker) in all {
        (1..=3).filter(|&to| to != from).for_each(|to| speaker.say(to, 0..100));
    }
    for (to, speaker) in all {
        for (from, _) in all.into_iter().filter(|&(from, _)| from != to) {
            until!(speaker.heard(from).len() == 100);
        }
    }
}
