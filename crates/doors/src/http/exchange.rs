//! One request and its answer, as streams of bytes.
//!
//! The bytes of a request's body come out of the server's budget before they are read: those of the next
//! frame where the body is read as a stream, all of it where [`super::body`] reads it as a whole. They go back
//! when the last slice of them is dropped. The bytes of an answer are asked for as the client takes them.

use std::error::Error;
use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::BoxError;
use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};

use super::progress::{Progress, Work};
use crate::accept::Activity;
use crate::budget::{Budget, Taken};

/// hyper hands a body over in frames of at most so many bytes, as a rule.
const STEP: u64 = 64 << 10;
/// A stream waits for so long for the bytes of its next frame.
const PATIENCE: Duration = Duration::from_secs(5);

/// What the body of a request has of the server's budget; among the extensions of every request that has a
/// body.
#[derive(Clone, Debug)]
pub struct Allowance(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    budget: Budget,
    /// For the first frame.
    first: Mutex<Option<Taken>>,
    /// All of it was taken at once.
    is_whole: AtomicBool,
}

impl Allowance {
    /// For the first bytes of a body of at least so many; none where none are left.
    pub(super) fn begin(budget: &Budget, least: u64) -> Option<Allowance> {
        let first = Mutex::new(Some(budget.take(least.clamp(1, STEP))?));
        let is_whole = AtomicBool::new(false);
        Some(Allowance(Arc::new(Inner { budget: budget.clone(), first, is_whole })))
    }

    /// For all of a body of at most so many bytes; none where there are not as many left.
    pub(super) fn whole(&self, most: u64) -> Option<Taken> {
        let mut taken = self.first().or_else(|| self.0.budget.take(0))?;
        if taken.bytes() < most {
            taken.merge(self.0.budget.take(most - taken.bytes())?);
        }
        self.0.is_whole.store(true, Ordering::Relaxed);
        Some(taken)
    }

    fn first(&self) -> Option<Taken> {
        self.0.first.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// How far a request is, seen from its body.
#[derive(Debug)]
pub(super) struct Exchange {
    activity: Arc<Activity>,
    state: AtomicU8,
}

const ARRIVES: u8 = 0;
const UNDER_WAY: u8 = 1;
const OVER: u8 = 2;

impl Exchange {
    pub(super) fn new(activity: Arc<Activity>) -> Arc<Exchange> {
        Arc::new(Exchange { activity, state: AtomicU8::new(ARRIVES) })
    }

    /// All of the request is there, or an answer to it begins.
    pub(super) fn under_way(&self) {
        let order = Ordering::Relaxed;
        if self.state.compare_exchange(ARRIVES, UNDER_WAY, order, order).is_ok() {
            self.activity.begin();
        }
    }
}

/// A request that is not over until this is dropped: its answer was handed over, or there is none, such as where
/// the client of a stream of HTTP/2 no longer waits for it.
#[derive(Debug)]
pub(super) struct Answering(pub(super) Arc<Exchange>);

impl Drop for Answering {
    fn drop(&mut self) {
        if self.0.state.swap(OVER, Ordering::Relaxed) == UNDER_WAY {
            self.0.activity.end();
        }
    }
}

type Waiting = Pin<Box<dyn Future<Output = Option<Taken>> + Send>>;

/// The body of a request as it arrives.
pub(super) struct RequestBody {
    pub(super) body: Incoming,
    pub(super) allowance: Allowance,
    pub(super) exchange: Arc<Exchange>,
    /// For frames to come.
    taken: Option<Taken>,
    waiting: Option<Waiting>,
    moved: u64,
}

impl RequestBody {
    pub(super) fn new(
        body: Incoming,
        allowance: Allowance,
        exchange: Arc<Exchange>,
    ) -> RequestBody {
        RequestBody { body, allowance, exchange, taken: None, waiting: None, moved: 0 }
    }

    /// Has bytes for the next frame.
    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.taken.is_none() {
            self.taken = self.allowance.first();
        }
        if self.taken.as_ref().is_some_and(|taken| taken.bytes() > 0) {
            return Poll::Ready(Ok(()));
        }
        let budget = &self.allowance.0.budget;
        let next = self.body.size_hint().upper().unwrap_or(STEP).clamp(1, STEP);
        let waiting = self.waiting.get_or_insert_with(|| {
            let budget = budget.clone();
            Box::pin(async move { budget.wait(next, PATIENCE).await })
        });
        let taken = ready!(waiting.as_mut().poll(cx));
        self.waiting = None;
        self.taken = taken;
        let why = "the server has no memory left for this body; send it again in a moment";
        let is_there = self.taken.is_some();
        Poll::Ready(
            is_there.then_some(()).ok_or_else(|| io::Error::new(io::ErrorKind::OutOfMemory, why)),
        )
    }

    /// These bytes, counted until they are dropped.
    fn counted(&mut self, bytes: Bytes) -> Bytes {
        let Some(taken) = &mut self.taken else { return bytes };
        // A frame that is longer than hyper's frames are is there already.
        taken.split(bytes.len() as u64).hold(bytes)
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let is_whole = self.allowance.0.is_whole.load(Ordering::Relaxed);
        if !is_whole && !self.body.is_end_stream() {
            ready!(self.poll_room(cx))?;
        }
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        if self.body.is_end_stream() || frame.is_none() {
            self.exchange.under_way();
        }
        let Some(frame) = frame.transpose()? else { return Poll::Ready(None) };
        self.moved += frame.data_ref().map_or(0, |data| data.len() as u64);
        if self.moved >= STEP {
            self.moved = 0;
            self.exchange.activity.moved();
        }
        let counted = if is_whole { frame } else { frame.map_data(|data| self.counted(data)) };
        Poll::Ready(Some(Ok(counted)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Why there is no answer, or no more of it.
#[derive(Debug)]
pub struct Failed(pub(super) BoxError);

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for Failed {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}

/// The body of an answer as it leaves.
pub(super) struct ResponseBody<B> {
    /// What a service answered, or what we answer in its place.
    body: Result<B, Option<Bytes>>,
    _answering: Answering,
    work: Work,
}

impl<B: Body<Data = Bytes>> ResponseBody<B> {
    pub(super) fn new(body: B, answering: Answering, work: Work) -> ResponseBody<B> {
        answering.0.under_way();
        if body.size_hint().exact().is_none() {
            // It ends as an answer of hyper's may end.
            Progress::leave_as_it_is(&work);
        }
        ResponseBody { body: Ok(body), _answering: answering, work }
    }

    pub(super) fn ours(bytes: Bytes, answering: Answering, work: Work) -> ResponseBody<B> {
        ResponseBody { body: Err(Some(bytes)), _answering: answering, work }
    }
}

impl<B: Body<Data = Bytes, Error: Into<BoxError>> + Unpin> Body for ResponseBody<B> {
    type Data = Bytes;
    type Error = Failed;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Failed>>> {
        let this = &mut *self;
        match &mut this.body {
            Err(ours) => Poll::Ready(ours.take().map(|bytes| Ok(Frame::data(bytes)))),
            Ok(body) => {
                let frame = ready!(Pin::new(body).poll_frame(cx));
                let data = frame.as_ref().and_then(|frame| frame.as_ref().ok()?.data_ref());
                if data.is_some_and(|data| data.ends_with(b"\n")) {
                    Progress::leave_as_it_is(&this.work);
                }
                Poll::Ready(frame.map(|frame| frame.map_err(|error| Failed(error.into()))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.body {
            Ok(body) => body.is_end_stream(),
            Err(ours) => ours.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.body {
            Ok(body) => body.size_hint(),
            Err(ours) => SizeHint::with_exact(ours.as_ref().map_or(0, |bytes| bytes.len() as u64)),
        }
    }
}
