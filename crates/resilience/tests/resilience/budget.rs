use proptest::prelude::*;
use resilience::RetryBudget;

#[test]
fn requests_earn_retries_and_nothing_else_does() {
    let mut budget = RetryBudget::new(20, 3);
    assert!((0..3).all(|_| budget.withdraw()), "the reserve is there from the beginning");
    assert!(!budget.withdraw());
    (0..4).for_each(|_| budget.deposit());
    assert!(!budget.withdraw(), "four requests are worth four fifths of a retry");
    budget.deposit();
    assert!(budget.withdraw() && !budget.withdraw());
}

#[test]
fn good_times_save_no_more_than_the_reserve() {
    let mut budget = RetryBudget::new(10, 5);
    (0..1_000).for_each(|_| budget.deposit());
    assert_eq!(budget.left(), 5);
}

proptest! {
    #[test]
    fn retries_stay_within_the_reserve_and_the_share(
        percent in 0u32..300,
        reserve in 0u32..50,
        asks in prop::collection::vec(any::<bool>(), 0..500),
    ) {
        let mut budget = RetryBudget::new(percent, reserve);
        let (mut requests, mut retries) = (0, 0);
        for retry in asks {
            match retry {
                true => retries += u32::from(budget.withdraw()),
                false => {
                    budget.deposit();
                    requests += 1;
                }
            }
            prop_assert!(retries * 100 <= reserve * 100 + requests * percent);
        }
    }
}
