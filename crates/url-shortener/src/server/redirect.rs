//! Visits. A redirect from the cache costs one lock of the instance, no entry among waiting requests, and
//! no task switch.

use std::net::IpAddr;

use axum::http::header::{CONTENT_TYPE, REFERER, USER_AGENT};
use axum::http::request::Parts;
use axum::http::{HeaderName, Method};
use axum::response::{IntoResponse, Response};

use host::http::{self, HttpReply};

use super::front::Front;
use super::{reply, visitor};
use crate::{Ask, Click, Device, Key, is_code};

/// The code in this path, if it is the path of a link. It may end with a slash, which people add.
pub fn code_of(path: &str) -> Option<&str> {
    let rest = path.strip_prefix('/')?;
    Some(rest.strip_suffix('/').unwrap_or(rest)).filter(|code| is_code(code))
}

/// Redirects a visitor to the target of this code. A `HEAD` is a visit too, counted apart from those of
/// people.
pub(super) async fn visit(front: &Front, parts: &Parts, code: &str) -> HttpReply {
    if parts.method != Method::GET && parts.method != Method::HEAD {
        return HttpReply::error(405, "a link is followed with GET or HEAD")
            .with("allow", "GET, HEAD");
    }
    let mut domains = hosts(parts).map(|host| front.site.domain_of(host));
    // A request may name its host more than once. All names must mean the same domain.
    let Some(Some(domain)) = domains.next() else { return unknown_host() };
    if !domains.all(|other| other.as_ref() == Some(&domain)) {
        return unknown_host();
    }
    let key = Key { domain, code: code.into() };
    let asker = front.asker(parts);
    let ask = Ask::Visit(click(front, parts, key, asker.address));
    let answer = front.ask(&asker, ask).await;
    front.counts.visited(&answer);
    let query = parts.uri.query().filter(|query| !query.is_empty());
    reply::visit(answer, query, front.forward_query)
}

/// Tells crawlers to follow links, and nothing else.
pub(super) fn robots(front: &Front, parts: &Parts) -> Response {
    if parts.method != Method::GET && parts.method != Method::HEAD {
        return HttpReply::error(405, "this is read with GET or HEAD")
            .with("allow", "GET, HEAD")
            .into_response();
    }
    if !hosts(parts).any(|host| front.site.domain_of(host).is_some()) {
        return unknown_host().into_response();
    }
    ([(CONTENT_TYPE, "text/plain; charset=utf-8")], ROBOTS).into_response()
}

const ROBOTS: &str = "# Short links may be followed. What their owners see is theirs.\n\
                      User-agent: *\nDisallow: /api/\nDisallow: /links$\nDisallow: /links/\n\
                      Disallow: /links?\nDisallow: /login\n";

/// All hosts that a request names.
pub(super) fn hosts(parts: &Parts) -> impl Iterator<Item = &str> {
    http::hosts(&parts.headers, &parts.uri)
}

/// The reply to a request for an unknown host.
pub(super) fn unknown_host() -> HttpReply {
    let why = "the Host of this request is no name of this service; serve it with --public-url or \
               --domain";
    HttpReply::error(421, why)
}

fn click(front: &Front, parts: &Parts, key: Key, address: IpAddr) -> Click {
    let text = |name: HeaderName| parts.headers.get(name).and_then(|value| value.to_str().ok());
    let browser = text(USER_AGENT).unwrap_or_default();
    Click {
        key,
        // The instance sets it.
        at_ms: 0,
        visitor: front.salt.visitor(address, browser.as_bytes()),
        referrer: text(REFERER).and_then(visitor::referrer),
        device: if parts.method == Method::HEAD {
            Device::Head
        } else if visitor::is_prefetch(|name| {
            parts.headers.get(name).and_then(|value| value.to_str().ok())
        }) {
            Device::Prefetch
        } else {
            visitor::device(browser)
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_links_are_codes() {
        assert_eq!(code_of("/aZ9-_"), Some("aZ9-_"));
        assert_eq!(code_of("/aZ9-_/"), Some("aZ9-_"));
        for other in ["/", "//", "", "x", "/a//", "//a", "/a/b", "/a.txt", "/%61", "/ü"] {
            assert_eq!(code_of(other), None, "{other}");
        }
        assert_eq!(code_of(&format!("/{}", "x".repeat(crate::MAX_CODE_BYTES + 1))), None);
    }
}
