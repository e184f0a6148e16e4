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

/// A caller that saves nothing for bad times may still retry what its requests earn.
#[test]
fn a_budget_without_a_reserve_retries_its_share() {
    let taken = |percent, reserve| {
        let mut budget = RetryBudget::new(percent, reserve);
        let request = |_| {
            budget.deposit();
            std::iter::repeat_with(|| budget.withdraw()).take_while(|taken| *taken).count()
        };
        (0..1_000).map(request).sum::<usize>()
    };
    let of = [0, 1, 20, 30, 100].map(|percent| taken(percent, 0));
    assert_eq!(of, [0, 10, 200, 300, 1_000]);
    assert_eq!(taken(300, 0), 3_000, "a request may earn more than the reserve holds");
    let mut calm = RetryBudget::new(20, 0);
    (0..1_000).for_each(|_| calm.deposit());
    assert_eq!(calm.left(), 1, "good times save nothing but the next retry");
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
