//! The catalog against a plain model of it, and what a boot and a snapshot make of its pairs.

use std::collections::BTreeMap;

use bytes::{Bytes, BytesMut};
use proptest::prelude::*;

use super::*;
use crate::answer::{Item, Page};
use crate::ask::{BucketChange, Commit, Cursor, List};
use crate::conditions::{Conditions, Match};
use crate::row::Kept;
use crate::sums::{ETag, Tagging};
use crate::words::PutId;

const GROUP: GroupNumber = 3;

pub(super) fn name(text: &str) -> Name {
    text.into()
}

/// A catalog, the store that its pairs make, and the log's end.
#[derive(Default)]
pub(super) struct Rig {
    pub(super) catalog: Catalog,
    store: BTreeMap<Bytes, Bytes>,
    pub(super) end: u64,
}

impl Rig {
    pub(super) fn new(versioning: Versioning) -> Rig {
        let tuning = Tuning { least_part: 5, upload_age: 4, ..Tuning::default() };
        let mut rig = Rig { catalog: Catalog::new(&tuning, Switches::ALL_ON), ..Rig::default() };
        assert_eq!(rig.ask("me", Ask::ChangeBucket(name("b"), BucketChange::Make)), Answer::Done);
        rig.set(versioning);
        rig
    }

    fn set(&mut self, versioning: Versioning) {
        let change = BucketChange::Versioning(versioning);
        assert_eq!(self.ask("me", Ask::ChangeBucket(name("b"), change)), Answer::Done);
    }

    pub(super) fn ask(&mut self, user: &str, ask: Ask) -> Answer {
        self.end += 1;
        let put = PutId { group: GROUP, epoch: 0, nonce: 1, seq: self.end as u32 };
        let entry = Entry { user: name(user), at: 9, put: Some((put, Kept::Whole)), ask };
        let (answer, pairs) = self.catalog.apply(GROUP, self.end, entry);
        for (key, value) in pairs.changes {
            match value {
                Some(value) => drop(self.store.insert(key, value)),
                None => drop(self.store.remove(&key)),
            }
        }
        answer
    }

    pub(super) fn put(&mut self, key: &str, body: &'static [u8], conditions: Conditions) -> Answer {
        let place = crate::ask::Place { bucket: name("b"), key: name(key), part: None };
        let (size, etag) = (body.len() as u64, etag(body));
        let commit = Commit { place, size, etag, checksum: None, headers: vec![], conditions };
        self.ask("me", Ask::Small { commit: Box::new(commit), body: Bytes::from_static(body) })
    }

    pub(super) fn put_part(
        &mut self,
        key: &str,
        part: (UploadId, u16),
        body: &'static [u8],
        checksum: Option<crate::sums::Checksum>,
    ) -> Answer {
        let place = crate::ask::Place { bucket: name("b"), key: name(key), part: Some(part) };
        let (size, etag, conditions) = (body.len() as u64, etag(body), Conditions::default());
        let commit = Commit { place, size, etag, checksum, headers: vec![], conditions };
        self.ask("me", Ask::Small { commit: Box::new(commit), body: Bytes::from_static(body) })
    }

    fn delete(&mut self, key: &str, version: Option<VersionId>) -> Answer {
        let (bucket, key, conditions) = (name("b"), name(key), Conditions::default());
        self.ask("me", Ask::Delete { bucket, key, version, conditions })
    }

    pub(super) fn get(&self, key: &str, version: Option<VersionId>) -> Result<ETag, Refusal> {
        let (bucket, key, conditions) = (name("b"), name(key), Conditions::default());
        let ask = Ask::Get { bucket, key, version, conditions, body: false };
        match self.catalog.answer(&name("me"), &ask) {
            Answer::Found(found) => Ok(found.row.content.unwrap().etag),
            Answer::Refused(refusal) => Err(refusal),
            other => panic!("{other:?}"),
        }
    }

    /// Bodies in the store are those that rows name, and no others.
    pub(super) fn bodies_are_named(&self) {
        let place = |key: &Bytes| Place::parse(key).unwrap().1;
        let held = self.store.keys().map(place).filter(|place| matches!(place, Place::Body(_)));
        let of_rows = self.catalog.rows.values().flat_map(|row| pairs::whole(row));
        let of_parts = self.catalog.parts.values().filter_map(PartState::whole);
        let left = self.catalog.left.iter().filter(|(_, is_whole)| **is_whole);
        let left = left.map(|((_, put), _)| *put);
        let named = of_rows.chain(of_parts).chain(left).map(Place::Body);
        let sorted = |mut places: Vec<Place>| {
            places.sort_unstable_by_key(|place| place.bytes(GROUP));
            places
        };
        assert_eq!(sorted(held.collect()), sorted(named.collect()));
    }

    /// How many bodies the store has.
    pub(super) fn bodies(&self) -> usize {
        let place = |key: &Bytes| Place::parse(key).unwrap().1;
        self.store.keys().map(place).filter(|place| matches!(place, Place::Body(_))).count()
    }

    pub(super) fn is_what_a_boot_makes(&self) -> bool {
        same(&self.booted(), &self.catalog)
    }

    /// The catalog that a boot makes of the store.
    fn booted(&self) -> Catalog {
        let mut catalog = Catalog::default();
        for (key, value) in &self.store {
            let (group, place) = Place::parse(key).unwrap();
            assert_eq!(group, GROUP);
            let fact = place.fact(value.clone()).unwrap();
            catalog.keep(place, Some(fact));
        }
        catalog
    }
}

fn etag(body: &[u8]) -> ETag {
    let mut tagging = Tagging::default();
    tagging.add(body);
    tagging.end()
}

fn same(one: &Catalog, other: &Catalog) -> bool {
    let keys = |it: &Catalog| (it.epoch, it.left.clone(), it.named.clone());
    (&one.buckets, &one.rows, &one.uploads, &one.parts, &one.done, keys(one))
        == (&other.buckets, &other.rows, &other.uploads, &other.parts, &other.done, keys(other))
}

fn version(answer: &Answer) -> Option<VersionId> {
    match answer {
        Answer::Stored(stored) => stored.version,
        Answer::Deleted(deleted) => deleted.version,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_bucket_without_versions_has_one_object_of_a_key() {
    let mut rig = Rig::new(Versioning::Never);
    assert_eq!(version(&rig.put("k", b"1", Conditions::default())), None);
    rig.put("k", b"2", Conditions::default());
    assert_eq!(rig.get("k", None), Ok(etag(b"2")));
    assert_eq!((rig.catalog.rows(), rig.get("k", Some(VersionId::Null))), (1, Ok(etag(b"2"))));
    rig.bodies_are_named();
    assert_eq!(version(&rig.delete("k", None)), None);
    assert_eq!(rig.get("k", None), Err(Refusal::NoSuchKey { is_marker: false }));
    assert_eq!(rig.catalog.rows(), 0);
    rig.bodies_are_named();
}

#[test]
fn a_bucket_with_versions_keeps_them_and_a_delete_is_a_marker() {
    let mut rig = Rig::new(Versioning::Enabled);
    let first = version(&rig.put("k", b"1", Conditions::default()));
    let second = version(&rig.put("k", b"2", Conditions::default()));
    let marker = version(&rig.delete("k", None));
    assert!(first < second && second < marker);
    assert_eq!(rig.get("k", None), Err(Refusal::NoSuchKey { is_marker: true }));
    assert_eq!(rig.get("k", first), Ok(etag(b"1")));
    assert_eq!(rig.get("k", marker), Err(Refusal::MethodNotAllowed));
    assert_eq!(rig.get("k", Some(VersionId::Number(99))), Err(Refusal::NoSuchVersion));
    rig.delete("k", marker);
    assert_eq!(rig.get("k", None), Ok(etag(b"2")));
    rig.delete("k", second);
    assert_eq!(rig.get("k", None), Ok(etag(b"1")));
    rig.bodies_are_named();
}

#[test]
fn where_versions_are_suspended_what_is_null_is_replaced_and_the_others_stay() {
    let mut rig = Rig::new(Versioning::Never);
    rig.put("k", b"old", Conditions::default());
    rig.set(Versioning::Enabled);
    let kept = version(&rig.put("k", b"kept", Conditions::default()));
    rig.set(Versioning::Suspended);
    assert_eq!(version(&rig.put("k", b"new", Conditions::default())), Some(VersionId::Null));
    assert_eq!((rig.catalog.rows(), rig.get("k", kept)), (2, Ok(etag(b"kept"))));
    assert_eq!(version(&rig.delete("k", None)), Some(VersionId::Null));
    assert_eq!(rig.get("k", None), Err(Refusal::NoSuchKey { is_marker: true }));
    assert_eq!(rig.catalog.rows(), 2);
    rig.bodies_are_named();
}

#[test]
fn a_change_whose_condition_does_not_hold_changes_nothing() {
    let mut rig = Rig::new(Versioning::Never);
    let new = || Conditions { differs: Some(Match::Any), ..Conditions::default() };
    let of = |body: &[u8]| {
        let matches = Some(Match::Tag(etag(body).to_string().into()));
        Conditions { matches, ..Conditions::default() }
    };
    let refused = Answer::Refused;
    assert_eq!(rig.put("k", b"1", of(b"0")), refused(Refusal::NoSuchKey { is_marker: false }));
    version(&rig.put("k", b"1", new()));
    assert_eq!(rig.put("k", b"2", new()), refused(Refusal::PreconditionFailed));
    assert_eq!(rig.put("k", b"2", of(b"0")), refused(Refusal::PreconditionFailed));
    assert_eq!(rig.get("k", None), Ok(etag(b"1")));
    version(&rig.put("k", b"2", of(b"1")));
    assert_eq!(rig.get("k", None), Ok(etag(b"2")));
    rig.bodies_are_named();
}

#[test]
fn a_bucket_is_its_owners_and_goes_when_it_is_empty() {
    let mut rig = Rig::new(Versioning::Never);
    let change = |change| Ask::ChangeBucket(name("b"), change);
    let refused = Answer::Refused;
    let make = || change(BucketChange::Make);
    assert_eq!(rig.ask("me", make()), refused(Refusal::BucketAlreadyOwnedByYou));
    assert_eq!(rig.ask("you", make()), refused(Refusal::BucketAlreadyExists));
    let delete = || change(BucketChange::Delete);
    assert_eq!(rig.ask("you", delete()), refused(Refusal::AccessDenied));
    let get = Ask::Bucket(name("b"));
    assert_eq!(rig.catalog.answer(&name("you"), &get), refused(Refusal::AccessDenied));
    rig.put("k", b"1", Conditions::default());
    assert_eq!(rig.ask("me", delete()), refused(Refusal::BucketNotEmpty));
    rig.delete("k", None);
    assert_eq!(rig.ask("me", delete()), Answer::Done);
    assert_eq!(rig.catalog.answer(&name("me"), &get), refused(Refusal::NoSuchBucket));
    assert_eq!(rig.put("k", b"1", Conditions::default()), refused(Refusal::NoSuchBucket));
}

fn list(prefix: &str, delimiter: Option<&str>, most: u16, versions: bool) -> List {
    let (bucket, prefix, delimiter) = (name("b"), name(prefix), delimiter.map(name));
    List { bucket, prefix, delimiter, after: None, most, versions }
}

/// All items, page by page.
fn pages(catalog: &Catalog, mut list: List) -> Vec<Item> {
    let mut all = Vec::new();
    loop {
        let Answer::Page(Page { items, next }) =
            catalog.answer(&name("me"), &Ask::List(list.clone()))
        else {
            panic!("it is refused")
        };
        assert!(items.len() <= usize::from(list.most));
        assert!(next.is_none() || !items.is_empty(), "an empty page that goes on");
        all.extend(items);
        match next {
            Some(next) => list.after = Some(next),
            None => return all,
        }
    }
}

#[derive(Clone, Debug)]
enum Step {
    Put(String),
    Delete(String),
    DeleteVersion(String, usize),
    Set(Versioning),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let key = || "[ab/é\u{10FFFF}]{1,3}";
    let step = prop_oneof![
        6 => key().prop_map(Step::Put),
        2 => key().prop_map(Step::Delete),
        1 => (key(), 0..3_usize).prop_map(|(key, nth)| Step::DeleteVersion(key, nth)),
        1 => prop::sample::select(vec![Versioning::Enabled, Versioning::Suspended]).prop_map(Step::Set),
    ];
    prop::collection::vec(step, 0..40)
}

/// After these steps: of each key, its versions from the oldest on, and what they hold.
fn run(steps: &[Step]) -> Rig {
    let mut rig = Rig::new(Versioning::Never);
    for step in steps {
        match step {
            Step::Put(key) => drop(rig.put(key, b"x", Conditions::default())),
            Step::Delete(key) => drop(rig.delete(key, None)),
            Step::DeleteVersion(key, nth) => {
                let id = rig.catalog.versions(&name("b"), &name(key)).nth(*nth).map(|row| row.id());
                if let Some(id) = id {
                    rig.delete(key, Some(id));
                }
            }
            Step::Set(versioning) => rig.set(*versioning),
        }
    }
    rig
}

proptest! {
    #[test]
    fn pages_of_any_length_show_what_one_does(steps in steps(), most in 1_u16..5, versions in any::<bool>()) {
        let rig = run(&steps);
        for prefix in ["", "a", "a/", "é", "\u{10FFFF}"] {
            for delimiter in [None, Some("/"), Some("é")] {
                let mut expected: Vec<Item> = Vec::new();
                for ((_, key, _), row) in &rig.catalog.rows {
                    let is_current = rig.catalog.current(&name("b"), key).unwrap().version == row.version;
                    let shown = versions || is_current && row.content.is_some();
                    if !key.starts_with(prefix) || !shown {
                        continue;
                    }
                    let cut = delimiter.and_then(|it| Some(prefix.len() + key[prefix.len()..].find(it)? + it.len()));
                    let item = match cut {
                        Some(cut) => Item::Prefix(key[..cut].into()),
                        None => Item::Object(key.clone(), Row::clone(row), is_current),
                    };
                    if !(matches!(item, Item::Prefix(_)) && expected.contains(&item)) {
                        expected.push(item);
                    }
                }
                prop_assert_eq!(pages(&rig.catalog, list(prefix, delimiter, most, versions)), expected);
            }
        }
    }

    #[test]
    fn a_boot_and_a_snapshot_make_the_catalog_that_was(steps in steps(), cuts in 1_usize..200) {
        let rig = run(&steps);
        rig.bodies_are_named();
        prop_assert!(same(&rig.booted(), &rig.catalog));

        let mut frozen = rig.catalog.freeze(GROUP, rig.end);
        let (mut incoming, mut pairs) = (BytesMut::new(), BTreeMap::new());
        loop {
            match frozen.next() {
                Next::Body(put) => {
                    frozen.body(rig.store.get(&Place::Body(put).bytes(GROUP)).cloned());
                }
                Next::Piece(piece, last) => {
                    for part in piece.chunks(cuts) {
                        incoming.extend_from_slice(part);
                        pairs.extend(take_pairs(&mut incoming));
                    }
                    if last { break }
                }
            }
        }
        prop_assert!(incoming.is_empty());
        prop_assert_eq!(pairs, rig.store);
    }
}

#[test]
fn a_page_goes_on_behind_a_prefix_a_key_and_a_version() {
    let mut rig = Rig::new(Versioning::Enabled);
    for key in ["a/1", "a/2", "b", "b", "c"] {
        rig.put(key, b"x", Conditions::default());
    }
    let shown = |after, versions| {
        let list = List { after: Some(after), ..list("", None, 9, versions) };
        let name = |item| match item {
            Item::Object(key, row, _) => format!("{key} {}", row.version),
            Item::Prefix(prefix) => prefix.to_string(),
        };
        pages(&rig.catalog, list).into_iter().map(name).collect::<Vec<_>>()
    };
    assert_eq!(shown(Cursor::Prefix(name("a/")), false), ["b 6", "c 7"]);
    assert_eq!(shown(Cursor::Key(name("a/1")), false), ["a/2 4", "b 6", "c 7"]);
    assert_eq!(shown(Cursor::Version(name("b"), 6), true), ["b 5", "c 7"]);
}
