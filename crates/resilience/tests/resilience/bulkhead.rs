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

proptest! {
    #[test]
    fn places_and_queue_are_bounded_and_nobody_is_lost(
        most in 1usize..5,
        queue in 0usize..5,
        comes in prop::collection::vec(any::<bool>(), 0..200),
    ) {
        let mut bulkhead = Bulkhead::new(most, queue);
        let (mut inside, mut admitted, mut came) = (0, Vec::new(), Vec::new());
        for (number, comes) in comes.into_iter().enumerate() {
            if comes {
                if let Ok(entered) = bulkhead.enter(number) {
                    came.push(number);
                    inside += usize::from(entered.is_some());
                    admitted.extend(entered);
                }
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
