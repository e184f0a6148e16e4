//! Sessions: whoever asks a machine from outside is a node to it, with a number that the host hands out.
//!
//! The law:
//!
//! - A session is a connection whose answers come in order, or one stream of a connection where they
//!   multiplex. Its number is [`SESSIONS`] or above, and comes again only after 2^31 - 2 others.
//! - An ask has a token that no other ask of its node has. What answers what is the protocol's to say
//!   ([`Protocol::answers`]); an ask is over with its last answer.
//! - Who drops an ask before that no longer waits. Then the session takes no further asks, and when the last
//!   of those that are under way is over, the machine is told: [`Input::LinkReset`]. What is sent to a
//!   session and answers no ask that is waited for, vanishes, and is counted as taken.
//! - What is sent to a session and not taken by whoever asked is bounded like what is sent to any node: by
//!   [`machine::WINDOW`]. For each [`machine::CREDIT`] that is taken the machine is told
//!   [`Input::Writable`]; what would exceed the window breaks the session off.
//!
//! What the machine says to the asker while it handles the question enters no table and wakes no task.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use doors::Visitor;
use futures_util::Stream;
use machine::{CREDIT, Input, LIGHTEST, LONGEST, Link, Machine, NodeId, Protocol, WINDOW};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::timeout;

use crate::node::{Asks, Node};

/// The lowest number of a session.
pub const SESSIONS: NodeId = NodeId(1 << 31);
/// How many numbers there are for them.
const NUMBERS: u64 = (1 << 31) - 1;

type Message<M> = <<M as Machine>::Protocol as Protocol>::Message;

/// Where the asks of one node wait for answers.
#[derive(Debug)]
pub(crate) struct Sessions<P: Protocol> {
    numbers: AtomicU64,
    tokens: AtomicU64,
    waiting: Mutex<BTreeMap<(NodeId, u64), Waiting<P>>>,
}

#[derive(Debug)]
struct Waiting<P: Protocol> {
    answers: UnboundedSender<(Link, P::Message)>,
    windows: Arc<Windows>,
}

impl<P: Protocol> Default for Sessions<P> {
    fn default() -> Self {
        let (numbers, tokens) = Default::default();
        Sessions { numbers, tokens, waiting: Mutex::default() }
    }
}

impl<P: Protocol> Sessions<P> {
    /// The machine sent this to a session: how much credit it is given for that at once.
    pub(crate) fn deliver(&self, to: NodeId, message: P::Message, link: Link) -> u64 {
        let Some((token, is_last)) = P::answers(&message) else { return 0 };
        let mut waiting = self.waiting();
        let Some(ask) = waiting.get(&(to, token)) else { return 0 };
        let weight = P::weight(&message);
        if !ask.windows.sent(link, weight) {
            // Whoever asked sees the end of the answers without the last one, and drops the ask.
            tracing::debug!("a session was broken off, for it left too much unread");
            drop(waiting);
            self.end(to);
            return 0;
        }
        // Whoever asked may have gone. Others of the session have not, and this is nothing that they leave unread.
        let vanished = ask.answers.send((link, message)).is_err();
        let credits = if vanished { ask.windows.taken(link, weight) } else { 0 };
        if is_last {
            waiting.remove(&(to, token));
        }
        credits
    }

    /// This session waits for nothing more.
    fn end(&self, session: NodeId) {
        let mut waiting = self.waiting();
        while let Some((&ask, _)) = waiting.range((session, 0)..=(session, u64::MAX)).next() {
            waiting.remove(&ask);
        }
    }

    /// There will be no more answers.
    pub(crate) fn close(&self) {
        self.waiting().clear();
    }

    fn waiting(&self) -> MutexGuard<'_, BTreeMap<(NodeId, u64), Waiting<P>>> {
        // A map is whole between any two calls on it.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What was sent to a session and taken, lane by lane.
#[derive(Debug, Default)]
struct Windows([Lane; 2]);

#[derive(Debug, Default)]
struct Lane {
    sent: AtomicU64,
    taken: AtomicU64,
}

impl Windows {
    fn lane(&self, link: Link) -> &Lane {
        &self.0[usize::from(link == Link::Bulk)]
    }

    /// Is there room for this?
    fn sent(&self, link: Link, weight: u32) -> bool {
        let (lane, weight) = (self.lane(link), weight.max(LIGHTEST));
        let sent = lane.sent.fetch_add(weight.into(), Ordering::Relaxed) + u64::from(weight);
        let credit = lane.taken.load(Ordering::Relaxed) / u64::from(CREDIT) * u64::from(CREDIT);
        weight <= LONGEST && sent.saturating_sub(credit) <= u64::from(WINDOW)
    }

    /// How many credits are given for that.
    fn taken(&self, link: Link, weight: u32) -> u64 {
        let weight = weight.max(LIGHTEST);
        let taken = self.lane(link).taken.fetch_add(weight.into(), Ordering::Relaxed);
        (taken + u64::from(weight)) / u64::from(CREDIT) - taken / u64::from(CREDIT)
    }
}

/// A visitor of a node.
pub struct Session<M: Machine>(Arc<Inner<M>>);

struct Inner<M: Machine> {
    node: Arc<Node<M>>,
    number: NodeId,
    windows: Arc<Windows>,
    asks: Mutex<Asked>,
}

#[derive(Debug, Default)]
struct Asked {
    under_way: usize,
    /// One was dropped before its last answer.
    is_over: bool,
}

impl<M: Machine> Clone for Session<M> {
    fn clone(&self) -> Self {
        Session(self.0.clone())
    }
}

impl<M: Machine> Session<M> {
    /// A session with this node.
    pub fn new(node: &Arc<Node<M>>) -> Session<M> {
        let number = numbered(node.sessions.numbers.fetch_add(1, Ordering::Relaxed));
        let (windows, asks) = Default::default();
        Session(Arc::new(Inner { node: node.clone(), number, windows, asks }))
    }

    /// The session of this visitor with this node.
    pub fn of(visitor: &Visitor, node: &Arc<Node<M>>) -> Session<M> {
        let is_its = |session: &Session<M>| Arc::ptr_eq(&session.0.node, node);
        visitor.kept(
            is_its,
            || Session::new(node),
            |session| {
                if session.is_over() {
                    *session = Session::new(node);
                }
                session.clone()
            },
        )
    }

    /// What it is to the machine.
    pub fn number(&self) -> NodeId {
        self.0.number
    }

    /// May it no longer ask?
    pub fn is_over(&self) -> bool {
        self.0.asks().is_over
    }

    /// Asks what has one answer, and waits for it. The quick path of [`Session::ask`] is this one's too.
    ///
    /// # Errors
    /// If there was none, and why. What was asked may have been done.
    pub async fn ask_once(
        &self,
        patience: Duration,
        question: impl FnOnce(u64) -> Message<M>,
    ) -> Result<Message<M>, NoAnswer> {
        let mut answers = self.ask(question);
        match answers.at_once() {
            Some(answer) => Ok(answer),
            // Boxed, so that an answer that is there at once does not pay for the memory that waiting needs.
            None => Box::pin(answers.wait(patience)).await,
        }
    }

    /// Asks the machine what `question` makes of a token. A machine that has stopped, and any that is asked in
    /// a session that is over, answers nothing.
    pub fn ask(&self, question: impl FnOnce(u64) -> Message<M>) -> Answers<M> {
        let Inner { node, number, windows, .. } = &*self.0;
        let token = node.sessions.tokens.fetch_add(1, Ordering::Relaxed);
        let mut asking = Asking {
            session: &self.0,
            token,
            heard: None,
            more: VecDeque::new(),
            is_last: false,
            rest: None,
        };
        let is_begun = self.0.begin();
        let is_taken = is_begun && node.ask(*number, question(token), &mut asking);
        let Asking { heard, more, is_last, rest, .. } = asking;
        let is_owed = is_taken && !is_last;
        if is_begun && !is_owed {
            self.0.end(false);
        }
        let answers = Answers { session: self.0.clone(), heard, more, rest, is_owed };
        // What was heard is taken.
        for (link, message) in answers.heard.iter().chain(&answers.more) {
            windows.sent(*link, M::Protocol::weight(message));
            self.0.took(*link, message);
        }
        answers
    }
}

impl<M: Machine> Node<M> {
    /// Asks it what has one answer, in the session of this visitor, when its disk is not far behind.
    ///
    /// # Errors
    /// As [`Session::ask_once`].
    pub async fn answer(
        self: &Arc<Self>,
        visitor: &Visitor,
        patience: Duration,
        question: impl FnOnce(u64) -> Message<M>,
    ) -> Result<Message<M>, NoAnswer> {
        self.room().await;
        Session::of(visitor, self).ask_once(patience, question).await
    }
}

/// The number of the session that is opened after so many others.
fn numbered(before: u64) -> NodeId {
    NodeId(SESSIONS.0 + (before % NUMBERS) as u32)
}

impl<M: Machine> Inner<M> {
    fn begin(&self) -> bool {
        let mut asks = self.asks();
        asks.under_way += usize::from(!asks.is_over);
        !asks.is_over
    }

    /// An ask is over, with its last answer or without.
    fn end(&self, is_dropped: bool) {
        let mut asks = self.asks();
        asks.under_way -= 1;
        asks.is_over |= is_dropped;
        let hangs_up = asks.is_over && asks.under_way == 0;
        drop(asks);
        if hangs_up {
            self.node.sessions.end(self.number);
            self.node.input(Input::LinkReset { peer: self.number });
        }
    }

    /// Whoever asked has taken this: the machine is given credit.
    fn took(&self, link: Link, message: &Message<M>) {
        let credits = self.windows.taken(link, M::Protocol::weight(message));
        for _ in 0..credits {
            self.node.input(Input::Writable { peer: self.number, link });
        }
    }

    fn asks(&self) -> MutexGuard<'_, Asked> {
        // Two numbers are whole between any two calls on them.
        self.asks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoAnswer {
    /// It did not come in time, and is no longer waited for.
    Late,
    /// The machine has stopped, or the session is over.
    Stopped,
}

impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            NoAnswer::Late => "there was no answer in time",
            NoAnswer::Stopped => "the server is stopping",
        })
    }
}

/// A question that is put to a machine.
struct Asking<'a, M: Machine> {
    session: &'a Inner<M>,
    token: u64,
    heard: Option<(Link, Message<M>)>,
    more: VecDeque<(Link, Message<M>)>,
    is_last: bool,
    rest: Option<UnboundedReceiver<(Link, Message<M>)>>,
}

impl<M: Machine> Asks<M::Protocol> for Asking<'_, M> {
    fn hear(&mut self, message: Message<M>, link: Link) -> Option<Message<M>> {
        match M::Protocol::answers(&message) {
            Some((token, is_last)) if token == self.token => {
                self.is_last |= is_last;
                match self.heard {
                    None => self.heard = Some((link, message)),
                    Some(_) => self.more.push_back((link, message)),
                }
                None
            }
            _ => Some(message),
        }
    }

    fn handled(&mut self) {
        if !self.is_last {
            let (answers, rest) = unbounded_channel();
            self.rest = Some(rest);
            let waiting = Waiting { answers, windows: self.session.windows.clone() };
            let ask = (self.session.number, self.token);
            self.session.node.sessions.waiting().insert(ask, waiting);
        }
    }
}

/// The answers to an ask, in order. They end with the last one; or before it, where the machine stopped or the
/// session was broken off.
pub struct Answers<M: Machine> {
    session: Arc<Inner<M>>,
    /// Said while the question was handled.
    heard: Option<(Link, Message<M>)>,
    more: VecDeque<(Link, Message<M>)>,
    rest: Option<UnboundedReceiver<(Link, Message<M>)>>,
    is_owed: bool,
}

impl<M: Machine> Unpin for Answers<M> {}

impl<M: Machine> Answers<M> {
    /// The next of those that were there at once.
    #[inline]
    pub fn at_once(&mut self) -> Option<Message<M>> {
        let next = self.heard.take().or_else(|| self.more.pop_front());
        next.map(|(_, message)| message)
    }

    /// The next.
    pub async fn next(&mut self) -> Option<Message<M>> {
        std::future::poll_fn(|cx| self.poll(cx)).await
    }

    async fn wait(mut self, patience: Duration) -> Result<Message<M>, NoAnswer> {
        let answer = timeout(patience, self.next()).await.map_err(|_| NoAnswer::Late)?;
        answer.ok_or(NoAnswer::Stopped)
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Message<M>>> {
        if let Some(message) = self.at_once() {
            return Poll::Ready(Some(message));
        }
        let Some(rest) = &mut self.rest else { return Poll::Ready(None) };
        let Some((link, message)) = ready!(rest.poll_recv(cx)) else { return Poll::Ready(None) };
        if is_last::<M>(&message) {
            self.is_owed = false;
            self.rest = None;
            self.session.end(false);
        }
        self.session.took(link, &message);
        Poll::Ready(Some(message))
    }
}

impl<M: Machine> Stream for Answers<M> {
    type Item = Message<M>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Message<M>>> {
        self.poll(cx)
    }
}

impl<M: Machine> Drop for Answers<M> {
    fn drop(&mut self) {
        if !self.is_owed {
            return;
        }
        // The last answer may have come and not been taken: then nothing is owed.
        let mut is_owed = true;
        if let Some(mut rest) = self.rest.take() {
            // What came is taken, and what comes from now on is when it comes.
            rest.close();
            while let Ok((link, message)) = rest.try_recv() {
                is_owed &= !is_last::<M>(&message);
                self.session.took(link, &message);
            }
        }
        self.session.end(is_owed);
    }
}

fn is_last<M: Machine>(message: &Message<M>) -> bool {
    M::Protocol::answers(message).is_some_and(|(_, is_last)| is_last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_that_weigh_nothing_fill_a_window_too() {
        let windows = Windows::default();
        let room = WINDOW / LIGHTEST;
        assert!((0..room).all(|_| windows.sent(Link::Stream, 0)));
        assert!(!windows.sent(Link::Stream, 0), "nobody has taken any");
        let credits: u64 = (0..room).map(|_| windows.taken(Link::Stream, 0)).sum();
        assert_eq!(credits, u64::from(WINDOW / CREDIT));
    }

    #[test]
    fn a_number_comes_again_after_all_others() {
        assert_eq!(numbered(0), SESSIONS);
        assert_eq!(numbered(NUMBERS - 1), NodeId(u32::MAX - 1));
        assert_eq!(numbered(NUMBERS), SESSIONS);
        assert_eq!(NUMBERS - 1, (1 << 31) - 2);
    }
}
