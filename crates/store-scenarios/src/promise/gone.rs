//! The promise `dead-bytes-go`, judged by what the disks of nodes have in the end.
//!
//! Bytes are dead for certain when something was put in their place, by an operation that began when they were put, or
//! could no longer be; when their client was told that they were refused; and when it gave up the upload that they are a
//! part of. One that nobody ends is given up after some epochs.

use std::collections::BTreeMap;
use std::time::Duration;

use machine::Time;
use object_store::message::Note;
use object_store::note::{Told, What};
use object_store::shards::ShardId;
use object_store::words::PutId;
use sim::{Breach, Entry, Promise, Verdict, World};

use super::changes::Changes;
use crate::shape::{Node, Shape, UPLOAD_AGE};

/// A put that began so many epochs ago is named by now, or never.
const NAMED: u32 = 4;
/// After so many epochs dead bytes are gone.
const BOUND: u32 = 6;

pub(super) struct Gone {
    shape: Shape,
    changes: Changes,
    puts: BTreeMap<PutId, u64>,
    asked: BTreeMap<u64, Asked>,
}

/// An operation that sends bytes.
struct Asked {
    key: u8,
    what: What,
    begun: Time,
    /// It was told that nothing was done, or that its upload was aborted.
    refused: Option<Time>,
}

impl Gone {
    pub(super) fn new(shape: Shape) -> Gone {
        let (puts, asked) = (BTreeMap::new(), BTreeMap::new());
        Gone { shape, changes: Changes::default(), puts, asked }
    }

    fn epochs(&self, epochs: u32) -> Duration {
        Duration::from_millis(self.shape.epoch) * epochs
    }

    fn heard(&mut self, at: Time, note: &Note) {
        self.changes.heard(at, note);
        match *note {
            Note::Invoked { operation, key, what, .. } if what.sends().is_some() => {
                self.asked.insert(operation, Asked { key, what, begun: at, refused: None });
            }
            Note::Puts { operation, put, .. } => drop(self.puts.insert(put, operation)),
            Note::Answered { operation, .. }
            | Note::Failed { operation }
            | Note::Declined { operation } => {
                let was_done = matches!(note, Note::Answered { told: Told::Done, .. });
                if let Some(asked) = self.asked.get_mut(&operation) {
                    let aborted = matches!(asked.what, What::Abort(_));
                    let is_upload = matches!(asked.what, What::Upload(_) | What::Abandon(_));
                    // Parts of an upload that failed are nobody's, and are kept until it is given up.
                    asked.refused = (if was_done { aborted } else { !is_upload }).then_some(at);
                }
            }
            _ => {}
        }
    }

    /// Since when these bytes are dead for certain.
    fn dead_since(&self, operation: u64) -> Option<Time> {
        let Asked { key, what, begun, refused } = self.asked.get(&operation)?;
        let own = self.changes.of(*key).iter().find(|change| change.operation == operation);
        let Some(own) = own.filter(|_| what.changes()) else {
            let given_up = *begun + self.epochs(UPLOAD_AGE + NAMED);
            return Some(refused.unwrap_or(given_up));
        };
        let named = own.done.map_or(*begun + self.epochs(NAMED), |(_, at)| at);
        let others = self.changes.of(*key).iter().filter(|other| other.begun.1 > named);
        others.filter_map(|other| other.done.map(|(_, at)| at)).min()
    }

    /// What is wrong with what the disks have.
    fn judge<'a>(&self, now: Time, files: impl Iterator<Item = &'a str>) -> Result<(), Breach> {
        for put in files.filter_map(ShardId::parse).map(|id| id.put) {
            let Some(operation) = self.puts.get(&put).copied() else { continue };
            let since = self.dead_since(operation);
            if let Some(since) = since.filter(|since| *since + self.epochs(BOUND) < now) {
                let why = format!("{put:?} is dead since {since:?}, and a disk has a shard of it");
                return Err(Breach::from(why).on_operation(operation));
            }
        }
        Ok(())
    }
}

impl Promise<Node> for Gone {
    fn note(&mut self, _: &World<Node>, entry: &Entry<Note>) -> Result<(), Breach> {
        self.heard(entry.at, &entry.note);
        Ok(())
    }

    fn end(&mut self, world: &World<Node>) -> Verdict {
        for node in self.shape.store_ids() {
            let changed = world.changed_files(node, 0).map(|(file, _)| file);
            let there = changed.filter(|file| world.file(node, file).is_some());
            if let Err(breach) = self.judge(world.now(), there) {
                return Verdict::Broken(breach);
            }
        }
        Verdict::Held
    }
}

#[cfg(test)]
mod tests {
    use machine::NodeId;

    use super::*;

    const PUT: PutId = PutId { group: 0, epoch: 0, nonce: 0, seq: 1 };

    /// Operation 1 puts these bytes at once and is told this, and operation 2 is done after so many epochs; what is said of
    /// the bytes ten epochs later, and whether all of it is well.
    fn judged(what: What, told: Option<Note>, second: Option<(u32, What)>) -> bool {
        let mut gone = Gone::new(Shape::default());
        let begins = |operation, what| {
            let gateway = NodeId(0);
            Note::Invoked { operation, gateway, key: 1, what, seen: None }
        };
        gone.heard(Time(0), &begins(1, what));
        gone.heard(Time(0), &Note::Puts { operation: 1, put: PUT, from: 0, size: 8 });
        told.iter().for_each(|told| gone.heard(Time(1), told));
        if let Some((epochs, what)) = second {
            let at = Time(2) + gone.epochs(epochs);
            gone.heard(at, &begins(2, what));
            gone.heard(at, &Note::Answered { operation: 2, told: Told::Done });
        }
        let file = ShardId { group: 0, put: PUT, slot: 0 }.file();
        gone.judge(Time(0) + gone.epochs(14), [&*file].into_iter()).is_ok()
    }

    #[test]
    fn what_may_be_an_objects_may_stay_and_what_is_dead_for_long_may_not() {
        let (put, upload) = (What::Put(8), What::Upload(8));
        let done = || Some(Note::Answered { operation: 1, told: Told::Done });
        let unmet = Some(Note::Answered { operation: 1, told: Told::Unmet });
        let failed = || Some(Note::Failed { operation: 1 });
        let given_up = || Some(Note::GivenUp { operation: 1 });
        assert!(judged(put, done(), None));
        assert!(judged(put, given_up(), None));
        assert!(judged(put, given_up(), Some((3, put))), "it may have been named later");
        assert!(judged(put, done(), Some((9, put))), "it is dead for five epochs only");
        assert!(!judged(put, done(), Some((7, What::Delete))));
        assert!(!judged(put, given_up(), Some((5, put))));
        assert!(!judged(put, unmet, None));
        assert!(!judged(put, failed(), None));
        assert!(!judged(What::Abort(8), done(), None));
        assert!(!judged(What::Abandon(8), done(), None));
        assert!(!judged(upload, failed(), None));
        assert!(judged(upload, done(), None));
    }
}
