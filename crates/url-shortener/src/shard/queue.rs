//! Calls on one link, one after the other.
//!
//! The law: while a link is being changed nothing else of it begins; reads that found nothing ahead of
//! them go side by side. Whoever waits is served in the order of coming, and only so many may.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;

use super::{Job, LEASES};
use crate::message::Call;

/// More calls than these a shard does not take.
const MOST: usize = 100_000;

/// Links that are being changed, and who waits for that.
#[derive(Clone, Debug, Default)]
pub(crate) struct Queue {
    changing: BTreeMap<Bytes, VecDeque<Job>>,
    waiting: usize,
}

/// When a call may begin.
#[derive(Debug)]
pub(crate) enum Turn {
    /// At once.
    Now(Job),
    /// It waits.
    Later,
    /// Never.
    Full(Job),
}

impl Queue {
    /// A call comes, while so many are under way.
    pub(crate) fn enter(&mut self, job: Job, under_way: usize) -> Turn {
        if self.waiting + under_way >= MOST {
            return Turn::Full(job);
        }
        let Some((key, changes)) = key_of(&job.wanted) else { return Turn::Now(job) };
        if let Some(waiting) = self.changing.get_mut(&key) {
            waiting.push_back(job);
            self.waiting += 1;
            return Turn::Later;
        }
        if changes {
            self.changing.insert(key, VecDeque::new());
        }
        Turn::Now(job)
    }

    /// A call is over: those that may begin now.
    pub(crate) fn leave(&mut self, wanted: &Call) -> Vec<Job> {
        let mut next = Vec::new();
        let Some((key, true)) = key_of(wanted) else { return next };
        let Some(waiting) = self.changing.get_mut(&key) else { return next };
        while let Some(job) = waiting.pop_front() {
            self.waiting -= 1;
            let changes = key_of(&job.wanted).is_some_and(|(_, changes)| changes);
            next.push(job);
            if changes {
                return next;
            }
        }
        self.changing.remove(&key);
        next
    }
}

/// What a call is about, and whether it may change it. A page is about nothing in particular.
fn key_of(wanted: &Call) -> Option<(Bytes, bool)> {
    match wanted {
        Call::Get(key) => Some((key.bytes().into(), false)),
        Call::PutIfAbsent(key, _) | Call::Edit(key, _) | Call::Remove(key) => {
            Some((key.bytes().into(), true))
        }
        Call::Scan { .. } | Call::Newest { .. } | Call::Join | Call::Handover { .. } => None,
        Call::LeaseRange => Some((Bytes::from_static(LEASES), true)),
    }
}

#[cfg(test)]
mod tests {
    use machine::NodeId;

    use super::*;
    use crate::Key;

    fn wanted(changes: bool) -> Call {
        let key = Key::new("", "a");
        if changes { Call::Remove(key) } else { Call::Get(key) }
    }

    fn enter(queue: &mut Queue, call: u64, changes: bool) -> bool {
        let job = Job { from: NodeId(0), call, wanted: wanted(changes) };
        matches!(queue.enter(job, 0), Turn::Now(_))
    }

    fn leave(queue: &mut Queue, changes: bool) -> Vec<u64> {
        queue.leave(&wanted(changes)).into_iter().map(|job| job.call).collect()
    }

    #[test]
    fn reads_wait_for_changes_and_changes_for_each_other() {
        let mut queue = Queue::default();
        assert!(
            enter(&mut queue, 0, false) && enter(&mut queue, 1, false),
            "reads go side by side"
        );
        assert!(enter(&mut queue, 2, true));
        for (call, changes) in [(3, false), (4, false), (5, true), (6, false), (7, true)] {
            assert!(!enter(&mut queue, call, changes), "{call} waits");
        }
        assert_eq!(leave(&mut queue, false), [0u64; 0], "a read that is over lets nobody in");
        assert_eq!(leave(&mut queue, true), [3, 4, 5]);
        assert!(!enter(&mut queue, 8, false));
        assert_eq!(leave(&mut queue, true), [6, 7]);
        assert_eq!(leave(&mut queue, true), [8]);
        assert!(enter(&mut queue, 9, true), "nothing is left behind");
        assert_eq!(queue.waiting, 0);
    }

    #[test]
    fn a_shard_takes_so_many_calls_and_no_more() {
        let mut queue = Queue::default();
        assert!(enter(&mut queue, 0, true));
        (0..MOST as u64).for_each(|call| assert!(!enter(&mut queue, call, false)));
        let page = Call::Scan { after: None, limit: 1, search: None };
        let full = queue.enter(Job { from: NodeId(0), call: 0, wanted: page }, 0);
        assert!(matches!(full, Turn::Full(_)));
    }
}
