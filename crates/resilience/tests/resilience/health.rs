use proptest::prelude::*;
use resilience::{Health, HealthRule};

#[test]
fn checks_in_a_row_change_the_verdict() {
    let mut health = Health::new(HealthRule { fall: 3, rise: 2 });
    let checks = [false, false, true, false, false, false, true, false, true, true];
    let verdicts: Vec<_> = checks
        .map(|good| {
            health.checked(good);
            health.is_up()
        })
        .into();
    let up = |count| std::iter::repeat_n(true, count);
    let expected: Vec<_> = up(5).chain([false; 4]).chain(up(1)).collect();
    assert_eq!(verdicts, expected);
}

proptest! {
    /// Against the definition: the last `fall` or `rise` checks, since the verdict last changed.
    #[test]
    fn a_verdict_needs_as_many_in_a_row(
        fall in 1u32..5,
        rise in 1u32..5,
        checks in prop::collection::vec(any::<bool>(), 0..200),
    ) {
        let mut health = Health::new(HealthRule { fall, rise });
        let (mut up, mut row) = (true, 0);
        for good in checks {
            row = if good == up { 0 } else { row + 1 };
            let changes = row == if up { fall } else { rise };
            if changes {
                (up, row) = (good, 0);
            }
            prop_assert_eq!(health.checked(good), changes);
            prop_assert_eq!(health.is_up(), up);
        }
    }
}
