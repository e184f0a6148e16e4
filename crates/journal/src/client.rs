//! A client: appends entries that nobody else appends, so that it knows what must be there.

use std::collections::BTreeSet;
use std::time::Duration;

use machine::{Field, Input, Inspection, Machine, NodeId, Now, Outputs};

use crate::message::{Keeping, Message, Note, Order, Timer};

/// The node that keeps the log.
pub(crate) const KEEPER: NodeId = NodeId(0);
/// A client gives a request up after this time.
const PATIENCE: Duration = Duration::from_millis(500);

/// Does what the plan tells it, once.
#[derive(Clone, Debug)]
pub struct Client {
    id: NodeId,
    tokens: u64,
    open: BTreeSet<u64>,
}

impl Client {
    /// The client on this node.
    pub fn new(id: NodeId) -> Client {
        Client { id, tokens: 0, open: BTreeSet::new() }
    }

    fn begin(&mut self, order: Order, out: &mut Outputs<Keeping>) {
        self.tokens += 1;
        let token = u64::from(self.id.0) << 32 | self.tokens;
        self.open.insert(token);
        out.note(Note::Asked { token, order });
        let message = match order {
            Order::Append(length) => Message::Append { token, length },
            Order::Read => Message::Read { token },
        };
        out.send(KEEPER, message);
        out.set_timer(Timer::Patience(token), PATIENCE);
    }

    fn end(&mut self, token: u64, note: Note, out: &mut Outputs<Keeping>) {
        if self.open.remove(&token) {
            out.cancel_timer(Timer::Patience(token));
            out.note(note);
        }
    }
}

impl Machine for Client {
    type Protocol = Keeping;

    fn handle(&mut self, _: &mut Now<'_>, input: Input<Keeping>, out: &mut Outputs<Keeping>) {
        match input {
            Input::Message { message: Message::Do(order), .. } => self.begin(order, out),
            Input::Message { message: Message::Durable { token }, .. } => {
                self.end(token, Note::Written { token }, out);
            }
            Input::Message { message: Message::Entries { token, entries }, .. } => {
                self.end(token, Note::Read { token, entries }, out);
            }
            Input::Timer(Timer::Patience(token)) => self.end(token, Note::GivenUp { token }, out),
            Input::LinkReset { .. } => {
                let open: Vec<u64> = self.open.iter().copied().collect();
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
