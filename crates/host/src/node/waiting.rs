//! What waits for a machine that is busy, and who handles it: whoever has the machine, a bounded amount; then a
//! task of the runtime.

use std::collections::VecDeque;
use std::sync::MutexGuard;
use std::sync::atomic::Ordering;
use std::time::Duration;

use machine::{Input, Machine};

use super::{MOST_AT_ONCE, Node, State, ToRun, Waiting, Words};
use crate::timers::Rings;

impl<M: Machine> Node<M> {
    /// Handles what waits, here and now; where somebody is at it already, they do.
    pub(crate) fn run(&self) {
        let mut others = VecDeque::new();
        let left = self.drain(MOST_AT_ONCE, &mut others);
        self.run_others(left, others);
    }

    /// Leaves something for the machine, which is not to be handled before this is called on.
    pub(crate) fn leave(&self, waiting: Waiting<Words<M>>) {
        self.inbox.put(waiting);
    }

    /// As [`Node::leave`], for a datagram; false where it is lost, since too many wait.
    pub(crate) fn leave_datagram(&self, waiting: Waiting<Words<M>>) -> bool {
        self.inbox.put_datagram(waiting)
    }

    /// It takes no further input.
    pub fn is_over(&self) -> bool {
        self.over.load(Ordering::SeqCst)
    }

    pub(super) fn bring(&self, waiting: Waiting<Words<M>>) -> bool {
        self.leave(waiting);
        self.run();
        !self.is_over()
    }

    /// Lets go of the machine, and looks after what was brought and said meanwhile.
    pub(super) fn let_go(&self, mut state: MutexGuard<'_, State<M>>) {
        let mut others = std::mem::take(&mut state.to_run);
        drop(state);
        let left = self.drain(MOST_AT_ONCE, &mut others);
        self.run_others(left, others);
    }

    pub(super) fn run_others(&self, left: usize, others: ToRun<M>) {
        let rest = run_each(left, others);
        match &self.runtime {
            _ if rest.is_empty() => {}
            Some(runtime) => drop(runtime.spawn(go_on(rest))),
            // There is nobody else to do it.
            None => {
                let mut rest = rest;
                while !rest.is_empty() {
                    rest = run_each(MOST_AT_ONCE, rest);
                }
            }
        }
    }

    /// Handles at most `left` of what waits, and gives back how many more there may be; with those to whom
    /// something was said, and this one where it has more.
    pub(super) fn drain(&self, mut left: usize, others: &mut ToRun<M>) -> usize {
        while !self.inbox.is_idle_now() {
            if left == 0 {
                others.extend(self.this.upgrade());
                return 0;
            }
            let Some(mut state) = self.try_lock() else { return left };
            if self.inbox.has_rung() {
                state.alarm.rang();
                left = self.fire(&mut state, left);
            }
            while left > 0 {
                let Some(waiting) = self.inbox.take() else { break };
                self.handle_waiting(&mut state, waiting);
                left -= 1;
            }
            others.append(&mut state.to_run);
        }
        left
    }

    pub(super) fn handle_waiting(&self, state: &mut State<M>, waiting: Waiting<Words<M>>) {
        match waiting {
            Waiting::Input(input) => drop(self.step(state, input, None)),
            Waiting::With(with, input) => {
                with();
                self.step(state, input, None);
            }
            Waiting::Ended(ended) => {
                self.ended(state, ended);
                self.handle_ready(state);
            }
            Waiting::Parcel(parcel) => {
                let Some((me, local)) = &self.local else { return };
                let Some((input, receipt)) = local.open(*me, parcel) else { return };
                if self.step(state, input, None) {
                    local.handled(*me, receipt, &mut state.to_run);
                }
            }
        }
    }

    /// Fires the timers that are due, at most so many now.
    pub(super) fn fire(&self, state: &mut State<M>, mut left: usize) -> usize {
        while left > 0 {
            let Some(timer) = state.timers.take_due(self.time()) else { break };
            left -= 1;
            if !self.step(state, Input::Timer(timer), None) {
                return left;
            }
        }
        self.arm(state);
        left
    }

    pub(super) fn arm(&self, state: &mut State<M>) {
        if let Some(at) = state.timers.first() {
            state.alarm.arm(self.booted + Duration::from_nanos(at.0));
        }
    }
}

impl<M: Machine> Rings for Node<M> {
    fn ring(&self) {
        self.inbox.ring();
        self.run();
    }
}

/// Lets each of these handle what waits, at most so much in all; gives back those who have more.
fn run_each<M: Machine>(mut left: usize, mut nodes: ToRun<M>) -> ToRun<M> {
    while left > 0 {
        let Some(node) = nodes.pop_front() else { break };
        left = node.drain(left, &mut nodes);
    }
    nodes
}

/// The rest of somebody's work, as a task that lets others in between.
async fn go_on<M: Machine>(mut nodes: ToRun<M>) {
    while !nodes.is_empty() {
        nodes = run_each(MOST_AT_ONCE, nodes);
        tokio::task::yield_now().await;
    }
}
