//! How a machine ends: well, because it was told to, or by itself; and what is said of it.

use std::sync::atomic::Ordering;

use machine::{GRACE, Input, Machine};
use tokio::time::timeout;

use super::{Node, State};

/// Why a machine takes no further input.
#[derive(Clone, Debug)]
pub(super) enum End {
    /// It was told to stop, or simply stopped.
    Stopped,
    /// It found that it cannot keep its promises: its sentence.
    Halted(String),
}

impl<M: Machine> Node<M> {
    /// Tells the machine to stop, which ends as in a crash if it has not answered within [`GRACE`].
    ///
    /// # Errors
    /// With the machine's sentence if it halts, or has.
    pub async fn stop_in_good_order(&self) -> Result<(), String> {
        if !self.told_to_stop.swap(true, Ordering::SeqCst) {
            self.input(Input::Stop);
        }
        let ended = timeout(GRACE, self.until_over()).await;
        if ended.is_err() {
            tracing::warn!(
                "a machine was told to stop and has not for {GRACE:?}: it ends as in a crash"
            );
            self.crash();
        }
        ended.unwrap_or(Ok(()))
    }

    /// It ends as in a crash.
    pub(super) fn crash(&self) {
        if let Some(mut state) = self.lock() {
            state.stopped = true;
        }
        self.end(End::Stopped);
    }

    /// Ends when the machine has ended.
    ///
    /// # Errors
    /// With its sentence if it halted.
    pub(crate) async fn until_over(&self) -> Result<(), String> {
        let mut end = self.end.subscribe();
        // The sender is in `self`, so it outlives the wait.
        match end.wait_for(Option::is_some).await.ok().and_then(|end| end.clone()) {
            Some(End::Halted(why)) => Err(why),
            _ => Ok(()),
        }
    }

    /// Ends when the machine has stopped by itself, with its sentence.
    pub(crate) async fn halt(&self) -> String {
        match self.until_over().await {
            Err(why) => why,
            Ok(()) => std::future::pending().await,
        }
    }

    /// The machine answers that it has done what it had to do.
    pub(super) fn stopped_now(&self, state: &mut State<M>) {
        state.stopped = true;
        self.end(End::Stopped);
    }

    pub(super) fn halt_now(&self, state: &mut State<M>, why: String) {
        if std::mem::replace(&mut state.stopped, true) {
            return;
        }
        let trouble = state.trouble.take().map(|error| format!(" ({error})"));
        self.say_halted(why + &trouble.unwrap_or_default());
    }

    pub(super) fn say_halted(&self, why: String) {
        if self.end(End::Halted(why.clone())) {
            // Whoever runs the server is given the sentence; here it gets a time.
            tracing::error!("the machine halted: {why}");
            self.counts.halts.one();
            self.outside.halted(&why);
        }
    }

    /// Nothing is handled, carried out or waited for any more; false where that was so already.
    pub(super) fn end(&self, why: End) -> bool {
        let first = self.end.send_if_modified(|end| match end {
            Some(_) => false,
            None => {
                *end = Some(why);
                true
            }
        });
        self.over.store(true, Ordering::SeqCst);
        if let Some(disk) = self.disk.get() {
            disk.stop();
        }
        self.inbox.clear();
        let unanswered = self.pending.swap(0, Ordering::Relaxed);
        self.counts.waiting.less(unanswered as u64);
        self.sessions.close();
        self.room.notify_waiters();
        self.changes.tell();
        first
    }

    pub(super) fn why_it_stopped(&self) -> String {
        match &*self.end.borrow() {
            Some(End::Halted(why)) => why.clone(),
            _ => "it was stopped".to_owned(),
        }
    }
}
