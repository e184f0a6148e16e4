//! What is kept of one other node: which connections carry it, and of each lane what waits to be sent and what
//! is outstanding in either direction.
//!
//! The law: on each lane at most a [`WINDOW`] is outstanding in each direction. A message that would be more,
//! or that is heavier than [`LONGEST`], breaks the pair, whichever end it is found at. What is sent on a broken
//! pair goes nowhere, until the machine was told of the reset; and no connections carry the peer before it was, so
//! that a reset wipes out nothing of the next pair. Credit counts for the pair of connections that it was given on
//! and for no other.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use doors::Activity;
use machine::{CREDIT, LONGEST, NodeId, Parts, WINDOW};
use tokio::net::TcpStream;
use tokio::sync::{Notify, oneshot};

use super::batch::Batch;
use super::frame::Frames;
use super::handshake::Hello;
use super::lane::Lane;

/// The connection of a bulk lane. Who accepted it waits until the end is dropped, and goes first where the place
/// of the connection is given away.
pub(super) type BulkConnection = (Frames<TcpStream>, Option<oneshot::Sender<()>>);

#[derive(Debug)]
pub(super) struct Peer {
    pub(super) id: NodeId,
    /// Known before it called, so it stays known.
    listed: AtomicBool,
    state: Mutex<State>,
    /// By lane: there is something to write, or the pair is broken.
    wake: [Notify; 2],
    /// What waited was written.
    drained: Notify,
    /// No reset is on its way any more.
    told: Notify,
    /// Held by the pair of connections that carries this peer: there is one at a time.
    pub(super) carried: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct State {
    /// Where we dial it, if it is not the one who dials.
    dialled_at: Option<SocketAddr>,
    lanes: [LaneState; 2],
    /// Credit that was given and is not yet written; it travels on the stream.
    credits: VecDeque<Lane>,
    up: Option<Up>,
    claims: u64,
    /// Something was sent or came since the last reset.
    used: bool,
    /// The pair is over, and why.
    broken: Option<&'static str>,
    /// A reset is on its way to the machine, which may be busy.
    telling: bool,
}

#[derive(Debug, Default)]
struct LaneState {
    queue: VecDeque<Bytes>,
    /// A batch is on its way to the system.
    writing: bool,
    /// What was sent less the credit that came.
    outstanding: u32,
    /// What came less the credit that was given.
    received: u32,
    /// What the machine was handed since the last credit.
    handed: u32,
}

/// A process of the peer that is connected.
#[derive(Debug)]
struct Up {
    claim: u64,
    boot: u64,
    /// The number of the pair of connections, by which a bulk lane finds its stream.
    pair: u64,
    /// Where it takes datagrams.
    datagrams: Option<SocketAddr>,
    /// Where the connection of the bulk lane goes when it comes.
    bulk: Option<oneshot::Sender<BulkConnection>>,
    /// Of those of its connections that were accepted: what one of them carries counts for both, since neither is
    /// of use without the other.
    activities: Vec<Arc<Activity>>,
}

impl Up {
    /// Something was said, by either end. That they are still there is nothing.
    fn moved(&self) {
        self.activities.iter().for_each(|activity| activity.moved());
    }
}

/// Who carries a peer, until it is released or somebody else claims it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Claim {
    number: u64,
    pub(super) pair: u64,
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sent {
    /// It waits, or went into a broken pair.
    Queued,
    /// The pair broke under it.
    Broke,
}

/// A reset that is on its way to the machine, until this is dropped: also where that has stopped, and never hears
/// of it.
#[derive(Debug)]
pub(super) struct Telling(Arc<Peer>);

impl Telling {
    /// The machine is told at this moment.
    pub(super) fn now(self) {
        self.0.begin_anew();
    }
}

impl Drop for Telling {
    fn drop(&mut self) {
        self.0.state().telling = false;
        self.0.told.notify_waiters();
    }
}

impl Peer {
    /// One on the list.
    pub(super) fn listed(id: NodeId, dialled_at: Option<SocketAddr>) -> Peer {
        let state = Mutex::new(State { dialled_at, ..State::default() });
        Peer { listed: true.into(), state, ..Peer::unlisted(id) }
    }

    /// One that called.
    pub(super) fn unlisted(id: NodeId) -> Peer {
        Peer {
            id,
            listed: false.into(),
            state: Mutex::default(),
            wake: Default::default(),
            drained: Notify::new(),
            told: Notify::new(),
            carried: Default::default(),
        }
    }

    /// Queues a frame of this weight. Where we dial, it waits for the connection.
    pub(super) fn send(&self, frame: Parts, weight: u32, lane: Lane) -> Sent {
        let mut state = self.state();
        if state.broken.is_some() {
            return Sent::Queued;
        }
        state.used = true;
        let reached = state.up.is_some() || state.dialled_at.is_some();
        let LaneState { queue, outstanding, .. } = &mut state.lanes[lane as usize];
        let why = match outstanding.checked_add(weight) {
            _ if !reached => "it is not connected",
            _ if weight > LONGEST => "a message to it is too heavy",
            Some(sum) if sum <= WINDOW => {
                *outstanding = sum;
                queue.extend(frame);
                self.wake[lane as usize].notify_one();
                return Sent::Queued;
            }
            _ => "more was sent to it than its window",
        };
        self.break_in(&mut state, why);
        Sent::Broke
    }

    /// It stays known from now on.
    pub(super) fn list(&self) {
        self.listed.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_listed(&self) -> bool {
        self.listed.load(Ordering::Relaxed)
    }

    /// Where we dial it.
    pub(super) fn dialled_at(&self) -> Option<SocketAddr> {
        self.state().dialled_at
    }

    /// It is dialled there from now on; what carries it is of its last place. False where that is no news.
    pub(super) fn moves_to(&self, address: SocketAddr) -> bool {
        let mut state = self.state();
        if state.dialled_at.replace(address) == Some(address) {
            return false;
        }
        if state.up.is_some() {
            self.break_in(&mut state, "it is elsewhere");
        }
        true
    }

    /// Takes what can be written at once, credit first; the reason where the pair is broken.
    pub(super) fn take_batch(&self, claim: Claim, lane: Lane) -> Result<Batch, &'static str> {
        let mut state = self.current(claim)?;
        let State { lanes, credits, .. } = &mut *state;
        let mut batch = Batch::default();
        if lane == Lane::Stream {
            for given in credits.drain(..) {
                lanes[given as usize].received -= CREDIT;
                batch.push(given.credit(claim.pair));
            }
        }
        batch.fill(&mut lanes[lane as usize].queue);
        lanes[lane as usize].writing = !batch.is_empty();
        match batch.is_empty() {
            true => self.drained.notify_one(),
            false => state.up.iter().for_each(Up::moved),
        }
        Ok(batch)
    }

    /// Ends when there is something to write on this lane.
    pub(super) async fn to_write(&self, lane: Lane) {
        self.wake[lane as usize].notified().await;
    }

    /// Ends when the system has all that waits.
    pub(super) async fn drained(&self) {
        let waits = |state: &State| {
            state.broken.is_none()
                && state.lanes.iter().any(|lane| lane.writing || !lane.queue.is_empty())
        };
        while waits(&self.state()) {
            self.drained.notified().await;
        }
    }

    /// A message of this weight came; the reason why it breaks the pair, where it does.
    pub(super) fn came(&self, claim: Claim, lane: Lane, weight: u32) -> Result<(), &'static str> {
        let mut state = self.current(claim)?;
        state.used = true;
        state.up.iter().for_each(Up::moved);
        if weight > LONGEST {
            return Err("it sent a message that is too heavy");
        }
        let received = &mut state.lanes[lane as usize].received;
        // Neither is more than a window.
        *received += weight;
        if *received > WINDOW { Err("it sent more than its window") } else { Ok(()) }
    }

    /// The machine is handed what came.
    pub(super) fn handed(&self, claim: Claim, lane: Lane, weight: u32) {
        let Ok(mut state) = self.current(claim) else { return };
        let State { lanes, credits, .. } = &mut *state;
        let handed = &mut lanes[lane as usize].handed;
        *handed += weight;
        while *handed >= CREDIT {
            *handed -= CREDIT;
            credits.push_back(lane);
            self.wake[Lane::Stream as usize].notify_one();
        }
    }

    /// The machine is told of credit that came.
    pub(super) fn credited(&self, claim: Claim, lane: Lane) {
        let Ok(mut state) = self.current(claim) else { return };
        let outstanding = &mut state.lanes[lane as usize].outstanding;
        match outstanding.checked_sub(CREDIT) {
            Some(rest) => *outstanding = rest,
            None => self.break_in(&mut state, "it gave credit for what it was not sent"),
        }
    }

    /// This process of the peer is connected, by a stream, which was accepted where it has an activity. Another
    /// stream of the same one is over: it is asked to end. With it comes what will bring the bulk lane. None where
    /// another process has the number.
    pub(super) fn claim(
        &self,
        theirs: &Hello,
        datagrams: Option<SocketAddr>,
        activity: Option<Arc<Activity>>,
    ) -> Option<(Claim, oneshot::Receiver<BulkConnection>)> {
        let mut state = self.state();
        match &state.up {
            Some(up) if up.boot != theirs.boot => return None,
            Some(_) => self.break_in(&mut state, "it was dialled anew"),
            None => {}
        }
        state.claims += 1;
        let (bulk, comes) = oneshot::channel();
        let (claim, boot, pair) = (state.claims, theirs.boot, theirs.pair);
        let activities = activity.into_iter().collect();
        state.up = Some(Up { claim, boot, pair, datagrams, bulk: Some(bulk), activities });
        Some((Claim { number: claim, pair }, comes))
    }

    /// Where the bulk lane of this process and this pair goes, which was accepted; it can come once.
    pub(super) fn join(
        &self,
        theirs: &Hello,
        activity: Option<Arc<Activity>>,
    ) -> Option<oneshot::Sender<BulkConnection>> {
        let mut state = self.state();
        let is_its = |up: &&mut Up| (up.boot, up.pair) == (theirs.boot, theirs.pair);
        let up = state.up.as_mut().filter(is_its)?;
        let bulk = up.bulk.take()?;
        up.activities.extend(activity);
        Some(bulk)
    }

    /// The pair of this claim is over, and what was sent on it lost. One that was claimed anew is broken already.
    pub(super) fn release(&self, claim: Claim) {
        let mut state = self.state();
        if state.up.take_if(|up| up.claim == claim.number).is_some() && state.used {
            self.break_in(&mut state, "it is over");
        }
    }

    /// What waits for a connection waits no longer.
    pub(super) fn give_up(&self) {
        let mut state = self.state();
        if state.up.is_none() && state.used {
            self.break_in(&mut state, "it cannot be reached");
        }
    }

    /// Where the peer takes datagrams, and the boot of its process, while it is connected.
    pub(super) fn datagrams(&self) -> Option<(SocketAddr, u64)> {
        self.state().up.as_ref().and_then(|up| Some((up.datagrams?, up.boot)))
    }

    /// Is this process of the peer connected?
    pub(super) fn is_boot(&self, boot: u64) -> bool {
        self.state().up.as_ref().is_some_and(|up| up.boot == boot)
    }

    pub(super) fn is_broken(&self) -> bool {
        self.state().broken.is_some()
    }

    pub(super) fn is_up(&self) -> bool {
        self.state().up.is_some()
    }

    /// The pair is over.
    pub(super) fn break_off(&self, why: &'static str) {
        self.break_in(&mut self.state(), why);
    }

    /// Is there nothing that would be lost if it were forgotten?
    pub(super) fn is_unused(&self) -> bool {
        let state = self.state();
        state.up.is_none() && !state.used && state.broken.is_none() && !state.telling
    }

    /// The machine is to be told of a reset; none where the pair is not broken, and where one is on its way.
    pub(super) fn begin_telling(self: &Arc<Self>) -> Option<Telling> {
        let mut state = self.state();
        let begins = state.broken.is_some() && !state.telling;
        state.telling |= begins;
        drop(state);
        begins.then(|| Telling(self.clone()))
    }

    /// Ends when no reset is on its way to the machine, which may be busy.
    pub(super) async fn told(&self) {
        loop {
            let told = self.told.notified();
            if !self.state().telling {
                return;
            }
            told.await;
        }
    }

    /// From here on a new pair begins.
    fn begin_anew(&self) {
        let mut state = self.state();
        (state.lanes, state.used, state.broken) = (Default::default(), false, None);
        state.credits.clear();
    }

    fn break_in(&self, state: &mut State, why: &'static str) {
        state.used = true;
        state.broken.get_or_insert(why);
        self.wake.iter().for_each(Notify::notify_one);
        self.drained.notify_one();
    }

    /// The state, for who carries the peer; the reason where the pair is broken, or another's.
    fn current(&self, claim: Claim) -> Result<MutexGuard<'_, State>, &'static str> {
        let state = self.state();
        match &state.up {
            _ if state.broken.is_some() => Err(state.broken.unwrap_or_default()),
            Some(up) if up.claim == claim.number => Ok(state),
            _ => Err("it is over"),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Each change is whole before anything can panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
