//! What waits for a machine that is busy.
//!
//! The law: nobody waits for a machine's lock to bring it an input. Whoever finds it taken leaves the input
//! here, and whoever had it looks here after letting go; so of the two one sees the other, and nothing is
//! left lying. Inputs are handled in the order in which they were brought.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering, fence};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Inputs in order, and whether the clock rang.
#[derive(Debug)]
pub(crate) struct Inbox<T> {
    waiting: Mutex<VecDeque<T>>,
    /// How many those are, to be asked without a lock.
    count: AtomicUsize,
    rung: AtomicBool,
}

impl<T> Inbox<T> {
    pub(crate) fn new() -> Inbox<T> {
        Inbox {
            waiting: Mutex::new(VecDeque::new()),
            count: AtomicUsize::new(0),
            rung: AtomicBool::new(false),
        }
    }

    /// Is there nothing to be handled? Whoever holds the machine's lock may rest on it for what it brought
    /// itself: what was taken out was handled under that lock.
    pub(crate) fn is_idle(&self) -> bool {
        self.len() == 0 && !self.rung.load(Ordering::SeqCst)
    }

    /// As [`Inbox::is_idle`], for one who let go of the machine's lock just now, or left something here
    /// and did not try to take it yet: either sees what the other did.
    pub(crate) fn is_idle_now(&self) -> bool {
        fence(Ordering::SeqCst);
        self.is_idle()
    }

    pub(crate) fn put(&self, item: T) {
        let mut waiting = self.waiting();
        waiting.push_back(item);
        self.count.store(waiting.len(), Ordering::SeqCst);
    }

    fn len(&self) -> usize {
        self.count.load(Ordering::SeqCst)
    }

    pub(crate) fn take(&self) -> Option<T> {
        if self.len() == 0 {
            return None;
        }
        let mut waiting = self.waiting();
        let item = waiting.pop_front();
        self.count.store(waiting.len(), Ordering::SeqCst);
        item
    }

    /// The clock rings: it is remembered until somebody asks.
    pub(crate) fn ring(&self) {
        self.rung.store(true, Ordering::SeqCst);
    }

    pub(crate) fn has_rung(&self) -> bool {
        self.rung.load(Ordering::SeqCst) && self.rung.swap(false, Ordering::SeqCst)
    }

    /// Forgets everything: nobody will handle it.
    pub(crate) fn clear(&self) {
        let forgotten = std::mem::take(&mut *self.waiting());
        self.count.store(0, Ordering::SeqCst);
        self.rung.store(false, Ordering::SeqCst);
        drop(forgotten);
    }

    fn waiting(&self) -> MutexGuard<'_, VecDeque<T>> {
        // A queue is whole between any two calls on it.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
