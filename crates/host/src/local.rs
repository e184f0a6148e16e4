//! Nodes of one process, and what they say to each other: no socket, no thread, no copy.
//!
//! The law: as that of the links between processes. What a node says is in the other's inbox before it is let
//! go, in order; what is outstanding is bounded by the window, lane by lane, and credit is given for what the
//! other's machine was handed; who sends more, or what is too heavy, loses both lanes of the pair, and both
//! are told. Nothing of a pair's life before a reset is handed over, nor counted, after it. A datagram that is too
//! many for the other's inbox is lost.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use machine::{
    CREDIT, DATAGRAM, DiskId, Input, LIGHTEST, LONGEST, Link, Machine, NodeId, Protocol, WINDOW,
};

use crate::files::Files;
use crate::metrics::Metrics;
use crate::node::{Node, Outside, ToRun, Waiting};

type Words<M> = <M as Machine>::Protocol;
type Message<M> = <Words<M> as Protocol>::Message;

/// The nodes of one process that speak with each other.
pub struct LocalNodes<M: Machine>(Mutex<Table<M>>);

struct Table<M: Machine> {
    nodes: BTreeMap<NodeId, Weak<Node<M>>>,
    /// By both ends, the lower number first.
    pairs: BTreeMap<(NodeId, NodeId), Pair>,
}

/// Both lanes of two nodes, in both directions.
#[derive(Default)]
struct Pair {
    /// How often it was reset.
    life: u64,
    /// Was the end not told yet of the last reset? The lower one's first.
    untold: [bool; 2],
    /// From the lower one to the other first; of each the stream, then bulk.
    lanes: [[Lane; 2]; 2],
}

#[derive(Clone, Copy, Default)]
struct Lane {
    /// Sent, less the credit that the sender was told.
    outstanding: u32,
    /// Handed over, less the credit that is on its way.
    taken: u32,
}

/// Something from another node of the process.
pub(crate) enum Parcel<P: Protocol> {
    Message { message: P::Message, receipt: Receipt },
    Writable { peer: NodeId, link: Link, life: u64 },
    Reset { peer: NodeId },
}

/// What the sender is to be told when a message was handed over.
#[derive(Clone, Copy)]
pub(crate) struct Receipt {
    from: NodeId,
    link: Link,
    weight: u32,
    life: u64,
}

impl<M: Machine> Default for LocalNodes<M> {
    fn default() -> Self {
        LocalNodes(Mutex::new(Table { nodes: BTreeMap::new(), pairs: BTreeMap::new() }))
    }
}

impl<M: Machine> LocalNodes<M> {
    /// Boots a machine under this number, as [`Node::start`] does: what others say to the number is for it
    /// from now on.
    pub fn start(
        self: &Arc<Self>,
        me: NodeId,
        machine: M,
        (files, disk): (Files, DiskId),
        outside: Arc<dyn Outside<Words<M>>>,
        metrics: &Metrics,
    ) -> Arc<Node<M>> {
        let node = self.place(me, machine, (files, disk), outside, metrics);
        node.run();
        node
    }

    /// As [`LocalNodes::start`]; it handles nothing before it is run.
    pub(crate) fn place(
        self: &Arc<Self>,
        me: NodeId,
        machine: M,
        (files, disk): (Files, DiskId),
        outside: Arc<dyn Outside<Words<M>>>,
        metrics: &Metrics,
    ) -> Arc<Node<M>> {
        let node = Node::new(machine, files, outside, metrics, Some((me, self.clone())));
        // Its first input is there before anybody knows it.
        node.leave(Waiting::Input(Input::Start { disk }));
        self.table().nodes.insert(me, Arc::downgrade(&node));
        node
    }

    /// Is there a node of this number?
    pub fn has(&self, id: NodeId) -> bool {
        self.table().nodes.contains_key(&id)
    }

    /// Leaves a message for a node of the process, which is to be run when the sender was let go. A message
    /// for another is given back.
    pub(crate) fn send(
        &self,
        from: NodeId,
        to: NodeId,
        message: Message<M>,
        link: Link,
        to_run: &mut ToRun<M>,
    ) -> Option<Message<M>> {
        let mut table = self.table();
        let Some(node) = table.nodes.get(&to) else { return Some(message) };
        let node = node.upgrade().filter(|node| !node.is_over());
        let weight = Words::<M>::weight(&message).max(LIGHTEST);
        let Some(lane) = lane(link) else {
            match node {
                _ if weight > DATAGRAM => tracing::error!(
                    "a datagram of {weight} bytes to {to:?} was dropped: {DATAGRAM} is the most"
                ),
                Some(node) => {
                    let receipt = Receipt { from, link, weight, life: 0 };
                    // One for which there is no room is lost.
                    node.leave_datagram(Waiting::Parcel(Parcel::Message { message, receipt }));
                    to_run.push_back(node);
                }
                None => {}
            }
            return None;
        };
        let pair = table.pair(from, to);
        if pair.untold[end(from, to)] {
            // It learns of the reset before it is asked anything else.
            return None;
        }
        let outstanding = &mut pair.lanes[end(from, to)][lane].outstanding;
        match node {
            Some(node) if weight <= LONGEST && *outstanding + weight <= WINDOW => {
                *outstanding += weight;
                let receipt = Receipt { from, link, weight, life: pair.life };
                node.leave(Waiting::Parcel(Parcel::Message { message, receipt }));
                to_run.push_back(node);
            }
            _ => table.reset(from, to, to_run),
        }
        None
    }

    /// What it is for the machine of this number that takes it now; none where it belongs to a life that is
    /// over.
    pub(crate) fn open(
        &self,
        me: NodeId,
        parcel: Parcel<Words<M>>,
    ) -> Option<(Input<Words<M>>, Option<Receipt>)> {
        let mut table = self.table();
        match parcel {
            Parcel::Message { message, receipt } => {
                let Receipt { from, link, life, .. } = receipt;
                let sound = lane(link).is_none() || table.pair(from, me).life == life;
                sound.then_some((Input::Message { from, message }, Some(receipt)))
            }
            Parcel::Writable { peer, link, life } => {
                let pair = table.pair(me, peer);
                let lane = lane(link).filter(|_| pair.life == life)?;
                pair.lanes[end(me, peer)][lane].outstanding -= CREDIT;
                Some((Input::Writable { peer, link }, None))
            }
            Parcel::Reset { peer } => {
                let untold = &mut table.pair(me, peer).untold[end(me, peer)];
                std::mem::take(untold).then_some((Input::LinkReset { peer }, None))
            }
        }
    }

    /// The machine of this number has handled what it took.
    pub(crate) fn handled(&self, me: NodeId, receipt: Option<Receipt>, to_run: &mut ToRun<M>) {
        let Some(Receipt { from, link, weight, life }) = receipt else { return };
        let Some(lane) = lane(link) else { return };
        let mut table = self.table();
        let pair = table.pair(from, me);
        if pair.life != life {
            return;
        }
        let taken = &mut pair.lanes[end(from, me)][lane].taken;
        *taken += weight;
        let credits = *taken / CREDIT;
        *taken %= CREDIT;
        if credits > 0
            && let Some(sender) = table.nodes.get(&from).and_then(Weak::upgrade)
        {
            for _ in 0..credits {
                sender.leave(Waiting::Parcel(Parcel::Writable { peer: me, link, life }));
            }
            to_run.push_back(sender);
        }
    }

    fn table(&self) -> MutexGuard<'_, Table<M>> {
        // Each change is whole before anything can panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<M: Machine> Table<M> {
    fn pair(&mut self, one: NodeId, other: NodeId) -> &mut Pair {
        self.pairs.entry((one.min(other), one.max(other))).or_default()
    }

    /// Begins new lanes, and tells both.
    fn reset(&mut self, one: NodeId, other: NodeId, to_run: &mut ToRun<M>) {
        let pair = self.pair(one, other);
        let life = pair.life + 1;
        *pair = Pair { life, untold: [true; 2], lanes: Default::default() };
        for (id, peer) in [(one, other), (other, one)] {
            if let Some(node) = self.nodes.get(&id).and_then(Weak::upgrade) {
                node.leave(Waiting::Parcel(Parcel::Reset { peer }));
                to_run.push_back(node);
            }
        }
    }
}

/// The place of the first among the two ends, and of what it sends.
fn end(me: NodeId, other: NodeId) -> usize {
    usize::from(me > other)
}

/// The place of a lane; none for what has none.
fn lane(link: Link) -> Option<usize> {
    match link {
        Link::Datagram => None,
        Link::Stream => Some(0),
        Link::Bulk => Some(1),
    }
}
