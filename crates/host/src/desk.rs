//! The desk at which requests wait for their answers, each under a token of its own.
//!
//! An answer that needs neither disk nor timer is there before the request begins to wait: then
//! nothing is ever parked and woken.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

/// Where requests wait for answers of this type.
#[derive(Debug)]
pub struct Desk<A> {
    next: AtomicU64,
    waiting: Mutex<BTreeMap<u64, oneshot::Sender<A>>>,
}

impl<A> Default for Desk<A> {
    fn default() -> Self {
        Desk { next: AtomicU64::new(0), waiting: Mutex::default() }
    }
}

impl<A> Desk<A> {
    /// A place to wait at.
    pub fn wait(&self) -> Place<'_, A> {
        let token = self.next.fetch_add(1, Ordering::Relaxed);
        let (sender, answer) = oneshot::channel();
        self.waiting().insert(token, sender);
        Place { desk: self, token, answer, answered: false }
    }

    /// Hands an answer to whoever waits for it.
    pub fn answer(&self, token: u64, answer: A) {
        if let Some(sender) = self.waiting().remove(&token) {
            // Whoever asked may have gone.
            let _ = sender.send(answer);
        }
    }

    /// There will be no more answers: who waits is told at once.
    pub fn close(&self) {
        self.waiting().clear();
    }

    fn waiting(&self) -> MutexGuard<'_, BTreeMap<u64, oneshot::Sender<A>>> {
        // A map is whole between any two calls on it.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place at the desk, given back also when the client hangs up.
#[derive(Debug)]
pub struct Place<'a, A> {
    desk: &'a Desk<A>,
    /// Of the request.
    pub token: u64,
    answer: oneshot::Receiver<A>,
    /// Whoever answered has given the place back.
    answered: bool,
}

impl<A> Place<'_, A> {
    /// The answer, if it is there already.
    pub fn now(&mut self) -> Option<A> {
        let answer = self.answer.try_recv().ok();
        self.answered |= answer.is_some();
        answer
    }

    /// The answer; none where the machine has stopped.
    pub async fn answer(mut self) -> Option<A> {
        (&mut self.answer).await.ok()
    }
}

impl<A> Drop for Place<'_, A> {
    fn drop(&mut self) {
        if !self.answered {
            self.desk.waiting().remove(&self.token);
        }
    }
}
