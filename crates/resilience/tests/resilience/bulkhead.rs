use proptest::prelude::*;
use resilience::{Bulkhead, Full};

#[test]
fn first_come_first_in_and_the_rest_is_turned_away() {
    let mut bulkhead = Bulkhead::new(1, 2);
    assert_eq!(bulkhead.enter("a"), Ok(Some("a")));
    assert_eq!(bulkhead.enter("b"), Ok(None));
    assert_eq!(bulkhead.enter("c"), Ok(None));
    assert_eq!(bulkhead.enter("d"), Err(Full));
    assert_eq!(
        (bulkhead.leave(), bulkhead.leave(), bulkhead.leave()),
        (Some("b"), Some("c"), None)
    );
    assert_eq!(bulkhead.enter("e"), Ok(Some("e")));
}

/// Ten jobs a second for one place that takes 200 ms for each, from people who wait for half a second.
/// Where the queue keeps them all the same, it soon serves nobody who is still there.
#[test]
fn a_queue_that_can_be_left_serves_those_who_are_there() {
    let served_in_time = |can_leave: bool| {
        let mut bulkhead = Bulkhead::new(1, 10);
        let (mut serving, mut in_time) = (None, 0);
        for now in (0..20_000u64).step_by(100) {
            if let Some(came) = serving.filter(|_| now % 200 == 0) {
                in_time += u64::from(now - came <= 500);
                if can_leave {
                    // A job takes 200 ms, so whoever has waited for longer than 300 has waited in vain.
                    bulkhead.give_up(|came| now - came > 300);
                }
                serving = bulkhead.leave();
            }
            serving = bulkhead.enter(now).ok().flatten().or(serving);
        }
        in_time
    };
    assert_eq!((served_in_time(false), served_in_time(true)), (4, 99), "of 100 that it can do");
}

proptest! {
    #[test]
    fn places_and_queue_are_bounded_and_nobody_is_lost(
        most in 1usize..5,
        queue in 0usize..5,
        steps in prop::collection::vec(0..5u8, 0..200),
    ) {
        let mut bulkhead = Bulkhead::new(most, queue);
        let (mut inside, mut admitted, mut came) = (0, Vec::new(), Vec::new());
        for (number, step) in steps.into_iter().enumerate() {
            if step < 2 {
                if let Ok(entered) = bulkhead.enter(number) {
                    came.push(number);
                    inside += usize::from(entered.is_some());
                    admitted.extend(entered);
                }
            } else if step == 2 {
                let gone = bulkhead.give_up(|who| who % 3 == 0);
                prop_assert!(gone.iter().all(|who| who % 3 == 0 && !admitted.contains(who)));
                let waited = came.len() - admitted.len();
                came.retain(|who| !gone.contains(who));
                prop_assert_eq!(bulkhead.waiting() + gone.len(), waited);
            } else if inside > 0 {
                let next = bulkhead.leave();
                inside -= usize::from(next.is_none());
                admitted.extend(next);
            }
            prop_assert_eq!(bulkhead.inside(), inside);
            prop_assert!(inside <= most && bulkhead.waiting() <= queue);
            prop_assert!(bulkhead.waiting() == 0 || inside == most, "nobody waits for a free place");
        }
        prop_assert_eq!(&came[..admitted.len()], &admitted[..]);
        prop_assert_eq!(came.len(), admitted.len() + bulkhead.waiting());
    }
}
