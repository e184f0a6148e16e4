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

mod changes;
mod counts;
mod end;
mod waiting;

use std::collections::VecDeque;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, TryLockError, Weak};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

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
use crate::session::{SESSIONS, Sessions};
use crate::timers::{Alarm, Timers};
use changes::Changes;
use counts::NodeCounts;
use end::End;

/// While so many disk operations wait, doors take no more requests.
const MAX_PENDING_DISK_OPS: usize = 1024;
/// Who brings an input handles at most so many of others; a task of the runtime goes on with the rest.
const MOST_AT_ONCE: usize = 64;

/// Where the outputs of a machine go. Called under the machine's lock: be quick, and hand it no input.
pub trait Outside<P: Protocol>: Send + Sync + 'static {
    /// The machine sent this to another node, which is no session.
    fn deliver(&self, to: NodeId, message: P::Message, link: Link);

    /// The machine may speak with this node from now on, which listens there.
    fn met(&self, _peer: NodeId, _address: SocketAddr) {}

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
    /// It is to stop, and its machine knows.
    told_to_stop: AtomicBool,
    outside: Arc<dyn Outside<Words<M>>>,
    /// Its number, and the other nodes of this process.
    local: Option<(NodeId, Arc<LocalNodes<M>>)>,
    disk: OnceLock<Arc<Disk<Op<M>>>>,
    runtime: Option<Handle>,
    pub(crate) sessions: Sessions<Words<M>>,
    booted: Instant,
    /// Disk operations that were asked for and have not ended.
    pending: AtomicUsize,
    /// There are few of them again.
    room: Notify,
    end: watch::Sender<Option<End>>,
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
                told_to_stop: AtomicBool::new(false),
                outside,
                sessions: Sessions::default(),
                local,
                disk: OnceLock::new(),
                runtime: Handle::try_current().ok(),
                booted: Instant::now(),
                pending: AtomicUsize::new(0),
                room: Notify::new(),
                end: watch::Sender::new(None),
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
        match self.idle() {
            Some(state) => self.take(state, input),
            None => self.bring(Waiting::Input(input)),
        }
    }

    /// Hands the machine a datagram; false where it is lost, since too many wait or the machine has stopped.
    pub(crate) fn datagram(&self, from: NodeId, message: <Words<M> as Protocol>::Message) -> bool {
        let input = Input::Message { from, message };
        match self.idle() {
            Some(state) => self.take(state, input),
            None => {
                let has_room = self.leave_datagram(Waiting::Input(input));
                self.run();
                has_room && !self.is_over()
            }
        }
    }

    /// As [`Node::input`]; what is to be done at the same moment is done with it.
    pub(crate) fn input_after(
        &self,
        with: impl FnOnce() + Send + 'static,
        input: Input<Words<M>>,
    ) -> bool {
        match self.idle() {
            Some(state) => {
                with();
                self.take(state, input)
            }
            None => self.bring(Waiting::With(Box::new(with), input)),
        }
    }

    /// Hands the machine a message of a session; false where it has stopped and will never answer.
    pub(crate) fn ask(
        &self,
        from: NodeId,
        message: <Words<M> as Protocol>::Message,
        asker: &mut dyn Asks<Words<M>>,
    ) -> bool {
        let input = Input::Message { from, message };
        let Some(mut state) = self.lock() else { return false };
        let taken = self.step(&mut state, input, Some((from, asker)));
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
            if let Some(End::Halted(why)) = &*self.end.borrow() {
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

    /// Stops as a crash would, but waits for the disk: when this returns nothing more is written.
    pub fn stop(&self) {
        self.crash();
        if let Some(disk) = self.disk.get() {
            disk.wait_until_idle();
        }
    }

    /// The machine, if nobody has it and nothing waits for it.
    fn idle(&self) -> Option<MutexGuard<'_, State<M>>> {
        self.try_lock().filter(|_| self.inbox.is_idle())
    }

    fn take(&self, mut state: MutexGuard<'_, State<M>>, input: Input<Words<M>>) -> bool {
        let taken = self.step(&mut state, input, None);
        self.let_go(state);
        taken
    }

    /// Handles an input, and what the disk answered to it at once.
    fn step(
        &self,
        state: &mut State<M>,
        input: Input<Words<M>>,
        asker: Option<(NodeId, &mut dyn Asks<Words<M>>)>,
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
        mut asker: Option<(NodeId, &mut dyn Asks<Words<M>>)>,
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
                (Output::Send { to, message, link }, Some((from, asker)))
                    if to == *from && !state.stopped =>
                {
                    let Some(message) = asker.hear(message, link) else { continue };
                    Output::Send { to, message, link }
                }
                (output, _) => output,
            };
            let halt = matches!(output, Output::Halt { .. });
            changed |= halt || matches!(output, Output::SetTimer { .. });
            // A machine that halted or stopped is gone: what it asked for afterwards goes with it.
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
            Some((_, asker)) => asker.handled(),
            None => {}
        }
        true
    }

    fn carry_out(&self, state: &mut State<M>, output: Output<Words<M>>) {
        match output {
            Output::Send { to, message, link } if to >= SESSIONS => {
                for _ in 0..self.sessions.deliver(to, message, link) {
                    self.leave(Waiting::Input(Input::Writable { peer: to, link }));
                }
            }
            Output::Send { to, message, link } => self.send(state, to, message, link),
            Output::SetTimer { timer, after } => state.timers.set(timer, self.time() + after),
            Output::CancelTimer(timer) => state.timers.cancel(&timer),
            Output::Disk { command, op } => {
                let Some(disk) = self.disk.get() else { return };
                self.pending.fetch_add(1, Ordering::Relaxed);
                self.counts.waiting.one();
                state.ready.extend(disk.ask(*command, op));
            }
            Output::Note(note) => self.outside.noted(note),
            Output::Halt { why } => self.halt_now(state, String::from(why)),
            Output::Meet { peer, address } => self.outside.met(peer, address),
            Output::Stopped => self.stopped_now(state),
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
        // None are left where the node has ended.
        let one_less = |pending: usize| pending.checked_sub(1);
        let pending = self.pending.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less);
        self.counts.waiting.less(u64::from(pending.is_ok()));
        if pending == Ok(MAX_PENDING_DISK_OPS) {
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

const BROKEN: &str = "the machine panicked, which is a mistake in it; its files are safe";

/// Which outputs of an input are carried out.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Allowed {
    All,
    /// Only that it halts.
    Halt,
}

/// A stream of its own, different each time.
pub(crate) fn random() -> Random {
    Random::seed_from_u64(RandomState::new().hash_one("node"))
}

/// What this computer's wall clock shows. One before 1970 is as wrong as one that shows 1970.
pub fn wall() -> Wall {
    Wall(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, nanos))
}
