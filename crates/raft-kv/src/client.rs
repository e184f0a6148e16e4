//! A simulated client: one operation at a time, at one replica, or, where that does not answer or
//! lead, at the next.
//!
//! The law: every operation is noted when it begins and when it ends. A write that may have been done is
//! sent again under its own number, and never under another; after [`GIVE_UP_AFTER`] without an answer
//! it is given up, and may be done all the same. Plans leave clients up: one that is restarted counts
//! its operations anew.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use machine::{Field, Input, Inspection, Machine, NodeId, Now, Outputs, Time};
use raft::Session;
use rand::Rng;

use crate::command::LONGEST_VALUE;
use crate::message::{
    Answer, Ask, KeyValue, Message, Note, Operation, Refusal, Request, Response, Timer,
};

/// A replica that has not answered by then is taken for dead.
const ANSWER_WITHIN: Duration = Duration::from_millis(100);
/// Before the next replica is asked, where one answered that nobody leads.
const PAUSE: Duration = Duration::from_millis(10);
/// And no operation is asked for any longer.
pub const GIVE_UP_AFTER: Duration = Duration::from_secs(4);

/// Does what a plan tells it.
#[derive(Clone, Debug)]
pub struct Client {
    id: NodeId,
    replicas: Vec<NodeId>,
    /// Drawn when it starts.
    session: u128,
    begun: u32,
    open: Option<Open>,
    /// To be begun after it, in order.
    waiting: VecDeque<Operation>,
    /// How many of the longest values it puts before the first of them.
    long_values: u64,
}

#[derive(Clone, Debug)]
struct Open {
    request: Request,
    /// Nobody, while it pauses.
    asked: Option<NodeId>,
    began: Time,
    /// Something that was sent may have been done.
    doubt: bool,
    /// The replica asked was named by another, so what it names is not followed again at once.
    followed: bool,
}

impl Client {
    /// The client with this number, of these replicas, which puts so many of the longest values before all else.
    pub fn new(id: NodeId, replicas: Vec<NodeId>, long_values: u64) -> Self {
        let waiting = VecDeque::new();
        Client { id, replicas, session: 0, begun: 0, open: None, waiting, long_values }
    }

    /// The longest values, if they were not put yet.
    fn put_long_values(&mut self) {
        let value = Bytes::from(vec![b'v'; LONGEST_VALUE]);
        for number in 0..std::mem::take(&mut self.long_values) {
            let key = Bytes::from(format!("{}-{number}", self.id.0));
            let ask = Ask::Put { key, value: value.clone() };
            self.waiting.push_back(Operation { replica: self.replicas[0], ask });
        }
    }

    fn begin_next(&mut self, now: Time, out: &mut Outputs<KeyValue>) {
        let Some(Operation { replica, ask }) = self.waiting.pop_front() else { return };
        self.begun += 1;
        let number = u64::from(self.begun);
        let token = u64::from(self.id.0) << 32 | number;
        out.note(Note::Invoked { operation: token, ask: ask.clone() });
        let session = ask.change().map(|_| Session { client: self.session, number, only: false });
        let request = Request { token, session, ask };
        let asked = Some(replica);
        self.open = Some(Open { request, asked, began: now, doubt: false, followed: false });
        self.ask(out);
    }

    fn ask(&self, out: &mut Outputs<KeyValue>) {
        if let Some(Open { request, asked: Some(replica), .. }) = &self.open {
            out.send(*replica, Message::Request(request.clone()));
            out.set_timer(Timer::Attempt, ANSWER_WITHIN);
        }
    }

    fn answered(
        &mut self,
        from: NodeId,
        response: Response,
        now: Time,
        out: &mut Outputs<KeyValue>,
    ) {
        let Response { token, answer } = response;
        let Some(open) = self.open.as_mut().filter(|open| open.request.token == token) else {
            return;
        };
        match answer {
            Answer::Value(_)
            | Answer::Pairs(_)
            | Answer::Done
            | Answer::Nothing
            | Answer::Swapped(_) => {
                out.note(Note::Answered { operation: token, answer });
                self.end(now, out);
            }
            // Of an attempt that was given up: the one that runs is another.
            _ if open.asked != Some(from) => {}
            Answer::Refused(Refusal::TooLarge) => self.fail(now, out),
            Answer::NotLeader { leader: Some(other) }
            | Answer::NotMember { member: Some(other), .. }
                if other != from && !open.followed =>
            {
                (open.asked, open.followed) = (Some(other), true);
                self.ask(out);
            }
            Answer::NotLeader { .. }
            | Answer::NotMember { .. }
            | Answer::Refused(_)
            | Answer::Lost => {
                open.doubt |= answer == Answer::Lost;
                open.asked = None;
                out.set_timer(Timer::Attempt, PAUSE);
            }
        }
    }

    /// Whoever was asked last did not answer, or not as they should: on to another.
    fn ask_next(&mut self, now: &mut Now<'_>, out: &mut Outputs<KeyValue>) {
        let Some(open) = &mut self.open else { return };
        open.doubt |= open.asked.is_some();
        if now.time.since(open.began) >= GIVE_UP_AFTER {
            return self.fail(now.time, out);
        }
        let silent = |asked| self.replicas.iter().position(|&replica| Some(replica) == asked);
        let next = match silent(open.asked) {
            Some(place) => place + 1,
            None => now.random.next_u64() as usize,
        };
        (open.asked, open.followed) = (Some(self.replicas[next % self.replicas.len()]), false);
        self.ask(out);
    }

    /// It failed if it certainly did nothing; otherwise it is given up.
    fn fail(&mut self, now: Time, out: &mut Outputs<KeyValue>) {
        if let Some(Open { request, doubt, .. }) = &self.open {
            let operation = request.token;
            let certain = !doubt || request.ask.is_read();
            out.note(if certain {
                Note::Failed { operation }
            } else {
                Note::GivenUp { operation }
            });
        }
        self.end(now, out);
    }

    fn end(&mut self, now: Time, out: &mut Outputs<KeyValue>) {
        self.open = None;
        out.cancel_timer(Timer::Attempt);
        self.begin_next(now, out);
    }
}

impl Machine for Client {
    type Protocol = KeyValue;

    fn handle(&mut self, now: &mut Now<'_>, input: Input<KeyValue>, out: &mut Outputs<KeyValue>) {
        match input {
            Input::Start { .. } => {
                let half = |now: &mut Now<'_>| u128::from(now.random.next_u64());
                self.session = half(now) << 64 | half(now);
            }
            Input::Message { message: Message::Do(operation), .. } => {
                if self.long_values > 0 {
                    self.put_long_values();
                }
                self.waiting.push_back(operation);
                if self.open.is_none() {
                    self.begin_next(now.time, out);
                }
            }
            Input::Message { from, message: Message::Response(response) } => {
                self.answered(from, response, now.time, out);
            }
            Input::Timer(Timer::Attempt) => self.ask_next(now, out),
            Input::Stop => out.stopped(),
            _ => {}
        }
    }

    fn fields(&self) -> Vec<Field> {
        vec![
            Field::flag("waits for an answer", self.open.is_some()),
            Field::number("operations to come", self.waiting.len() as u64),
        ]
    }

    fn inspect(&self) -> Inspection {
        let open = if self.open.is_some() { "one operation open" } else { "nothing open" };
        Inspection { role: "client", state: format!("{open}, {} wait", self.waiting.len()) }
    }
}
