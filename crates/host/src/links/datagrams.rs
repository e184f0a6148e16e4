//! Datagrams: one UDP socket a node, on the port number of its TCP listener where it has one.
//!
//! The law: a datagram is taken only from a process that is connected, under the number that only it and we were
//! told when we were introduced; what is from before a restart of either end, or from nobody, is dropped and
//! counted. Sending waits for nothing.
//!
//! ```text
//! protocol (a hash) u32, version u32, sender u32, boot of the sender u64, boot of the receiver u64, message
//! ```

#![expect(clippy::disallowed_types, reason = "this is where the sockets of datagrams come from")]

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::{BufMut, Bytes};
use machine::codec::{Encoder, Reader};
use machine::{DATAGRAM, Machine, NodeId};
use tokio::net::UdpSocket;
use tokio::time::sleep;

use super::{Links, Message, weight};
use crate::codec::Codec;

const HEADER: usize = 3 * 4 + 2 * 8;
/// The longest, header included, in bytes. With those of UDP and IPv6 they are 1,280: no path may carry less.
const LONGEST: usize = HEADER + DATAGRAM as usize;

/// The socket of a node.
#[derive(Debug)]
pub(super) struct Datagrams {
    socket: UdpSocket,
    pub(super) port: u16,
}

impl Datagrams {
    /// A socket at this address, or one with another port of it, which the peers are told when they are
    /// introduced. Called where there is a runtime.
    pub(super) fn bind(at: SocketAddr) -> io::Result<Datagrams> {
        let socket = std::net::UdpSocket::bind(at).or_else(|error| {
            tracing::warn!("datagrams cannot be taken at {at} ({error}), but at a free port");
            std::net::UdpSocket::bind((at.ip(), 0))
        })?;
        socket.set_nonblocking(true)?;
        let socket = UdpSocket::from_std(socket)?;
        let port = socket.local_addr()?.port();
        Ok(Datagrams { socket, port })
    }

    /// Where one who only dials this address can be answered.
    pub(super) fn towards(dialled: SocketAddr) -> SocketAddr {
        let ip: IpAddr = match dialled.ip() {
            ip if ip.is_loopback() => ip,
            IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        (ip, 0).into()
    }
}

impl<M: Machine> Links<M>
where
    Message<M>: Codec,
{
    /// Takes and sends datagrams at this address from now on, if the system lets it. Who dials from here on says so.
    pub(super) fn open_datagrams(self: &Arc<Self>, at: SocketAddr) {
        let _runtime = self.runtime.enter();
        match Datagrams::bind(at) {
            Ok(ours) => {
                if self.datagrams.set(ours).is_ok() {
                    self.runtime.spawn(self.clone().take_datagrams());
                }
            }
            Err(error) => tracing::warn!("there are no datagrams: {error}"),
        }
    }

    /// Sends a datagram, or drops it: where the peer is not connected, and where the system has no room.
    pub(super) fn send_datagram(&self, to: NodeId, message: &Message<M>) {
        let mut out = Encoder::default();
        message.encode(&mut out);
        let body = out.finish();
        let weight = weight::<M>(message, body.len());
        if weight > DATAGRAM {
            self.counts.dropped.one();
            tracing::error!(
                "a datagram of {weight} bytes to {to:?} was not sent: {DATAGRAM} are the most, and what is more \
                 goes on a stream"
            );
            return;
        }
        let peer = self.peer(to).and_then(|peer| peer.datagrams());
        let sent = self.datagrams.get().zip(peer).is_some_and(|(ours, (address, boot))| {
            let mut bytes = Vec::with_capacity(LONGEST);
            bytes.put_u32_le(protocol::<M>());
            bytes.put_u32_le(Message::<M>::VERSION);
            bytes.put_u32_le(self.me.0);
            bytes.put_u64_le(self.boot);
            bytes.put_u64_le(boot);
            body.into_iter().for_each(|slice| bytes.put(slice));
            ours.socket.try_send_to(&bytes, address).is_ok()
        });
        if !sent {
            self.counts.dropped.one();
        }
    }

    /// Hands the machine the datagrams that come, for as long as the server lives.
    pub(super) async fn take_datagrams(self: Arc<Self>) {
        let Some(ours) = self.datagrams.get() else { return };
        // One byte more, by which one that is too long shows.
        let mut buffer = [0; LONGEST + 1];
        loop {
            let came = tokio::select! {
                () = self.stopped() => return,
                came = ours.socket.recv_from(&mut buffer) => came,
            };
            match came {
                Ok((length, from)) => match self.open(&buffer[..length]) {
                    Some((from, message)) => {
                        let Some(node) = self.node.get().and_then(Weak::upgrade) else { return };
                        if !node.datagram(from, message) {
                            self.counts.dropped.one();
                        }
                    }
                    None => {
                        self.counts.refused_datagrams.one();
                        tracing::debug!("a datagram of {length} bytes from {from} was dropped");
                    }
                },
                Err(error) => {
                    tracing::debug!("a datagram could not be taken: {error}");
                    sleep(Duration::from_millis(20)).await;
                }
            }
        }
    }

    /// What a datagram says, and who says it; none where it is not from a process that is connected.
    fn open(&self, datagram: &[u8]) -> Option<(NodeId, Message<M>)> {
        let mut reader = Reader::new(datagram);
        let speaks = (reader.take_u32().ok()?, reader.take_u32().ok()?);
        let from = NodeId(reader.take_u32().ok()?);
        let [theirs, ours] = reader.take_u64s().ok()?;
        let is_known = speaks == (protocol::<M>(), Message::<M>::VERSION)
            && ours == self.boot
            && self.peer(from).is_some_and(|peer| peer.is_boot(theirs));
        if !is_known || datagram.len() > LONGEST {
            return None;
        }
        let message = Message::<M>::decode(Bytes::copy_from_slice(reader.rest())).ok()?;
        Some((from, message))
    }
}

/// The name of a protocol in four bytes (FNV-1a).
fn protocol<M: Machine>() -> u32
where
    Message<M>: Codec,
{
    let mix = |hash: u32, byte: u8| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    Message::<M>::PROTOCOL.bytes().fold(0x811c_9dc5, mix)
}
