//! How much may be on its way on a lane.

use machine::{CREDIT, LIGHTEST, LONGEST, Link, WINDOW};

use super::Lab;
use super::links::{self, LANES, resets};
use super::probe::{Act, What};

const MIB: u32 = 1 << 20;
/// Letters of a MiB that fill a window.
const FULL: u32 = WINDOW / MIB;

fn send(link: Link, weight: u32, count: u32) -> Act {
    Act::Send { to: 1, link, weight, count }
}

fn credits(lab: &impl Lab, lane: Link) -> u32 {
    lab.count(0, |what| *what == What::Writable(1, lane)) as u32
}

fn came(lab: &impl Lab, lane: Link) -> u32 {
    links::heard(lab, 0, 1, lane).len() as u32
}

/// What is said after a reset arrives, in the end.
fn goes_on(lab: &mut impl Lab, lane: Link) {
    let before = came(lab, lane);
    for _ in 0..lab.patience() / 100 {
        lab.tell(0, &[send(lane, 100, 1)]);
        (0..100).for_each(|_| lab.go_on());
        if came(lab, lane) > before {
            return links::judge(lab, 0, 1);
        }
    }
    panic!("nothing arrives after a reset: {:#?}", [lab.log(0), lab.log(1)]);
}

fn holds_a_window(lab: &mut impl Lab, lane: Link) {
    lab.cut(0, 1);
    lab.tell(0, &[send(lane, MIB, FULL)]);
    lab.settle();
    assert_eq!(resets(lab).0, 0, "it is no more than a window");
    lab.heal(0, 1);
    lab.wait_until("a whole window arrives", |lab| came(lab, lane) == FULL);
    lab.wait_until("all of it is credited", |lab| credits(lab, lane) == WINDOW / CREDIT);
    assert_eq!(resets(lab), (0, 0));

    // The lightest message more is too much, if nobody takes anything.
    lab.cut(0, 1);
    lab.tell(0, &[send(lane, MIB, FULL)]);
    lab.settle();
    assert_eq!(resets(lab).0, 0, "what was credited does not count");
    lab.tell(0, &[send(lane, 100, 1)]);
    lab.wait_until("the sender is told", |lab| resets(lab).0 == 1);
    lab.heal(0, 1);
    links::both_are_told(lab, (0, 0));
    goes_on(lab, lane);
}

pub(super) fn a_stream_holds_a_window_and_no_more(lab: &mut impl Lab) {
    holds_a_window(lab, Link::Stream);
}

pub(super) fn a_bulk_lane_holds_a_window_and_no_more(lab: &mut impl Lab) {
    holds_a_window(lab, Link::Bulk);
}

pub(super) fn the_longest_message_passes_and_a_longer_one_resets(lab: &mut impl Lab) {
    for lane in LANES {
        lab.tell(0, &[send(lane, LONGEST, 1)]);
        lab.wait_until("the longest arrives", |lab| came(lab, lane) == 1);
    }
    assert_eq!(resets(lab), (0, 0));
    for lane in LANES {
        let before = resets(lab);
        lab.tell(0, &[send(lane, LONGEST + 1, 1)]);
        links::both_are_told(lab, before);
        let heavy = links::heard(lab, 0, 1, lane).iter().any(|(_, _, weight)| *weight > LONGEST);
        assert!(!heavy, "it never arrives");
        goes_on(lab, lane);
    }
}

/// What lies in the peer's system, or before its machine, was not taken.
pub(super) fn credit_is_given_for_what_the_machine_was_handed(lab: &mut impl Lab) {
    for lane in LANES {
        lab.pause(1);
        lab.tell(0, &[send(lane, MIB, FULL)]);
        lab.settle();
        assert_eq!((credits(lab, lane), resets(lab).0), (0, 0), "nothing was taken");
        lab.resume(1);
        lab.wait_until("all of it is credited", |lab| credits(lab, lane) == WINDOW / CREDIT);
        lab.wait_until("it has handled all of it", |lab| came(lab, lane) == FULL);
    }
    lab.pause(1);
    lab.tell(0, &[send(Link::Stream, MIB, FULL)]);
    lab.settle();
    lab.tell(0, &[send(Link::Stream, 100, 1)]);
    lab.wait_until("the sender is told", |lab| resets(lab).0 == 1);
    lab.resume(1);
    links::both_are_told(lab, (0, 0));
    goes_on(lab, Link::Stream);
}

/// To keep a message takes memory, also where it says nothing.
pub(super) fn what_weighs_nothing_fills_a_window_too(lab: &mut impl Lab) {
    let send = |link, count| Act::SendNothing { to: 1, link, count };
    for lane in LANES {
        lab.pause(1);
        lab.tell(0, &[send(lane, WINDOW / LIGHTEST)]);
        lab.settle();
        assert_eq!((credits(lab, lane), resets(lab).0), (0, 0), "it is no more than a window");
        lab.resume(1);
        lab.wait_until("all of it is credited", |lab| credits(lab, lane) == WINDOW / CREDIT);
    }
    for lane in LANES {
        let before = resets(lab);
        lab.pause(1);
        lab.tell(0, &[send(lane, WINDOW / LIGHTEST + 1)]);
        lab.wait_until("the sender is told", |lab| resets(lab).0 == before.0 + 1);
        lab.resume(1);
        links::both_are_told(lab, before);
        goes_on(lab, lane);
    }
}

/// 64 MiB, eight windows.
fn pours(lab: &mut impl Lab, lane: Link) {
    let letters = 64;
    lab.tell(0, &[Act::Pour { to: 1, link: lane, weight: MIB, count: letters }]);
    lab.wait_until("all has come", |lab| came(lab, lane) == letters);
    let told = letters * MIB / CREDIT;
    lab.wait_until("all of it is credited", |lab| credits(lab, lane) >= told);
    lab.settle();
    assert_eq!((credits(lab, lane), resets(lab)), (told, (0, 0)));
    links::judge(lab, 0, 1);
}

pub(super) fn who_keeps_to_half_a_window_is_never_reset_on_a_stream(lab: &mut impl Lab) {
    pours(lab, Link::Stream);
}

pub(super) fn who_keeps_to_half_a_window_is_never_reset_in_bulk(lab: &mut impl Lab) {
    pours(lab, Link::Bulk);
}

pub(super) fn a_peer_that_takes_nothing_stops_the_sender_and_breaks_nothing(lab: &mut impl Lab) {
    lab.pause(1);
    let pour = |link| Act::Pour { to: 1, link, weight: LONGEST, count: 8 };
    lab.tell(0, &LANES.map(pour));
    lab.settle();
    for lane in LANES {
        let out = links::sent(lab, 0, 1, lane).len() as u32 * LONGEST;
        assert!(out > WINDOW / 2 && out <= WINDOW, "{out} bytes are out on {lane:?}");
    }
    lab.resume(1);
    lab.wait_until("all has come", |lab| LANES.iter().all(|lane| came(lab, *lane) == 8));
    assert_eq!(resets(lab), (0, 0));
    links::judge(lab, 0, 1);
}

pub(super) fn a_stalled_bulk_lane_delays_no_stream(lab: &mut impl Lab) {
    lab.slow(0, 1, 2 * MIB);
    lab.tell(0, &[send(Link::Bulk, MIB, 8)]);
    lab.settle();
    for letters in 1..5 {
        lab.tell(0, &[send(Link::Stream, 100, 1)]);
        lab.wait_until("it arrives", |lab| came(lab, Link::Stream) == letters);
        assert!(came(lab, Link::Bulk) < 8, "the letter had to wait for what is large");
    }
    lab.heal(0, 1);
    lab.wait_until("all of it arrives", |lab| came(lab, Link::Bulk) == 8);
    assert_eq!(resets(lab), (0, 0));
}
