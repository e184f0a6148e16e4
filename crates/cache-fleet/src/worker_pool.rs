//! A pool of workers with a bounded queue: so many jobs at once, the others wait, each takes its time.

use std::collections::BTreeMap;
use std::time::Duration;

use machine::Outputs;
use resilience::{Bulkhead, Full};

use crate::message::{Fleet, Timer};

/// What a server has to do. The law: a job that was taken in ends once, after it was served.
#[derive(Clone, Debug)]
pub(crate) struct WorkerPool<J> {
    bulkhead: Bulkhead<J>,
    serving: BTreeMap<u64, J>,
    jobs: u64,
}

impl<J: Copy> WorkerPool<J> {
    pub(crate) fn new(workers: usize, queue: usize) -> Self {
        WorkerPool { bulkhead: Bulkhead::new(workers, queue), serving: BTreeMap::new(), jobs: 0 }
    }

    /// Takes a job in, unless the queue is full. It takes so long if it is begun at once, and is given back
    /// then.
    pub(crate) fn enter(
        &mut self,
        job: J,
        takes: Duration,
        out: &mut Outputs<Fleet>,
    ) -> Result<Option<J>, Full> {
        let begins = self.bulkhead.enter(job)?;
        Ok(self.begin(begins, takes, out))
    }

    /// The job of a [`Timer::Served`] is done; the next one takes so long. Both are given back.
    pub(crate) fn served(
        &mut self,
        number: u64,
        takes: Duration,
        out: &mut Outputs<Fleet>,
    ) -> Option<(J, Option<J>)> {
        let done = self.serving.remove(&number)?;
        let next = self.bulkhead.leave();
        Some((done, self.begin(next, takes, out)))
    }

    /// Drops the waiting jobs for which this is true, and returns how many they were.
    pub(crate) fn give_up(&mut self, gives_up: impl FnMut(&J) -> bool) -> usize {
        self.bulkhead.give_up(gives_up).len()
    }

    /// Jobs that wait or are being served.
    pub(crate) fn load(&self) -> usize {
        self.bulkhead.inside() + self.bulkhead.waiting()
    }

    fn begin(&mut self, job: Option<J>, takes: Duration, out: &mut Outputs<Fleet>) -> Option<J> {
        let job = job?;
        self.jobs += 1;
        self.serving.insert(self.jobs, job);
        out.set_timer(Timer::Served(self.jobs), takes);
        Some(job)
    }
}
