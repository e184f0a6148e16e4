//! Links between nodes that mean well: what is sent arrives, or both ends are told.

use std::net::SocketAddr;

use crate::talker::Speaker;

const FREE: &str = "127.0.0.1:0";

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
    let high = Speaker::start(2, FREE, &[(1, low.address)]);
    high.say(1, 0..20_000);
    until!(low.links_up() == 1);
    low.say(2, 0..20_000);
    until!(low.heard(2).len() == 20_000 && high.heard(1).len() == 20_000);
    assert!(low.heard(2).iter().copied().eq(0..20_000));
    assert!(high.heard(1).iter().copied().eq(0..20_000));
    assert_eq!((low.resets(), high.resets()), (0, 0));
}

#[test]
fn what_is_said_before_there_is_a_connection_waits_for_it() {
    let address = nobody();
    let low = Speaker::start(1, &address.to_string(), &[]);
    let high = Speaker::start(2, FREE, &[(1, address)]);
    high.say(1, 0..10);
    until!(low.heard(2).len() == 10);
    assert_eq!(high.resets(), 0);
}

#[test]
fn a_stream_to_a_node_that_is_down_is_reset_and_the_next_one_finds_it() {
    let address = nobody();
    let high = Speaker::start(2, FREE, &[(1, address)]);
    high.say(1, 0..10);
    until!(high.resets() == 1);
    let low = Speaker::start(1, &address.to_string(), &[]);
    until!(high.links_up() == 1);
    high.say(1, 100..110);
    until!(low.heard(2).len() == 10);
    assert!(low.heard(2).iter().copied().eq(100..110), "nothing from before the reset");
}

#[test]
fn after_a_crash_both_ends_are_told_and_find_each_other_again() {
    let low = Speaker::start(1, FREE, &[]);
    let high = Speaker::start(2, FREE, &[(1, low.address)]);
    let mut address = low.address;
    let mut low = Some(low);
    for round in 1..4 {
        high.say(1, 0..100);
        until!(low.as_ref().unwrap().heard(2).len() == 100);
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
    until!(low.heard(2).len() == 100);
    high.kill();
    until!(low.resets() == 1);
    low.say(2, 0..1);
    until!(low.resets() == 2);
}

#[test]
fn datagrams_take_the_way_that_is_open_and_are_dropped_where_none_is() {
    let address = nobody();
    let high = Speaker::start(2, FREE, &[(1, address)]);
    high.say_by_datagram(1, 0..10);
    high.say_by_datagram(9, 0..10);
    let dropped = high.metrics.counter("host_link_datagrams_dropped_total", "").get();
    assert_eq!((dropped, high.resets()), (20, 0), "nobody is told of a lost datagram");
    let low = Speaker::start(1, &address.to_string(), &[]);
    until!(high.links_up() == 1);
    high.say_by_datagram(1, 100..110);
    until!(low.heard(2).len() == 10);
    high.kill();
    until!(low.links_up() == 0);
    assert_eq!(low.resets(), 1, "what came, came on a stream");
}

#[test]
fn what_waits_is_sent_before_a_node_stops() {
    let low = Speaker::start(1, FREE, &[]);
    let high = Speaker::start(2, FREE, &[(1, low.address)]);
    high.say(1, 0..1);
    until!(low.heard(2).len() == 1);
    low.say(2, 0..10_000);
    low.stop();
    until!(high.heard(1).len() == 10_000);
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
