//! A cache: keeps what it is given in memory, and answers at once or nearly.
//!
//! The law: it finds what it was given since it started, until that expires. A restart
//! begins empty: that is what makes the loss of a cache a burden for the database long after the cache
//! is back.

use std::collections::BTreeSet;
use std::time::Duration;

use machine::{Field, Input, Inspection, Machine, NodeId, Now, Outputs};

use crate::message::{Fleet, Message, Order, Timer};
use crate::worker_pool::WorkerPool;

/// How long a cache of weight 1 looks for a key.
const LOOK_UP: Duration = Duration::from_micros(400);
/// Users have left long before.
const QUEUE: usize = 10_000;

/// A cache server.
#[derive(Clone, Debug)]
pub struct Cache {
    kept: BTreeSet<u64>,
    look_up: Duration,
    pool: WorkerPool<Job>,
}

#[derive(Clone, Copy, Debug)]
struct Job {
    from: NodeId,
    token: u64,
    key: u64,
}

impl Cache {
    /// An empty one; a cache of weight 2 is twice as quick.
    pub fn new(weight: u32) -> Self {
        let look_up = LOOK_UP / weight.max(1);
        Cache { kept: BTreeSet::new(), look_up, pool: WorkerPool::new(1, QUEUE) }
    }
}

impl Machine for Cache {
    type Protocol = Fleet;

    fn handle(&mut self, _: &mut Now<'_>, input: Input<Fleet>, out: &mut Outputs<Fleet>) {
        match input {
            Input::Message { from, message: Message::Get { token, key } } => {
                // What does not fit into the queue is not answered.
                let _ = self.pool.enter(Job { from, token, key }, self.look_up, out);
            }
            Input::Timer(Timer::Served(number)) => {
                let served = self.pool.served(number, self.look_up, out);
                let Some((Job { from, token, key }, _)) = served else { return };
                let answer = match self.kept.contains(&key) {
                    true => Message::Found { token },
                    false => Message::Missing { token },
                };
                out.send(from, answer);
            }
            Input::Message { message: Message::Put { key }, .. } => {
                self.kept.insert(key);
            }
            Input::Message { message: Message::Order(Order::Expire(key)), .. } => {
                self.kept.remove(&key);
            }
            Input::Stop => out.stopped(),
            _ => {}
        }
    }

    fn fields(&self) -> Vec<Field> {
        vec![
            Field::number("keys", self.kept.len() as u64),
            Field::number("requests", self.pool.load() as u64),
        ]
    }

    fn inspect(&self) -> Inspection {
        let (kept, load) = (self.kept.len(), self.pool.load());
        Inspection { role: "cache", state: format!("{kept} keys, {load} requests") }
    }
}
