//! One machine at work: this computer's clocks, a thread for its timers, one for its disk.
//!
//! The law: inputs are handled one at a time, each with clocks that were read after the one before
//! was done; what a machine asked to be durable and was not ends it; and nothing in here knows what
//! the machine is for.
//!
//! An input is handled on the thread that brings it, which is the one that owns the connection, so
//! an answer that needs neither disk nor timer is there before [`Node::input`] returns. A machine
//! may be shared by many threads; where each thread has a machine of its own nobody ever waits for
//! the lock.

#![expect(
    clippy::disallowed_methods,
    reason = "this is where the clocks and threads that machines are denied come from"
)]

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use machine::{
    DiskCommand, DiskError, DiskId, Generation, Input, Inspection, Link, Machine, NodeId, Now,
    Output, Outputs, Protocol, Random, Time, Wall, nanos,
};
use rand::SeedableRng;
use tokio::sync::{Notify, watch};

use crate::files::{DiskOutcome, Files};
use crate::metrics::{Count, Metrics};
use crate::session::{SESSIONS, Sessions};

/// While so many disk operations wait, nothing more is read from anybody.
const MAX_PENDING_DISK_OPS: usize = 1024;
/// Operations that wait are carried out together, at most so many.
const MAX_DISK_BATCH: usize = 256;

/// Where the outputs of a machine go. Called under the machine's lock: be quick, and hand it no input.
pub trait Outside<P: Protocol>: Send + Sync + 'static {
    /// The machine sent this to another node, which is no session.
    fn deliver(&self, to: NodeId, message: P::Message, link: Link);

    /// The machine noted this, for people.
    fn noted(&self, _note: P::Note) {}

    /// The machine stopped for good, and says why. It takes no further input.
    fn halted(&self, _why: &str) {}
}

/// Who asks a machine, and may have the answer before there is anything to wait for.
pub(crate) trait Asks<P: Protocol> {
    /// The machine says this to whoever asks while it handles the question. What is not the answer is
    /// given back.
    fn hear(&mut self, message: P::Message, link: Link) -> Option<P::Message>;

    /// The question was handled, and no other input since: what comes from now on comes from outside.
    fn handled(&mut self);
}

type Words<M> = <M as Machine>::Protocol;
type Op<M> = <Words<M> as Protocol>::Op;
type Timer<M> = <Words<M> as Protocol>::Timer;
type DiskOp<M> = (DiskCommand, Op<M>);

/// A machine at work.
pub struct Node<M: Machine> {
    state: Mutex<State<M>>,
    /// A timer was set, a disk operation ended, or the machine stopped.
    changed: Condvar,
    outside: Arc<dyn Outside<Words<M>>>,
    pub(crate) sessions: Sessions<Words<M>>,
    booted: Instant,
    /// Disk operations that were asked for and have not ended.
    pending: AtomicUsize,
    /// There are few of them again.
    room: Notify,
    halted: watch::Sender<Option<String>>,
    counts: NodeCounts,
}

struct State<M: Machine> {
    machine: M,
    random: Random,
    /// Kept for the next input; large, so only its address moves.
    out: Option<Box<Outputs<Words<M>>>>,
    timers: Vec<(Timer<M>, Time)>,
    /// Where disk operations go; gone when the node has stopped.
    disk: Option<Sender<DiskOp<M>>>,
    disk_thread: Option<JoinHandle<()>>,
    /// What the operating system said when the disk failed: the machine does not hear it.
    trouble: Option<String>,
}

struct NodeCounts {
    messages: Count,
    timers: Count,
    disk: Count,
    resets: Count,
    waiting: Count,
    halts: Count,
}

impl<M: Machine> Node<M> {
    /// Boots a machine on these files.
    pub fn start(
        machine: M,
        files: Files,
        disk: DiskId,
        outside: Arc<dyn Outside<Words<M>>>,
        metrics: &Metrics,
    ) -> Arc<Self> {
        let (sender, orders) = channel();
        let state = State {
            machine,
            random: random(),
            out: None,
            timers: Vec::new(),
            disk: Some(sender),
            disk_thread: None,
            trouble: None,
        };
        let node = Arc::new(Node {
            state: Mutex::new(state),
            changed: Condvar::new(),
            outside,
            sessions: Sessions::default(),
            booted: Instant::now(),
            pending: AtomicUsize::new(0),
            room: Notify::new(),
            halted: watch::Sender::new(None),
            counts: NodeCounts::new(metrics),
        });
        let (timers, disks) = (node.clone(), node.clone());
        std::thread::spawn(move || timers.run_timers());
        let disk_thread = std::thread::spawn(move || disks.run_disk(files, &orders));
        if let Some(mut state) = node.lock() {
            state.disk_thread = Some(disk_thread);
        }
        node.input(Input::Start { disk });
        node
    }

    /// Hands the machine an input; false where it has stopped and will never answer.
    pub fn input(&self, input: Input<Words<M>>) -> bool {
        self.input_after(|| (), input)
    }

    /// As [`Node::input`]; what is to be done at the same moment is done before it.
    pub(crate) fn input_after(&self, before: impl FnOnce(), input: Input<Words<M>>) -> bool {
        self.lock().is_some_and(|mut state| {
            before();
            self.step(&mut state, input, Allowed::All, None)
        })
    }

    /// Hands the machine a message of a session; false where it has stopped and will never answer.
    pub(crate) fn ask(
        &self,
        from: NodeId,
        message: <Words<M> as Protocol>::Message,
        asker: &mut dyn Asks<Words<M>>,
    ) -> bool {
        let input = Input::Message { from, message };
        let asker = Some((from, asker));
        self.lock().is_some_and(|mut state| self.step(&mut state, input, Allowed::All, asker))
    }

    /// Ends when the machine's disk is not far behind: whoever brings inputs waits for it.
    pub async fn room(&self) {
        loop {
            let room = self.room.notified();
            if self.pending.load(Ordering::Relaxed) < MAX_PENDING_DISK_OPS {
                return;
            }
            room.await;
        }
    }

    /// Waits until the machine shows of itself what is wanted.
    ///
    /// # Errors
    /// With the machine's sentence if it halts before, and with ours if it is stopped.
    pub fn until(&self, wanted: impl Fn(&Inspection) -> bool) -> Result<(), String> {
        let mut state = self.lock().ok_or(BROKEN)?;
        loop {
            match &*self.halted.borrow() {
                Some(why) => return Err(why.clone()),
                None if state.disk.is_none() => return Err("it was stopped".to_owned()),
                None if wanted(&state.machine.inspect()) => return Ok(()),
                None => {}
            }
            state = self.changed.wait(state).map_err(|_| BROKEN)?;
        }
    }

    /// What the machine shows of itself; none where it has stopped.
    pub fn inspect(&self) -> Option<Inspection> {
        self.look(M::inspect)
    }

    /// What somebody sees who looks into the machine; none where it has stopped.
    pub fn look<T>(&self, at: impl FnOnce(&M) -> T) -> Option<T> {
        let state = self.lock()?;
        state.disk.is_some().then(|| at(&state.machine))
    }

    /// Ends when the machine has stopped by itself, with its sentence.
    pub async fn halt(&self) -> String {
        let mut halted = self.halted.subscribe();
        // The sender is in `self`, so it outlives the wait.
        let why = halted.wait_for(Option::is_some).await.ok().and_then(|why| why.clone());
        why.unwrap_or_default()
    }

    /// Stops as a crash would, but waits for the disk: when this returns nothing more is written.
    pub fn stop(&self) {
        let Some(mut state) = self.lock() else { return };
        state.disk = None;
        let disk_thread = state.disk_thread.take();
        drop(state);
        self.sessions.close();
        self.changed.notify_all();
        if let Some(thread) = disk_thread {
            // It ends without a result either way; what it was doing is over.
            let _ = thread.join();
        }
    }

    fn step(
        &self,
        state: &mut State<M>,
        input: Input<Words<M>>,
        allowed: Allowed,
        mut asker: Option<(NodeId, &mut dyn Asks<Words<M>>)>,
    ) -> bool {
        if state.disk.is_none() {
            return false;
        }
        self.counts.count(&input);
        let mut changed = !matches!(input, Input::Message { .. });
        let mut now = Now {
            time: self.time(),
            wall: wall(),
            // A host that could ask the hypervisor for its VM generation ID would say it here.
            generation: Generation(0),
            random: &mut state.random,
        };
        let mut out = state.out.take().unwrap_or_default();
        state.machine.handle(&mut now, input, &mut out);
        let mut number = 0;
        while let Some(output) = out.take(number) {
            number += 1;
            let output = match (output, &mut asker) {
                (Output::Send { to, message, link }, Some((from, asker)))
                    if to == *from && state.disk.is_some() =>
                {
                    let Some(message) = asker.hear(message, link) else { continue };
                    Output::Send { to, message, link }
                }
                (output, _) => output,
            };
            let halt = matches!(output, Output::Halt { .. });
            changed |= halt || matches!(output, Output::SetTimer { .. });
            // A machine that halted is gone: what it asked for afterwards goes with it.
            if halt || (allowed == Allowed::All && state.disk.is_some()) {
                self.carry_out(state, output);
            }
        }
        state.out = Some(out);
        if changed {
            self.changed.notify_all();
        }
        match asker {
            Some(_) if state.disk.is_none() => return false,
            Some((_, asker)) => asker.handled(),
            None => {}
        }
        true
    }

    fn carry_out(&self, state: &mut State<M>, output: Output<Words<M>>) {
        match output {
            Output::Send { to, message, link } if to >= SESSIONS => {
                self.sessions.deliver(to, message, link);
            }
            Output::Send { to, message, link } => self.outside.deliver(to, message, link),
            Output::SetTimer { timer, after } => {
                state.timers.retain(|(other, _)| *other != timer);
                state.timers.push((timer, self.time() + after));
            }
            Output::CancelTimer(timer) => state.timers.retain(|(other, _)| *other != timer),
            Output::Disk { command, op } => {
                if let Some(disk) = &state.disk {
                    let waiting = self.pending.fetch_add(1, Ordering::Relaxed) + 1;
                    self.counts.waiting.set(waiting as u64);
                    // The other end is there as long as this one.
                    let _ = disk.send((*command, op));
                }
            }
            Output::Note(note) => self.outside.noted(note),
            Output::Halt { why } => self.halt_now(state, String::from(why)),
            Output::Meet { .. } | Output::Stopped => {}
        }
    }

    fn halt_now(&self, state: &mut State<M>, why: String) {
        if state.disk.take().is_none() {
            return;
        }
        let trouble = state.trouble.take().map(|error| format!(" ({error})"));
        self.say_halted(why + &trouble.unwrap_or_default());
        self.changed.notify_all();
    }

    fn say_halted(&self, why: String) {
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
        if first {
            self.sessions.close();
            self.outside.halted(&why);
        }
    }

    /// Fires timers: never early, and as soon after as the system wakes a thread. A runtime's timers
    /// would round up to whole milliseconds, which is every other tick of most snowflakes.
    fn run_timers(&self) {
        let Some(mut state) = self.lock() else { return };
        while state.disk.is_some() {
            let due = state.timers.iter().enumerate().min_by_key(|(_, (_, at))| *at);
            let due = due.map(|(index, (_, at))| (index, at.since(self.time())));
            let woken = match due {
                Some((index, wait)) if wait.is_zero() => {
                    let (timer, _) = state.timers.swap_remove(index);
                    self.step(&mut state, Input::Timer(timer), Allowed::All, None);
                    continue;
                }
                Some((_, wait)) => self.changed.wait_timeout(state, wait).map(|woken| woken.0).ok(),
                None => self.changed.wait(state).ok(),
            };
            let Some(again) = woken else { return };
            state = again;
        }
    }

    /// Carries out disk operations in the order in which they were asked for; those that came while
    /// the disk was busy, together.
    fn run_disk(&self, mut files: Files, orders: &Receiver<DiskOp<M>>) {
        while let Ok(first) = orders.recv() {
            let group = std::iter::once(first).chain(orders.try_iter()).take(MAX_DISK_BATCH);
            let (commands, ops): (Vec<_>, Vec<_>) = group.unzip();
            let durable: Vec<_> = commands.iter().map(is_durable).collect();
            let outcomes = files.carry_out(commands);
            for ((op, durable), outcome) in ops.into_iter().zip(durable).zip(outcomes) {
                let waiting = self.pending.fetch_sub(1, Ordering::Relaxed) - 1;
                self.counts.waiting.set(waiting as u64);
                if !self.ended(op, durable, outcome) {
                    // Nobody is to wait for what will never end.
                    self.pending.store(0, Ordering::Relaxed);
                    return self.room.notify_waiters();
                }
            }
            self.room.notify_waiters();
        }
    }

    /// Tells the machine how an operation ended; false where it takes no more.
    fn ended(&self, op: Op<M>, durable: bool, outcome: DiskOutcome) -> bool {
        let Some(mut state) = self.lock() else { return false };
        // Nobody knows what is on the disk now (fsyncgate). The machine may say so in its own
        // words, but nothing else of what it says is let out.
        let lost = durable && matches!(outcome, Err((DiskError::Failed, _)));
        let result = outcome.map_err(|(error, text)| {
            state.trouble = Some(text);
            error
        });
        let allowed = if lost { Allowed::Halt } else { Allowed::All };
        let taken = self.step(&mut state, Input::Disk { op, result }, allowed, None);
        if lost {
            self.halt_now(&mut state, "what was written could not be made durable".to_owned());
        }
        taken
    }

    /// A machine that panicked is in no known state: it never gets another input.
    fn lock(&self) -> Option<MutexGuard<'_, State<M>>> {
        let state = self.state.lock();
        if state.is_err() {
            self.say_halted(BROKEN.to_owned());
        }
        state.ok()
    }

    fn time(&self) -> Time {
        Time(nanos(self.booted.elapsed()))
    }
}

const BROKEN: &str = "the machine panicked, which is a mistake in it; its files are safe";

/// Which outputs of an input are carried out.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Allowed {
    All,
    /// Only that it halts.
    Halt,
}

impl NodeCounts {
    fn new(metrics: &Metrics) -> NodeCounts {
        let inputs = |kind| {
            let help = "Inputs that the machine handled.";
            metrics.labelled("host_inputs_total", help, "kind", kind)
        };
        NodeCounts {
            messages: inputs("message"),
            timers: inputs("timer"),
            disk: inputs("disk"),
            resets: inputs("link-reset"),
            waiting: metrics.gauge("host_disk_waiting", "Disk operations that have not ended."),
            halts: metrics.counter("host_halts_total", "Machines that stopped by themselves."),
        }
    }

    fn count<P: Protocol>(&self, input: &Input<P>) {
        match input {
            Input::Start { .. } | Input::Writable { .. } | Input::Stop => {}
            Input::Message { .. } => self.messages.one(),
            Input::Timer(_) => self.timers.one(),
            Input::Disk { .. } => self.disk.one(),
            Input::LinkReset { .. } => self.resets.one(),
        }
    }
}

/// Does its end say that something is durable?
fn is_durable(command: &DiskCommand) -> bool {
    matches!(command, DiskCommand::Sync { .. } | DiskCommand::Replace { .. })
}

/// A stream of its own, different each time.
pub(crate) fn random() -> Random {
    Random::seed_from_u64(RandomState::new().hash_one("node"))
}

fn wall() -> Wall {
    // A clock before 1970 is as wrong as one that shows 1970.
    Wall(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, nanos))
}
