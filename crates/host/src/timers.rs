//! Timers: those of a node by their names, and one thread of the process that rings for all nodes.
//!
//! The law: a timer fires once for each time it was set, never early, and of two that are due at the same
//! time the one that was set first. The thread is woken only for a time before the one it sleeps until: a
//! timer that is put off again and again, as an election timeout is, costs it nothing.

#![expect(clippy::disallowed_methods, reason = "this is where the time of machines comes from")]

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Instant;

use machine::Time;

/// The timers of one node.
#[derive(Debug)]
pub(crate) struct Timers<T> {
    /// When it is due, and the how manieth it was that was set.
    set: HashMap<T, (Time, u64)>,
    due: BTreeMap<(Time, u64), T>,
    count: u64,
}

impl<T: Clone + Eq + Hash> Timers<T> {
    pub(crate) fn new() -> Timers<T> {
        Timers { set: HashMap::new(), due: BTreeMap::new(), count: 0 }
    }

    /// Sets a timer, instead of whenever it was set to before.
    pub(crate) fn set(&mut self, timer: T, at: Time) {
        self.count += 1;
        let place = (at, self.count);
        if let Some(before) = self.set.insert(timer.clone(), place) {
            self.due.remove(&before);
        }
        self.due.insert(place, timer);
    }

    pub(crate) fn cancel(&mut self, timer: &T) {
        if let Some(place) = self.set.remove(timer) {
            self.due.remove(&place);
        }
    }

    /// When the first of them is due.
    pub(crate) fn first(&self) -> Option<Time> {
        self.due.first_key_value().map(|((at, _), _)| *at)
    }

    /// Takes the first of them, if it is due now.
    pub(crate) fn take_due(&mut self, now: Time) -> Option<T> {
        let first = self.due.first_entry().filter(|first| first.key().0 <= now)?;
        let timer = first.remove();
        self.set.remove(&timer);
        Some(timer)
    }
}

/// Who is to be rung for.
pub(crate) trait Rings: Send + Sync {
    /// It is time. Called on the thread that rings for everybody: be quick.
    fn ring(&self);
}

/// The place of one node among those that are rung for.
pub(crate) struct Alarm {
    number: u64,
    rings: Weak<dyn Rings>,
    /// It will be rung for at this time, or was and does not know yet.
    armed: Option<Instant>,
}

impl Alarm {
    pub(crate) fn new(rings: Weak<dyn Rings>) -> Alarm {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        Alarm { number: COUNT.fetch_add(1, Ordering::Relaxed), rings, armed: None }
    }

    /// It is to be rung for at this time at the latest.
    pub(crate) fn arm(&mut self, at: Instant) {
        if self.armed.is_none_or(|armed| at < armed) {
            let before = self.armed.replace(at).map(|before| (before, self.number));
            clock().set(before, (at, self.number), &self.rings);
        }
    }

    /// It was rung for.
    pub(crate) fn rang(&mut self) {
        self.armed = None;
    }
}

/// Whom to ring for, and when.
struct Clock {
    due: Mutex<BTreeMap<(Instant, u64), Weak<dyn Rings>>>,
    earlier: Condvar,
}

/// The one of this process, whose thread lives as long as that does.
fn clock() -> &'static Clock {
    static CLOCK: OnceLock<Clock> = OnceLock::new();
    static RUNS: std::sync::Once = std::sync::Once::new();
    let clock =
        CLOCK.get_or_init(|| Clock { due: Mutex::new(BTreeMap::new()), earlier: Condvar::new() });
    RUNS.call_once(|| drop(std::thread::spawn(|| clock.run())));
    clock
}

impl Clock {
    fn set(&self, before: Option<(Instant, u64)>, at: (Instant, u64), rings: &Weak<dyn Rings>) {
        let mut due = self.due();
        if put(&mut due, before, at, rings.clone()) {
            self.earlier.notify_one();
        }
    }

    /// Rings: never early, and as soon after as the system wakes a thread. A runtime's timers would round
    /// up to whole milliseconds, which is every other tick of most snowflakes.
    fn run(&self) {
        let mut due = self.due();
        loop {
            let now = Instant::now();
            due = match due.first_entry() {
                Some(first) if first.key().0 <= now => {
                    let rings = first.remove();
                    drop(due);
                    // A machine that panics is the end of its node, and not of the clock.
                    let _ = catch_unwind(AssertUnwindSafe(|| {
                        rings.upgrade().iter().for_each(|rings| rings.ring());
                    }));
                    self.due()
                }
                Some(first) => {
                    let wait = first.key().0 - now;
                    let woken = self.earlier.wait_timeout(due, wait);
                    woken.unwrap_or_else(PoisonError::into_inner).0
                }
                None => self.earlier.wait(due).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }

    fn due(&self) -> MutexGuard<'_, BTreeMap<(Instant, u64), Weak<dyn Rings>>> {
        // A map is whole between any two calls on it.
        self.due.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Puts one at a time instead of the one before; true if nobody is to be rung for sooner.
fn put<R>(
    due: &mut BTreeMap<(Instant, u64), R>,
    before: Option<(Instant, u64)>,
    at: (Instant, u64),
    rings: R,
) -> bool {
    before.map(|before| due.remove(&before));
    due.insert(at, rings);
    due.first_key_value().is_some_and(|(first, _)| *first == at)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;

    #[test]
    fn they_fire_once_in_order_and_equal_ones_as_they_were_set() {
        let mut timers = Timers::new();
        for (timer, at) in [("b", 5), ("a", 5), ("late", 9), ("gone", 1), ("b", 5), ("moved", 1)] {
            timers.set(timer, Time(at));
        }
        timers.set("moved", Time(7));
        timers.cancel(&"gone");
        timers.cancel(&"never set");
        assert_eq!(timers.first(), Some(Time(5)));
        assert_eq!(timers.take_due(Time(4)), None);
        let mut due = |now| std::iter::from_fn(|| timers.take_due(Time(now))).collect::<Vec<_>>();
        assert_eq!(due(8), ["a", "b", "moved"], "b was set anew after a");
        assert_eq!(due(100), ["late"]);
    }

    #[test]
    fn the_thread_is_woken_only_for_what_is_sooner() {
        let now = Instant::now();
        let at = |millis| now + Duration::from_millis(millis);
        let mut due = BTreeMap::new();
        assert!(put(&mut due, None, (at(50), 1), ()));
        assert!(!put(&mut due, None, (at(60), 2), ()));
        assert!(!put(&mut due, Some((at(60), 2)), (at(70), 2), ()), "put off");
        assert!(put(&mut due, Some((at(70), 2)), (at(10), 2), ()));
        assert_eq!(due.len(), 2);
    }

    /// What a node that is heard from every moment does with its election timeout.
    #[test]
    fn a_timer_that_is_put_off_touches_the_thread_once() {
        struct Nobody;
        impl Rings for Nobody {
            fn ring(&self) {}
        }
        let nobody: Arc<dyn Rings> = Arc::new(Nobody);
        let mut alarm = Alarm::new(Arc::downgrade(&nobody));
        let soon = Instant::now() + Duration::from_secs(1000);
        (0..100).for_each(|more| alarm.arm(soon + Duration::from_millis(more)));
        assert_eq!(alarm.armed, Some(soon));
        assert!(clock().due().contains_key(&(soon, alarm.number)));
        alarm.arm(soon - Duration::from_secs(1));
        assert!(!clock().due().contains_key(&(soon, alarm.number)), "once is enough");
        alarm.rang();
        assert_eq!(alarm.armed, None);
    }
}
