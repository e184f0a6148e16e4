//! When timers fire.

use std::time::Duration;

use super::Lab;
use super::probe::{Act, What};

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// The timers that fired, in order.
fn fired(lab: &impl Lab) -> Vec<u32> {
    let timer = |what| if let What::Timer(timer) = what { Some(timer) } else { None };
    lab.log(0).into_iter().filter_map(|seen| timer(seen.what)).collect()
}

/// Each firing comes no sooner than was asked for when the timer was set last.
fn assert_none_was_early(lab: &impl Lab) {
    let log = lab.log(0);
    for (place, seen) in log.iter().enumerate() {
        let What::Timer(timer) = seen.what else { continue };
        let set = log[..place].iter().rev().find_map(|before| match before.what {
            What::Set(other, after) if other == timer => Some(before.at + after),
            _ => None,
        });
        let due = set.expect("it was set");
        assert!(seen.at >= due, "timer {timer} was due at {due:?} and fired at {:?}", seen.at);
    }
}

const FINAL: u32 = 100;

pub(super) fn a_timer_fires_once_and_never_early_and_equal_ones_in_order(lab: &mut impl Lab) {
    let equal = (10..30).map(|timer| Act::Set(timer, ms(20)));
    let mut acts: Vec<_> = equal.collect();
    acts.extend([Act::Set(1, ms(1)), Act::Set(2, ms(1)), Act::Set(3, ms(60))]);
    // One is set anew, for later and for sooner, and one is cancelled.
    acts.extend([
        Act::Set(1, ms(40)),
        Act::Cancel(2),
        Act::Set(3, ms(30)),
        Act::Set(FINAL, ms(80)),
    ]);
    lab.tell(0, &acts);
    lab.wait_until("the last one fires", |lab| fired(lab).contains(&FINAL));
    // Late as it may be, a thing of the past never comes again.
    lab.settle();
    let expected: Vec<_> = (10..30).chain([3, 1, FINAL]).collect();
    assert_eq!(fired(lab), expected);
    assert_none_was_early(lab);

    // Each setting is a firing.
    for times in 2..5 {
        lab.tell(0, &[Act::Set(1, ms(3))]);
        lab.wait_until("it fires again", |lab| {
            fired(lab).iter().filter(|timer| **timer == 1).count() == times
        });
    }
    assert_none_was_early(lab);
}

pub(super) fn a_timer_that_came_due_while_nothing_was_handled_fires_once(lab: &mut impl Lab) {
    let acts: Vec<_> = [4, 2, 3, 1].map(|timer| Act::Set(timer, ms(u64::from(timer)))).into();
    lab.tell(0, &[acts, vec![Act::Set(5, ms(2_000))]].concat());
    lab.pause(0);
    lab.settle();
    lab.resume(0);
    lab.wait_until("all have fired", |lab| fired(lab).contains(&5));
    lab.settle();
    let mut fired = fired(lab);
    fired.sort_unstable();
    assert_eq!(fired, [1, 2, 3, 4, 5]);
    assert_none_was_early(lab);
}
