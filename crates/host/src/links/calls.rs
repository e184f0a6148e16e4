//! How connections are made: dialled, and dialled again; or accepted, from listed nodes and, where that is
//! allowed, from others.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use doors::Activity;
use machine::{Machine, NodeId};
use rand::Rng;
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, timeout};

use super::frame::Frames;
use super::handshake::{self, Hello};
use super::lane::Lane;
use super::peer::{BulkConnection, Claim, Peer};
use super::{Links, Message};
use crate::codec::Codec;
use crate::node::random;
use crate::numbers::UNLISTED;

/// For a connection to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// The first pause before dialling again; it doubles up to the longest. Jitter takes up to all of it
/// away, so that those who lost a peer together do not come back together.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

impl<M: Machine> Links<M>
where
    Message<M>: Codec,
{
    /// Dials this peer, wherever it is, until the links are closed; then what waits for it is sent.
    pub(super) async fn dial(self: Arc<Self>, peer: Arc<Peer>) {
        let (mut pause, mut random, mut complained) = (FIRST_PAUSE, random(), false);
        while let Some(address) = peer.dialled_at() {
            let called = tokio::select! {
                () = self.stopped() => return,
                called = self.call(&peer, address) => called,
            };
            match called {
                Ok((stream, claim, boot)) => {
                    complained = false;
                    let (began, _carried) = (Instant::now(), peer.carried.lock().await);
                    let bulk = self.clone().call_beside(peer.id, address, claim, boot);
                    self.carry(&peer, claim, stream, bulk, std::future::pending::<()>()).await;
                    if began.elapsed() > LONGEST_PAUSE {
                        pause = FIRST_PAUSE;
                    }
                }
                Err(why) => {
                    // Said once, not once a second.
                    if !std::mem::replace(&mut complained, true) {
                        tracing::warn!("{:?} at {address} cannot be reached: {why}", peer.id);
                    }
                    peer.give_up();
                    self.reset(&peer).await;
                }
            }
            tokio::select! {
                () = self.stopped() => return,
                () = sleep(pause * (random.next_u32() % 100) / 100) => {}
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Dials a stream: with it comes the boot of the process that answered.
    async fn call(
        &self,
        peer: &Peer,
        address: SocketAddr,
    ) -> Result<(Frames<TcpStream>, Claim, u64), String> {
        let ours = self.hello(peer.id, Lane::Stream, random().next_u64());
        let (stream, theirs) = self.introduce(address, &ours).await?;
        let datagrams = takes_datagrams(address, &theirs);
        // The number is of who dialled.
        let theirs = Hello { pair: ours.pair, ..theirs };
        let (claim, _) =
            peer.claim(&theirs, datagrams, None).ok_or("two processes answer under its number")?;
        Ok((stream, claim, theirs.boot))
    }

    /// Dials the bulk lane of a pair, at the same process.
    async fn call_beside(
        self: Arc<Self>,
        id: NodeId,
        address: SocketAddr,
        claim: Claim,
        boot: u64,
    ) -> Result<BulkConnection, String> {
        let ours = self.hello(id, Lane::Bulk, claim.pair);
        let (bulk, theirs) = self.introduce(address, &ours).await?;
        if theirs.boot != boot {
            return Err("another process answers under its number".to_owned());
        }
        // Nobody waits for its end but this one.
        Ok((bulk, None))
    }

    async fn introduce(
        &self,
        address: SocketAddr,
        ours: &Hello,
    ) -> Result<(Frames<TcpStream>, Hello), String> {
        let stream = timeout(CONNECT_TIMEOUT, TcpStream::connect(address)).await;
        let mut stream = stream
            .map_err(|_| "it does not answer".to_owned())?
            .map_err(|error| error.to_string())?;
        let _ = stream.set_nodelay(true);
        handshake::say(&mut stream, ours).await?;
        let mut frames = Frames::new(stream, handshake::LONGEST);
        let theirs = handshake::hear(&mut frames).await?;
        self.check(&theirs)?;
        if theirs.from != ours.to {
            return Err(format!("it is {:?}", theirs.from));
        }
        Ok((frames, theirs))
    }

    /// Somebody dialled one of these nodes. One whom that one talks with is at work for as long as the link lives, and
    /// silent since either said something. Ends when the connection does, which it has to where its place is given
    /// away.
    pub(super) async fn welcome(
        nodes: &[Arc<Self>],
        stream: TcpStream,
        activity: &Arc<Activity>,
        given_away: oneshot::Receiver<()>,
    ) {
        let mut frames = Frames::new(stream, handshake::LONGEST);
        let heard = handshake::hear(&mut frames).await;
        let asked_for = |node: &&Arc<Self>| heard.as_ref().is_ok_and(|theirs| theirs.to == node.me);
        // One who asks for none of them is turned away in the name of the first.
        let Some(node) = nodes.iter().find(asked_for).or(nodes.first()) else { return };
        let why = match heard {
            Ok(theirs) => match (node.check(&theirs), theirs.lane) {
                (Err(why), _) => why,
                (Ok(()), Lane::Stream) => match node.admit(&frames, &theirs, activity) {
                    Ok((peer, claim, bulk)) => {
                        activity.begin();
                        return node.host(&peer, claim, (frames, bulk), given_away).await;
                    }
                    Err(why) => why,
                },
                (Ok(()), Lane::Bulk) => {
                    match node
                        .peer(theirs.from)
                        .and_then(|peer| peer.join(&theirs, Some(activity.clone())))
                    {
                        Some(stream) => {
                            activity.begin();
                            return node.host_beside(&theirs, frames, stream, given_away).await;
                        }
                        None => "there is no stream that it belongs to".to_owned(),
                    }
                }
            },
            Err(why) => why,
        };
        node.counts.refused.one();
        tracing::debug!("a connection was refused: {why}");
        handshake::refuse(frames.reader_mut(), &why).await;
    }

    /// Carries one who dialled.
    async fn host(
        self: &Arc<Self>,
        peer: &Arc<Peer>,
        claim: Claim,
        (mut stream, bulk): (Frames<TcpStream>, oneshot::Receiver<BulkConnection>),
        given_away: oneshot::Receiver<()>,
    ) {
        let carried = peer.carried.lock().await;
        let ours = self.hello(peer.id, Lane::Stream, claim.pair);
        match handshake::say(stream.reader_mut(), &ours).await {
            Ok(()) => {
                // It comes, or is claimed by a later pair; then this one is over.
                let bulk = async { bulk.await.map_err(|_| "it was dialled anew".to_owned()) };
                self.carry(peer, claim, stream, bulk, given_away).await;
            }
            // What the machine has sent since the claim is lost too.
            Err(_) => self.lose(peer, claim).await,
        }
        drop(carried);
        self.forget(peer);
    }

    /// Gives the bulk lane to who carries the stream beside it, and waits for its end, or until its place is given
    /// away, which is the end of the pair.
    async fn host_beside(
        &self,
        theirs: &Hello,
        mut frames: Frames<TcpStream>,
        stream: oneshot::Sender<BulkConnection>,
        given_away: oneshot::Receiver<()>,
    ) {
        let ours = self.hello(theirs.from, Lane::Bulk, theirs.pair);
        if handshake::say(frames.reader_mut(), &ours).await.is_ok() {
            let (open, ended) = oneshot::channel();
            // Where the stream is over, so is this.
            let _ = stream.send((frames, Some(open)));
            tokio::select! {
                _ = ended => {}
                _ = given_away => {}
            }
        }
    }

    fn admit(
        &self,
        stream: &Frames<TcpStream>,
        theirs: &Hello,
        activity: &Arc<Activity>,
    ) -> Result<Admitted, String> {
        let id = theirs.from;
        if id <= self.me {
            return Err(format!("{id:?} has to be dialled by {:?}, not the reverse", self.me));
        }
        let mut peers = self.peers();
        let known = peers.get(&id).filter(|peer| peer.is_listed() || self.accepts(id)).cloned();
        let unlisted = || self.accepts(id).then(|| Arc::new(Peer::unlisted(id)));
        let peer = known
            .or_else(unlisted)
            .ok_or_else(|| format!("{id:?} is not a node of this cluster"))?;
        let address = stream.reader().peer_addr().map_err(|error| error.to_string())?;
        let claim = peer.claim(theirs, takes_datagrams(address, theirs), Some(activity.clone()));
        let (claim, bulk) =
            claim.ok_or_else(|| format!("another process is connected as {id:?}"))?;
        peers.insert(id, peer.clone());
        Ok((peer, claim, bulk))
    }

    /// May this one dial though it is on no list?
    fn accepts(&self, id: NodeId) -> bool {
        self.accepts_unlisted && UNLISTED.contains(&id.0)
    }

    fn hello(&self, to: NodeId, lane: Lane, pair: u64) -> Hello {
        let protocol = Message::<M>::PROTOCOL.to_owned();
        let version = Message::<M>::VERSION;
        let datagrams = self.datagrams.get().map_or(0, |ours| ours.port);
        Hello { protocol, version, from: self.me, to, boot: self.boot, lane, pair, datagrams }
    }

    fn check(&self, theirs: &Hello) -> Result<(), String> {
        let Hello { protocol, version, to, .. } = theirs;
        let (ours, our_version) = (Message::<M>::PROTOCOL, Message::<M>::VERSION);
        if (protocol.as_str(), *version) != (ours, our_version) {
            let protocol = protocol.escape_debug();
            return Err(format!("{ours} {our_version} and {protocol} {version} do not talk"));
        }
        if *to != self.me {
            return Err(format!("this is {:?}, and {to:?} was asked for", self.me));
        }
        Ok(())
    }
}

/// A peer that was let in, and what brings its bulk lane.
type Admitted = (Arc<Peer>, Claim, oneshot::Receiver<BulkConnection>);

/// Where one at the other end of this connection takes datagrams.
fn takes_datagrams(connection: SocketAddr, theirs: &Hello) -> Option<SocketAddr> {
    (theirs.datagrams > 0).then(|| (connection.ip(), theirs.datagrams).into())
}
