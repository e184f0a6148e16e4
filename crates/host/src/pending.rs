//! Requests of a front end that wait for their answers, each under a token of its own.
//!
//! An answer that needs neither disk nor timer is there before the request begins to wait: then
//! no task waits and is woken, and a request made by [`PendingRequests::ask`] is not even entered.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use machine::{Machine, Protocol};
use tokio::sync::oneshot;

use crate::node::{Asks, Node};

/// Where requests wait for answers of this type.
#[derive(Debug)]
pub struct PendingRequests<A> {
    next: AtomicU64,
    waiting: Mutex<BTreeMap<u64, oneshot::Sender<A>>>,
}

impl<A> Default for PendingRequests<A> {
    fn default() -> Self {
        PendingRequests { next: AtomicU64::new(0), waiting: Mutex::default() }
    }
}

impl<A> PendingRequests<A> {
    /// One more request, which waits from now on.
    pub fn wait(&self) -> PendingRequest<'_, A> {
        self.register(self.next.fetch_add(1, Ordering::Relaxed))
    }

    fn register(&self, token: u64) -> PendingRequest<'_, A> {
        let (sender, answer) = oneshot::channel();
        self.waiting().insert(token, sender);
        PendingRequest { requests: self, token, answer }
    }

    /// Asks a machine: hands it the message that `question` makes of a token. `answer` knows the answer to
    /// that token among its messages, and lets others go on.
    pub fn ask<M: Machine>(
        &self,
        node: &Node<M>,
        question: impl FnOnce(u64) -> Message<M>,
        answer: impl Fn(u64, Message<M>) -> ControlFlow<A, Message<M>>,
    ) -> Asked<'_, A> {
        let token = self.next.fetch_add(1, Ordering::Relaxed);
        let mut asking =
            Asking { requests: self, token, known: answer, answer: None, pending: None };
        let taken = node.ask(question(token), &mut asking);
        match asking {
            Asking { answer: Some(answer), .. } => Asked::Answered(answer),
            Asking { pending: Some(pending), .. } if taken => Asked::Waits(pending),
            _ => Asked::Stopped,
        }
    }

    /// Hands an answer to whoever waits for it.
    pub fn answer(&self, token: u64, answer: A) {
        if let Some(sender) = self.waiting().remove(&token) {
            // Whoever asked may have gone.
            let _ = sender.send(answer);
        }
    }

    /// There will be no more answers: requests that wait end at once.
    pub fn close(&self) {
        self.waiting().clear();
    }

    fn waiting(&self) -> MutexGuard<'_, BTreeMap<u64, oneshot::Sender<A>>> {
        // A map is whole between any two calls on it.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

type Message<M> = <<M as Machine>::Protocol as Protocol>::Message;

/// What came of a question.
#[derive(Debug)]
pub enum Asked<'a, A> {
    /// The answer was there at once.
    Answered(A),
    /// It is to be waited for.
    Waits(PendingRequest<'a, A>),
    /// The machine has stopped.
    Stopped,
}

/// A question that is put to a machine.
struct Asking<'a, A, F> {
    requests: &'a PendingRequests<A>,
    token: u64,
    known: F,
    answer: Option<A>,
    pending: Option<PendingRequest<'a, A>>,
}

impl<P: Protocol, A, F: Fn(u64, P::Message) -> ControlFlow<A, P::Message>> Asks<P>
    for Asking<'_, A, F>
{
    fn hear(&mut self, message: P::Message) -> Option<P::Message> {
        match (self.known)(self.token, message) {
            ControlFlow::Break(answer) => {
                self.answer = Some(answer);
                None
            }
            ControlFlow::Continue(message) => Some(message),
        }
    }

    fn handled(&mut self) {
        self.pending = self.answer.is_none().then(|| self.requests.register(self.token));
    }
}

/// A request that waits; it is forgotten also when the client hangs up.
#[derive(Debug)]
pub struct PendingRequest<'a, A> {
    requests: &'a PendingRequests<A>,
    /// Of the request.
    pub token: u64,
    answer: oneshot::Receiver<A>,
}

impl<A> PendingRequest<'_, A> {
    /// The answer; none where the machine has stopped.
    pub async fn answer(mut self) -> Option<A> {
        (&mut self.answer).await.ok()
    }
}

impl<A> Drop for PendingRequest<'_, A> {
    fn drop(&mut self) {
        // Whoever answered has done so already.
        self.requests.waiting().remove(&self.token);
    }
}
