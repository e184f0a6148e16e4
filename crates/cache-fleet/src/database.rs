//! The database: knows every key, and can read a hundred of them in a second.
//!
//! The law: it serves in order of arrival, two at a time, and turns away what finds the queue full.
//! To turn a read away takes time too, a fifth of serving it (a connection, a handshake, an error to
//! write), and that time is missing from the reads behind. So an overload makes it slower, down to a
//! tenth. A read that waits for longer than its front does leaves the queue, if the front said how long that
//! is. And there is a load above which every answer comes too late: then it works at its limit and
//! no user gets an answer in time (Bronson et al., "Metastable failures in distributed systems", HotOS 2021).

use std::time::Duration;

use machine::{Field, Input, Inspection, Machine, NodeId, Now, Outputs, Time};
use resilience::Deadline;

use crate::message::{Attempt, Fleet, Message, Note, Timer};
use crate::worker_pool::WorkerPool;

const WORKERS: usize = 2;
const QUEUE: usize = 8;
/// How long a read takes.
const READ: Duration = Duration::from_millis(20);
/// How long it takes to turn a read away.
const TURN_AWAY: Duration = Duration::from_millis(4);
/// What was turned away holds the next read up for at most so long.
const LONGEST: Duration = Duration::from_millis(180);

/// How many reads may be under way or queued.
pub(crate) const CAPACITY: usize = WORKERS + QUEUE;

/// The server behind the caches.
#[derive(Clone, Debug)]
pub struct Database {
    pool: WorkerPool<Job>,
    /// Time spent on turning away, which the next read has to wait for.
    lost: Duration,
}

#[derive(Clone, Copy, Debug)]
struct Job {
    from: NodeId,
    attempt: Attempt,
    deadline: Option<Deadline>,
}

impl Database {
    /// An idle one.
    pub fn new() -> Self {
        Database { pool: WorkerPool::new(WORKERS, QUEUE), lost: Duration::ZERO }
    }

    fn read(&mut self, job: Job, now: Time, out: &mut Outputs<Fleet>) {
        self.drop_late(now, out);
        if self.pool.load() == CAPACITY {
            self.lost = (self.lost + TURN_AWAY).min(LONGEST);
            out.note(Note::TurnedAway);
            return out.send(job.from, Message::TurnedAway { attempt: job.attempt });
        }
        let takes = self.takes();
        // There is room: it was looked for above.
        let begins = self.pool.enter(job, takes, out).ok().flatten();
        Database::note_begun(begins, out);
    }

    fn served(&mut self, number: u64, now: Time, out: &mut Outputs<Fleet>) {
        self.drop_late(now, out);
        let takes = self.takes();
        let Some((Job { from, attempt, .. }, next)) = self.pool.served(number, takes, out) else {
            return;
        };
        out.send(from, Message::Row { attempt });
        Database::note_begun(next, out);
    }

    /// Drops the reads whose callers have stopped waiting.
    fn drop_late(&mut self, now: Time, out: &mut Outputs<Fleet>) {
        let is_late = |job: &Job| job.deadline.is_some_and(|deadline| deadline.has_passed(now));
        (0..self.pool.give_up(is_late)).for_each(|_| out.note(Note::GivenUp));
    }

    fn note_begun(job: Option<Job>, out: &mut Outputs<Fleet>) {
        if let Some(Job { from: front, attempt, .. }) = job {
            out.note(Note::Serves { front, attempt });
        }
    }

    /// How long a read takes that begins now.
    fn takes(&mut self) -> Duration {
        READ + std::mem::take(&mut self.lost)
    }
}

impl Default for Database {
    fn default() -> Self {
        Database::new()
    }
}

impl Machine for Database {
    type Protocol = Fleet;

    fn handle(&mut self, now: &mut Now<'_>, input: Input<Fleet>, out: &mut Outputs<Fleet>) {
        match input {
            Input::Message { from, message: Message::Read { attempt, left, .. } } => {
                let deadline = left.map(|left| Deadline::after(now.time, left));
                self.read(Job { from, attempt, deadline }, now.time, out);
            }
            Input::Timer(Timer::Served(number)) => self.served(number, now.time, out),
            Input::Stop => out.stopped(),
            _ => {}
        }
    }

    fn fields(&self) -> Vec<Field> {
        vec![Field::number("reads", self.pool.load() as u64)]
    }

    fn inspect(&self) -> Inspection {
        Inspection { role: "database", state: format!("{} reads", self.pool.load()) }
    }
}
