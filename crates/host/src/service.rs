//! Outside services: what is no machine of ours (a database, a web site) is a node that an async function
//! answers.
//!
//! The law: at most so many calls are under way, and each for so long. A call without an answer, because
//! there is none, it is late, or too many are under way, may have been carried out. Whoever called is told so of
//! this call alone, in words of the protocol; a protocol that has none for that hears of a broken link.

use std::sync::{Arc, Weak};
use std::time::Duration;

use machine::{Input, Machine, NodeId, Protocol};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::node::Node;

/// What a service may take of the server.
#[derive(Clone, Copy, Debug)]
pub struct ServiceLimits {
    /// Calls under way at a time.
    pub under_way: usize,
    /// For each of them.
    pub patience: Duration,
}

/// A node that an async function answers.
pub struct Service<F, U> {
    me: NodeId,
    answer: Arc<F>,
    unanswered: U,
    places: Arc<Semaphore>,
    patience: Duration,
    runtime: Handle,
}

impl<F, U> Service<F, U> {
    /// The node of this number. What has no answer is answered with what `unanswered` makes of it.
    pub fn new(
        me: NodeId,
        limits: ServiceLimits,
        runtime: Handle,
        answer: F,
        unanswered: U,
    ) -> Service<F, U> {
        let (places, answer) = (Arc::new(Semaphore::new(limits.under_way)), Arc::new(answer));
        Service { me, answer, unanswered, places, patience: limits.patience, runtime }
    }

    /// Hands over what a node sent to this one. Does not wait, and may be called under the node's lock.
    pub fn call<M: Machine, A>(
        &self,
        from: &Weak<Node<M>>,
        message: <M::Protocol as Protocol>::Message,
    ) where
        F: Fn(<M::Protocol as Protocol>::Message) -> A + Send + Sync + 'static,
        A: Future<Output = Option<<M::Protocol as Protocol>::Message>> + Send + 'static,
        U: Fn(&<M::Protocol as Protocol>::Message) -> Option<<M::Protocol as Protocol>::Message>,
    {
        let place = self.places.clone().try_acquire_owned().ok();
        let (me, answer, patience) = (self.me, self.answer.clone(), self.patience);
        let (from, unanswered) = (from.clone(), (self.unanswered)(&message));
        self.runtime.spawn(async move {
            let answered = match &place {
                Some(_) => timeout(patience, answer(message)).await.ok().flatten(),
                None => None,
            };
            drop(place);
            let Some(node) = from.upgrade() else { return };
            node.input(match answered.or(unanswered) {
                Some(message) => Input::Message { from: me, message },
                None => Input::LinkReset { peer: me },
            });
        });
    }
}
