//! A client: writes and reads keys that no other client touches, so that it knows what must be there.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use machine::{Field, Input, Inspection, Machine, NodeId, Now, Outputs};

use crate::message::{Keeping, Message, Note, Order, ReadValue, Rotten, Timer};

/// The node that keeps the store.
pub(crate) const KEEPER: NodeId = NodeId(0);
/// A client gives a request up after this time.
const PATIENCE: Duration = Duration::from_millis(500);

/// Does what the plan tells it, once.
#[derive(Clone, Debug)]
pub struct Client {
    id: NodeId,
    tokens: u64,
    open: BTreeMap<u64, Order>,
}

impl Client {
    /// The client on this node.
    pub fn new(id: NodeId) -> Client {
        Client { id, tokens: 0, open: BTreeMap::new() }
    }

    fn key(&self, key: u8) -> Bytes {
        format!("{}-{key}", self.id.0).into()
    }

    fn begin(&mut self, order: Order, out: &mut Outputs<Keeping>) {
        self.tokens += 1;
        let token = u64::from(self.id.0) << 32 | self.tokens;
        self.open.insert(token, order);
        out.note(Note::Asked { token, order });
        let (keys, length) = match order {
            Order::Put(keys, length) => (keys, Some(length)),
            Order::Remove(keys) => (keys, None),
            Order::Read(keys) => {
                let keys = keys.each().map(|key| self.key(key)).collect();
                out.send(KEEPER, Message::Get { token, keys });
                return out.set_timer(Timer::Patience(token), PATIENCE);
            }
        };
        let change = |key| (self.key(key), length.map(|length| value(token, key, length)));
        out.send(KEEPER, Message::Commit { token, batch: keys.each().map(change).collect() });
        out.set_timer(Timer::Patience(token), PATIENCE);
    }

    fn end(&mut self, token: u64, note: Note, out: &mut Outputs<Keeping>) {
        if self.open.remove(&token).is_some() {
            out.cancel_timer(Timer::Patience(token));
            out.note(note);
        }
    }

    fn answered(&mut self, message: Message, out: &mut Outputs<Keeping>) {
        match message {
            Message::Do(order) => self.begin(order, out),
            Message::Durable { token } => self.end(token, Note::Written { token }, out),
            Message::Full { token } => self.end(token, Note::Refused { token }, out),
            Message::Values { token, values } => {
                let Some(Order::Read(keys)) = self.open.get(&token) else { return };
                let seen =
                    keys.each().zip(&values).map(|(key, value)| (key, seen(key, value))).collect();
                self.end(token, Note::Read { token, seen }, out);
            }
            Message::Commit { .. } | Message::Get { .. } => {}
        }
    }
}

/// A value that says who put it where; every byte follows from that.
fn value(token: u64, key: u8, length: u16) -> Bytes {
    let mut value = BytesMut::with_capacity(usize::from(length) + 9);
    value.put_u64_le(token);
    value.put_u8(key);
    value.extend((0..length).map(|index| (token as u8).wrapping_add(index as u8)));
    value.freeze()
}

fn seen(key: u8, found: &Result<Option<Bytes>, Rotten>) -> ReadValue {
    let bytes = match found {
        Err(Rotten) => return ReadValue::Rotten,
        Ok(None) => return ReadValue::Nothing,
        Ok(Some(bytes)) => bytes,
    };
    let token = bytes.first_chunk().map(|token| u64::from_le_bytes(*token));
    let sound = |token: &u64| {
        let length = bytes.len().saturating_sub(9).try_into();
        length.is_ok_and(|length| value(*token, key, length) == *bytes)
    };
    token.filter(sound).map_or(ReadValue::False, ReadValue::Of)
}

impl Machine for Client {
    type Protocol = Keeping;

    fn handle(&mut self, _: &mut Now<'_>, input: Input<Keeping>, out: &mut Outputs<Keeping>) {
        match input {
            Input::Message { message, .. } => self.answered(message, out),
            Input::Timer(Timer::Patience(token)) => self.end(token, Note::GivenUp { token }, out),
            Input::LinkReset { .. } => {
                let open: Vec<u64> = self.open.keys().copied().collect();
                open.into_iter().for_each(|token| self.end(token, Note::GivenUp { token }, out));
            }
            Input::Stop => out.stopped(),
            _ => {}
        }
    }

    fn fields(&self) -> Vec<Field> {
        vec![Field::number("requests open", self.open.len() as u64)]
    }

    fn inspect(&self) -> Inspection {
        Inspection { role: "client", state: format!("{} open", self.open.len()) }
    }
}
