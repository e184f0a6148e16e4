//! A client: gets ids from one worker, or, where it does not answer, from the next.

use std::collections::BTreeMap;
use std::time::Duration;

use machine::{Field, Input, Inspection, Machine, NodeId, Now, Outputs};

use crate::Id;
use crate::message::{Get, Message, Note, Snowflake, Timer};

/// A worker that has not answered by then is taken for dead.
const ANSWER_WITHIN: Duration = Duration::from_millis(100);

/// Gets ids from whichever worker answers.
#[derive(Clone, Debug)]
pub struct Client {
    id: NodeId,
    workers: Vec<NodeId>,
    tokens: u32,
    open: BTreeMap<u64, Attempt>,
}

#[derive(Clone, Debug)]
struct Attempt {
    count: u32,
    asked: NodeId,
    left: usize,
    /// A worker did not answer: it may have minted.
    silence: bool,
}

impl Client {
    /// The client with this number, of these workers.
    pub fn new(id: NodeId, workers: Vec<NodeId>) -> Self {
        Client { id, workers, tokens: 0, open: BTreeMap::new() }
    }

    fn begin(&mut self, get: Get, out: &mut Outputs<Snowflake>) {
        self.tokens += 1;
        let token = u64::from(self.id.0) << 32 | u64::from(self.tokens);
        let Get { worker: asked, count } = get;
        out.note(Note::Invoked { token, worker: asked });
        let attempt = Attempt { count, asked, left: self.workers.len(), silence: false };
        self.open.insert(token, attempt);
        self.ask(token, out);
    }

    fn ask(&mut self, token: u64, out: &mut Outputs<Snowflake>) {
        if let Some(attempt) = self.open.get(&token) {
            out.send(attempt.asked, Message::Mint { token, count: attempt.count });
            out.set_timer(Timer::Answer(token), ANSWER_WITHIN);
        }
    }

    fn received(&mut self, token: u64, ids: Vec<Id>, out: &mut Outputs<Snowflake>) {
        if self.open.remove(&token).is_some() {
            out.cancel_timer(Timer::Answer(token));
            out.note(Note::Received { token, ids });
        }
    }

    /// An answer from a worker that was given up already does not count as another's.
    fn refused(&mut self, from: NodeId, token: u64, out: &mut Outputs<Snowflake>) {
        if self.open.get(&token).is_some_and(|attempt| attempt.asked == from) {
            self.ask_next(token, false, out);
        }
    }

    fn ask_next(&mut self, token: u64, silence: bool, out: &mut Outputs<Snowflake>) {
        let Some(attempt) = self.open.get_mut(&token) else { return };
        attempt.silence |= silence;
        attempt.left = attempt.left.saturating_sub(1);
        if attempt.left == 0 {
            // After a silence the operation stays open: ids may have been minted for it.
            if !attempt.silence {
                out.note(Note::AllRefused { token });
            }
            out.cancel_timer(Timer::Answer(token));
            self.open.remove(&token);
            return;
        }
        let place = self.workers.iter().position(|&worker| worker == attempt.asked).unwrap_or(0);
        attempt.asked = self.workers[(place + 1) % self.workers.len()];
        self.ask(token, out);
    }
}

impl Machine for Client {
    type Protocol = Snowflake;

    fn handle(
        &mut self,
        _now: &mut Now<'_>,
        input: Input<Snowflake>,
        out: &mut Outputs<Snowflake>,
    ) {
        match input {
            Input::Message { message: Message::Get(get), .. } => self.begin(get, out),
            Input::Message { message: Message::Minted { token, ids }, .. } => {
                self.received(token, ids, out);
            }
            Input::Message { from, message: Message::Refused { token, .. } } => {
                self.refused(from, token, out);
            }
            Input::Timer(Timer::Answer(token)) => self.ask_next(token, true, out),
            Input::Stop => out.stopped(),
            _ => {}
        }
    }

    fn fields(&self) -> Vec<Field> {
        vec![Field::number("requests open", self.open.len() as u64)]
    }

    fn inspect(&self) -> Inspection {
        Inspection { role: "client", state: format!("{} requests open", self.open.len()) }
    }
}
