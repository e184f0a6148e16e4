//! Protocols of others over TCP: requests in frames, sent without waiting, and answered in order.
//!
//! The law: of a connection at most [`MOST_UNDER_WAY`] requests are under way and about [`QUEUE`] bytes of
//! answers wait to be written; while there are as many it is not read. Of all connections of a door only so many
//! bytes of answers wait, or the one goes that has most of them (`accept.rs`). A frame has its bytes of the
//! server's budget before they are read, also while nobody knows how long it is, but for [`OWN`] that each
//! connection may have; they are given back with its last slice. A client that takes nothing for
//! [`WRITE_TIMEOUT`] is closed. One that ends its sending half gets what is answered within a second; after
//! that it has hung up, and what was asked is dropped.
//!
//! No bytes are copied here: a frame is read into memory of its own as soon as its length is known, and an
//! answer is written slice by slice.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use futures_util::StreamExt;
use futures_util::stream::FuturesOrdered;
use machine::Parts;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use crate::accept::{Activity, Door, Places, accept, drain};
use crate::budget::{Budget, Taken};
use crate::visitor::Visitor;

/// Requests of a connection.
pub const MOST_UNDER_WAY: usize = 64;
/// Bytes of answers.
const QUEUE: usize = 1 << 20;
/// For a client to take some bytes of its answers.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// For a client that has begun a frame to send a good part of it.
const FRAME_TIMEOUT: Duration = Duration::from_secs(30);
/// For a client to begin a frame: such clients keep their connections.
const IDLE_TIMEOUT: Duration = Duration::from_secs(600);
/// For a frame to have its bytes of the budget.
const BUDGET_TIMEOUT: Duration = Duration::from_secs(5);
/// For answers to a client that has said all.
const LAST_ANSWERS: Duration = Duration::from_secs(1);
const SHUTDOWN_DEADLINE: Duration = Duration::from_secs(6);
/// A good part of a frame.
const STEP: usize = 64 << 10;
/// What is read at a time of what may be several frames, or one of no known length.
const OWN: usize = 4 << 10;

/// A protocol.
pub trait Framed: Send + Sync + 'static {
    /// What a frame asks.
    type Ask: Send + 'static;
    /// What is answered.
    type Answer: Send + 'static;
    /// The longest frame, in bytes.
    const LONGEST: usize;

    /// How long the frame is that begins with these bytes; none where it takes more of them to tell.
    ///
    /// # Errors
    /// If no frame begins so.
    fn length(&self, begins: &[u8]) -> Result<Option<usize>, Refusal>;

    /// What a frame asks. Slices of it keep its share of the budget.
    ///
    /// # Errors
    /// If it means nothing.
    fn decode(&self, frame: Bytes) -> Result<Self::Ask, Refusal>;

    /// The bytes of an answer.
    fn encode(&self, answer: Self::Answer, out: &mut Parts);
}

/// A connection that makes no sense, or whose next answer cannot be given, is closed, once what was asked before is
/// answered and these bytes are said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refusal(pub Bytes);

/// Serves connections until `stop` ends, then answers what was asked, and gives what `stop` gave. What has no
/// answer is answered with none; an answer that is owed and cannot be given ends its connection, since the client
/// would take the next one for it.
pub async fn serve<T, F: Framed, A>(
    listener: TcpListener,
    door: &Door,
    protocol: Arc<F>,
    answer: impl Fn(Visitor, F::Ask) -> A + Clone + Send + Sync + 'static,
    stop: impl Future<Output = T>,
) -> T
where
    A: Future<Output = Result<Option<F::Answer>, Refusal>> + Send + 'static,
{
    let stopping = watch::Sender::new(false);
    let carry = |stream: TcpStream, client: SocketAddr, activity: Arc<Activity>| {
        let (visitor, answer) = (Visitor::new(client), answer.clone());
        let (reader, writer) = stream.into_split();
        let frames = Frames::new(reader, door.budget.clone(), activity.clone());
        let connection = Connection {
            protocol: protocol.clone(),
            frames,
            writer,
            places: door.places.clone(),
            activity,
            under_way: FuturesOrdered::new(),
            queue: Queue::default(),
            end: None,
        };
        connection.carry(move |ask| answer(visitor.clone(), ask), stopping.subscribe())
    };
    let (why, open) = accept(listener, &door.places, stop, carry).await;
    stopping.send_replace(true);
    drain(open, SHUTDOWN_DEADLINE).await;
    why
}

struct Connection<F, A: Future> {
    protocol: Arc<F>,
    frames: Frames,
    writer: OwnedWriteHalf,
    places: Places,
    activity: Arc<Activity>,
    under_way: FuturesOrdered<A>,
    queue: Queue,
    /// Nothing more is read: what is said last, and until when answers are waited for.
    end: Option<(Bytes, Instant)>,
}

impl<F: Framed, A: Future<Output = Result<Option<F::Answer>, Refusal>>> Connection<F, A> {
    async fn carry(mut self, answer: impl Fn(F::Ask) -> A, mut stop: watch::Receiver<bool>) {
        while !self.is_over() {
            let has_room = self.queue.bytes < QUEUE;
            let reads = self.end.is_none() && has_room && self.under_way.len() < MOST_UNDER_WAY;
            let late = self.end.as_ref().map_or_else(|| self.frames.late(), |(_, late)| *late);
            let (waits, stuck) = (!self.queue.is_empty(), self.queue.late());
            // Who waits for an answer is not late, unless it has said all; nor is who takes what is written.
            let may_be_late = match &self.end {
                Some(_) => !self.under_way.is_empty(),
                None => reads && self.under_way.is_empty(),
            };
            self.places.queues(&self.activity, self.queue.bytes);
            // In this order, whatever else is true at the same time: who takes something is not late.
            tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop), if self.end.is_none() => {
                    self.end = Some((Bytes::new(), Instant::now() + SHUTDOWN_DEADLINE));
                }
                written = self.queue.write(&mut self.writer), if waits => {
                    if written.is_err() {
                        return;
                    }
                }
                () = sleep_until(stuck), if waits => return,
                frame = self.frames.next(&*self.protocol), if reads => match frame {
                    Ok(Came::Frame(ask)) => {
                        self.activity.begin();
                        self.under_way.push_back(answer(ask));
                    }
                    Ok(Came::Part) => {}
                    Ok(Came::End) => self.end = Some((Bytes::new(), Instant::now() + LAST_ANSWERS)),
                    Err(End::Refused(Refusal(last))) => {
                        self.end = Some((last, Instant::now() + SHUTDOWN_DEADLINE));
                    }
                    Err(End::Broken) => return,
                },
                Some(answered) = self.under_way.next(), if has_room => {
                    self.activity.end();
                    match answered {
                        Ok(Some(answer)) => {
                            let mut out = Parts::new();
                            self.protocol.encode(answer, &mut out);
                            self.queue.push(&out);
                        }
                        Ok(None) => {}
                        Err(Refusal(last)) => {
                            self.under_way = FuturesOrdered::new();
                            self.end = Some((last, Instant::now() + SHUTDOWN_DEADLINE));
                        }
                    }
                }
                () = sleep_until(late), if may_be_late => return,
            }
        }
        // The client may have gone first.
        let _ = self.writer.shutdown().await;
    }

    /// Is all said that was to be said?
    fn is_over(&mut self) -> bool {
        let Some((last, _)) = &mut self.end else { return false };
        if self.under_way.is_empty() {
            self.queue.push(&std::mem::take(last).into());
        }
        self.under_way.is_empty() && self.queue.is_empty()
    }
}

/// Answers that wait to be written.
struct Queue {
    slices: VecDeque<Bytes>,
    bytes: usize,
    /// Some of it was taken last.
    taken: Instant,
}

impl Default for Queue {
    fn default() -> Queue {
        Queue { slices: VecDeque::new(), bytes: 0, taken: Instant::now() }
    }
}

impl Queue {
    fn push(&mut self, parts: &Parts) {
        if self.is_empty() {
            self.taken = Instant::now();
        }
        self.bytes += parts.len();
        self.slices.extend(parts.slices().iter().cloned());
    }

    fn is_empty(&self) -> bool {
        self.slices.is_empty()
    }

    fn late(&self) -> Instant {
        self.taken + WRITE_TIMEOUT
    }

    /// Writes some of it.
    async fn write(&mut self, writer: &mut OwnedWriteHalf) -> io::Result<()> {
        let slices: Vec<_> = self.slices.iter().take(64).map(|slice| IoSlice::new(slice)).collect();
        let mut written = writer.write_vectored(&slices).await?;
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        self.taken = Instant::now();
        self.bytes -= written;
        while let Some(first) = self.slices.front_mut() {
            if first.len() > written {
                first.advance(written);
                break;
            }
            written -= first.len();
            self.slices.pop_front();
        }
        Ok(())
    }
}

type WaitsForBudget = Pin<Box<dyn Future<Output = Option<Taken>> + Send>>;

/// What is read. A call of `next` may be given up at any time.
struct Frames {
    reader: OwnedReadHalf,
    activity: Arc<Activity>,
    budget: Budget,
    buffer: BytesMut,
    /// Of the frame that is read now.
    length: Option<usize>,
    taken: Option<Taken>,
    waits: Option<WaitsForBudget>,
    /// The last good part of a frame came then, or the last one ended.
    moved: Instant,
    since: usize,
}

/// What came of reading.
enum Came<A> {
    Frame(A),
    /// Of a frame, and the next is waited for until another time.
    Part,
    /// There are no more frames.
    End,
}

enum End {
    Refused(Refusal),
    /// The connection broke, or there is no memory for what it sends.
    Broken,
}

impl Frames {
    fn new(reader: OwnedReadHalf, budget: Budget, activity: Arc<Activity>) -> Frames {
        Frames {
            reader,
            activity,
            budget,
            buffer: BytesMut::new(),
            length: None,
            taken: None,
            waits: None,
            moved: Instant::now(),
            since: 0,
        }
    }

    /// When something should have come.
    fn late(&self) -> Instant {
        self.moved + if self.buffer.is_empty() { IDLE_TIMEOUT } else { FRAME_TIMEOUT }
    }

    /// The next frame, or what else came.
    async fn next<F: Framed>(&mut self, protocol: &F) -> Result<Came<F::Ask>, End> {
        let late = self.late();
        loop {
            if self.length.is_none() && !self.buffer.is_empty() {
                self.length = protocol.length(&self.buffer).map_err(End::Refused)?;
            }
            let least = self.length.unwrap_or(self.buffer.len().max(1));
            if !(1..=F::LONGEST).contains(&least) {
                return Err(End::Refused(Refusal::default()));
            }
            let missing = match self.length {
                Some(length) => {
                    self.pay(length).await?;
                    if let Some(frame) = self.take(length) {
                        return protocol.decode(frame).map(Came::Frame).map_err(End::Refused);
                    }
                    length - self.buffer.len()
                }
                None if self.buffer.len() < OWN => 0,
                None => {
                    self.pay(self.buffer.len() + OWN).await?;
                    OWN
                }
            };
            // Whoever waits for this call knows only until when it was waited for before.
            if self.late() != late {
                return Ok(Came::Part);
            }
            // The rest of it, and no more where it is long.
            let most = missing.max(OWN);
            self.buffer.reserve(most);
            let mut room = (&mut self.buffer).limit(most);
            let read = self.reader.read_buf(&mut room).await.map_err(|_| End::Broken)?;
            if read == 0 {
                return Ok(Came::End);
            }
            self.since += read;
            if self.since >= STEP {
                self.moved();
            }
        }
    }

    /// Has so many bytes out of the budget.
    async fn pay(&mut self, length: usize) -> Result<(), End> {
        let missing = (length as u64).saturating_sub(self.taken.as_ref().map_or(0, Taken::bytes));
        if missing == 0 {
            return Ok(());
        }
        let budget = self.budget.clone();
        let waits = self.waits.get_or_insert_with(|| {
            Box::pin(async move { budget.wait(missing, BUDGET_TIMEOUT).await })
        });
        let more = waits.await;
        self.waits = None;
        let more = more.ok_or(End::Broken)?;
        match &mut self.taken {
            Some(taken) => taken.merge(more),
            None => self.taken = Some(more),
        }
        Ok(())
    }

    fn take(&mut self, length: usize) -> Option<Bytes> {
        if self.buffer.len() < length {
            return None;
        }
        self.length = None;
        self.moved();
        let frame = self.buffer.split_to(length).freeze();
        let own = self.taken.as_mut().map(|taken| taken.split(length as u64));
        // What is left was taken for bytes that are there already, if any are.
        self.taken.take_if(|_| self.buffer.is_empty());
        own.map(|own| own.hold(frame))
    }

    fn moved(&mut self) {
        (self.since, self.moved) = (0, Instant::now());
        self.activity.moved();
    }
}
