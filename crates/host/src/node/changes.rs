//! Who waits until a machine shows what they want to see.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Tells those who wait for a change of the machine. Mostly nobody does, and nothing is paid.
#[derive(Default)]
pub(super) struct Changes {
    watchers: AtomicUsize,
    count: Mutex<u64>,
    changed: Condvar,
}

pub(super) struct Watch<'a>(&'a Changes);

impl Changes {
    pub(super) fn watch(&self) -> Watch<'_> {
        self.watchers.fetch_add(1, Ordering::SeqCst);
        Watch(self)
    }

    pub(super) fn tell(&self) {
        if self.watchers.load(Ordering::SeqCst) > 0 {
            *self.count() += 1;
            self.changed.notify_all();
        }
    }

    pub(super) fn count(&self) -> MutexGuard<'_, u64> {
        self.count.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watch<'_> {
    pub(super) fn now(&self) -> u64 {
        *self.0.count()
    }

    /// Ends when there was a change since then.
    pub(super) fn wait(&self, seen: u64) {
        let unchanged = |count: &mut u64| *count == seen;
        // Whoever held it cannot have left a number half written.
        drop(self.0.changed.wait_while(self.0.count(), unchanged));
    }
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        self.0.watchers.fetch_sub(1, Ordering::SeqCst);
    }
}
