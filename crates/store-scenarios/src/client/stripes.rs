//! Bytes that come and go in stripes.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};
use machine::Outputs;
use object_store::answer::{Answer, Found, Go, Item};
use object_store::ask::{Ask, Commit};
use object_store::erasure::Codec;
use object_store::error::Refusal;
use object_store::message::{Note, ObjectStore, Timer};
use object_store::note::What;
use object_store::row::{Extent, Kept, Piece};
use object_store::stripe::Seal;
use object_store::words::PutId;

use super::{Client, PAGES, PAUSE, Stage, number, place};

/// Bytes that are sent, one stripe after the other.
#[derive(Clone, Debug)]
pub(super) struct Sending {
    commit: Commit,
    body: Bytes,
    /// The first of these, counted from the first of the operation.
    from: u32,
    go: Option<Go>,
    /// Stripes that were sent.
    sent: u64,
}

impl Sending {
    pub(super) fn new(commit: Commit, body: Bytes, from: u32) -> Sending {
        Sending { commit, body, from, go: None, sent: 0 }
    }

    /// What is asked next, if this answers what was asked.
    pub(super) fn go_on(
        &mut self,
        operation: u64,
        answer: Answer,
        out: &mut Outputs<ObjectStore>,
    ) -> Result<Ask, Answer> {
        match (answer, self.go) {
            (Answer::Go(go), _) => {
                let (put, from, size) = (go.put, self.from, self.body.len() as u32);
                out.note(Note::Puts { operation, put, from, size });
                self.go = Some(go);
                Ok(self.next(go))
            }
            (Answer::Taken, Some(go)) => Ok(self.next(go)),
            (answer, _) => Err(answer),
        }
    }

    /// The next question: a stripe, or that there are no more.
    fn next(&mut self, go: Go) -> Ask {
        let stripe = u64::from(go.stripe);
        let (from, end) = (self.sent * stripe, self.body.len() as u64);
        if from >= end {
            return Ask::End { put: go.put, commit: Box::new(self.commit.clone()) };
        }
        let bytes = self.body.slice(from as usize..(from + stripe).min(end) as usize);
        let (number, place) = (self.sent, &self.commit.place);
        let codec = Codec::new(go.code).expect("the gateway has one");
        let pieces = Seal::new(&place.bucket, &place.key, go.put).cut(&codec, number, &bytes);
        self.sent += 1;
        Ask::Stripe { put: go.put, number, pieces }
    }
}

/// Bytes that are read, one stripe after the other.
#[derive(Clone, Debug)]
pub(super) struct Reading {
    found: Box<Found>,
    extent: Extent,
    /// Behind it.
    others: VecDeque<Extent>,
    /// The stripe that is asked for.
    stripe: u64,
    /// Slots whose pieces of it were not what they should be.
    bad: u32,
    bytes: BytesMut,
}

impl Client {
    /// Goes on with what has more than one question; the answer to the operation, if this is it.
    pub(super) fn go_on(
        &mut self,
        answer: Answer,
        out: &mut Outputs<ObjectStore>,
    ) -> Option<Answer> {
        let small = self.tuning.small;
        let open = self.open.as_mut()?;
        let (number, key) = (open.number, open.operation.key);
        let next = match (&mut open.what, answer) {
            (Stage::Sending(sending), answer) => match sending.go_on(number, answer, out) {
                Ok(next) => next,
                Err(answer) => return Some(answer),
            },
            (Stage::Uploading(upload), answer) => match upload.go_on(number, small, answer, out) {
                Ok(next) => next,
                Err(answer) => return Some(answer),
            },
            (Stage::Listing(list), Answer::Page(page)) => {
                let keys = page.items.iter().filter_map(listed).collect();
                out.note(Note::Page { operation: number, keys });
                let Some(next) = page.next.clone() else { return Some(Answer::Page(page)) };
                list.after = Some(next);
                out.set_timer(Timer::Pause, PAGES);
                return None;
            }
            (Stage::Reading(reading), Answer::Pieces(pieces)) => match reading.take(key, &pieces) {
                Some(answer) => return Some(answer),
                None => return self.read_on(out),
            },
            (Stage::Reading(reading), Answer::Whole(bytes)) => match reading.add(&bytes) {
                Some(answer) => return Some(answer),
                None => return self.read_on(out),
            },
            (stage, Answer::Found(found)) => match Reading::begin(found) {
                Ok(reading) => {
                    for put in reading.puts() {
                        out.note(Note::Reads { operation: number, put });
                    }
                    *stage = Stage::Reading(reading);
                    return self.read_on(out);
                }
                Err(found) => return Some(Answer::Found(found)),
            },
            (_, answer) => return Some(answer),
        };
        self.ask(next, out);
        None
    }

    /// Asks for the next stripe, at once or after a pause.
    fn read_on(&mut self, out: &mut Outputs<ObjectStore>) -> Option<Answer> {
        match self.open.as_ref()?.operation.what {
            What::GetSlowly => out.set_timer(Timer::Pause, PAUSE),
            _ => self.paused(out),
        }
        None
    }

    /// The pause is over.
    pub(super) fn paused(&mut self, out: &mut Outputs<ObjectStore>) {
        let Some(open) = &mut self.open else { return };
        let next = match &mut open.what {
            Stage::Reading(reading) => reading.ask(open.operation.key),
            Stage::Uploading(upload) => upload.complete(),
            Stage::Listing(list) => Ask::List(list.clone()),
            _ => return,
        };
        self.ask(next, out);
    }
}

/// The number of a key that is listed.
fn listed(item: &Item) -> Option<u8> {
    match item {
        Item::Object(key, ..) => number(key),
        Item::Prefix(_) => None,
    }
}

impl Reading {
    /// Where the bytes did not come with what was found.
    fn begin(found: Box<Found>) -> Result<Reading, Box<Found>> {
        let extents = found.row.content.iter().flat_map(|content| &content.extents);
        let mut others: VecDeque<_> = extents.cloned().collect();
        match others.pop_front().filter(|_| found.body.is_none()) {
            Some(extent) => {
                Ok(Reading { found, extent, others, stripe: 0, bad: 0, bytes: BytesMut::new() })
            }
            None => Err(found),
        }
    }

    /// The names of what lies in shards.
    fn puts(&self) -> impl Iterator<Item = PutId> + '_ {
        let extents = [&self.extent].into_iter().chain(&self.others);
        extents.filter(|extent| extent.kept != Kept::Whole).map(|extent| extent.put)
    }

    pub(super) fn ask(&self, key: u8) -> Ask {
        let ((bucket, key), extent) = (place(key), self.extent.clone());
        Ask::Read { bucket, key, extent, stripe: self.stripe, bad: self.bad }
    }

    /// Takes the pieces of a stripe: all bytes, when it was the last.
    fn take(&mut self, key: u8, pieces: &[Piece]) -> Option<Answer> {
        let Kept::Shards(shards) = self.extent.kept else { return None };
        let (bucket, name) = place(key);
        let seal = Seal::new(&bucket, &name, self.extent.put);
        let codec = Codec::new(shards.code).expect("it was put with it");
        let length = shards.stripe_length(self.extent.length, self.stripe);
        match seal.join(&codec, self.stripe, length, pieces) {
            Ok(slices) => slices.iter().for_each(|slice| self.bytes.extend_from_slice(slice)),
            Err(bad) if bad & !self.bad != 0 => {
                self.bad |= bad;
                return None;
            }
            Err(_) => return Some(Answer::Refused(Refusal::Unreadable)),
        }
        (self.stripe, self.bad) = (self.stripe + 1, 0);
        if self.stripe < shards.stripes(self.extent.length) { None } else { self.next() }
    }

    /// Takes the bytes of an extent: all, when it was the last.
    fn add(&mut self, bytes: &Bytes) -> Option<Answer> {
        self.bytes.extend_from_slice(bytes);
        self.next()
    }

    /// Goes on with the next extent.
    fn next(&mut self) -> Option<Answer> {
        if let Some(extent) = self.others.pop_front() {
            (self.extent, self.stripe) = (extent, 0);
            return None;
        }
        let found = Found { body: Some(self.bytes.split().freeze()), ..(*self.found).clone() };
        Some(Answer::Found(Box::new(found)))
    }
}
