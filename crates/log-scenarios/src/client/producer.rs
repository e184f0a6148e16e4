//! A producer: batches of records with ids of their own, to partitions.
//!
//! A batch that was not acknowledged is sent again, unchanged, to whoever leads then, and all that were sent after
//! it with it, in order: so an idempotent producer repeats itself under the same sequence numbers. It never gives up.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use machine::NodeId;

use super::{BEGIN, PAUSE, Turn, What, topic};
use replicated_log::ask::{Acks, Answer, Ask, Produce, ProducePart};
use replicated_log::batch::{self, Batch, Record};
use replicated_log::error::ErrorCode;
use replicated_log::note::Note;

/// Batches of a partition that are sent and not answered: as many as brokers remember of a producer.
const WINDOW: usize = 5;
/// The broker answers by then in any case.
const TIMEOUT: Duration = Duration::from_millis(1_000);

#[derive(Clone, Debug)]
pub(super) struct Producer {
    id: NodeId,
    idempotent: bool,
    record_bytes: usize,
    /// As brokers know it: an idempotent one needs one.
    identity: Option<u64>,
    records: u32,
    operations: u32,
    lanes: Vec<Lane>,
}

/// What goes to a partition.
#[derive(Clone, Debug, Default)]
struct Lane {
    next_sequence: u32,
    waiting: VecDeque<Order>,
    flights: Vec<Flight>,
    /// For a moment nothing is sent: it did not work.
    rests: bool,
}

#[derive(Clone, Copy, Debug)]
struct Order {
    operation: u64,
    first: u64,
    records: u32,
    acks: Acks,
}

#[derive(Clone, Debug)]
struct Flight {
    operation: u64,
    acks: Acks,
    batch: Batch,
    /// Of the attempt that is under way.
    token: Option<u64>,
}

impl Producer {
    pub(super) fn new(
        id: NodeId,
        partitions: u32,
        idempotent: bool,
        record_bytes: u32,
    ) -> Producer {
        let lanes = vec![Lane::default(); partitions as usize];
        let record_bytes = record_bytes.max(8) as usize;
        Producer { id, idempotent, record_bytes, identity: None, records: 0, operations: 0, lanes }
    }

    pub(super) fn state(&self) -> String {
        let flights: usize = self.lanes.iter().map(|lane| lane.flights.len()).sum();
        let waiting: usize = self.lanes.iter().map(|lane| lane.waiting.len()).sum();
        format!("{flights} batches under way, {waiting} wait")
    }

    pub(super) fn begin(&mut self, turn: &mut Turn<'_, '_>) {
        if self.idempotent {
            turn.later(BEGIN, What::AgainIdentity);
        }
    }

    /// A batch of new records.
    pub(super) fn produce(
        &mut self,
        partition: u32,
        records: u32,
        acks: Acks,
        turn: &mut Turn<'_, '_>,
    ) {
        let Some(lane) = self.lanes.get_mut(partition as usize) else { return };
        let number = |count: u32| u64::from(self.id.0) << 32 | u64::from(count);
        self.operations += 1;
        let (operation, first) = (number(self.operations), number(self.records));
        self.records += records;
        let acks = if self.idempotent { Acks::All } else { acks };
        lane.waiting.push_back(Order { operation, first, records, acks });
        turn.note(Note::Sends { operation, partition, first, records, acks });
        self.go_on(partition, turn);
    }

    pub(super) fn came(
        &mut self,
        token: u64,
        what: What,
        answer: Option<Answer>,
        turn: &mut Turn<'_, '_>,
    ) {
        match (what, answer) {
            (What::Identity, Some(Answer::ProducerId(Ok(identity)))) => {
                self.identity = Some(identity);
                self.go_on_with_all(turn);
            }
            (What::Identity, _) => turn.later(PAUSE, What::AgainIdentity),
            (What::AgainIdentity, _) => {
                let broker = turn.calls.any();
                turn.ask(broker, What::Identity, Ask::InitProducerId);
            }
            (What::Metadata, _) => self.go_on_with_all(turn),
            (What::Again(partition), _) => {
                self.lanes[partition as usize].rests = false;
                self.go_on(partition, turn);
            }
            (What::Batch(partition), answer) => {
                let outcome = match answer {
                    Some(Answer::Produced(parts)) => {
                        parts.into_iter().next().map(|part| part.outcome)
                    }
                    _ => None,
                };
                match outcome {
                    Some(Ok((offset, _))) => self.acknowledged(partition, token, offset, turn),
                    Some(Err(error)) if is_final(error) => self.refused(partition, token, turn),
                    _ => self.fail(partition, turn),
                }
                self.go_on(partition, turn);
            }
            _ => {}
        }
    }

    fn go_on_with_all(&mut self, turn: &mut Turn<'_, '_>) {
        (0..self.lanes.len() as u32).for_each(|partition| self.go_on(partition, turn));
    }

    /// Sends what there is room for, in order.
    fn go_on(&mut self, partition: u32, turn: &mut Turn<'_, '_>) {
        let (lane, timestamp) =
            (&mut self.lanes[partition as usize], turn.now.wall.millis() as i64);
        if lane.rests || self.idempotent && self.identity.is_none() {
            return;
        }
        while lane.flights.len() < WINDOW
            && let Some(order) = lane.waiting.pop_front()
        {
            let first_sequence = lane.next_sequence;
            lane.next_sequence += order.records;
            let producer = self.identity.map(|id| batch::Producer { id, epoch: 0, first_sequence });
            let batch = Batch::of(&records(order, self.record_bytes), timestamp, producer);
            let Order { operation, acks, .. } = order;
            lane.flights.push(Flight { operation, acks, batch, token: None });
        }
        if !lane.flights.iter().any(|flight| flight.token.is_none()) {
            return;
        }
        let Some(leader) = turn.calls.leader(partition) else { return turn.ask_who_leads() };
        for flight in lane.flights.iter_mut().filter(|flight| flight.token.is_none()) {
            let part = ProducePart { topic: topic(), partition, batch: Ok(flight.batch.clone()) };
            let produce = Produce { acks: flight.acks, timeout: TIMEOUT, batches: vec![part] };
            flight.token = Some(turn.ask(leader, What::Batch(partition), Ask::Produce(produce)));
        }
        // Nobody answers a batch that nobody need have.
        for flight in lane.flights.extract_if(.., |flight| flight.acks == Acks::None) {
            flight.token.map(|token| turn.calls.open.remove(&token));
            turn.note(Note::NotAcked { operation: flight.operation });
        }
        if !lane.waiting.is_empty() && lane.flights.len() < WINDOW {
            self.go_on(partition, turn);
        }
    }

    fn take(&mut self, partition: u32, token: u64) -> Option<Flight> {
        let flights = &mut self.lanes[partition as usize].flights;
        let place = flights.iter().position(|flight| flight.token == Some(token))?;
        Some(flights.remove(place))
    }

    fn acknowledged(&mut self, number: u32, token: u64, offset: u64, turn: &mut Turn<'_, '_>) {
        if let (Some(flight), Some(partition)) =
            (self.take(number, token), turn.calls.partition(number))
        {
            turn.note(Note::Acked { operation: flight.operation, partition, offset });
        }
    }

    fn refused(&mut self, number: u32, token: u64, turn: &mut Turn<'_, '_>) {
        if let Some(flight) = self.take(number, token) {
            turn.note(Note::NotAcked { operation: flight.operation });
        }
    }

    /// All that is under way is to be sent again, once it is known where to.
    fn fail(&mut self, partition: u32, turn: &mut Turn<'_, '_>) {
        let lane = &mut self.lanes[partition as usize];
        for flight in &mut lane.flights {
            flight.token.take().map(|token| turn.calls.open.remove(&token));
        }
        if !std::mem::replace(&mut lane.rests, true) {
            turn.later(PAUSE, What::Again(partition));
        }
        turn.doubt(partition);
    }
}

/// No repetition changes it.
fn is_final(error: ErrorCode) -> bool {
    use ErrorCode::*;
    matches!(
        error,
        CorruptMessage
            | InvalidRecord
            | InvalidRequest
            | InvalidRequiredAcks
            | MessageTooLarge
            | UnsupportedForMessageFormat
    )
}

/// Each begins with its id.
fn records(order: Order, bytes: usize) -> Vec<Record> {
    let record = |id: u64| {
        let mut value = id.to_be_bytes().to_vec();
        value.resize(bytes, b'.');
        Record { key: None, value: Some(Bytes::from(value)) }
    };
    (order.first..).take(order.records as usize).map(record).collect()
}
