//! What a front reads from the database: joined, tried again, given up.
//!
//! One read's path: [`Reads::begin`] joins a read of the same key or calls the database; the row comes
//! ([`Reads::row`]), or the attempt fails ([`Reads::attempt_failed`]), waits, and is made again when
//! its timer fires ([`Reads::timer`]), as long as there are retries and the budget pays for them.
//!
//! The law: every token that went in comes out once, with a row or without; and an answer to an
//! attempt that was given up is ignored.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use machine::{NodeId, Outputs, Random, Switches};
use resilience::{Backoff, RetryBudget};

use crate::mechanism::Mechanism;
use crate::message::{Attempt, Fleet, Message, Note, Timer};

/// An attempt that has no answer by then is given up. A database that is not overloaded answers the
/// last in its line within two thirds of that.
pub(crate) const PATIENCE: Duration = Duration::from_millis(150);
/// Retries of a read, at most.
const RETRIES: u32 = 3;
const BACKOFF: Backoff =
    Backoff { base: Duration::from_millis(400), cap: Duration::from_millis(1_600) };
/// Ten reads earn a retry, and up to ten retries are saved.
const BUDGET: fn() -> RetryBudget = || RetryBudget::new(10, 10);

/// The reads of one front.
#[derive(Clone, Debug)]
pub(crate) struct Reads {
    switches: Switches,
    database: NodeId,
    budget: RetryBudget,
    open: BTreeMap<u64, Read>,
    begun: u64,
}

/// A read that is under way.
#[derive(Clone, Debug)]
pub(crate) struct Read {
    pub(crate) key: u64,
    /// The requests that wait for it.
    pub(crate) tokens: Vec<u64>,
    /// The caches that did not have the key.
    pub(crate) missed: BTreeSet<NodeId>,
    retry: u32,
    /// The database was called and has not answered yet.
    calling: bool,
}

impl Reads {
    pub(crate) fn new(database: NodeId, switches: Switches) -> Self {
        Reads { switches, database, budget: BUDGET(), open: BTreeMap::new(), begun: 0 }
    }

    /// 1. Joins a read of the same key, or begins one.
    pub(crate) fn begin(
        &mut self,
        token: u64,
        key: u64,
        missed: Option<NodeId>,
        out: &mut Outputs<Fleet>,
    ) {
        if Mechanism::RequestCoalescing.on(self.switches)
            && let Some(read) = self.open.values_mut().find(|read| read.key == key)
        {
            out.note(Note::Coalesced);
            read.tokens.push(token);
            return read.missed.extend(missed);
        }
        self.begun += 1;
        self.budget.deposit();
        let missed = missed.into_iter().collect();
        let read = Read { key, tokens: vec![token], missed, retry: 0, calling: true };
        self.call(self.begun, &read, out);
        self.open.insert(self.begun, read);
    }

    /// 2. The database has answered.
    pub(crate) fn row(&mut self, attempt: Attempt, out: &mut Outputs<Fleet>) -> Option<Read> {
        if !self.is_awaited(attempt) {
            return None;
        }
        out.cancel_timer(Timer::Read(attempt.read));
        self.open.remove(&attempt.read)
    }

    /// 2. Or it has not: tries again later, or gives the read up and returns it.
    pub(crate) fn attempt_failed(
        &mut self,
        attempt: Attempt,
        random: &mut Random,
        out: &mut Outputs<Fleet>,
    ) -> Option<Read> {
        if !self.is_awaited(attempt) {
            return None;
        }
        let read = self.open.get_mut(&attempt.read)?;
        read.calling = false;
        let budgeted = Mechanism::RetryBudget.on(self.switches);
        let paid = read.retry < RETRIES && (!budgeted || self.budget.withdraw());
        if !paid {
            if read.retry < RETRIES {
                out.note(Note::BudgetSpent);
            }
            out.cancel_timer(Timer::Read(attempt.read));
            return self.open.remove(&attempt.read);
        }
        let wait = match Mechanism::Jitter.on(self.switches) {
            true => BACKOFF.wait(read.retry, random),
            false => BACKOFF.ceiling(read.retry),
        };
        out.set_timer(Timer::Read(attempt.read), wait);
        None
    }

    /// 3. An attempt has lasted too long, or a read has waited for its next one.
    pub(crate) fn timer(
        &mut self,
        number: u64,
        random: &mut Random,
        out: &mut Outputs<Fleet>,
    ) -> Option<Read> {
        let read = self.open.get_mut(&number)?;
        if read.calling {
            let attempt = Attempt { read: number, retry: read.retry };
            return self.attempt_failed(attempt, random, out);
        }
        read.retry += 1;
        read.calling = true;
        out.note(Note::Retried);
        let read = read.clone();
        self.call(number, &read, out);
        None
    }

    pub(crate) fn database(&self) -> NodeId {
        self.database
    }

    /// The attempts that are out.
    pub(crate) fn calling(&self) -> Vec<Attempt> {
        let calling = self.open.iter().filter(|(_, read)| read.calling);
        calling.map(|(number, read)| Attempt { read: *number, retry: read.retry }).collect()
    }

    fn call(&self, number: u64, read: &Read, out: &mut Outputs<Fleet>) {
        let attempt = Attempt { read: number, retry: read.retry };
        let left = Mechanism::Deadline.on(self.switches).then_some(PATIENCE);
        out.note(Note::Read { attempt });
        out.send(self.database, Message::Read { attempt, key: read.key, left });
        out.set_timer(Timer::Read(number), PATIENCE);
    }

    fn is_awaited(&self, attempt: Attempt) -> bool {
        let read = self.open.get(&attempt.read);
        read.is_some_and(|read| read.calling && read.retry == attempt.retry)
    }
}
