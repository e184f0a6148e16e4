//! Objects and buckets, as clients put and get them.

use std::sync::atomic::Ordering;

use crate::client::Request;
use crate::fake::tuning;
use crate::open::{at_a_door, bytes, get, put};

#[test]
fn what_is_put_is_what_is_got_whatever_its_size() {
    at_a_door(tuning(), async |door| {
        door.done(put("/bucket", "")).await;
        // Nothing, small, as small as may be, one byte more, a stripe, and some of them.
        for size in [0, 5, 1_024, 1_025, 4_096, 4_097, 3 * 4_096, 50_000] {
            let stored = door.done(put("/bucket/key", bytes(size))).await;
            let got = door.done(get("/bucket/key")).await;
            assert!(got.body == bytes(size), "{size}");
            assert_eq!(got.header("content-length"), Some(&*size.to_string()));
            assert_eq!(got.header("etag"), stored.header("etag"));
            let head = door.done(Request::new("HEAD", "/bucket/key")).await;
            assert_eq!(
                (head.header("content-length"), head.body.len()),
                (Some(&*size.to_string()), 0)
            );
        }
    });
}

#[test]
fn a_range_is_those_bytes_and_no_others() {
    at_a_door(tuning(), async |door| {
        door.done(put("/bucket", "")).await;
        for size in [1_000, 20_000] {
            let all = bytes(size);
            door.done(put("/bucket/key", all.clone()).header("x-amz-checksum-crc32", crc32(&all)))
                .await;
            for (range, from, to) in [
                ("bytes=0-0", 0, 1),
                ("bytes=10-19", 10, 20),
                ("bytes=990-", 990, size),
                ("bytes=-7", size - 7, size),
                ("bytes=0-99999999", 0, size),
            ] {
                let asked = get("/bucket/key").header("range", range);
                let got = door.done(asked.header("x-amz-checksum-mode", "ENABLED")).await;
                assert_eq!(got.status, 206);
                assert!(got.body == all[from..to], "{range} of {size}");
                let shown = format!("bytes {from}-{}/{size}", to - 1);
                assert_eq!(got.header("content-range"), Some(&*shown));
                assert_eq!(got.header("x-amz-checksum-crc32"), None, "it is that of other bytes");
            }
            let behind = format!("bytes={size}-");
            let refused = door.ask(get("/bucket/key").header("range", behind)).await;
            assert_eq!(refused.said(), (416, "InvalidRange".to_owned()));
            assert_eq!(refused.header("content-range"), Some(&*format!("bytes */{size}")));
            let whole =
                door.done(get("/bucket/key").header("x-amz-checksum-mode", "ENABLED")).await;
            assert_eq!(whole.header("x-amz-checksum-crc32"), Some(&*crc32(&all)));
        }
    });
}

#[test]
fn what_a_client_says_of_an_object_comes_back_with_it() {
    at_a_door(tuning(), async |door| {
        door.done(put("/bucket", "")).await;
        let said = put("/bucket/key", "x")
            .header("content-type", "text/plain")
            .header("cache-control", "max-age=9")
            .header("content-encoding", "aws-chunked,gzip")
            .header("x-amz-meta-colour", "blue");
        door.done(said).await;
        let got = door.done(get("/bucket/key")).await;
        for (name, value) in [
            ("content-type", "text/plain"),
            ("cache-control", "max-age=9"),
            ("content-encoding", "gzip"),
            ("x-amz-meta-colour", "blue"),
        ] {
            assert_eq!(got.header(name), Some(value));
        }
        let otherwise = get("/bucket/key").query("response-content-type", "text/html");
        assert_eq!(door.done(otherwise).await.header("content-type"), Some("text/html"));
        door.done(put("/bucket/key", "x")).await;
        let got = door.done(get("/bucket/key")).await;
        assert_eq!(got.header("content-type"), Some("binary/octet-stream"));
        assert_eq!(got.header("x-amz-meta-colour"), None);
    });
}

#[test]
fn conditions_are_those_of_s3() {
    at_a_door(tuning(), async |door| {
        door.done(put("/bucket", "")).await;
        let if_match = |tag: &str| put("/bucket/key", "two").header("if-match", tag);
        let absent = door.ask(if_match("\"1c45bf34\"")).await;
        assert_eq!(absent.said(), (404, "NoSuchKey".to_owned()));
        let first = || put("/bucket/key", "one").header("if-none-match", "*");
        let tag = door.done(first()).await.header("etag").unwrap().to_owned();
        assert_eq!(door.ask(first()).await.said(), (412, "PreconditionFailed".to_owned()));
        let known = get("/bucket/key").header("if-none-match", tag.as_str());
        let known = door.ask(known).await;
        assert_eq!((known.status, known.header("etag")), (304, Some(tag.as_str())));
        door.done(if_match(&tag)).await;
        assert_eq!(door.ask(if_match(&tag)).await.status, 412);
        let later = get("/bucket/key").header("if-modified-since", "Mon, 01 Dec 2031 00:00:00 GMT");
        assert_eq!(door.ask(later).await.status, 304);
        let before = "Mon, 01 Dec 2014 00:00:00 GMT";
        let earlier = get("/bucket/key").header("if-unmodified-since", before);
        assert_eq!(door.ask(earlier).await.status, 412);
    });
}

#[test]
fn a_bucket_is_its_owners_alone() {
    at_a_door(tuning(), async |door| {
        door.done(put("/anna", "")).await;
        door.done(put("/anna/key", "hers")).await;
        let twice = door.ask(put("/anna", "")).await;
        assert_eq!(twice.said(), (409, "BucketAlreadyOwnedByYou".to_owned()));
        let (now, bert) = (crate::open::now(), crate::client::OTHERS);
        let copy = put("/bert/key", "").header("x-amz-copy-source", "/anna/key");
        for (request, code) in [
            (get("/anna/key"), "AccessDenied"),
            (put("/anna/key", "his"), "AccessDenied"),
            (put("/anna/large", bytes(9_000)), "AccessDenied"),
            (Request::new("DELETE", "/anna/key"), "AccessDenied"),
            (get("/anna"), "AccessDenied"),
            (get("/anna").query("versioning", ""), "AccessDenied"),
            (get("/anna").query("uploads", ""), "AccessDenied"),
            (Request::new("POST", "/anna/key").query("uploads", ""), "AccessDenied"),
            (Request::new("DELETE", "/anna"), "AccessDenied"),
            (put("/anna", ""), "BucketAlreadyExists"),
            (put("/bert", ""), ""),
            (copy, "AccessDenied"),
        ] {
            let answer = request.clone().signed(bert, &now).send(door.address).await;
            assert_eq!(answer.said().1, code, "{request:?}");
        }
        let expects = |owner: &str| get("/anna/key").header("x-amz-expected-bucket-owner", owner);
        assert_eq!(door.ask(expects("bert")).await.said().1, "AccessDenied");
        assert_eq!(door.done(expects("anna")).await.body, b"hers");
        let own = get("/").signed(bert, &now).send(door.address).await;
        assert_eq!(own.elements("Name"), ["bert"]);
        assert_eq!(door.done(get("/anna/key")).await.body, b"hers");
        assert_eq!(door.look(|fake| fake.objects()), 1);
    });
}

#[test]
fn an_object_is_copied_with_what_is_said_of_it_or_anew() {
    at_a_door(tuning(), async |door| {
        door.done(put("/bucket", "")).await;
        for size in [7, 30_000] {
            let sent = put("/bucket/a", bytes(size)).header("x-amz-meta-a", "1");
            let tag = door.done(sent).await.header("etag").unwrap().to_owned();
            let copy = || put("/bucket/b%20c", "").header("x-amz-copy-source", "bucket/a");
            assert_eq!(door.done(copy()).await.element("ETag"), Some(tag));
            let got = door.done(get("/bucket/b%20c")).await;
            assert!(got.body == bytes(size) && got.header("x-amz-meta-a") == Some("1"));
            let anew =
                copy().header("x-amz-metadata-directive", "REPLACE").header("x-amz-meta-b", "2");
            door.done(anew).await;
            let got = door.done(get("/bucket/b%20c")).await;
            assert_eq!((got.header("x-amz-meta-a"), got.header("x-amz-meta-b")), (None, Some("2")));
        }
        let itself = put("/bucket/a", "").header("x-amz-copy-source", "/bucket/a");
        assert_eq!(door.ask(itself).await.said(), (400, "InvalidRequest".to_owned()));
        let nothing = put("/bucket/b", "").header("x-amz-copy-source", "/bucket/none");
        assert_eq!(door.ask(nothing).await.said(), (404, "NoSuchKey".to_owned()));
        let other = put("/bucket/b", "").header("x-amz-copy-source", "/bucket/a");
        let other = other.header("x-amz-copy-source-if-match", "\"00\"");
        assert_eq!(door.ask(other).await.said(), (412, "PreconditionFailed".to_owned()));
    });
}

#[test]
fn rotten_pieces_are_read_around_and_too_many_are_an_error() {
    at_a_door(tuning(), async |door| {
        door.done(put("/bucket", "")).await;
        door.done(put("/bucket/key", bytes(20_000))).await;
        let rot = |slots: u32| door.look(|fake| fake.rotten.store(slots, Ordering::Relaxed));
        for one in [0b001, 0b010, 0b100] {
            rot(one);
            assert!(door.done(get("/bucket/key")).await.body == bytes(20_000), "{one:b}");
        }
        rot(0b011);
        let refused = door.ask(get("/bucket/key")).await;
        assert_eq!(refused.said(), (503, "ServiceUnavailable".to_owned()));
    });
}

pub(crate) fn crc32(bytes: &[u8]) -> String {
    use base64::Engine;
    let sum = object_store::sums::Algorithm::Crc32.sum(bytes);
    base64::engine::general_purpose::STANDARD.encode(sum.value)
}
