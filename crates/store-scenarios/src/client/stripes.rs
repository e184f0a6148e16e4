//! Bytes that come and go in stripes.

use bytes::{Bytes, BytesMut};
use machine::Outputs;
use object_store::answer::{Answer, Found, Go};
use object_store::ask::{Ask, Commit};
use object_store::erasure::Codec;
use object_store::error::Refusal;
use object_store::message::{Note, ObjectStore};
use object_store::row::{Extent, Kept};
use object_store::stripe::Seal;

use super::{Client, Stage, place};

/// Bytes that are sent, one stripe after the other.
#[derive(Clone, Debug)]
pub(super) struct Sending {
    commit: Commit,
    body: Bytes,
    go: Option<Go>,
    /// Stripes that were sent.
    sent: u64,
}

impl Sending {
    pub(super) fn new(commit: Commit, body: Bytes) -> Sending {
        Sending { commit, body, go: None, sent: 0 }
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
        let open = self.open.as_mut()?;
        let (number, key) = (open.number, open.operation.key);
        let next = match (&mut open.what, answer) {
            (Stage::Sending(sending), Answer::Go(go)) => {
                out.note(Note::Puts { operation: number, put: go.put });
                sending.go = Some(go);
                sending.next(go)
            }
            (Stage::Sending(sending), Answer::Taken) => sending.next(sending.go?),
            (Stage::Reading(reading), Answer::Pieces(pieces)) => match reading.take(key, &pieces) {
                Some(answer) => return Some(answer),
                None => reading.ask(key),
            },
            (stage, Answer::Found(found)) => match Reading::begin(found) {
                Ok(reading) => {
                    let ask = reading.ask(key);
                    *stage = Stage::Reading(reading);
                    ask
                }
                Err(found) => return Some(Answer::Found(found)),
            },
            (_, answer) => return Some(answer),
        };
        self.ask(next, out);
        None
    }
}

impl Reading {
    /// Where the bytes did not come with what was found.
    fn begin(found: Box<Found>) -> Result<Reading, Box<Found>> {
        let extents = found.row.content.as_ref().map(|content| &content.extents[..]);
        match extents {
            Some([extent]) if extent.kept != Kept::Whole => {
                let extent = extent.clone();
                Ok(Reading { found, extent, stripe: 0, bad: 0, bytes: BytesMut::new() })
            }
            _ => Err(found),
        }
    }

    fn ask(&self, key: u8) -> Ask {
        let ((bucket, key), extent) = (place(key), self.extent.clone());
        Ask::Read { bucket, key, extent, stripe: self.stripe, bad: self.bad }
    }

    /// Takes the pieces of a stripe: all bytes, when it was the last.
    fn take(&mut self, key: u8, pieces: &[object_store::row::Piece]) -> Option<Answer> {
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
        if self.stripe < shards.stripes(self.extent.length) {
            return None;
        }
        let found = Found { body: Some(self.bytes.split().freeze()), ..(*self.found).clone() };
        Some(Answer::Found(Box::new(found)))
    }
}
