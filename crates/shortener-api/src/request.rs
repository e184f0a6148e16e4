//! Parses requests.

use std::borrow::Cow;
use std::fmt::Display;
use std::sync::Arc;

use bytes::Bytes;
use host::http;
use machine::Wall;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::link_body::domain;
use crate::target::Targets;
use crate::{BulkRequest, CreateRequest, EditRequest, MAX_BULK_LINKS, cursor};
use url_shortener::server::{HttpReply, Site};
use url_shortener::{Ask, Key, MAX_SEARCH_BYTES, NewLink, is_code};

const EXAMPLE: &str = r#"{"url":"https://example.com"}"#;
const PATHS: &str = "there are /api/links, /api/links/bulk, /api/links/CODE, \
                     /api/links/CODE/stats and /api/shards";

/// A request.
#[derive(Clone, Debug)]
pub(crate) struct ApiRequest<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) query: &'a str,
    pub(crate) body: Bytes,
}

/// What a request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ApiCall {
    /// One question to the instance.
    Ask(Ask),
    /// The statistics of a link.
    Stats(Key),
    /// A page of links, and perhaps their clicks.
    List(Paging),
    /// New links, or why each is invalid.
    Bulk(Vec<Result<NewLink, String>>),
    /// The status of the shards.
    Shards,
    /// Add a shard.
    AddShard,
}

/// Which page of links.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Paging {
    pub(crate) list: Ask,
    pub(crate) clicks: bool,
}

/// Reads a request to the programming interface. `now` is what the wall clock shows.
///
/// # Errors
/// With the reply, if it makes no sense. Nothing was done.
pub(crate) fn read(
    asked: &ApiRequest<'_>,
    site: &Site,
    targets: &Targets,
    now: Wall,
) -> Result<ApiCall, HttpReply> {
    let ApiRequest { method, path, query, body } = asked;
    let rest = path.strip_prefix("/api/").unwrap_or_default();
    let segments: Vec<&str> = rest.split('/').take(4).collect();
    let key = |code: &str| key(code, query, site);
    let ask = match (segments.as_slice(), *method) {
        (["links"], "POST") => {
            no_parameters(query)?;
            let wanted: CreateRequest = json(body, EXAMPLE)?;
            Ask::Create(wanted.check(site, targets, now).map_err(|why| HttpReply::error(400, why))?)
        }
        (["links"], "GET" | "HEAD") => return list(query).map(ApiCall::List),
        (["links", "bulk"], "POST") => {
            no_parameters(query)?;
            return many(body, site, targets, now).map(ApiCall::Bulk);
        }
        (["links", "bulk"], _) => return Err(no_such(path, &segments)),
        (["links", code], "GET" | "HEAD") => Ask::Look(key(code)?),
        (["links", code], "PATCH") => {
            let changes: EditRequest = json(body, r#"{"url":"https://example.com","title":null}"#)?;
            let edit = changes.check(targets).map_err(|why| HttpReply::error(400, why))?;
            Ask::Edit(key(code)?, edit)
        }
        (["links", code], "DELETE") => Ask::Delete(key(code)?),
        (["links", code, "stats"], "GET" | "HEAD") => return key(code).map(ApiCall::Stats),
        (["shards"], "GET" | "HEAD") => return no_parameters(query).map(|()| ApiCall::Shards),
        (["shards"], "POST") => return no_parameters(query).map(|()| ApiCall::AddShard),
        _ => return Err(no_such(path, &segments)),
    };
    Ok(ApiCall::Ask(ask))
}

/// Another path, or another method than this path takes.
fn no_such(path: &str, segments: &[&str]) -> HttpReply {
    let takes = match segments {
        ["links", "bulk"] => "POST",
        ["links"] => "GET, HEAD, POST",
        ["links", _] => "GET, HEAD, PATCH, DELETE",
        ["links", _, "stats"] => "GET, HEAD",
        ["shards"] => "GET, HEAD, POST",
        _ => return HttpReply::no_such_path(path, PATHS),
    };
    HttpReply::only(takes)
}

fn key(code: &str, query: &str, site: &Site) -> Result<Key, HttpReply> {
    let [named] = parameters(query, ["domain"])?;
    if !is_code(code) {
        let code = http::shortened(code);
        let why = format_args!("{code:?} is no code: letters, digits, - and _");
        return Err(HttpReply::error(404, why));
    }
    let domain = domain(named.as_deref(), site).map_err(|why| HttpReply::error(404, why))?;
    Ok(Key { domain, code: code.into() })
}

fn list(query: &str) -> Result<Paging, HttpReply> {
    let [limit, after, search, clicks] = parameters(query, ["limit", "after", "search", "clicks"])?;
    let wrong = |why: String| HttpReply::error(400, why);
    let limit = limit.map_or(Some(100), |text| text.parse().ok());
    let limit = limit.filter(|limit| (1..=MAX_BULK_LINKS as u32).contains(limit));
    let limit =
        limit.ok_or_else(|| wrong(format!("the limit is a number from 1 to {MAX_BULK_LINKS}")))?;
    let after = after.map(|text| cursor::parse(&text).ok_or(text)).transpose();
    let after = after.map_err(|text| {
        let text = http::shortened(&text);
        wrong(format!("after is what `next` of the page before said, and {text:?} is not"))
    })?;
    let search = search.filter(|text| !text.is_empty());
    if search.as_ref().is_some_and(|text| text.len() > MAX_SEARCH_BYTES) {
        return Err(wrong(format!("a search has at most {MAX_SEARCH_BYTES} bytes")));
    }
    let clicks = match clicks.as_deref() {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => return Err(wrong("clicks is true or false".to_owned())),
    };
    let search = search.map(|text| Arc::from(&*text));
    Ok(Paging { list: Ask::List { after, limit, search }, clicks })
}

fn many(
    body: &[u8],
    site: &Site,
    targets: &Targets,
    now: Wall,
) -> Result<Vec<Result<NewLink, String>>, HttpReply> {
    let BulkRequest { links } = json(body, r#"{"links":[{"url":"https://example.com"}]}"#)?;
    if !(1..=MAX_BULK_LINKS).contains(&links.len()) {
        let why = format!("there are 1 to {MAX_BULK_LINKS} links at once, and not {}", links.len());
        return Err(HttpReply::error(if links.is_empty() { 400 } else { 413 }, why));
    }
    let one = |link: Value| {
        if !link.is_object() {
            return Err(not_json(EXAMPLE, NO_OBJECT));
        }
        let wanted: CreateRequest =
            serde_json::from_value(link).map_err(|why| not_json(EXAMPLE, why))?;
        wanted.check(site, targets, now).map_err(|wrong| wrong.why)
    };
    Ok(links.into_iter().map(one).collect())
}

fn json<T: DeserializeOwned>(body: &[u8], example: &str) -> Result<T, HttpReply> {
    let wrong = |why: String| HttpReply::error(400, why);
    // serde would accept an array of the field values, which nobody means to send.
    if body.trim_ascii_start().first().is_some_and(|first| *first != b'{') {
        return Err(wrong(not_json(example, NO_OBJECT)));
    }
    serde_json::from_slice(body).map_err(|why| wrong(not_json(example, why)))
}

const NO_OBJECT: &str = "it is no object";

fn not_json(example: &str, why: impl Display) -> String {
    // serde's message may repeat input of any length.
    let why = why.to_string();
    format!("a request is JSON such as {example}, and not this: {}", http::cut(&why, 240))
}

fn no_parameters(query: &str) -> Result<(), HttpReply> {
    parameters(query, []).map(|[]| ())
}

/// The values of these parameters. Each may be given once, and no others.
fn parameters<'a, const N: usize>(
    query: &'a str,
    names: [&str; N],
) -> Result<[Option<Cow<'a, str>>; N], HttpReply> {
    http::parameters(query, names).map_err(|why| HttpReply::error(400, why))
}

#[cfg(test)]
#[path = "request_tests.rs"]
mod tests;
