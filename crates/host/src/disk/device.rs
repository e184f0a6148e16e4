//! The lanes of a device: the threads that wait for it, shared by all nodes whose folders are on it.

#![expect(clippy::disallowed_methods, reason = "this is where the threads of the disks come from")]

use std::collections::{BTreeMap, VecDeque};
use std::os::unix::fs::MetadataExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// As many changes and syncs are under way at once. A device answers several sooner than one after the other.
const LANES: usize = 4;
/// And as many reads.
const READ_LANES: usize = 2;
/// And deletions, which nobody waits for as he does for a sync: a hundred of them, or one of a large file, took all
/// lanes for a second otherwise.
const DELETION_LANES: usize = 1;
const ALL_BUT_DELETIONS: usize = LANES + READ_LANES;

/// Something to do.
pub(super) type Job = Box<dyn FnOnce() + Send>;

pub(super) struct Device {
    changes: Queue,
    reads: Queue,
    deletions: Queue,
}

#[derive(Default)]
struct Queue {
    jobs: Mutex<VecDeque<Job>>,
    came: Condvar,
}

/// Those of this process. Their threads live as long as it does.
static DEVICES: Mutex<BTreeMap<u64, Arc<Device>>> = Mutex::new(BTreeMap::new());

impl Device {
    /// The one that this folder is on.
    pub(super) fn of(folder: &Path) -> Arc<Device> {
        // A folder that is not there has files nowhere: each operation says so.
        let number = std::fs::metadata(folder).map_or(0, |folder| folder.dev());
        // A map is whole between any two calls on it.
        let mut devices = DEVICES.lock().unwrap_or_else(PoisonError::into_inner);
        let device = devices.entry(number).or_insert_with(|| {
            let device = Arc::new(Device::without_lanes());
            for lane in 0..ALL_BUT_DELETIONS + DELETION_LANES {
                let device = device.clone();
                std::thread::spawn(move || match lane {
                    0..LANES => device.changes.serve(),
                    LANES..ALL_BUT_DELETIONS => device.reads.serve(),
                    _ => device.deletions.serve(),
                });
            }
            device
        });
        device.clone()
    }

    /// One on which nothing is done by itself.
    pub(super) fn without_lanes() -> Device {
        Device { changes: Queue::default(), reads: Queue::default(), deletions: Queue::default() }
    }

    /// Has this done on a lane for changes and syncs.
    pub(super) fn change(&self, job: Job) {
        self.changes.put(job);
    }

    /// Has this done on a lane for reads.
    pub(super) fn read(&self, job: Job) {
        self.reads.put(job);
    }

    /// Has this done on the lane for deletions.
    pub(super) fn delete(&self, job: Job) {
        self.deletions.put(job);
    }

    /// Does somebody wait for a lane for changes?
    pub(super) fn is_wanted(&self) -> bool {
        !self.changes.jobs().is_empty()
    }

    /// Does one of the jobs that stand first, each on a lane.
    #[cfg(test)]
    pub(super) fn do_one(&self, choice: usize) -> bool {
        let queues =
            [(&self.changes, LANES), (&self.reads, READ_LANES), (&self.deletions, DELETION_LANES)];
        let on_lanes = |(queue, lanes): (&Queue, usize)| queue.jobs().len().min(lanes);
        let mut place = choice % queues.iter().copied().map(on_lanes).sum::<usize>().max(1);
        let job = queues.iter().copied().find_map(|(queue, lanes)| {
            let here = on_lanes((queue, lanes));
            if place < here {
                return queue.jobs().remove(place);
            }
            place -= here;
            None
        });
        job.map(|job| job()).is_some()
    }
}

impl Queue {
    fn put(&self, job: Job) {
        self.jobs().push_back(job);
        self.came.notify_one();
    }

    fn serve(&self) {
        loop {
            let empty = |jobs: &mut VecDeque<Job>| jobs.is_empty();
            let jobs = self.came.wait_while(self.jobs(), empty);
            let job = jobs.unwrap_or_else(PoisonError::into_inner).pop_front();
            // A machine that panics when it is told is the end of its node, and not of the lane.
            job.map(|job| catch_unwind(AssertUnwindSafe(job)));
        }
    }

    fn jobs(&self) -> MutexGuard<'_, VecDeque<Job>> {
        // A queue is whole between any two calls on it.
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
