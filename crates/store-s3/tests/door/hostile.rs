//! What nobody should send: it is answered in S3's words, and nothing is stored.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::client::{KEY, Request, exchange};
use crate::fake::tuning;
use crate::open::{at_a_door, bytes, get, now, put};

#[test]
fn what_is_not_here_says_so_and_does_nothing() {
    at_a_door(tuning(), async |door| {
        door.done(put("/bucket", "")).await;
        let form = Request::new("POST", "/bucket")
            .header("content-type", "multipart/form-data; boundary=x");
        for request in [
            put("/bucket/key", "x").header("x-amz-tagging", "a=b"),
            put("/bucket/key", "x").header("x-amz-server-side-encryption", "AES256"),
            put("/bucket/key", "x").header("x-amz-acl", "public-read"),
            put("/bucket/key", "x").header("x-amz-storage-class", "GLACIER"),
            put("/bucket/key", "<Tagging/>").query("tagging", ""),
            put("/bucket", "<CORSConfiguration/>").query("cors", ""),
            get("/bucket").query("policy", ""),
            get("/bucket/key").query("acl", ""),
            Request::new("POST", "/bucket/key").query("select", "").query("select-type", "2"),
            form,
        ] {
            let answer = door.ask(request.clone()).await;
            assert!(
                answer.status >= 400 && answer.said().1 != "InternalError",
                "{request:?}: {answer:?}"
            );
        }
        assert_eq!(door.look(|fake| fake.objects()), 0);
    });
}

#[test]
fn names_of_buckets_are_those_of_s3_and_paths_lead_nowhere_else() {
    at_a_door(tuning(), async |door| {
        for name in
            ["ab", "Upper", "under_score", "127.0.0.1", "a..b", "-a-b", "..", "%2e%2e", "xn--abc"]
        {
            let answer = door.ask(put(&format!("/{name}"), "")).await;
            let code = answer.said().1;
            assert!(
                ["InvalidBucketName", "InvalidURI", "SignatureDoesNotMatch"].contains(&&*code),
                "{name}: {answer:?}"
            );
        }
        assert_eq!(door.look(|fake| fake.buckets.len()), 0);
    });
}

#[test]
fn large_headers_and_large_xml_are_refused() {
    at_a_door(tuning(), async |door| {
        door.done(put("/bucket", "")).await;
        let large = put("/bucket/key", "x").header("x-amz-meta-a", "x".repeat(3_000));
        assert_eq!(door.ask(large).await.said(), (400, "MetadataTooLarge".to_owned()));
        let larger = put("/bucket/key", "x").header("x-amz-meta-a", "x".repeat(20_000));
        assert_eq!(door.ask(larger).await.status, 431);
        let xml = vec![b' '; 5 << 20];
        let delete = Request::new("POST", "/bucket").query("delete", "").body(xml);
        assert_eq!(door.ask(delete).await.said(), (400, "MaxMessageLengthExceeded".to_owned()));
        let huge = put("/bucket/key", "").header("content-length", (6_u64 << 30).to_string());
        let huge = huge.payload("UNSIGNED-PAYLOAD").signed(KEY, &now());
        let answer = exchange(door.address, &huge.bytes()).await;
        assert_eq!(answer.said(), (400, "EntityTooLarge".to_owned()));
        assert_eq!(door.look(|fake| fake.objects()), 0);
    });
}

#[test]
fn xml_that_is_none_is_refused() {
    at_a_door(tuning(), async |door| {
        door.done(put("/bucket", "")).await;
        for xml in [
            "",
            "no xml",
            "<Delete>",
            "<Delete><Object/></Delete>",
            "<!DOCTYPE a [<!ENTITY b \"c\">]><Delete>&b;</Delete>",
        ] {
            let delete = Request::new("POST", "/bucket").query("delete", "").body(xml);
            assert_eq!(door.ask(delete).await.status, 400, "{xml}");
        }
    });
}

#[test]
fn who_hangs_up_in_the_middle_leaves_nothing() {
    at_a_door(tuning(), async |door| {
        door.done(put("/bucket", "")).await;
        let signed = put("/bucket/key", bytes(50_000)).signed(KEY, &now()).bytes();
        let mut stream = TcpStream::connect(door.address).await.unwrap();
        stream.write_all(&signed[..30_000]).await.unwrap();
        drop(stream);
        door.done(put("/bucket/other", "x")).await;
        assert_eq!(door.look(|fake| fake.objects()), 1);
    });
}

/// A place is held by who asks, and not by who waits.
#[test]
fn idle_connections_keep_nobody_out() {
    at_a_door(tuning(), async |door| {
        door.done(put("/bucket", "")).await;
        let mut idle = Vec::new();
        for _ in 0..600 {
            idle.push(TcpStream::connect(door.address).await.unwrap());
        }
        let soon = timeout(Duration::from_secs(20), door.done(put("/bucket/key", "x"))).await;
        assert!(soon.is_ok());
        assert_eq!(door.done(get("/bucket/key")).await.body, b"x");
    });
}

#[test]
fn one_connection_asks_again_and_again() {
    at_a_door(tuning(), async |door| {
        door.done(put("/bucket", "")).await;
        door.done(put("/bucket/key", bytes(9_000))).await;
        let asked = String::from_utf8(get("/bucket/key").signed(KEY, &now()).bytes()).unwrap();
        let kept = asked.replace("connection: close\r\n", "");
        let mut stream = TcpStream::connect(door.address).await.unwrap();
        for _ in 0..3 {
            stream.write_all(kept.as_bytes()).await.unwrap();
        }
        stream.write_all(asked.as_bytes()).await.unwrap();
        let mut all = Vec::new();
        stream.read_to_end(&mut all).await.unwrap();
        let answers = all.windows(12).filter(|twelve| twelve == b"HTTP/1.1 200").count();
        assert_eq!(answers, 4);
    });
}
