//! All words have bytes, and bytes have one meaning.

use bytes::{Bytes, BytesMut};
use machine::codec::{assert_delimited, assert_weight};

use super::*;
use crate::entry::Entry;
use crate::message::{Message, ObjectStore, Outcome};
use crate::shards::{Done, Footer, Job, ShardId};
use crate::sums::Algorithm;
use crate::words::Name;

fn bytes<T: Coded>(value: &T) -> Bytes {
    let mut bytes = BytesMut::new();
    value.put(&mut bytes);
    bytes.freeze()
}

fn keeps_the_law<T: Coded + PartialEq + std::fmt::Debug>(value: &T) {
    assert_delimited(value, bytes, |bytes| Reader::whole(bytes, T::get));
}

fn name(text: &str) -> Name {
    text.into()
}

const PUT: PutId = PutId { group: 300, epoch: 2, nonce: u64::MAX, seq: 4 };

fn commit() -> Box<Commit> {
    let place = Place { bucket: name("b"), key: name("k"), part: Some((UploadId(7), 300)) };
    let conditions = Conditions {
        matches: Some(Match::Tag(name("e"))),
        differs: Some(Match::Any),
        modified_since: Some(1),
        unmodified_since: None,
    };
    Box::new(Commit {
        place,
        size: 5,
        etag: ETag { md5: [7; 16], parts: 3 },
        checksum: Some(Algorithm::Crc32.sum(b"x")),
        headers: vec![(name("content-type"), name("text/plain"))],
        conditions,
    })
}

fn row() -> Row {
    let Commit { size, etag, checksum, headers, .. } = *commit();
    let code = Code { data: 4, parity: 2 };
    let shards = Shards { code, stripe: 1 << 20, layout: 3, missing: 0b100 };
    let extents = vec![
        Extent { put: PUT, part: 1, length: 9, kept: Kept::Shards(shards) },
        Extent { put: PUT, part: 2, length: 1, kept: Kept::Whole },
    ];
    let content = Some(Content { size, etag, checksum, headers, extents });
    Row { version: 9, is_null: true, modified: 8, content }
}

fn asks() -> Vec<Ask> {
    let (bucket, key) = (name("b"), name("k"));
    let place = UploadPlace { bucket: bucket.clone(), key: key.clone(), upload: UploadId(3) };
    let pieces = vec![Piece { slot: 5, digest: [9; 32], bytes: Bytes::from_static(b"piece") }];
    let list = List {
        bucket: bucket.clone(),
        prefix: name(""),
        delimiter: Some(name("/")),
        after: Some(Cursor::Version(name("a"), 4)),
        most: 1_000,
        versions: true,
    };
    let (extent, conditions) = (row().content.unwrap().extents.remove(0), commit().conditions);
    vec![
        Ask::Bucket(bucket.clone()),
        Ask::Buckets,
        Ask::ChangeBucket(bucket.clone(), BucketChange::Versioning(Versioning::Suspended)),
        Ask::Small { commit: commit(), body: Bytes::from_static(b"body") },
        Ask::Begin { place: commit().place },
        Ask::Stripe { put: PUT, number: 1, pieces },
        Ask::End { put: PUT, commit: commit() },
        Ask::Abort { put: PUT },
        Ask::Get {
            bucket: bucket.clone(),
            key: key.clone(),
            version: Some(VersionId::Number(1)),
            conditions: conditions.clone(),
            body: true,
        },
        Ask::Read { bucket: bucket.clone(), key: key.clone(), extent, stripe: 2, bad: 1 },
        Ask::List(list.clone()),
        Ask::Uploads(List { after: Some(Cursor::Upload(key.clone(), UploadId(1))), ..list }),
        Ask::Parts { place: place.clone(), after: 1, most: 2 },
        Ask::Delete {
            bucket: bucket.clone(),
            key: key.clone(),
            version: Some(VersionId::Null),
            conditions: Conditions::default(),
        },
        Ask::BeginUpload {
            bucket,
            key,
            headers: Vec::new(),
            sums: Some(Summed { algorithm: Algorithm::Sha1, kind: Kind::Composite }),
        },
        Ask::CompleteUpload {
            place: place.clone(),
            parts: vec![(1, commit().etag, commit().checksum)],
            checksum: None,
            conditions,
        },
        Ask::AbortUpload { place },
        Ask::Dead(vec![PUT]),
        Ask::Advance(300),
    ]
}

fn answers() -> Vec<Answer> {
    let bucket = Bucket { owner: name("u"), made: 7, versioning: Versioning::Enabled };
    let stored = Stored { version: Some(VersionId::Null), etag: commit().etag, checksum: None };
    let upload = Upload {
        key: name("k"),
        id: UploadId(4),
        began: 5,
        headers: Vec::new(),
        sums: Some(Summed { algorithm: Algorithm::Crc64Nvme, kind: Kind::Whole }),
    };
    let etag = commit().etag;
    let part = Part { number: 1, size: 2, etag, checksum: None, modified: 3 };
    let found = Found { row: row(), versioned: true, body: Some(Bytes::from_static(b"x")) };
    let go = Go { put: PUT, code: Code { data: 1, parity: 2 }, stripe: 7, credit: 2 };
    let items = vec![Item::Object(name("k"), row(), true), Item::Prefix(name("p/"))];
    let next = Some(Cursor::Prefix(name("p/")));
    let uploads = vec![UploadItem::Upload(upload.clone()), UploadItem::Prefix(name("p"))];
    vec![
        Answer::Refused(Refusal::NoSuchKey { is_marker: true }),
        Answer::Refused(Refusal::EntityTooSmall(4)),
        Answer::Done,
        Answer::Bucket(bucket.clone()),
        Answer::Buckets(vec![(name("b"), bucket)]),
        Answer::Go(go),
        Answer::Taken,
        Answer::Stored(stored),
        Answer::Found(Box::new(found)),
        Answer::Pieces(Vec::new()),
        Answer::Whole(Bytes::from_static(b"whole")),
        Answer::Page(Page { items, next }),
        Answer::Uploads(Page { items: uploads, next: Some(Cursor::Key(name("k"))) }),
        Answer::Parts(Box::new(upload), vec![part], true),
        Answer::Deleted(Deleted { version: Some(VersionId::Number(5)), is_marker: true }),
        Answer::Upload(UploadId(8)),
        Answer::Epoch(300),
        Answer::Dead(vec![PUT]),
    ]
}

fn jobs() -> Vec<Job> {
    let piece = Piece { slot: 5, digest: [9; 32], bytes: Bytes::from_static(b"piece") };
    let Kept::Shards(shards) = row().content.unwrap().extents[0].kept else { panic!() };
    let footer = Footer { bucket: name("b"), key: name("k"), length: 9, shards };
    vec![
        Job::Write { stripe: 1, whole: 2, piece },
        Job::Seal(footer),
        Job::Drop,
        Job::Read { stripe: 300, whole: 4, length: 5 },
    ]
}

#[test]
fn jobs_keep_the_law_of_codecs_and_weigh_what_they_say() {
    let id = ShardId { group: 7, put: PUT, slot: 3 };
    keeps_the_law(&id);
    for job in jobs() {
        keeps_the_law(&job);
        let length = bytes(&(id, job.clone()));
        assert_weight::<ObjectStore>(&Message::Job { token: 1, id, job }, &length);
    }
    let Job::Write { piece, .. } = jobs().remove(0) else { panic!() };
    for done in [Done::Written(300), Done::Sealed, Done::Refused, Done::Read(piece)] {
        keeps_the_law(&done);
        let length = bytes(&done);
        assert_weight::<ObjectStore>(&Message::Did { token: 1, done }, &length);
    }
}

#[test]
fn questions_and_answers_keep_the_law_of_codecs() {
    asks().iter().for_each(keeps_the_law);
    answers().iter().for_each(keeps_the_law);
    keeps_the_law(&row());
}

#[test]
fn entries_are_read_as_they_were_written() {
    for ask in asks() {
        let put = Some((PUT, Kept::Whole));
        let entry = Entry { user: name("u"), at: 5, put, ask };
        assert_delimited(&entry, Entry::bytes, Entry::parse);
    }
}

#[test]
fn a_message_weighs_what_its_words_do() {
    for ask in asks() {
        let length = bytes(&ask);
        let ask = Message::Ask { token: 7, user: name("u"), ask: Box::new(ask) };
        assert_weight::<ObjectStore>(&ask, &length);
    }
    for answer in answers() {
        let (length, answer) = (bytes(&answer), Box::new(answer));
        assert_weight::<ObjectStore>(
            &Message::Answer { token: 7, answer: answer.clone() },
            &length,
        );
        let outcome = Outcome::Answered(answer);
        assert_weight::<ObjectStore>(&Message::Outcome { token: 7, outcome }, &length);
    }
}
