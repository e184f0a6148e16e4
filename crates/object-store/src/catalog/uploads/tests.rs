//! Uploads, from their beginning to their being forgotten.

use super::*;
use crate::ask::Ask;
use crate::catalog::tests::{Rig, name};
use crate::row::Versioning;
use crate::sums::{Algorithm, Kind, Summed};
use crate::words::VersionId;

const SUMS: Option<Summed> = Some(Summed { algorithm: Algorithm::Crc32, kind: Kind::Whole });

fn place(key: &str, upload: UploadId) -> UploadPlace {
    UploadPlace { bucket: name("b"), key: name(key), upload }
}

fn begin(rig: &mut Rig, key: &str) -> UploadId {
    let ask = Ask::BeginUpload { bucket: name("b"), key: name(key), headers: vec![], sums: SUMS };
    match rig.ask("me", ask) {
        Answer::Upload(upload) => upload,
        other => panic!("{other:?}"),
    }
}

/// What a client is told of a part.
type Told = (PartNumber, ETag, Option<Checksum>);

fn put(
    rig: &mut Rig,
    (key, upload): (&str, UploadId),
    number: u16,
    body: &'static [u8],
) -> Result<Told, Refusal> {
    let sum = Algorithm::Crc32.sum(body);
    match rig.put_part(key, (upload, number), body, Some(sum)) {
        Answer::Stored(Stored { version: None, etag, checksum }) => Ok((number, etag, checksum)),
        Answer::Refused(refusal) => Err(refusal),
        other => panic!("{other:?}"),
    }
}

fn complete(
    rig: &mut Rig,
    (key, upload): (&str, UploadId),
    parts: &[Told],
) -> Result<Stored, Refusal> {
    let (parts, conditions) = (parts.to_vec(), Conditions::default());
    let ask = Ask::CompleteUpload { place: place(key, upload), parts, checksum: None, conditions };
    match rig.ask("me", ask) {
        Answer::Stored(stored) => Ok(stored),
        Answer::Refused(refusal) => Err(refusal),
        other => panic!("{other:?}"),
    }
}

#[test]
fn parts_are_the_object_in_their_order_and_the_others_are_nobodys() {
    let mut rig = Rig::new(Versioning::Enabled);
    let upload = begin(&mut rig, "k");
    let at = ("k", upload);
    let two = put(&mut rig, at, 2, b"second").unwrap();
    put(&mut rig, at, 1, b"replaced").unwrap();
    let one = put(&mut rig, at, 1, b"first").unwrap();
    put(&mut rig, at, 3, b"unlisted").unwrap();
    rig.bodies_are_named();
    let stored = complete(&mut rig, at, &[one.clone(), two.clone()]).unwrap();
    assert_eq!(stored.etag, ETag::of_parts([&one.1, &two.1]));
    assert_eq!(stored.checksum, Some(Algorithm::Crc32.sum(b"firstsecond")));
    assert_eq!(rig.get("k", None), Ok(stored.etag));
    let row = rig.catalog.current(&name("b"), &name("k")).unwrap();
    let extents = &row.content.as_ref().unwrap().extents;
    assert_eq!(extents.iter().map(|it| (it.part, it.length)).collect::<Vec<_>>(), [(1, 5), (2, 6)]);
    assert!(rig.catalog.parts.is_empty());
    rig.bodies_are_named();
    assert!(rig.is_what_a_boot_makes());
}

#[test]
fn a_complete_that_comes_again_is_answered_as_before_and_changes_nothing() {
    let mut rig = Rig::new(Versioning::Enabled);
    let upload = begin(&mut rig, "k");
    let part = put(&mut rig, ("k", upload), 1, b"v1").unwrap();
    let first = complete(&mut rig, ("k", upload), std::slice::from_ref(&part)).unwrap();
    let newer = rig.put("k", b"v2", Conditions::default());
    let again = complete(&mut rig, ("k", upload), std::slice::from_ref(&part)).unwrap();
    assert_eq!(again, first);
    assert!(matches!(newer, Answer::Stored(stored) if rig.get("k", None) == Ok(stored.etag)));
    assert_eq!(put(&mut rig, ("k", upload), 2, b"late"), Err(Refusal::NoSuchUpload));
    let abort = Ask::AbortUpload { place: place("k", upload) };
    assert_eq!(rig.ask("me", abort), Answer::Refused(Refusal::NoSuchUpload));
    assert!(rig.is_what_a_boot_makes());
    // When nobody asks again any more, it is forgotten.
    rig.end += KEPT;
    rig.put("k", b"v3", Conditions::default());
    assert_eq!(complete(&mut rig, ("k", upload), &[part]), Err(Refusal::NoSuchUpload));
    assert!(rig.is_what_a_boot_makes() && rig.catalog.done.is_empty());
}

#[test]
fn a_list_of_parts_that_does_not_fit_is_refused_and_the_upload_goes_on() {
    let mut rig = Rig::new(Versioning::Never);
    let upload = begin(&mut rig, "k");
    let at = ("k", upload);
    let one = put(&mut rig, at, 1, b"tiny").unwrap();
    let two = put(&mut rig, at, 2, b"last").unwrap();
    let other = (1, two.1, None);
    for (parts, refusal) in [
        (vec![], Refusal::InvalidPartOrder),
        (vec![two.clone(), one.clone()], Refusal::InvalidPartOrder),
        (vec![one.clone(), one.clone()], Refusal::InvalidPartOrder),
        (vec![other], Refusal::InvalidPart(1)),
        (vec![(3, one.1, None)], Refusal::InvalidPart(3)),
        (vec![one.clone(), two.clone()], Refusal::EntityTooSmall(1)),
    ] {
        assert_eq!(complete(&mut rig, at, &parts), Err(refusal), "{parts:?}");
    }
    assert_eq!(rig.get("k", None), Err(Refusal::NoSuchKey { is_marker: false }));
    assert_eq!(put(&mut rig, at, 0, b"x"), Err(Refusal::InvalidPart(0)));
    let stored = complete(&mut rig, at, &[one]).unwrap();
    assert_eq!((stored.version, rig.get("k", Some(VersionId::Null))), (None, Ok(stored.etag)));
}

#[test]
fn an_upload_that_is_given_up_leaves_nothing_and_holds_its_bucket_until_then() {
    let mut rig = Rig::new(Versioning::Never);
    let upload = begin(&mut rig, "k");
    put(&mut rig, ("k", upload), 1, b"part").unwrap();
    let delete = || Ask::ChangeBucket(name("b"), crate::ask::BucketChange::Delete);
    assert_eq!(rig.ask("me", delete()), Answer::Refused(Refusal::BucketNotEmpty));
    assert_eq!(rig.ask("me", Ask::AbortUpload { place: place("k", upload) }), Answer::Done);
    rig.bodies_are_named();
    assert_eq!(put(&mut rig, ("k", upload), 1, b"late"), Err(Refusal::NoSuchUpload));
    assert_eq!(rig.ask("me", delete()), Answer::Done);
    assert!(rig.is_what_a_boot_makes());
}

#[test]
fn pages_of_uploads_and_parts_go_on_behind_their_last_item() {
    let mut rig = Rig::new(Versioning::Never);
    let uploads: Vec<_> =
        ["a", "d/1", "d/2", "z", "z"].map(|key| (key, begin(&mut rig, key))).into();
    for number in 1..=5 {
        put(&mut rig, uploads[0], number, b"part").unwrap();
    }
    let (mut after, mut shown) = (None, Vec::new());
    loop {
        let list = List {
            bucket: name("b"),
            prefix: name(""),
            delimiter: Some(name("/")),
            after,
            most: 1,
            versions: false,
        };
        let Answer::Uploads(page) = rig.catalog.answer(&name("me"), &Ask::Uploads(list)) else {
            panic!("it is refused")
        };
        shown.extend(page.items.into_iter().map(|item| match item {
            UploadItem::Upload(upload) => (upload.key, Some(upload.id)),
            UploadItem::Prefix(prefix) => (prefix, None),
        }));
        match page.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    let upload = |at: usize| (name(uploads[at].0), Some(uploads[at].1));
    assert_eq!(shown, [upload(0), (name("d/"), None), upload(3), upload(4)]);

    let parts = |after, most| {
        let place = place("a", uploads[0].1);
        match rig.catalog.answer(&name("me"), &Ask::Parts { place, after, most }) {
            Answer::Parts(_, parts, more) => {
                (parts.into_iter().map(|it| it.number).collect(), more)
            }
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(parts(0, 2), (vec![1, 2], true));
    assert_eq!(parts(2, 3), (vec![3, 4, 5], false));
}
