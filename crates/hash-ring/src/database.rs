//! The database: knows every key, and can read a hundred of them in a second.
//!
//! The law: it serves in the order of coming, two at a time, and turns away what finds the queue full.
//! To turn a read away takes time too, a fifth of serving it (a connection, a handshake, an error to
//! write), and that time is missing from the reads behind. So an overload makes it slower, down to a
//! tenth, and there is a load above which every answer comes too late: then it works at its limit and
//! nobody gets anything (Bronson et al., "Metastable failures in distributed systems", HotOS 2021).

use std::time::Duration;

use machine::{Input, Inspection, Machine, NodeId, Now, Outputs};

use crate::message::{Attempt, Fleet, Message, Note, Timer};
use crate::service::Service;

const WORKERS: usize = 2;
const QUEUE: usize = 8;
/// How long a read takes.
const READ: Duration = Duration::from_millis(20);
/// And how long it takes to say no.
const TURN_AWAY: Duration = Duration::from_millis(4);
/// What was turned away holds the next read up for at most so long.
const LONGEST: Duration = Duration::from_millis(180);

/// How many reads it has under way or in line before it turns the next away.
pub(crate) const CAPACITY: usize = WORKERS + QUEUE;

/// The server behind the caches.
#[derive(Clone, Debug)]
pub struct Database {
    service: Service<Job>,
    /// Time spent on turning away, which the next read has to wait for.
    lost: Duration,
}

#[derive(Clone, Copy, Debug)]
struct Job {
    from: NodeId,
    attempt: Attempt,
}

impl Database {
    /// An idle one.
    pub fn new() -> Self {
        Database { service: Service::new(WORKERS, QUEUE), lost: Duration::ZERO }
    }

    fn read(&mut self, job: Job, out: &mut Outputs<Fleet>) {
        if self.service.load() == CAPACITY {
            self.lost = (self.lost + TURN_AWAY).min(LONGEST);
            out.note(Note::TurnedAway);
            return out.send(job.from, Message::TurnedAway { attempt: job.attempt });
        }
        let takes = self.takes();
        // There is room: it was looked for above.
        let _ = self.service.enter(job, takes, out);
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

    fn handle(&mut self, _: &mut Now<'_>, input: Input<Fleet>, out: &mut Outputs<Fleet>) {
        match input {
            Input::Message { from, message: Message::Read { attempt, .. } } => {
                self.read(Job { from, attempt }, out);
            }
            Input::Timer(Timer::Served(number)) => {
                let takes = self.takes();
                if let Some(Job { from, attempt }) = self.service.served(number, takes, out) {
                    out.send(from, Message::Row { attempt });
                }
            }
            _ => {}
        }
    }

    fn inspect(&self) -> Inspection {
        Inspection { role: "database", state: format!("{} reads", self.service.load()) }
    }
}
