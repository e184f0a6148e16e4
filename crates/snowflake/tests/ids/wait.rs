//! Spinning and sleeping end when they should, and not later.

use std::cell::{Cell, RefCell};
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use machine::Wall;
use snowflake::{ClockPolicy, Generator, Layout, NotNow, wait};

use crate::strategies::START;

const MS: Duration = Duration::from_millis(1);

fn used_up() -> Generator {
    let mut ids = Generator::new(&Layout::twitter(), 0).unwrap();
    ids.take(START, 4_096, &mut Vec::new()).unwrap();
    ids
}

#[test]
fn spinning_ends_with_the_tick() {
    let mut ids = used_up();
    let mut now = START;
    let clock = || {
        now = now + Duration::from_micros(1);
        now
    };
    let id = wait::spinning(clock, MS, |now| ids.next(now)).unwrap();
    assert_eq!(Layout::twitter().time(id), START + MS);
    assert_eq!(now, START + MS);
}

#[test]
fn sleeping_sleeps_once_for_as_long_as_it_takes() {
    let mut ids = used_up();
    let now = Cell::new(START + Duration::from_micros(300));
    let slept = RefCell::new(Vec::new());
    let sleep = |pause: Duration| {
        slept.borrow_mut().push(pause);
        now.set(now.get() + pause);
        std::future::ready(())
    };
    let waiting = wait::sleeping(|| now.get(), sleep, MS, |now| ids.next(now));
    let id = match pin!(waiting).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(minted) => minted.unwrap(),
        Poll::Pending => panic!("nothing here is ever pending"),
    };
    assert_eq!(Layout::twitter().time(id), START + MS);
    assert_eq!(*slept.borrow(), [Duration::from_micros(700)]);
}

#[test]
fn patience_ends() {
    let mut ids = Generator::new(&Layout::twitter(), 0).unwrap();
    ids.next(START + MS * 100).unwrap();
    let clock = || START;
    let refused = wait::spinning(clock, MS * 99, |now| ids.next(now)).unwrap_err();
    assert!(matches!(refused, NotNow::ClockWentBack { by, .. } if by == MS * 100));
}

/// Another thread may have read the clock later and come first. That is no reason to give up.
#[test]
fn a_clock_that_went_back_is_looked_at_twice() {
    let refusing = || {
        let ids = Generator::new(&Layout::twitter(), 0).unwrap();
        let mut ids = ids.with_clock_policy(ClockPolicy::Refuse);
        ids.next(START + MS).unwrap();
        ids
    };
    let minted = |readings: [Wall; 2]| {
        let (mut ids, mut readings) = (refusing(), readings.into_iter());
        wait::spinning(|| readings.next().expect("asked twice"), MS, |now| ids.next(now))
    };
    assert!(minted([START, START + MS]).is_ok());
    assert!(matches!(minted([START, START]), Err(NotNow::ClockWentBack { .. })));
}

#[test]
fn what_waiting_does_not_cure_is_said_at_once() {
    let mut ids = Generator::new(&Layout::twitter(), 0).unwrap();
    ids.set_ceiling(START);
    let refused = wait::spinning(|| START + MS, Duration::MAX, |now| ids.next(now));
    assert_eq!(refused, Err(NotNow::AboveCeiling));
}
