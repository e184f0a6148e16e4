//! How connections are made: dialled, and dialled again; or accepted, from listed nodes and, where that is
//! allowed, from others.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use machine::{Machine, NodeId};
use rand::Rng;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

use super::frame::Frames;
use super::handshake::{self, Hello};
use super::peer::Peer;
use super::{Links, Message};
use crate::codec::Codec;
use crate::node::random;

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
    /// Dials this peer for as long as the server lives.
    pub(super) async fn dial(self: Arc<Self>, peer: Arc<Peer>, address: SocketAddr) {
        tokio::select! {
            () = self.stopped() => {}
            () = self.dial_on(&peer, address) => {}
        }
    }

    async fn dial_on(self: &Arc<Self>, peer: &Arc<Peer>, address: SocketAddr) {
        let (mut pause, mut random, mut complained) = (FIRST_PAUSE, random(), false);
        loop {
            match self.call(peer, address).await {
                Ok((frames, claim)) => {
                    complained = false;
                    let (began, _carried) = (Instant::now(), peer.carried.lock().await);
                    self.carry(peer, frames, claim).await;
                    if began.elapsed() > LONGEST_PAUSE {
                        pause = FIRST_PAUSE;
                    }
                }
                Err(why) => {
                    // Said once, not once a second.
                    if !std::mem::replace(&mut complained, true) {
                        tracing::warn!("{:?} at {address} cannot be reached: {why}", peer.id);
                    }
                    if peer.has_lost() {
                        self.tell(peer.id);
                    }
                }
            }
            sleep(pause * (random.next_u32() % 100) / 100).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn call(
        &self,
        peer: &Peer,
        address: SocketAddr,
    ) -> Result<(Frames<TcpStream>, u64), String> {
        let stream = timeout(CONNECT_TIMEOUT, TcpStream::connect(address)).await;
        let mut stream = stream
            .map_err(|_| "it does not answer".to_owned())?
            .map_err(|error| error.to_string())?;
        let _ = stream.set_nodelay(true);
        let ours = self.hello(peer.id);
        handshake::say(&mut stream, &ours).await?;
        let mut frames = Frames::new(stream, handshake::LONGEST);
        let theirs = handshake::hear(&mut frames).await?;
        self.check(&theirs)?;
        if theirs.from != peer.id {
            return Err(format!("it is {:?}", theirs.from));
        }
        let claim = peer.claim(theirs.boot).ok_or("two processes answer under its number")?;
        Ok((frames, claim))
    }

    /// Somebody dialled. Is told when it is one whom we talk with.
    pub(super) async fn welcome(self: &Arc<Self>, stream: TcpStream, admitted_now: impl FnOnce()) {
        let mut frames = Frames::new(stream, handshake::LONGEST);
        let admitted = match handshake::hear(&mut frames).await {
            Ok(theirs) => self.admit(&theirs),
            Err(why) => Err(why),
        };
        let (peer, claim) = match admitted {
            Ok(admitted) => admitted,
            Err(why) => {
                self.counts.refused.one();
                tracing::debug!("a connection was refused: {why}");
                return handshake::refuse(frames.reader_mut(), &why).await;
            }
        };
        admitted_now();
        let carried = peer.carried.lock().await;
        let ours = self.hello(peer.id);
        match handshake::say(frames.reader_mut(), &ours).await {
            Ok(()) => self.carry(&peer, frames, claim).await,
            Err(_) => peer.release(claim),
        }
        drop(carried);
        let mut peers = self.peers();
        if !peer.listed && !peer.is_up() {
            peers.remove(&peer.id);
        }
    }

    fn admit(&self, theirs: &Hello) -> Result<(Arc<Peer>, u64), String> {
        self.check(theirs)?;
        let id = theirs.from;
        if id <= self.me {
            return Err(format!("{id:?} has to be dialled by {:?}, not the reverse", self.me));
        }
        let mut peers = self.peers();
        let peer = match peers.get(&id) {
            Some(peer) => peer.clone(),
            None if self.accepts_unlisted => Arc::new(Peer::unlisted(id)),
            None => return Err(format!("{id:?} is not a node of this cluster")),
        };
        let claim = peer.claim(theirs.boot);
        let claim = claim.ok_or_else(|| format!("another process is connected as {id:?}"))?;
        peers.insert(id, peer.clone());
        Ok((peer, claim))
    }

    fn hello(&self, to: NodeId) -> Hello {
        let protocol = Message::<M>::PROTOCOL.to_owned();
        let version = Message::<M>::VERSION;
        Hello { protocol, version, from: self.me, to, boot: self.boot }
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
