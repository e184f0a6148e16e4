//! Uploads: an object that comes in parts, one after the other, and is then completed, aborted or left alone.
//!
//! As clients of S3 do, it asks again for a Complete that has no answer, and puts no part twice.

use bytes::Bytes;
use machine::Outputs;
use object_store::answer::Answer;
use object_store::ask::{Ask, Commit, Place, UploadPlace};
use object_store::conditions::Conditions;
use object_store::message::{Note, ObjectStore, Timer};
use object_store::note::{Operation, What};
use object_store::sums::{Checksum, ETag};
use object_store::words::{PartNumber, UploadId};

use super::stripes::Sending;
use super::{Client, PART, PAUSE, Stage, body, place, tag};

/// An upload that is under way.
#[derive(Clone, Debug)]
pub(super) struct Uploading {
    operation: Operation,
    body: Bytes,
    upload: Option<UploadId>,
    /// What it was told of each part that it has put.
    parts: Vec<(PartNumber, ETag, Option<Checksum>)>,
    /// The part that is under way, where it goes in stripes.
    sending: Option<Sending>,
    /// So often Complete was asked.
    completes: u32,
}

impl Uploading {
    pub(super) fn new(number: u64, operation: Operation) -> Uploading {
        let body = body(number, operation.what.sends().unwrap_or_default());
        let (upload, parts, sending) = (None, Vec::new(), None);
        Uploading { operation, body, upload, parts, sending, completes: 0 }
    }

    /// Was anybody asked to make the parts an object?
    pub(super) fn is_completing(&self) -> bool {
        self.completes > 0
    }

    /// What is asked next, if this answers what was asked; else the answer to the operation.
    pub(super) fn go_on(
        &mut self,
        number: u64,
        small: u32,
        answer: Answer,
        out: &mut Outputs<ObjectStore>,
    ) -> Result<Ask, Answer> {
        let answer = match &mut self.sending {
            Some(sending) => match sending.go_on(number, answer, out) {
                Ok(next) => return Ok(next),
                Err(answer) => answer,
            },
            None => answer,
        };
        match answer {
            Answer::Upload(id) => self.upload = Some(id),
            Answer::Stored(stored) if !self.is_completing() => {
                let number = self.parts.len() as PartNumber + 1;
                self.parts.push((number, stored.etag, None));
                self.sending = None;
            }
            answer => return Err(answer),
        }
        self.next(small)
    }

    /// The next part, or that there are no more.
    fn next(&mut self, small: u32) -> Result<Ask, Answer> {
        let from = self.parts.len() * PART as usize;
        if from >= self.body.len() {
            return match self.operation.what {
                What::Abort(_) => Ok(Ask::AbortUpload { place: self.place() }),
                What::Abandon(_) => Err(Answer::Done),
                _ => Ok(self.complete()),
            };
        }
        let body = self.body.slice(from..self.body.len().min(from + PART as usize));
        let UploadPlace { bucket, key, upload } = self.place();
        let place = Place { bucket, key, part: Some((upload, self.parts.len() as PartNumber + 1)) };
        let (size, etag, conditions) = (body.len() as u64, tag(&body), Conditions::default());
        let headers = Vec::new();
        let commit = Commit { place, size, etag, checksum: None, headers, conditions };
        if size <= u64::from(small) {
            return Ok(Ask::Small { commit: Box::new(commit), body });
        }
        let place = commit.place.clone();
        self.sending = Some(Sending::new(commit, body, from as u32));
        Ok(Ask::Begin { place })
    }

    fn place(&self) -> UploadPlace {
        let (bucket, key) = place(self.operation.key);
        UploadPlace { bucket, key, upload: self.upload.unwrap_or(UploadId(0)) }
    }

    /// The parts are to be the object.
    pub(super) fn complete(&mut self) -> Ask {
        self.completes += 1;
        let (parts, conditions) = (self.parts.clone(), Conditions::default());
        Ask::CompleteUpload { place: self.place(), parts, checksum: None, conditions }
    }
}

impl Client {
    /// Nobody says what came of the last question. To complete an upload is asked again; all else is given up.
    pub(super) fn unheard(&mut self, out: &mut Outputs<ObjectStore>) {
        match self.open.as_ref().map(|open| &open.what) {
            Some(Stage::Uploading(upload)) if upload.is_completing() => {
                out.note(Note::Sometimes("completed-again"));
                out.set_timer(Timer::Pause, PAUSE);
            }
            _ => self.give_up(out),
        }
    }

    /// Was a question asked before that may have done what this answer says was not done?
    pub(super) fn asked_again(&self) -> bool {
        let upload = self.open.as_ref().map(|open| &open.what);
        matches!(upload, Some(Stage::Uploading(upload)) if upload.completes > 1)
    }
}
