//! Messages on links between processes.

use bytes::Bytes;
use host::{Codec, Encoder, Malformed};

use crate::{Message, get_message, put_message};

impl Codec for Message {
    const PROTOCOL: &'static str = "url-shortener";
    const VERSION: u32 = 1;
    const LONGEST: usize = machine::LONGEST as usize;

    fn encode(&self, out: &mut Encoder) {
        put_message(self, out);
    }

    fn decode(bytes: Bytes) -> Result<Message, Malformed> {
        get_message(bytes)
    }
}
