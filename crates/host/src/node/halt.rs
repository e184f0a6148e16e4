//! How a machine ends, and what is said of it.

use std::sync::atomic::Ordering;

use machine::Machine;

use super::{Node, State};

impl<M: Machine> Node<M> {
    pub(super) fn halt_now(&self, state: &mut State<M>, why: String) {
        if std::mem::replace(&mut state.stopped, true) {
            return;
        }
        let trouble = state.trouble.take().map(|error| format!(" ({error})"));
        self.say_halted(why + &trouble.unwrap_or_default());
    }

    pub(super) fn say_halted(&self, why: String) {
        let first = self.halted.send_if_modified(|halted| match halted {
            Some(_) => false,
            None => {
                // Whoever runs the server is given the sentence; here it gets a time.
                tracing::error!("the machine halted: {why}");
                self.counts.halts.one();
                *halted = Some(why.clone());
                true
            }
        });
        self.end();
        if first {
            self.sessions.close();
            self.outside.halted(&why);
        }
    }

    /// Nothing is handled, carried out or waited for any more.
    pub(super) fn end(&self) {
        self.over.store(true, Ordering::SeqCst);
        if let Some(disk) = self.disk.get() {
            disk.stop();
        }
        self.inbox.clear();
        let unanswered = self.pending.swap(0, Ordering::Relaxed);
        self.counts.waiting.less(unanswered as u64);
        self.room.notify_waiters();
        self.changes.tell();
    }

    pub(super) fn why_it_stopped(&self) -> String {
        self.halted.borrow().clone().unwrap_or_else(|| "it was stopped".to_owned())
    }
}
