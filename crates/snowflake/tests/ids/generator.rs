//! Ids are unique and go up, whatever the clock does.

use std::collections::BTreeSet;
use std::time::Duration;

use machine::Wall;
use proptest::prelude::*;
use snowflake::{ClockPolicy, Generator, Id, Layout, NotNow};

use crate::strategies::{START, clock_readings, safe_policy, tight_layout};

const MS: Duration = Duration::from_millis(1);

proptest! {
    #[test]
    fn ids_go_up_whatever_the_clock_shows(
        layout in tight_layout(),
        policy in safe_policy(),
        readings in clock_readings(),
        worker in 0u64..16,
    ) {
        let mut ids = Generator::new(&layout, worker).unwrap().with_clock_policy(policy);
        let mut last = None;
        for now in readings {
            let before = ids.last_timestamp();
            match ids.next(now) {
                Ok(id) => {
                    prop_assert!(last < Some(id), "{last:?}, then {id}");
                    prop_assert_eq!(layout.worker(id), worker);
                    prop_assert_eq!(ids.last_timestamp(), Some(layout.time(id)));
                    // The timestamp is the clock's, or at most the bound ahead of it.
                    let bound = match policy {
                        ClockPolicy::KeepCounting { bound } => bound,
                        _ => Duration::ZERO,
                    };
                    prop_assert!(layout.time(id) <= now + bound);
                    prop_assert!(now < layout.time(id) + MS);
                    last = Some(id);
                }
                Err(not_now) => {
                    prop_assert_eq!(ids.last_timestamp(), before);
                    check_refusal(&ids, not_now, now, policy)?;
                }
            }
        }
    }

    /// A mark in durable storage keeps the ids of two lives of a worker apart.
    #[test]
    fn a_successor_starts_after_the_mark(
        layout in tight_layout(),
        policies in (safe_policy(), safe_policy()),
        readings in (clock_readings(), clock_readings()),
    ) {
        let mut first = Generator::new(&layout, 1).unwrap().with_clock_policy(policies.0);
        let before: Vec<Id> = readings.0.iter().filter_map(|now| first.next(*now).ok()).collect();
        if let Some(mark) = first.last_timestamp() {
            let second = Generator::new(&layout, 1).unwrap().with_clock_policy(policies.1);
            let mut second = second.start_after(mark);
            for id in readings.1.iter().filter_map(|now| second.next(*now).ok()) {
                prop_assert!(before.last() < Some(&id));
            }
        }
    }

    /// The mark can also be written beforehand: whoever is below the ceiling never meets whoever
    /// starts after it, even if both run at once and neither has a guard on its clock.
    #[test]
    fn a_ceiling_and_a_floor_at_the_same_time_never_meet(
        layout in tight_layout(),
        mark in (0u64..20_000_000).prop_map(|nanos| START + Duration::from_nanos(nanos)),
        policy in prop_oneof![safe_policy(), Just(ClockPolicy::Trust)],
        readings in clock_readings(),
    ) {
        let generator = || Generator::new(&layout, 1).unwrap().with_clock_policy(policy);
        let (mut below, mut above) = (generator(), generator().start_after(mark));
        // A ceiling that is set late counts from then on, so the first call is before it.
        let _ = below.next(START - Duration::from_secs(30));
        below.set_ceiling(mark);
        for now in readings {
            if let Ok(id) = below.next(now) {
                prop_assert!(layout.time(id) <= mark);
            }
            if let Ok(id) = above.next(now) {
                prop_assert!(layout.time(id) > mark);
            }
        }
    }

    #[test]
    fn taking_many_is_taking_one_many_times(
        layout in tight_layout(),
        policy in prop_oneof![safe_policy(), Just(ClockPolicy::Trust)],
        wait: bool,
        readings in clock_readings(),
        count in 1usize..60,
    ) {
        let mut one = Generator::new(&layout, 3).unwrap();
        one = one.with_clock_policy(policy).with_sequence_wait(wait);
        let mut many = one.clone();
        for now in readings {
            let mut taken = Vec::new();
            let answer = many.take(now, count, &mut taken);
            let singly: Vec<_> = (0..count).map_while(|_| one.next(now).ok()).collect();
            prop_assert_eq!(&taken, &singly);
            match answer {
                Ok(given) => prop_assert_eq!(given, taken.len()),
                Err(not_now) => prop_assert_eq!(Err(not_now), one.next(now)),
            }
        }
    }
}

/// What a refusal says is true: it holds until `retry_at`, and then no longer.
fn check_refusal(
    ids: &Generator,
    not_now: NotNow,
    now: Wall,
    policy: ClockPolicy,
) -> Result<(), TestCaseError> {
    let back = matches!(not_now, NotNow::ClockWentBack { .. });
    prop_assert!(back || matches!(not_now, NotNow::TickUsedUp { .. }), "{not_now}");
    prop_assert_eq!(not_now.retry_at().is_none(), back && policy == ClockPolicy::Refuse);
    if let NotNow::ClockWentBack { by, .. } = not_now {
        prop_assert_eq!(now + by, ids.last_timestamp().unwrap());
    }
    if let Some(retry_at) = not_now.retry_at() {
        prop_assert!(ids.clone().next(retry_at - Duration::from_nanos(1)).is_err());
        prop_assert!(ids.clone().next(retry_at).is_ok());
    }
    Ok(())
}

/// The counterpart of `ids_go_up_whatever_the_clock_shows`: this is what the guard is for.
#[test]
fn without_a_guard_a_clock_that_goes_back_makes_duplicates() {
    let mint = |policy| {
        let mut ids = Generator::new(&Layout::twitter(), 0).unwrap().with_clock_policy(policy);
        let readings = [0, 1, 0, 1].map(|ms| START + MS * ms);
        readings.into_iter().filter_map(|now| ids.next(now).ok()).collect::<Vec<Id>>()
    };
    let trusting = mint(ClockPolicy::Trust);
    assert_eq!(trusting.len(), 4);
    assert_eq!(trusting[..2], trusting[2..]);
    for policy in [
        ClockPolicy::Wait,
        ClockPolicy::Refuse,
        ClockPolicy::KeepCounting { bound: Duration::from_secs(1) },
    ] {
        let guarded = mint(policy);
        assert_eq!(guarded.iter().collect::<BTreeSet<_>>().len(), guarded.len());
    }
}

/// And this is what waiting for the next tick is for.
#[test]
fn without_waiting_a_full_tick_makes_duplicates() {
    let mint = |wait| {
        let mut ids = Generator::new(&Layout::twitter(), 0).unwrap().with_sequence_wait(wait);
        (0..5_000).filter_map(|_| ids.next(START).ok()).collect::<Vec<Id>>()
    };
    assert_eq!(mint(true).len(), 4_096);
    let wrapped = mint(false);
    assert_eq!(wrapped.len(), 5_000);
    assert_eq!(wrapped[..904], wrapped[4_096..]);
}

#[test]
fn waiting_and_refusing_differ_in_whether_to_come_back() {
    let answer = |policy| {
        let mut ids = Generator::new(&Layout::twitter(), 0).unwrap().with_clock_policy(policy);
        ids.next(START + MS * 50).unwrap();
        ids.next(START)
    };
    let by = MS * 50;
    let retry_at = Some(START + by);
    assert_eq!(answer(ClockPolicy::Wait), Err(NotNow::ClockWentBack { by, retry_at }));
    assert_eq!(answer(ClockPolicy::Refuse), Err(NotNow::ClockWentBack { by, retry_at: None }));
    let short = ClockPolicy::KeepCounting { bound: MS * 20 };
    let retry_at = Some(START + MS * 30);
    assert_eq!(answer(short), Err(NotNow::ClockWentBack { by, retry_at }));
    assert!(answer(ClockPolicy::KeepCounting { bound: by }).is_ok());
}

#[test]
fn counting_on_borrows_ticks_up_to_the_bound() {
    let policy = ClockPolicy::KeepCounting { bound: MS * 2 };
    let mut ids = Generator::new(&Layout::twitter(), 0).unwrap().with_clock_policy(policy);
    let mut taken = Vec::new();
    assert_eq!(ids.take(START, 20_000, &mut taken), Ok(3 * 4_096));
    assert_eq!(ids.last_timestamp(), Some(START + MS * 2));
    assert_eq!(ids.next(START), Err(NotNow::TickUsedUp { retry_at: START + MS }));
}

#[test]
fn a_ceiling_holds_until_it_is_raised() {
    let mut ids = Generator::new(&Layout::twitter(), 0).unwrap();
    ids.set_ceiling(START);
    assert!(ids.next(START + MS - Duration::from_nanos(1)).is_ok());
    assert_eq!(ids.next(START + MS), Err(NotNow::AboveCeiling));
    ids.set_ceiling(START + MS);
    assert!(ids.next(START + MS).is_ok());
    ids.set_ceiling(START);
    assert_eq!(ids.next(START + MS), Err(NotNow::AboveCeiling));
}

/// A mark counts under every policy, and also for a generator that is already at work.
#[test]
fn a_mark_holds_under_every_policy() {
    for policy in [ClockPolicy::Wait, ClockPolicy::Refuse, ClockPolicy::Trust] {
        let mut ids = Generator::new(&Layout::twitter(), 0).unwrap().with_clock_policy(policy);
        ids.next(START).unwrap();
        let mut ids = ids.start_after(START + MS * 5);
        assert!(matches!(ids.next(START), Err(NotNow::ClockWentBack { .. })), "{policy:?}");
        assert!(ids.next(START + MS * 6).is_ok());
        let mut ids = ids.start_after(START);
        assert!(ids.next(START + MS * 6).is_ok(), "an older mark changes nothing");
    }
}

#[test]
fn a_layout_has_a_beginning_and_an_end() {
    let layout = Layout::named("baidu").unwrap();
    let mut ids = Generator::new(&layout, 0).unwrap();
    let epoch = layout.epoch();
    assert_eq!(ids.next(epoch - Duration::from_nanos(1)), Err(NotNow::BeforeEpoch { epoch }));
    assert_eq!(ids.next(epoch), Ok(Id(0)));
    let end = epoch + Duration::from_secs(1 << 28);
    assert_eq!(ids.next(end), Err(NotNow::LayoutExhausted));
    let last = ids.next(end - Duration::from_nanos(1)).unwrap();
    assert_eq!(layout.timestamp(last), layout.max_timestamp());
    assert_eq!(ids.start_after(end).next(epoch), Err(NotNow::LayoutExhausted));
}

/// With all 64 bits in timestamp and sequence there is no room for "one more than the last".
#[test]
fn a_layout_of_64_bits_ends_without_starting_over() {
    let spec = "custom:epoch=0,tick=1s,timestamp=2,sequence=62";
    let mut ids = Generator::new(&spec.parse().unwrap(), 0).unwrap();
    assert_eq!(ids.next(Wall(3_999_999_999)), Ok(Id(3 << 62)));
    assert_eq!(ids.next(Wall(4_000_000_000)), Err(NotNow::LayoutExhausted));

    let full = "custom:epoch=0,tick=1s,timestamp=60,sequence=4";
    assert!(full.parse::<Layout>().is_err(), "the years do not fit");
    let full = "custom:epoch=0,tick=1ns,timestamp=60,sequence=4".parse().unwrap();
    let mut ids = Generator::new(&full, 0).unwrap();
    let mut taken = Vec::new();
    let last_tick = Wall((1 << 60) - 1);
    assert_eq!(ids.take(last_tick, 20, &mut taken), Ok(15), "the very last id is given up");
    assert_eq!(ids.next(last_tick), Err(NotNow::LayoutExhausted));
    let mut after = Generator::new(&full, 0).unwrap().start_after(last_tick);
    assert_eq!(after.next(last_tick), Err(NotNow::LayoutExhausted));
}

#[test]
fn a_worker_has_a_number_that_fits() {
    assert!(Generator::new(&Layout::twitter(), 1_023).is_ok());
    assert_eq!(Generator::new(&Layout::twitter(), 1_024).unwrap_err().max, 1_023);
    let alone = Layout::named("mastodon").unwrap();
    assert!(Generator::new(&alone, 0).is_ok());
    assert!(Generator::new(&alone, 1).is_err());
}
