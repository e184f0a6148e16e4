//! HTTP: the texts of requests, and the texts of answers.
//!
//! ```text
//! GET /id                  {"id":"175928847299117063"}
//! GET /ids?count=2         {"ids":["175928847299117063","175928847299117064"]}
//! GET /decode/ID?layout=L  {"ids":[{"id":"175928847299117063","layout":"discord",...}]}
//! anything else            {"error":"a sentence"}
//! ```
//!
//! Ids are strings, because a JavaScript number holds only 53 bits of them. Who accepts `text/plain`
//! gets ids one a line; errors are JSON in either case.

use std::fmt::{Display, Write};

use host::http::{self, HttpReply};
use serde::Serialize;

use crate::layout::Decoded;
use crate::message::{Message, Refusal};
use crate::{Id, Layout};

const PATHS: &str = "there are /id, /ids?count=N and /decode/ID";

/// What a client asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    Id,
    /// So many of them.
    Ids(u32),
    /// What is in one; it was taken apart.
    Decoded(Decoded),
}

/// Reads a request. Where it names no layout, an id is of this one.
///
/// # Errors
/// With the reply, if it makes no sense. Nothing was minted for it.
pub(crate) fn read(
    method: &str,
    path: &str,
    query: &str,
    layout: &Layout,
) -> Result<Asked, HttpReply> {
    let asked = match path.split('/').skip(1).collect::<Vec<_>>()[..] {
        ["id"] => no_parameters(query).map(|()| Asked::Id),
        ["ids"] => count(query).map(Asked::Ids),
        ["decode", id] if !id.is_empty() => decode(id, query, layout).map(Asked::Decoded),
        _ => return Err(HttpReply::no_such_path(path, PATHS)),
    };
    match method {
        "GET" | "HEAD" => asked.map_err(|why| HttpReply::error(400, why)),
        _ => Err(HttpReply::only("GET, HEAD")),
    }
}

/// The JSON of ids that were taken apart.
pub fn decoded_json(ids: &[Decoded]) -> String {
    #[derive(Serialize)]
    struct Ids<'a> {
        ids: &'a [Decoded],
    }
    http::json_body(&Ids { ids })
}

/// An id that was taken apart, for people: one line.
pub fn decoded_text(decoded: &Decoded) -> String {
    let Decoded { id, time, fields, .. } = decoded;
    let mut text = format!("{id}  {time}");
    for (name, value) in fields {
        // Writing to a string does not fail.
        let _ = write!(text, "  {name} {value}");
    }
    text
}

/// How the client wants it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Json,
    Text,
}

impl Format {
    /// By the `Accept` header: text for those who name it and do not take JSON as well.
    pub(crate) fn accepted(accept: Option<&str>) -> Format {
        let names = |wanted: &str| {
            let ranges = accept.unwrap_or_default().split(',');
            ranges
                .filter_map(|range| range.split(';').next())
                .any(|range| range.trim().eq_ignore_ascii_case(wanted))
        };
        if names("text/plain") && !names("application/json") { Format::Text } else { Format::Json }
    }

    fn reply(self, body: String) -> HttpReply {
        match self {
            Format::Json => HttpReply::new(200, http::JSON, body),
            Format::Text => HttpReply::new(200, http::TEXT, body),
        }
    }
}

/// The reply to `/id`, from what the worker answered.
pub(crate) fn one_id(format: Format, answer: &Message) -> HttpReply {
    #[derive(Serialize)]
    struct One {
        id: Id,
    }
    match answer {
        Message::Minted { ids, .. } => match (ids.first(), format) {
            (None, _) => unavailable(NO_ANSWER),
            (Some(id), Format::Json) => format.reply(http::json_body(&One { id: *id })),
            (Some(id), Format::Text) => format.reply(format!("{id}\n")),
        },
        other => refused(other),
    }
}

/// The reply to `/ids`, from what the worker answered.
pub(crate) fn many_ids(format: Format, answer: &Message) -> HttpReply {
    let Message::Minted { ids, .. } = answer else { return refused(answer) };
    // 20 digits and what is between them.
    let mut body = String::with_capacity(ids.len() * 23 + 10);
    let (open, between, close) = match format {
        Format::Json => ("{\"ids\":[\"", "\",\"", "\"]}"),
        Format::Text => ("", "\n", "\n"),
    };
    let separators = std::iter::once(open).chain(std::iter::repeat(between));
    for (separator, id) in separators.zip(ids) {
        body.push_str(separator);
        let _ = write!(body, "{}", id.0);
    }
    body.push_str(close);
    format.reply(body)
}

/// The reply to `/decode`.
pub(crate) fn decoded(format: Format, decoded: &Decoded) -> HttpReply {
    format.reply(match format {
        Format::Json => decoded_json(std::slice::from_ref(decoded)),
        Format::Text => decoded_text(decoded) + "\n",
    })
}

/// Nobody can answer now; perhaps later.
pub(crate) fn unavailable(why: impl Display) -> HttpReply {
    HttpReply::error(503, why).retry_after(1)
}

fn refused(answer: &Message) -> HttpReply {
    match answer {
        Message::Refused { why: why @ Refusal::BadCount, .. } => HttpReply::error(400, why),
        Message::Refused { why, .. } => unavailable(why),
        _ => unavailable(NO_ANSWER),
    }
}

const NO_ANSWER: &str = "the worker did not answer; ask again";

/// Why a request was not understood; nothing was minted for it.
type BadRequest = String;

/// The parameters of `/id`: none.
fn no_parameters(query: &str) -> Result<(), BadRequest> {
    http::parameters(query, []).map(|[]| ())
}

/// The parameters of `/ids`. Whether so many may be had is for the worker to say.
fn count(query: &str) -> Result<u32, BadRequest> {
    let [Some(text)] = http::parameters(query, ["count"])? else {
        return Err("say how many ids, such as /ids?count=100".to_owned());
    };
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let count = text.parse().ok().filter(|_| digits);
    count.ok_or_else(|| {
        format!("the count must be a number, and {:?} is not", http::shortened(&text))
    })
}

/// The path and parameters of `/decode`, carried out.
fn decode(id: &str, query: &str, layout: &Layout) -> Result<Decoded, BadRequest> {
    if id.len() > 100 {
        return Err(format!("an id is at most {}, and this is longer", u64::MAX));
    }
    let id: Id = id.parse().map_err(|error: crate::IdError| error.to_string())?;
    let [layout_named] = http::parameters(query, ["layout"])?;
    let named = match layout_named {
        Some(text) if text.len() > 300 => {
            return Err("a layout is at most 300 characters, and this is longer".to_owned());
        }
        Some(text) => text.parse().map_err(|error: crate::LayoutError| error.to_string())?,
        None => layout.clone(),
    };
    named.decode(id).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn minted(ids: &[u64]) -> Message {
        Message::Minted { token: 1, ids: ids.iter().copied().map(Id).collect() }
    }

    #[test]
    fn answers_are_these_bytes() {
        let one = minted(&[u64::MAX]);
        assert_eq!(one_id(Format::Json, &one).body, r#"{"id":"18446744073709551615"}"#);
        assert_eq!(one_id(Format::Text, &one).body, "18446744073709551615\n");
        let two = minted(&[7, 8]);
        assert_eq!(many_ids(Format::Json, &two).body, r#"{"ids":["7","8"]}"#);
        assert_eq!(many_ids(Format::Text, &two).body, "7\n8\n");
        let decoded = decode("175928847299117063", "layout=discord", &Layout::twitter()).unwrap();
        assert_eq!(
            super::decoded(Format::Json, &decoded).body,
            r#"{"ids":[{"id":"175928847299117063","layout":"discord","timestamp_ms":1462015105796,"time":"2016-04-30T11:18:25.796Z","fields":{"worker":1,"process":0,"sequence":7}}]}"#
        );
        assert_eq!(
            super::decoded(Format::Text, &decoded).body,
            "175928847299117063  2016-04-30T11:18:25.796Z  worker 1  process 0  sequence 7\n"
        );
    }

    #[test]
    fn a_refusal_is_the_clients_mistake_or_a_reason_to_come_back() {
        let refused = |why| one_id(Format::Text, &Message::Refused { token: 1, why });
        assert_eq!(refused(Refusal::BadCount).status, 400);
        let full = refused(Refusal::DiskFull);
        assert_eq!((full.status, full.content_type), (503, Some(http::JSON)));
        assert_eq!(full.header, Some(("retry-after", "1".into())));
        assert!(full.body.starts_with(br#"{"error":"the disk is full"#), "{full:?}");
        assert_eq!(one_id(Format::Json, &minted(&[])).status, 503);
        assert_eq!(many_ids(Format::Json, &Message::Denied { request: 1 }).status, 503);
    }

    #[test]
    fn requests_are_these() {
        let asked = |method, path, query| read(method, path, query, &Layout::twitter());
        assert_eq!(asked("GET", "/id", ""), Ok(Asked::Id));
        assert_eq!(asked("HEAD", "/ids", "count=7"), Ok(Asked::Ids(7)));
        let decoded = asked("GET", "/decode/175928847299117063", "layout=discord");
        assert!(matches!(decoded, Ok(Asked::Decoded(id)) if id.layout == "discord"));
        let status = |method, path, query| asked(method, path, query).unwrap_err().status;
        for path in ["/", "//id", "/id/", "/idx", "/decode", "/decode/", "/decode/1/2", "*"] {
            assert_eq!(status("POST", path, ""), 404, "{path}");
        }
        assert_eq!(status("POST", "/id", "a=1"), 405);
        assert_eq!(status("GET", "/id", "a=1"), 400);
        assert_eq!(status("GET", "/decode/%FF", ""), 400);
    }

    #[test]
    fn parameters_are_the_ones_of_their_path() {
        assert_eq!(count("count=10000"), Ok(10_000));
        assert_eq!(count("%63ount=1%30"), Ok(10), "as browsers may write it");
        for bad in ["", "count=", "count=+1", "count=-1", "count=1e3", "count=4294967296"] {
            assert!(count(bad).is_err(), "{bad}");
        }
        assert!(count("count=1&count=1").unwrap_err().contains("twice"));
        assert!(count("count=1&format=xml").unwrap_err().contains("\"format\""));
        assert_eq!(no_parameters(""), Ok(()));
        assert!(no_parameters("count=1").unwrap_err().contains("takes no parameter"));
        let unknown = decode("1", "layout=tvitter", &Layout::twitter()).unwrap_err();
        assert!(unknown.contains("twitter, discord"), "{unknown}");
    }

    #[test]
    fn a_layout_of_ones_own_survives_the_way_through_a_url() {
        let own = "custom%3Aepoch%3D0%2Ctick%3D1ms%2Ctimestamp%3D48%2Csequence%3D16";
        let decoded = decode("65537", &format!("layout={own}"), &Layout::twitter()).unwrap();
        assert_eq!((decoded.timestamp_ms, &decoded.fields[..]), (1, &[("sequence".into(), 1)][..]));
    }

    #[test]
    fn text_is_for_those_who_ask_for_it() {
        for json in [None, Some("*/*"), Some("text/html, */*;q=0.8"), Some("")] {
            assert_eq!(Format::accepted(json), Format::Json, "{json:?}");
        }
        assert_eq!(Format::accepted(Some("text/plain, application/json")), Format::Json);
        assert_eq!(Format::accepted(Some("Text/Plain; charset=utf-8, */*")), Format::Text);
    }

    /// Requests that are nearly right.
    fn nearly() -> impl Strategy<Value = (String, String)> {
        let ids = prop_oneof!["[0-9]{0,25}", "\\PC{0,12}", Just("175928847299117063".to_owned())];
        let part = prop_oneof![
            "count=[0-9]{0,12}",
            "layout=(twitter|discord|custom:[a-z0-9=,]{0,40})",
            "[a-z]{0,6}=?[%0-9A-Fa-f]{0,9}",
            "\\PC{0,12}",
        ];
        let query = prop::collection::vec(part, 0..3).prop_map(|parts| parts.join("&"));
        (ids, query)
    }

    proptest! {
        #[test]
        fn whatever_is_asked_is_carried_out_or_refused_in_one_short_line((id, query) in nearly()) {
            let own = Layout::twitter();
            let refusals = [
                no_parameters(&query).err(),
                count(&query).err(),
                decode(&id, &query, &own).err(),
            ];
            for why in refusals.into_iter().flatten() {
                prop_assert!(!why.contains('\n') && why.len() < 1_000, "{}", why);
                let parsed: serde_json::Value =
                    serde_json::from_slice(&HttpReply::error(400, &why).body).unwrap();
                prop_assert_eq!(parsed["error"].as_str(), Some(why.as_str()));
            }
            if let Ok(decoded) = decode(&id, &query, &own) {
                prop_assert_eq!(decoded.id.to_string().parse::<Id>(), Ok(decoded.id));
            }
        }

        #[test]
        fn bodies_say_the_ids_that_were_minted(ids in prop::collection::vec(any::<u64>(), 1..40)) {
            #[derive(serde::Deserialize)]
            struct Ids { ids: Vec<Id> }
            let said = minted(&ids);
            let read: Ids = serde_json::from_slice(&many_ids(Format::Json, &said).body).unwrap();
            prop_assert!(read.ids.iter().map(|id| id.0).eq(ids.iter().copied()));
            let body = many_ids(Format::Text, &said).body;
            let text = str::from_utf8(&body).unwrap();
            prop_assert!(text.lines().map(|id| id.parse::<u64>().unwrap()).eq(ids));
        }
    }
}
