//! Bodies, and what is said of them: what is not true is refused, and nothing is stored.

use crate::client::{Request, exchange};
use crate::fake::tuning;
use crate::objects::crc32;
use crate::open::{Open, at_a_door, bytes, get, put};

const TRAILER: &str = "STREAMING-UNSIGNED-PAYLOAD-TRAILER";

/// In chunks of so many bytes, with these lines behind the last.
fn chunked(bytes: &[u8], step: usize, trailers: &[String]) -> Vec<u8> {
    let mut all = Vec::new();
    for chunk in bytes.chunks(step) {
        all.extend(format!("{:x}\r\n", chunk.len()).into_bytes());
        all.extend(chunk);
        all.extend(b"\r\n");
    }
    all.extend(b"0\r\n");
    trailers.iter().for_each(|line| all.extend(format!("{line}\r\n").into_bytes()));
    all.extend(b"\r\n");
    all
}

fn with_trailer(path: &str, body: &[u8], step: usize, trailers: &[String]) -> Request {
    put(path, chunked(body, step, trailers))
        .payload(TRAILER)
        .header("content-encoding", "aws-chunked")
        .header("x-amz-decoded-content-length", body.len().to_string())
        .header("x-amz-trailer", "x-amz-checksum-crc32")
}

/// Nothing is stored under the key, and nothing is left of it.
async fn refused(door: &Open, request: Request, code: &str) {
    let answer = door.ask(request).await;
    assert_eq!(answer.said().1, code, "{answer:?}");
    assert!(answer.status >= 400);
    assert_eq!(door.look(|fake| (fake.objects(), fake.stripes.len())), (0, 0), "{code}");
}

#[test]
fn a_trailer_is_compared_and_the_chunks_are_not_part_of_the_object() {
    at_a_door(tuning(), async |door| {
        door.done(put("/bucket", "")).await;
        for size in [0, 700, 30_000] {
            let body = bytes(size);
            let right = format!("x-amz-checksum-crc32:{}", crc32(&body));
            let wrong = "x-amz-checksum-crc32:AAAAAA=+".to_owned();
            let others = format!("x-amz-checksum-crc32:{}", crc32(b"others"));
            let of = |trailers: &[String]| with_trailer("/bucket/key", &body, 1_000, trailers);
            refused(&door, of(&[others]), "BadDigest").await;
            refused(&door, of(&[wrong]), "MalformedTrailerError").await;
            refused(&door, of(&[]), "MalformedTrailerError").await;
            let stored = door.done(of(&[right])).await;
            assert_eq!(stored.header("x-amz-checksum-crc32"), Some(&*crc32(&body)));
            let got = door.done(get("/bucket/key")).await;
            assert!(got.body == body);
            assert_eq!(got.header("content-encoding"), None);
            door.done(Request::new("DELETE", "/bucket/key")).await;
            door.look(|_| ());
        }
    });
}

#[test]
fn what_a_header_says_is_compared_too() {
    at_a_door(tuning(), async |door| {
        door.done(put("/bucket", "")).await;
        for size in [700, 30_000] {
            let of = || put("/bucket/key", bytes(size));
            let others = crc32(b"others");
            refused(&door, of().header("x-amz-checksum-crc32", others), "BadDigest").await;
            let md5 = "XUFAKrxLKna5cZ2REBfFkg==";
            refused(&door, of().header("content-md5", md5), "BadDigest").await;
            refused(&door, of().header("content-md5", "XUFA"), "InvalidDigest").await;
            let hash = "5d".repeat(32);
            refused(&door, of().payload(&hash), "XAmzContentSHA256Mismatch").await;
        }
    });
}

#[test]
fn a_body_that_ends_too_early_stores_nothing() {
    at_a_door(tuning(), async |door| {
        door.done(put("/bucket", "")).await;
        for size in [700, 30_000] {
            let body = bytes(size);
            let right = format!("x-amz-checksum-crc32:{}", crc32(&body));
            let whole = with_trailer("/bucket/key", &body, 1_000, &[right]);
            // The last chunk is not there, or it is not the whole of what was announced.
            let cut = Request { body: chunked(&body[..size - 1], 1_000, &[]), ..whole.clone() };
            refused(&door, cut, "IncompleteBody").await;
            let mut cut = whole.clone();
            cut.body.truncate(500);
            refused(&door, cut, "IncompleteBody").await;
            // The connection ends in the middle.
            let signed = put("/bucket/key", body).signed(crate::client::KEY, &crate::open::now());
            let bytes = signed.bytes();
            let answer = half(&door, &bytes[..bytes.len() - 300]).await;
            assert!(answer.is_none_or(|status| status >= 400));
            assert_eq!(door.look(|fake| (fake.objects(), fake.stripes.len())), (0, 0));
        }
    });
}

/// The status of an answer to what breaks off, if there is one.
async fn half(door: &Open, bytes: &[u8]) -> Option<u16> {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = tokio::net::TcpStream::connect(door.address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut all = Vec::new();
    let _ = stream.read_to_end(&mut all).await;
    String::from_utf8_lossy(&all).split(' ').nth(1).and_then(|status| status.parse().ok())
}

#[test]
fn a_chunk_that_claims_gigabytes_costs_a_few_megabytes() {
    at_a_door(tuning(), async |door| {
        door.done(put("/bucket", "")).await;
        let size = 40 << 20;
        let request = with_trailer("/bucket/key", &vec![7; size], size, &[]);
        refused(&door, request, "EntityTooLarge").await;
    });
}

#[test]
fn xml_is_compared_with_what_is_said_of_it() {
    at_a_door(tuning(), async |door| {
        door.done(put("/bucket", "")).await;
        door.done(put("/bucket/key", "x")).await;
        let xml = "<Delete><Object><Key>key</Key></Object></Delete>";
        let delete = || Request::new("POST", "/bucket").query("delete", "").body(xml);
        for (request, code) in [
            (delete().header("x-amz-checksum-crc32", crc32(b"others")), "BadDigest"),
            (delete().header("content-md5", "XUFAKrxLKna5cZ2REBfFkg=="), "BadDigest"),
            (delete().payload(&"5d".repeat(32)), "BadDigest"),
        ] {
            assert_eq!(door.ask(request).await.said(), (400, code.to_owned()));
        }
        assert_eq!(door.look(|fake| fake.objects()), 1);
        let sum = crc32(xml.as_bytes());
        let deleted = door.done(delete().header("x-amz-checksum-crc32", sum)).await;
        assert_eq!(deleted.elements("Key"), ["key"]);
        assert_eq!(door.look(|fake| fake.objects()), 0);
    });
}

#[test]
fn who_expects_a_100_is_refused_before_it() {
    at_a_door(tuning(), async |door| {
        let size = 1 << 20;
        let mut request = put("/none/key", "").header("content-length", size.to_string());
        request = request.header("expect", "100-continue").payload("UNSIGNED-PAYLOAD");
        let signed = request.signed(crate::client::KEY, &crate::open::now());
        let answer = exchange(door.address, &signed.bytes()).await;
        assert_eq!(answer.said(), (404, "NoSuchBucket".to_owned()));
    });
}
