//! The real world of one machine: this computer's clocks, a thread for its timers, one for its disk.
//!
//! The law: inputs are handled one at a time, each with clocks that were read after the one before
//! was done; and nothing in here knows what the machine is for.
//!
//! An input is handled on the thread that brings it, so an answer that needs neither disk nor timer
//! is there before [`Node::input`] returns.

#![expect(
    clippy::disallowed_methods,
    reason = "this is where the clocks and threads that machines are denied come from"
)]

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use machine::{
    DiskCommand, DiskId, Generation, Input, Inspection, Machine, NodeId, Now, Output, Outputs,
    Protocol, Random, Time, Wall, nanos,
};
use rand::SeedableRng;

use super::files::Files;

/// What the machine's words reach.
pub(crate) trait Outside<P: Protocol>: Send + Sync + 'static {
    /// The machine sent this to another node. Called while the machine is busy: be quick.
    fn deliver(&self, to: NodeId, message: P::Message);

    /// The machine stopped for good, and says why. It takes no further input.
    fn halted(&self, why: &str);
}

type Words<M> = <M as Machine>::Protocol;
type Op<M> = <Words<M> as Protocol>::Op;
type Timer<M> = <Words<M> as Protocol>::Timer;
type Order<M> = (DiskCommand, Op<M>);

/// A machine at work.
pub(crate) struct Node<M: Machine> {
    state: Mutex<State<M>>,
    /// A timer was set, a disk operation ended, or the machine stopped.
    changed: Condvar,
    outside: Arc<dyn Outside<Words<M>>>,
    booted: Instant,
}

struct State<M: Machine> {
    machine: M,
    random: Random,
    out: Outputs<Words<M>>,
    timers: Vec<(Timer<M>, Time)>,
    /// Where disk operations go; gone when the node has stopped.
    disk: Option<Sender<Order<M>>>,
    disk_thread: Option<JoinHandle<()>>,
    /// What the operating system said when the disk failed: the machine does not hear it.
    trouble: Option<String>,
    halted: Option<String>,
}

impl<M: Machine> Node<M> {
    /// Boots a machine on these files.
    pub(crate) fn start(
        machine: M,
        files: Files,
        disk: DiskId,
        outside: Arc<dyn Outside<Words<M>>>,
    ) -> Arc<Self> {
        let (sender, orders) = channel();
        let random = Random::seed_from_u64(RandomState::new().hash_one("node"));
        let state = State {
            machine,
            random,
            out: Outputs::default(),
            timers: Vec::new(),
            disk: Some(sender),
            disk_thread: None,
            trouble: None,
            halted: None,
        };
        let (changed, booted) = (Condvar::new(), Instant::now());
        let node = Arc::new(Node { state: Mutex::new(state), changed, outside, booted });
        let (timers, disks) = (node.clone(), node.clone());
        std::thread::spawn(move || timers.run_timers());
        let disk_thread = std::thread::spawn(move || disks.run_disk(&files, &orders));
        if let Some(mut state) = node.lock() {
            state.disk_thread = Some(disk_thread);
        }
        node.input(Input::Start { disk });
        node
    }

    /// Hands the machine an input; false where it has stopped and will never answer.
    pub(crate) fn input(&self, input: Input<Words<M>>) -> bool {
        self.lock().is_some_and(|mut state| self.step(&mut state, input))
    }

    /// Waits until the machine shows of itself what is wanted.
    ///
    /// # Errors
    /// With the machine's sentence if it halts before.
    pub(crate) fn until(&self, wanted: impl Fn(&Inspection) -> bool) -> Result<(), String> {
        let broken = || "the machine panicked, which is a mistake in it".to_owned();
        let mut state = self.lock().ok_or_else(broken)?;
        loop {
            match &state.halted {
                Some(why) => return Err(why.clone()),
                None if wanted(&state.machine.inspect()) => return Ok(()),
                None => state = self.changed.wait(state).map_err(|_| broken())?,
            }
        }
    }

    /// Stops as a crash would, but waits for the disk: when this returns nothing more is written.
    pub(crate) fn stop(&self) {
        let Some(mut state) = self.lock() else { return };
        state.disk = None;
        let disk_thread = state.disk_thread.take();
        drop(state);
        self.changed.notify_all();
        if let Some(thread) = disk_thread {
            // It ends without a result either way; what it was doing is over.
            let _ = thread.join();
        }
    }

    fn step(&self, state: &mut State<M>, input: Input<Words<M>>) -> bool {
        if state.disk.is_none() {
            return false;
        }
        let mut changed = !matches!(input, Input::Message { .. });
        let mut now = Now {
            time: self.time(),
            wall: wall(),
            // A host that could ask the hypervisor for its VM generation ID would say it here.
            generation: Generation(0),
            random: &mut state.random,
        };
        state.machine.handle(&mut now, input, &mut state.out);
        let mut out = std::mem::take(&mut state.out);
        for output in out.drain() {
            changed |= matches!(output, Output::SetTimer { .. } | Output::Halt { .. });
            self.carry_out(state, output);
        }
        state.out = out;
        if changed {
            self.changed.notify_all();
        }
        true
    }

    fn carry_out(&self, state: &mut State<M>, output: Output<Words<M>>) {
        match output {
            Output::Send { to, message, .. } => self.outside.deliver(to, message),
            Output::SetTimer { timer, after } => {
                state.timers.retain(|(other, _)| *other != timer);
                state.timers.push((timer, self.time() + after));
            }
            Output::CancelTimer(timer) => state.timers.retain(|(other, _)| *other != timer),
            Output::Disk { command, op } => {
                if let Some(disk) = &state.disk {
                    // The other end is there as long as this one.
                    let _ = disk.send((*command, op));
                }
            }
            // Notes are for the histories of the simulated world.
            Output::Note(_) => {}
            Output::Halt { why } => {
                let trouble = state.trouble.take().map(|error| format!(" ({error})"));
                let why = why + &trouble.unwrap_or_default();
                self.outside.halted(&why);
                (state.disk, state.halted) = (None, Some(why));
            }
        }
    }

    /// Fires timers: never early, and as soon after as the system wakes a thread. A runtime's timers
    /// would round up to whole milliseconds, which is every other tick of most layouts.
    fn run_timers(&self) {
        let Some(mut state) = self.lock() else { return };
        while state.disk.is_some() {
            let due = state.timers.iter().enumerate().min_by_key(|(_, (_, at))| *at);
            let due = due.map(|(index, (_, at))| (index, at.since(self.time())));
            let woken = match due {
                Some((index, wait)) if wait.is_zero() => {
                    let (timer, _) = state.timers.swap_remove(index);
                    self.step(&mut state, Input::Timer(timer));
                    continue;
                }
                Some((_, wait)) => self.changed.wait_timeout(state, wait).map(|woken| woken.0).ok(),
                None => self.changed.wait(state).ok(),
            };
            let Some(again) = woken else { return };
            state = again;
        }
    }

    /// Carries out disk operations in the order in which they were asked for.
    fn run_disk(&self, files: &Files, orders: &Receiver<Order<M>>) {
        for (command, op) in orders {
            let done = files.carry_out(command);
            let Some(mut state) = self.lock() else { return };
            let result = done.map_err(|(error, text)| {
                state.trouble = Some(text);
                error
            });
            self.step(&mut state, Input::Disk { op, result });
        }
    }

    /// A machine that panicked is in no known state: it never gets another input.
    fn lock(&self) -> Option<MutexGuard<'_, State<M>>> {
        let state = self.state.lock();
        if state.is_err() {
            self.outside
                .halted("the machine panicked, which is a mistake in it; its files are safe");
        }
        state.ok()
    }

    fn time(&self) -> Time {
        Time(nanos(self.booted.elapsed()))
    }
}

fn wall() -> Wall {
    // A clock before 1970 is as wrong as one that shows 1970.
    Wall(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, nanos))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;
    use std::time::Duration;

    #[derive(Clone, Debug)]
    struct Bells;
    impl Protocol for Bells {
        type Message = &'static str;
        type Timer = &'static str;
        type Op = ();
        type Note = ();
    }

    /// Sends on whatever reaches it, and does as it is told.
    #[derive(Clone)]
    struct Ringer;
    impl Machine for Ringer {
        type Protocol = Bells;
        fn handle(&mut self, now: &mut Now<'_>, input: Input<Bells>, out: &mut Outputs<Bells>) {
            match input {
                Input::Message { message: "set", .. } => {
                    out.set_timer("replaced", Duration::ZERO);
                    out.set_timer("cancelled", Duration::ZERO);
                    out.set_timer("late", Duration::from_millis(30));
                    out.set_timer("replaced", Duration::from_millis(10));
                    out.cancel_timer("cancelled");
                    out.send(NodeId(now.time.0 as u32), "set");
                }
                Input::Message { message: "halt", .. } => out.halt("enough"),
                Input::Message { .. } => panic!("as it was told"),
                Input::Timer(timer) => out.send(NodeId(now.time.0 as u32), timer),
                Input::Disk { result, .. } => {
                    out.send(NodeId(0), if result.is_ok() { "done" } else { "failed" });
                }
                Input::Start { .. } => out.disk(DiskCommand::List, ()),
                Input::LinkReset { .. } => {}
            }
        }
        fn inspect(&self) -> Inspection {
            Inspection { role: "ringer", state: String::new() }
        }
    }

    struct Street(mpsc::Sender<(u32, String)>);
    impl Outside<Bells> for Street {
        fn deliver(&self, to: NodeId, message: &'static str) {
            let _ = self.0.send((to.0, message.to_owned()));
        }
        fn halted(&self, why: &str) {
            let _ = self.0.send((0, why.to_owned()));
        }
    }

    fn ringer(folder: &str) -> (Arc<Node<Ringer>>, mpsc::Receiver<(u32, String)>) {
        let (sender, heard) = channel();
        let files = Files::new(folder.into());
        (Node::start(Ringer, files, DiskId(1), Arc::new(Street(sender))), heard)
    }

    fn tell(node: &Node<Ringer>, message: &'static str) -> bool {
        node.input(Input::Message { from: NodeId(1), message })
    }

    #[test]
    fn timers_fire_in_order_once_and_never_early() {
        let (node, heard) = ringer(".");
        assert_eq!(heard.recv().unwrap().1, "done");
        assert!(tell(&node, "set"));
        let set = heard.recv().unwrap();
        let rung = [heard.recv().unwrap(), heard.recv().unwrap()];
        let after = rung.map(|(at, timer)| (timer, (at - set.0) / 1_000_000));
        assert_eq!((after[0].0.as_str(), after[1].0.as_str()), ("replaced", "late"));
        assert!(after[0].1 >= 10 && after[1].1 >= 30, "{after:?}");
        node.stop();
        assert!(heard.try_recv().is_err(), "nothing fires twice");
    }

    #[test]
    fn a_disk_that_fails_is_an_answer_and_a_halt_is_the_end() {
        let (node, heard) = ringer("/no/such/folder");
        assert_eq!(heard.recv().unwrap().1, "failed");
        assert_eq!(node.until(|shown| shown.role == "ringer"), Ok(()));
        tell(&node, "halt");
        let why = heard.recv().unwrap().1;
        assert!(why.starts_with("enough"), "{why}");
        assert!(!tell(&node, "set"), "it takes no further input");
        assert_eq!(node.until(|_| true), Err(why));
    }

    #[test]
    fn a_machine_that_panicked_never_gets_another_input() {
        let (node, heard) = ringer(".");
        heard.recv().unwrap();
        let told = node.clone();
        assert!(std::thread::spawn(move || tell(&told, "panic")).join().is_err());
        assert!(!tell(&node, "set"));
        assert!(heard.recv().unwrap().1.contains("panicked"));
        assert!(node.until(|_| true).is_err());
    }
}
