//! What waits for a machine that is busy.
//!
//! The law: nobody waits for a machine's lock to bring it an input, but for who asks in a session (they want the
//! answer) and who looks at the machine. Whoever else finds it taken leaves the input here, and whoever had it looks here after letting go; so of the two one sees the other, and nothing is
//! left lying. Inputs are handled in the order in which they were brought. What a link carries is bounded by its
//! window; of datagrams, which have none, at most [`MOST_DATAGRAMS`] wait, and others are lost.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering, fence};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Of a machine that is busy.
const MOST_DATAGRAMS: usize = 1024;

/// Inputs in order, and whether the clock rang.
#[derive(Debug)]
pub(crate) struct Inbox<T> {
    waiting: Mutex<Queue<T>>,
    /// How many those are, to be asked without a lock.
    count: AtomicUsize,
    rung: AtomicBool,
}

#[derive(Debug)]
struct Queue<T> {
    items: VecDeque<(Kind, T)>,
    datagrams: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Kept,
    Datagram,
}

impl<T> Inbox<T> {
    pub(crate) fn new() -> Inbox<T> {
        Inbox {
            waiting: Mutex::new(Queue { items: VecDeque::new(), datagrams: 0 }),
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
        self.waiting().push(Kind::Kept, item, &self.count);
    }

    /// As [`Inbox::put`], for what may be lost; false where it is, since so many wait.
    pub(crate) fn put_datagram(&self, item: T) -> bool {
        let mut waiting = self.waiting();
        let has_room = waiting.datagrams < MOST_DATAGRAMS;
        if has_room {
            waiting.push(Kind::Datagram, item, &self.count);
        }
        has_room
    }

    fn len(&self) -> usize {
        self.count.load(Ordering::SeqCst)
    }

    pub(crate) fn take(&self) -> Option<T> {
        if self.len() == 0 {
            return None;
        }
        let mut waiting = self.waiting();
        let (kind, item) = waiting.items.pop_front()?;
        waiting.datagrams -= usize::from(kind == Kind::Datagram);
        self.count.store(waiting.items.len(), Ordering::SeqCst);
        Some(item)
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
        let forgotten = {
            let mut waiting = self.waiting();
            waiting.datagrams = 0;
            self.count.store(0, Ordering::SeqCst);
            std::mem::take(&mut waiting.items)
        };
        self.rung.store(false, Ordering::SeqCst);
        drop(forgotten);
    }

    fn waiting(&self) -> MutexGuard<'_, Queue<T>> {
        // A queue is whole between any two calls on it.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Queue<T> {
    fn push(&mut self, kind: Kind, item: T, count: &AtomicUsize) {
        self.datagrams += usize::from(kind == Kind::Datagram);
        self.items.push_back((kind, item));
        count.store(self.items.len(), Ordering::SeqCst);
    }
}
