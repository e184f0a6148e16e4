//! A simulated client: one operation at a time, asked of the gateway that the plan names. Bytes that are not few it sends
//! and reads in stripes (`client/stripes.rs`), as a session of the door does.
//!
//! The law: every operation is noted when it begins and when it ends, and is asked once, but for an upload that is to be
//! completed (`client/uploads.rs`). What has no answer, or one that says so, may have been done.

mod stripes;
mod uploads;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use machine::{Field, Input, Inspection, Machine, NodeId, Now, Outputs};
use object_store::answer::Answer;
use object_store::ask::{Ask, BucketChange, Commit, List, Place};
use object_store::conditions::{Conditions, Match};
use object_store::error::Refusal;
use object_store::message::{Message, ObjectStore, Timer};
use object_store::note::{Note, Operation, Told, What};
use object_store::sums::{ETag, Tagging};
use object_store::tuning::Tuning;
use object_store::words::Name;

use crate::shape::BUCKETS;
use stripes::{Reading, Sending};
use uploads::Uploading;

/// A gateway that has not answered by then is not waited for. It says sooner that it does not know.
const PATIENCE: Duration = Duration::from_secs(4);
/// Before a stripe that is read slowly, and before a question that had no answer is asked again.
const PAUSE: Duration = Duration::from_millis(400);
/// Before the next page of a listing.
const PAGES: Duration = Duration::from_millis(40);
/// Bytes of each part of an upload but the last: as few as a part may have.
pub(crate) const PART: u32 = 3 << 10;
/// The user of all of them.
const USER: &str = "client";

/// Does what a plan tells it.
#[derive(Clone, Debug)]
pub struct Client {
    id: NodeId,
    tuning: Tuning,
    begun: u32,
    open: Option<Open>,
    /// To be begun after it, in order.
    waiting: VecDeque<Operation>,
    /// What it has seen last under each key: whose bytes.
    seen: BTreeMap<u8, Seen>,
}

#[derive(Clone, Debug)]
struct Open {
    /// Of the operation; questions have tokens of their own.
    number: u64,
    operation: Operation,
    /// Of the question that has no answer, and of the one after it.
    asked: u64,
    what: Stage,
}

/// What it is waiting for.
#[derive(Clone, Debug)]
enum Stage {
    /// The one answer that there is.
    Answer,
    /// Leave to send bytes, or that they are taken.
    Sending(Sending),
    /// A stripe.
    Reading(Reading),
    /// What is next of an upload.
    Uploading(Uploading),
    /// A page.
    Listing(List),
}

/// Bytes that were seen.
#[derive(Clone, Copy, Debug)]
struct Seen {
    operation: u64,
    etag: ETag,
}

impl Client {
    /// The client of this number.
    pub fn new(id: NodeId, tuning: Tuning) -> Client {
        let (waiting, seen) = (VecDeque::new(), BTreeMap::new());
        Client { id, tuning, begun: 0, open: None, waiting, seen }
    }

    fn begin_next(&mut self, out: &mut Outputs<ObjectStore>) {
        let Some(operation) = self.waiting.pop_front() else { return };
        self.begun += 1;
        let token = u64::from(self.id.0) << 32 | u64::from(self.begun);
        let Operation { gateway, key, what } = operation;
        let seen = self.seen.get(&key).filter(|_| matches!(what, What::Swap(_))).copied();
        let seen_of = seen.map(|seen| seen.operation);
        out.note(Note::Invoked { operation: token, gateway, key, what, seen: seen_of });
        let ask = question(token, operation, seen);
        let (ask, what) = match ask {
            Ask::BeginUpload { .. } => (ask, Stage::Uploading(Uploading::new(token, operation))),
            Ask::List(list) => (Ask::List(list.clone()), Stage::Listing(list)),
            Ask::Small { commit, body } if body.len() > self.tuning.small as usize => {
                let place = commit.place.clone();
                (Ask::Begin { place }, Stage::Sending(Sending::new(*commit, body, 0)))
            }
            ask => (ask, Stage::Answer),
        };
        self.open = Some(Open { number: token, operation, asked: token << 16, what });
        self.ask(ask, out);
        out.set_timer(Timer::Patience, PATIENCE);
    }

    /// Asks the gateway, under the next token.
    fn ask(&mut self, ask: Ask, out: &mut Outputs<ObjectStore>) {
        let Some(open) = &mut self.open else { return };
        open.asked += 1;
        let (token, ask) = (open.asked, Box::new(ask));
        out.send(open.operation.gateway, Message::Ask { token, user: USER.into(), ask });
    }

    fn answered(&mut self, token: u64, answer: Answer, out: &mut Outputs<ObjectStore>) {
        let Some(open) = self.open.as_ref().filter(|open| open.asked == token) else { return };
        let (number, Operation { key, what, .. }) = (open.number, open.operation);
        let Some(answer) = self.go_on(answer, out) else { return };
        let told = match answer {
            Answer::Stored(stored) => {
                self.seen.insert(key, Seen { operation: number, etag: stored.etag });
                Some(Told::Done)
            }
            Answer::Done | Answer::Page(_) => Some(Told::Done),
            Answer::Deleted(_) => {
                self.seen.remove(&key);
                Some(Told::Done)
            }
            Answer::Found(found) => {
                let bytes = found.body.unwrap_or_default();
                let etag = found.row.content.map(|content| content.etag);
                Some(self.read(key, &bytes, etag))
            }
            Answer::Refused(Refusal::NoSuchKey { .. }) => {
                self.seen.remove(&key);
                let reads = matches!(what, What::Get | What::GetSlowly);
                Some(if reads { Told::Nothing } else { Told::Unmet })
            }
            Answer::Refused(Refusal::PreconditionFailed) => Some(Told::Unmet),
            Answer::Refused(refusal) if refusal.may_have_happened() => {
                return self.unheard(out);
            }
            // What was asked before may have happened.
            Answer::Refused(_) if self.asked_again() => return self.give_up(out),
            Answer::Refused(Refusal::NoSuchBucket | Refusal::BucketAlreadyOwnedByYou) => {
                out.note(Note::Declined { operation: number });
                return self.end(out);
            }
            _ => None,
        };
        out.note(match told {
            Some(told) => Note::Answered { operation: number, told },
            None => Note::Failed { operation: number },
        });
        self.end(out);
    }

    /// Whose bytes are these? All of them must be.
    fn read(&mut self, key: u8, bytes: &Bytes, etag: Option<ETag>) -> Told {
        let Some(operation) = bytes.first_chunk().map(|first| u64::from_le_bytes(*first)) else {
            return Told::False;
        };
        let tags: Vec<_> = bytes.chunks(PART as usize).map(tag).collect();
        let tags = [tag(bytes), ETag::of_parts(&tags)];
        let etag = etag.filter(|etag| tags.contains(etag));
        let Some(etag) = etag.filter(|_| *bytes == body(operation, bytes.len() as u32)) else {
            return Told::False;
        };
        self.seen.insert(key, Seen { operation, etag });
        Told::Bytes(operation)
    }

    /// Nobody knows; but what only reads did nothing, and no more did an upload that nobody was asked to complete.
    fn give_up(&mut self, out: &mut Outputs<ObjectStore>) {
        let Some(Open { number, operation, what, .. }) = &self.open else { return };
        let (number, may_have) = match (operation.what, what) {
            (What::Upload(_), Stage::Uploading(upload)) => (*number, upload.is_completing()),
            (what, _) => (*number, what.changes() || what == What::Make),
        };
        out.note(match may_have {
            true => Note::GivenUp { operation: number },
            false => Note::Failed { operation: number },
        });
        self.end(out);
    }

    fn end(&mut self, out: &mut Outputs<ObjectStore>) {
        self.open = None;
        out.cancel_timer(Timer::Patience);
        out.cancel_timer(Timer::Pause);
        self.begin_next(out);
    }
}

/// What it asks its gateway.
fn question(token: u64, Operation { key, what, .. }: Operation, seen: Option<Seen>) -> Ask {
    let (bucket, name) = place(key);
    let put = |size, conditions| {
        let body = body(token, size);
        let place = Place { bucket: bucket.clone(), key: name.clone(), part: None };
        let (etag, checksum, headers) = (tag(&body), None, Vec::new());
        let size = u64::from(size);
        let commit = Commit { place, size, etag, checksum, headers, conditions };
        Ask::Small { commit: Box::new(commit), body }
    };
    let begin = || {
        let (bucket, key) = (bucket.clone(), name.clone());
        Ask::BeginUpload { bucket, key, headers: Vec::new(), sums: None }
    };
    let new = Conditions { differs: Some(Match::Any), ..Conditions::default() };
    match (what, seen) {
        (What::Make, _) => Ask::ChangeBucket(bucket, BucketChange::Make),
        (What::Put(size), _) => put(size, Conditions::default()),
        (What::PutNew(size), _) | (What::Swap(size), None) => put(size, new),
        (What::Swap(size), Some(seen)) => {
            let matches = Some(Match::Tag(seen.etag.to_string().into()));
            put(size, Conditions { matches, ..Conditions::default() })
        }
        (What::Delete, _) => {
            let conditions = Conditions::default();
            Ask::Delete { bucket, key: name, version: None, conditions }
        }
        (What::Upload(_) | What::Abort(_) | What::Abandon(_), _) => begin(),
        (What::List(most), _) => Ask::List(List {
            bucket,
            prefix: "".into(),
            delimiter: None,
            after: None,
            most,
            versions: false,
        }),
        (What::Get | What::GetSlowly, _) => {
            let conditions = Conditions::default();
            Ask::Get { bucket, key: name, version: None, conditions, body: true }
        }
    }
}

/// Where the key of this number is.
pub(crate) fn place(key: u8) -> (Name, Name) {
    let bucket = BUCKETS[usize::from(key) % BUCKETS.len()];
    (bucket.into(), format!("key-{key}").into())
}

/// The number of a key that is called so.
fn number(name: &str) -> Option<u8> {
    name.strip_prefix("key-")?.parse().ok()
}

/// The bytes that an operation puts: they say whose they are, from the first to the last.
pub(crate) fn body(operation: u64, size: u32) -> Bytes {
    let numbers = (0..).flat_map(|block: u64| operation.wrapping_add(block << 20).to_le_bytes());
    numbers.take(size.max(8) as usize).collect()
}

fn tag(bytes: &[u8]) -> ETag {
    let mut tagging = Tagging::default();
    tagging.add(bytes);
    tagging.end()
}

impl Machine for Client {
    type Protocol = ObjectStore;

    fn handle(
        &mut self,
        _: &mut Now<'_>,
        input: Input<ObjectStore>,
        out: &mut Outputs<ObjectStore>,
    ) {
        match input {
            Input::Message { message: Message::Do(operation), .. } => {
                self.waiting.push_back(operation);
                if self.open.is_none() {
                    self.begin_next(out);
                }
            }
            Input::Message { message: Message::Answer { token, answer }, .. } => {
                self.answered(token, *answer, out);
            }
            Input::LinkReset { peer }
                if self.open.as_ref().is_some_and(|open| open.operation.gateway == peer) =>
            {
                self.unheard(out);
            }
            Input::Timer(Timer::Patience) => self.give_up(out),
            Input::Timer(Timer::Pause) => self.paused(out),
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
