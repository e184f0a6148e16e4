//! HTTP: the texts of requests, and the texts of answers.
//!
//! ```text
//! GET    /kv/KEY[?read=index|lease|stale]        the bytes, or 404
//! PUT    /kv/KEY                                 {"done":true}
//! DELETE /kv/KEY                                 {"done":true}
//! POST   /kv/KEY/append                          {"done":true}
//! POST   /kv/KEY/cas    {"from":"a","to":null}   {"swapped":true}, or 409; null stands for no value
//! GET    /kv[?start=A&end=B&limit=N&read=HOW]    {"pairs":[{"key":"a","value":"b"}],"more":false}
//! GET    /status                                 what this node knows
//! PUT    /members       {"members":[0,1,2]}      202: a change is under way
//! POST   /transfer      {"to":1}                 202: a transfer is under way; {} leaves open to whom
//! anything else                                  {"error":"a sentence"}
//! ```
//!
//! In JSON a key or a value is a string, or, where its bytes are no text, an array of numbers. In a
//! path they are percent-encoded. A write with an `Idempotency-Key` that is sent again, the same, is
//! done once; another one with the key of a write that was done is refused (422). Where what is asked for
//! holds already the answer of /members and /transfer is 200, `{"begun":false}`. 503 says that nothing was
//! done, 504 that nobody knows.

mod reply;
mod text;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use host::http::{self, HttpReply};
use machine::NodeId;
use percent_encoding::percent_decode_str;
use raft::{Address, MOST_MEMBERS, Session};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

use crate::command::{Command, LONGEST_VALUE};
use crate::message::{Ask, ReadMode};
use crate::store::MOST_PAIRS;
use text::Text;

pub(crate) use reply::{elsewhere, reply_of, unavailable, unknown, why_not_member};

/// No body is longer, in bytes: a value, or two of them in JSON.
pub(crate) const LONGEST_BODY: usize = 1 << 20;
const PATHS: &str = "there are /kv/KEY, /kv/KEY/append, /kv/KEY/cas, /kv, /status, /members and \
                     /transfer";

/// What comes.
#[derive(Clone, Debug)]
pub(crate) struct RawRequest<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) query: &'a str,
    pub(crate) idempotency_key: Option<&'a [u8]>,
    pub(crate) body: Bytes,
}

/// What it means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Parsed {
    Status,
    Ask(Ask, Option<Session>),
}

/// Reads a request.
///
/// # Errors
/// With the reply, if it makes no sense. Nothing was done.
pub(crate) fn read(asked: &RawRequest<'_>) -> Result<Parsed, HttpReply> {
    let RawRequest { method, path, query, .. } = *asked;
    let segments: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    let body = || asked.body.clone();
    let ask = match (segments.as_slice(), method) {
        (["status"], "GET" | "HEAD") => {
            no_parameters(query)?;
            return Ok(Parsed::Status);
        }
        (["kv"], "GET" | "HEAD") => range(query)?,
        (["kv", key], "GET" | "HEAD") => {
            let [read] = parameters(query, ["read"])?;
            Ask::Get { key: self::key(key)?, read: consistency(read)? }
        }
        (["kv", key], "PUT") => Ask::Put { key: self::key(key)?, value: value(body())? },
        (["kv", key], "DELETE") => Ask::Delete { key: self::key(key)? },
        (["kv", key, "append"], "POST") => {
            Ask::Append { key: self::key(key)?, value: value(body())? }
        }
        (["kv", key, "cas"], "POST") => {
            let Cas { from, to } = json(&asked.body, r#"{"from":"a","to":"b"}"#)?;
            Ask::Cas { key: self::key(key)?, from: from.map(Bytes::from), to: to.map(Bytes::from) }
        }
        (["members"], "PUT") => {
            let Members { members, addresses } = json(&asked.body, r#"{"members":[0,1,2]}"#)?;
            if members.len() > MOST_MEMBERS {
                let why = format_args!("a group has at most {MOST_MEMBERS} members");
                return Err(HttpReply::error(400, why));
            }
            if let Some(node) = addresses.keys().find(|node| !members.contains(node)) {
                let why = format_args!("node {} has an address and is no member", node.0);
                return Err(HttpReply::error(400, why));
            }
            Ask::Change { voters: members, addresses }
        }
        (["transfer"], "POST") => {
            let Transfer { to } = json(&asked.body, r#"{"to":1}"#)?;
            Ask::Transfer { to }
        }
        (segments, _) => return Err(no_such(segments)),
    };
    if !ask.is_read() {
        no_parameters(query)?;
    }
    let session = session(asked.idempotency_key, &ask)?;
    Ok(Parsed::Ask(ask, session))
}

/// Another path, or another method than this path takes.
fn no_such(segments: &[&str]) -> HttpReply {
    let takes = match segments {
        ["status"] | ["kv"] => "GET, HEAD",
        ["kv", _] => "GET, HEAD, PUT, DELETE",
        ["kv", _, "append" | "cas"] | ["transfer"] => "POST",
        ["members"] => "PUT",
        _ => return HttpReply::no_such_path(&("/".to_owned() + &segments.join("/")), PATHS),
    };
    HttpReply::only(takes)
}

fn key(segment: &str) -> Result<Bytes, HttpReply> {
    let key: Cow<'_, [u8]> = percent_decode_str(segment).into();
    match key.is_empty() {
        true => Err(HttpReply::error(400, "a key has a byte at least, as in /kv/a")),
        false => Ok(Bytes::from(key.into_owned())),
    }
}

fn value(body: Bytes) -> Result<Bytes, HttpReply> {
    match body.len() <= LONGEST_VALUE {
        true => Ok(body),
        false => {
            Err(HttpReply::error(413, format_args!("a value has at most {LONGEST_VALUE} bytes")))
        }
    }
}

fn range(query: &str) -> Result<Ask, HttpReply> {
    let [_, _, limit, read] = parameters(query, ["start", "end", "limit", "read"])?;
    let limit = match limit {
        None => 100,
        Some(text) => {
            match text.parse().ok().filter(|limit| (1..=MOST_PAIRS as u32).contains(limit)) {
                Some(limit) => limit,
                None => {
                    let why = format!("the limit is a number from 1 to {MOST_PAIRS}");
                    return Err(HttpReply::error(400, why));
                }
            }
        }
    };
    let (start, end) = (bytes(query, "start").unwrap_or_default(), bytes(query, "end"));
    Ok(Ask::Range { start, end, limit, read: consistency(read)? })
}

/// The bytes of a parameter that is given once: keys need not be text.
fn bytes(query: &str, name: &str) -> Option<Bytes> {
    let decoded = |text: &str| -> Bytes { percent_decode_str(&text.replace('+', " ")).collect() };
    let mut pairs = query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    pairs.find(|(key, _)| decoded(key) == name).map(|(_, value)| decoded(value))
}

fn consistency(text: Option<Cow<'_, str>>) -> Result<ReadMode, HttpReply> {
    match text.as_deref() {
        None | Some("index") => Ok(ReadMode::Index),
        Some("lease") => Ok(ReadMode::Lease),
        Some("stale") => Ok(ReadMode::Stale),
        Some(_) => Err(HttpReply::error(400, "read is index, lease or stale")),
    }
}

/// The session of an `Idempotency-Key`. The key names the session, and the command in it is numbered by its
/// own hash: neither is drawn, so they are the same at every replica.
fn session(idempotency_key: Option<&[u8]>, ask: &Ask) -> Result<Option<Session>, HttpReply> {
    let (Some(name), Some((key, change))) = (idempotency_key, ask.change()) else {
        return Ok(None);
    };
    if !(1..=255).contains(&name.len()) {
        return Err(HttpReply::error(400, "an Idempotency-Key has 1 to 255 bytes"));
    }
    let command = Command { session: None, key, change }.encode();
    let command = command.map_err(|too_large| reply_of(too_large.into(), true))?;
    Ok(Some(Session { client: xxh3_128(name), number: xxh3_64(&command), only: true }))
}

/// The body of a compare-and-swap. Both must be said.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Cas {
    #[serde(deserialize_with = "said")]
    from: Option<Text>,
    #[serde(deserialize_with = "said")]
    to: Option<Text>,
}

fn said<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Text>, D::Error> {
    Option::deserialize(from)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Members {
    members: BTreeSet<NodeId>,
    #[serde(default)]
    addresses: BTreeMap<NodeId, Address>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Transfer {
    to: Option<NodeId>,
}

fn json<T: DeserializeOwned>(body: &[u8], example: &str) -> Result<T, HttpReply> {
    serde_json::from_slice(body).map_err(|why| {
        // It names what it found, at whatever length.
        let why = why.to_string();
        let why = http::cut(&why, 200);
        HttpReply::error(400, format_args!("the body must be JSON such as {example}: {why}"))
    })
}

fn no_parameters(query: &str) -> Result<(), HttpReply> {
    parameters(query, []).map(|[]| ())
}

/// The values of these parameters, each given at most once, and no others.
fn parameters<'a, const N: usize>(
    query: &'a str,
    names: [&str; N],
) -> Result<[Option<Cow<'a, str>>; N], HttpReply> {
    http::parameters(query, names).map_err(|why| HttpReply::error(400, why))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Answer, Refusal};
    use crate::store::Pairs;
    use proptest::prelude::*;

    fn asked<'a>(method: &'a str, target: &'a str, body: &'static str) -> RawRequest<'a> {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let body = Bytes::from_static(body.as_bytes());
        RawRequest { method, path, query, idempotency_key: None, body }
    }

    fn meant(method: &str, target: &str, body: &'static str) -> Ask {
        match read(&asked(method, target, body)) {
            Ok(Parsed::Ask(ask, None)) => ask,
            other => panic!("{method} {target}: {other:?}"),
        }
    }

    #[track_caller]
    fn refused(method: &str, target: &str, body: &'static str, status: u16, words: &str) {
        let reply = read(&asked(method, target, body)).unwrap_err();
        let text = String::from_utf8(reply.body.to_vec()).unwrap();
        assert_eq!(reply.status, status, "{text}");
        assert!(text.starts_with("{\"error\":\"") && text.contains(words), "{text}");
    }

    #[test]
    fn requests_are_these() {
        let bytes = |text: &'static str| Bytes::from_static(text.as_bytes());
        let (key, value) = (bytes("a/b c"), bytes("v"));
        let index = Ask::Get { key: key.clone(), read: ReadMode::Index };
        assert_eq!(meant("GET", "/kv/a%2Fb%20c", ""), index);
        let stale = Ask::Get { key: Bytes::from_static(b"\xff+"), read: ReadMode::Stale };
        assert_eq!(meant("HEAD", "/kv/%FF+?read=stale", ""), stale);
        let put = Ask::Put { key: key.clone(), value: value.clone() };
        assert_eq!(meant("PUT", "/kv/a%2fb%20c", "v"), put);
        assert_eq!(meant("DELETE", "/kv/a%2fb%20c", ""), Ask::Delete { key: key.clone() });
        let append = Ask::Append { key: key.clone(), value: value.clone() };
        assert_eq!(meant("POST", "/kv/a%2fb%20c/append", "v"), append);
        let cas = Ask::Cas { key: bytes("a"), from: None, to: Some(Bytes::from_static(b"v\xff")) };
        assert_eq!(meant("POST", "/kv/a/cas", r#"{"to":[118,255],"from":null}"#), cas);
        let all = Ask::Range { start: bytes(""), end: None, limit: 100, read: ReadMode::Index };
        assert_eq!(meant("GET", "/kv", ""), all);
        let some = Ask::Range {
            start: bytes("a b"),
            end: Some(bytes("c")),
            limit: 2,
            read: ReadMode::Lease,
        };
        assert_eq!(meant("GET", "/kv?end=c&start=a+b&read=lease&limit=2", ""), some);
        let (start, end) = (Bytes::from_static(b"bin\x80"), Some(Bytes::from_static(b"bin\x83")));
        let binary = Ask::Range { start, end, limit: 100, read: ReadMode::Index };
        assert_eq!(meant("GET", "/kv?start=bin%80&%65nd=bin%83", ""), binary);
        let voters = BTreeSet::from([NodeId(2), NodeId(5)]);
        let change = |addresses| Ask::Change { voters: voters.clone(), addresses };
        assert_eq!(meant("PUT", "/members", r#"{"members":[5,2]}"#), change([].into()));
        let [nodes, clients] = ["127.0.0.1:7", "[::1]:8"].map(|at| at.parse().unwrap());
        let body =
            r#"{"members":[5,2],"addresses":{"5":{"nodes":"127.0.0.1:7","clients":"[::1]:8"}}}"#;
        let at = [(NodeId(5), Address { nodes, clients })].into();
        assert_eq!(meant("PUT", "/members", body), change(at));
        assert_eq!(
            meant("POST", "/transfer", r#"{"to":1}"#),
            Ask::Transfer { to: Some(NodeId(1)) }
        );
        assert_eq!(meant("POST", "/transfer", "{}"), Ask::Transfer { to: None });
        assert_eq!(read(&asked("GET", "/status", "")).unwrap(), Parsed::Status);
    }

    #[test]
    fn what_makes_no_sense_is_a_sentence() {
        refused("GET", "/", "", 404, "there are /kv/KEY");
        refused("GET", "/kv/a/b", "", 404, "/kv/a/b");
        refused("PATCH", "/kv/a", "", 405, "GET, HEAD, PUT, DELETE");
        refused("GET", "/kv/", "", 400, "a key has a byte");
        refused("GET", "/kv/a?read=never", "", 400, "index, lease or stale");
        refused("PUT", "/kv/a?read=index", "", 400, "no parameter");
        refused("GET", "/kv?limit=0", "", 400, "from 1 to 1000");
        refused("GET", "/kv?limit=1&limit=1", "", 400, "limit is given twice");
        refused("POST", "/kv/a/cas", r#"{"from":"a"}"#, 400, "missing field `to`");
        refused("POST", "/kv/a/cas", r#"{"from":1,"to":null}"#, 400, "the body must be JSON");
        refused("PUT", "/members", "[]", 400, "members");
        let elsewhere =
            r#"{"members":[5],"addresses":{"2":{"nodes":"[::1]:7","clients":"[::1]:8"}}}"#;
        refused("PUT", "/members", elsewhere, 400, "node 2 has an address and is no member");
        let nowhere = r#"{"members":[5],"addresses":{"5":{"nodes":"here","clients":"[::1]:8"}}}"#;
        refused("PUT", "/members", nowhere, 400, "invalid socket address");
        let many: Vec<u32> = (0..65).collect();
        let many = Box::leak(format!(r#"{{"members":{many:?}}}"#).into_boxed_str());
        refused("PUT", "/members", many, 400, "at most 64 members");
        let long = Box::leak("x".repeat(LONGEST_VALUE + 1).into_boxed_str());
        refused("PUT", "/kv/a", long, 413, "at most");
    }

    #[test]
    fn a_write_that_is_sent_again_is_the_same_session_and_no_other_is() {
        let session = |name: &'static [u8], body, key| {
            let mut asked = asked("PUT", key, body);
            asked.idempotency_key = Some(name);
            match read(&asked).unwrap() {
                Parsed::Ask(_, session) => session.unwrap(),
                Parsed::Status => panic!(),
            }
        };
        let first = session(b"k", "v", "/kv/a");
        assert_eq!(session(b"k", "v", "/kv/a"), first);
        assert_ne!(session(b"l", "v", "/kv/a").client, first.client);
        for other in [session(b"k", "w", "/kv/a"), session(b"k", "v", "/kv/b")] {
            assert_eq!(other.client, first.client, "the key is the same");
            assert!(first.only && other.number != first.number, "and the command is not");
        }
        // Replicas of two versions must agree.
        let frozen =
            (6_331_957_339_431_450_363_275_479_512_019_273_757, 15_823_503_926_623_623_499);
        assert_eq!((first.client, first.number), frozen);
    }

    #[test]
    fn answers_are_these_bytes() {
        let reply = |answer| {
            let HttpReply { status, body, .. } = reply_of(answer, true);
            (status, String::from_utf8(body.to_vec()).unwrap())
        };
        assert_eq!(reply(Answer::Done), (200, r#"{"done":true}"#.to_owned()));
        assert_eq!(reply(Answer::Swapped(true)), (200, r#"{"swapped":true}"#.to_owned()));
        assert_eq!(reply(Answer::Swapped(false)).0, 409);
        assert_eq!(reply(Answer::Value(None)).0, 404);
        assert_eq!(reply(Answer::Lost).0, 504);
        assert_eq!(reply(Answer::Refused(Refusal::TooLarge)).0, 413);
        assert_eq!(reply(Answer::Refused(Refusal::Reused)).0, 422);
        assert_eq!(reply(Answer::Refused(Refusal::NoVote)).0, 409);
        assert_eq!(reply(Answer::Nothing), (200, r#"{"begun":false}"#.to_owned()));
        assert_eq!(reply(Answer::Value(Some(Bytes::from_static(b"v")))), (200, "v".to_owned()));
        let pairs = vec![(Bytes::from_static(b"a"), Bytes::from_static(b"\xff"))];
        let found = Answer::Pairs(Pairs { pairs, more: true });
        let json = r#"{"pairs":[{"key":"a","value":[255]}],"more":true}"#;
        assert_eq!(reply(found), (200, json.to_owned()));
    }

    proptest! {
        #[test]
        fn no_request_makes_it_stumble(
            method in "GET|PUT|POST|DELETE|HEAD|[A-Z]{0,4}",
            path in "/?(kv|status|members|transfer)?(/\\PC{0,6}){0,3}(append|cas)?",
            query in "((read|limit|start|end|\\PC{0,4})=\\PC{0,6}&?){0,4}",
            body in "\\PC{0,30}|\\{\"(from|to|members)\":.{0,9}\\}",
            name in prop::option::of(prop::collection::vec(any::<u8>(), 0..300)),
        ) {
            let idempotency_key = name.as_deref();
            let (method, path, query) = (method.as_str(), path.as_str(), query.as_str());
            let asked = RawRequest { method, path, query, idempotency_key, body: body.into() };
            if let Err(reply) = read(&asked) {
                prop_assert!((400..500).contains(&reply.status));
                prop_assert!(serde_json::from_slice::<serde_json::Value>(&reply.body).is_ok());
            }
        }
    }
}
