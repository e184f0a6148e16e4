//! What a request says in its headers: which of them are understood, what is kept of them with an object, and on what
//! it makes the request depend.
//!
//! The law: a header of `x-amz-` that nobody here knows, or a value of one that nobody does, is answered
//! NotImplemented: an object that was to be encrypted, tagged or locked is never stored without.

use std::time::{Duration, UNIX_EPOCH};

use hyper::header::{CONTENT_ENCODING, HeaderName, HeaderValue};
use hyper::{HeaderMap, Uri};
use object_store::conditions::{Conditions, Match};
use object_store::words::{Millis, Name};
use s3s::dto::{ETagCondition, Timestamp, TimestampFormat};
use s3s::{S3Result, s3_error};

/// Kept with an object, besides those of `x-amz-meta-`.
const KEPT: [&str; 6] = [
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-type",
    "expires",
];
/// Of metadata, names and values together.
const MOST_METADATA: usize = 2 << 10;
/// Of all else that is kept, names and values together.
const MOST_KEPT: usize = 8 << 10;
const METADATA: &str = "x-amz-meta-";

/// What this door knows of S3's own headers: their names, or how those begin.
const UNDERSTOOD: [&str; 19] = [
    "x-amz-acl",
    "x-amz-checksum-",
    "x-amz-content-sha256",
    "x-amz-copy-source",
    "x-amz-date",
    "x-amz-decoded-content-length",
    "x-amz-expected-bucket-owner",
    "x-amz-meta-",
    "x-amz-metadata-directive",
    "x-amz-object-ownership",
    "x-amz-optional-object-attributes",
    "x-amz-request-payer",
    "x-amz-sdk-checksum-algorithm",
    "x-amz-source-expected-bucket-owner",
    "x-amz-storage-class",
    "x-amz-tagging-directive",
    "x-amz-trailer",
    "x-amz-user-agent",
    "x-amz-security-token",
];
/// Of these, the values that are what is done anyway.
const AS_IT_IS: [(&str, &[&str]); 6] = [
    ("x-amz-acl", &["private", "bucket-owner-full-control"]),
    ("x-amz-object-ownership", &["BucketOwnerEnforced"]),
    ("x-amz-request-payer", &["requester"]),
    ("x-amz-storage-class", &["STANDARD"]),
    ("x-amz-tagging-directive", &["COPY"]),
    // Keys here are for good, and none has a token.
    ("x-amz-security-token", &[]),
];

/// Is everything understood that is said in these?
pub(super) fn understood(headers: &HeaderMap) -> S3Result<()> {
    for (name, value) in headers {
        let name = name.as_str();
        if !name.starts_with("x-amz-") {
            continue;
        }
        // `x-amz-copy-source` begins one more of the server-side encryption's headers, which are not.
        let is_known = UNDERSTOOD.iter().any(|known| name.starts_with(known))
            && !name.contains("server-side-encryption");
        let taken = AS_IT_IS.iter().find(|(known, _)| *known == name);
        if !is_known || taken.is_some_and(|(_, values)| !values.iter().any(|it| *it == value)) {
            return Err(s3_error!(
                NotImplemented,
                "the header {name}, or this value of it, is not implemented"
            ));
        }
    }
    Ok(())
}

/// What is kept with an object of what the request says.
pub(super) fn kept(headers: &HeaderMap) -> S3Result<Vec<(Name, Name)>> {
    let mut kept = Vec::new();
    let (mut metadata, mut others) = (0, 0);
    for (name, value) in headers {
        let is_metadata = name.as_str().starts_with(METADATA);
        if !is_metadata && !KEPT.contains(&name.as_str()) {
            continue;
        }
        let text = str::from_utf8(value.as_bytes());
        let text = text.map_err(|_| s3_error!(InvalidArgument, "the header {name} is no text"))?;
        let text = if name == CONTENT_ENCODING { without_chunks(text) } else { text.to_owned() };
        if text.is_empty() && !is_metadata {
            continue;
        }
        let size = if is_metadata { &mut metadata } else { &mut others };
        *size += name.as_str().trim_start_matches(METADATA).len() + text.len();
        kept.push((Name::from(name.as_str()), Name::from(text)));
    }
    if metadata > MOST_METADATA || others > MOST_KEPT {
        return Err(s3_error!(
            MetadataTooLarge,
            "metadata has at most {MOST_METADATA} bytes, names and values together"
        ));
    }
    kept.sort();
    Ok(kept)
}

/// A content encoding without the one of the transfer.
fn without_chunks(text: &str) -> String {
    let encodings = text.split(',').map(str::trim);
    let lasting: Vec<_> =
        encodings.filter(|one| !one.eq_ignore_ascii_case("aws-chunked")).collect();
    lasting.join(",")
}

/// What was kept, for an answer to a request that may want it otherwise (`response-content-type`, for one).
pub(super) fn shown(kept: &[(Name, Name)], uri: &Uri) -> HeaderMap {
    let query = uri.query().unwrap_or_default();
    let wanted: Vec<_> = form_urlencoded::parse(query.as_bytes()).map(|(name, _)| name).collect();
    let is_wanted_otherwise =
        |name: &str| wanted.iter().any(|other| other.strip_prefix("response-") == Some(name));
    let mut headers = HeaderMap::new();
    for (name, value) in kept.iter().filter(|(name, _)| !is_wanted_otherwise(name)) {
        // They came as headers.
        let header = HeaderName::from_bytes(name.as_bytes()).ok();
        if let Some((name, value)) = header.zip(HeaderValue::from_bytes(value.as_bytes()).ok()) {
            headers.append(name, value);
        }
    }
    headers
}

/// On what a request depends.
pub(super) fn conditions(
    matches: Option<ETagCondition>,
    differs: Option<ETagCondition>,
    modified_since: Option<Timestamp>,
    unmodified_since: Option<Timestamp>,
) -> Conditions {
    let tag = |condition: ETagCondition| match condition {
        ETagCondition::Any => Match::Any,
        ETagCondition::ETag(tag) => Match::Tag(tag.into_value().into()),
    };
    Conditions {
        matches: matches.map(tag),
        differs: differs.map(tag),
        modified_since: modified_since.map(millis),
        unmodified_since: unmodified_since.map(millis),
    }
}

/// On what a change depends.
pub(super) fn change_conditions(
    matches: Option<ETagCondition>,
    differs: Option<ETagCondition>,
) -> Conditions {
    conditions(matches, differs, None, None)
}

/// Of a date of HTTP, which has whole seconds.
fn millis(time: Timestamp) -> Millis {
    let mut text = Vec::new();
    // A list takes whatever is written to it.
    let _ = time.format(TimestampFormat::EpochSeconds, &mut text);
    let seconds = str::from_utf8(&text).unwrap_or_default().split('.').next();
    seconds.and_then(|seconds| seconds.parse::<Millis>().ok()).unwrap_or(0) * 1_000
}

/// As S3 writes it.
pub(super) fn timestamp(millis: Millis) -> Timestamp {
    Timestamp::from(UNIX_EPOCH + Duration::from_millis(millis))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(all: &[(&'static str, &'static str)]) -> HeaderMap {
        all.iter()
            .map(|(name, value)| ((*name).parse().unwrap(), (*value).parse().unwrap()))
            .collect()
    }

    fn pairs(all: &[(&str, &str)]) -> Vec<(Name, Name)> {
        all.iter().map(|(name, value)| (Name::from(*name), Name::from(*value))).collect()
    }

    #[test]
    fn what_nobody_knows_is_not_passed_over() {
        let fine = [
            ("x-amz-meta-tagging", "1"),
            ("x-amz-acl", "private"),
            ("x-amz-storage-class", "STANDARD"),
            ("x-amz-checksum-sha256", "="),
            ("x-amz-copy-source-if-match", "1"),
            ("x-other", "1"),
        ];
        assert!(understood(&headers(&fine)).is_ok());
        for (name, value) in [
            ("x-amz-tagging", "a=b"),
            ("x-amz-acl", "public-read"),
            ("x-amz-storage-class", "GLACIER"),
            ("x-amz-server-side-encryption", "AES256"),
            ("x-amz-copy-source-server-side-encryption-customer-key", "k"),
            ("x-amz-object-lock-mode", "GOVERNANCE"),
            ("x-amz-security-token", "t"),
            ("x-amz-website-redirect-location", "/"),
            ("x-amz-write-offset-bytes", "5"),
            ("x-amz-mp-object-size", "5"),
            ("x-amz-if-match-size", "5"),
        ] {
            let why = understood(&headers(&[(name, value)])).unwrap_err();
            assert_eq!(why.code(), &s3s::S3ErrorCode::NotImplemented, "{name}");
        }
    }

    #[test]
    fn what_is_kept_comes_back_as_it_came() {
        let came = headers(&[
            ("content-type", "text/plain; charset=utf-8"),
            ("x-amz-meta-b", "ü and more"),
            ("x-amz-meta-a", ""),
            ("content-encoding", "aws-chunked, gzip"),
            ("content-length", "5"),
        ]);
        let known = pairs(&[
            ("content-encoding", "gzip"),
            ("content-type", "text/plain; charset=utf-8"),
            ("x-amz-meta-a", ""),
            ("x-amz-meta-b", "ü and more"),
        ]);
        assert_eq!(kept(&came).unwrap(), known);
        let otherwise = Uri::from_static("/b/k?response-content-type=text/html");
        let shown = shown(&known, &otherwise);
        assert_eq!(shown.len(), 3);
        assert_eq!(shown["content-encoding"], "gzip");
        assert_eq!(shown["x-amz-meta-b"].as_bytes(), "ü and more".as_bytes());
        assert_eq!(kept(&headers(&[("content-encoding", "aws-chunked")])).unwrap(), vec![]);
    }

    #[test]
    fn metadata_has_a_limit() {
        let mut headers = HeaderMap::new();
        headers.insert("x-amz-meta-a", "x".repeat(MOST_METADATA - 1).parse().unwrap());
        assert!(kept(&headers).is_ok());
        headers.insert("x-amz-meta-b", "".parse().unwrap());
        assert_eq!(kept(&headers).unwrap_err().code(), &s3s::S3ErrorCode::MetadataTooLarge);
    }

    #[test]
    fn dates_of_requests_have_whole_seconds() {
        assert_eq!(millis(timestamp(1_764_500_000_123)), 1_764_500_000_000);
        let before = Timestamp::parse(TimestampFormat::HttpDate, "Mon, 01 Jan 1900 00:00:00 GMT");
        assert_eq!(millis(before.unwrap()), 0);
    }
}
