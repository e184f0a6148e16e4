//! A peer that speaks in bytes, for better or worse.

#![expect(clippy::disallowed_types, reason = "the test is the peer")]

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use host::UNLISTED;
use tokio::net::TcpSocket;

use crate::wait::within;

/// A peer that speaks in bytes.
pub(crate) struct Raw(pub(crate) TcpStream);

pub(crate) const MESSAGE: u8 = 0;
pub(crate) const CREDIT: u8 = 1;
pub(crate) const BEAT: u8 = 2;
pub(crate) const STREAM: u8 = 0;
pub(crate) const BULK: u8 = 1;
/// The pair of all these connections.
pub(crate) const PAIR: u64 = 77;

/// The number of one who is on no list.
pub(crate) const fn n(number: u32) -> u32 {
    UNLISTED.start + number
}

pub(crate) fn framed(body: &[u8]) -> Vec<u8> {
    framed_as(MESSAGE, body)
}

pub(crate) fn framed_as(kind: u8, body: &[u8]) -> Vec<u8> {
    [&(body.len() as u32).to_le_bytes()[..], &[kind], body].concat()
}

/// Of a stream, by one who takes no datagrams.
pub(crate) fn hello(protocol: &str, version: u32, from: u32, to: u32, boot: u64) -> Vec<u8> {
    hello_on(STREAM, PAIR, 0, (protocol, version, from, to, boot))
}

pub(crate) fn hello_on(
    lane: u8,
    pair: u64,
    datagrams: u16,
    (protocol, version, from, to, boot): (&str, u32, u32, u32, u64),
) -> Vec<u8> {
    let mut body = b"infralab\x02\0".to_vec();
    body.push(protocol.len() as u8);
    body.extend_from_slice(protocol.as_bytes());
    for number in [version, from, to] {
        body.extend_from_slice(&number.to_le_bytes());
    }
    body.extend_from_slice(&boot.to_le_bytes());
    body.push(lane);
    body.extend_from_slice(&pair.to_le_bytes());
    body.extend_from_slice(&datagrams.to_le_bytes());
    framed(&body)
}

pub(crate) fn credit(lane: u8, pair: u64) -> Vec<u8> {
    framed_as(CREDIT, &[&[lane][..], &pair.to_le_bytes()].concat())
}

pub(crate) fn give(bytes: u32) -> Vec<u8> {
    framed(&[&b"g"[..], &bytes.to_le_bytes()].concat())
}

pub(crate) fn number(number: u64) -> Vec<u8> {
    framed(&[&b"n"[..], &number.to_le_bytes()].concat())
}

impl Raw {
    pub(crate) fn dial(address: SocketAddr) -> Raw {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        stream.set_write_timeout(Some(Duration::from_secs(60))).unwrap();
        Raw(stream)
    }

    /// From another address of this computer.
    pub(crate) fn dial_from(from: [u8; 4], address: SocketAddr) -> Raw {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
        let stream = runtime.block_on(async {
            let socket = TcpSocket::new_v4().unwrap();
            socket.bind((from, 0).into()).unwrap();
            socket.connect(address).await.unwrap().into_std().unwrap()
        });
        stream.set_nonblocking(false).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        Raw(stream)
    }

    /// Ends the connection as a process does that is killed with something unread.
    pub(crate) fn abort(self) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
        runtime.block_on(async {
            self.0.set_nonblocking(true).unwrap();
            tokio::net::TcpStream::from_std(self.0).unwrap().set_zero_linger().unwrap();
        });
    }

    /// One that has been welcomed.
    pub(crate) fn greeted(address: SocketAddr, from: u32, boot: u64) -> Raw {
        Raw::welcomed(address, &hello("talk", 3, from, 1, boot)).0
    }

    /// The bulk lane beside it.
    pub(crate) fn beside(address: SocketAddr, from: u32, boot: u64) -> Raw {
        Raw::welcomed(address, &hello_on(BULK, PAIR, 0, ("talk", 3, from, 1, boot))).0
    }

    /// With what the other end said.
    pub(crate) fn welcomed(address: SocketAddr, hello: &[u8]) -> (Raw, Vec<u8>) {
        let mut raw = Raw::dial(address);
        raw.write(hello);
        let welcome = raw.frame().1;
        assert_eq!(welcome[9], 0, "{:?}", String::from_utf8_lossy(&welcome));
        (raw, welcome)
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) {
        // The other end may have had enough.
        let _ = self.0.write_all(bytes);
    }

    /// The kind of what comes next, and its bytes.
    pub(crate) fn frame(&mut self) -> (u8, Vec<u8>) {
        let (mut length, mut kind) = ([0; 4], [0]);
        self.0.read_exact(&mut length).unwrap();
        self.0.read_exact(&mut kind).unwrap();
        let mut body = vec![0; u32::from_le_bytes(length) as usize];
        self.0.read_exact(&mut body).unwrap();
        (kind[0], body)
    }

    /// The sentence with which it is sent away.
    pub(crate) fn refusal(&mut self) -> String {
        let (_, frame) = self.frame();
        assert_eq!(frame[9], 1);
        String::from_utf8(frame[11..].to_vec()).unwrap()
    }

    /// Reads until the other end closes. It may say for ever that it is there.
    pub(crate) fn read_to_the_end(&mut self) -> usize {
        let mut stream = self.0.try_clone().unwrap();
        within("the other end closes the connection", move || {
            let mut sink = Vec::new();
            match stream.read_to_end(&mut sink) {
                Ok(_) => sink.len(),
                Err(error) if error.kind() == ErrorKind::ConnectionReset => sink.len(),
                Err(error) => panic!("it was not closed: {error}"),
            }
        })
    }
}
