//! Where requests wait for the worker's answers, by token.
//!
//! An answer that needs neither disk nor timer is there before the request begins to wait: then
//! nothing is ever parked and woken.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use host::{Count, Metrics};
use tokio::sync::oneshot;

use crate::Message;

pub(super) struct Desk {
    next: AtomicU64,
    waiting: Mutex<BTreeMap<u64, oneshot::Sender<Message>>>,
    minted: Count,
    refused: Count,
}

impl Desk {
    pub(super) fn new(metrics: &Metrics) -> Desk {
        let refused = "Requests that the worker refused: nothing was minted for them.";
        Desk {
            next: AtomicU64::new(0),
            waiting: Mutex::default(),
            minted: metrics.counter("snowflake_minted_total", "Ids that the worker minted."),
            refused: metrics.counter("snowflake_refused_total", refused),
        }
    }

    /// A place to wait at.
    pub(super) fn wait(&self) -> Place<'_> {
        let token = self.next.fetch_add(1, Ordering::Relaxed);
        let (sender, answer) = oneshot::channel();
        self.waiting().insert(token, sender);
        Place { desk: self, token, answer }
    }

    /// Hands an answer to whoever waits for it.
    pub(super) fn answer(&self, message: Message) {
        let token = match &message {
            Message::Minted { token, ids } => {
                self.minted.add(ids.len() as u64);
                *token
            }
            Message::Refused { token, .. } => {
                self.refused.one();
                *token
            }
            _ => return,
        };
        if let Some(sender) = self.waiting().remove(&token) {
            // Whoever asked may have gone: then the ids are lost, which is no harm.
            let _ = sender.send(message);
        }
    }

    /// There will be no more answers: who waits is told at once.
    pub(super) fn close(&self) {
        self.waiting().clear();
    }

    fn waiting(&self) -> MutexGuard<'_, BTreeMap<u64, oneshot::Sender<Message>>> {
        // A map is whole between any two calls on it.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place at the desk, given back also when the client hangs up.
pub(super) struct Place<'a> {
    desk: &'a Desk,
    pub(super) token: u64,
    answer: oneshot::Receiver<Message>,
}

impl Place<'_> {
    /// The answer; none where the worker has stopped.
    pub(super) async fn answer(mut self) -> Option<Message> {
        (&mut self.answer).await.ok()
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.desk.waiting().remove(&self.token);
    }
}
