//! Links between nodes: for each pair two TCP connections, that are dialled again when they break, and UDP.
//!
//! The law: between two [`Input::LinkReset`]s what arrives from a peer on a lane is a beginning of
//! what the peer sent on it, in its order; and whatever a peer does or leaves undone, what is kept for it
//! is bounded, and so is the time for which it is waited for.
//!
//! - Who is not listed may be met later, where its machine says ([`Output::Meet`](machine::Output)).
//! - Of two nodes the one with the higher number dials. So there is one pair of connections for each two
//!   nodes, and no tie to break.
//! - A *pair* is the life of two connections: the stream, and the bulk lane beside it. Messages wait while
//!   they are dialled. When either breaks both do (it is closed, speaks nonsense, has more than a window
//!   outstanding; the stream also when it is silent for [`PEER_TIMEOUT`]), and both machines get a
//!   `LinkReset`; the next connections are the next pair.
//! - What was sent is *outstanding* until the peer's machine was handed it. Credit for that travels on the stream,
//!   and the machine that sent is told of it ([`Input::Writable`]).
//! - A *datagram* goes to the peer's UDP socket while there is a pair, and is dropped where there is none.
//! - A message is handed to the machine by the thread that read it, at once.

mod batch;
mod calls;
mod datagrams;
mod frame;
mod handshake;
mod lane;
mod pair;
mod peer;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Duration;

use doors::{Activity, Places, accept, drain};
use futures_util::future::join_all;
use machine::{Input, LIGHTEST, Link, Machine, NodeId, Protocol};
use rand::Rng;
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::codec::Codec;
use crate::metrics::{Count, Metrics};
use crate::node::{Node, random};
use crate::numbers::MEMBERS;
use datagrams::Datagrams;
use frame::{HEADER, Kind, frame};
use lane::Lane;
use peer::{Peer, Sent};

/// When there are as many, one is closed for the next, of those at work the longest silent; `doors` says which. A
/// peer has two, and what one of them carries counts for both; that it is still there counts for nothing.
const MOST_CONNECTIONS: usize = 4096;
/// A peer of which no whole frame came for so long is gone, whatever its system says.
const PEER_TIMEOUT: Duration = Duration::from_secs(5);
/// The machine hears after this of a pair that broke while no task carried it.
const RESET_DELAY: Duration = Duration::from_millis(10);
/// For what waits when the server stops.
const FLUSH_DEADLINE: Duration = Duration::from_millis(500);

type Message<M> = <<M as Machine>::Protocol as Protocol>::Message;

/// The links of one node.
pub struct Links<M: Machine> {
    /// For what is to be done when the machine is no longer busy.
    this: Weak<Links<M>>,
    me: NodeId,
    boot: u64,
    /// May nodes connect that are not listed?
    accepts_unlisted: bool,
    runtime: Handle,
    peers: Mutex<BTreeMap<NodeId, Arc<Peer>>>,
    node: OnceLock<Weak<Node<M>>>,
    datagrams: OnceLock<Datagrams>,
    /// Those that dial, until the links are closed.
    dialling: Mutex<JoinSet<()>>,
    stopping: watch::Sender<bool>,
    counts: LinkCounts,
}

/// Whom a node has links with.
#[derive(Clone, Debug)]
pub struct Neighbours {
    /// The node's own number.
    pub me: NodeId,
    /// The others, and where those of them listen whom others can dial.
    pub others: Vec<(NodeId, Option<SocketAddr>)>,
    /// May nodes that are not listed dial this one, under numbers of [`UNLISTED`](crate::UNLISTED)?
    pub accepts_unlisted: bool,
}

impl<M: Machine> Links<M>
where
    Message<M>: Codec,
{
    /// Links that are not up yet; what is sent in the meantime waits.
    pub fn new(neighbours: Neighbours, runtime: Handle, metrics: &Metrics) -> Arc<Self> {
        let Neighbours { me, others, accepts_unlisted } = neighbours;
        let listed = |&(id, address): &(NodeId, Option<SocketAddr>)| {
            (id, Arc::new(Peer::listed(id, address.filter(|_| id < me))))
        };
        Arc::new_cyclic(|this| Links {
            this: this.clone(),
            me,
            boot: random().next_u64(),
            accepts_unlisted,
            runtime,
            peers: Mutex::new(others.iter().map(listed).collect()),
            node: OnceLock::new(),
            datagrams: OnceLock::new(),
            dialling: Mutex::default(),
            stopping: watch::Sender::new(false),
            counts: LinkCounts::new(metrics),
        })
    }

    /// Hands what arrives to this node from now on, and dials those of the others who have lower
    /// numbers. Who `listens` takes datagrams at the same port, where that is free.
    pub fn join(self: &Arc<Self>, node: &Arc<Node<M>>, listens: Option<SocketAddr>) {
        // It is set once: a second node would get what the first one's peers sent.
        let _ = self.node.set(Arc::downgrade(node));
        let peers: Vec<_> = self.peers().values().cloned().collect();
        let dialled: Vec<_> =
            peers.iter().filter_map(|peer| Some((peer, peer.dialled_at()?))).collect();
        let towards = || dialled.first().map(|(_, address)| Datagrams::towards(*address));
        if let Some(at) = listens.or_else(towards) {
            self.open_datagrams(at);
        }
        let mut dialling = self.dialling();
        for (peer, _) in dialled {
            dialling.spawn_on(self.clone().dial(peer.clone()), &self.runtime);
        }
    }

    /// This node belongs to the cluster from now on, and listens there. Of the two the one with the higher number
    /// dials. Nothing happens where that is known, and where there are more nodes than connections.
    pub fn meet(&self, id: NodeId, address: SocketAddr) {
        if id == self.me || !MEMBERS.contains(&id.0) {
            return;
        }
        let peer = {
            let mut peers = self.peers();
            if !peers.contains_key(&id) && peers.len() >= MOST_CONNECTIONS / 2 {
                tracing::error!("{id:?} is one node more than this one can be connected with");
                return;
            }
            peers.entry(id).or_insert_with(|| Arc::new(Peer::unlisted(id))).clone()
        };
        peer.list();
        let was_dialled = peer.dialled_at().is_some();
        if id < self.me
            && peer.moves_to(address)
            && !was_dialled
            && let Some(links) = self.this.upgrade()
        {
            // Whoever does not listen, and knew nobody to dial, has no socket for them yet.
            if self.datagrams.get().is_none() {
                links.open_datagrams(Datagrams::towards(address));
            }
            self.dialling().spawn_on(links.dial(peer), &self.runtime);
        }
    }

    /// Takes connections until `stop` ends, sends what waits, and gives what `stop` gave.
    pub async fn accept<T>(
        self: Arc<Self>,
        listener: TcpListener,
        stop: impl Future<Output = T>,
    ) -> T {
        Links::accept_for(&[self], listener, stop).await
    }

    /// As [`Links::accept`], for several nodes at one address: who dials says whom.
    pub async fn accept_for<T>(
        nodes: &[Arc<Self>],
        listener: TcpListener,
        stop: impl Future<Output = T>,
    ) -> T {
        Links::accept_in(nodes, &Places::new(MOST_CONNECTIONS), listener, stop).await
    }

    /// As [`Links::accept_for`], at no more connections than there are places.
    pub async fn accept_in<T>(
        nodes: &[Arc<Self>],
        places: &Places,
        listener: TcpListener,
        stop: impl Future<Output = T>,
    ) -> T {
        let shared: Arc<[Arc<Self>]> = nodes.into();
        let carry = |stream, _, activity: Arc<Activity>| {
            let (nodes, (place, given_away)) = (shared.clone(), oneshot::channel());
            // Not dropped where its place is given away, but told: a link that ends has to be released, and its
            // machine to hear of it.
            let carried = tokio::spawn(async move {
                Links::welcome(&nodes, stream, &activity, given_away).await;
            });
            async move {
                let _place: oneshot::Sender<()> = place;
                let _ = carried.await;
            }
        };
        let (why, open) = accept(listener, places, stop, carry).await;
        for node in nodes {
            node.stopping.send_replace(true);
        }
        let closing = join_all(nodes.iter().map(|node| node.close()));
        tokio::join!(drain(open, FLUSH_DEADLINE * 2), closing);
        why
    }

    /// Sends what waits, and ends all connections.
    pub async fn close(&self) {
        self.stopping.send_replace(true);
        let dialling = std::mem::take(&mut *self.dialling());
        drain(dialling, FLUSH_DEADLINE * 2).await;
    }

    /// Sends a message, or drops it, as its kind of link allows. The machine may be busy meanwhile.
    pub fn send(&self, to: NodeId, message: &Message<M>, link: Link) {
        let lane = match link {
            Link::Datagram => return self.send_datagram(to, message),
            Link::Stream => Lane::Stream,
            Link::Bulk => Lane::Bulk,
        };
        // To one whom nobody knows it is lost, and the machine is told; until it was, so is what follows.
        let unknown = || Arc::new(Peer::unlisted(to));
        let peer = self.peers().entry(to).or_insert_with(unknown).clone();
        let frame = frame(Kind::Message, Message::<M>::LONGEST, |out| message.encode(out));
        let sent = match frame {
            Some(frame) => {
                let weight = weight::<M>(message, frame.len() - HEADER);
                peer.send(frame, weight, lane)
            }
            None => {
                tracing::error!("a message to {to:?} is too long for its protocol");
                peer.break_off("a message to it is too long for its protocol");
                Sent::Broke
            }
        };
        if sent == Sent::Broke {
            self.reset_later(peer);
        }
    }

    /// Tells the machine of a reset, if the pair is broken, and ends when none is on its way to it any more. Whatever
    /// it sends after it knows goes on a new pair. Called while no connections carry the peer.
    async fn reset(&self, peer: &Arc<Peer>) {
        let node = self.node.get().and_then(Weak::upgrade);
        if let Some((node, telling)) = node.zip(peer.begin_telling()) {
            self.counts.resets.one();
            node.input_after(move || telling.now(), Input::LinkReset { peer: peer.id });
        }
        peer.told().await;
    }

    /// As [`Links::reset`], for a machine that is busy, and soon enough for a pair that nobody carries. The
    /// one who carries it tells of it at once, and then there is nothing left to tell.
    fn reset_later(&self, peer: Arc<Peer>) {
        let Some(links) = self.this.upgrade() else { return };
        self.runtime.spawn(async move {
            sleep(RESET_DELAY).await;
            if !peer.is_up() && peer.is_broken() {
                links.reset(&peer).await;
            }
            links.forget(&peer);
        });
    }

    /// Keeps nothing of one that is on no list and has gone.
    fn forget(&self, peer: &Arc<Peer>) {
        let mut peers = self.peers();
        let is_it = peers.get(&peer.id).is_some_and(|known| Arc::ptr_eq(known, peer));
        if is_it && !peer.is_listed() && peer.is_unused() {
            peers.remove(&peer.id);
        }
    }

    /// Ends when the links are to end.
    async fn stopped(&self) {
        let mut stopping = self.stopping.subscribe();
        // The sender is in `self`, so it outlives the wait.
        let _ = stopping.wait_for(|stop| *stop).await;
    }

    fn peer(&self, id: NodeId) -> Option<Arc<Peer>> {
        self.peers().get(&id).cloned()
    }

    fn dialling(&self) -> MutexGuard<'_, JoinSet<()>> {
        // A set is whole between any two calls on it.
        self.dialling.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn peers(&self) -> MutexGuard<'_, BTreeMap<NodeId, Arc<Peer>>> {
        // A map is whole between any two calls on it.
        self.peers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a message counts for that has so many bytes, at both ends. A protocol that gives it less than its bytes is
/// not believed: memory is bounded by this.
fn weight<M: Machine>(message: &Message<M>, bytes: usize) -> u32 {
    M::Protocol::weight(message).max(u32::try_from(bytes).unwrap_or(u32::MAX)).max(LIGHTEST)
}

#[derive(Debug)]
struct LinkCounts {
    up: Count,
    sent: Count,
    received: Count,
    dropped: Count,
    refused_datagrams: Count,
    resets: Count,
    refused: Count,
}

impl LinkCounts {
    fn new(metrics: &Metrics) -> LinkCounts {
        let count = |name, help| metrics.counter(name, help);
        LinkCounts {
            up: metrics.gauge("host_links_up", "Peers that are connected."),
            sent: count("host_link_batches_sent_total", "Batches of messages written to peers."),
            received: count("host_link_messages_received_total", "Messages that peers sent."),
            dropped: count(
                "host_link_datagrams_dropped_total",
                "Datagrams that could not be sent, or were too many for the machine that they came to.",
            ),
            refused_datagrams: count(
                "host_link_datagrams_refused_total",
                "Datagrams that were from no process that is connected.",
            ),
            resets: count("host_link_resets_total", "Pairs that broke after they were used."),
            refused: count("host_link_greetings_refused_total", "Connections turned away."),
        }
    }
}
