//! A worker: mints ids for whoever asks.
//!
//! One request's path: [`Message::Mint`] joins the queue; [`Worker::serve`] takes ids from the
//! [`Generator`] as the clock allows; [`Message::Minted`] goes back. What the generator may use is
//! decided elsewhere, once: by the high-water mark where the operator gave the worker its number,
//! by the lease where the authority did.
//!
//! The law: an id is minted only below a ceiling that is already durable (on the worker's own disk
//! or at the authority), and, with a lease, only before the lease can be given away.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use machine::{
    CheckpointError, DiskError, DiskResult, Field, FileName, Generation, Input, Inspection,
    Machine, NodeId, Now, Outputs, Switches, Wall,
};

use crate::lease_client::LeaseClient;
use crate::mark::{self, AHEAD, HighWaterMark};
use crate::mechanism::Mechanism;
use crate::message::{Message, Note, Op, Refusal, Snowflake, Timer};
use crate::stoppage::Stoppage;
use crate::{ClockPolicy, Generator, Id, Layout, NotNow, TooLarge};

/// A request asks for at most so many ids.
pub const MOST_IDS: u32 = 10_000;
/// More requests than this are refused rather than kept waiting.
const MOST_WAITING: usize = 1024;
/// A request waits for a clock that is behind, at most as long as a restart may take to pass its
/// own high-water mark.
const PATIENCE: Duration = AHEAD;

/// Mints ids for whoever asks.
#[derive(Clone, Debug)]
pub struct Worker {
    layout: Layout,
    switches: Switches,
    number: Number,
    /// There once it is known where to start.
    generator: Option<Generator>,
    waiting: VecDeque<Request>,
    generation: Option<Generation>,
    stoppage: Stoppage,
}

/// Where the worker's number comes from.
#[derive(Clone, Debug)]
enum Number {
    Fixed { worker: u64, mark: HighWaterMark },
    Leased(LeaseClient),
}

#[derive(Clone, Debug)]
struct Request {
    from: NodeId,
    token: u64,
    count: u32,
    /// Minted so far: a batch may take more than one tick.
    ids: Vec<Id>,
}

impl Worker {
    /// A worker whose number the operator chose, and whose high-water mark lives on its disk.
    ///
    /// # Errors
    /// If the layout has no room for the number.
    pub fn fixed(layout: Layout, worker: u64, switches: Switches) -> Result<Self, TooLarge> {
        Generator::new(&layout, worker)?;
        let mark = HighWaterMark::new();
        Ok(Worker::new(layout, switches, Number::Fixed { worker, mark }))
    }

    /// A worker that leases its number from an authority: the only one, or whichever of several
    /// answers.
    pub fn leased(layout: Layout, authorities: Vec<NodeId>, switches: Switches) -> Self {
        Worker::new(layout, switches, Number::Leased(LeaseClient::new(authorities, switches)))
    }

    fn new(layout: Layout, switches: Switches, number: Number) -> Self {
        let (generator, generation) = (None, None);
        let (waiting, stoppage) = (VecDeque::new(), Stoppage::default());
        Worker { layout, switches, number, generator, waiting, generation, stoppage }
    }

    fn start(&mut self, now: &mut Now<'_>, out: &mut Outputs<Snowflake>) {
        let marked = Mechanism::HighWaterMark.on(self.switches);
        match &mut self.number {
            Number::Fixed { mark, .. } if marked => mark.load(out),
            Number::Fixed { worker, .. } => {
                let worker = *worker;
                self.open(worker, Wall(0), now, out);
            }
            Number::Leased(lessee) => lessee.ask(now, out),
        }
    }

    /// From here on ids may be minted, above this timestamp.
    fn open(&mut self, worker: u64, above: Wall, now: &Now<'_>, out: &mut Outputs<Snowflake>) {
        let ahead = Duration::from_nanos(above.0.saturating_sub(now.wall.0));
        self.stoppage.clock_begins_behind(ahead);
        let policy = match Mechanism::ClockGuard.on(self.switches) {
            true => ClockPolicy::Wait,
            false => ClockPolicy::Trust,
        };
        match Generator::new(&self.layout, worker) {
            Ok(generator) => {
                let waits = Mechanism::SequenceWait.on(self.switches);
                let generator = generator.with_clock_policy(policy).with_sequence_wait(waits);
                self.generator = Some(generator.start_after(above));
            }
            Err(error) => out.halt(format!("the authority gave a worker id too large: {error}")),
        }
    }

    fn accept(&mut self, from: NodeId, token: u64, count: u32, out: &mut Outputs<Snowflake>) {
        let why = match count {
            1..=MOST_IDS if self.waiting.len() < MOST_WAITING => {
                let request = Request { from, token, count, ids: Vec::new() };
                return self.waiting.push_back(request);
            }
            1..=MOST_IDS => Refusal::Overloaded,
            _ => Refusal::BadCount,
        };
        out.send(from, Message::Refused { token, why });
    }

    /// Serves what waits, as far as the clock, the mark and the lease allow.
    fn serve(&mut self, now: &mut Now<'_>, out: &mut Outputs<Snowflake>) {
        while let Some(request) = self.waiting.front_mut() {
            let Some(generator) = &mut self.generator else {
                return self.refuse_all(Refusal::NotReady, now, out);
            };
            if let Number::Leased(lessee) = &mut self.number
                && let Err(why) = lessee.permits(now, out)
            {
                return self.refuse_all(why, now, out);
            }
            let left = request.count as usize - request.ids.len();
            match generator.take(now.wall, left, &mut request.ids) {
                Ok(taken) => {
                    self.stoppage.clock_begins_behind(Duration::ZERO);
                    if taken == left {
                        self.answer(out);
                    }
                }
                Err(not_now) => return self.wait_or_refuse(not_now, now, out),
            }
        }
    }

    fn answer(&mut self, out: &mut Outputs<Snowflake>) {
        if let Some(Request { from, token, ids, .. }) = self.waiting.pop_front() {
            out.send(from, Message::Minted { token, ids });
        }
    }

    fn wait_or_refuse(&mut self, not_now: NotNow, now: &mut Now<'_>, out: &mut Outputs<Snowflake>) {
        match not_now {
            NotNow::TickUsedUp { retry_at } => {
                out.note(Note::TickUsedUp);
                out.set_timer(Timer::Serve, retry_at.distance(now.wall));
            }
            NotNow::ClockWentBack { by, retry_at } => {
                self.stoppage.clock_is_behind(by, out);
                match retry_at {
                    Some(at) if by <= PATIENCE => {
                        out.set_timer(Timer::Serve, at.distance(now.wall));
                    }
                    _ => self.refuse_all(Refusal::ClockBehind, now, out),
                }
            }
            // The mark is on its way up (see `raise`), and the worker serves again when it is durable.
            NotNow::AboveCeiling if matches!(self.number, Number::Fixed { .. }) => {}
            NotNow::AboveCeiling => self.refuse_all(Refusal::NotReady, now, out),
            NotNow::BeforeEpoch { .. } | NotNow::LayoutExhausted => {
                self.refuse_all(Refusal::OutOfRange, now, out);
            }
        }
    }

    fn refuse_all(&mut self, why: Refusal, now: &Now<'_>, out: &mut Outputs<Snowflake>) {
        // Before the mark was read there was nothing that could have stopped.
        let begun = self.generator.is_some() || matches!(self.number, Number::Leased(_));
        if begun && !self.waiting.is_empty() {
            self.stoppage.holds(why, self.off(why, now), now, out);
        }
        for Request { from, token, .. } in self.waiting.drain(..) {
            out.send(from, Message::Refused { token, why });
        }
    }

    /// Notices that nothing can be minted, or can be again, also where nobody asks.
    fn look(&mut self, now: &Now<'_>, out: &mut Outputs<Snowflake>) {
        let known = self.stoppage.why();
        match self.hindrance(known, now) {
            None => self.stoppage.is_over(now, out),
            Some(why) if known.is_some() || self.generator.is_some() => {
                self.stoppage.holds(why, self.off(why, now), now, out);
            }
            Some(_) => {}
        }
    }

    /// Why nothing can be minted now. A worker with a number of its own that nobody has refused is not
    /// looked into: what it would say it says to the next request.
    fn hindrance(&self, known: Option<Refusal>, now: &Now<'_>) -> Option<Refusal> {
        let Some(generator) = &self.generator else { return Some(Refusal::NotReady) };
        if let Number::Leased(lessee) = &self.number
            && let Some(why) = lessee.refuses(now)
        {
            return Some(why);
        }
        let known = known?;
        match generator.clone().next(now.wall) {
            Ok(_) | Err(NotNow::TickUsedUp { .. }) => None,
            Err(NotNow::ClockWentBack { by, .. }) => {
                (by > PATIENCE).then_some(Refusal::ClockBehind)
            }
            Err(NotNow::AboveCeiling) => match self.number {
                Number::Leased(_) => Some(Refusal::NotReady),
                Number::Fixed { .. } => Some(known).filter(|why| *why == Refusal::DiskFull),
            },
            Err(NotNow::BeforeEpoch { .. } | NotNow::LayoutExhausted) => Some(Refusal::OutOfRange),
        }
    }

    /// How far off the clock is that is the cause of this.
    fn off(&self, why: Refusal, now: &Now<'_>) -> Duration {
        match (why, &self.number, &self.generator) {
            (Refusal::ClockWrong, Number::Leased(lessee), _) => lessee.distance(now),
            (Refusal::ClockBehind, _, Some(generator)) => match generator.clone().next(now.wall) {
                Err(NotNow::ClockWentBack { by, .. }) => by,
                _ => Duration::ZERO,
            },
            _ => Duration::ZERO,
        }
    }

    /// The high-water mark was read: start above it.
    fn loaded(&mut self, result: DiskResult, now: &Now<'_>, out: &mut Outputs<Snowflake>) {
        let Number::Fixed { worker, mark } = &mut self.number else { return };
        let worker = *worker;
        match mark.loaded(result) {
            Ok(mark) => {
                if mark > now.wall {
                    out.note(Note::StartedBelowMark);
                }
                self.open(worker, mark, now, out);
                self.limit(mark);
            }
            Err(error) => out.halt(format!("the high-water mark cannot be read: {error}")),
        }
    }

    /// The high-water mark was raised: mint up to it.
    fn saved(&mut self, result: DiskResult, now: &Now<'_>, out: &mut Outputs<Snowflake>) {
        let Number::Fixed { mark, .. } = &mut self.number else { return };
        match mark.saved(result, out) {
            Ok(mark) => self.limit(mark),
            Err(CheckpointError::Disk(DiskError::Full)) => {
                self.refuse_all(Refusal::DiskFull, now, out);
            }
            Err(error) => out.halt(format!("the high-water mark cannot be raised: {error}")),
        }
    }

    fn limit(&mut self, ceiling: Wall) {
        if let Some(generator) = &mut self.generator {
            generator.set_ceiling(ceiling);
        }
    }

    /// The mark rises only while somebody asks for ids, or to see whether a full disk still is: an idle
    /// worker does not write.
    fn raise(&mut self, looks: bool, now: &Now<'_>, out: &mut Outputs<Snowflake>) {
        let tries = looks && self.stoppage.why() == Some(Refusal::DiskFull);
        let asked = tries || !self.waiting.is_empty();
        let wanted = asked && Mechanism::HighWaterMark.on(self.switches);
        if let (true, Some(_), Number::Fixed { mark, .. }) =
            (wanted, &self.generator, &mut self.number)
        {
            mark.raise(now.wall, out);
        }
    }

    /// Memory and disk went back to a snapshot: what is remembered may belong to somebody else.
    fn check_generation(&mut self, now: &mut Now<'_>, out: &mut Outputs<Snowflake>) {
        let known = self.generation.replace(now.generation);
        let changed = known.is_some_and(|known| known != now.generation);
        if let (true, Number::Leased(lessee)) =
            (changed && Mechanism::GenerationCheck.on(self.switches), &mut self.number)
        {
            out.note(Note::GenerationChanged);
            self.generator = None;
            lessee.drop_lease();
            lessee.ask(now, out);
        }
    }

    fn hear(
        &mut self,
        from: NodeId,
        answer: Message,
        now: &mut Now<'_>,
        out: &mut Outputs<Snowflake>,
    ) {
        let Number::Leased(lessee) = &mut self.number else { return };
        match answer {
            Message::Granted(grant) => {
                let renewed = self.generator.is_some() && lessee.holds(grant.lease);
                if lessee.granted(from, &grant, now, out) {
                    if !renewed {
                        self.open(grant.lease.worker, grant.floor, now, out);
                    }
                    self.limit(grant.ceiling);
                }
            }
            Message::Denied { request } if lessee.denied(request, now, out) => {
                self.generator = None;
            }
            _ => {}
        }
    }
}

impl Machine for Worker {
    type Protocol = Snowflake;

    fn handle(&mut self, now: &mut Now<'_>, input: Input<Snowflake>, out: &mut Outputs<Snowflake>) {
        self.check_generation(now, out);
        let looks = matches!(input, Input::Timer(Timer::Look));
        match input {
            Input::Start { .. } => self.start(now, out),
            Input::Message { from, message: Message::Mint { token, count } } => {
                self.accept(from, token, count, out);
            }
            Input::Message { from, message } => self.hear(from, message, now, out),
            Input::Timer(Timer::Lease) => {
                if let Number::Leased(lessee) = &mut self.number {
                    lessee.ask(now, out);
                }
            }
            Input::Disk { op: Op::Loaded, result } => self.loaded(result, now, out),
            Input::Disk { op: Op::Saved, result } => self.saved(result, now, out),
            Input::Stop => return out.stopped(),
            _ => {}
        }
        self.raise(looks, now, out);
        self.serve(now, out);
        self.look(now, out);
    }

    fn first_files(&self) -> Vec<(FileName, Bytes)> {
        match self.number {
            Number::Fixed { .. } => vec![mark::first_file()],
            Number::Leased(_) => Vec::new(),
        }
    }

    fn fields(&self) -> Vec<Field> {
        let number = match &self.number {
            Number::Leased(lessee) => lessee.to_string(),
            Number::Fixed { worker, .. } => format!("worker {worker}"),
        };
        vec![
            Field::flag("mints", self.generator.is_some() && self.stoppage.why().is_none()),
            Field::text("worker id", Some(number)),
            Field::text("refuses, since", self.stoppage.why()),
        ]
    }

    fn inspect(&self) -> Inspection {
        if self.generator.is_none() {
            return Inspection { role: "waiting", state: "may not mint yet".into() };
        }
        let (role, number) = match &self.number {
            Number::Leased(lessee) => ("holder", lessee.to_string()),
            Number::Fixed { worker, .. } => ("worker", format!("worker {worker}")),
        };
        match self.stoppage.why() {
            None => Inspection { role, state: number },
            Some(why) => Inspection { role: "refusing", state: format!("{number}: {why}") },
        }
    }
}
