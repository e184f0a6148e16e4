//! The bytes of what replicas say to each other: those of an envelope.
//!
//! A client's front end stands beside its replica, so that requests and answers never travel on links;
//! they have the bytes of a message that says nothing.

use bytes::Bytes;
use host::{Codec, Encoder, Malformed};
use raft::Envelope;

use crate::message::Message;

impl Codec for Message {
    const PROTOCOL: &'static str = "raft";
    const VERSION: u32 = 4;
    const LONGEST: usize = Envelope::LONGEST;

    fn encode(&self, out: &mut Encoder) {
        if let Message::Raft(envelope) = self {
            envelope.encode(out);
        }
    }

    fn decode(bytes: Bytes) -> Result<Message, Malformed> {
        Envelope::decode(bytes).map(Message::Raft)
    }
}
