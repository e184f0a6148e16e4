//! Every order in which one put is sealed, committed, overwritten, read and collected while epochs pass; and what goes of
//! bytes that are kept whole.

use std::collections::BTreeSet;

use machine::Switches;

use super::*;
use crate::ask::{Ask, BucketChange, Commit};
use crate::conditions::Conditions;
use crate::entry::Entry;
use crate::row::{Shards, Versioning};
use crate::sums::Tagging;
use crate::tuning::Tuning;
use crate::words::{Code, UploadId};

use crate::catalog::tests::{Rig, name};

const CODE: Code = Code { data: 1, parity: 0 };
const SHARDS: Kept = Kept::Shards(Shards { code: CODE, stripe: 8, layout: 1, missing: 0 });
/// So many epochs are enough for everything that can happen.
const EPOCHS: Epoch = 6;

fn commit(key: &str) -> Box<Commit> {
    let place = crate::ask::Place { bucket: name("b"), key: name(key), part: None };
    let (etag, conditions) = (Tagging::default().end(), Conditions::default());
    Box::new(Commit { place, size: 8, etag, checksum: None, headers: vec![], conditions })
}

/// A put, its one shard, the group, and a collector and a reader that are slow.
#[derive(Clone)]
struct World {
    catalog: Catalog,
    state: State,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct State {
    epoch: Epoch,
    begun: Option<Epoch>,
    is_sealed: bool,
    is_on_disk: bool,
    is_committed: bool,
    is_overwritten: bool,
    /// The collector was told that the put is dead, and has not deleted it yet.
    is_told: bool,
    /// Somebody found the row, so many epochs ago.
    reads: Option<Epoch>,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Begin,
    Seal,
    Commit,
    Overwrite,
    Advance,
    Ask,
    Delete,
    Find,
    End,
}

const STEPS: [Step; 9] = [
    Step::Begin,
    Step::Seal,
    Step::Commit,
    Step::Overwrite,
    Step::Advance,
    Step::Ask,
    Step::Delete,
    Step::Find,
    Step::End,
];

impl World {
    fn new(switches: Switches) -> World {
        let catalog = Catalog::new(&Tuning::default(), switches);
        let mut world = World { catalog, state: State::default() };
        world.apply(None, Ask::ChangeBucket(name("b"), BucketChange::Make));
        world
    }

    fn apply(&mut self, put: Option<(PutId, Kept)>, ask: Ask) -> Answer {
        let entry = Entry { user: name("me"), at: 9, put, ask };
        self.catalog.apply(3, 1, entry).0
    }

    fn put(&self) -> Option<PutId> {
        self.state.begun.map(|epoch| PutId { group: 3, epoch, nonce: 1, seq: 1 })
    }

    fn is_named(&self) -> bool {
        self.put().is_some_and(|put| self.catalog.named.contains_key(&put))
    }

    /// Takes a step, if it is one that can be taken now.
    fn take(&mut self, step: Step) -> Option<()> {
        let state = self.state;
        let can = match step {
            Step::Begin => state.begun.is_none(),
            Step::Seal => state.begun.is_some() && !state.is_sealed,
            Step::Commit => state.is_sealed && !state.is_committed,
            Step::Overwrite => state.is_committed && !state.is_overwritten,
            // No get takes longer than an epoch.
            Step::Advance => state.epoch < EPOCHS && state.reads != Some(1),
            Step::Ask => state.begun.is_some() && !state.is_told,
            Step::Delete => state.is_told,
            Step::Find => state.reads.is_none() && self.is_named(),
            Step::End => state.reads.is_some(),
        };
        let put = self.put().filter(|_| can);
        let state = &mut self.state;
        match (step, put) {
            _ if !can => return None,
            (Step::Begin, _) => state.begun = Some(state.epoch),
            (Step::Seal, _) => (state.is_sealed, state.is_on_disk) = (true, true),
            (Step::Commit, Some(put)) => {
                state.is_committed = true;
                self.apply(Some((put, SHARDS)), Ask::End { put, commit: commit("k") });
            }
            (Step::Overwrite, Some(put)) => {
                state.is_overwritten = true;
                let other = PutId { seq: 2, ..put };
                let ask = Ask::Small { commit: commit("k"), body: b"12345678"[..].into() };
                self.apply(Some((other, Kept::Whole)), ask);
            }
            (Step::Advance, _) => {
                state.epoch += 1;
                state.reads = state.reads.map(|epochs| epochs + 1);
                let from = state.epoch - 1;
                self.apply(None, Ask::Advance(from));
            }
            (Step::Ask, Some(put)) => {
                self.state.is_told = self.catalog.dead(&[put]) == [put];
            }
            (Step::Delete, _) => (state.is_told, state.is_on_disk) = (false, false),
            (Step::Find, _) => state.reads = Some(0),
            (Step::End, _) => state.reads = None,
            _ => return None,
        }
        Some(())
    }

    /// What must hold at any time.
    fn judge(&self) -> Result<(), String> {
        let State { is_on_disk, reads, .. } = self.state;
        if self.is_named() && !is_on_disk {
            return Err("it is named, and its bytes are gone".into());
        }
        if reads.is_some() && !is_on_disk {
            return Err("it is read, and its bytes are gone".into());
        }
        // Whatever happened so far, what is dead goes, as soon as nobody reads it.
        let mut later = self.clone();
        later.take(Step::Delete);
        later.take(Step::End);
        (0..3).for_each(|_| later.state.epoch = later.advanced());
        later.take(Step::Ask);
        later.take(Step::Delete);
        match !later.is_named() && later.state.is_on_disk {
            true => Err("it is dead, and its bytes stay".into()),
            false => Ok(()),
        }
    }

    fn advanced(&mut self) -> Epoch {
        let from = self.catalog.epoch();
        self.apply(None, Ask::Advance(from));
        self.catalog.epoch()
    }

    /// Goes all ways from here on.
    fn explore(&self, path: &mut Vec<Step>, seen: &mut BTreeSet<State>) -> Result<(), String> {
        self.judge().map_err(|why| format!("{why}: {path:?}"))?;
        if !seen.insert(self.state) {
            return Ok(());
        }
        for step in STEPS {
            let mut next = self.clone();
            if next.take(step).is_some() {
                path.push(step);
                next.explore(path, seen)?;
                path.pop();
            }
        }
        Ok(())
    }
}

fn explored(switches: Switches) -> Result<usize, String> {
    let mut seen = BTreeSet::new();
    World::new(switches).explore(&mut Vec::new(), &mut seen)?;
    Ok(seen.len())
}

#[test]
fn in_no_order_are_bytes_deleted_that_are_named_or_read_and_in_all_they_go_when_they_are_dead() {
    let states = explored(Switches::ALL_ON).unwrap();
    assert!(states > 300, "{states}");
}

#[test]
fn without_a_fence_a_late_commit_names_what_is_deleted() {
    let why = explored(Mechanism::GcFence.off()).unwrap_err();
    assert!(why.starts_with("it is named, and its bytes are gone"), "{why}");
}

#[test]
fn without_a_pin_bytes_are_deleted_that_somebody_reads() {
    let why = explored(Mechanism::ReadPin.off()).unwrap_err();
    assert!(why.starts_with("it is read, and its bytes are gone"), "{why}");
}

fn advance(rig: &mut Rig) {
    let from = rig.catalog.epoch();
    assert_eq!(rig.ask("", Ask::Advance(from)), Answer::Done);
    rig.bodies_are_named();
    assert!(rig.is_what_a_boot_makes());
}

/// An object whose bytes came in two parts, which are kept whole.
fn put_in_parts(rig: &mut Rig) -> UploadId {
    let (bucket, key, headers) = (name("b"), name("k"), Vec::new());
    let Answer::Upload(upload) =
        rig.ask("me", Ask::BeginUpload { bucket, key, headers, sums: None })
    else {
        panic!("it is refused")
    };
    let bodies: [&[u8]; 2] = [b"first", b"second"];
    let parts = (1..).zip(bodies).map(|(number, body)| {
        let Answer::Stored(stored) = rig.put_part("k", (upload, number), body, None) else {
            panic!("it is refused")
        };
        (number, stored.etag, None)
    });
    let parts = parts.collect();
    let place = UploadPlace { bucket: name("b"), key: name("k"), upload };
    let conditions = Conditions::default();
    let ask = Ask::CompleteUpload { place, parts, checksum: None, conditions };
    assert!(matches!(rig.ask("me", ask), Answer::Stored(_)));
    upload
}

#[test]
fn what_is_kept_whole_in_parts_goes_when_nobody_reads_it_any_more() {
    let mut rig = Rig::new(Versioning::Never);
    put_in_parts(&mut rig);
    advance(&mut rig);
    rig.put("k", b"other", Conditions::default());
    assert_eq!(rig.bodies(), 3, "the object's, and two that may be read");
    advance(&mut rig);
    assert_eq!(rig.bodies(), 3);
    advance(&mut rig);
    assert_eq!(rig.bodies(), 1);
}

#[test]
fn an_epoch_ends_once_however_often_it_is_said() {
    let mut rig = Rig::new(Versioning::Never);
    advance(&mut rig);
    rig.ask("", Ask::Advance(0));
    assert_eq!(rig.catalog.epoch(), 1);
}

#[test]
fn an_upload_that_nobody_ends_is_aborted() {
    let mut rig = Rig::new(Versioning::Never);
    advance(&mut rig);
    let (bucket, key, headers) = (name("b"), name("k"), Vec::new());
    let begin = Ask::BeginUpload { bucket, key, headers, sums: None };
    let Answer::Upload(upload) = rig.ask("me", begin) else { panic!("it is refused") };
    rig.put_part("k", (upload, 1), b"part", None);
    for _ in 1..rig.catalog.upload_age {
        advance(&mut rig);
    }
    assert_eq!(rig.bodies(), 1);
    advance(&mut rig);
    assert_eq!(rig.bodies(), 0);
    let refused = Answer::Refused(Refusal::NoSuchUpload);
    assert_eq!(rig.put_part("k", (upload, 1), b"part", None), refused);
}
