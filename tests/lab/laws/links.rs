//! What arrives on a lane, and of what both ends are told.

use machine::{DATAGRAM, Link};

use super::Lab;
use super::probe::{Act, Seen, What};

pub(super) const LANES: [Link; 2] = [Link::Stream, Link::Bulk];

/// Letters that came from this node on this lane: talk, number and weight, in order.
pub(super) fn heard(lab: &impl Lab, from: u32, at: u32, lane: Link) -> Vec<(u64, u32, u32)> {
    let letter = |seen: Seen| match seen.what {
        What::Heard { from: other, link, talk, number, weight, .. }
            if (other, link) == (from, lane) =>
        {
            Some((talk, number, weight))
        }
        _ => None,
    };
    lab.log(at).into_iter().filter_map(letter).collect()
}

/// Letters sent to this node on this lane: talk and number, in order.
pub(super) fn sent(lab: &impl Lab, from: u32, to: u32, lane: Link) -> Vec<(u64, u32)> {
    let letter = |seen: Seen| match seen.what {
        What::Sent { to: other, link, talk, number } if (other, link) == (to, lane) => {
            Some((talk, number))
        }
        _ => None,
    };
    lab.log(from).into_iter().filter_map(letter).collect()
}

/// The last letter that was sent has come, on each lane that was used.
fn has_come(lab: &impl Lab, from: u32, to: u32) -> bool {
    LANES.iter().all(|&lane| {
        let last = sent(lab, from, to, lane).pop();
        let came = heard(lab, from, to, lane).pop();
        last == came.map(|(talk, number, _)| (talk, number))
    })
}

/// Between two resets all letters are of one talk, and on each lane they are its first ones, in order.
pub(super) fn judge(lab: &impl Lab, from: u32, to: u32) {
    let log = lab.log(to);
    let ends =
        |seen: &Seen| seen.what == What::Reset(from) || matches!(seen.what, What::Started(_));
    for segment in log.split(ends) {
        let mut current = None;
        let mut next = [0, 0];
        for seen in segment {
            let What::Heard { from: sender, link, talk, number, whole, .. } = seen.what else {
                continue;
            };
            let Some(lane) = LANES.iter().position(|lane| *lane == link).filter(|_| sender == from)
            else {
                continue;
            };
            assert_eq!(
                *current.get_or_insert(talk),
                talk,
                "two talks without a reset: {segment:?}"
            );
            assert_eq!(number, next[lane], "a gap, or one twice, on {link:?}: {segment:?}");
            assert!(whole, "it was altered: {seen:?}");
            next[lane] += 1;
        }
    }
    // What is said after a reset was told goes on new lanes: no talk comes twice.
    let talks = log.split(ends).filter_map(|segment| {
        segment.iter().find_map(|seen| match seen.what {
            What::Heard { from: sender, talk, link, .. }
                if sender == from && link != Link::Datagram =>
            {
                Some(talk)
            }
            _ => None,
        })
    });
    let mut talks: Vec<_> = talks.collect();
    let count = talks.len();
    talks.sort_unstable();
    talks.dedup();
    assert_eq!(talks.len(), count, "a talk went on over a reset: {log:?}");
}

fn both_lanes(to: u32, weight: u32, count: u32) -> [Act; 2] {
    LANES.map(|link| Act::Send { to, link, weight, count })
}

fn exchange(lab: &mut impl Lab) {
    lab.tell(0, &both_lanes(1, 1_000, 20));
    lab.tell(1, &both_lanes(0, 1_000, 20));
}

fn all_has_come(lab: &impl Lab) -> bool {
    has_come(lab, 0, 1) && has_come(lab, 1, 0)
}

/// They exchange letters until all of an exchange has come: what is sent while the next connection is still to
/// come may be answered by another reset.
fn find_each_other(lab: &mut impl Lab) {
    for _ in 0..lab.patience() / 100 {
        exchange(lab);
        for _ in 0..100 {
            if all_has_come(lab) {
                return;
            }
            lab.go_on();
        }
    }
    panic!("they never find each other again: {:#?}", [lab.log(0), lab.log(1)]);
}

/// Both ends of the pair were told of a reset since they had been told so often.
pub(super) fn both_are_told(lab: &mut impl Lab, since: (usize, usize)) {
    let both = |lab: &_| Lab::resets(lab, 0, 1) > since.0 && Lab::resets(lab, 1, 0) > since.1;
    lab.wait_until("both ends are told", both);
}

pub(super) fn resets(lab: &impl Lab) -> (usize, usize) {
    (lab.resets(0, 1), lab.resets(1, 0))
}

pub(super) fn a_lane_is_in_order_between_resets(lab: &mut impl Lab) {
    exchange(lab);
    lab.wait_until("all has come", all_has_come);
    lab.cut(0, 1);
    exchange(lab);
    lab.settle();
    assert!(!has_come(lab, 0, 1) && !has_come(lab, 1, 0), "nothing passes a cut");
    exchange(lab);
    lab.heal(0, 1);
    lab.wait_until("what waited has come", all_has_come);
    assert_eq!(resets(lab), (0, 0), "nothing was lost");
    for _ in 0..3 {
        let before = resets(lab);
        exchange(lab);
        lab.reset(0, 1);
        both_are_told(lab, before);
        find_each_other(lab);
    }
    for (from, to) in [(0, 1), (1, 0)] {
        judge(lab, from, to);
    }
}

/// Whichever connection breaks. What the other one still holds, in the cut, is not handed on after the reset.
pub(super) fn a_reset_ends_both_lanes(lab: &mut impl Lab) {
    for (round, [busy, idle]) in (1..).zip([LANES, [Link::Bulk, Link::Stream]]) {
        // The busy lane carries most by far, also of all that was carried before.
        lab.tell(0, &[Act::Send { to: 1, link: busy, weight: 200_000 * round, count: 10 }]);
        lab.tell(0, &[Act::Send { to: 1, link: idle, weight: 100, count: 1 }]);
        lab.wait_until("it has come", |lab| has_come(lab, 0, 1));
        lab.cut(0, 1);
        lab.tell(0, &[Act::Send { to: 1, link: idle, weight: 100, count: 5 }]);
        lab.settle();
        let before = resets(lab);
        lab.reset(0, 1);
        both_are_told(lab, before);
        lab.heal(0, 1);
        lab.settle();
        assert_eq!(resets(lab), (before.0 + 1, before.1 + 1));
        find_each_other(lab);
        judge(lab, 0, 1);
        judge(lab, 1, 0);
        assert_eq!((lab.resets(0, 2), lab.resets(2, 0)), (0, 0), "others have their own lanes");
    }
}

pub(super) fn a_process_that_died_is_a_reset(lab: &mut impl Lab) {
    for died in [0, 1] {
        let other = 1 - died;
        exchange(lab);
        lab.wait_until("all has come", all_has_come);
        let before = lab.resets(other, died);
        exchange(lab);
        lab.kill(died);
        lab.wait_until("the other one is told", |lab| lab.resets(other, died) > before);
        lab.restart(died).unwrap();
        find_each_other(lab);
        judge(lab, 0, 1);
        judge(lab, 1, 0);
    }
}

pub(super) fn a_datagram_arrives_whole_or_not_and_a_heavy_one_never(lab: &mut impl Lab) {
    let datagrams = |weight, count| Act::Send { to: 1, link: Link::Datagram, weight, count };
    for weight in [DATAGRAM, 100] {
        lab.tell(0, &[datagrams(DATAGRAM + 1, 20), datagrams(weight, 20), datagrams(1 << 20, 2)]);
        lab.settle();
    }
    let arrived = heard(lab, 0, 1, Link::Datagram);
    for expected in [DATAGRAM, 100] {
        // One may be lost. Twenty are not, where nothing is wrong.
        assert!(
            arrived.iter().any(|(_, _, weight)| *weight == expected),
            "{expected}: {arrived:?}"
        );
    }
    assert!(arrived.iter().all(|(_, _, weight)| *weight <= DATAGRAM), "{arrived:?}");
    let altered = |what: &What| matches!(what, What::Heard { whole: false, .. });
    assert_eq!(lab.count(1, altered), 0, "{:?}", lab.log(1));
    assert_eq!(resets(lab), (0, 0), "nobody is told");
}

pub(super) fn who_is_nowhere_answers_with_a_reset(lab: &mut impl Lab) {
    let send = |to, link| Act::Send { to, link, weight: 100, count: 2 };
    lab.tell(0, &[send(71, Link::Datagram), send(72, Link::Stream), send(73, Link::Bulk)]);
    lab.wait_until("it is told", |lab| lab.resets(0, 72) > 0 && lab.resets(0, 73) > 0);
    lab.settle();
    assert_eq!(lab.resets(0, 71), 0, "a datagram is lost without a word");
    // It does not end there.
    let before = lab.resets(0, 72);
    lab.tell(0, &[send(72, Link::Stream)]);
    lab.wait_until("it is told again", |lab| lab.resets(0, 72) > before);
}
