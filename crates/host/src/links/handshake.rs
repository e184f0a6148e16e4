//! How two ends of a connection come to know each other.
//!
//! Who dials says who they are and whom they take the other for; who is dialled says the same, or
//! why not. Both must speak the same version of the same protocol.
//!
//! ```text
//! "infralab" 2                          the first nine bytes, of every handshake
//! 0  protocol  version  from  to  boot  who I am,
//!    lane  pair  datagrams              and what this connection is for
//! 1  sentence                           why we shall not talk
//! ```
//!
//! Who dials draws the number of the pair, and says the same on both of its connections, the stream first.

use std::time::Duration;

use bytes::{BufMut, BytesMut};
use machine::NodeId;
use machine::codec::{Malformed, Reader};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::frame::{Frames, Kind, frame};
use super::lane::Lane;

const MAGIC: &[u8; 9] = b"infralab\x02";
/// No handshake is longer.
pub(super) const LONGEST: usize = 512;
/// For either to say it.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(2);

/// Who somebody is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hello {
    /// What they speak.
    pub(super) protocol: String,
    pub(super) version: u32,
    pub(super) from: NodeId,
    /// Whom they take the other for.
    pub(super) to: NodeId,
    /// Drawn when the process began: two processes with one number are told apart by it.
    pub(super) boot: u64,
    /// Which lane this connection is.
    pub(super) lane: Lane,
    /// Of which pair of connections.
    pub(super) pair: u64,
    /// At which port they take datagrams; 0 where they take none.
    pub(super) datagrams: u16,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Handshake {
    Hello(Hello),
    Refused(String),
}

/// Says it.
pub(super) async fn say(stream: &mut TcpStream, hello: &Hello) -> Result<(), String> {
    send(stream, &Handshake::Hello(hello.clone())).await
}

/// Says why not. Whether that is heard is the other's concern.
pub(super) async fn refuse(stream: &mut TcpStream, why: &str) {
    let _ = send(stream, &Handshake::Refused(why.to_owned())).await;
}

/// Hears who the other is.
pub(super) async fn hear(frames: &mut Frames<TcpStream>) -> Result<Hello, String> {
    let heard = timeout(HANDSHAKE_TIMEOUT, frames.next()).await;
    let heard = heard.map_err(|_| "it did not say in time who it is".to_owned())?;
    let (_, body) = heard.map_err(|error| error.to_string())?;
    match decode(&body) {
        Ok(Handshake::Hello(hello)) => Ok(hello),
        Ok(Handshake::Refused(why)) => Err(format!("it refused: {why}")),
        Err(_) => Err("what it speaks is not the protocol of these links".to_owned()),
    }
}

async fn send(stream: &mut TcpStream, handshake: &Handshake) -> Result<(), String> {
    let bytes = frame(Kind::Message, LONGEST, |out| encode(handshake, out));
    let bytes = bytes.ok_or("the greeting is too long")?.joined();
    let said = timeout(HANDSHAKE_TIMEOUT, stream.write_all(&bytes)).await;
    let said = said.map_err(|_| "it did not listen in time".to_owned())?;
    said.map_err(|error| error.to_string())
}

fn encode(handshake: &Handshake, out: &mut BytesMut) {
    out.put_slice(MAGIC);
    match handshake {
        Handshake::Hello(Hello { protocol, version, from, to, boot, lane, pair, datagrams }) => {
            out.put_u8(0);
            text(protocol, out);
            out.put_u32_le(*version);
            out.put_u32_le(from.0);
            out.put_u32_le(to.0);
            out.put_u64_le(*boot);
            out.put_u8(*lane as u8);
            out.put_u64_le(*pair);
            out.put_u16_le(*datagrams);
        }
        Handshake::Refused(why) => {
            out.put_u8(1);
            text(why, out);
        }
    }
}

/// The first 255 bytes of a text, or a little less where a letter would be cut.
fn text(text: &str, out: &mut BytesMut) {
    let end = text.floor_char_boundary(255);
    out.put_u8(end as u8);
    out.put_slice(&text.as_bytes()[..end]);
}

fn decode(bytes: &[u8]) -> Result<Handshake, Malformed> {
    let rest = bytes.strip_prefix(MAGIC).ok_or(Malformed("it is no handshake"))?;
    Reader::whole(rest, |reader| {
        let (kind, length) = (reader.take_below(2)?, reader.take_u8()?);
        let text = reader.take_text(length.into())?;
        if kind == 1 {
            // It may be shown on a terminal.
            return Ok(Handshake::Refused(text.chars().filter(|c| !c.is_control()).collect()));
        }
        Ok(Handshake::Hello(Hello {
            protocol: text.to_owned(),
            version: reader.take_u32()?,
            from: NodeId(reader.take_u32()?),
            to: NodeId(reader.take_u32()?),
            boot: reader.take_u64()?,
            lane: Lane::ALL[usize::from(reader.take_below(2)?)],
            pair: reader.take_u64()?,
            datagrams: reader.take_u16()?,
        }))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use machine::codec::assert_delimited;
    use proptest::prelude::*;

    fn hello() -> Hello {
        let (from, to) = (NodeId(7), NodeId(0));
        let (protocol, lane) = ("snowflake".to_owned(), Lane::Bulk);
        Hello { protocol, version: 1, from, to, boot: 9, lane, pair: 3, datagrams: 7410 }
    }

    fn bytes(handshake: &Handshake) -> Bytes {
        let mut out = BytesMut::new();
        encode(handshake, &mut out);
        out.freeze()
    }

    #[test]
    fn a_handshake_is_these_bytes() {
        let hello = bytes(&Handshake::Hello(hello()));
        let who = b"\x01\0\0\0\x07\0\0\0\0\0\0\0\x09\0\0\0\0\0\0\0";
        let what = b"\x01\x03\0\0\0\0\0\0\0\xF2\x1C";
        assert_eq!(&hello[..], [&b"infralab\x02\0\x09snowflake"[..], who, what].concat());
    }

    #[test]
    fn long_sentences_are_cut_and_fit() {
        let long = "ä".repeat(400);
        let Ok(Handshake::Refused(why)) = decode(&bytes(&Handshake::Refused(long))) else {
            panic!()
        };
        assert_eq!(why, "ä".repeat(127));
    }

    proptest! {
        #[test]
        fn what_is_said_is_heard(
            protocol in "[a-z]{0,20}", version: u32, from: u32, to: u32, boot: u64,
            lane in prop::sample::select(&Lane::ALL[..]), pair: u64, datagrams: u16,
        ) {
            let (from, to) = (NodeId(from), NodeId(to));
            let hello = Hello { protocol, version, from, to, boot, lane, pair, datagrams };
            let said = Handshake::Hello(hello);
            assert_delimited(&said, bytes, |bytes| decode(&bytes));
        }

        #[test]
        fn noise_is_no_handshake(noise in prop::collection::vec(any::<u8>(), 0..600)) {
            prop_assert!(decode(&noise).is_err());
        }
    }
}
