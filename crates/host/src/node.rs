//! One machine at work, with this computer's clocks.
//!
//! The law: inputs are handled one at a time, each with clocks that were read after the one before
//! was done; what a machine asked to be durable and was not ends it; and nothing in here knows what
//! the machine is for.
//!
//! An input is handled on the thread that brings it, which is the one that owns the connection, so
//! an answer that needs neither disk nor timer is there before [`Node::input`] returns. Where the machine is
//! busy the input waits in its inbox, and is handled by whoever is at it. What one machine says to another
//! of this process waits there too, until the first has been let go: nobody ever holds two.

#![expect(
    clippy::disallowed_methods,
    reason = "this is where the clocks that machines are denied come from"
)]

mod counts;

use std::collections::VecDeque;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError, TryLockError, Weak};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use machine::{
    DiskError, DiskId, Generation, Input, Inspection, Link, Machine, NodeId, Now, Output, Outputs,
    Protocol, Random, Time, Wall, nanos,
};
use rand::SeedableRng;
use tokio::runtime::Handle;
use tokio::sync::{Notify, watch};

use crate::disk::{Disk, Ended};
use crate::files::Files;
use crate::inbox::Inbox;
use crate::local::{LocalNodes, Parcel};
use crate::metrics::Metrics;
use crate::timers::{Alarm, Rings, Timers};
use counts::NodeCounts;

/// The number under which the host itself asks a machine: for a front end, by token.
pub const FRONT_END: NodeId = NodeId(u32::MAX);

/// While so many disk operations wait, doors take no more requests.
const MAX_PENDING_DISK_OPS: usize = 1024;
/// Who brings an input handles at most so many of others; a task of the runtime goes on with the rest.
const MOST_AT_ONCE: usize = 64;

/// Where the outputs of a machine go. Called under the machine's lock: be quick, and hand it no input.
pub trait Outside<P: Protocol>: Send + Sync + 'static {
    /// The machine sent this to another node.
    fn deliver(&self, to: NodeId, message: P::Message, link: Link);

    /// The machine noted this, for people.
    fn noted(&self, _note: P::Note) {}

    /// The machine stopped for good, and says why. It takes no further input.
    fn halted(&self, why: &str);
}

/// Who asks a machine, and may have the answer before there is anything to wait for.
pub(crate) trait Asks<P: Protocol> {
    /// The machine says this to the front end while it handles the question. What is not the answer is
    /// given back.
    fn hear(&mut self, message: P::Message) -> Option<P::Message>;

    /// The question was handled, and no other input since: what comes from now on comes from outside.
    fn handled(&mut self);
}

type Words<M> = <M as Machine>::Protocol;
type Op<M> = <Words<M> as Protocol>::Op;
type Timer<M> = <Words<M> as Protocol>::Timer;

/// Nodes that have something to handle.
pub(crate) type ToRun<M> = VecDeque<Arc<Node<M>>>;

/// What waits for the machine.
pub(crate) enum Waiting<P: Protocol> {
    Input(Input<P>),
    /// With what is to be done at the same moment.
    With(Box<dyn FnOnce() + Send>, Input<P>),
    Ended(Ended<P::Op>),
    /// From a node of this process.
    Parcel(Parcel<P>),
}

/// A machine at work.
pub struct Node<M: Machine> {
    /// For what goes on when this call is over.
    this: Weak<Node<M>>,
    state: Mutex<State<M>>,
    inbox: Inbox<Waiting<Words<M>>>,
    /// It takes no further input.
    over: AtomicBool,
    outside: Arc<dyn Outside<Words<M>>>,
    /// Its number, and the other nodes of this process.
    local: Option<(NodeId, Arc<LocalNodes<M>>)>,
    disk: OnceLock<Arc<Disk<Op<M>>>>,
    runtime: Option<Handle>,
    booted: Instant,
    /// Disk operations that were asked for and have not ended.
    pending: AtomicUsize,
    /// There are few of them again.
    room: Notify,
    halted: watch::Sender<Option<String>>,
    changes: Changes,
    counts: NodeCounts,
}

struct State<M: Machine> {
    machine: M,
    random: Random,
    /// Kept for the next input; large, so only its address moves.
    out: Option<Box<Outputs<Words<M>>>>,
    timers: Timers<Timer<M>>,
    alarm: Alarm,
    /// Operations that ended as they were asked for: the next inputs.
    ready: VecDeque<Ended<Op<M>>>,
    /// Whom this one said something to.
    to_run: ToRun<M>,
    /// What the operating system said when the disk failed: the machine does not hear it.
    trouble: Option<String>,
    stopped: bool,
}

impl<M: Machine> Node<M> {
    /// Boots a machine on these files. Called where a runtime is at hand, the node's work goes on there when
    /// whoever brings an input has done enough of it.
    pub fn start(
        machine: M,
        files: Files,
        disk: DiskId,
        outside: Arc<dyn Outside<Words<M>>>,
        metrics: &Metrics,
    ) -> Arc<Self> {
        let node = Node::new(machine, files, outside, metrics, None);
        node.input(Input::Start { disk });
        node
    }

    /// A machine that is to be started.
    pub(crate) fn new(
        machine: M,
        files: Files,
        outside: Arc<dyn Outside<Words<M>>>,
        metrics: &Metrics,
        local: Option<(NodeId, Arc<LocalNodes<M>>)>,
    ) -> Arc<Self> {
        let node = Arc::new_cyclic(|this: &Weak<Node<M>>| {
            let state = State {
                machine,
                random: random(),
                out: None,
                timers: Timers::new(),
                alarm: Alarm::new(this.clone()),
                ready: VecDeque::new(),
                to_run: VecDeque::new(),
                trouble: None,
                stopped: false,
            };
            Node {
                this: this.clone(),
                state: Mutex::new(state),
                inbox: Inbox::new(),
                over: AtomicBool::new(false),
                outside,
                local,
                disk: OnceLock::new(),
                runtime: Handle::try_current().ok(),
                booted: Instant::now(),
                pending: AtomicUsize::new(0),
                room: Notify::new(),
                halted: watch::Sender::new(None),
                changes: Changes::default(),
                counts: NodeCounts::new(metrics),
            }
        });
        let told = node.this.clone();
        let tell = move |ended| {
            if let Some(node) = told.upgrade() {
                node.bring(Waiting::Ended(ended));
            }
        };
        node.disk.get_or_init(|| Disk::new(files, Box::new(tell)));
        node
    }

    /// Hands the machine an input; false where it has stopped and will never answer. Where the machine is
    /// busy it has the input later, behind those that were brought before.
    pub fn input(&self, input: Input<Words<M>>) -> bool {
        match self.try_lock() {
            Some(mut state) if self.inbox.is_idle() => {
                let taken = self.step(&mut state, input, None);
                self.let_go(state);
                taken
            }
            state => {
                drop(state);
                self.bring(Waiting::Input(input))
            }
        }
    }

    /// As [`Node::input`]; what is to be done at the same moment is done with it.
    pub(crate) fn input_after(
        &self,
        with: impl FnOnce() + Send + 'static,
        input: Input<Words<M>>,
    ) -> bool {
        match self.try_lock() {
            Some(mut state) if self.inbox.is_idle() => {
                with();
                let taken = self.step(&mut state, input, None);
                self.let_go(state);
                taken
            }
            state => {
                drop(state);
                self.bring(Waiting::With(Box::new(with), input))
            }
        }
    }

    /// Hands the machine a message of the front end; false where it has stopped and will never answer.
    pub(crate) fn ask(
        &self,
        message: <Words<M> as Protocol>::Message,
        asker: &mut dyn Asks<Words<M>>,
    ) -> bool {
        let input = Input::Message { from: FRONT_END, message };
        let Some(mut state) = self.lock() else { return false };
        let taken = self.step(&mut state, input, Some(asker));
        self.let_go(state);
        taken
    }

    /// Ends when the machine's disk is not far behind: doors wait for it before they take a request.
    pub async fn room(&self) {
        loop {
            let room = self.room.notified();
            if self.pending.load(Ordering::Relaxed) < MAX_PENDING_DISK_OPS || self.is_over() {
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
        let watched = self.changes.watch();
        loop {
            let seen = watched.now();
            if let Some(why) = &*self.halted.borrow() {
                return Err(why.clone());
            }
            match self.inspect() {
                Some(shown) if wanted(&shown) => return Ok(()),
                Some(_) => watched.wait(seen),
                None => return Err(self.why_it_stopped()),
            }
        }
    }

    /// What the machine shows of itself; none where it has stopped.
    pub fn inspect(&self) -> Option<Inspection> {
        self.look(M::inspect)
    }

    /// What somebody sees who looks into the machine; none where it has stopped.
    pub fn look<T>(&self, at: impl FnOnce(&M) -> T) -> Option<T> {
        let state = self.lock()?;
        let seen = (!state.stopped).then(|| at(&state.machine));
        self.let_go(state);
        seen
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
        if let Some(mut state) = self.lock() {
            state.stopped = true;
        }
        self.end();
        if let Some(disk) = self.disk.get() {
            disk.wait_until_idle();
        }
    }

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

    /// It takes no further input.
    pub(crate) fn is_over(&self) -> bool {
        self.over.load(Ordering::SeqCst)
    }

    fn bring(&self, waiting: Waiting<Words<M>>) -> bool {
        self.leave(waiting);
        self.run();
        !self.is_over()
    }

    /// Lets go of the machine, and looks after what was brought and said meanwhile.
    fn let_go(&self, mut state: MutexGuard<'_, State<M>>) {
        let mut others = std::mem::take(&mut state.to_run);
        drop(state);
        let left = self.drain(MOST_AT_ONCE, &mut others);
        self.run_others(left, others);
    }

    fn run_others(&self, left: usize, others: ToRun<M>) {
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
    fn drain(&self, mut left: usize, others: &mut ToRun<M>) -> usize {
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

    fn handle_waiting(&self, state: &mut State<M>, waiting: Waiting<Words<M>>) {
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
    fn fire(&self, state: &mut State<M>, mut left: usize) -> usize {
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

    fn arm(&self, state: &mut State<M>) {
        if let Some(at) = state.timers.first() {
            state.alarm.arm(self.booted + Duration::from_nanos(at.0));
        }
    }

    /// Handles an input, and what the disk answered to it at once.
    fn step(
        &self,
        state: &mut State<M>,
        input: Input<Words<M>>,
        asker: Option<&mut dyn Asks<Words<M>>>,
    ) -> bool {
        let taken = self.handle(state, input, Allowed::All, asker);
        self.handle_ready(state);
        taken
    }

    /// Each of these is the machine's next input; a machine that reads on and on lets others in between.
    fn handle_ready(&self, state: &mut State<M>) {
        for _ in 0..MOST_AT_ONCE {
            let Some(ended) = state.ready.pop_front() else { return };
            self.ended(state, ended);
        }
        state.ready.drain(..).for_each(|ended| self.inbox.put(Waiting::Ended(ended)));
    }

    fn handle(
        &self,
        state: &mut State<M>,
        input: Input<Words<M>>,
        allowed: Allowed,
        mut asker: Option<&mut dyn Asks<Words<M>>>,
    ) -> bool {
        if state.stopped {
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
        let (mut number, mut asks) = (0, false);
        while let Some(output) = out.take(number) {
            number += 1;
            asks |= matches!(output, Output::Disk { .. });
            let output = match (output, &mut asker) {
                (Output::Send { to: FRONT_END, message, link }, Some(asker)) if !state.stopped => {
                    let Some(message) = asker.hear(message) else { continue };
                    Output::Send { to: FRONT_END, message, link }
                }
                (output, _) => output,
            };
            let halt = matches!(output, Output::Halt { .. });
            changed |= halt || matches!(output, Output::SetTimer { .. });
            // A machine that halted is gone: what it asked for afterwards goes with it.
            if halt || (allowed == Allowed::All && !state.stopped) {
                self.carry_out(state, output);
            }
        }
        state.out = Some(out);
        if let Some(disk) = self.disk.get().filter(|_| asks) {
            disk.begin();
        }
        if changed {
            self.arm(state);
            self.changes.tell();
        }
        match asker {
            Some(_) if state.stopped => return false,
            Some(asker) => asker.handled(),
            None => {}
        }
        true
    }

    fn carry_out(&self, state: &mut State<M>, output: Output<Words<M>>) {
        match output {
            Output::Send { to, message, link } => self.send(state, to, message, link),
            Output::SetTimer { timer, after } => state.timers.set(timer, self.time() + after),
            Output::CancelTimer(timer) => state.timers.cancel(&timer),
            Output::Disk { command, op } => {
                let Some(disk) = self.disk.get() else { return };
                let waiting = self.pending.fetch_add(1, Ordering::Relaxed) + 1;
                self.counts.waiting.set(waiting as u64);
                state.ready.extend(disk.ask(*command, op));
            }
            Output::Note(note) => self.outside.noted(note),
            Output::Halt { why } => self.halt_now(state, String::from(why)),
            Output::Meet { .. } | Output::Stopped => {}
        }
    }

    fn send(
        &self,
        state: &mut State<M>,
        to: NodeId,
        message: <Words<M> as Protocol>::Message,
        link: Link,
    ) {
        let outside = match &self.local {
            Some((me, local)) => local.send(*me, to, message, link, &mut state.to_run),
            None => Some(message),
        };
        if let Some(message) = outside {
            self.outside.deliver(to, message, link);
        }
    }

    /// Tells the machine how an operation ended.
    fn ended(&self, state: &mut State<M>, ended: Ended<Op<M>>) {
        let waiting = self.pending.fetch_sub(1, Ordering::Relaxed) - 1;
        self.counts.waiting.set(waiting as u64);
        if waiting + 1 == MAX_PENDING_DISK_OPS {
            self.room.notify_waiters();
        }
        let Ended { op, is_durable, outcome } = ended;
        // Nobody knows what is on the disk now (fsyncgate). The machine may say so in its own
        // words, but nothing else of what it says is let out.
        let lost = is_durable && matches!(outcome, Err((DiskError::Failed, _)));
        let result = outcome.map_err(|(error, text)| {
            state.trouble = Some(text);
            error
        });
        let allowed = if lost { Allowed::Halt } else { Allowed::All };
        self.handle(state, Input::Disk { op, result }, allowed, None);
        if lost {
            self.halt_now(state, "what was written could not be made durable".to_owned());
        }
    }

    fn halt_now(&self, state: &mut State<M>, why: String) {
        if std::mem::replace(&mut state.stopped, true) {
            return;
        }
        let trouble = state.trouble.take().map(|error| format!(" ({error})"));
        self.say_halted(why + &trouble.unwrap_or_default());
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
        self.end();
        if first {
            self.outside.halted(&why);
        }
    }

    /// Nothing is handled, carried out or waited for any more.
    fn end(&self) {
        self.over.store(true, Ordering::SeqCst);
        if let Some(disk) = self.disk.get() {
            disk.stop();
        }
        self.inbox.clear();
        self.room.notify_waiters();
        self.changes.tell();
    }

    fn why_it_stopped(&self) -> String {
        self.halted.borrow().clone().unwrap_or_else(|| "it was stopped".to_owned())
    }

    /// A machine that panicked is in no known state: it never gets another input.
    fn lock(&self) -> Option<MutexGuard<'_, State<M>>> {
        let state = self.state.lock();
        if state.is_err() {
            self.say_halted(BROKEN.to_owned());
        }
        state.ok()
    }

    /// As [`Node::lock`]; none also where somebody has it, who will look into the inbox.
    fn try_lock(&self) -> Option<MutexGuard<'_, State<M>>> {
        match self.state.try_lock() {
            Ok(state) => Some(state),
            Err(TryLockError::WouldBlock) => None,
            Err(TryLockError::Poisoned(_)) => {
                self.say_halted(BROKEN.to_owned());
                None
            }
        }
    }

    fn time(&self) -> Time {
        Time(nanos(self.booted.elapsed()))
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

const BROKEN: &str = "the machine panicked, which is a mistake in it; its files are safe";

/// Which outputs of an input are carried out.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Allowed {
    All,
    /// Only that it halts.
    Halt,
}

/// Tells those who wait for a change of the machine. Mostly nobody does, and nothing is paid.
#[derive(Default)]
struct Changes {
    watchers: AtomicUsize,
    count: Mutex<u64>,
    changed: Condvar,
}

struct Watch<'a>(&'a Changes);

impl Changes {
    fn watch(&self) -> Watch<'_> {
        self.watchers.fetch_add(1, Ordering::SeqCst);
        Watch(self)
    }

    fn tell(&self) {
        if self.watchers.load(Ordering::SeqCst) > 0 {
            *self.count() += 1;
            self.changed.notify_all();
        }
    }

    fn count(&self) -> MutexGuard<'_, u64> {
        self.count.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watch<'_> {
    fn now(&self) -> u64 {
        *self.0.count()
    }

    /// Ends when there was a change since then.
    fn wait(&self, seen: u64) {
        let unchanged = |count: &mut u64| *count == seen;
        // Whoever held it cannot have left a number half written.
        drop(self.0.changed.wait_while(self.0.count(), unchanged));
    }
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        self.0.watchers.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A stream of its own, different each time.
pub(crate) fn random() -> Random {
    Random::seed_from_u64(RandomState::new().hash_one("node"))
}

fn wall() -> Wall {
    // A clock before 1970 is as wrong as one that shows 1970.
    Wall(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, nanos))
}
