//! Objects in parts.

use crate::client::Request;
use crate::fake::tuning;
use crate::objects::crc32;
use crate::open::{Open, at_a_door, bytes, get, put};

async fn begin(door: &Open, request: Request) -> String {
    let begun = door.done(request.query("uploads", "")).await;
    begun.element("UploadId").unwrap()
}

fn post(path: &str) -> Request {
    Request::new("POST", path)
}

fn part(id: &str, number: usize, body: impl Into<Vec<u8>>) -> Request {
    put("/bucket/key", body).query("partNumber", number.to_string()).query("uploadId", id)
}

fn complete(id: &str, parts: &[(usize, String, Option<String>)]) -> Request {
    let each = parts.iter().map(|(number, tag, sum)| {
        let sum = sum.as_ref().map(|sum| format!("<ChecksumCRC32>{sum}</ChecksumCRC32>"));
        format!(
            "<Part><ETag>{tag}</ETag><PartNumber>{number}</PartNumber>{}</Part>",
            sum.unwrap_or_default()
        )
    });
    let xml =
        format!("<CompleteMultipartUpload>{}</CompleteMultipartUpload>", each.collect::<String>());
    post("/bucket/key").query("uploadId", id).body(xml)
}

#[test]
fn parts_become_an_object_and_are_got_one_by_one_too() {
    at_a_door(tuning(), async |door| {
        door.done(put("/bucket", "")).await;
        for (kind, shown) in [("COMPOSITE", "-2"), ("FULL_OBJECT", "")] {
            let begins = post("/bucket/key")
                .header("x-amz-checksum-algorithm", "CRC32")
                .header("x-amz-checksum-type", kind)
                .header("x-amz-meta-a", "1");
            let id = begin(&door, begins).await;
            let all = bytes(13_000);
            let mut parts = Vec::new();
            for (number, body) in [(2, &all[..10_000]), (5, &all[10_000..])] {
                let put = part(&id, number, body).header("x-amz-checksum-crc32", crc32(body));
                let tag = door.done(put).await.header("etag").unwrap().to_owned();
                parts.push((number, tag, Some(crc32(body))));
            }
            let listed = door.done(get("/bucket/key").query("uploadId", &*id)).await;
            assert_eq!(listed.elements("PartNumber"), ["2", "5"]);
            assert_eq!(listed.elements("Size"), ["10000", "3000"]);
            let uploads = door.done(get("/bucket").query("uploads", "")).await;
            assert_eq!(uploads.elements("UploadId"), [id.as_str()]);
            let done = door.done(complete(&id, &parts)).await;
            let sum = done.element("ChecksumCRC32").unwrap();
            assert!(sum.ends_with(shown) && (kind == "COMPOSITE" || sum == crc32(&all)), "{sum}");
            assert_eq!(
                door.done(complete(&id, &parts)).await.element("ETag"),
                done.element("ETag")
            );
            let got = door.done(get("/bucket/key").header("x-amz-checksum-mode", "ENABLED")).await;
            assert!(got.body == all && got.header("x-amz-meta-a") == Some("1"));
            assert_eq!(got.header("x-amz-checksum-type"), Some(kind));
            assert_eq!(got.header("x-amz-checksum-crc32"), Some(sum.as_str()));
            let second = door.done(get("/bucket/key").query("partNumber", "5")).await;
            assert!(second.status == 206 && second.body == all[10_000..]);
            assert_eq!(second.header("x-amz-mp-parts-count"), Some("2"));
        }
    });
}

#[test]
fn parts_that_are_not_what_they_should_be_become_nothing() {
    at_a_door(tuning(), async |door| {
        door.done(put("/bucket", "")).await;
        let id = begin(&door, post("/bucket/key")).await;
        let tag = async |number, body: Vec<u8>| {
            door.done(part(&id, number, body)).await.header("etag").unwrap().to_owned()
        };
        let (small, large) = (tag(1, bytes(100)).await, tag(2, bytes(3_000)).await);
        let (one, two) = ((1, small.clone(), None), (2, large, None));
        for (parts, code) in [
            (vec![two.clone(), one.clone()], "InvalidPartOrder"),
            (vec![one, two], "EntityTooSmall"),
            (vec![(2, small.clone(), None)], "InvalidPart"),
            (vec![(1, "x".to_owned(), None)], "InvalidPart"),
            (vec![(10_001, small, None)], "MalformedXML"),
            (vec![], "MalformedXML"),
        ] {
            let answer = door.ask(complete(&id, &parts)).await;
            assert_eq!(answer.said(), (400, code.to_owned()), "{parts:?}");
        }
        for number in ["0", "10001", "-1"] {
            let wrong = put("/bucket/key", "x").query("partNumber", number).query("uploadId", &*id);
            assert_eq!(door.ask(wrong).await.said(), (400, "InvalidArgument".to_owned()));
        }
        for none in ["0000000000000099", "../../x", ""] {
            assert_eq!(door.ask(part(none, 1, "x")).await.said(), (404, "NoSuchUpload".to_owned()));
        }
        assert_eq!(door.look(|fake| fake.objects()), 0);
        door.done(Request::new("DELETE", "/bucket/key").query("uploadId", &*id)).await;
        assert_eq!(
            door.ask(part(&id, 1, bytes(9_000))).await.said(),
            (404, "NoSuchUpload".to_owned())
        );
    });
}

#[test]
fn a_part_is_copied_from_a_range_with_the_checksum_of_its_upload() {
    at_a_door(tuning(), async |door| {
        door.done(put("/bucket", "")).await;
        let all = bytes(20_000);
        door.done(put("/bucket/source", all.clone())).await;
        let id =
            begin(&door, post("/bucket/key").header("x-amz-checksum-algorithm", "CRC32")).await;
        let mut parts = Vec::new();
        for (number, from, to) in [(1, 0, 12_000), (2, 12_000, 20_000)] {
            let copy = part(&id, number, "")
                .header("x-amz-copy-source", "/bucket/source")
                .header("x-amz-copy-source-range", format!("bytes={from}-{}", to - 1));
            let copied = door.done(copy).await;
            let sum = copied.element("ChecksumCRC32");
            assert_eq!(sum, Some(crc32(&all[from..to])));
            parts.push((number, copied.element("ETag").unwrap(), sum));
        }
        door.done(complete(&id, &parts)).await;
        assert!(door.done(get("/bucket/key")).await.body == all);
        let behind = part(&id, 3, "").header("x-amz-copy-source", "/bucket/source");
        let behind = behind.header("x-amz-copy-source-range", "bytes=0-20000");
        assert_eq!(door.ask(behind).await.said().0, 404, "the upload is over");
    });
}
