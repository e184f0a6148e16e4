//! Pages of what is in a bucket, and versions.

use crate::client::{Request, encoded};
use crate::fake::tuning;
use crate::open::{Open, at_a_door, get, put};

/// Every byte that is awkward somewhere.
const AWKWARD: [&str; 12] = [
    "a b",
    "a+b",
    "a%2Fb",
    "a&b=c",
    "a<b>c",
    "../../etc/passwd",
    "a//b/",
    "\u{fc}",
    "a?b",
    "a\"b'",
    "\u{1}\u{1f}",
    "~*'()!",
];

/// The path of a key, as a client sends it.
fn path(key: &str) -> String {
    let parts: Vec<_> = key.split('/').map(encoded).collect();
    format!("/bucket/{}", parts.join("/"))
}

/// As XML and URLs write it.
fn read(key: &str) -> String {
    percent_encoding::percent_decode_str(key).decode_utf8().unwrap().into_owned()
}

#[test]
fn awkward_keys_are_keys_like_others() {
    at_a_door(tuning(), async |door| {
        door.done(put("/bucket", "")).await;
        for key in AWKWARD {
            door.done(put(&path(key), key)).await;
            assert_eq!(door.done(get(&path(key))).await.body, key.as_bytes());
        }
        let listed = door.done(list().query("encoding-type", "url")).await;
        let keys: Vec<_> = listed.elements("Key").iter().map(|key| read(key)).collect();
        let mut sorted = AWKWARD.map(str::to_owned);
        sorted.sort();
        assert_eq!(keys, sorted);
        for key in AWKWARD {
            door.done(Request::new("DELETE", &path(key))).await;
        }
        assert_eq!(door.look(|fake| fake.objects()), 0);
        let long = |length| put(&format!("/bucket/{}", "k".repeat(length)), "x");
        door.done(long(1_024)).await;
        assert_eq!(door.ask(long(1_025)).await.said(), (400, "KeyTooLongError".to_owned()));
    });
}

fn list() -> Request {
    get("/bucket").query("list-type", "2")
}

async fn fill(door: &Open, keys: &[&str]) {
    door.done(put("/bucket", "")).await;
    for key in keys {
        door.done(put(&path(key), "x")).await;
    }
}

const TREE: [&str; 7] = ["a", "b/1", "b/2", "b/c/1", "c", "d/1", "e"];

/// Follows the pages of both calls.
#[test]
fn pages_go_on_behind_the_last_item() {
    at_a_door(tuning(), async |door| {
        fill(&door, &TREE).await;
        for most in 1..5 {
            for by in ["", "/"] {
                let (mut keys, mut prefixes, mut token, mut marker) = (vec![], vec![], None, None);
                let (mut keys_1, mut prefixes_1) = (vec![], vec![]);
                loop {
                    let asked = list().query("max-keys", most.to_string()).query("delimiter", by);
                    let asked = match &token {
                        Some(token) => asked.query("continuation-token", token),
                        None => asked,
                    };
                    let page = door.done(asked).await;
                    keys.extend(page.elements("Key"));
                    prefixes.extend(prefixes_of(&page.text()));
                    token = page.element("NextContinuationToken");
                    assert_eq!(page.element("IsTruncated").unwrap() == "true", token.is_some());
                    if token.is_none() {
                        break;
                    }
                }
                loop {
                    let asked =
                        get("/bucket").query("max-keys", most.to_string()).query("delimiter", by);
                    let asked = match &marker {
                        Some(marker) => asked.query("marker", marker),
                        None => asked,
                    };
                    let page = door.done(asked).await;
                    keys_1.extend(page.elements("Key"));
                    prefixes_1.extend(prefixes_of(&page.text()));
                    marker = page.element("NextMarker");
                    if marker.is_none() {
                        break;
                    }
                }
                let (wanted, folded) = match by {
                    "" => (TREE.to_vec(), vec![]),
                    _ => (vec!["a", "c", "e"], vec!["b/", "d/"]),
                };
                assert_eq!((&keys, &prefixes), (&owned(&wanted), &owned(&folded)), "{most} {by}");
                assert_eq!((keys_1, prefixes_1), (keys, prefixes));
            }
        }
        let none = door.done(list().query("max-keys", "0")).await;
        assert_eq!(
            (none.elements("Key").len(), none.element("IsTruncated").unwrap()),
            (0, "false".to_owned())
        );
        let under = door.done(list().query("prefix", "b/").query("delimiter", "/")).await;
        assert_eq!(under.elements("Key"), ["b/1", "b/2"]);
        assert_eq!(prefixes_of(&under.text()), ["b/c/"]);
        let behind = door.done(list().query("start-after", "c")).await;
        assert_eq!(behind.elements("Key"), ["d/1", "e"]);
        let wrong = door.ask(list().query("continuation-token", "!")).await;
        assert_eq!(wrong.said(), (400, "InvalidArgument".to_owned()));
    });
}

fn owned(all: &[&str]) -> Vec<String> {
    all.iter().map(|one| (*one).to_owned()).collect()
}

fn prefixes_of(text: &str) -> Vec<String> {
    let all = text.split("<CommonPrefixes><Prefix>").skip(1);
    all.filter_map(|rest| Some(rest.split_once("</Prefix>")?.0.to_owned())).collect()
}

#[test]
fn versions_are_kept_and_deleted_one_by_one() {
    at_a_door(tuning(), async |door| {
        door.done(put("/bucket", "")).await;
        door.done(put("/bucket/key", "zero")).await;
        let enabled = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";
        door.done(put("/bucket", enabled).query("versioning", "")).await;
        let status = door.done(get("/bucket").query("versioning", "")).await;
        assert_eq!(status.element("Status").unwrap(), "Enabled");
        let mut ids = Vec::new();
        for body in ["one", "two"] {
            let stored = door.done(put("/bucket/key", body)).await;
            ids.push(stored.header("x-amz-version-id").unwrap().to_owned());
        }
        let deleted = door.done(Request::new("DELETE", "/bucket/key")).await;
        assert_eq!(deleted.header("x-amz-delete-marker"), Some("true"));
        let marker = deleted.header("x-amz-version-id").unwrap().to_owned();
        let gone = door.ask(get("/bucket/key")).await;
        assert_eq!(gone.said(), (404, "NoSuchKey".to_owned()));
        assert_eq!(gone.header("x-amz-delete-marker"), Some("true"));
        let of = |id: &str| get("/bucket/key").query("versionId", id);
        assert_eq!(door.ask(of(&marker)).await.said(), (405, "MethodNotAllowed".to_owned()));
        for (id, body) in [("null", "zero"), (&*ids[0], "one"), (&*ids[1], "two")] {
            assert_eq!(door.done(of(id)).await.body, body.as_bytes());
        }
        assert_eq!(door.ask(of("nonsense")).await.said(), (400, "InvalidArgument".to_owned()));
        let none = door.ask(of("00000000000000ff")).await;
        assert_eq!(none.said(), (404, "NoSuchVersion".to_owned()));
        // Page by page, the newest first.
        let all = [marker.as_str(), &ids[1], &ids[0], "null"];
        let (mut seen, mut place) = (Vec::new(), None);
        loop {
            let asked = get("/bucket").query("versions", "").query("max-keys", "1");
            let asked = match &place {
                Some((key, version)) => {
                    asked.query("key-marker", key).query("version-id-marker", version)
                }
                None => asked,
            };
            let page: crate::client::Answer = door.done(asked).await;
            seen.extend(page.elements("VersionId"));
            place = page.element("NextKeyMarker").zip(page.element("NextVersionIdMarker"));
            if place.is_none() {
                break;
            }
        }
        assert_eq!(seen, all);
        for id in all {
            door.done(Request::new("DELETE", "/bucket/key").query("versionId", id)).await;
        }
        door.done(Request::new("DELETE", "/bucket")).await;
    });
}
