//! Jobs on many keys: those on one key happen one after the other.
//!
//! The law: while a key is being changed no other job on it begins; reads that found no change ahead of
//! them go side by side, and hold up no other job. Jobs that wait are served in the order in which they came.
//! Only so many jobs may wait or be under way.

use std::collections::{BTreeMap, VecDeque};

/// Keys that are being changed, and the jobs that wait for that.
#[derive(Clone, Debug)]
pub struct KeyQueue<K, J> {
    most: usize,
    changing: BTreeMap<K, VecDeque<Waiting<J>>>,
    waiting: usize,
}

#[derive(Clone, Debug)]
struct Waiting<J> {
    job: J,
    changes: bool,
}

/// What a job does to a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access<K> {
    /// It is about no key: it never waits.
    Free,
    /// It reads this one.
    Read(K),
    /// It may change this one.
    Change(K),
}

/// When a job may begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn<J> {
    /// At once.
    Now(J),
    /// It waits, and is handed out by [`KeyQueue::leave`].
    Later,
    /// Never: too many wait or are under way.
    Full(J),
}

impl<K: Ord, J> KeyQueue<K, J> {
    /// An empty one, for so many jobs at most.
    pub fn new(most: usize) -> Self {
        KeyQueue { most, changing: BTreeMap::new(), waiting: 0 }
    }

    /// A job comes, while so many are under way.
    pub fn enter(&mut self, job: J, access: Access<K>, under_way: usize) -> Turn<J> {
        if self.waiting + under_way >= self.most {
            return Turn::Full(job);
        }
        let (key, changes) = match access {
            Access::Free => return Turn::Now(job),
            Access::Read(key) => (key, false),
            Access::Change(key) => (key, true),
        };
        if let Some(waiting) = self.changing.get_mut(&key) {
            waiting.push_back(Waiting { job, changes });
            self.waiting += 1;
            return Turn::Later;
        }
        if changes {
            self.changing.insert(key, VecDeque::new());
        }
        Turn::Now(job)
    }

    /// A job that had begun is over: those that may begin now.
    pub fn leave(&mut self, access: &Access<K>) -> Vec<J> {
        let mut next = Vec::new();
        let Access::Change(key) = access else { return next };
        let Some(waiting) = self.changing.get_mut(key) else { return next };
        while let Some(Waiting { job, changes }) = waiting.pop_front() {
            self.waiting -= 1;
            next.push(job);
            if changes {
                return next;
            }
        }
        self.changing.remove(key);
        next
    }

    /// How many wait.
    pub fn waiting(&self) -> usize {
        self.waiting
    }
}
